/* Boards without a pin for it. */
#include "trigger.h"

void trigger_init(void) {}

void trigger_set(bool high)
{
    (void)high;
}
