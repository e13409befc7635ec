#include "numbers.h"

#include "bytes.h"

#include <string.h>

float numbers_dequantize(int8_t stored, quantization_t quantization)
{
    return (float)(stored - quantization.zero_point) * quantization.scale;
}

int8_t numbers_quantize(float real, quantization_t quantization)
{
    float steps = real / quantization.scale;
    if (steps != steps) {
        return (int8_t)quantization.zero_point;
    }
    if (steps >= (float)(INT8_MAX - quantization.zero_point)) {
        return INT8_MAX;
    }
    if (steps <= (float)(INT8_MIN - quantization.zero_point)) {
        return INT8_MIN;
    }
    int32_t whole = (int32_t)steps;
    float rest = steps - (float)whole; /* exact, where adding a half to `steps` is not */
    whole += (rest >= 0.5f) - (rest <= -0.5f);
    return (int8_t)(whole + quantization.zero_point);
}

float numbers_float(const uint8_t *bytes, uint32_t i)
{
    uint32_t bits = bytes_get32(bytes + sizeof(float) * i);
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

float numbers_mean_square(const uint8_t *floats, const int8_t *stored, uint32_t count,
                          quantization_t quantization)
{
    float sum = 0.0f;
    for (uint32_t i = 0; i < count; i++) {
        float difference = numbers_dequantize(stored[i], quantization) - numbers_float(floats, i);
        sum += difference * difference;
    }
    return sum / (float)count;
}
