/* The network as the rest of the firmware sees it; model.c, which tinygen renders, fills it in. */
#ifndef MODEL_H
#define MODEL_H

#include <stdint.h>

#define MODEL_BUILD_ID_BYTES 16u
#define MODEL_SHA256_BYTES 32u

/* A range of the arena. */
typedef struct {
    uint32_t offset;
    uint32_t bytes;
} model_range_t;

typedef struct {
    const char *name;
    model_range_t output;
} model_layer_t;

typedef struct {
    const char *board;
    uint8_t build_id[MODEL_BUILD_ID_BYTES];
    uint8_t sha256[MODEL_SHA256_BYTES]; /* of the model file */
    uint8_t *arena;
    uint32_t arena_bytes;
    const model_range_t *inputs;
    const model_range_t *outputs;
    uint8_t input_count;
    uint8_t output_count;
    uint16_t layer_count;
    void (*invoke)(void *arena);
    void (*invoke_layer)(void *arena, uint32_t layer);
    model_layer_t (*layer)(uint32_t layer);
} model_t;

extern const model_t model;

#endif
