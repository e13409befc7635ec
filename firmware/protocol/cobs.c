#include "cobs.h"

/* A block is a code byte and code - 1 literal bytes. The code 255 says that 254 literals are not
 * followed by a zero; every other code says that they are, unless the packet ends there. */
#define LONGEST_BLOCK 254u

int32_t cobs_decode(cobs_decoder_t *decoder, uint8_t byte)
{
    if (decoder->remaining > 0) {
        decoder->remaining--;
        return byte;
    }
    bool zero = decoder->zero_due;
    decoder->remaining = (uint8_t)(byte - 1u);
    decoder->zero_due = byte <= LONGEST_BLOCK;
    return zero ? 0 : COBS_NOTHING;
}

bool cobs_complete(const cobs_decoder_t *decoder)
{
    return decoder->remaining == 0;
}

void cobs_encode(const uint8_t *data, uint32_t bytes, cobs_sink_t sink)
{
    uint32_t start = 0;
    bool zero_due = true; /* an empty packet still has one block */
    while (start < bytes || zero_due) {
        uint32_t length = 0;
        while (length < LONGEST_BLOCK && start + length < bytes && data[start + length] != 0) {
            length++;
        }
        uint8_t code = (uint8_t)(length + 1u);
        sink(&code, 1);
        sink(data + start, length);
        start += length;
        zero_due = length < LONGEST_BLOCK && start < bytes;
        start += zero_due ? 1u : 0u;
    }
}
