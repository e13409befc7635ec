#include "stack.h"

#include "board.h"
#include "linker.h"
#include "scs.h"

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

#if CORE_HAS_STACK_LIMITS

void stack_guard(void)
{
    __asm__ volatile("msr psplim, %0\n msr msplim, %1" ::"r"(linker_stack_start),
                     "r"(linker_handler_stack_start));
}

#else

/* The stack stands at the start of a RAM, which is aligned to far more than this; below it there is
 * nothing of ours. Not every chip, and hardly any emulator, faults there of its own accord. */
#define GUARD_LOG2_BYTES 16u

void stack_guard(void)
{
    if ((REGISTER(MPU_TYPE) & MPU_TYPE_DREGION) == 0) {
        return; /* the bus has to refuse what lies below the RAM */
    }
    uint32_t start = (uint32_t)(uintptr_t)linker_stack_start;
    REGISTER(MPU_RBAR) = (start - (1u << GUARD_LOG2_BYTES)) | MPU_RBAR_VALID;
    REGISTER(MPU_RASR) = MPU_RASR_XN | (GUARD_LOG2_BYTES - 1u) << 1 | MPU_RASR_ENABLE;
    REGISTER(MPU_CTRL) = MPU_CTRL_PRIVDEFENA | MPU_CTRL_ENABLE;
    scs_barrier();
}

#endif
