/* Exception handlers, each defined by the module it belongs to. */
#ifndef EXCEPTIONS_H
#define EXCEPTIONS_H

void exception_fault(void);
void exception_counter(void);
void exception_console(void);

#endif
