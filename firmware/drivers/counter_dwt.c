/* Cycles of the core, counted by the DWT in 32 bits and here in 64. */
#include "counter.h"

#include "clock.h"
#include "exceptions.h"
#include "scs.h"

/* SysTick only makes sure that somebody looks at the counter before it wraps. On its slow reference
 * (an eighth of the core clock on an STM32) that is every 2^27 cycles, so that hardly any inference
 * is interrupted by it. */
#define SYSTICK_LONGEST 0xFFFFFFu

static uint32_t last;
static uint32_t wraps;

void counter_init(void)
{
    REGISTER(DEMCR) |= DEMCR_TRCENA;
    REGISTER(DWT_LAR) = DWT_LAR_UNLOCK;
    REGISTER(DWT_CYCCNT) = 0;
    REGISTER(DWT_CTRL) |= DWT_CTRL_CYCCNTENA;
    REGISTER(SYST_RVR) = SYSTICK_LONGEST;
    REGISTER(SYST_CVR) = 0;
    REGISTER(SYST_CSR) = SYST_CSR_ENABLE | SYST_CSR_TICKINT;
}

uint64_t counter_read(void)
{
    uint32_t held = interrupts_hold();
    uint32_t now = REGISTER(DWT_CYCCNT);
    wraps += now < last;
    last = now;
    uint64_t ticks = (uint64_t)wraps << 32 | now;
    interrupts_restore(held);
    return ticks;
}

void exception_counter(void)
{
    (void)counter_read();
}

uint32_t counter_hz(void)
{
    return clock_hz();
}

uint8_t counter_kind(void)
{
    return COUNTER_DWT;
}
