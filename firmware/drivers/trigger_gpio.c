#include "trigger.h"

#include "board.h"
#include "gpio.h"

void trigger_init(void)
{
    gpio_output(TRIGGER_PORT, TRIGGER_PIN, false);
}

void trigger_set(bool high)
{
    gpio_set(TRIGGER_PORT, TRIGGER_PIN, high);
}
