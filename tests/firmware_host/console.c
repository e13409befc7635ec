/* Console on file descriptors 0 and 1, or on one TCP connection after another. */
#include "console.h"

#include "host.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static int listener = -1;
static int in = 0;
static int out = 1;
static uint8_t received[4096];
static ssize_t received_bytes;
static ssize_t taken;
static uint8_t pending[4096];
static size_t pending_bytes;

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

void host_listen(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t length = sizeof address;
    signal(SIGPIPE, SIG_IGN);
    listener = socket(AF_INET, SOCK_STREAM, 0);
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, length) != 0 ||
        listen(listener, 1) != 0 ||
        getsockname(listener, (struct sockaddr *)&address, &length) != 0) {
        fail("listen");
    }
    printf("%u\n", (unsigned)ntohs(address.sin_port));
    fflush(stdout);
    in = -1;
}

static void accept_next(void)
{
    int yes = 1;
    if (in >= 0) {
        close(in);
    }
    in = out = accept(listener, NULL, NULL);
    if (in < 0 || setsockopt(in, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes) != 0) {
        fail("accept");
    }
}

void console_init(void)
{
    received_bytes = taken = 0; /* a reset loses what was queued */
}

int32_t console_getc(void)
{
    return taken < received_bytes ? received[taken++] : CONSOLE_EMPTY;
}

void console_wait(void)
{
    console_flush();
    if (listener >= 0 && in < 0) {
        accept_next();
    }
    taken = 0;
    received_bytes = read(in, received, sizeof received);
    if (received_bytes > 0) {
        return;
    }
    if (listener < 0) {
        exit(0);
    }
    received_bytes = 0;
    accept_next();
}

void console_write(const uint8_t *data, uint32_t bytes)
{
    for (uint32_t i = 0; i < bytes; i++) {
        if (pending_bytes == sizeof pending) {
            console_flush();
        }
        pending[pending_bytes++] = data[i];
    }
}

void console_flush(void)
{
    size_t sent = 0;
    while (sent < pending_bytes) {
        ssize_t now = write(out, pending + sent, pending_bytes - sent);
        if (now <= 0) {
            break; /* the other end has gone */
        }
        sent += (size_t)now;
    }
    pending_bytes = 0;
}
