/* Symbols of the linker script; only their addresses mean something. */
#ifndef LINKER_H
#define LINKER_H

#include <stdint.h>

/* What is flashed in one place and used in another: a multiple of four bytes. */
typedef struct {
    const uint32_t *from;
    uint32_t *to;
    uint32_t bytes;
} linker_copy_t;

extern const linker_copy_t linker_copies_start[];
extern const linker_copy_t linker_copies_end[];

extern uint32_t linker_bss_start[];
extern uint32_t linker_bss_end[];

/* The stack of the program. It stands at the low end of a RAM, with nothing of ours below. */
extern uint32_t linker_stack_start[];
extern uint32_t linker_stack_end[];

/* The stack of exception handlers, which has to work when the other one has overflowed. */
extern uint32_t linker_handler_stack_start[];
extern uint32_t linker_handler_stack_end[];

/* Everything but arena and stack that is laid out in RAM. */
extern uint8_t linker_static_start[];
extern uint8_t linker_static_end[];

/* What is left of the RAM that has most left. */
extern uint8_t linker_spare_start[];
extern uint8_t linker_spare_end[];

static inline uint32_t linker_distance(const void *start, const void *end)
{
    return (uint32_t)((uintptr_t)end - (uintptr_t)start);
}

#endif
