/*
 * Cycles that a core waits for its memories, from a trace of what it fetched, read and wrote.
 *
 * The rules are those of stalls_reference.py, which says why; the tests hold the two together.
 */
#include <stdint.h>
#include <stdlib.h>

#define NEVER UINT64_MAX
#define MAX_UNITS 8u /* of memory in a line: 32 bytes in words */
#define MAX_REGIONS 8u

typedef struct {
    uint32_t origin;
    uint32_t end;
    uint32_t unit_bytes;
    uint32_t first;
    uint32_t following;
} region_t;

typedef struct {
    uint32_t sets; /* 0: there is no cache */
    uint32_t ways;
    uint32_t line_bytes;
    uint32_t whole_lines;
} cache_shape_t;

typedef struct {
    uint32_t number; /* address / line_bytes */
    uint32_t dirty;
    uint64_t used; /* 0: nothing is in it */
    uint64_t ready[MAX_UNITS];
} line_t;

typedef struct {
    cache_shape_t shape;
    line_t *lines;
    line_t *recent; /* the line that was hit last */
    uint64_t uses;
} cache_t;

typedef struct {
    region_t regions[MAX_REGIONS];
    uint64_t idle[MAX_REGIONS]; /* from when on the memory takes a read */
    uint32_t region_count;
    cache_t caches[2];
    cache_t *sides[2]; /* instructions, data */
    uint32_t prefetches;
    uint32_t prefetched; /* address of the unit in the buffer */
    uint64_t prefetch_ready; /* NEVER: the buffer is empty */
    uint64_t time; /* of the pipeline */
    uint64_t stalled;
} stalls_t;

enum { INSTRUCTIONS, DATA };
enum { BLOCK, READ, WRITE };

static uint64_t later(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static uint32_t region_of(const stalls_t *model, uint32_t address)
{
    uint32_t i = 0;
    while (i < model->region_count &&
           (address < model->regions[i].origin || address >= model->regions[i].end)) {
        i++;
    }
    return i;
}

static line_t *find(cache_t *cache, uint32_t number)
{
    if (cache->recent != NULL && cache->recent->used != 0 && cache->recent->number == number) {
        return cache->recent;
    }
    line_t *set = cache->lines + (number & (cache->shape.sets - 1u)) * cache->shape.ways;
    for (uint32_t way = 0; way < cache->shape.ways; way++) {
        if (set[way].used != 0 && set[way].number == number) {
            return cache->recent = &set[way];
        }
    }
    return NULL;
}

static uint32_t units_of(const cache_t *cache, const region_t *region)
{
    return cache->shape.line_bytes / region->unit_bytes;
}

/* Makes room for a line; one that was written to goes back to its memory first. */
static line_t *allocate(stalls_t *model, cache_t *cache, uint32_t number, uint64_t now)
{
    line_t *set = cache->lines + (number & (cache->shape.sets - 1u)) * cache->shape.ways;
    line_t *oldest = set;
    for (uint32_t way = 1; way < cache->shape.ways; way++) {
        if (set[way].used < oldest->used) {
            oldest = &set[way];
        }
    }
    if (oldest->used != 0 && oldest->dirty) {
        const uint32_t i = region_of(model, oldest->number * cache->shape.line_bytes);
        const region_t *region = &model->regions[i];
        model->idle[i] = later(now, model->idle[i]) + region->first + 1u +
                         (uint64_t)(units_of(cache, region) - 1u) * region->following;
    }
    *oldest = (line_t){.number = number};
    for (uint32_t unit = 0; unit < MAX_UNITS; unit++) {
        oldest->ready[unit] = NEVER;
    }
    return cache->recent = oldest;
}

/* Starts a read of one unit; returns when the core has it. */
static uint64_t read_unit(stalls_t *model, uint32_t region, uint64_t now)
{
    const uint64_t done = later(now, model->idle[region]) + model->regions[region].first;
    model->idle[region] = done + 1u;
    return done;
}

static void prefetch(stalls_t *model, uint32_t i, uint32_t address, uint64_t now)
{
    const region_t *region = &model->regions[i];
    if (address >= region->end) {
        return;
    }
    cache_t *cache = model->sides[INSTRUCTIONS];
    if (cache != NULL) {
        const line_t *line = find(cache, address / cache->shape.line_bytes);
        const uint32_t unit = address % cache->shape.line_bytes / region->unit_bytes;
        if (line != NULL && line->ready[unit] != NEVER) {
            return;
        }
    }
    model->prefetched = address;
    model->prefetch_ready = read_unit(model, i, now);
}

/* Cycles that one access stalls the core. */
static uint64_t access_memory(stalls_t *model, int side, uint32_t address, int write, uint64_t now)
{
    const uint32_t i = region_of(model, address);
    if (i == model->region_count) {
        return 0;
    }
    const region_t *region = &model->regions[i];
    const uint32_t start = address - address % region->unit_bytes;
    cache_t *cache = model->sides[side];
    line_t *line = NULL;
    uint32_t unit = 0;
    if (cache != NULL) {
        line = find(cache, address / cache->shape.line_bytes);
        unit = start % cache->shape.line_bytes / region->unit_bytes;
        if (line != NULL && line->ready[unit] != NEVER) {
            line->used = ++cache->uses;
            line->dirty |= (uint32_t)write;
            return write ? 0 : later(line->ready[unit], now) - now;
        }
    }
    const int buffered = side == INSTRUCTIONS && model->prefetch_ready != NEVER &&
                         model->prefetched == start;
    const uint64_t done = buffered ? later(model->prefetch_ready, now) : read_unit(model, i, now);
    if (cache != NULL) {
        if (line == NULL) {
            line = allocate(model, cache, address / cache->shape.line_bytes, now);
        }
        line->used = ++cache->uses;
        line->dirty |= (uint32_t)write;
        line->ready[unit] = done;
        if (cache->shape.whole_lines && !buffered) {
            const uint32_t units = units_of(cache, region);
            for (uint32_t k = 1; k < units; k++) {
                line->ready[(unit + k) % units] = done + (uint64_t)k * region->following;
            }
            model->idle[i] = done + 1u + (uint64_t)(units - 1u) * region->following;
        }
    }
    if (side == INSTRUCTIONS && model->prefetches) {
        model->prefetch_ready = NEVER;
        prefetch(model, i, start + region->unit_bytes, done);
    }
    return write ? 0 : done - now;
}

static void fetch(stalls_t *model, uint32_t address, uint32_t offset, uint64_t time)
{
    model->stalled +=
        access_memory(model, INSTRUCTIONS, address + offset, 0, model->time + time + model->stalled);
}

/* One block: `count` data accesses follow its event. */
static void run_block(stalls_t *model, const uint64_t *events, uint32_t count, uint32_t cost)
{
    const uint32_t address = (uint32_t)events[0];
    const uint32_t bytes = (uint32_t)(events[0] >> 32) & 0x3FFFFFFFu;
    const uint32_t i = region_of(model, address);
    const uint32_t unit = i == model->region_count ? 0 : model->regions[i].unit_bytes;
    uint32_t offset = unit == 0 ? bytes : 0;
    for (uint32_t k = 0; k < count; k++) {
        const uint64_t time = (uint64_t)cost * (2u * k + 1u) / (2u * count);
        while (offset < bytes && (uint64_t)cost * offset / bytes <= time) {
            fetch(model, address, offset, (uint64_t)cost * offset / bytes);
            offset += unit - (address + offset) % unit;
        }
        const int write = events[1 + k] >> 62 == WRITE;
        model->stalled += access_memory(model, DATA, (uint32_t)events[1 + k], write,
                                        model->time + time + model->stalled);
    }
    while (offset < bytes) {
        fetch(model, address, offset, (uint64_t)cost * offset / bytes);
        offset += unit - (address + offset) % unit;
    }
}

stalls_t *stalls_new(const region_t *regions, uint32_t count, const cache_shape_t shapes[2],
                     uint32_t unified, uint32_t prefetches)
{
    stalls_t *model = calloc(1, sizeof *model);
    if (model == NULL || count > MAX_REGIONS) {
        free(model);
        return NULL;
    }
    model->region_count = count;
    for (uint32_t i = 0; i < count; i++) {
        model->regions[i] = regions[i];
    }
    for (int side = 0; side < 2; side++) {
        cache_t *cache = &model->caches[side];
        cache->shape = shapes[side];
        if (cache->shape.sets != 0) {
            cache->lines = calloc((size_t)cache->shape.sets * cache->shape.ways, sizeof(line_t));
            if (cache->lines == NULL) {
                abort();
            }
            model->sides[side] = cache;
        }
    }
    if (unified) {
        model->sides[DATA] = model->sides[INSTRUCTIONS];
    }
    model->prefetches = prefetches;
    model->prefetch_ready = NEVER;
    return model;
}

void stalls_free(stalls_t *model)
{
    free(model->caches[0].lines);
    free(model->caches[1].lines);
    free(model);
}

/* Runs whole blocks. The block at an event spreads over `straight` cycles, `advance` pass by it. */
void stalls_run(stalls_t *model, const uint64_t *events, const uint32_t *straight,
                const uint32_t *advance, uint32_t count)
{
    uint32_t at = 0;
    while (at < count) {
        uint32_t next = at + 1;
        while (next < count && events[next] >> 62 != BLOCK) {
            next++;
        }
        run_block(model, events + at, next - at - 1u, straight[at]);
        model->time += advance[at];
        at = next;
    }
}

uint64_t stalls_total(const stalls_t *model)
{
    return model->stalled;
}
