/* UART of the nRF51 and nRF52, the one without DMA. */
#include "uart.h"

#include "board.h"
#include "gpio.h"
#include "register.h"
#include "scs.h"

#define UART_TASKS_STARTRX (CONSOLE_BASE + 0x000u)
#define UART_TASKS_STARTTX (CONSOLE_BASE + 0x008u)
#define UART_EVENTS_RXDRDY (CONSOLE_BASE + 0x108u)
#define UART_EVENTS_TXDRDY (CONSOLE_BASE + 0x11Cu)
#define UART_INTENSET (CONSOLE_BASE + 0x304u)
#define INTENSET_RXDRDY (1u << 2)
#define UART_ENABLE (CONSOLE_BASE + 0x500u)
#define ENABLE_UART 4u
#define UART_PSEL_TXD (CONSOLE_BASE + 0x50Cu)
#define UART_PSEL_RXD (CONSOLE_BASE + 0x514u)
#define UART_RXD (CONSOLE_BASE + 0x518u)
#define UART_TXD (CONSOLE_BASE + 0x51Cu)
#define UART_BAUDRATE (CONSOLE_BASE + 0x524u)

/* BAUDRATE is the rate in 2^-32 of the UART's 16 MHz; its lower 12 bits are not used. */
#define BAUDRATE_EXACT (((uint64_t)BOARD_CONSOLE_BAUD << 32) / 16000000u)
#define BAUDRATE ((uint32_t)(BAUDRATE_EXACT + 0x800u) & ~0xFFFu)

static bool sending; /* whether TXDRDY is still to come */

/* The pins belong to the UART while it is enabled, and have to be like this when it is not. */
void uart_init(void)
{
    gpio_output(CONSOLE_TX_PORT, CONSOLE_TX_PIN, true);
    gpio_input(CONSOLE_RX_PORT, CONSOLE_RX_PIN);
    REGISTER(UART_PSEL_TXD) = CONSOLE_TX_PORT * 32u + CONSOLE_TX_PIN;
    REGISTER(UART_PSEL_RXD) = CONSOLE_RX_PORT * 32u + CONSOLE_RX_PIN;
    REGISTER(UART_BAUDRATE) = BAUDRATE;
    REGISTER(UART_ENABLE) = ENABLE_UART;
    REGISTER(UART_EVENTS_RXDRDY) = 0;
    REGISTER(UART_EVENTS_TXDRDY) = 0;
    REGISTER(UART_INTENSET) = INTENSET_RXDRDY;
    REGISTER(UART_TASKS_STARTRX) = 1;
    REGISTER(UART_TASKS_STARTTX) = 1;
    nvic_enable(CONSOLE_IRQ);
}

/* To read RXD raises RXDRDY again where another byte waits, so it is cleared before. */
int32_t uart_receive(void)
{
    if (REGISTER(UART_EVENTS_RXDRDY) == 0) {
        return UART_EMPTY;
    }
    REGISTER(UART_EVENTS_RXDRDY) = 0;
    return (int32_t)(REGISTER(UART_RXD) & 0xFFu);
}

bool uart_may_send(void)
{
    return !sending || REGISTER(UART_EVENTS_TXDRDY) != 0;
}

/* TXDRDY is an event that has to be cleared before the next byte, which uart_send does. */
bool uart_interrupt_to_send(bool on)
{
    (void)on;
    return false;
}

void uart_flush(void)
{
    if (sending) {
        register_await(UART_EVENTS_TXDRDY, 1, 1);
        REGISTER(UART_EVENTS_TXDRDY) = 0;
        sending = false;
    }
}

void uart_send(uint8_t byte)
{
    uart_flush(); /* there is room for one byte only */
    REGISTER(UART_TXD) = byte;
    sending = true;
}
