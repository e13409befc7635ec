/*
 * Names the motion in every window of a recording: frames of three int16 from standard input, as the
 * sensor gives them. On a device, the frames come from its interrupt or its FIFO instead.
 */
#include <stdio.h>

#include "motion.h"
#include "motion_preprocess.h"

static const char *const names[] = {"resting", "walking", "shaking"};
static _Alignas(MOTION_ARENA_ALIGNMENT) uint8_t arena[MOTION_ARENA_BYTES];
static motion_window_t window;

static uint32_t largest(const int8_t *values, uint32_t count)
{
    uint32_t best = 0;
    for (uint32_t i = 1; i < count; ++i) {
        best = values[i] > values[best] ? i : best;
    }
    return best;
}

int main(void)
{
    int16_t frame[MOTION_FRAME_COUNT];
    motion_window_init(&window);
    while (fread(frame, sizeof frame, 1, stdin) == 1) {
        if (motion_window_push(&window, frame)) {
            motion_window_copy(&window, (int8_t *)(arena + MOTION_INPUT_0_OFFSET));
            motion_invoke(arena);
            const int8_t *output = (const int8_t *)(arena + MOTION_OUTPUT_0_OFFSET);
            puts(names[largest(output, MOTION_OUTPUT_0_BYTES)]);
        }
    }
    return 0;
}
