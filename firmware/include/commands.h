/* What the device can be asked to do. Sequence numbers and framing are protocol.c's business. */
#ifndef COMMANDS_H
#define COMMANDS_H

#include "frame.h"

typedef enum {
    STATUS_OK = 0,
    STATUS_BAD_COMMAND = 1,
    STATUS_BAD_ARGUMENT = 2,
    STATUS_OUT_OF_SEQUENCE = 3,
} status_t;

/* The command that starts a new numbering. */
#define COMMAND_HELLO 0x01u

/* What to do once the answer has left; NULL for nothing. */
typedef void (*commands_then_t)(void);

/* Prepares the arena for its high-water mark. */
void commands_init(void);

/* Executes a request. Appends the status and the fields to an answer with an empty payload. */
commands_then_t commands_execute(const frame_t *request, frame_t *answer);

#endif
