#ifndef STARTUP_H
#define STARTUP_H

/* An entry of the vector table: the initial stack pointer, or a handler. */
typedef union {
    void *stack;
    void (*handler)(void);
} startup_vector_t;

extern const startup_vector_t startup_vectors[];

_Noreturn void startup_reset(void);

#endif
