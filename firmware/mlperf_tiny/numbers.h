/* Between the numbers of the host and those of the network, in the arithmetic of the benchmark's
 * reference implementation: float32, one operation after the other. */
#ifndef NUMBERS_H
#define NUMBERS_H

#include "benchmark.h"

#include <stdint.h>

float numbers_dequantize(int8_t stored, quantization_t quantization);

/* Rounds half away from zero and saturates; not-a-number becomes the zero point. */
int8_t numbers_quantize(float real, quantization_t quantization);

/* The float32 at index `i` of little-endian bytes at any alignment. */
float numbers_float(const uint8_t *bytes, uint32_t i);

/* The mean of the squared differences between floats and stored values. */
float numbers_mean_square(const uint8_t *floats, const int8_t *stored, uint32_t count,
                          quantization_t quantization);

#endif
