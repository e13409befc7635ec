/* The vector table. An entry without a name belongs to an interrupt that nothing enables. */
#include "board.h"
#include "exceptions.h"
#include "linker.h"
#include "startup.h"

__attribute__((section(".vectors"), used)) const startup_vector_t startup_vectors[] = {
    [0] = {.stack = linker_handler_stack_end},
    [1] = {.handler = startup_reset},
    [2] = {.handler = exception_fault}, /* NMI */
    [3] = {.handler = exception_fault}, /* HardFault, which takes the place of all other faults */
#ifdef COUNTER_EXCEPTION
    [COUNTER_EXCEPTION] = {.handler = exception_counter},
#endif
    [16 + CONSOLE_IRQ] = {.handler = exception_console},
#ifdef CONSOLE_SECOND_IRQ
    [16 + CONSOLE_SECOND_IRQ] = {.handler = exception_console},
#endif
};
