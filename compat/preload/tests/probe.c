/*
 * What a program gets of accept() and getpeername(): with the library the same as without.
 * Call: probe pointers               each call with places that are right and wrong, and what came
 * of it probe listening COMMAND...   runs that with a listener as systemd passes it on probe saves
 * whether the kernel saves the SYNs of that listener
 */
#define _GNU_SOURCE

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PASSED_ON = 3, PAGE = 4096, BEFORE_END = 8, UNTOUCHED = 0xee };

static struct sockaddr_in listening_at;

static int open_listener(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET};
    socklen_t len = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || bind(fd, (struct sockaddr *)&at, len) != 0 || listen(fd, 8) != 0 ||
        getsockname(fd, (struct sockaddr *)&at, &len) != 0) {
        perror("listen");
        exit(1);
    }
    listening_at = at;
    return fd;
}

/* ---- Pointers -------------------------------------------------------------------------------- */

typedef enum where { THERE, NOWHERE, WILD, AT_AN_END } where;

static const struct {
    const char *sentence;
    where address;
    where len;
    int room;
} rows[] = {
    {"room enough", THERE, THERE, sizeof(struct sockaddr_storage)},
    {"as much as it takes", THERE, THERE, sizeof(struct sockaddr_in)},
    {"room for the family and the port", THERE, THERE, 4},
    {"no room", THERE, THERE, 0},
    {"less than none", THERE, THERE, -1},
    {"no address", NOWHERE, THERE, 16},
    {"no length", THERE, NOWHERE, 0},
    {"neither", NOWHERE, NOWHERE, 0},
    {"a wild address", WILD, THERE, 16},
    {"a wild address, and no room", WILD, THERE, 0},
    {"a wild length", THERE, WILD, 0},
    {"no address, and a wild length", NOWHERE, WILD, 0},
    {"an address whose end is unmapped", AT_AN_END, THERE, 16},
    {"... and room for what is mapped", AT_AN_END, THERE, BEFORE_END},
};

static unsigned char *pages; /* the second one is unmapped */

static void *place(where at, void *there)
{
    switch (at) {
    case NOWHERE:
        return NULL;
    case WILD:
        return pages + PAGE;
    case AT_AN_END:
        return pages + PAGE - BEFORE_END;
    case THERE:
    default:
        return there;
    }
}

/* `call`: 0 accept, 1 accept4, 2 getpeername. Prints what came of it. */
static void try_row(size_t row, int call, int listener)
{
    static const char *const names[] = {"accept", "accept4", "getpeername"};
    unsigned char there[sizeof(struct sockaddr_storage)];
    socklen_t len = (socklen_t)rows[row].room;
    struct sockaddr *address = NULL;
    socklen_t *len_at = place(rows[row].len, &len);
    int client = socket(AF_INET, SOCK_STREAM, 0);
    memset(there, UNTOUCHED, sizeof there);
    memset(pages, UNTOUCHED, PAGE);
    address = place(rows[row].address, there);
    if (connect(client, (struct sockaddr *)&listening_at, sizeof listening_at) != 0) {
        perror("connect");
        exit(1);
    }
    errno = 0;
    int got = call == 0   ? accept(listener, address, len_at)
              : call == 1 ? accept4(listener, address, len_at, SOCK_CLOEXEC)
                          : getpeername(client, address, len_at);
    printf("%s, %s: %s %s, length %d, ", names[call], rows[row].sentence, got < 0 ? "no" : "yes",
           errno == 0 ? "" : strerrorname_np(errno), (int)len);
    bool at_an_end = rows[row].address == AT_AN_END;
    unsigned char *bytes = at_an_end ? (unsigned char *)address : there;
    if (bytes[2] != UNTOUCHED || bytes[3] != UNTOUCHED) { /* of the kernel's choice */
        bytes[2] = bytes[3] = 0;
    }
    for (size_t i = 0; i < (at_an_end ? BEFORE_END : sizeof there); i++) {
        printf("%02x", bytes[i]);
    }
    printf("\n");
    (void)close(client);
    if (call == 2) {
        got = accept(listener, NULL, NULL);
    }
    if (got >= 0) {
        (void)close(got);
    }
}

static int try_pointers(void)
{
    int listener = open_listener();
    pages =
        mmap(NULL, (size_t)2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED || munmap(pages + PAGE, PAGE) != 0) {
        return 1;
    }
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        for (int call = 0; call < 3; call++) {
            try_row(i, call, listener);
        }
    }
    printf("%zu rows\n", sizeof rows / sizeof rows[0]);
    return 0;
}

/* ---- Listeners that are passed on ------------------------------------------------------------ */

static int pass_on(char **command)
{
    char own[16];
    int listener = open_listener();
    (void)snprintf(own, sizeof own, "%d", (int)getpid());
    if ((listener != PASSED_ON && dup2(listener, PASSED_ON) < 0) ||
        setenv("LISTEN_FDS", "1", 1) != 0 || setenv("LISTEN_PID", own, 0) != 0) {
        return 1;
    }
    (void)execvp(command[0], command);
    perror(command[0]);
    return 1;
}

static int tell_saves(void)
{
    int on = 0;
    socklen_t len = sizeof on;
    if (getsockopt(PASSED_ON, IPPROTO_TCP, TCP_SAVE_SYN, &on, &len) != 0) {
        perror("TCP_SAVE_SYN");
        return 1;
    }
    printf("SYNs are%s saved\n", on == 0 ? " not" : "");
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "pointers") == 0) {
        return try_pointers();
    }
    if (argc == 2 && strcmp(argv[1], "saves") == 0) {
        return tell_saves();
    }
    return argc > 2 && strcmp(argv[1], "listening") == 0 ? pass_on(argv + 2) : 2;
}
