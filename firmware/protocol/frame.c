#include "frame.h"

#include "crc32.h"

#include <string.h>

static void restart(frame_receiver_t *receiver)
{
    receiver->frame.bytes = 0;
    receiver->decoder = (cobs_decoder_t){0};
    receiver->too_long = false;
    receiver->ended = false;
}

/* Checks a received body and takes the CRC off it. */
static bool undamaged(frame_t *frame)
{
    if (frame->bytes < FRAME_HEADER_BYTES + FRAME_CRC_BYTES) {
        return false;
    }
    uint32_t bytes = frame->bytes - FRAME_CRC_BYTES;
    if (crc32_update(0, frame->body, bytes) != bytes_get32(frame->body + bytes)) {
        return false;
    }
    frame->bytes = bytes;
    return frame->body[0] == FRAME_VERSION;
}

bool frame_receive(frame_receiver_t *receiver, uint8_t byte)
{
    if (receiver->ended) {
        restart(receiver);
    }
    if (byte == 0) {
        receiver->ended = true;
        return !receiver->too_long && cobs_complete(&receiver->decoder) &&
               undamaged(&receiver->frame);
    }
    int32_t decoded = cobs_decode(&receiver->decoder, byte);
    if (decoded == COBS_NOTHING || receiver->too_long) {
        return false;
    }
    if (receiver->frame.bytes == FRAME_MAX_BODY) {
        receiver->too_long = true;
        return false;
    }
    receiver->frame.body[receiver->frame.bytes++] = (uint8_t)decoded;
    return false;
}

void frame_begin(frame_t *frame, uint8_t kind, uint16_t sequence)
{
    frame->bytes = 0;
    frame_append8(frame, FRAME_VERSION);
    frame_append8(frame, kind);
    frame_append16(frame, sequence);
}

void frame_append(frame_t *frame, const void *data, uint32_t bytes)
{
    memcpy(frame_tail(frame), data, bytes);
    frame->bytes += bytes;
}

void frame_append8(frame_t *frame, uint8_t value)
{
    frame_append(frame, &value, 1);
}

void frame_append16(frame_t *frame, uint16_t value)
{
    bytes_put16(frame_tail(frame), value);
    frame->bytes += 2;
}

void frame_append32(frame_t *frame, uint32_t value)
{
    bytes_put32(frame_tail(frame), value);
    frame->bytes += 4;
}

void frame_append64(frame_t *frame, uint64_t value)
{
    bytes_put64(frame_tail(frame), value);
    frame->bytes += 8;
}

void frame_send(frame_t *frame, cobs_sink_t sink)
{
    static const uint8_t end = 0;
    bytes_put32(frame_tail(frame), crc32_update(0, frame->body, frame->bytes));
    sink(&end, 1); /* flushes whatever noise came before at the other end */
    cobs_encode(frame->body, frame->bytes + FRAME_CRC_BYTES, sink);
    sink(&end, 1);
}
