/* Frames of the device protocol: COBS(version, kind, sequence, payload, CRC-32), zero. */
#ifndef FRAME_H
#define FRAME_H

#include "bytes.h"
#include "cobs.h"

#include <stdbool.h>
#include <stdint.h>

#define FRAME_VERSION 1u
#define FRAME_MAX_PAYLOAD 1024u
#define FRAME_HEADER_BYTES 4u
#define FRAME_CRC_BYTES 4u
#define FRAME_MAX_BODY (FRAME_HEADER_BYTES + FRAME_MAX_PAYLOAD + FRAME_CRC_BYTES)

/* A frame in memory: the body as it is on the line before COBS. The first `bytes` of it count;
 * while a frame is being built or after it was checked, these do not include the CRC. */
typedef struct {
    uint8_t body[FRAME_MAX_BODY];
    uint32_t bytes;
} frame_t;

static inline uint8_t frame_kind(const frame_t *frame)
{
    return frame->body[1];
}

static inline uint16_t frame_sequence(const frame_t *frame)
{
    return bytes_get16(frame->body + 2);
}

static inline const uint8_t *frame_payload(const frame_t *frame)
{
    return frame->body + FRAME_HEADER_BYTES;
}

static inline uint32_t frame_payload_bytes(const frame_t *frame)
{
    return frame->bytes - FRAME_HEADER_BYTES;
}

/* Takes frames off the line. All zero is its initial state. */
typedef struct {
    frame_t frame;
    cobs_decoder_t decoder;
    bool too_long; /* nothing more is stored until the frame ends */
    bool ended;    /* the next byte starts a new frame */
} frame_receiver_t;

/* Takes one byte off the line. Returns whether it completed a whole, undamaged frame, which is then
 * in receiver->frame until the next call. Anything else is dropped. */
bool frame_receive(frame_receiver_t *receiver, uint8_t byte);

/* Starts a frame with an empty payload. */
void frame_begin(frame_t *frame, uint8_t kind, uint16_t sequence);

/* Where the next bytes of the payload go, and how many of them still fit. */
static inline uint8_t *frame_tail(frame_t *frame)
{
    return frame->body + frame->bytes;
}

static inline uint32_t frame_room(const frame_t *frame)
{
    return FRAME_HEADER_BYTES + FRAME_MAX_PAYLOAD - frame->bytes;
}

/* Appends to the payload; the caller has made sure that there is room. */
void frame_append(frame_t *frame, const void *data, uint32_t bytes);
void frame_append8(frame_t *frame, uint8_t value);
void frame_append16(frame_t *frame, uint16_t value);
void frame_append32(frame_t *frame, uint32_t value);
void frame_append64(frame_t *frame, uint64_t value);

/* Puts a frame on the line. It stays as it is and can be sent again. */
void frame_send(frame_t *frame, cobs_sink_t sink);

#endif
