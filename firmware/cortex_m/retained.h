/* What survives a reset: the number of this boot and the last fault. */
#ifndef RETAINED_H
#define RETAINED_H

#include "system.h"

/* Called once, early. Where nothing has survived, the boot is numbered after the noise in a range
 * of RAM that nothing has written to since power came. */
void retained_begin_boot(const void *noise, uint32_t bytes);

void retained_record_fault(const system_fault_t *fault);

#endif
