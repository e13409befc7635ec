#include "console.h"

#include "exceptions.h"
#include "scs.h"
#include "uart.h"

/* Room for more than a frame of the greatest length, so that a host may send one while an inference
 * runs. A power of two: positions run on freely and are taken modulo its size. */
#define QUEUE_BYTES 2048u

static volatile uint8_t queue[QUEUE_BYTES];
static volatile uint32_t queue_in;
static volatile uint32_t queue_out;

/* Empties the port. What does not fit is dropped; the protocol asks for it again. */
static void receive(void)
{
    for (int32_t byte = uart_receive(); byte != UART_EMPTY; byte = uart_receive()) {
        if (queue_in - queue_out < QUEUE_BYTES) {
            queue[queue_in % QUEUE_BYTES] = (uint8_t)byte;
            queue_in = queue_in + 1u;
        }
    }
}

void exception_console(void)
{
    receive();
}

void console_init(void)
{
    uart_init();
}

int32_t console_getc(void)
{
    if (queue_in == queue_out) {
        return CONSOLE_EMPTY;
    }
    uint8_t byte = queue[queue_out % QUEUE_BYTES];
    queue_out = queue_out + 1u;
    return byte;
}

void console_wait(void)
{
    /* With interrupts held back, one that comes between the look and the sleep still ends the
     * sleep. To look at the port as well makes the console work without an interrupt controller,
     * as in a simple emulator. */
    uint32_t held = interrupts_hold();
    receive();
    if (queue_in == queue_out) {
        __asm__ volatile("wfi" ::: "memory");
    }
    interrupts_restore(held);
}

void console_write(const uint8_t *data, uint32_t bytes)
{
    for (uint32_t i = 0; i < bytes; i++) {
        uart_send(data[i]);
    }
}

void console_flush(void)
{
    uart_flush();
}
