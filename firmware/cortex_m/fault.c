/* Faults: save what the core knows, then start again; the host asks for it later. */
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

/* Whether the frame was written where it says; after an overflow of the stack it was not. */
static bool readable(const exception_frame_t *frame)
{
    return (REGISTER(CFSR) & (CFSR_MSTKERR | CFSR_STKERR | CFSR_STKOF)) == 0 &&
           (within(frame, linker_stack_start, linker_stack_end) ||
            within(frame, linker_handler_stack_start, linker_handler_stack_end));
}

static uint32_t fault_address(uint32_t cfsr)
{
    if (cfsr & CFSR_BFARVALID) {
        return REGISTER(BFAR);
    }
    return cfsr & CFSR_MMARVALID ? REGISTER(MMFAR) : 0;
}

/* Called by exception_fault, in assembly, so the linker must find it under this name. */
_Noreturn void fault_record_and_reset(const exception_frame_t *frame);

_Noreturn void fault_record_and_reset(const exception_frame_t *frame)
{
    uint32_t cfsr = REGISTER(CFSR);
    system_fault_t fault = {
        .cfsr = cfsr,
        .hfsr = REGISTER(HFSR),
        .address = fault_address(cfsr),
    };
    if (readable(frame)) {
        fault.pc = frame->pc;
        fault.lr = frame->lr;
        fault.xpsr = frame->xpsr;
    }
    retained_record_fault(&fault);
    system_reset();
}

/* Bit 2 of EXC_RETURN tells which stack the frame is on. */
__attribute__((naked)) void exception_fault(void)
{
    __asm__ volatile("tst lr, #4\n"
                     "ite eq\n"
                     "mrseq r0, msp\n"
                     "mrsne r0, psp\n"
                     "b fault_record_and_reset");
}

void system_provoke_fault(system_fault_kind_t kind)
{
    if (kind == SYSTEM_UNDEFINED_INSTRUCTION) {
        __asm__ volatile("udf #0");
    } else {
        (void)REGISTER(0xF0000000u); /* reserved on every chip here */
        scs_barrier();
    }
    system_reset(); /* where the fault did not happen */
}
