#include "protocol.h"

#include "commands.h"
#include "console.h"
#include "frame.h"

#include <stdbool.h>
#include <stddef.h>

#define ANSWER 0x80u
#define LAST_SEQUENCE 65535u

static frame_receiver_t receiver;

/* The answer to the last request that was executed; kept in case it is lost on the line. */
static frame_t answer;

/* Whether there was such a request since the reset. */
static bool numbered;

void protocol_init(void)
{
    receiver = (frame_receiver_t){.decoder = {0}};
    numbered = false;
    commands_init();
}

static uint16_t following(uint16_t sequence)
{
    return (uint16_t)(sequence == LAST_SEQUENCE ? 1u : sequence + 1u);
}

/* Turns the request, which nobody will read again, into its answer. */
static void refuse(frame_t *request)
{
    frame_begin(request, frame_kind(request) | ANSWER, frame_sequence(request));
    frame_append8(request, STATUS_OUT_OF_SEQUENCE);
    frame_send(request, console_write);
}

static void execute(const frame_t *request)
{
    frame_begin(&answer, frame_kind(request) | ANSWER, frame_sequence(request));
    commands_then_t then = commands_execute(request, &answer);
    numbered = true;
    frame_send(&answer, console_write);
    if (then != NULL) {
        console_flush();
        then();
    }
}

static void handle(frame_t *request)
{
    uint16_t sequence = frame_sequence(request);
    if (frame_kind(request) == COMMAND_HELLO) {
        execute(request);
    } else if (numbered && sequence == frame_sequence(&answer)) {
        frame_send(&answer, console_write);
    } else if (numbered && sequence == following(frame_sequence(&answer))) {
        execute(request);
    } else {
        refuse(request);
    }
}

void protocol_poll(void)
{
    for (int32_t byte = console_getc(); byte != CONSOLE_EMPTY; byte = console_getc()) {
        if (frame_receive(&receiver, (uint8_t)byte)) {
            handle(&receiver.frame);
        }
    }
}
