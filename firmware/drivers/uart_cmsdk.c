/* UART of the Cortex-M System Design Kit (Arm DDI 0479), as on every MPS2 and MPS3 image. */
#include "uart.h"

#include "board.h"
#include "clock.h"
#include "register.h"
#include "scs.h"

#define UART_DATA (CONSOLE_BASE + 0x00u)
#define UART_STATE (CONSOLE_BASE + 0x04u)
#define STATE_TX_FULL (1u << 0)
#define STATE_RX_FULL (1u << 1)
#define UART_CTRL (CONSOLE_BASE + 0x08u)
#define CTRL_TX_ENABLE (1u << 0)
#define CTRL_RX_ENABLE (1u << 1)
#define CTRL_RX_INTERRUPT (1u << 3)
#define UART_INTCLEAR (CONSOLE_BASE + 0x0Cu)
#define INTCLEAR_RX (1u << 1)
#define UART_BAUDDIV (CONSOLE_BASE + 0x10u) /* clock cycles per bit, 16 at least */

void uart_init(void)
{
    REGISTER(UART_BAUDDIV) = (clock_console_hz() + BOARD_CONSOLE_BAUD / 2u) / BOARD_CONSOLE_BAUD;
    REGISTER(UART_CTRL) = CTRL_TX_ENABLE | CTRL_RX_ENABLE | CTRL_RX_INTERRUPT;
    nvic_enable(CONSOLE_IRQ);
}

int32_t uart_receive(void)
{
    REGISTER(UART_INTCLEAR) = INTCLEAR_RX;
    if ((REGISTER(UART_STATE) & STATE_RX_FULL) == 0) {
        return UART_EMPTY;
    }
    return (int32_t)(REGISTER(UART_DATA) & 0xFFu);
}

bool uart_may_send(void)
{
    return (REGISTER(UART_STATE) & STATE_TX_FULL) == 0;
}

/* It has one, but on a line of its own that tells when the port becomes ready, not that it is. */
bool uart_interrupt_to_send(bool on)
{
    (void)on;
    return false;
}

void uart_send(uint8_t byte)
{
    register_await(UART_STATE, STATE_TX_FULL, 0);
    REGISTER(UART_DATA) = byte;
}

void uart_flush(void)
{
    register_await(UART_STATE, STATE_TX_FULL, 0);
}
