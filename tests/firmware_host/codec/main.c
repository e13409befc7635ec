/* Runs the codec of the firmware over packets from standard input, each led by its length in 32
 * bits. For each it writes the CRC, then length and bytes of its encoding, then length and bytes of
 * what the packet itself decodes to, or the length 0xFFFFFFFF where it may not end there. */
#include "bytes.h"
#include "cobs.h"
#include "crc32.h"

#include <stdio.h>
#include <stdlib.h>

static uint8_t encoded[1 << 20];
static uint32_t encoded_bytes;

static void collect(const uint8_t *data, uint32_t bytes)
{
    for (uint32_t i = 0; i < bytes; i++) {
        encoded[encoded_bytes++] = data[i];
    }
}

static void put32(uint32_t value)
{
    uint8_t bytes[4];
    bytes_put32(bytes, value);
    fwrite(bytes, 1, sizeof bytes, stdout);
}

static void put_decoded(const uint8_t *packet, uint32_t bytes)
{
    cobs_decoder_t decoder = {0};
    uint8_t *decoded = malloc(bytes + 1u);
    uint32_t decoded_bytes = 0;
    for (uint32_t i = 0; i < bytes; i++) {
        int32_t byte = cobs_decode(&decoder, packet[i]);
        if (byte != COBS_NOTHING) {
            decoded[decoded_bytes++] = (uint8_t)byte;
        }
    }
    if (cobs_complete(&decoder)) {
        put32(decoded_bytes);
        fwrite(decoded, 1, decoded_bytes, stdout);
    } else {
        put32(UINT32_MAX);
    }
    free(decoded);
}

int main(void)
{
    uint8_t header[4];
    while (fread(header, 1, sizeof header, stdin) == sizeof header) {
        uint32_t bytes = bytes_get32(header);
        uint8_t *packet = malloc(bytes ? bytes : 1); /* exact, so that a stray read is seen */
        if (fread(packet, 1, bytes, stdin) != bytes) {
            return 1;
        }
        put32(crc32_update(0, packet, bytes));
        encoded_bytes = 0;
        cobs_encode(packet, bytes, collect);
        put32(encoded_bytes);
        fwrite(encoded, 1, encoded_bytes, stdout);
        put_decoded(packet, bytes);
        free(packet);
    }
    return 0;
}
