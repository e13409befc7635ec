/* Consistent Overhead Byte Stuffing: takes the zeros out of a packet, so that a zero ends it. */
#ifndef COBS_H
#define COBS_H

#include <stdbool.h>
#include <stdint.h>

/* A decoder that takes an encoded packet byte by byte. All zero is its initial state. */
typedef struct {
    uint8_t remaining; /* literal bytes to come in this block */
    bool zero_due;     /* a zero stands between this block and the next, if there is one */
} cobs_decoder_t;

#define COBS_NOTHING (-1)

/* Takes one encoded byte, which is not zero. Returns the byte it decodes to, or COBS_NOTHING. */
int32_t cobs_decode(cobs_decoder_t *decoder, uint8_t byte);

/* Whether the packet may end here; if not, it was cut short. */
bool cobs_complete(const cobs_decoder_t *decoder);

/* Where encoded bytes go. */
typedef void (*cobs_sink_t)(const uint8_t *data, uint32_t bytes);

/* Encodes a packet straight from its buffer, without the final zero. */
void cobs_encode(const uint8_t *data, uint32_t bytes, cobs_sink_t sink);

#endif
