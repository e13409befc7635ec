/* Faults: save what the core knows, then start again; the host asks for it later. */
#include "board.h"
#include "exceptions.h"
#include "linker.h"
#include "retained.h"
#include "scs.h"

#include <stddef.h>

/* What the core pushes on exception entry. */
typedef struct {
    uint32_t r0, r1, r2, r3, r12, lr, pc, xpsr;
} exception_frame_t;

static bool within(const exception_frame_t *frame, const uint32_t *start, const uint32_t *end)
{
    return (uintptr_t)frame >= (uintptr_t)start && (uintptr_t)(frame + 1) <= (uintptr_t)end;
}

#if CORE_HAS_FAULT_STATUS

static void read_status(system_fault_t *fault)
{
    fault->cfsr = REGISTER(CFSR);
    fault->hfsr = REGISTER(HFSR);
    if (fault->cfsr & CFSR_BFARVALID) {
        fault->address = REGISTER(BFAR);
    } else if (fault->cfsr & CFSR_MMARVALID) {
        fault->address = REGISTER(MMFAR);
    }
}

#else

/* Armv6-M does not tell what happened, only where. */
static void read_status(system_fault_t *fault)
{
    (void)fault;
}

#endif

/* Whether the frame was written where it says; after an overflow of the stack it was not. */
static bool readable(const exception_frame_t *frame, uint32_t cfsr)
{
    return (cfsr & (CFSR_MSTKERR | CFSR_STKERR | CFSR_STKOF)) == 0 &&
           (within(frame, linker_stack_start, linker_stack_end) ||
            within(frame, linker_handler_stack_start, linker_handler_stack_end));
}

/* Called by exception_fault, in assembly, so the linker must find it under this name. */
_Noreturn void fault_record_and_reset(const exception_frame_t *frame);

_Noreturn void fault_record_and_reset(const exception_frame_t *frame)
{
    system_fault_t fault = {0};
    read_status(&fault);
    if (readable(frame, fault.cfsr)) {
        fault.pc = frame->pc;
        fault.lr = frame->lr;
        fault.xpsr = frame->xpsr;
    }
    retained_record_fault(&fault);
    system_reset();
}

/* Bit 2 of EXC_RETURN tells which stack the frame is on. In instructions that Armv6-M has too. */
__attribute__((naked)) void exception_fault(void)
{
    __asm__ volatile("movs r0, #4\n"
                     "mov r1, lr\n"
                     "tst r1, r0\n"
                     "bne 1f\n"
                     "mrs r0, msp\n"
                     "bl fault_record_and_reset\n"
                     "1: mrs r0, psp\n"
                     "bl fault_record_and_reset");
}

void system_provoke_fault(system_fault_kind_t kind)
{
    if (kind == SYSTEM_UNDEFINED_INSTRUCTION) {
        __asm__ volatile("udf #0");
    } else {
        (void)REGISTER(0xE8000000u); /* reserved on every chip here */
        scs_barrier();
    }
    system_reset(); /* where the fault did not happen */
}
