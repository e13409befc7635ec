/* Pins; ports are numbered from A = 0 on an STM32. */
#ifndef GPIO_H
#define GPIO_H

#include <stdbool.h>
#include <stdint.h>

/* Gives a pin to a peripheral, fast, with a pull-up so that an open line is idle. Only where the
 * pin chooses its peripheral, as on an STM32. */
void gpio_alternate(uint32_t port, uint32_t pin, uint32_t function);

/* Makes a pin an input with a pull-up. Only where the peripheral chooses its pins, as on nRF5. */
void gpio_input(uint32_t port, uint32_t pin);

/* Makes a pin a push-pull output that starts at a level. */
void gpio_output(uint32_t port, uint32_t pin, bool high);

void gpio_set(uint32_t port, uint32_t pin, bool high);

#endif
