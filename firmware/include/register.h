/* Access to memory-mapped registers. */
#ifndef REGISTER_H
#define REGISTER_H

#include <stdbool.h>
#include <stdint.h>

#define REGISTER(address) (*(volatile uint32_t *)(uintptr_t)(address))

/* Replaces the bits of `mask` by those of `bits`. */
static inline void register_change(uint32_t address, uint32_t mask, uint32_t bits)
{
    REGISTER(address) = (REGISTER(address) & ~mask) | bits;
}

/* How often to look before giving up. A million reads take over 10 ms on the fastest core here,
 * which is longer than any wait in a manual. */
#define REGISTER_TRIES 1000000u

/* Waits until the bits of `mask` are `bits`; gives up, and returns false, when the hardware does
 * not react. */
static inline bool register_await(uint32_t address, uint32_t mask, uint32_t bits)
{
    for (uint32_t tries = 0; tries < REGISTER_TRIES; tries++) {
        if ((REGISTER(address) & mask) == bits) {
            return true;
        }
    }
    return false;
}

#endif
