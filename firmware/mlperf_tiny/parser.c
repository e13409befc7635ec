#include "parser.h"

#include <stddef.h>
#include <string.h>

#define TERMINATOR '%'
#define NO_DIGIT 16u
#define DEFAULT_WARMUPS 10u

static command_t refused(const char *why)
{
    return (command_t){.kind = COMMAND_REFUSED, .text = why};
}

/* Cuts the next word off, or returns NULL. */
static char *next_word(char **rest)
{
    char *word = *rest + strspn(*rest, " ");
    size_t length = strcspn(word, " ");
    *rest = word + length;
    if (**rest != '\0') {
        *(*rest)++ = '\0';
    }
    return length > 0 ? word : NULL;
}

/* Reads the next word as a decimal number; leaves `value` as it is where there is no word. Returns
 * false for what is no number or does not fit. */
static bool next_number(char **rest, uint32_t *value)
{
    const char *word = next_word(rest);
    if (word == NULL) {
        return true;
    }
    uint64_t sum = 0;
    for (; *word != '\0'; word++) {
        if (*word < '0' || *word > '9') {
            return false;
        }
        sum = sum * 10u + (uint32_t)(*word - '0');
        if (sum > UINT32_MAX) {
            return false;
        }
    }
    *value = (uint32_t)sum;
    return true;
}

static uint32_t digit(char character)
{
    if (character >= '0' && character <= '9') {
        return (uint32_t)(character - '0');
    }
    char lower = (char)(character | 0x20);
    return lower >= 'a' && lower <= 'f' ? (uint32_t)(lower - 'a') + 10u : NO_DIGIT;
}

uint8_t parser_byte(const char *digits)
{
    return (uint8_t)(digit(digits[0]) << 4 | digit(digits[1]));
}

static command_t parse_data(const char *digits)
{
    size_t length = strlen(digits);
    if (length % 2u != 0) {
        return refused("A byte has two hexadecimal digits");
    }
    for (size_t i = 0; i < length; i++) {
        if (digit(digits[i]) == NO_DIGIT) {
            return refused("Invalid hexadecimal digit");
        }
    }
    return (command_t){.kind = COMMAND_DATA, .text = digits, .count = (uint32_t)length / 2u};
}

static command_t parse_db(char *rest)
{
    const char *word = next_word(&rest);
    if (word == NULL) {
        return refused("Command 'db' requires a subcommand");
    }
    if (strcmp(word, "load") == 0) {
        command_t load = {.kind = COMMAND_LOAD};
        return next_number(&rest, &load.count) && load.count > 0
                   ? load
                   : refused("Command 'db load' requires a number of bytes");
    }
    if (strcmp(word, "print") == 0) {
        command_t print = {.kind = COMMAND_PRINT, .count = UINT32_MAX};
        return next_number(&rest, &print.count) && next_number(&rest, &print.second)
                   ? print
                   : refused("Command 'db print' takes a number of bytes and an offset");
    }
    return parse_data(word);
}

static command_t parse_infer(char *rest)
{
    command_t infer = {.kind = COMMAND_INFER, .count = 1, .second = DEFAULT_WARMUPS};
    if (!next_number(&rest, &infer.count) || infer.count == 0) {
        return refused("Inference iterations must be >0");
    }
    return next_number(&rest, &infer.second) ? infer : refused("Inference warmup must be >=0");
}

static command_t parse(char *rest)
{
    static const struct {
        const char *word;
        command_kind_t kind;
    } plain[] = {
        {"name", COMMAND_NAME}, {"profile", COMMAND_PROFILE}, {"timestamp", COMMAND_TIMESTAMP},
        {"help", COMMAND_HELP}, {"results", COMMAND_RESULTS},
    };
    const char *word = next_word(&rest);
    if (word == NULL) {
        return (command_t){.kind = COMMAND_EMPTY};
    }
    if (strcmp(word, "db") == 0) {
        return parse_db(rest);
    }
    if (strcmp(word, "infer") == 0) {
        return parse_infer(rest);
    }
    for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++) {
        if (strcmp(word, plain[i].word) == 0) {
            return (command_t){.kind = plain[i].kind};
        }
    }
    return (command_t){.kind = COMMAND_UNKNOWN, .text = word};
}

bool parser_take(parser_t *parser, uint8_t byte, command_t *command)
{
    if (byte == TERMINATOR) {
        bool fits = parser->length <= PARSER_LINE_BYTES;
        parser->line[fits ? parser->length : 0] = '\0';
        parser->length = 0;
        *command = fits ? parse(parser->line) : refused("Command too long");
        return true;
    }
    if (byte == '\r' || byte == '\n') {
        return false; /* a terminal may send them between commands */
    }
    if (parser->length < PARSER_LINE_BYTES) {
        bool printable = byte >= ' ' && byte <= '~';
        parser->line[parser->length] = printable ? (char)byte : '?';
    }
    parser->length += parser->length <= PARSER_LINE_BYTES;
    return false;
}
