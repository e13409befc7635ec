#include "retained.h"

#include "cache.h"
#include "crc32.h"

#include <stddef.h>

/* Where RAM holds anything else than what was sealed, it holds what power-up left there. */
static struct {
    uint32_t boot_id;
    uint32_t fault_valid;
    system_fault_t fault;
    uint32_t seal;
} retained __attribute__((section(".noinit")));

static uint32_t seal(void)
{
    return ~crc32_update(0, (const uint8_t *)&retained, offsetof(__typeof__(retained), seal));
}

static void keep(void)
{
    retained.seal = seal();
    cache_clean(&retained, sizeof retained);
}

void retained_begin_boot(const void *noise, uint32_t bytes)
{
    if (retained.seal == seal()) {
        retained.boot_id++;
    } else {
        retained.boot_id = crc32_update(0, noise, bytes);
        retained.fault_valid = 0;
    }
    keep();
}

void retained_record_fault(const system_fault_t *fault)
{
    retained.fault = *fault;
    retained.fault.boot_id = retained.boot_id;
    retained.fault_valid = 1;
    keep();
}

uint32_t system_boot_id(void)
{
    return retained.boot_id;
}

bool system_last_fault(system_fault_t *fault)
{
    if (retained.fault_valid) {
        *fault = retained.fault;
    }
    return retained.fault_valid != 0;
}

void system_clear_fault(void)
{
    retained.fault_valid = 0;
    keep();
}
