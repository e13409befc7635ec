/* Timer of the Cortex-M System Design Kit (Arm DDI 0479). It counts down in 32 bits at the clock of
 * the board and interrupts when it wraps. */
#include "counter.h"

#include "clock.h"
#include "exceptions.h"
#include "scs.h"
#include "soc.h"

#define TIMER_CTRL (CMSDK_TIMER0_BASE + 0x00u)
#define CTRL_ENABLE (1u << 0)
#define CTRL_INTERRUPT (1u << 3)
#define TIMER_VALUE (CMSDK_TIMER0_BASE + 0x04u)
#define TIMER_RELOAD (CMSDK_TIMER0_BASE + 0x08u)
#define TIMER_INTCLEAR (CMSDK_TIMER0_BASE + 0x0Cu)

static volatile uint32_t wraps;

void counter_init(void)
{
    REGISTER(TIMER_CTRL) = 0;
    REGISTER(TIMER_VALUE) = UINT32_MAX;
    REGISTER(TIMER_RELOAD) = UINT32_MAX;
    REGISTER(TIMER_INTCLEAR) = 1;
    nvic_enable(CMSDK_TIMER0_IRQ);
    REGISTER(TIMER_CTRL) = CTRL_ENABLE | CTRL_INTERRUPT;
}

uint64_t counter_read(void)
{
    uint32_t before;
    uint32_t ticks;
    do {
        before = wraps;
        ticks = UINT32_MAX - REGISTER(TIMER_VALUE);
        scs_barrier(); /* an interrupt that is due comes here */
    } while (before != wraps);
    return (uint64_t)before << 32 | ticks;
}

void exception_counter(void)
{
    REGISTER(TIMER_INTCLEAR) = 1;
    wraps = wraps + 1u;
}

uint32_t counter_hz(void)
{
    return clock_hz();
}

uint8_t counter_kind(void)
{
    return COUNTER_CMSDK_TIMER;
}
