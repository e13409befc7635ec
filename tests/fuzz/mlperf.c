/* The parser of MLPerf Tiny's commands and what executes them, on whatever may come over the line.
 *
 * An input is bytes on the line. The device goes on from one execution to the next as it does in the
 * field, with whatever was left behind. mlperf_floats.c is the same for a benchmark whose host sends
 * floats. */
#include "fuzz.h"

#include "benchmark.h"
#include "console.h"
#include "counter.h"
#include "model.h"
#include "protocol.h"
#include "trigger.h"

#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#ifndef FLOATS
#define FLOATS 0
#endif
#define ELEMENTS 48u
#define OUTPUTS (FLOATS ? ELEMENTS : 5u)
#define LOADED_BYTES (FLOATS ? 4u * ELEMENTS : ELEMENTS)
#define MOST_INFERENCES 64u /* of one execution: four billion are a right request, but a long one */
#define LONGEST_LINE 1024u

const fuzz_input_t fuzz_seeds[] = {
    {"name%profile%", 13},
    {"timestamp%help%%", 16},
    {"db load 48%db 000102030405060708090a0b0c0d0e0f%db 7f80ff%", 57},
    {"db load 192%db 0000803f000080ff0000c07f%db 7f80ff%", 50},
    {"db print%db print 9 5%", 22},
    {"db 00112233445566778899aabbccddeeff00112233445566778899aabbccddee%", 66},
    {"infer%infer 3 2%infer 0%", 24},
    {"results%db%db load%", 19},
    {"db load 4294967295%infer 4294967296 1%", 38},
    {NULL, 0},
};

static uint8_t arena[ELEMENTS];
static uint8_t loaded[LOADED_BYTES];
#if FLOATS
static int8_t prepared[ELEMENTS];
#define PREPARED prepared
#else
#define PREPARED ((int8_t *)loaded)
#endif

const benchmark_t benchmark = {
    .model_id = "fuzz",
    .floats = FLOATS,
    .flip = FLOATS ? 0 : 0x80,
    .input = {.scale = 0.5f, .zero_point = -3},
    .output = {.scale = 0.25f, .zero_point = 4},
    .loaded = loaded,
    .loaded_bytes = LOADED_BYTES,
    .prepared = PREPARED,
    .elements = ELEMENTS,
};

static jmp_buf given_up;
static uint32_t inferences;

/* Over its input, so that an inference that does not get that anew gives another result. */
static void invoke(void *memory)
{
    int8_t *bytes = memory;
    if (inferences++ == MOST_INFERENCES) {
        longjmp(given_up, 1);
    }
    for (uint32_t i = 0; i < ELEMENTS; i++) {
        bytes[i] = (int8_t)(bytes[i] / 2 + 7);
    }
}

static const model_range_t input_range = {.offset = 0, .bytes = ELEMENTS};
static const model_range_t output_range = {.offset = 0, .bytes = OUTPUTS};

const model_t model = {
    .board = "fuzz",
    .arena = arena,
    .arena_bytes = sizeof arena,
    .inputs = &input_range,
    .outputs = &output_range,
    .input_count = 1,
    .output_count = 1,
    .invoke = invoke,
};

static const uint8_t *incoming;
static size_t incoming_bytes;
static uint32_t commands; /* whose '%' has been taken */

static char line[LONGEST_LINE];
static size_t line_bytes;
static uint32_t ready; /* answers that have ended */
static uint32_t laps;
static char result[LONGEST_LINE];
static bool high;

int32_t console_getc(void)
{
    if (incoming_bytes == 0) {
        return CONSOLE_EMPTY;
    }
    incoming_bytes--;
    commands += *incoming == '%';
    return *incoming++;
}

static void end_line(void)
{
    static const char results[] = "m-results-[";
    line[line_bytes] = '\0';
    ready += strcmp(line, "m-ready") == 0;
    laps += strncmp(line, "m-lap-us-", 9) == 0;
    if (strncmp(line, results, sizeof results - 1) == 0) {
        memcpy(result, line, line_bytes + 1);
    }
    line_bytes = 0;
}

void console_write(const uint8_t *data, uint32_t bytes)
{
    for (uint32_t i = 0; i < bytes; i++) {
        if (data[i] == '\n') {
            fuzz_expect(line_bytes > 0 && line[line_bytes - 1] == '\r', "lines that end in CR LF");
            line_bytes--;
            end_line();
            continue;
        }
        fuzz_expect((data[i] >= ' ' && data[i] <= '~') || data[i] == '\r', "printable characters");
        fuzz_expect(line_bytes + 1 < sizeof line, "lines of a reasonable length");
        line[line_bytes++] = (char)data[i];
    }
}

void console_init(void) {}
void console_wait(void) {}
void counter_init(void) {}
void trigger_init(void) {}

void console_flush(void)
{
    fuzz_expect(line_bytes == 0, "whole lines before the time is taken");
}

uint64_t counter_read(void)
{
    static uint64_t now;
    return now += UINT32_MAX;
}

uint32_t counter_hz(void)
{
    return 480000000u;
}

uint8_t counter_kind(void)
{
    return COUNTER_NONE;
}

void trigger_set(bool level)
{
    high = level;
}

/* Lets the device take all that is on the line; returns whether it came to an end. */
static bool serve(const uint8_t *input, size_t length)
{
    incoming = input;
    incoming_bytes = length;
    commands = ready = laps = inferences = 0;
    if (setjmp(given_up) != 0) {
        line_bytes = 0;
        high = false;
        protocol_init();
        return false;
    }
    protocol_poll();
    return true;
}

void fuzz_start(void)
{
    protocol_init();
}

void fuzz_execute(const uint8_t *input, size_t length)
{
    if (serve(input, length)) {
        fuzz_expect(ready == commands, "one answer to a command");
        fuzz_expect(line_bytes == 0, "whole lines");
        fuzz_expect(!high, "a trigger pin that is low again");
    }
}

static void tell(const char *text)
{
    fuzz_expect(serve((const uint8_t *)text, strlen(text)), "an end");
    fuzz_expect(ready == commands, "one answer to a command");
}

/* An inference on ones, whose result is known. */
void fuzz_still_works(void)
{
    const char *bytes = FLOATS ? "db 0000803f%" : "db 01%";
    char load[32];
    tell("%"); /* ends whatever was begun */
    snprintf(load, sizeof load, "db load %u%%", LOADED_BYTES);
    tell(load);
    for (uint32_t i = 0; i < ELEMENTS; i++) {
        tell(bytes);
    }
    result[0] = '\0';
    tell("infer 3 2%");
    fuzz_expect(laps == 2 && inferences == 5, "all inferences between two timestamps");
    /* 1 is stored as -127 where 128 is subtracted, and as 1 / 0.5 - 3 = -1 where it is a float. */
    const char *right = FLOATS ? "m-results-[0.062]" /* (7 - 4) / 4 is a quarter away; squared */
                               : "m-results-[-15.000,-15.000,-15.000,-15.000,-15.000]";
    fuzz_expect(strcmp(result, right) == 0, "the right result");
}
