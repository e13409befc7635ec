#include "console.h"

#include "exceptions.h"
#include "register.h"
#include "scs.h"
#include "uart.h"

/* Room for more than a frame of the greatest length, so that a host may send one while an inference
 * runs. A power of two: positions run on freely and are taken modulo its size. */
#define QUEUE_BYTES 2048u

static volatile uint8_t queue[QUEUE_BYTES];
static volatile uint32_t queue_in;
static volatile uint32_t queue_out;

/* What is still to be sent: an answer, unless it has much to tell. It goes out while the next
 * inference runs, where the port has an interrupt for that. A power of two. */
#define OUT_BYTES 256u

static volatile uint8_t out[OUT_BYTES];
static volatile uint32_t out_in;
static volatile uint32_t out_out;
static volatile bool sending; /* whether the port interrupts when it can send */

/* Empties the port. What does not fit is dropped; the protocol asks for it again. */
static void receive(void)
{
    uint32_t at = queue_in;
    for (int32_t byte = uart_receive(); byte != UART_EMPTY; byte = uart_receive()) {
        if (at - queue_out < QUEUE_BYTES) {
            queue[at % QUEUE_BYTES] = (uint8_t)byte;
            at++;
        }
    }
    queue_in = at;
}

/* Hands the port what it has room for. */
static void transmit(void)
{
    while (out_in != out_out && uart_may_send()) {
        uart_send(out[out_out % OUT_BYTES]);
        out_out = out_out + 1u;
    }
}

void exception_console(void)
{
    receive();
    if (sending) {
        transmit();
        sending = out_in != out_out;
        if (!sending) {
            (void)uart_interrupt_to_send(false);
        }
    }
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

/* Waits until no more than so many bytes are left to send, or the port does not go on. Interrupts
 * are held back only for moments: bytes come in meanwhile. */
static void await_sent(uint32_t left)
{
    uint32_t before = out_out;
    for (uint32_t tries = 0; out_in - out_out > left && tries < REGISTER_TRIES; tries++) {
        uint32_t held = interrupts_hold();
        transmit();
        interrupts_restore(held);
        if (out_out != before) {
            before = out_out;
            tries = 0;
        }
    }
}

void console_wait(void)
{
    /* With interrupts held back, one that comes between the look and the sleep still ends the
     * sleep. To look at the port as well makes the console work without an interrupt controller,
     * as in a simple emulator. */
    await_sent(0);
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
        await_sent(OUT_BYTES - 1u);
        if (out_in - out_out == OUT_BYTES) {
            return; /* the port does not work; nobody would read the rest */
        }
        out[out_in % OUT_BYTES] = data[i];
        out_in = out_in + 1u;
    }
    sending = true;
    if (!uart_interrupt_to_send(true)) {
        await_sent(0);
    }
}

void console_flush(void)
{
    await_sent(0);
    uart_flush();
}
