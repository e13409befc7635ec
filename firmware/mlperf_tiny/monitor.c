/* The device side of MLPerf Tiny's protocol (docs/mlperf-tiny.md), in the place of tinygen's own. */
#include "protocol.h"

#include "benchmark.h"
#include "console.h"
#include "counter.h"
#include "model.h"
#include "numbers.h"
#include "parser.h"
#include "text.h"
#include "trigger.h"

#include <string.h>

#define MICROSECONDS 1000000u
#define PULSES_PER_SECOND 1000u /* a pulse takes a millisecond, which any meter sees */
#define PRINTED_PER_LINE 8u
#define FIRMWARE "ULPMark for tinyML Firmware V0.0.1" /* what the runner expects of a profile */

static parser_t parser;
static uint32_t expected; /* bytes the host has announced */
static uint32_t received;
static bool inferred; /* whether the arena holds the result for what is loaded */

static void refuse(const char *why)
{
    text_put("e-[");
    text_put(why);
    text_put("]\r\n");
}

static void put_message(const char *text, uint64_t value)
{
    text_put(text);
    text_number(value);
    text_put("\r\n");
}

/* Split so that nothing overflows for as long as the counter counts. */
static uint64_t microseconds(uint64_t ticks)
{
    uint32_t hz = counter_hz();
    return ticks / hz * MICROSECONDS + ticks % hz * MICROSECONDS / hz;
}

/* A low pulse on a line that is high: whichever of its edges the meter looks at, two of them are as
 * far apart as what lies between and the width of one. */
static void pulse(void)
{
    trigger_set(false);
    uint64_t end = counter_read() + counter_hz() / PULSES_PER_SECOND;
    while (counter_read() < end) {
    }
    trigger_set(true);
}

static void timestamp(void)
{
    if (benchmark.energy) {
        pulse();
    } else {
        put_message("m-lap-us-", microseconds(counter_read()));
    }
}

static void load(uint32_t bytes)
{
    expected = received = 0;
    inferred = false;
    if (bytes != benchmark.loaded_bytes) {
        text_put("e-[The model takes ");
        text_number(benchmark.loaded_bytes);
        text_put(" bytes]\r\n");
        return;
    }
    expected = bytes;
    text_put("m-[Expecting ");
    text_number(bytes);
    text_put(" bytes]\r\n");
}

static void take_data(const char *digits, uint32_t bytes)
{
    if (received == expected) {
        refuse("'db load' must come first");
        return;
    }
    /* Whatever is more than what was announced is ignored, as the protocol has it. */
    for (uint32_t i = 0; i < bytes && received < expected; i++) {
        benchmark.loaded[received++] = parser_byte(digits + 2u * i) ^ benchmark.flip;
    }
    if (received == expected) {
        text_put("m-load-done\r\n");
    }
}

static void print_loaded(uint32_t count, uint32_t offset)
{
    if (offset > received) {
        offset = received;
    }
    if (count > received - offset) {
        count = received - offset;
    }
    for (uint32_t i = 0; i < count; i++) {
        text_put(i % PRINTED_PER_LINE == 0 ? "m-buffer-" : "-");
        text_byte(benchmark.loaded[offset + i] ^ benchmark.flip);
        if ((i + 1u) % PRINTED_PER_LINE == 0 || i + 1u == count) {
            text_put("\r\n");
        }
    }
}

static const int8_t *output(void)
{
    return (const int8_t *)(model.arena + model.outputs[0].offset);
}

static void results(void)
{
    if (!inferred) {
        refuse("No inference has run on what is loaded");
        return;
    }
    text_put("m-results-[");
    if (benchmark.floats) {
        text_fixed3(numbers_mean_square(benchmark.loaded, output(), benchmark.elements,
                                        benchmark.output));
    } else {
        for (uint32_t i = 0; i < model.outputs[0].bytes; i++) {
            text_put(i > 0 ? "," : "");
            text_fixed3(numbers_dequantize(output()[i], benchmark.output));
        }
    }
    text_put("]\r\n");
}

/* An inference may overwrite its input, so each gets it anew. */
static void run(uint32_t inferences)
{
    for (; inferences > 0; inferences--) {
        memcpy(model.arena + model.inputs[0].offset, benchmark.prepared, benchmark.elements);
        model.invoke(model.arena);
    }
}

static void prepare(void)
{
    for (uint32_t i = 0; benchmark.floats && i < benchmark.elements; i++) {
        float real = numbers_float(benchmark.loaded, i);
        benchmark.prepared[i] = numbers_quantize(real, benchmark.input);
    }
}

/* Runs inferences between two timestamps; both are printed when it is over. */
static void run_timed(uint32_t inferences)
{
    trigger_set(true);
    uint64_t start = counter_read();
    run(inferences);
    uint64_t end = counter_read();
    trigger_set(false);
    put_message("m-lap-us-", microseconds(start));
    put_message("m-lap-us-", microseconds(end));
}

static void run_metered(uint32_t inferences)
{
    pulse();
    run(inferences);
    pulse();
}

static void infer(uint32_t inferences, uint32_t warmups)
{
    if (received != benchmark.loaded_bytes) {
        text_put("e-[The model takes ");
        text_number(benchmark.loaded_bytes);
        text_put(" bytes, loaded are ");
        text_number(received);
        text_put("]\r\n");
        return;
    }
    prepare();
    put_message("m-warmup-start-", warmups);
    run(warmups);
    text_put("m-warmup-done\r\n");
    put_message("m-infer-start-", inferences);
    console_flush(); /* nothing is on its way while the time runs */
    if (benchmark.energy) {
        run_metered(inferences);
    } else {
        run_timed(inferences);
    }
    inferred = true;
    text_put("m-infer-done\r\n");
    results();
}

static void help(void)
{
    text_put(FIRMWARE "\r\n\r\n"
             "help                     these lines\r\n"
             "name                     what device this is\r\n"
             "profile                  which model it runs\r\n"
             "timestamp                the time, or a pulse on the timestamp pin\r\n"
             "db load N                N bytes of input follow\r\n"
             "db HH..                  bytes of input, in hexadecimal\r\n"
             "db print [N] [OFFSET]    the input that has come in\r\n"
             "infer N [W=10]           N inferences between timestamps, after W others\r\n"
             "results                  the result of the last inference\r\n");
}

static void execute(const command_t *command)
{
    switch (command->kind) {
    case COMMAND_EMPTY:
        break;
    case COMMAND_REFUSED:
        refuse(command->text);
        break;
    case COMMAND_UNKNOWN:
        text_put("e-[Unknown command: ");
        text_put(command->text);
        text_put("]\r\n");
        break;
    case COMMAND_NAME:
        text_put("m-name-dut-[");
        text_put(model.board);
        text_put("]\r\n");
        break;
    case COMMAND_PROFILE:
        text_put("m-profile-[" FIRMWARE "]\r\nm-model-[");
        text_put(benchmark.model_id);
        text_put("]\r\n");
        break;
    case COMMAND_TIMESTAMP:
        timestamp();
        break;
    case COMMAND_HELP:
        help();
        break;
    case COMMAND_LOAD:
        load(command->count);
        break;
    case COMMAND_DATA:
        take_data(command->text, command->count);
        break;
    case COMMAND_PRINT:
        print_loaded(command->count, command->second);
        break;
    case COMMAND_INFER:
        infer(command->count, command->second);
        break;
    case COMMAND_RESULTS:
        results();
        break;
    }
    text_put("m-ready\r\n");
}

void protocol_init(void)
{
    parser = (parser_t){.length = 0};
    expected = received = 0;
    inferred = false;
    text_put(benchmark.energy ? "m-timestamp-mode-energy\r\n" : "m-timestamp-mode-performance\r\n");
    timestamp();
    text_put("m-init-done\r\nm-ready\r\n");
}

void protocol_poll(void)
{
    command_t command;
    for (int32_t byte = console_getc(); byte != CONSOLE_EMPTY; byte = console_getc()) {
        if (parser_take(&parser, (uint8_t)byte, &command)) {
            execute(&command);
        }
    }
}
