#include "service.h"

#include <stdio.h>
#include <string.h>

#include "console.h"
#include "say.h"

enum { BATCHES_IN_TURN = 16 }; /* of one socket, before the others come */

typedef toa_service service;

/* ---- Answering ------------------------------------------------------------------------------- */

static void answer_batch(service *self, const toa_socket *from, size_t n)
{
    toa_time now = self->clock(); /* they are here: what waits from now on waits long enough */
    toa_peer peer;
    size_t len = 0;
    for (size_t i = 0; i < n; i++) {
        const uint8_t *bytes = toa_batch_datagram(self->batch, i, &len, &peer);
        size_t answer_len =
            toa_core_datagram(self->core, bytes, len, &peer, now, toa_batch_answer(self->batch, i));
        if (answer_len != 0) {
            toa_batch_answered(self->batch, i, answer_len);
        }
    }
    self->unsent += toa_batch_send(self->batch, from);
}

/* Until nothing is there: under load that spares a wait for each batch. */
bool toa_service_answer(service *self, const toa_socket *from)
{
    size_t n = 1;
    for (size_t i = 0; i < BATCHES_IN_TURN && n != 0; i++) {
        n = toa_batch_receive(self->batch, from);
        answer_batch(self, from, n);
    }
    return n != 0;
}

static const toa_socket *socket_of(const service *self, const toa_peer *peer)
{
    for (size_t i = 0; i < self->n_sockets; i++) {
        if (self->sockets[i].number == peer->socket) {
            return &self->sockets[i];
        }
    }
    return NULL;
}

void toa_service_answer_held(service *self, toa_time now)
{
    uint8_t bytes[TOA_DATAGRAM_MAX];
    toa_peer peer;
    size_t len = 0;
    while ((len = toa_core_due(self->core, now, &peer, bytes)) != 0) {
        const toa_socket *to = socket_of(self, &peer);
        self->unsent += to == NULL || !toa_socket_send(to, &peer, bytes, len);
    }
}

/* ---- Sockets --------------------------------------------------------------------------------- */

static void close_sockets(toa_socket *sockets, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        toa_socket_close(&sockets[i]);
    }
}

static void say_listening(const toa_socket *opened)
{
    char text[TOA_ENDPOINT_TEXT];
    (void)toa_endpoint_format(&opened->bound, text);
    toa_say("listening on %s", text);
}

static const toa_socket *find_socket(const service *self, const toa_endpoint *at)
{
    for (size_t i = 0; i < self->n_sockets; i++) {
        if (toa_endpoint_equal(&self->sockets[i].at, at)) {
            return &self->sockets[i];
        }
    }
    return NULL;
}

bool toa_service_sockets(service *self, const toa_service_config *config)
{
    toa_socket opened[TOA_CONFIG_LISTENS] = {{.number = 0}};
    toa_socket kept[TOA_CONFIG_LISTENS] = {{.number = 0}};
    char error[TOA_SOCKET_ERROR];
    size_t n_opened = 0;
    size_t n_kept = 0;
    for (size_t i = 0; i < config->n_listen; i++) {
        const toa_socket *there = find_socket(self, &config->listen[i]);
        if (there != NULL) {
            kept[n_kept++] = *there;
        } else if (toa_socket_open(&opened[n_opened], &config->listen[i], self->next_number,
                                   error)) {
            self->next_number++;
            n_opened++;
        } else {
            toa_complain("%s", error);
            close_sockets(opened, n_opened);
            return false;
        }
    }
    for (size_t i = 0; i < self->n_sockets; i++) {
        bool stays = false;
        for (size_t k = 0; k < n_kept; k++) {
            stays = stays || kept[k].number == self->sockets[i].number;
        }
        if (!stays) {
            toa_socket_close(&self->sockets[i]);
        }
    }
    memcpy(self->sockets, kept, n_kept * sizeof kept[0]);
    memcpy(self->sockets + n_kept, opened, n_opened * sizeof opened[0]);
    self->n_sockets = n_kept + n_opened;
    for (size_t i = 0; i < n_opened; i++) {
        say_listening(&opened[i]);
    }
    return true;
}

/* ---- Capture and record ---------------------------------------------------------------------- */

/* Questions come to the ports that the sockets have by now. */
static void set_record(service *self, toa_record *record)
{
    toa_core_tap none = {.context = NULL};
    toa_core_tap tap = record == NULL ? none : toa_record_tap(record);
    uint16_t ports[TOA_CONFIG_LISTENS];
    for (size_t i = 0; i < self->n_sockets; i++) {
        ports[i] = self->sockets[i].bound.port;
    }
    if (record != NULL) {
        toa_record_services(record, ports, self->n_sockets);
    }
    toa_core_tap_set(self->core, &tap);
    if (self->feed != NULL) {
        toa_feed_record(self->feed, record);
    }
    toa_record_stop(self->record);
    self->record = record;
}

static bool start_record(const toa_service_config *config, const toa_feed *feed, toa_record **out)
{
    char error[TOA_CONFIG_ERROR];
    *out = NULL;
    if (config->record.dir[0] == '\0' || feed == NULL) {
        return true;
    }
    *out = toa_record_start(config, toa_feed_now(feed), error);
    if (*out == NULL) {
        toa_complain("%s", error);
    }
    return *out != NULL;
}

/* Answers come from this capture from now on; the old one ends. */
static void set_feed(service *self, toa_feed *feed)
{
    toa_feed *old = self->feed;
    toa_answers answers = toa_feed_answers(feed);
    self->feed = feed;
    toa_core_answers(self->core, &answers);
    toa_feed_stop(old);
}

static bool start_feed(service *self, const toa_service_config *config, toa_feed **out)
{
    char error[TOA_CONFIG_ERROR];
    *out = toa_feed_start(&config->capture, config->control[0] != '\0', &self->wake, &self->capture,
                          error);
    if (*out == NULL) {
        toa_complain("%s", error);
        return false;
    }
    toa_say("capturing on %s", config->capture.interface);
    if (error[0] != '\0') {
        toa_complain("%s", error);
    }
    return true;
}

/* ---- What it is told --------------------------------------------------------------------------
 */

static void take_figures(const service *self, toa_figures *out)
{
    const toa_frozen *frozen = self->options->frozen;
    *out = (toa_figures){.unsent = self->unsent,
                         .started_at = self->started_at,
                         .unsaid = toa_say_unsaid(),
                         .reloads = self->reloads,
                         .reloads_refused = self->reloads_refused};
    toa_figures_of_core(out, self->core);
    if (self->feed != NULL) {
        toa_feed_figures(self->feed, out);
    } else {
        toa_figures_of_engine(out, frozen->engine, frozen->at);
    }
    if (self->record != NULL) {
        toa_figures_of_record(out, self->record);
    }
}

void toa_service_say_summary(const service *self)
{
    toa_figures figures;
    toa_text text = {.bytes = NULL};
    take_figures(self, &figures);
    toa_figures_text(&figures, &text);
    toa_say_lines(text.bytes == NULL ? "" : text.bytes);
    toa_text_free(&text);
}

static bool same_record(const toa_record_config *a, const toa_record_config *b)
{
    return strcmp(a->dir, b->dir) == 0 && a->size == b->size && a->files == b->files;
}

static bool needs_restart(const toa_service_config *a, const toa_service_config *b)
{
    return a->n_held != b->n_held || strcmp(a->user, b->user) != 0 || a->sandbox != b->sandbox ||
           strcmp(a->control, b->control) != 0;
}

static bool same_ports(const toa_service_config *a, const toa_service_config *b)
{
    bool same = a->n_listen == b->n_listen;
    for (size_t i = 0; i < a->n_listen && same; i++) {
        same = a->listen[i].port == b->listen[i].port &&
               (a->listen[i].port != 0 || toa_endpoint_equal(&a->listen[i], &b->listen[i]));
    }
    return same;
}

/* Everything new is started before anything old ends, so that a failure leaves all as it was. With
 * `anew` the capture begins anew, even if nothing about it has changed. */
static bool apply(service *self, const toa_service_config *fresh, bool anew)
{
    bool live = self->options->frozen == NULL;
    bool other_capture =
        live && (anew || !toa_config_same_capture(&self->config.capture, &fresh->capture));
    bool other_record =
        live && (other_capture || !same_record(&self->config.record, &fresh->record) ||
                 !same_ports(&self->config, fresh));
    toa_feed *feed = NULL;
    toa_record *record = NULL;
    if (other_capture && !start_feed(self, fresh, &feed)) {
        return false;
    }
    if ((other_record && !start_record(fresh, feed != NULL ? feed : self->feed, &record)) ||
        !toa_service_sockets(self, fresh)) {
        toa_record_stop(record);
        toa_feed_stop(feed);
        return false;
    }
    if (other_record) {
        set_record(self, NULL);
    }
    if (other_capture) {
        set_feed(self, feed);
    }
    if (other_record) {
        set_record(self, record);
    }
    if (!toa_core_allow(self->core, fresh->allow, fresh->n_allow)) {
        toa_complain("out of memory: those who might ask before may ask still");
    }
    if (needs_restart(fresh, &self->config)) {
        toa_say("held, user, sandbox and control take effect at the next start");
    }
    self->config = *fresh;
    toa_say_as(fresh->log);
    toa_say("%s: %s", anew ? "flushed" : "reloaded",
            !live           ? "the capture that was read stays"
            : other_capture ? "the capture is another one, and begins empty"
                            : "all mappings are kept");
    return true;
}

static void tell_reloading(service *self, bool over)
{
    if (self->reloading != NULL) {
        self->reloading(self, over);
    }
}

bool toa_service_reload(service *self, char error[TOA_CONFIG_ERROR])
{
    toa_service_config fresh;
    tell_reloading(self, false);
    bool read =
        toa_service_config_load(self->options->config_path, self->options->flags, &fresh, error);
    bool done = read && apply(self, &fresh, false);
    if (!read) {
        toa_complain("%s", error);
    } else if (!done) {
        (void)snprintf(error, TOA_CONFIG_ERROR, "it cannot be done; the log says why");
    }
    if (!done) {
        toa_complain("not reloaded; the old configuration goes on");
    }
    self->reloads += done;
    self->reloads_refused += !done;
    tell_reloading(self, true);
    return done;
}

/* ---- toa ctl --------------------------------------------------------------------------------- */

static void on_figures(const void *context, toa_figures *out)
{
    take_figures(context, out);
}

static const toa_engine *on_engine(const void *context)
{
    const service *self = context;
    return self->feed != NULL ? toa_feed_engine(self->feed) : self->options->frozen->engine;
}

static toa_time on_now(const void *context)
{
    const service *self = context;
    return self->feed != NULL ? toa_feed_now(self->feed) : self->options->frozen->at;
}

static void on_lookup(void *context, const toa_endpoint *fake, const toa_endpoint *server,
                      toa_answer *answer)
{
    service *self = context;
    toa_answers from = self->feed != NULL ? toa_feed_answers(self->feed)
                                          : toa_answers_frozen(self->options->frozen);
    (void)from.lookup(from.context, fake, server, answer);
}

static bool on_story(void *context, const toa_endpoint *fake, const toa_endpoint *server,
                     toa_story *out)
{
    service *self = context;
    return self->feed != NULL && toa_feed_story(self->feed, fake, server, out);
}

static const toa_capture_config *on_capture(const void *context)
{
    const service *self = context;
    return self->feed != NULL ? &self->config.capture : NULL;
}

static bool on_flush(void *context, char error[TOA_CONFIG_ERROR])
{
    service *self = context;
    const toa_service_config same = self->config;
    if (self->feed == NULL) {
        (void)snprintf(error, TOA_CONFIG_ERROR, "what is known comes from a file, and stays");
        return false;
    }
    (void)snprintf(error, TOA_CONFIG_ERROR, "it cannot be done; the log says why");
    return apply(self, &same, true);
}

static bool on_reload(void *context, char error[TOA_CONFIG_ERROR])
{
    return toa_service_reload(context, error);
}

void toa_service_answer_control(service *self, toa_time now)
{
    toa_console console = {.service = self,
                           .figures = on_figures,
                           .engine = on_engine,
                           .now = on_now,
                           .lookup = on_lookup,
                           .story = on_story,
                           .capture = on_capture,
                           .flush = on_flush,
                           .reload = on_reload};
    toa_control_turn(self->control, now, toa_console_answer, &console);
}

/* ---- Starting and ending --------------------------------------------------------------------- */

bool toa_service_control(service *self, const char *user, char error[TOA_CONFIG_ERROR])
{
    if (self->config.control[0] == '\0') {
        return true;
    }
    self->control = toa_control_open(self->config.control, user, error, TOA_CONFIG_ERROR);
    return self->control != NULL;
}

static bool make_core(service *self)
{
    toa_core_options options = {.allow = self->config.allow,
                                .n_allow = self->config.n_allow,
                                .n_held = (size_t)self->config.n_held};
    if (self->options->frozen != NULL) {
        options.answers = toa_answers_frozen(self->options->frozen);
    } else {
        options.answers = toa_feed_answers(self->feed);
    }
    self->batch = toa_batch_new();
    if (toa_live_random(&options.hash_key, sizeof options.hash_key)) {
        self->core = toa_core_new(&options);
    }
    if (self->batch == NULL || self->core == NULL) {
        toa_complain("out of memory");
        return false;
    }
    return true;
}

bool toa_service_begin(service *self)
{
    bool live = self->options->frozen == NULL;
    toa_record *record = NULL;
    if (live) {
        toa_record_recover(&self->config.record);
    }
    if ((live && !start_feed(self, &self->config, &self->feed)) || !make_core(self) ||
        !start_record(&self->config, self->feed, &record)) {
        return false;
    }
    set_record(self, record);
    toa_say_wake(self->wake.call, self->wake.context);
    return true;
}

toa_time toa_service_deadline(const service *self)
{
    toa_time held = toa_core_deadline(self->core);
    toa_time control = toa_control_deadline(self->control);
    toa_time first = control < held ? control : held;
    int64_t rest = toa_say_rest_due();
    toa_time say = rest == INT64_MAX ? INT64_MAX : self->clock() + rest;
    return say < first ? say : first;
}

void toa_service_end(service *self)
{
    if (self->core != NULL) {
        set_record(self, NULL);
    }
    toa_say_wake(NULL, NULL);
    toa_feed_stop(self->feed);
    toa_core_free(self->core);
    toa_batch_free(self->batch);
    close_sockets(self->sockets, self->n_sockets);
    toa_control_close(self->control);
}
