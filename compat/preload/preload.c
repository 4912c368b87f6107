/*
 * The functions that stand before those of libc. toa/preload.h and toa-run(1) say what they do for
 * a program; what they cannot do stands in docs/PRELOAD.md.
 */
#include "toa/preload.h"

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "addresses.h"
#include "peers.h"
#include "settings.h"
#include "sources.h"

#define EXPORTED __attribute__((visibility("default")))

typedef int accept_function(int fd, struct sockaddr *address, socklen_t *len);
typedef int accept4_function(int fd, struct sockaddr *address, socklen_t *len, int flags);
typedef int listen_function(int fd, int backlog);

static preload_settings settings;
static bool works;     /* the settings are right */
static bool asks_syns; /* syn is among the sources */

/* A function of libc behind ours; `known` keeps it, for whoever comes first. */
static void *behind(_Atomic(void *) *known, const char *name)
{
    void *function = atomic_load_explicit(known, memory_order_relaxed);
    if (function == NULL) {
        function = dlsym(RTLD_NEXT, name);
        atomic_store_explicit(known, function, memory_order_relaxed);
    }
    return function;
}

__attribute__((constructor)) static void begin(void)
{
    const char *name = "";
    const char *wrong = preload_settings_read(&settings, &name);
    works = wrong == NULL;
    if (!works) {
        (void)fprintf(stderr, "libtoa-preload: %s: %s; peers stay as they are\n", name, wrong);
    }
    for (size_t i = 0; works && i < settings.n_sources; i++) {
        asks_syns = asks_syns || settings.sources[i] == PRELOAD_SYN;
    }
    if (asks_syns) {
        preload_save_syns_passed_on();
    }
    (void)pthread_atfork(peers_lock, peers_unlock, peers_unlock);
}

/* ---- Who is it? ------------------------------------------------------------------------------ */

/* 0: the kernel does not say. */
static uint64_t cookie_of(int fd)
{
    uint64_t cookie = 0;
    socklen_t len = sizeof cookie;
    return getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &len) == 0 ? cookie : 0;
}

static void tell(const toa_endpoint *fake, const toa_endpoint *client, const char *what)
{
    char from[TOA_ENDPOINT_TEXT];
    char to[TOA_ENDPOINT_TEXT] = "";
    if (settings.log) {
        (void)toa_endpoint_format(fake, from);
        if (client != NULL) {
            (void)toa_endpoint_format(client, to);
        }
        (void)fprintf(stderr, "libtoa-preload: %s: %s%s%s\n", from, to, client == NULL ? "" : " ",
                      what);
    }
}

static const char *source_name(preload_source source)
{
    return source == PRELOAD_SYN ? "syn" : "service";
}

/* Asks the sources, all or the saved SYN alone, and remembers. */
static bool learn(int fd, uint64_t cookie, const toa_endpoint *fake, bool all, toa_endpoint *client)
{
    preload_address own = {.any = {.sa_family = AF_UNSPEC}};
    socklen_t len = sizeof own;
    preload_question question = {.fd = fd, .fake = *fake};
    toa_word word = TOA_UNTRUSTED;
    if (getsockname(fd, &own.any, &len) == 0) {
        (void)preload_endpoint(&own, &question.server);
    }
    for (size_t i = 0; i < settings.n_sources && preload_trusts(&settings, fake); i++) {
        preload_source source = settings.sources[i];
        if (source == PRELOAD_SYN || all) {
            word = preload_ask(&settings, source, &question, client);
        }
        if (word == TOA_FOUND) {
            peers_put(cookie, client);
            tell(fake, client, source_name(source));
            return true;
        }
    }
    if (all) {
        tell(fake, NULL, toa_word_name(word));
    }
    return false;
}

/* Puts the real client into the address of a peer, if it is known or can be had. */
static void correct(int fd, preload_address *address, bool accepted)
{
    int before = errno;
    toa_endpoint fake;
    toa_endpoint client;
    if (works && preload_endpoint(address, &fake)) {
        uint64_t cookie = cookie_of(fd);
        bool known = cookie != 0 && ((!accepted && peers_get(cookie, &client)) ||
                                     learn(fd, cookie, &fake, accepted, &client));
        if (known && !preload_put_client(&client, address)) {
            tell(&fake, &client, "does not fit into an IPv4 address");
        }
    }
    errno = before;
}

/* ---- Instead of libc's ----------------------------------------------------------------------- */

static void save_syns(int listener)
{
    int before = errno;
    if (asks_syns) {
        preload_save_syns(listener);
    }
    errno = before;
}

toa_preload_fake_peer_function toa_preload_fake_peer;

EXPORTED int toa_preload_fake_peer(int fd, struct sockaddr *address, socklen_t *len)
{
    static _Atomic(void *) known;
    accept_function *next = (accept_function *)behind(&known, "getpeername");
    return next(fd, address, len);
}

/* Whether a length can be read there: the kernel reads it, and then refuses to do anything. */
static bool readable(const socklen_t *len)
{
    const uintptr_t word = (uintptr_t)len & ~(uintptr_t)7;
    return syscall(SYS_rt_sigprocmask, -1, word, NULL, 8) != 0 && errno != EFAULT;
}

/*
 * Where a program wants an address. It is the kernel that judges that: it gets the program's own
 * pointers first, and what it has written to is written to again.
 */
typedef struct place {
    struct sockaddr *address;
    socklen_t *len;
    socklen_t room;
} place;

/* False: there is no room of that kind, and the kernel says what is wrong with it. */
static bool place_at(struct sockaddr *address, socklen_t *len, place *out)
{
    int before = errno;
    bool right = address != NULL && readable(len) && *len <= INT_MAX;
    if (right) {
        *out = (place){address, len, *len};
    }
    errno = before;
    return right;
}

/* The fake peer of `fd` stands there, cut if it had no room: the client comes there instead. */
static void correct_at(int fd, const place *at, bool accepted)
{
    int before = errno;
    preload_address from = {.any = {.sa_family = AF_UNSPEC}};
    socklen_t len = *at->len;
    socklen_t room = at->room;
    if (len <= room && len <= sizeof from) {
        memcpy(&from, at->address, len);
    } else {
        len = sizeof from;
        len = toa_preload_fake_peer(fd, &from.any, &len) == 0 ? len : 0;
    }
    errno = before;
    correct(fd, &from, accepted);
    preload_hand_out(&from, len, at->address, &room);
}

static int accept_corrected(int got, int listener, const place *at)
{
    if (got >= 0) {
        save_syns(listener); /* one that was not opened through listen() here */
        correct_at(got, at, true);
    }
    return got;
}

EXPORTED int accept(int fd, struct sockaddr *restrict address, socklen_t *restrict len)
{
    static _Atomic(void *) known;
    accept_function *next = (accept_function *)behind(&known, "accept");
    preload_address from;
    socklen_t from_len = sizeof from;
    place at = {&from.any, &from_len, sizeof from};
    if (address != NULL && !place_at(address, len, &at)) {
        return next(fd, address, len);
    }
    return accept_corrected(next(fd, at.address, at.len), fd, &at);
}

EXPORTED int accept4(int fd, struct sockaddr *restrict address, socklen_t *restrict len, int flags)
{
    static _Atomic(void *) known;
    accept4_function *next = (accept4_function *)behind(&known, "accept4");
    preload_address from;
    socklen_t from_len = sizeof from;
    place at = {&from.any, &from_len, sizeof from};
    if (address != NULL && !place_at(address, len, &at)) {
        return next(fd, address, len, flags);
    }
    return accept_corrected(next(fd, at.address, at.len, flags), fd, &at);
}

EXPORTED int getpeername(int fd, struct sockaddr *restrict address, socklen_t *restrict len)
{
    place at;
    bool right = place_at(address, len, &at);
    int status = toa_preload_fake_peer(fd, address, len);
    if (status == 0 && right) {
        correct_at(fd, &at, false);
    }
    return status;
}

EXPORTED int listen(int fd, int backlog)
{
    static _Atomic(void *) known;
    listen_function *next = (listen_function *)behind(&known, "listen");
    save_syns(fd);
    return next(fd, backlog);
}
