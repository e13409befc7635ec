/*
 * Runs every layer of a network on arenas that come out of a file on the host, and writes back the
 * arenas as they are then and how deep the stack was in each layer. For QEMU, through semihosting.
 */
#include "network.h"

#define PAINT 0xc5c5c5c5u
#define PAINTED_WORDS 1024u
#define CPACR (*(volatile uint32_t *)0xe000ed88u)
#define CCR (*(volatile uint32_t *)0xe000ed14u)

enum { SYS_OPEN = 0x01, SYS_WRITE = 0x05, SYS_READ = 0x06, SYS_EXIT = 0x18 };
enum { MODE_READ = 1, MODE_WRITE = 5 }; /* binary */
enum { EXIT_DONE = 0x20026, EXIT_FAULT = 0x20023 };

extern uint8_t stack_end[];

static _Alignas(16) uint8_t arena[NETWORK_ARENA_BYTES];
static uint32_t deepest[NETWORK_LAYER_COUNT];
static volatile uint32_t running;
static int32_t output;

static int32_t semihost(uint32_t operation, uintptr_t argument)
{
    register uint32_t r0 __asm__("r0") = operation;
    register uintptr_t r1 __asm__("r1") = argument;
    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
    return (int32_t)r0;
}

static int32_t transfer(uint32_t operation, int32_t file, void *data, uint32_t bytes)
{
    uint32_t block[] = {(uint32_t)file, (uint32_t)(uintptr_t)data, bytes};
    return semihost(operation, (uintptr_t)block); /* bytes that were not transferred */
}

static int32_t open_file(const char *name, uint32_t name_bytes, uint32_t mode)
{
    uint32_t block[] = {(uint32_t)(uintptr_t)name, mode, name_bytes};
    return semihost(SYS_OPEN, (uintptr_t)block);
}

static __attribute__((noinline)) void run_layer(uint32_t layer)
{
    uint32_t *top;
    __asm__ volatile("mov %0, sp" : "=r"(top));
    volatile uint32_t *word = top - PAINTED_WORDS;
    while (word < top) {
        *word++ = PAINT;
    }
    network_invoke_layer(arena, layer);
    for (word = top - PAINTED_WORDS; word < top && *word == PAINT;) {
        ++word;
    }
    uint32_t depth = (uint32_t)((uintptr_t)top - (uintptr_t)word);
    deepest[layer] = depth > deepest[layer] ? depth : deepest[layer];
}

static void reset(void)
{
#if defined(__ARM_FP)
    CPACR |= 0xfu << 20; /* floating point, and Helium */
    __asm__ volatile("dsb\n isb");
#endif
#if defined(__ARM_FEATURE_MVE)
    CCR |= 1u << 19; /* low-overhead loops */
#endif
    int32_t input = open_file("inputs", 6, MODE_READ);
    output = open_file("outputs", 7, MODE_WRITE);
    while (transfer(SYS_READ, input, arena, sizeof arena) == 0) {
        for (running = 0; running < NETWORK_LAYER_COUNT; ++running) {
            run_layer(running);
        }
        transfer(SYS_WRITE, output, arena, sizeof arena);
    }
    transfer(SYS_WRITE, output, deepest, sizeof deepest);
    semihost(SYS_EXIT, EXIT_DONE);
}

static void fault(void)
{
    transfer(SYS_WRITE, output, (void *)(uintptr_t)&running, sizeof running);
    semihost(SYS_EXIT, EXIT_FAULT);
}

__attribute__((section(".vectors"), used)) static void (*const vectors[16])(void) = {
    (void (*)(void))(uintptr_t)stack_end,
    reset,
    [2 ... 15] = fault,
};
