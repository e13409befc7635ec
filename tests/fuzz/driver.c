/* Mutates inputs and keeps those that reach code or branches that none reached before.
 *
 *   TARGET SEED EXECUTIONS SECONDS
 *
 * runs so many executions, or until the time is over, whichever comes first; 0 is without limit.
 * The target's sources are compiled with -fsanitize-coverage=trace-pc, which calls
 * __sanitizer_cov_trace_pc in every basic block; an edge is a pair of blocks. The same seed gives the
 * same executions. On a crash the input is in the file that the last line names. */
#include "fuzz.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define EDGES (1u << 16)
#define POOL 4096u
#define CHECK_EVERY 64u
#define REPORT_EVERY (1u << 20)

static uint8_t edges[EDGES];
static uint32_t edges_seen;
static uintptr_t previous_block;

static fuzz_input_t pool[POOL];
static uint32_t pooled;

static uint8_t input[FUZZ_LONGEST];
static size_t length;
static unsigned long long executions;
static uint32_t state;

void __sanitizer_cov_trace_pc(void);
void __sanitizer_cov_trace_pc(void)
{
    uintptr_t block = (uintptr_t)__builtin_return_address(0) - (uintptr_t)&fuzz_execute;
    uintptr_t edge = (block ^ (previous_block >> 1)) & (EDGES - 1u);
    previous_block = block;
    if (edges[edge] == 0) {
        edges[edge] = 1;
        edges_seen++;
    }
}

/* xorshift32 (Marsaglia, 2003). */
uint32_t fuzz_random(void)
{
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return state;
}

static uint32_t below(size_t limit)
{
    return fuzz_random() % (uint32_t)limit;
}

/* Makes both sanitizers end the process by SIGABRT, after which there is still time for a file. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "abort_on_error=1";
}

const char *__ubsan_default_options(void);
const char *__ubsan_default_options(void)
{
    return "abort_on_error=1:print_stacktrace=1";
}

static void report_failure(int signal_number)
{
    (void)signal_number;
    FILE *file = fopen("fuzz-crash.bin", "wb");
    if (file != NULL) {
        fwrite(input, 1, length, file);
        fclose(file);
    }
    fprintf(stderr, "execution %llu failed; its input is in fuzz-crash.bin\n", executions);
    _exit(1);
}

void fuzz_expect(bool condition, const char *what)
{
    if (!condition) {
        fprintf(stderr, "expected: %s\n", what);
        abort();
    }
}

static void keep(const void *bytes, size_t count)
{
    if (pooled < POOL) {
        uint8_t *copy = malloc(count ? count : 1);
        memcpy(copy, bytes, count);
        pool[pooled++] = (fuzz_input_t){copy, count};
    }
}

static void insert(size_t at, const uint8_t *bytes, size_t count)
{
    if (count > FUZZ_LONGEST - length) {
        count = FUZZ_LONGEST - length;
    }
    memmove(input + at + count, input + at, length - at);
    memmove(input + at, bytes, count);
    length += count;
}

static void erase(size_t at, size_t count)
{
    memmove(input + at, input + at + count, length - at - count);
    length -= count;
}

static void mutate(void)
{
    static const uint8_t telling[] = {0, 1, 2, 3, 0x7f, 0x80, 0xfd, 0xfe, 0xff, '%', '\n'};
    uint8_t run[FUZZ_LONGEST];
    size_t at = length ? below(length) : 0;
    size_t rest = length - at;
    switch (length ? below(8) : 4u) {
    case 0:
        input[at] ^= (uint8_t)(1u << below(8));
        break;
    case 1:
        input[at] = (uint8_t)fuzz_random();
        break;
    case 2:
        input[at] = telling[below(sizeof telling)];
        break;
    case 3:
        erase(at, 1u + below(rest));
        break;
    case 4: { /* a run of one byte, mostly short */
        size_t count = 1u + below(below(8) ? 16 : FUZZ_LONGEST - 1u);
        memset(run, (int)telling[below(sizeof telling)], count);
        insert(at, run, count);
        break;
    }
    case 5: { /* a part of the input once more */
        size_t count = 1u + below(rest);
        memcpy(run, input + at, count);
        insert(below(length), run, count);
        break;
    }
    case 6: { /* a part of another input */
        const fuzz_input_t *other = &pool[below(pooled)];
        if (other->length > 0) {
            size_t from = below(other->length);
            size_t count = 1u + below(other->length - from);
            insert(at, (const uint8_t *)other->bytes + from, count);
        }
        break;
    }
    default: { /* a small number up or down */
        input[at] = (uint8_t)(input[at] + below(9) - 4u);
        break;
    }
    }
}

static void execute(void)
{
    /* On the heap and of this very size, so that the sanitizer sees a byte read beyond it. */
    uint8_t *exact = malloc(length ? length : 1);
    memcpy(exact, input, length);
    previous_block = 0;
    fuzz_execute(exact, length);
    free(exact);
    executions++;
    if (executions % CHECK_EVERY == 0) {
        fuzz_still_works();
    }
}

static void take(const fuzz_input_t *from)
{
    length = from->length;
    memcpy(input, from->bytes, length);
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: %s SEED EXECUTIONS SECONDS\n", argv[0]);
        return 2;
    }
    state = (uint32_t)strtoul(argv[1], NULL, 10) * 2654435761u + 1u;
    unsigned long long limit = strtoull(argv[2], NULL, 10);
    time_t seconds = (time_t)strtoul(argv[3], NULL, 10);
    time_t started = time(NULL);

    signal(SIGABRT, report_failure);
    fuzz_start();
    for (const fuzz_input_t *seed = fuzz_seeds; seed->bytes != NULL; seed++) {
        take(seed);
        keep(seed->bytes, seed->length);
        execute();
    }
    while ((limit == 0 || executions < limit) &&
           (seconds == 0 || time(NULL) - started < seconds)) {
        uint32_t seen = edges_seen;
        take(&pool[below(pooled)]);
        for (uint32_t i = 1u + below(4); i > 0; i--) {
            mutate();
        }
        execute();
        if (edges_seen > seen) {
            keep(input, length);
        }
        if (executions % REPORT_EVERY == 0) {
            fprintf(stderr, "%llu executions\n", executions);
        }
    }
    fuzz_still_works();
    printf("%llu executions in %lld s, %u edges, %u inputs kept, no fault\n", executions,
           (long long)(time(NULL) - started), edges_seen, pooled);
    return 0;
}
