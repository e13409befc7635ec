/* Boards whose clock runs when the core starts and cannot be changed. */
#include "clock.h"

#include "board.h"

void clock_init(void) {}

uint32_t clock_hz(void)
{
    return BOARD_CLOCK_HZ;
}

uint32_t clock_console_hz(void)
{
    return BOARD_CLOCK_HZ;
}
