/* What a fuzz target and its driver say to each other. A target is one C file beside this one. */
#ifndef FUZZ_H
#define FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FUZZ_LONGEST 2600u /* bytes of an input: more than two frames of the greatest length */

typedef struct {
    const void *bytes;
    size_t length;
} fuzz_input_t;

/* --- The target offers these. --- */

/* Inputs to begin with; a null pointer ends them. */
extern const fuzz_input_t fuzz_seeds[];

/* Called once, before everything else. */
void fuzz_start(void);

/* One execution. The input is as long as it says and not a byte longer. */
void fuzz_execute(const uint8_t *input, size_t length);

/* Whether the parser still does its work; called again and again between executions. */
void fuzz_still_works(void);

/* --- The driver offers these. --- */

/* The same numbers in every run with the same seed. */
uint32_t fuzz_random(void);

/* Ends the run with a message and the input at fault, unless the condition holds. */
void fuzz_expect(bool condition, const char *what);

#endif
