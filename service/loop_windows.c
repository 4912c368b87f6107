/*
 * The daemon on Windows: it waits for sockets, the capture, the control, and for the end, which
 * Ctrl-C, Ctrl-Break, the closing of the console, or toa_serve_end bring. Rights are the service
 * manager's matter.
 */
#include "loop_windows.h"

#include <winsock2.h>

#include <stdlib.h>
#include <time.h>

#include "closing_windows.h"
#include "record.h"
#include "say.h"
#include "service.h"

/* How long who wants a reload waits for it. */
enum { RELOAD_PATIENCE_MS = 20000 };

/* How often the host's addresses are looked at when a wildcard is listened on. */
#define RENEW TOA_SECOND

enum { EVENT_END, EVENT_RELOAD, EVENT_READABLE, EVENT_CHANGED, EVENT_CONTROL };
enum { N_EVENTS = EVENT_CONTROL + TOA_CONTROL_POLLS };

typedef struct service {
    toa_service base;
    WSAEVENT readable; /* a socket is */
    HANDLE changed;    /* a frame came while questions wait */
    toa_time renew_at; /* when the host's addresses are looked at again */
} service;

/* ---- What others tell it -----------------------------------------------------------------------
 */

/* Of the process, for there is one daemon at a time. */
static struct {
    INIT_ONCE once;
    HANDLE end;
    HANDLE reload;   /* somebody wants one */
    HANDLE reloaded; /* it was tried */
    SRWLOCK lock;    /* of who wants one */
    volatile LONG done;
} told = {.once = INIT_ONCE_STATIC_INIT, .lock = SRWLOCK_INIT};

static BOOL CALLBACK make_events(INIT_ONCE *once, void *argument, void **context)
{
    (void)once;
    (void)argument;
    (void)context;
    told.end = CreateEventW(NULL, TRUE, FALSE, NULL);
    told.reload = CreateEventW(NULL, FALSE, FALSE, NULL);
    told.reloaded = CreateEventW(NULL, FALSE, FALSE, NULL);
    return told.end != NULL && told.reload != NULL && told.reloaded != NULL;
}

static bool have_events(void)
{
    return InitOnceExecuteOnce(&told.once, make_events, NULL, NULL) != 0;
}

void toa_serve_end(void)
{
    if (have_events()) {
        (void)SetEvent(told.end);
    }
}

bool toa_serve_reload(void)
{
    bool done = false;
    if (have_events()) {
        AcquireSRWLockExclusive(&told.lock);
        (void)ResetEvent(told.reloaded);
        (void)SetEvent(told.reload);
        done = WaitForSingleObject(told.reloaded, RELOAD_PATIENCE_MS) == WAIT_OBJECT_0 &&
               InterlockedCompareExchange(&told.done, 0, 0) != 0;
        ReleaseSRWLockExclusive(&told.lock);
    }
    return done;
}

static void on_wake(void *context)
{
    const service *self = context;
    (void)SetEvent(self->changed);
}

/* ---- The loop -------------------------------------------------------------------------------- */

/* Never runs backwards, and is finer than the system's ticks of 16 ms. */
static toa_time clock_now(void)
{
    LARGE_INTEGER frequency;
    LARGE_INTEGER now;
    (void)QueryPerformanceFrequency(&frequency); /* neither fails since Windows XP */
    (void)QueryPerformanceCounter(&now);
    return now.QuadPart / frequency.QuadPart * TOA_SECOND +
           now.QuadPart % frequency.QuadPart * TOA_SECOND / frequency.QuadPart;
}

static toa_time deadline_of(const service *self)
{
    toa_time deadline = toa_service_deadline(&self->base);
    for (size_t i = 0; i < self->base.n_sockets; i++) {
        if (self->base.sockets[i].wildcard && self->renew_at < deadline) {
            deadline = self->renew_at;
        }
    }
    return deadline;
}

static DWORD timeout(const service *self, bool more)
{
    toa_time deadline = deadline_of(self);
    toa_time now = clock_now();
    if (more || deadline <= now) {
        return 0;
    }
    toa_time left = (deadline - now + TOA_SECOND / 1000 - 1) / (TOA_SECOND / 1000);
    return deadline == INT64_MAX ? INFINITE : left > INT32_MAX ? INT32_MAX : (DWORD)left;
}

/* Those that are new, and those that have to follow the host's addresses. */
static bool keep_sockets(service *self)
{
    toa_time now = clock_now();
    bool is_time = self->renew_at <= now;
    self->renew_at = is_time ? now + RENEW : self->renew_at;
    for (size_t i = 0; i < self->base.n_sockets; i++) {
        toa_socket *one = &self->base.sockets[i];
        if (is_time) {
            toa_socket_renew(one);
        }
        if (!toa_socket_select(one, self->readable)) {
            toa_complain("a socket cannot be waited for (%d)", WSAGetLastError());
            return false;
        }
    }
    return true;
}

static void reload(service *self)
{
    char error[TOA_CONFIG_ERROR];
    (void)InterlockedExchange(&told.done, toa_service_reload(&self->base, error));
    (void)SetEvent(told.reloaded);
}

/* Until it is to end. */
static void run(service *self)
{
    HANDLE events[N_EVENTS] = {told.end, told.reload, self->readable, self->changed};
    DWORD n = EVENT_CONTROL + (DWORD)toa_control_events(self->base.control, events + EVENT_CONTROL);
    bool more = false;
    DWORD woken = WAIT_TIMEOUT;
    while (woken != WAIT_OBJECT_0 + EVENT_END && woken != WAIT_FAILED) {
        (void)WSAResetEvent(self->readable); /* before reading: what comes then sets it again */
        more = false;
        for (size_t i = 0; i < self->base.n_sockets; i++) {
            more = toa_service_answer(&self->base, &self->base.sockets[i]) || more;
        }
        if (self->base.feed != NULL) {
            toa_feed_changed(self->base.feed, self->base.core);
        }
        toa_service_answer_held(&self->base, clock_now());
        toa_say_rest();
        if (woken == WAIT_OBJECT_0 + EVENT_RELOAD) {
            reload(self); /* last: it may change the sockets */
        }
        toa_service_answer_control(&self->base, clock_now()); /* likewise */
        (void)keep_sockets(self);
        woken = WaitForMultipleObjects(n, events, FALSE, timeout(self, more));
    }
}

/* ---- Starting and ending --------------------------------------------------------------------- */

static bool start(service *self, toa_serve_watcher *watcher)
{
    char error[TOA_CONFIG_ERROR];
    const toa_service_config *config = &self->base.config;
    self->readable = WSACreateEvent();
    self->changed = CreateEventW(NULL, FALSE, FALSE, NULL);
    if (self->readable == WSA_INVALID_EVENT || self->changed == NULL || !have_events()) {
        toa_complain("the system gives no events");
        return false;
    }
    if (!toa_service_sockets(&self->base, config) || !keep_sockets(self)) {
        watcher->no_socket = true;
        return false;
    }
    if ((self->base.options->frozen == NULL && !toa_record_prepare(&config->record, "", error)) ||
        !toa_service_control(&self->base, "", error)) {
        toa_complain("%s", error);
        return false;
    }
    bool right = toa_service_begin(&self->base);
    watcher->capture = self->base.capture;
    return right;
}

static void end(service *self)
{
    toa_service_end(&self->base);
    if (self->readable != WSA_INVALID_EVENT) {
        (void)WSACloseEvent(self->readable);
    }
    if (self->changed != NULL) {
        (void)CloseHandle(self->changed);
    }
}

static toa_serve_result serve(service *self, toa_serve_watcher *watcher)
{
    char error[TOA_CONFIG_ERROR];
    const toa_serve_options *options = self->base.options;
    if (!toa_service_config_load(options->config_path, options->flags, &self->base.config, error)) {
        toa_complain("%s", error);
        return TOA_SERVE_BAD_CONFIG;
    }
    toa_say_as(self->base.config.log);
    if (!start(self, watcher)) {
        return TOA_SERVE_FAILED;
    }
    if (watcher->started != NULL) {
        watcher->started(watcher->context);
    }
    run(self);
    toa_service_say_summary(&self->base);
    return TOA_SERVE_ENDED;
}

toa_serve_result toa_serve_watched(const toa_serve_options *options, toa_serve_watcher *watcher)
{
    WSADATA sockets;
    service *self = calloc(1, sizeof *self);
    if (self == NULL || WSAStartup(MAKEWORD(2, 2), &sockets) != 0) {
        toa_complain(self == NULL ? "out of memory" : "there are no sockets");
        free(self);
        return TOA_SERVE_FAILED;
    }
    (void)toa_closing_catch(toa_serve_end);
    self->base.options = options;
    self->base.clock = clock_now;
    self->base.wake = (toa_feed_wake){on_wake, self};
    self->base.started_at = (uint64_t)time(NULL);
    self->readable = WSA_INVALID_EVENT;
    toa_serve_result result = serve(self, watcher);
    end(self);
    (void)WSACleanup();
    free(self);
    return result;
}

toa_serve_result toa_serve(const toa_serve_options *options)
{
    toa_serve_watcher nobody = {.started = NULL};
    return toa_serve_watched(options, &nobody);
}
