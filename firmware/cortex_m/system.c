#include "system.h"

#include "clock.h"
#include "linker.h"
#include "scs.h"
#include "stack.h"

uint32_t system_clock_hz(void)
{
    return clock_hz();
}

system_memory_t system_memory(void)
{
    return (system_memory_t){
        .stack_bytes = linker_distance(linker_stack_start, linker_stack_end),
        .stack_high_water = stack_high_water(),
        .static_bytes = linker_distance(linker_static_start, linker_static_end),
    };
}

uint8_t *system_spare_memory(uint32_t *bytes)
{
    *bytes = linker_distance(linker_spare_start, linker_spare_end);
    return linker_spare_start;
}

void system_reset(void)
{
    scs_barrier(); /* writes in flight arrive first */
    REGISTER(AIRCR) = AIRCR_VECTKEY | AIRCR_SYSRESETREQ;
    for (;;) {
        scs_barrier();
    }
}
