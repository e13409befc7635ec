/* The device side of docs/protocol.md. Needs nothing of the hardware but what console.h, counter.h,
 * trigger.h and system.h offer, so it runs on a host as well. */
#ifndef PROTOCOL_H
#define PROTOCOL_H

void protocol_init(void);

/* Takes everything that has come in on the console, and answers it. */
void protocol_poll(void);

#endif
