/* CRC-32 of IEEE 802.3, as zlib computes it. */
#ifndef CRC32_H
#define CRC32_H

#include <stdint.h>

/* Continues a CRC over more bytes; the CRC of no bytes is 0, which is also what to start with. */
uint32_t crc32_update(uint32_t crc, const uint8_t *data, uint32_t bytes);

#endif
