/* The firmware's protocol as a program: on standard input and output, or with --listen on TCP. */
#include "host.h"

#include <string.h>

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "--listen") == 0) {
        host_listen();
    }
    host_boot();
}
