/* How deep the program's stack has been. */
#ifndef STACK_H
#define STACK_H

#include <stdint.h>

/* Called while nothing is on that stack. */
void stack_paint(void);

uint32_t stack_high_water(void);

#endif
