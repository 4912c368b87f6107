#include "control.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { LINE_MAX_LEN = 256, BACKLOG = 64 };
#define PATIENCE (5 * TOA_SECOND)

typedef struct client {
    int fd; /* -1: free */
    toa_time deadline;
    char line[LINE_MAX_LEN];
    size_t line_len;
    bool asked;
    toa_control_reply reply;
} client;

struct toa_control {
    int fd;
    char path[sizeof((struct sockaddr_un *)NULL)->sun_path];
    uid_t owner; /* who started the service */
    client clients[TOA_CONTROL_CLIENTS];
};

/* ---- Opening and closing --------------------------------------------------------------------- */

static bool wrong(char *error, size_t size, const char *path, const char *why)
{
    (void)snprintf(error, size, "control: %.200s: %s", path, why);
    return false;
}

static struct sockaddr_un address_of(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    return address;
}

/* Whether the path is free, or is made so. */
static bool make_free(const char *path, char *error, size_t size)
{
    struct stat there;
    struct sockaddr_un address = address_of(path);
    if (lstat(path, &there) != 0) {
        return errno == ENOENT || wrong(error, size, path, strerror(errno));
    }
    if (!S_ISSOCK(there.st_mode)) {
        return wrong(error, size, path, "there is something else");
    }
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool answered = fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof address) == 0;
    int why = errno;
    if (fd >= 0) {
        (void)close(fd);
    }
    if (answered || why != ECONNREFUSED) {
        return wrong(error, size, path, answered ? "another service listens there" : strerror(why));
    }
    return unlink(path) == 0 || wrong(error, size, path, strerror(errno));
}

static bool give_to(const char *path, const char *user, char *error, size_t size)
{
    const struct passwd *to = user[0] == '\0' ? NULL : getpwnam(user);
    if (user[0] != '\0' && to == NULL) {
        return wrong(error, size, user, "no such user");
    }
    return to == NULL || chown(path, to->pw_uid, to->pw_gid) == 0 ||
           wrong(error, size, path, strerror(errno));
}

/* The directory that it lies in, if it is not there, and is one alone. */
static bool make_dir(const char *path, const char *user, char *error, size_t size)
{
    struct sockaddr_un address = address_of(path);
    char *slash = strrchr(address.sun_path, '/');
    if (slash == NULL || slash == address.sun_path) {
        return true;
    }
    *slash = '\0';
    if (access(address.sun_path, F_OK) == 0) {
        return true;
    }
    return mkdir(address.sun_path, 0750) == 0
               ? give_to(address.sun_path, user, error, size)
               : wrong(error, size, address.sun_path, strerror(errno));
}

static bool listen_on(toa_control *control, const char *user, char *error, size_t size)
{
    struct sockaddr_un address = address_of(control->path);
    mode_t before = umask(0117);
    bool bound = bind(control->fd, (const struct sockaddr *)&address, sizeof address) == 0;
    (void)umask(before);
    if (!bound || listen(control->fd, BACKLOG) != 0) {
        return wrong(error, size, control->path, strerror(errno));
    }
    return give_to(control->path, user, error, size);
}

toa_control *toa_control_open(const char *path, const char *user, char *error, size_t size)
{
    toa_control *control = calloc(1, sizeof *control);
    if (control == NULL || strlen(path) >= sizeof control->path) {
        (void)wrong(error, size, path, control == NULL ? "out of memory" : "the path is too long");
        free(control);
        return NULL;
    }
    memcpy(control->path, path, strlen(path) + 1);
    control->owner = geteuid();
    for (size_t i = 0; i < TOA_CONTROL_CLIENTS; i++) {
        control->clients[i].fd = -1;
    }
    if (!make_dir(path, user, error, size) || !make_free(path, error, size)) {
        free(control);
        return NULL;
    }
    control->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (control->fd < 0 || !listen_on(control, user, error, size)) {
        toa_control_close(control);
        return NULL;
    }
    return control;
}

static void hang_up(client *one)
{
    (void)close(one->fd);
    toa_text_free(&one->reply.text);
    *one = (client){.fd = -1};
}

void toa_control_close(toa_control *control)
{
    if (control == NULL) {
        return;
    }
    for (size_t i = 0; i < TOA_CONTROL_CLIENTS; i++) {
        if (control->clients[i].fd >= 0) {
            hang_up(&control->clients[i]);
        }
    }
    if (control->fd >= 0) {
        (void)close(control->fd);
        (void)unlink(control->path);
    }
    free(control);
}

/* ---- Waiting --------------------------------------------------------------------------------- */

static client *free_place(toa_control *control)
{
    for (size_t i = 0; i < TOA_CONTROL_CLIENTS; i++) {
        if (control->clients[i].fd < 0) {
            return &control->clients[i];
        }
    }
    return NULL;
}

size_t toa_control_polls(const toa_control *control, struct pollfd polls[TOA_CONTROL_POLLS])
{
    size_t n = 0;
    for (size_t i = 0; control != NULL && i < TOA_CONTROL_CLIENTS; i++) {
        const client *one = &control->clients[i];
        if (one->fd >= 0) {
            short events = one->asked ? POLLOUT : POLLIN;
            polls[n++] = (struct pollfd){.fd = one->fd, .events = events};
        }
    }
    if (control != NULL && n < TOA_CONTROL_CLIENTS) {
        polls[n++] = (struct pollfd){.fd = control->fd, .events = POLLIN};
    }
    return n;
}

toa_time toa_control_deadline(const toa_control *control)
{
    toa_time first = INT64_MAX;
    for (size_t i = 0; control != NULL && i < TOA_CONTROL_CLIENTS; i++) {
        const client *one = &control->clients[i];
        first = one->fd >= 0 && one->deadline < first ? one->deadline : first;
    }
    return first;
}

/* ---- Talking --------------------------------------------------------------------------------- */

static void accept_all(toa_control *control, toa_time now)
{
    client *place = free_place(control);
    while (place != NULL) {
        struct ucred peer = {.uid = (uid_t)-1};
        socklen_t len = sizeof peer;
        int fd = accept4(control->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd < 0) {
            return;
        }
        bool known = getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0;
        place->fd = fd;
        place->deadline = now + PATIENCE;
        place->reply.trusted = known && (peer.uid == 0 || peer.uid == control->owner);
        place = free_place(control);
    }
}

/* False: he is gone, or says nonsense. */
static bool read_line(client *one)
{
    size_t room = sizeof one->line - one->line_len;
    ssize_t n = recv(one->fd, one->line + one->line_len, room, 0);
    if (n <= 0) {
        return n < 0 && (errno == EAGAIN || errno == EINTR);
    }
    char *end = memchr(one->line + one->line_len, '\n', (size_t)n);
    one->line_len += (size_t)n;
    if (end != NULL) {
        *end = '\0';
        one->asked = true;
    }
    return one->asked || one->line_len < sizeof one->line;
}

/* False: it is over, well or not. */
static bool send_answer(client *one, toa_time now, toa_control_answer *answer, void *context)
{
    toa_text *text = &one->reply.text;
    if (!toa_control_reply_fill(&one->reply, one->line, answer, context)) {
        return false;
    }
    ssize_t n = text->len == 0 ? 0 : send(one->fd, text->bytes, text->len, MSG_NOSIGNAL);
    if (n < 0) {
        return errno == EAGAIN || errno == EINTR;
    }
    if (n > 0) {
        toa_text_take(text, (size_t)n);
        one->deadline = now + PATIENCE;
    }
    return text->len != 0 || !one->reply.whole;
}

void toa_control_turn(toa_control *control, toa_time now, toa_control_answer *answer, void *context)
{
    if (control == NULL) {
        return;
    }
    accept_all(control, now);
    for (size_t i = 0; i < TOA_CONTROL_CLIENTS; i++) {
        client *one = &control->clients[i];
        if (one->fd < 0) {
            continue;
        }
        bool stays = one->asked || read_line(one);
        if (stays && one->asked) {
            stays = send_answer(one, now, answer, context);
        }
        if (!stays || now >= one->deadline) {
            hang_up(one);
        }
    }
}
