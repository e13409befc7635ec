/* Cycles of the core, counted by SysTick in 24 bits and here in 64: for cores whose DWT has no
 * cycle counter, as those of Armv6-M. It interrupts once in 2^24 cycles. */
#include "counter.h"

#include "clock.h"
#include "exceptions.h"
#include "scs.h"

#define TICKS_LOG2 24u
#define LAST_TICK ((1u << TICKS_LOG2) - 1u)

static volatile uint32_t wraps;

void counter_init(void)
{
    REGISTER(SYST_CSR) = 0;
    REGISTER(SYST_RVR) = LAST_TICK;
    REGISTER(SYST_CVR) = 0; /* whatever is written, it starts at the reload value */
    REGISTER(SYST_CSR) = SYST_CSR_ENABLE | SYST_CSR_TICKINT | SYST_CSR_CLKSOURCE;
}

uint64_t counter_read(void)
{
    uint32_t before;
    uint32_t ticks;
    do {
        before = wraps;
        ticks = LAST_TICK - REGISTER(SYST_CVR);
        scs_barrier(); /* an interrupt that is due comes here */
    } while (before != wraps);
    return ((uint64_t)before << TICKS_LOG2) + ticks;
}

void exception_counter(void)
{
    wraps = wraps + 1u;
}

uint32_t counter_hz(void)
{
    return clock_hz();
}

uint8_t counter_kind(void)
{
    return COUNTER_SYSTICK;
}
