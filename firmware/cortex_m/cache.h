/* The caches of the core, where it has any. */
#ifndef CACHE_H
#define CACHE_H

#include <stdint.h>

void cache_enable(void);

/* Writes a range through to memory, so that it survives a reset. */
void cache_clean(const void *start, uint32_t bytes);

#endif
