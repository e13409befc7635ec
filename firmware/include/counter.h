/* What inferences are timed with. It only counts up and never wraps. */
#ifndef COUNTER_H
#define COUNTER_H

#include <stdint.h>

/* As HELLO reports them. */
enum {
    COUNTER_NONE = 0,
    COUNTER_DWT = 1,
    COUNTER_CMSDK_TIMER = 2,
    COUNTER_SSE300 = 3,
    COUNTER_SYSTICK = 4,
};

void counter_init(void);
uint64_t counter_read(void);
uint32_t counter_hz(void);
uint8_t counter_kind(void);

#endif
