/*
 * The daemon on Windows: sockets, one capture, and an end by Ctrl-C, Ctrl-Break, the closing of the
 * console, or toa_serve_end. There is no record, no control socket and no reload, and rights are
 * the service manager's matter.
 */
#include "loop_windows.h"

#include <winsock2.h>

#include <stdatomic.h>
#include <stdlib.h>

#include "say.h"
#include "sockets.h"

enum { BATCHES_IN_TURN = 16 }; /* of one socket, before the others come */

typedef struct service {
    toa_service_config config;
    toa_frozen *frozen;
    toa_live *live; /* NULL with a frozen engine */
    toa_socket sockets[TOA_CONFIG_LISTENS];
    size_t n_sockets;
    WSAEVENT readable; /* a socket is */
    HANDLE changed;    /* a frame came while questions wait */
    atomic_size_t n_waiting;
    toa_batch *batch;
    toa_core *core;
    uint64_t unsent;
} service;

/* ---- The end --------------------------------------------------------------------------------- */

static HANDLE end_event(void)
{
    static INIT_ONCE once = INIT_ONCE_STATIC_INIT;
    static HANDLE event;
    BOOL first = FALSE;
    if (InitOnceBeginInitialize(&once, 0, &first, NULL) && first) {
        event = CreateEventW(NULL, TRUE, FALSE, NULL);
        (void)InitOnceComplete(&once, 0, NULL);
    }
    return event;
}

void toa_serve_end(void)
{
    (void)SetEvent(end_event());
}

/* All of them mean the end but one: a service is told when anybody logs off. */
static BOOL WINAPI on_console(DWORD what)
{
    if (what != CTRL_LOGOFF_EVENT) {
        toa_serve_end();
    }
    return TRUE;
}

/* ---- The capture ----------------------------------------------------------------------------- */

static void on_frame(void *context, const toa_live_frame *frame)
{
    service *self = context;
    /* Pairs with on_waiting: either this sees that somebody waits, or his lookup sees the frame. */
    atomic_thread_fence(memory_order_seq_cst);
    if (atomic_load(&self->n_waiting) != 0 && frame->event->verdict != TOA_PASS) {
        (void)SetEvent(self->changed);
    }
}

static void on_state(void *context, toa_live_error error, const char *text)
{
    (void)context;
    toa_say("capture: %s", text != NULL && text[0] != '\0' ? text : toa_live_error_text(error));
}

static toa_time on_now(void *context)
{
    const service *self = context;
    return toa_live_now(self->live);
}

/* Never waits: core holds the question instead. */
static toa_word on_lookup(void *context, const toa_endpoint *fake, const toa_endpoint *server,
                          toa_answer *answer)
{
    service *self = context;
    return toa_live_lookup(self->live, fake, server, -1, answer);
}

static void on_waiting(void *context, size_t n_held)
{
    service *self = context;
    atomic_store(&self->n_waiting, n_held);
    atomic_thread_fence(memory_order_seq_cst);
}

static toa_live_error start_capture(service *self)
{
    char text[TOA_CONFIG_ERROR] = "";
    const toa_capture_config *config = &self->config.capture;
    toa_dialects dialects;
    toa_config_dialects(config, &dialects);
    const toa_config engine = toa_config_engine(config, &dialects);
    const toa_live_options options = {
        .interface = config->interface,
        .config = &engine,
        .n_records = (size_t)config->n_records,
        .buffer_size = (size_t)config->buffer_size,
        .frame = on_frame,
        .changed = on_state,
        .context = self,
    };
    toa_live_error error = toa_live_start(&self->live, &options, text, sizeof text);
    if (error == TOA_LIVE_OK) {
        toa_say("capturing on %s", config->interface);
    }
    if (text[0] != '\0') {
        toa_say("%s", text);
    }
    return error;
}

/* ---- Sockets --------------------------------------------------------------------------------- */

static bool open_sockets(service *self)
{
    char text[TOA_SOCKET_ERROR > TOA_ENDPOINT_TEXT ? TOA_SOCKET_ERROR : TOA_ENDPOINT_TEXT];
    for (size_t i = 0; i < self->config.n_listen; i++) {
        toa_socket *opened = &self->sockets[self->n_sockets];
        if (!toa_socket_open(opened, &self->config.listen[i], (uint32_t)i, text)) {
            toa_say("%s", text);
            return false;
        }
        self->n_sockets++;
        if (WSAEventSelect((SOCKET)opened->fd, self->readable, FD_READ) != 0) {
            toa_say("a socket cannot be waited for (%d)", WSAGetLastError());
            return false;
        }
        (void)toa_endpoint_format(&opened->bound, text);
        toa_say("listening on %s", text);
    }
    return true;
}

/* Until nothing is there: under load that spares waits. */
static bool answer_socket(service *self, const toa_socket *from, toa_time now)
{
    toa_peer peer;
    size_t len = 0;
    size_t n = TOA_BATCH;
    for (size_t turn = 0; turn < BATCHES_IN_TURN && n == TOA_BATCH; turn++) {
        n = toa_batch_receive(self->batch, from);
        for (size_t i = 0; i < n; i++) {
            const uint8_t *bytes = toa_batch_datagram(self->batch, i, &len, &peer);
            size_t answer_len = toa_core_datagram(self->core, bytes, len, &peer, now,
                                                  toa_batch_answer(self->batch, i));
            if (answer_len != 0) {
                toa_batch_answered(self->batch, i, answer_len);
            }
        }
        self->unsent += toa_batch_send(self->batch, from);
    }
    return n == TOA_BATCH; /* there may be more */
}

static void answer_held(service *self, toa_time now)
{
    uint8_t bytes[TOA_DATAGRAM_MAX];
    toa_peer peer;
    size_t len = 0;
    while ((len = toa_core_due(self->core, now, &peer, bytes)) != 0) {
        self->unsent += !toa_socket_send(&self->sockets[peer.socket], &peer, bytes, len);
    }
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

static DWORD timeout(const service *self, bool more)
{
    toa_time deadline = toa_core_deadline(self->core);
    toa_time now = clock_now();
    if (more || deadline <= now) {
        return 0;
    }
    toa_time left = (deadline - now + TOA_SECOND / 1000 - 1) / (TOA_SECOND / 1000);
    return deadline == INT64_MAX ? INFINITE : left > INT32_MAX ? INT32_MAX : (DWORD)left;
}

static void run(service *self)
{
    const HANDLE events[] = {end_event(), self->readable, self->changed};
    bool more = false;
    for (;;) {
        DWORD woken = WaitForMultipleObjects(3, events, FALSE, timeout(self, more));
        if (woken == WAIT_OBJECT_0 || woken == WAIT_FAILED) {
            return;
        }
        (void)WSAResetEvent(self->readable); /* before reading: what comes then sets it again */
        toa_time now = clock_now();
        more = false;
        for (size_t i = 0; i < self->n_sockets; i++) {
            more = answer_socket(self, &self->sockets[i], now) || more;
        }
        if (toa_core_held(self->core) != 0) {
            toa_core_changed(self->core, NULL);
        }
        answer_held(self, clock_now());
    }
}

/* ---- Starting and ending --------------------------------------------------------------------- */

static bool make_core(service *self)
{
    toa_core_options options = {.allow = self->config.allow,
                                .n_allow = self->config.n_allow,
                                .n_held = (size_t)self->config.n_held};
    if (self->frozen != NULL) {
        options.answers = toa_answers_frozen(self->frozen);
    } else {
        options.answers = (toa_answers){.context = self,
                                        .now = on_now,
                                        .lookup = on_lookup,
                                        .waiting = on_waiting,
                                        .late = toa_live_late(self->live)};
    }
    self->batch = toa_batch_new();
    if (toa_live_random(&options.hash_key, sizeof options.hash_key)) {
        self->core = toa_core_new(&options);
    }
    if (self->batch == NULL || self->core == NULL) {
        toa_say("out of memory");
        return false;
    }
    return true;
}

static bool start(service *self, toa_serve_watcher *watcher)
{
    self->readable = WSACreateEvent();
    self->changed = CreateEventW(NULL, FALSE, FALSE, NULL);
    if (self->readable == WSA_INVALID_EVENT || self->changed == NULL || end_event() == NULL) {
        toa_say("the system gives no events");
        return false;
    }
    if (!open_sockets(self)) {
        watcher->no_socket = true;
        return false;
    }
    watcher->capture = self->frozen != NULL ? TOA_LIVE_OK : start_capture(self);
    return watcher->capture == TOA_LIVE_OK && make_core(self);
}

static void say_end(const service *self)
{
    const toa_core_counters *n = toa_core_count(self->core);
    toa_say("ended: %llu datagrams, %llu answers found, %llu held, %llu unsent",
            (unsigned long long)n->datagrams, (unsigned long long)n->answers[TOA_FOUND],
            (unsigned long long)n->held, (unsigned long long)self->unsent);
}

static void end(service *self)
{
    toa_live_stop(self->live);
    toa_core_free(self->core);
    toa_batch_free(self->batch);
    for (size_t i = 0; i < self->n_sockets; i++) {
        toa_socket_close(&self->sockets[i]);
    }
    if (self->readable != WSA_INVALID_EVENT) {
        (void)WSACloseEvent(self->readable);
    }
    if (self->changed != NULL) {
        (void)CloseHandle(self->changed);
    }
}

/* What would be silently without effect. */
static bool is_for_windows(const toa_service_config *config)
{
    const char *what = config->record.dir[0] != '\0' ? "Record"
                       : config->control[0] != '\0'  ? "Control"
                       : config->user[0] != '\0'     ? "User"
                                                     : NULL;
    if (what != NULL) {
        toa_say("%s is not there on Windows", what);
    }
    return what == NULL;
}

static toa_serve_result serve(service *self, const toa_serve_options *options,
                              toa_serve_watcher *watcher)
{
    char error[TOA_CONFIG_ERROR];
    self->frozen = options->frozen;
    if (!toa_service_config_load(options->config_path, options->flags, &self->config, error)) {
        toa_say("%s", error);
        return TOA_SERVE_BAD_CONFIG;
    }
    if (!is_for_windows(&self->config)) {
        return TOA_SERVE_BAD_CONFIG;
    }
    bool right = start(self, watcher);
    if (right) {
        if (watcher->started != NULL) {
            watcher->started(watcher->context);
        }
        run(self);
        say_end(self);
    }
    return right ? TOA_SERVE_ENDED : TOA_SERVE_FAILED;
}

toa_serve_result toa_serve_watched(const toa_serve_options *options, toa_serve_watcher *watcher)
{
    WSADATA sockets;
    service *self = calloc(1, sizeof *self);
    if (self == NULL || WSAStartup(MAKEWORD(2, 2), &sockets) != 0) {
        toa_say(self == NULL ? "out of memory" : "there are no sockets");
        free(self);
        return TOA_SERVE_FAILED;
    }
    (void)SetConsoleCtrlHandler(on_console, TRUE);
    toa_serve_result result = serve(self, options, watcher);
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
