#include "cache.h"

#include "board.h"
#include "scs.h"

#if CORE_HAS_CACHES

#define LINE_BYTES 32u /* on every Cortex-M7 */

/* The contents of the data cache are undefined after a reset. */
static void invalidate_data(void)
{
    REGISTER(CSSELR) = 0;
    scs_barrier();
    uint32_t size = REGISTER(CCSIDR);
    uint32_t last_set = (size >> 13) & 0x7FFFu;
    uint32_t last_way = (size >> 3) & 0x3FFu;
    /* The way stands in the top bits: for ways 0..3 these are bits 31 and 30. */
    for (uint32_t way = 0; way <= last_way; way++) {
        for (uint32_t set = 0; set <= last_set; set++) {
            REGISTER(DCISW) = way << 30 | set << 5;
        }
    }
    scs_barrier();
}

void cache_enable(void)
{
    invalidate_data();
    REGISTER(ICIALLU) = 0;
    scs_barrier();
    REGISTER(CCR) |= CCR_DC | CCR_IC;
    scs_barrier();
}

void cache_clean(const void *start, uint32_t bytes)
{
    uint32_t first = (uint32_t)(uintptr_t)start & ~(LINE_BYTES - 1u);
    uint32_t end = (uint32_t)(uintptr_t)start + bytes;
    __asm__ volatile("dsb" ::: "memory");
    for (uint32_t line = first; line < end; line += LINE_BYTES) {
        REGISTER(DCCMVAC) = line;
    }
    scs_barrier();
}

#else

void cache_enable(void) {}

void cache_clean(const void *start, uint32_t bytes)
{
    (void)start;
    (void)bytes;
}

#endif
