/* Reset, faults, counter and trigger as a host can offer them. */
#include "system.h"

#include "console.h"
#include "counter.h"
#include "host.h"
#include "protocol.h"
#include "trigger.h"

#include <setjmp.h>
#include <time.h>

static jmp_buf boot;
static volatile uint32_t boot_id = 41;
static system_fault_t last_fault;
static bool fault_valid;

void host_boot(void)
{
    (void)setjmp(boot);
    boot_id++;
    console_init();
    protocol_init();
    for (;;) {
        protocol_poll();
        console_wait();
    }
}

uint32_t system_boot_id(void)
{
    return boot_id;
}

uint32_t system_clock_hz(void)
{
    return 1000000000u;
}

system_memory_t system_memory(void)
{
    return (system_memory_t){.stack_bytes = 4096, .stack_high_water = 512, .static_bytes = 6000};
}

uint8_t *system_spare_memory(uint32_t *bytes)
{
    static uint8_t spare[64 * 1024];
    *bytes = sizeof spare;
    return spare;
}

bool system_last_fault(system_fault_t *fault)
{
    *fault = last_fault;
    return fault_valid;
}

void system_clear_fault(void)
{
    last_fault = (system_fault_t){0};
    fault_valid = false;
}

void system_reset(void)
{
    longjmp(boot, 1);
}

void system_provoke_fault(system_fault_kind_t kind)
{
    /* What a Cortex-M7 saves: UNDEFINSTR, or PRECISERR with BFARVALID. */
    last_fault = (system_fault_t){
        .cfsr = kind == SYSTEM_UNDEFINED_INSTRUCTION ? 1u << 16 : 0x8200u,
        .hfsr = 1u << 30,
        .address = kind == SYSTEM_BAD_ADDRESS ? 0x60000000u : 0u,
        .pc = 0x08001234u,
        .lr = 0x08001001u,
        .xpsr = 0x61000000u,
        .boot_id = boot_id,
    };
    fault_valid = true;
    system_reset();
}

void counter_init(void) {}

uint64_t counter_read(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint32_t counter_hz(void)
{
    return 1000000000u;
}

uint8_t counter_kind(void)
{
    return COUNTER_NONE;
}

void trigger_init(void) {}

void trigger_set(bool high)
{
    (void)high;
}
