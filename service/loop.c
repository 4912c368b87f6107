#include "loop.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "notify.h"
#include "privileges.h"
#include "sandbox.h"
#include "say.h"
#include "service.h"

typedef struct service {
    toa_service base; /* first: on_reloading */
    toa_notify notify;
    int signal_fd;
    int wake_fd;
    bool ending;
} service;

static toa_time clock_now(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (toa_time)now.tv_sec * TOA_SECOND + now.tv_nsec;
}

/* ---- Signals --------------------------------------------------------------------------------- */

/* The service manager hears of where it stands. */
static void notify_ready(const service *self)
{
    char lines[TOA_CONFIG_NAME + 64];
    (void)snprintf(lines, sizeof lines, "READY=1\nSTATUS=%s%s",
                   self->base.feed != NULL ? "capturing on " : "answering from a capture",
                   self->base.feed != NULL ? self->base.config.capture.interface : "");
    toa_notify_say(&self->notify, lines);
}

static void notify_reloading(const service *self)
{
    char lines[80];
    (void)snprintf(lines, sizeof lines, "RELOADING=1\nMONOTONIC_USEC=%lld",
                   (long long)(clock_now() / 1000));
    toa_notify_say(&self->notify, lines);
}

static void on_wake(void *context)
{
    const service *self = context;
    uint64_t one = 1;
    ssize_t written = write(self->wake_fd, &one, sizeof one);
    (void)written; /* it fails only when it is awake already */
}

static void on_reloading(toa_service *base, bool over)
{
    const service *self = (const service *)(const void *)base; /* which it begins */
    if (over) {
        notify_ready(self);
    } else {
        notify_reloading(self);
    }
}

static void take_signals(service *self)
{
    struct signalfd_siginfo info;
    char error[TOA_CONFIG_ERROR];
    while (read(self->signal_fd, &info, sizeof info) == (ssize_t)sizeof info) {
        switch (info.ssi_signo) {
        case SIGHUP:
            (void)toa_service_reload(&self->base, error);
            break;
        case SIGUSR1:
            toa_service_say_summary(&self->base);
            break;
        default:
            self->ending = true;
            break;
        }
    }
}

/* ---- Starting -------------------------------------------------------------------------------- */

static bool open_signals(service *self)
{
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGHUP);
    (void)sigaddset(&set, SIGUSR1);
    /* Before any thread is started: all inherit it. */
    self->signal_fd = pthread_sigmask(SIG_BLOCK, &set, NULL) == 0
                          ? signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK)
                          : -1;
    self->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (self->signal_fd < 0 || self->wake_fd < 0) {
        toa_complain("cannot start: %s", strerror(errno));
        return false;
    }
    return true;
}

/* ---- The loop -------------------------------------------------------------------------------- */

/* Until when to sleep: -1 for ever. Never too short, so that it does not spin. */
static int timeout_ms(const service *self, toa_time now)
{
    toa_time deadline = toa_service_deadline(&self->base);
    deadline = self->notify.next < deadline ? self->notify.next : deadline;
    if (deadline == INT64_MAX) {
        return -1;
    }
    toa_time left = deadline <= now ? 0 : deadline - now;
    return (int)((left + TOA_SECOND / 1000 - 1) / (TOA_SECOND / 1000));
}

/* Well is who gets here, and could have the ring. */
static void tell_watchdog(service *self, toa_time now)
{
    if (now >= self->notify.next && self->base.feed != NULL) {
        toa_feed_probe(self->base.feed);
    }
    toa_notify_watchdog(&self->notify, now);
}

static void turn(service *self)
{
    struct pollfd fds[TOA_CONFIG_LISTENS + 2 + TOA_CONTROL_POLLS];
    uint64_t ignored;
    fds[0] = (struct pollfd){.fd = self->signal_fd, .events = POLLIN};
    fds[1] = (struct pollfd){.fd = self->wake_fd, .events = POLLIN};
    for (size_t i = 0; i < self->base.n_sockets; i++) {
        fds[i + 2] = (struct pollfd){.fd = self->base.sockets[i].fd, .events = POLLIN};
    }
    size_t n_sockets = self->base.n_sockets;
    size_t n = n_sockets + 2 + toa_control_polls(self->base.control, fds + n_sockets + 2);
    if (poll(fds, n, timeout_ms(self, clock_now())) < 0) {
        return; /* EINTR; ENOMEM passes */
    }
    for (size_t i = 0; i < n_sockets; i++) {
        if (fds[i + 2].revents != 0) {
            (void)toa_service_answer(&self->base, &self->base.sockets[i]);
        }
    }
    if (fds[1].revents != 0 && read(self->wake_fd, &ignored, sizeof ignored) > 0 &&
        self->base.feed != NULL) {
        toa_feed_changed(self->base.feed, self->base.core);
    }
    toa_service_answer_held(&self->base, clock_now());
    toa_say_rest();
    tell_watchdog(self, clock_now());
    if (fds[0].revents != 0) {
        take_signals(self); /* last: it may change the sockets */
    }
    toa_service_answer_control(&self->base, clock_now()); /* likewise */
}

/* ---- Starting and ending --------------------------------------------------------------------- */

/* Nothing is wrong when only a part of the sandbox is not there: that is said. */
static bool enter_sandbox(const service *self, bool live, char error[TOA_CONFIG_ERROR])
{
    const toa_service_config *config = &self->base.config;
    const toa_sandbox_needs needs = {.capture = live,
                                     .config = self->base.options->config_path,
                                     .record = live ? config->record.dir : NULL,
                                     .control = config->control};
    if (!config->sandbox) {
        return true;
    }
    bool entered = toa_sandbox_enter(&needs, error, TOA_CONFIG_ERROR);
    if (entered && error[0] != '\0') {
        toa_complain("%s", error);
    }
    return entered;
}

/* In this order: what takes rights, giving them up, what reads strangers' bytes. */
static bool start(service *self)
{
    char error[TOA_CONFIG_ERROR];
    bool live = self->base.options->frozen == NULL;
    const char *user = toa_privileges_user(self->base.config.user);
    toa_notify_open(&self->notify, clock_now());
    if (!open_signals(self) || !toa_service_sockets(&self->base, &self->base.config)) {
        return false;
    }
    if ((live && !toa_record_prepare(&self->base.config.record, user, error)) ||
        !toa_service_control(&self->base, user, error) ||
        !toa_privileges_drop(self->base.config.user, live, error, sizeof error) ||
        !enter_sandbox(self, live, error)) {
        toa_complain("%s", error);
        return false;
    }
    if (!toa_service_begin(&self->base)) {
        return false;
    }
    notify_ready(self);
    return true;
}

static bool begin(service *self)
{
    toa_say_as(self->base.config.log);
    return start(self);
}

static void end(service *self)
{
    toa_notify_say(&self->notify, "STOPPING=1");
    toa_service_end(&self->base);
    toa_notify_close(&self->notify);
    if (self->signal_fd >= 0) {
        (void)close(self->signal_fd);
    }
    if (self->wake_fd >= 0) {
        (void)close(self->wake_fd);
    }
}

toa_serve_result toa_serve(const toa_serve_options *options)
{
    char error[TOA_CONFIG_ERROR];
    service *self = calloc(1, sizeof *self);
    toa_serve_result result = TOA_SERVE_ENDED;
    if (self == NULL) {
        toa_complain("out of memory");
        return TOA_SERVE_FAILED;
    }
    self->base.options = options;
    self->base.clock = clock_now;
    self->base.wake = (toa_feed_wake){on_wake, self};
    self->base.reloading = on_reloading;
    self->base.started_at = (uint64_t)time(NULL);
    self->signal_fd = -1;
    self->wake_fd = -1;
    self->notify.fd = -1;
    if (!toa_service_config_load(options->config_path, options->flags, &self->base.config, error)) {
        toa_complain("%s", error);
        result = TOA_SERVE_BAD_CONFIG;
    } else if (!begin(self)) {
        result = TOA_SERVE_FAILED;
    } else {
        while (!self->ending) {
            turn(self);
        }
        toa_service_say_summary(&self->base);
    }
    end(self);
    free(self);
    return result;
}
