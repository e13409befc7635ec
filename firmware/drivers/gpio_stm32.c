/* GPIO of the STM32 families here, the same in all of them (RM0385, RM0390, RM0432, RM0433, RM0444,
 * RM0456). */
#include "gpio.h"

#include "register.h"
#include "soc.h"

#define GPIO(port) (GPIO_BASE + (port) * 0x400u)
#define GPIO_MODER(port) (GPIO(port) + 0x00u) /* mode, 2 bits a pin */
#define MODER_OUTPUT 1u
#define MODER_ALTERNATE 2u
#define GPIO_OSPEEDR(port) (GPIO(port) + 0x08u) /* output speed, 2 bits a pin */
#define OSPEEDR_HIGH 2u
#define GPIO_PUPDR(port) (GPIO(port) + 0x0Cu) /* pull resistors, 2 bits a pin */
#define PUPDR_UP 1u
#define GPIO_BSRR(port) (GPIO(port) + 0x18u) /* set by bits 0-15, clear by bits 16-31 */
#define GPIO_AFR(port, pin) (GPIO(port) + 0x20u + (pin) / 8u * 4u) /* function, 4 bits a pin */

static void set_field(uint32_t address, uint32_t index, uint32_t width, uint32_t value)
{
    uint32_t shift = index * width;
    register_change(address, ((1u << width) - 1u) << shift, value << shift);
}

static void enable(uint32_t port)
{
    register_change(GPIO_CLOCK_ENABLE, 1u << port, 1u << port);
    (void)REGISTER(GPIO_CLOCK_ENABLE); /* the clock runs two cycles after the write */
}

void gpio_alternate(uint32_t port, uint32_t pin, uint32_t function)
{
    enable(port);
    set_field(GPIO_AFR(port, pin), pin % 8u, 4, function);
    set_field(GPIO_OSPEEDR(port), pin, 2, OSPEEDR_HIGH);
    set_field(GPIO_PUPDR(port), pin, 2, PUPDR_UP);
    set_field(GPIO_MODER(port), pin, 2, MODER_ALTERNATE);
}

void gpio_output(uint32_t port, uint32_t pin, bool high)
{
    enable(port);
    gpio_set(port, pin, high);
    set_field(GPIO_OSPEEDR(port), pin, 2, OSPEEDR_HIGH);
    set_field(GPIO_MODER(port), pin, 2, MODER_OUTPUT);
}

void gpio_set(uint32_t port, uint32_t pin, bool high)
{
    REGISTER(GPIO_BSRR(port)) = high ? 1u << pin : 1u << (pin + 16u);
}
