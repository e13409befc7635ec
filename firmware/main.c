#include "clock.h"
#include "console.h"
#include "counter.h"
#include "protocol.h"
#include "trigger.h"

int main(void)
{
    clock_init();
    trigger_init();
    counter_init();
    console_init();
    protocol_init();
    for (;;) {
        protocol_poll();
        console_wait();
    }
}
