/* Pins; ports are numbered from A = 0 on an STM32. */
#ifndef GPIO_H
#define GPIO_H

#include <stdbool.h>
#include <stdint.h>

/* Gives a pin to a peripheral, fast, with a pull-up so that an open line is idle. */
void gpio_alternate(uint32_t port, uint32_t pin, uint32_t function);

/* Makes a pin a fast push-pull output, low. */
void gpio_output(uint32_t port, uint32_t pin);

void gpio_set(uint32_t port, uint32_t pin, bool high);

#endif
