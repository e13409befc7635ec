/*
 * Counts executed Thumb instructions, one call per translated block.
 *
 * The emulator calls block_entered() whenever it starts a block. A block seen for the first time
 * is decoded here, once: its instructions are counted, predicated ones included, because a core
 * spends a cycle on those as well. A block is identified by address and length, as the same
 * address can start a shorter block (at a page border, or after a stop).
 *
 * `taken` counts how often a block was left by a jump, i.e. the next block did not start where it
 * ends. That is what a cost model needs to price a conditional branch.
 *
 * While a trace is wanted, blocks and the data they access are also written down in order, as events
 * of trace.py. A buffer that is full is handed over and used again.
 */
#include <stdint.h>
#include <stdlib.h>

typedef int (*read_memory_t)(void *engine, uint64_t address, void *bytes, uint64_t size);
typedef int (*stop_t)(void *engine);
typedef int (*read_register_t)(void *engine, int number, void *value);
typedef int (*write_register_t)(void *engine, int number, const void *value);
typedef void (*full_t)(uint32_t count);

typedef struct {
    uint32_t address;
    uint32_t bytes; /* 0 marks a free slot */
    uint64_t instructions;
    uint64_t entered;
    uint64_t taken;
} block_t;

typedef struct {
    read_memory_t read_memory;
    stop_t stop;
    read_register_t read_register;
    write_register_t write_register;
    uint64_t stop_at; /* the engine is stopped before the first block from this count on */
    block_t *blocks; /* open addressing, linear probing */
    uint32_t capacity; /* a power of two */
    uint32_t used;
    uint32_t previous; /* slot of the block before this one, or NO_BLOCK */
    uint32_t window_open; /* blocks are tallied only while the window is open */
    uint64_t instructions; /* all, window or not */
    uint64_t *events; /* NULL: no trace is wanted */
    uint32_t event_room;
    uint32_t event_count;
    full_t full; /* empties the buffer */
} block_counter_t;

enum { EVENT_BLOCK, EVENT_READ, EVENT_WRITE };
#define UNICORN_WRITE 17 /* UC_MEM_WRITE */
#define UNICORN_CPSR 3 /* UC_ARM_REG_CPSR */
#define IT_STATE 0x0600FC00u /* of the CPSR: which instructions of an IT block are to come */

#define NO_BLOCK UINT32_MAX

static uint32_t slot_of(const block_counter_t *counter, uint32_t address, uint32_t bytes)
{
    uint32_t slot = (((address >> 1) * 2654435761u) >> 7) & (counter->capacity - 1);
    while (counter->blocks[slot].bytes != 0 &&
           (counter->blocks[slot].address != address || counter->blocks[slot].bytes != bytes)) {
        slot = (slot + 1) & (counter->capacity - 1);
    }
    return slot;
}

static uint64_t count_instructions(const block_counter_t *counter, void *engine, uint32_t address,
                                   uint32_t bytes)
{
    uint64_t count = 0;
    for (uint32_t at = 0; at < bytes; count++) {
        uint16_t halfword = 0;
        if (counter->read_memory(engine, (uint64_t)address + at, &halfword, 2) != 0) {
            break;
        }
        at += (halfword >= 0xE800u) ? 4u : 2u; /* Armv7-M A5.1: 0b11101 and above are 32-bit */
    }
    return count;
}

static int grow(block_counter_t *counter)
{
    block_t *old = counter->blocks;
    const uint32_t old_capacity = counter->capacity;
    block_t *wider = calloc((size_t)old_capacity * 2, sizeof *wider);
    if (wider == NULL) {
        return 0;
    }
    counter->blocks = wider;
    counter->capacity = old_capacity * 2;
    for (uint32_t i = 0; i < old_capacity; i++) {
        if (old[i].bytes != 0) {
            wider[slot_of(counter, old[i].address, old[i].bytes)] = old[i];
        }
    }
    counter->previous = NO_BLOCK;
    free(old);
    return 1;
}

static void record(block_counter_t *counter, uint64_t kind, uint32_t address, uint32_t bytes)
{
    counter->events[counter->event_count++] = kind << 62 | (uint64_t)bytes << 32 | address;
    if (counter->event_count == counter->event_room) {
        counter->full(counter->event_count);
        counter->event_count = 0;
    }
}

/*
 * Unicorn 2.1 works out the state of an IT block to call a memory hook in it, and forgets to take it
 * back: the next block is executed as if it were still inside. While a block runs, the stored state
 * is always none, as its conditions are in the translated code.
 */
static void leave_it_block(const block_counter_t *counter, void *engine)
{
    uint32_t status = 0;
    if (counter->read_register(engine, UNICORN_CPSR, &status) == 0 && (status & IT_STATE) != 0) {
        status &= ~IT_STATE;
        (void)counter->write_register(engine, UNICORN_CPSR, &status);
    }
}

/* The signature of unicorn's UC_HOOK_MEM_READ and UC_HOOK_MEM_WRITE callbacks. */
void memory_accessed(void *engine, int type, uint64_t address, int bytes, int64_t value, void *user)
{
    block_counter_t *counter = user;
    (void)value;
    leave_it_block(counter, engine);
    if (counter->events != NULL && counter->window_open) {
        record(counter, type == UNICORN_WRITE ? EVENT_WRITE : EVENT_READ, (uint32_t)address,
               (uint32_t)bytes);
    }
}

/* The signature of unicorn's UC_HOOK_BLOCK callback. */
void block_entered(void *engine, uint64_t wide_address, uint32_t bytes, void *user)
{
    block_counter_t *counter = user;
    const uint32_t address = (uint32_t)wide_address;

    if (counter->instructions >= counter->stop_at) {
        counter->stop(engine); /* this block is entered again when the engine goes on */
        return;
    }
    if (counter->previous != NO_BLOCK) {
        block_t *previous = &counter->blocks[counter->previous];
        if (counter->window_open && previous->address + previous->bytes != address) {
            previous->taken++;
        }
        counter->previous = NO_BLOCK;
    }
    if (bytes == 0) {
        return;
    }
    uint32_t slot = slot_of(counter, address, bytes);
    if (counter->blocks[slot].bytes == 0) {
        if (counter->used * 2 >= counter->capacity) {
            if (!grow(counter)) {
                abort(); /* a wrong count is worse than none */
            }
            slot = slot_of(counter, address, bytes);
        }
        counter->used++;
        counter->blocks[slot] = (block_t){
            .address = address,
            .bytes = bytes,
            .instructions = count_instructions(counter, engine, address, bytes),
        };
    }
    counter->instructions += counter->blocks[slot].instructions;
    if (counter->window_open) {
        counter->blocks[slot].entered++;
        counter->previous = slot;
        if (counter->events != NULL) {
            record(counter, EVENT_BLOCK, address, bytes);
        }
    }
}

block_counter_t *block_counter_new(read_memory_t read_memory, stop_t stop,
                                   read_register_t read_register, write_register_t write_register)
{
    block_counter_t *counter = calloc(1, sizeof *counter);
    if (counter == NULL) {
        return NULL;
    }
    *counter = (block_counter_t){
        .read_memory = read_memory,
        .stop = stop,
        .read_register = read_register,
        .write_register = write_register,
        .stop_at = UINT64_MAX,
        .capacity = 4096,
        .previous = NO_BLOCK,
    };
    counter->blocks = calloc(counter->capacity, sizeof *counter->blocks);
    if (counter->blocks == NULL) {
        free(counter);
        return NULL;
    }
    return counter;
}

void block_counter_free(block_counter_t *counter)
{
    free(counter->blocks);
    free(counter);
}

uint64_t block_counter_instructions(const block_counter_t *counter)
{
    return counter->instructions;
}

void block_counter_stop_at(block_counter_t *counter, uint64_t instructions)
{
    counter->stop_at = instructions;
}

void block_counter_set_window(block_counter_t *counter, uint32_t open)
{
    counter->window_open = open;
    counter->previous = NO_BLOCK;
}

/* Writes the trace to `events` from here on, or ends it where that is NULL. */
void block_counter_trace(block_counter_t *counter, uint64_t *events, uint32_t room, full_t full)
{
    counter->events = events;
    counter->event_room = room;
    counter->event_count = 0;
    counter->full = full;
}

uint32_t block_counter_traced(const block_counter_t *counter)
{
    return counter->event_count;
}

/* Copies the tallied blocks into `out` (room for `room`) and returns how many there are. */
uint32_t block_counter_read(const block_counter_t *counter, block_t *out, uint32_t room)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < counter->capacity; i++) {
        if (counter->blocks[i].entered != 0) {
            if (count < room) {
                out[count] = counter->blocks[i];
            }
            count++;
        }
    }
    return count;
}

/* Forgets the tallies, and the decoded blocks with them: their code may have changed. */
void block_counter_clear(block_counter_t *counter)
{
    for (uint32_t i = 0; i < counter->capacity; i++) {
        counter->blocks[i] = (block_t){0};
    }
    counter->used = 0;
    counter->previous = NO_BLOCK;
}
