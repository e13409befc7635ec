/* The program's stack: how deep it has been, and that it never goes too deep unnoticed. */
#ifndef STACK_H
#define STACK_H

#include <stdint.h>

/* Called while nothing is on that stack. */
void stack_paint(void);

uint32_t stack_high_water(void);

/* Makes every access below the stack a fault. */
void stack_guard(void);

#endif
