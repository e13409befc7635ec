/* System counter of the Corstone SSE-300 (Arm 101773): 64 bits, at the clock of the board. */
#include "counter.h"

#include "clock.h"
#include "register.h"
#include "soc.h"

#define CNTCR (SSE_COUNTER_BASE + 0x00u) /* control */
#define CNTCR_EN (1u << 0)
#define CNTCV_LOW (SSE_COUNTER_BASE + 0x08u) /* count value */
#define CNTCV_HIGH (SSE_COUNTER_BASE + 0x0Cu)

void counter_init(void)
{
    REGISTER(CNTCR) |= CNTCR_EN;
}

uint64_t counter_read(void)
{
    uint32_t high;
    uint32_t low;
    do {
        high = REGISTER(CNTCV_HIGH);
        low = REGISTER(CNTCV_LOW);
    } while (high != REGISTER(CNTCV_HIGH));
    return (uint64_t)high << 32 | low;
}

uint32_t counter_hz(void)
{
    return clock_hz();
}

uint8_t counter_kind(void)
{
    return COUNTER_SSE300;
}
