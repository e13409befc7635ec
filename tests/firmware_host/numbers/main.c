/* Shows floats as the firmware does: four little-endian bytes each on standard input. */
#include "console.h"
#include "numbers.h"
#include "text.h"

#include <stdio.h>

void console_write(const uint8_t *data, uint32_t bytes)
{
    fwrite(data, 1, bytes, stdout);
}

int main(void)
{
    uint8_t bytes[4];
    while (fread(bytes, 1, sizeof bytes, stdin) == sizeof bytes) {
        float value = numbers_float(bytes, 0);
        quantization_t quantization = {.scale = 0.375f, .zero_point = -11};
        text_fixed3(value);
        printf(" %d\n", numbers_quantize(value, quantization));
    }
    return 0;
}
