/* A pin that is high while inferences run, for power meters and logic analysers. */
#ifndef TRIGGER_H
#define TRIGGER_H

#include <stdbool.h>

void trigger_init(void);
void trigger_set(bool high);

#endif
