/*
 * A network small enough to check by eye, with what can go wrong in it: two inputs, two outputs, an
 * output that lies over an input, one that is longer than a frame.
 *
 *   layer 0 "sum":     output 0[i] = input 0[i] + input 1[0]      (in place over input 0)
 *   layer 1 "pattern": output 1[i] = input 1[1] + 3 i, 2,000 bytes
 */
#ifndef NETWORK_H
#define NETWORK_H

#include <stdint.h>

#define NETWORK_ARENA_BYTES 2064u
#define NETWORK_ARENA_ALIGNMENT 16u
#define NETWORK_INPUT_COUNT 2u
#define NETWORK_OUTPUT_COUNT 2u
#define NETWORK_LAYER_COUNT 2u

#define NETWORK_INPUT_0_OFFSET 0u
#define NETWORK_INPUT_0_BYTES 48u
#define NETWORK_INPUT_1_OFFSET 48u
#define NETWORK_INPUT_1_BYTES 2u
#define NETWORK_OUTPUT_0_OFFSET 0u
#define NETWORK_OUTPUT_0_BYTES 48u
#define NETWORK_OUTPUT_1_OFFSET 52u
#define NETWORK_OUTPUT_1_BYTES 2000u

typedef struct {
    const char *name;
    uint32_t output_offset;
    uint32_t output_bytes;
} network_layer_t;

extern const network_layer_t network_layers[NETWORK_LAYER_COUNT];

void network_invoke(void *arena);
void network_invoke_layer(void *arena, uint32_t layer);

#endif
