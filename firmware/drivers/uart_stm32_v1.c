/* USART of the STM32F4 (RM0390): one status and one data register. */
#include "uart.h"

#include "board.h"
#include "clock.h"
#include "gpio.h"
#include "register.h"
#include "scs.h"

#define USART_SR (CONSOLE_BASE + 0x00u) /* status */
#define SR_RXNE (1u << 5)
#define SR_TC (1u << 6)
#define SR_TXE (1u << 7)
#define USART_DR (CONSOLE_BASE + 0x04u)  /* data */
#define USART_BRR (CONSOLE_BASE + 0x08u) /* clock cycles per bit */
#define USART_CR1 (CONSOLE_BASE + 0x0Cu) /* control 1 */
#define CR1_RE (1u << 2)
#define CR1_TE (1u << 3)
#define CR1_RXNEIE (1u << 5)
#define CR1_TXEIE (1u << 7)
#define CR1_UE (1u << 13)

void uart_init(void)
{
    register_change(CONSOLE_CLOCK_ENABLE, CONSOLE_CLOCK_BIT, CONSOLE_CLOCK_BIT);
    (void)REGISTER(CONSOLE_CLOCK_ENABLE); /* the clock runs two cycles after the write */
    gpio_alternate(CONSOLE_TX_PORT, CONSOLE_TX_PIN, CONSOLE_ALTERNATE_FUNCTION);
    gpio_alternate(CONSOLE_RX_PORT, CONSOLE_RX_PIN, CONSOLE_ALTERNATE_FUNCTION);
    REGISTER(USART_BRR) = (clock_console_hz() + BOARD_CONSOLE_BAUD / 2u) / BOARD_CONSOLE_BAUD;
    REGISTER(USART_CR1) = CR1_UE | CR1_TE | CR1_RE | CR1_RXNEIE;
    nvic_enable(CONSOLE_IRQ);
}

/* To read SR and then DR also clears an overrun. */
int32_t uart_receive(void)
{
    if ((REGISTER(USART_SR) & SR_RXNE) == 0) {
        return UART_EMPTY;
    }
    return (int32_t)(REGISTER(USART_DR) & 0xFFu);
}

bool uart_may_send(void)
{
    return (REGISTER(USART_SR) & SR_TXE) != 0;
}

bool uart_interrupt_to_send(bool on)
{
    register_change(USART_CR1, CR1_TXEIE, on ? CR1_TXEIE : 0u);
    return true;
}

void uart_send(uint8_t byte)
{
    register_await(USART_SR, SR_TXE, SR_TXE);
    REGISTER(USART_DR) = byte;
}

void uart_flush(void)
{
    register_await(USART_SR, SR_TC, SR_TC);
}
