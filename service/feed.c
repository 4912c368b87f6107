#include "feed.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "say.h"

/* Changes that are kept for questions that wait; with more, all are looked at. */
enum { CHANGES_MAX = 1024 };

/* Connections whose story is kept: one for each eight records, 660 bytes each. */
enum { STORIES_MIN = 256, STORIES_MAX = 16384 };

struct toa_feed {
    toa_live *live;
    toa_feed_wake wake;
    atomic_size_t n_waiting;
    pthread_mutex_t lock; /* of what follows */
    toa_endpoint changes[CHANGES_MAX];
    size_t n_changes;
    bool more_changes;
    toa_record *record;
    toa_stories *stories; /* NULL: none are kept */
    bool open_tunnels;
};

/* ---- On the thread that read a frame --------------------------------------------------------- */

static void note_change(toa_feed *feed, const toa_endpoint *fake)
{
    if (feed->n_changes == CHANGES_MAX) {
        feed->more_changes = true;
        return;
    }
    feed->changes[feed->n_changes++] = *fake;
    if (feed->n_changes == 1) {
        feed->wake.call(feed->wake.context);
    }
}

static void on_frame(void *context, const toa_live_frame *frame)
{
    toa_feed *feed = context;
    const toa_event *event = frame->event;
    /* Pairs with on_waiting: either this sees that somebody waits, or his lookup sees the frame. */
    atomic_thread_fence(memory_order_seq_cst);
    bool waited_for = atomic_load(&feed->n_waiting) != 0 && event->fake.version != 0 &&
                      event->verdict != TOA_PASS;
    (void)pthread_mutex_lock(&feed->lock);
    if (waited_for) {
        note_change(feed, &event->fake);
    }
    if (feed->stories != NULL) {
        toa_stories_note(feed->stories, frame->bytes, frame->captured_len, frame->link_type,
                         feed->open_tunnels, event, frame->time);
    }
    if (feed->record != NULL) {
        toa_record_frame(feed->record, frame->bytes, frame->captured_len, frame->original_len,
                         frame->link_type, event, frame->time);
    }
    (void)pthread_mutex_unlock(&feed->lock);
}

static void on_state(void *context, toa_live_error error, const char *text)
{
    bool good = error == TOA_LIVE_OK;
    const char *what = text != NULL && text[0] != '\0' ? text
                       : good                          ? "goes on"
                                                       : toa_live_error_text(error);
    (void)context;
    if (error == TOA_LIVE_PART) {
        toa_complain("capture: %s", what); /* another one's would not be in place of it */
    } else {
        toa_say_state(good, "capture: %s", what);
    }
}

/* ---- For the core ---------------------------------------------------------------------------- */

static toa_time on_now(void *context)
{
    const toa_feed *feed = context;
    return toa_live_now(feed->live);
}

/* Never waits: core holds the question instead. */
static toa_word on_lookup(void *context, const toa_endpoint *fake, const toa_endpoint *server,
                          toa_answer *answer)
{
    toa_feed *feed = context;
    return toa_live_lookup(feed->live, fake, server, -1, answer);
}

static void on_waiting(void *context, size_t n_held)
{
    toa_feed *feed = context;
    atomic_store(&feed->n_waiting, n_held);
    atomic_thread_fence(memory_order_seq_cst);
}

toa_answers toa_feed_answers(toa_feed *feed)
{
    return (toa_answers){.context = feed,
                         .now = on_now,
                         .lookup = on_lookup,
                         .waiting = on_waiting,
                         .late = toa_live_late(feed->live)};
}

void toa_feed_changed(toa_feed *feed, toa_core *core)
{
    toa_endpoint changes[CHANGES_MAX];
    (void)pthread_mutex_lock(&feed->lock);
    size_t n = feed->n_changes;
    bool more = feed->more_changes;
    memcpy(changes, feed->changes, n * sizeof changes[0]);
    feed->n_changes = 0;
    feed->more_changes = false;
    (void)pthread_mutex_unlock(&feed->lock);
    if (more) {
        toa_core_changed(core, NULL);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        toa_core_changed(core, &changes[i]);
    }
}

/* ---- Starting and ending --------------------------------------------------------------------- */

static bool start_stories(toa_feed *feed, const toa_capture_config *config,
                          const toa_dialects *dialects)
{
    uint64_t hash_key = 0;
    size_t n = (size_t)(config->n_records / 8);
    n = n < STORIES_MIN ? STORIES_MIN : n > STORIES_MAX ? STORIES_MAX : n;
    if (!toa_live_random(&hash_key, sizeof hash_key)) {
        return false;
    }
    feed->stories = toa_stories_new(n, hash_key, dialects);
    feed->open_tunnels = config->open_tunnels;
    return feed->stories != NULL;
}

static toa_live_error start_live(toa_feed *feed, const toa_capture_config *config, bool stories,
                                 char error[TOA_CONFIG_ERROR])
{
    toa_dialects dialects;
    toa_config_dialects(config, &dialects);
    toa_config engine = toa_config_engine(config, &dialects);
    if (stories && !start_stories(feed, config, &dialects)) {
        (void)snprintf(error, TOA_CONFIG_ERROR, "out of memory, or of random numbers");
        return TOA_LIVE_NO_MEMORY;
    }
    const toa_live_options options = {
        .interface = config->interface,
        .config = &engine,
        .n_records = (size_t)config->n_records,
        .buffer_size = (size_t)config->buffer_size,
        .frame = on_frame,
        .changed = on_state,
        .context = feed,
    };
    return toa_live_start(&feed->live, &options, error, TOA_CONFIG_ERROR);
}

toa_feed *toa_feed_start(const toa_capture_config *config, bool stories, const toa_feed_wake *wake,
                         toa_live_error *wrong, char error[TOA_CONFIG_ERROR])
{
    *wrong = TOA_LIVE_NO_MEMORY;
    toa_feed *feed = calloc(1, sizeof *feed);
    if (feed == NULL || pthread_mutex_init(&feed->lock, NULL) != 0) {
        free(feed);
        (void)snprintf(error, TOA_CONFIG_ERROR, "out of memory");
        return NULL;
    }
    feed->wake = *wake;
    *wrong = start_live(feed, config, stories, error);
    if (*wrong != TOA_LIVE_OK) {
        toa_stories_free(feed->stories);
        (void)pthread_mutex_destroy(&feed->lock);
        free(feed);
        return NULL;
    }
    return feed;
}

void toa_feed_stop(toa_feed *feed)
{
    if (feed != NULL) {
        toa_live_stop(feed->live);
        toa_stories_free(feed->stories);
        (void)pthread_mutex_destroy(&feed->lock);
        free(feed);
    }
}

void toa_feed_record(toa_feed *feed, toa_record *record)
{
    (void)pthread_mutex_lock(&feed->lock);
    feed->record = record;
    (void)pthread_mutex_unlock(&feed->lock);
}

void toa_feed_probe(const toa_feed *feed)
{
    toa_live_counters counters;
    toa_live_counters_get(feed->live, &counters);
}

const toa_engine *toa_feed_engine(const toa_feed *feed)
{
    return toa_live_engine(feed->live);
}

toa_time toa_feed_now(const toa_feed *feed)
{
    return toa_live_now(feed->live);
}

bool toa_feed_story(toa_feed *feed, const toa_endpoint *fake, const toa_endpoint *server,
                    toa_story *out)
{
    (void)pthread_mutex_lock(&feed->lock);
    bool there = feed->stories != NULL && toa_stories_tell(feed->stories, fake, server, out);
    (void)pthread_mutex_unlock(&feed->lock);
    return there;
}

void toa_feed_figures(toa_feed *feed, toa_figures *out)
{
    toa_figures_of_capture(out, feed->live);
    (void)pthread_mutex_lock(&feed->lock);
    if (feed->stories != NULL) {
        memcpy(out->unheard, toa_stories_unheard(feed->stories), sizeof out->unheard);
    }
    (void)pthread_mutex_unlock(&feed->lock);
}
