/* Clock of the nRF51 and nRF52. The core's frequency is fixed; what can be chosen is the oscillator
 * it is derived from, and only the crystal is exact enough for a fast serial line. */
#include "clock.h"

#include "board.h"
#include "register.h"

void clock_init(void)
{
#ifdef NVMC_ICACHECNF
    REGISTER(NVMC_ICACHECNF) = NVMC_ICACHECNF_CACHEEN;
#endif
    REGISTER(CLOCK_EVENTS_HFCLKSTARTED) = 0;
    REGISTER(CLOCK_TASKS_HFCLKSTART) = 1;
    /* The chip goes over to the crystal by itself; without one it stays on its own oscillator. */
    register_await(CLOCK_EVENTS_HFCLKSTARTED, 1, 1);
}

uint32_t clock_hz(void)
{
    return BOARD_CLOCK_HZ;
}

uint32_t clock_console_hz(void)
{
    return BOARD_CLOCK_HZ;
}
