/* The device's frame parser and its commands, on whatever may come over the line.
 *
 * The first byte of an input says what the rest is: bytes on the line as they are (RAW), or a
 * command and its payload, which are put into a frame with the right CRC and with the sequence number
 * that the device waits for, has had, or neither. Mutations would hardly ever meet a CRC. The device
 * goes on from one execution to the next as it does in the field, with whatever was left behind. */
#include "fuzz.h"

#include "console.h"
#include "counter.h"
#include "crc32.h"
#include "frame.h"
#include "network.h"
#include "protocol.h"
#include "system.h"
#include "trigger.h"

#include <setjmp.h>
#include <string.h>

#define RAW 0u
#define FOLLOWING 1u
#define REPEATED 2u
#define OTHER 3u
#define MODES 4u

#define HELLO 0x01u
#define WRITE_INPUT 0x02u
#define RUN 0x03u
#define READ_OUTPUT 0x04u
#define MOST_INFERENCES 16u /* of one RUN: four billion are a right request, but a long one */

const fuzz_input_t fuzz_seeds[] = {
    {"\0\0\x02\x01\x02\x01\x05\x09\x08\x07\x06", 10},
    {"\0\xff\xff\xff\0\0\0", 7},
    {"\1\1", 2},
    {"\1\2\0\0\0\0\0input", 12},
    {"\1\2\1\0\0\0\0ab", 9},
    {"\1\3\1\0\0\0", 6},
    {"\1\3\5\0\0\0", 6},
    {"\1\4\1\0\0\0\0\xd0\7", 9},
    {"\1\4\1\0\0\0\0\x20\0", 9},
    {"\1\5\0\0\2\0", 6},
    {"\1\6\1\0", 4},
    {"\1\7\0\0\2\0", 6},
    {"\1\x08\0\0\0\0\x40\0", 8},
    {"\1\x09", 2},
    {"\1\x0a\1", 3},
    {"\1\x0b", 2},
    {"\1\x0c\0", 3},
    {"\2\4\0\0\0\0\0\x30\0", 9},
    {"\3\x09", 2},
    {NULL, 0},
};

static uint8_t incoming[2u * FUZZ_LONGEST + 64u];
static uint32_t incoming_bytes;
static uint32_t taken;

static frame_receiver_t host; /* what the device sends ends up here */
static frame_t last_answer;
static uint32_t answers;

static uint16_t sequence;
static jmp_buf boot;
static uint32_t boots;
static bool faulted;

int32_t console_getc(void)
{
    return taken < incoming_bytes ? incoming[taken++] : CONSOLE_EMPTY;
}

/* Every byte belongs to a whole frame, or it would be seen at the next one. */
void console_write(const uint8_t *data, uint32_t bytes)
{
    for (uint32_t i = 0; i < bytes; i++) {
        if (frame_receive(&host, data[i])) {
            last_answer = host.frame;
            answers++;
            fuzz_expect((frame_kind(&last_answer) & 0x80u) != 0, "an answer of the device");
            fuzz_expect(frame_payload_bytes(&last_answer) >= 1, "a status in every answer");
        }
    }
}

void console_init(void) {}
void console_wait(void) {}
void console_flush(void) {}
void counter_init(void) {}
void trigger_init(void) {}

uint64_t counter_read(void)
{
    static uint64_t now;
    return now += UINT32_MAX; /* ticks that do not fit into 32 bits */
}

uint32_t counter_hz(void)
{
    return 1;
}

uint8_t counter_kind(void)
{
    return COUNTER_NONE;
}

void trigger_set(bool high)
{
    (void)high;
}

uint32_t system_boot_id(void)
{
    return boots;
}

uint32_t system_clock_hz(void)
{
    return 1;
}

system_memory_t system_memory(void)
{
    return (system_memory_t){.stack_bytes = 1};
}

uint8_t *system_spare_memory(uint32_t *bytes)
{
    static uint8_t spare[NETWORK_INPUT_0_BYTES + NETWORK_INPUT_1_BYTES];
    *bytes = sizeof spare;
    return spare;
}

bool system_last_fault(system_fault_t *fault)
{
    *fault = (system_fault_t){.boot_id = boots};
    return faulted;
}

void system_clear_fault(void)
{
    faulted = false;
}

void system_reset(void)
{
    longjmp(boot, 1);
}

void system_provoke_fault(system_fault_kind_t kind)
{
    fuzz_expect(kind < SYSTEM_FAULT_KINDS, "a known kind of fault");
    faulted = true;
    system_reset();
}

static void line(const uint8_t *data, uint32_t bytes)
{
    fuzz_expect(bytes <= sizeof incoming - incoming_bytes, "room on the line");
    memcpy(incoming + incoming_bytes, data, bytes);
    incoming_bytes += bytes;
}

static void put_frame(uint8_t kind, uint16_t number, const uint8_t *payload, uint32_t bytes)
{
    frame_t frame;
    frame_begin(&frame, kind, number);
    frame_append(&frame, payload, bytes > FRAME_MAX_PAYLOAD ? FRAME_MAX_PAYLOAD : bytes);
    frame_send(&frame, line);
}

/* Lets the device take all that is on the line, through every reset that is asked for. */
static void serve(void)
{
    if (setjmp(boot) != 0) {
        boots++;
        protocol_init();
    }
    protocol_poll();
    incoming_bytes = taken = 0;
}

static uint16_t following(uint16_t number)
{
    return (uint16_t)(number == UINT16_MAX ? 1 : number + 1);
}

void fuzz_start(void)
{
    protocol_init();
}

static void frame_of(const uint8_t *input, size_t length, uint8_t mode)
{
    uint8_t payload[FRAME_MAX_PAYLOAD] = {0};
    uint8_t kind = input[0];
    uint32_t bytes = (uint32_t)(length - 1);
    bytes = bytes > sizeof payload ? sizeof payload : bytes;
    memcpy(payload, input + 1, bytes);
    if (kind == RUN && bytes == 4) {
        bytes_put32(payload, bytes_get32(payload) % MOST_INFERENCES);
    }
    if (mode == FOLLOWING) {
        sequence = following(sequence);
    }
    put_frame(kind, mode == OTHER ? (uint16_t)fuzz_random() : sequence, payload, bytes);
}

void fuzz_execute(const uint8_t *input, size_t length)
{
    uint8_t mode = length ? input[0] % MODES : RAW;
    if (mode != RAW && length > 1) {
        frame_of(input + 1, length - 1, mode);
    } else if (length > 1) {
        line(input + 1, (uint32_t)(length - 1));
    }
    serve();
}

static void request(uint8_t kind, const uint8_t *payload, uint32_t bytes)
{
    sequence = following(sequence);
    answers = 0;
    put_frame(kind, sequence, payload, bytes);
    serve();
    fuzz_expect(answers == 1, "one answer to a request");
    fuzz_expect(frame_kind(&last_answer) == (kind | 0x80u), "the answer to this command");
    fuzz_expect(frame_sequence(&last_answer) == sequence, "the answer to this request");
    fuzz_expect(frame_payload(&last_answer)[0] == 0, "status OK");
}

/* A greeting, and an inference whose result is known. */
void fuzz_still_works(void)
{
    uint8_t first[5 + NETWORK_INPUT_0_BYTES] = {0};
    uint8_t second[5 + NETWORK_INPUT_1_BYTES] = {1};
    for (uint32_t i = 5; i < sizeof first; i++) {
        first[i] = (uint8_t)fuzz_random();
    }
    second[5] = (uint8_t)fuzz_random();
    sequence = (uint16_t)fuzz_random();
    request(HELLO, first, 0);
    request(WRITE_INPUT, first, sizeof first);
    request(WRITE_INPUT, second, sizeof second);
    request(RUN, (const uint8_t[]){1, 0, 0, 0}, 4);
    request(READ_OUTPUT, (const uint8_t[]){0, 0, 0, 0, 0, NETWORK_OUTPUT_0_BYTES, 0}, 7);
    fuzz_expect(frame_payload_bytes(&last_answer) == 1 + NETWORK_OUTPUT_0_BYTES, "a whole output");
    for (uint32_t i = 0; i < NETWORK_OUTPUT_0_BYTES; i++) {
        uint8_t right = (uint8_t)(first[5 + i] + second[5]);
        fuzz_expect(frame_payload(&last_answer)[1 + i] == right, "the right output");
    }
}
