/* What the parts of the host port of the firmware say to each other. */
#ifndef HOST_H
#define HOST_H

/* Serves TCP connections on 127.0.0.1 instead of standard input and output; prints the port. */
void host_listen(void);

/* Boots the firmware; comes back here after every reset. */
void host_boot(void);

#endif
