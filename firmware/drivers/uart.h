/* What the console needs of the hardware. */
#ifndef UART_H
#define UART_H

#include <stdbool.h>
#include <stdint.h>

#define UART_EMPTY (-1)

/* Starts the port, and its interrupt on reception. */
void uart_init(void);

/* Takes a received byte, or returns UART_EMPTY. */
int32_t uart_receive(void);

/* Whether a byte can be sent without waiting. */
bool uart_may_send(void);

/* Raises the port's interrupt whenever a byte can be sent, or no longer. Returns false where there
 * is no such interrupt. */
bool uart_interrupt_to_send(bool on);

/* Sends a byte, when the one before has gone far enough. */
void uart_send(uint8_t byte);

/* Returns when the last byte has left the pin. */
void uart_flush(void);

#endif
