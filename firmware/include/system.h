/* The chip around the network: identity of this boot, memory, faults, reset. */
#ifndef SYSTEM_H
#define SYSTEM_H

#include <stdbool.h>
#include <stdint.h>

typedef struct {
    uint32_t stack_bytes;
    uint32_t stack_high_water; /* the deepest the stack has ever been */
    uint32_t static_bytes;     /* all else that the linker lays out in RAM, arena aside */
} system_memory_t;

/* What the core saved when it faulted. `address` is 0 where the core could not tell. */
typedef struct {
    uint32_t cfsr;
    uint32_t hfsr;
    uint32_t address;
    uint32_t pc;
    uint32_t lr;
    uint32_t xpsr;
    uint32_t boot_id;
} system_fault_t;

typedef enum {
    SYSTEM_UNDEFINED_INSTRUCTION = 0,
    SYSTEM_BAD_ADDRESS = 1,
    SYSTEM_FAULT_KINDS = 2,
} system_fault_kind_t;

/* Counts up with every reset that RAM survives; begins anywhere after a loss of power. */
uint32_t system_boot_id(void);

uint32_t system_clock_hz(void);
system_memory_t system_memory(void);

/* RAM that nothing uses. */
uint8_t *system_spare_memory(uint32_t *bytes);

/* The last fault, if there was one since the last call of system_clear_fault or loss of power. */
bool system_last_fault(system_fault_t *fault);
void system_clear_fault(void);

_Noreturn void system_reset(void);
_Noreturn void system_provoke_fault(system_fault_kind_t kind);

#endif
