#include "stack.h"

#include "linker.h"

#define PAINT 0xC5C5C5C5u

void stack_paint(void)
{
    for (uint32_t *word = linker_stack_start; word < linker_stack_end; word++) {
        *word = PAINT;
    }
}

uint32_t stack_high_water(void)
{
    const volatile uint32_t *word = linker_stack_start;
    while (word < linker_stack_end && *word == PAINT) {
        word++;
    }
    return linker_distance((const void *)word, linker_stack_end);
}
