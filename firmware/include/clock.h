/* The clock tree. */
#ifndef CLOCK_H
#define CLOCK_H

#include <stdint.h>

/* Brings the core to the board's frequency. Where an oscillator or a PLL does not start, the chip
 * stays on the clock it came up with, and clock_hz() says so. */
void clock_init(void);

uint32_t clock_hz(void);

/* The clock that feeds the console's baud rate generator. */
uint32_t clock_console_hz(void);

#endif
