/* The serial line to the host. What comes in is queued by an interrupt, so that nothing is lost
 * while the core does something else; what goes out is sent before console_write returns. */
#ifndef CONSOLE_H
#define CONSOLE_H

#include <stdint.h>

#define CONSOLE_EMPTY (-1)

void console_init(void);

/* The next byte that came in, or CONSOLE_EMPTY. */
int32_t console_getc(void);

/* Sleeps until something may have come in. */
void console_wait(void);

void console_write(const uint8_t *data, uint32_t bytes);

/* Returns when the last byte written has left. */
void console_flush(void);

#endif
