/* From reset to main(). */
#include "startup.h"

#include "board.h"
#include "cache.h"
#include "linker.h"
#include "retained.h"
#include "scs.h"
#include "stack.h"

/* Initial values of variables, and code and constants that are to lie in fast memory. */
static void copy_images(void)
{
    for (const linker_copy_t *copy = linker_copies_start; copy < linker_copies_end; copy++) {
        for (uint32_t word = 0; word < copy->bytes / 4u; word++) {
            copy->to[word] = copy->from[word];
        }
    }
    scs_barrier(); /* code among it is there before it is fetched */
}

static void clear_bss(void)
{
    for (uint32_t *word = linker_bss_start; word < linker_bss_end; word++) {
        *word = 0;
    }
}

/* Runs main() on the program's stack, and leaves the reset stack to exceptions. */
static _Noreturn void enter_main(void)
{
    __asm__ volatile("msr psp, %0\n"
                     "movs r0, #2\n" /* CONTROL.SPSEL: threads use PSP */
                     "msr control, r0\n"
                     "isb\n"
                     "bl main\n"
                     "b ." ::"r"(linker_stack_end)
                     : "r0", "memory");
    __builtin_unreachable();
}

void startup_reset(void)
{
#if CORE_HAS_FPU
    REGISTER(CPACR) |= CPACR_CP10_CP11; /* Helium as well */
    scs_barrier();
#endif
#if CORE_HAS_LOOP_CACHE
    REGISTER(CCR) |= CCR_LOB;
#endif
    REGISTER(VTOR) = (uint32_t)(uintptr_t)startup_vectors;
    cache_enable(); /* first of all it forgets what it held before the reset */
    copy_images();
    clear_bss();
    retained_begin_boot(linker_stack_start, linker_distance(linker_stack_start, linker_stack_end));
    stack_paint();
    stack_guard();
    enter_main();
}
