/* GPIO of the nRF51 and nRF52. */
#include "gpio.h"

#include "register.h"
#include "soc.h"

#define GPIO(port) (GPIO_BASE + (port) * 0x300u)
#define GPIO_OUTSET(port) (GPIO(port) + 0x508u)
#define GPIO_OUTCLR(port) (GPIO(port) + 0x50Cu)
#define GPIO_PIN_CNF(port, pin) (GPIO(port) + 0x700u + (pin) * 4u) /* configuration of a pin */
#define PIN_CNF_DIR_OUTPUT (1u << 0)
#define PIN_CNF_INPUT_DISCONNECT (1u << 1)
#define PIN_CNF_PULL_UP (3u << 2)

void gpio_input(uint32_t port, uint32_t pin)
{
    REGISTER(GPIO_PIN_CNF(port, pin)) = PIN_CNF_PULL_UP;
}

void gpio_output(uint32_t port, uint32_t pin, bool high)
{
    gpio_set(port, pin, high);
    REGISTER(GPIO_PIN_CNF(port, pin)) = PIN_CNF_DIR_OUTPUT | PIN_CNF_INPUT_DISCONNECT;
}

void gpio_set(uint32_t port, uint32_t pin, bool high)
{
    REGISTER(high ? GPIO_OUTSET(port) : GPIO_OUTCLR(port)) = 1u << pin;
}
