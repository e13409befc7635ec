/* USART and LPUART of the STM32F7 (RM0385) and the STM32L4+ (RM0432). */
#include "uart.h"

#include "board.h"
#include "clock.h"
#include "gpio.h"
#include "register.h"
#include "scs.h"

#define USART_CR1 (CONSOLE_BASE + 0x00u) /* control 1 */
#define CR1_UE (1u << 0)
#define CR1_RE (1u << 2)
#define CR1_TE (1u << 3)
#define CR1_RXNEIE (1u << 5)
#define CR1_TXEIE (1u << 7)
#define USART_CR3 (CONSOLE_BASE + 0x08u) /* control 3 */
#define CR3_OVRDIS (1u << 12)
#define USART_BRR (CONSOLE_BASE + 0x0Cu) /* clock cycles per bit, times 256 on an LPUART */
#define USART_ISR (CONSOLE_BASE + 0x1Cu) /* interrupt and status */
#define ISR_RXNE (1u << 5)
#define ISR_TC (1u << 6)
#define ISR_TXE (1u << 7)
#define USART_RDR (CONSOLE_BASE + 0x24u) /* received data */
#define USART_TDR (CONSOLE_BASE + 0x28u) /* data to transmit */
#define USART_PRESC (CONSOLE_BASE + 0x2Cu) /* prescaler; an STM32F7 has none */
#define PRESC_8 4u
#define PRESC_8_DIVIDES_BY 8u

/* An LPUART counts the 256ths in 20 bits, which is too little for slow lines at fast clocks. */
#define PRESCALED (CONSOLE_IS_LPUART && BOARD_CLOCK_HZ / BOARD_CONSOLE_BAUD >= 4096u)

/* Clock cycles per bit, rounded; an LPUART counts them in 256ths. */
static uint32_t divider(void)
{
    uint32_t clock = clock_console_hz() / (PRESCALED ? PRESC_8_DIVIDES_BY : 1u);
    uint32_t scale = CONSOLE_IS_LPUART ? 256u : 1u;
    uint32_t whole = clock / BOARD_CONSOLE_BAUD;
    uint32_t rest = clock % BOARD_CONSOLE_BAUD; /* times 256 it still fits into 32 bits */
    return whole * scale + (rest * scale + BOARD_CONSOLE_BAUD / 2u) / BOARD_CONSOLE_BAUD;
}

void uart_init(void)
{
    register_change(CONSOLE_CLOCK_ENABLE, CONSOLE_CLOCK_BIT, CONSOLE_CLOCK_BIT);
    (void)REGISTER(CONSOLE_CLOCK_ENABLE); /* the clock runs two cycles after the write */
    gpio_alternate(CONSOLE_TX_PORT, CONSOLE_TX_PIN, CONSOLE_ALTERNATE_FUNCTION);
    gpio_alternate(CONSOLE_RX_PORT, CONSOLE_RX_PIN, CONSOLE_ALTERNATE_FUNCTION);
    if (PRESCALED) {
        REGISTER(USART_PRESC) = PRESC_8;
    }
    REGISTER(USART_BRR) = divider();
    /* An overrun would otherwise stop reception until it is cleared; the CRC finds the loss. */
    REGISTER(USART_CR3) = CR3_OVRDIS;
    REGISTER(USART_CR1) = CR1_UE | CR1_TE | CR1_RE | CR1_RXNEIE;
    nvic_enable(CONSOLE_IRQ);
}

int32_t uart_receive(void)
{
    if ((REGISTER(USART_ISR) & ISR_RXNE) == 0) {
        return UART_EMPTY;
    }
    return (int32_t)(REGISTER(USART_RDR) & 0xFFu);
}

bool uart_may_send(void)
{
    return (REGISTER(USART_ISR) & ISR_TXE) != 0;
}

bool uart_interrupt_to_send(bool on)
{
    register_change(USART_CR1, CR1_TXEIE, on ? CR1_TXEIE : 0u);
    return true;
}

void uart_send(uint8_t byte)
{
    register_await(USART_ISR, ISR_TXE, ISR_TXE);
    REGISTER(USART_TDR) = byte;
}

void uart_flush(void)
{
    register_await(USART_ISR, ISR_TC, ISR_TC);
}
