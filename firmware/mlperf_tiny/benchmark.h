/* Which benchmark of MLPerf Tiny the network is for; benchmark.c, which tinygen renders, says it. */
#ifndef BENCHMARK_H
#define BENCHMARK_H

#include <stdbool.h>
#include <stdint.h>

/* real = scale * (stored - zero_point) */
typedef struct {
    float scale;
    int32_t zero_point;
} quantization_t;

typedef struct {
    const char *model_id;
    bool energy; /* timestamps are edges of the trigger pin instead of lines of text */
    bool floats; /* the host sends float32; the result is how far the output is from it */
    uint8_t flip; /* 0x80 where the host sends uint8, from which 128 is to be subtracted */
    quantization_t input;
    quantization_t output;
    uint8_t *loaded; /* what the host has sent, flipped */
    uint32_t loaded_bytes;
    int8_t *prepared; /* what the network takes; the same memory as `loaded` but with floats */
    uint32_t elements;
} benchmark_t;

extern const benchmark_t benchmark;

#endif
