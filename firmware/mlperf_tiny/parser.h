/* Commands of the MLPerf Tiny protocol: words that end with '%'. Needs nothing of the hardware. */
#ifndef PARSER_H
#define PARSER_H

#include <stdbool.h>
#include <stdint.h>

/* The longest command of the protocol, without its '%'. */
#define PARSER_LINE_BYTES 80u

typedef enum {
    COMMAND_EMPTY,
    COMMAND_REFUSED,
    COMMAND_UNKNOWN,
    COMMAND_NAME,
    COMMAND_PROFILE,
    COMMAND_TIMESTAMP,
    COMMAND_HELP,
    COMMAND_LOAD,
    COMMAND_DATA,
    COMMAND_PRINT,
    COMMAND_INFER,
    COMMAND_RESULTS,
} command_kind_t;

/* `text` lies in the parser's line or is constant; it is valid until the next byte is taken. */
typedef struct {
    command_kind_t kind;
    const char *text; /* UNKNOWN: the word; REFUSED: why; DATA: pairs of hexadecimal digits */
    uint32_t count;   /* LOAD: bytes; DATA: pairs; PRINT: bytes at most; INFER: inferences */
    uint32_t second;  /* PRINT: offset; INFER: inferences before those that are timed */
} command_t;

/* A command in the making. All zero is its initial state. */
typedef struct {
    char line[PARSER_LINE_BYTES + 1u];
    uint32_t length; /* one more than PARSER_LINE_BYTES: too long */
} parser_t;

/* Takes one byte off the line. Returns whether it ended a command, which is then in `command`. */
bool parser_take(parser_t *parser, uint8_t byte, command_t *command);

/* The value of two hexadecimal digits. */
uint8_t parser_byte(const char *digits);

#endif
