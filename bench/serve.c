/*
 * How many questions a second does a server on this machine answer? Keeps WINDOW questions under
 * way over UDP, to one of:
 *   serve echo SECONDS PORT        a bare echo of 11 bytes, on the same socket options, in here
 *   serve toa SECONDS PORT         toa serve, version 1
 *   serve memcached SECONDS PORT   memcached, a get of a key of 11 bytes over UDP
 * Prints answers a second. serve.sh runs them in turns and prints ratios.
 */
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { WINDOW = 64, BATCH = 64, SPACE = 2048, RECEIVE_BUFFER = 4 * 1024 * 1024 };

static int open_socket(void)
{
    int size = RECEIVE_BUFFER;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    return fd;
}

static struct sockaddr_in address_of(uint16_t port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port)};
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return at;
}

/* ---- The bare echo: what the service does, without looking ----------------------------------- */

typedef struct messages {
    struct mmsghdr heads[BATCH];
    struct iovec parts[BATCH];
    struct sockaddr_in peers[BATCH];
    uint8_t bytes[BATCH][SPACE];
} messages;

static void prepare(messages *all, size_t len, int named)
{
    for (size_t i = 0; i < BATCH; i++) {
        all->parts[i] = (struct iovec){all->bytes[i], len};
        all->heads[i].msg_hdr = (struct msghdr){.msg_iov = &all->parts[i], .msg_iovlen = 1};
        if (named) {
            all->heads[i].msg_hdr.msg_name = &all->peers[i];
            all->heads[i].msg_hdr.msg_namelen = sizeof all->peers[i];
        }
    }
}

static int echo(uint16_t port)
{
    static messages all;
    int fd = open_socket();
    struct sockaddr_in at = address_of(port);
    if (bind(fd, (const struct sockaddr *)&at, sizeof at) != 0) {
        perror("bind");
        return 1;
    }
    for (;;) {
        struct pollfd readable = {.fd = fd, .events = POLLIN};
        prepare(&all, 81, 1);
        int n = recvmmsg(fd, all.heads, BATCH, MSG_DONTWAIT, NULL);
        if (n <= 0) {
            (void)poll(&readable, 1, -1);
            continue;
        }
        for (int i = 0; i < n; i++) {
            all.parts[i].iov_len = 11;
        }
        (void)sendmmsg(fd, all.heads, (unsigned)n, MSG_DONTWAIT);
    }
}

/* ---- The client ------------------------------------------------------------------------------ */

static size_t question_of(const char *what, uint32_t id, uint8_t *out)
{
    static const uint8_t v1[10] = {0, 0, 0, 0, 10, 0, 1, 8, 0x9c, 0xa7}; /* 10.0.1.8:40103 */
    /* UDP frame header: id, sequence 0 of 1, reserved; then the text protocol. */
    static const char get[] = "\0\0\0\0\0\1\0\0get 10.0.1.8:a7\r\n";
    size_t len = strcmp(what, "memcached") == 0 ? sizeof get - 1 : sizeof v1;
    memcpy(out, strcmp(what, "memcached") == 0 ? (const void *)get : (const void *)v1, len);
    out[0] = (uint8_t)(id >> 8);
    out[1] = (uint8_t)id;
    return len;
}

static double seconds_now(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void ask(int fd, const char *what, messages *out, unsigned n)
{
    static uint32_t id;
    prepare(out, SPACE, 0);
    for (unsigned i = 0; i < n; i++) {
        out->parts[i].iov_len = question_of(what, id++, out->bytes[i]);
    }
    for (unsigned done = 0; done < n;) {
        int sent = sendmmsg(fd, out->heads + done, n - done, 0);
        done += sent > 0 ? (unsigned)sent : 1;
    }
}

static int measure(const char *what, double seconds, uint16_t port)
{
    static messages in;
    static messages out;
    struct sockaddr_in at = address_of(port);
    int fd = open_socket();
    uint64_t n_answers = 0;
    uint64_t n_lost = 0;
    if (connect(fd, (const struct sockaddr *)&at, sizeof at) != 0) {
        perror("connect");
        return 1;
    }
    double begin = seconds_now();
    double now = begin;
    ask(fd, what, &out, WINDOW);
    while (now - begin < seconds) {
        struct pollfd readable = {.fd = fd, .events = POLLIN};
        prepare(&in, SPACE, 0);
        int n = recvmmsg(fd, in.heads, BATCH, MSG_DONTWAIT, NULL);
        if (n > 0) {
            n_answers += (unsigned)n;
            ask(fd, what, &out, (unsigned)n);
        } else if (poll(&readable, 1, 200) == 0) {
            n_lost += WINDOW; /* none came: begin anew */
            ask(fd, what, &out, WINDOW);
        }
        now = seconds_now();
    }
    (void)printf("%.0f\n", (double)n_answers / (now - begin));
    if (n_lost != 0) {
        (void)fprintf(stderr, "%s: about %llu lost\n", what, (unsigned long long)n_lost);
    }
    return n_answers == 0;
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "--echo") == 0) {
        return echo((uint16_t)strtoul(argv[2], NULL, 10));
    }
    if (argc != 4) {
        (void)fprintf(stderr,
                      "usage: serve echo|toa|memcached SECONDS PORT, or serve --echo PORT\n");
        return 2;
    }
    return measure(argv[1], strtod(argv[2], NULL), (uint16_t)strtoul(argv[3], NULL, 10));
}
