/*
 * The capture thread and the lookups.
 *
 *   ring      held by whoever reads frames and feeds the engine: the thread, or a lookup. So there
 *             is one writer at a time, and the handle is closed and opened under it.
 *   news      tells lookups that wait that frames were read.
 *
 * A drain reads until the ring is empty. Lookups that come while one is under way wait for the
 * ring, and find out by the drain's number whether another one, begun after they came, has done it
 * for them.
 */
#include <toa/live.h>

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "interface.h"
#include "pcap_functions.h"
#include "ring.h"
#include "thread.h"
#include "wakeup.h"

#define MILLISECOND (TOA_SECOND / 1000)

enum {
    CHUNK = 256,          /* frames that are read before others may have the ring */
    BUSY_FRAMES = 200,    /* in BUSY_SPAN: from there on the thread naps between drains */
    LOST_RETRY = 250,     /* milliseconds between attempts to find the interface again */
    COUNT_INTERVAL = 100, /* milliseconds between the thread's looks at the kernel's counts */
    TEXT = 512
};
#define BUSY_SPAN     (4 * MILLISECOND)
#define HOLE_SPIN     (MILLISECOND / 20)
#define HOLE_PATIENCE (20 * MILLISECOND)

typedef struct state state;

struct toa_live {
    state *own;
};

struct state {
    toa_live_options options; /* its pointers lead to the copies here */
    toa_config config;
    toa_dialects dialects;
    toa_server *servers;
    toa_prefix *trust;
    char *interface_wanted;
    void *memory;
    toa_engine *engine;

    toa_mutex ring;
    toa_ring capture;           /* ring */
    toa_time counted_at;        /* ring: when the kernel was asked for its counts */
    bool broken;                /* ring: the handle has failed */
    _Atomic unsigned n_wanting; /* lookups that want the ring */
    _Atomic unsigned n_urgent;  /* others that want it, and go before lookups */

    toa_mutex news_mutex;
    toa_condition news;
    uint64_t news_number; /* news_mutex */
    _Atomic unsigned n_waiting;

    toa_interface interface; /* the thread's */
    int watch;               /* the thread's */
    bool unsure;             /* the thread's: the interfaces could not be looked at */
    toa_time opened_at;      /* the thread's */
    toa_time looked_at;      /* the thread's: look_is_due */
    toa_live_error failure;  /* the thread's: why it was not opened last */
    toa_time busy_since;     /* the thread's */
    uint64_t busy_frames;    /* the thread's */
    bool parts;              /* the thread's: the ring has news of some */
    bool busy;               /* the thread's */
    toa_wakeup wakeup;
    toa_thread thread;
    _Atomic bool stopping;
    _Atomic int status; /* toa_live_error */

    _Atomic uint64_t captured;
    _Atomic uint64_t kernel_drops;
    _Atomic toa_time dropped_at;
    _Atomic uint64_t lookups;
    _Atomic uint64_t drains;
    _Atomic uint64_t reopens;
    _Atomic uint64_t misses_after_drops;
};

const char *toa_live_error_text(toa_live_error error)
{
    switch (error) {
    case TOA_LIVE_OK:
        return "capturing";
    case TOA_LIVE_BAD_ADDRESS:
        return "this is no address";
    case TOA_LIVE_NO_INTERFACE:
        return "no interface has this name or address";
    case TOA_LIVE_NO_PCAP:
        return "the capture library is missing, or finds no interface";
    case TOA_LIVE_NO_TIMER:
        return "the system gives no clock or no wake-up";
    case TOA_LIVE_BAD_FILTER:
        return "the kernel filter cannot be made";
    case TOA_LIVE_NO_FILTER:
        return "the kernel filter cannot be installed";
    case TOA_LIVE_NO_OPEN:
        return "the interface cannot be opened";
    case TOA_LIVE_NO_START:
        return "the capture cannot be activated";
    case TOA_LIVE_NO_THREAD:
        return "the thread cannot be started";
    case TOA_LIVE_NO_MEMORY:
        return "no memory";
    case TOA_LIVE_BAD_CONFIG:
        return "the configuration has no dialects, or no time to live";
    case TOA_LIVE_LOST:
        return "the interface is down or gone, and is waited for";
    case TOA_LIVE_PART:
        return "one of all interfaces is not captured from";
    default:
        return "?";
    }
}

static uint64_t relaxed(const _Atomic uint64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

static void count(_Atomic uint64_t *counter)
{
    (void)atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

static toa_time clock_now(void)
{
    toa_time now = 0;
    (void)toa_clock_now(&now); /* it was there at the start */
    return now;
}

toa_time toa_live_now(const toa_live *live)
{
    (void)live;
    return clock_now();
}

/* ---- Reading the ring; all of it is done with `ring` held ---------------------------------------
 */

static void take(u_char *context, const struct pcap_pkthdr *header, const u_char *bytes)
{
    state *own = (state *)(void *)context;
    const toa_live_options *options = &own->options;
    toa_event event;
    toa_time now = clock_now();

    (void)toa_engine_feed(own->engine, bytes, header->caplen, own->capture.link_type, now, &event);
    count(&own->captured);
    if (options->frame != NULL) {
        toa_live_frame frame = {
            .bytes = bytes,
            .captured_len = header->caplen,
            .original_len = header->len,
            .link_type = own->capture.link_type,
            .time = toa_engine_now(own->engine),
            .event = &event,
        };
        options->frame(options->context, &frame);
    }
}

static void ask_kernel(state *own, toa_time now)
{
    toa_ring_count(&own->capture);
    own->counted_at = now;
    if (own->capture.n_dropped != relaxed(&own->kernel_drops)) {
        atomic_store_explicit(&own->dropped_at, now, memory_order_relaxed);
        atomic_store_explicit(&own->kernel_drops, own->capture.n_dropped, memory_order_relaxed);
    }
}

/* Reads one chunk. How many frames; fewer than CHUNK: the next one is not there. */
static int read_chunk(state *own)
{
    if (!toa_ring_is_open(&own->capture) || own->broken) {
        return 0;
    }
    int n = toa_ring_read(&own->capture, CHUNK, take, own);
    if (n < 0) {
        own->broken = true;
        toa_wakeup_call(&own->wakeup);
        return 0;
    }
    return n;
}

/* Those who wait look again. */
static void tell_news(state *own)
{
    if (atomic_load(&own->n_waiting) == 0) {
        return;
    }
    toa_mutex_lock(&own->news_mutex);
    own->news_number++;
    toa_condition_broadcast(&own->news);
    toa_mutex_unlock(&own->news_mutex);
}

/*
 * Reads until all frames are read that were queued when it began. When the next one does not come,
 * another processor is still copying it: a matter of nanoseconds, unless it is not running just
 * now. After HOLE_PATIENCE the counts are wrong, and are set right.
 */
static bool read_queued(state *own)
{
    toa_time begin = clock_now();
    ask_kernel(own, begin);
    uint64_t goal = own->capture.n_queued;
    uint64_t before = own->capture.n_read;
    toa_time waited = 0;

    while (own->capture.n_read < goal && !own->broken && toa_ring_is_open(&own->capture)) {
        if (read_chunk(own) > 0) {
            continue;
        }
        waited = clock_now() - begin;
        if (waited > HOLE_PATIENCE) {
            own->capture.n_read = goal;
        } else if (waited > HOLE_SPIN) {
            toa_thread_sleep(HOLE_SPIN);
        }
    }
    if (!own->capture.counted) { /* no counts here: twice is the best that can be done */
        (void)read_chunk(own);
        (void)read_chunk(own);
    }
    return own->capture.n_read != before;
}

/* For all but lookups, which could keep the ring among themselves for ever. */
static void take_ring(state *own)
{
    (void)atomic_fetch_add(&own->n_urgent, 1);
    toa_mutex_lock(&own->ring);
    (void)atomic_fetch_sub(&own->n_urgent, 1);
}

/* What a lookup does before it answers. */
static void drain_for_lookup(state *own)
{
    while (atomic_load(&own->n_urgent) != 0) {
        toa_thread_sleep(MILLISECOND / 50);
    }
    (void)atomic_fetch_add(&own->n_wanting, 1);
    toa_mutex_lock(&own->ring);
    (void)atomic_fetch_sub(&own->n_wanting, 1);
    bool news = read_queued(own);
    toa_mutex_unlock(&own->ring);
    if (news) {
        count(&own->drains);
        tell_news(own);
    }
}

/* The thread's drain, chunk by chunk; lookups go first. */
static uint64_t drain_for_thread(state *own)
{
    uint64_t n = 0;
    int got = CHUNK;
    while (got >= CHUNK && !atomic_load(&own->stopping)) {
        toa_mutex_lock(&own->ring);
        got = read_chunk(own);
        n += (uint64_t)got;
        toa_time now = clock_now();
        if (got > 0 && now - own->counted_at >= COUNT_INTERVAL * MILLISECOND) {
            ask_kernel(own, now);
        }
        own->parts = own->capture.has_news;
        toa_mutex_unlock(&own->ring);
        if (got > 0) {
            tell_news(own);
        }
        if (got >= CHUNK && atomic_load(&own->n_wanting) != 0) {
            toa_thread_sleep(MILLISECOND / 20);
        }
    }
    return n;
}

/* ---- The thread ---------------------------------------------------------------------------------
 */

__attribute__((format(printf, 3, 4))) static void change(state *own, toa_live_error status,
                                                         const char *format, ...)
{
    char text[TEXT];
    va_list arguments;
    if (atomic_exchange(&own->status, (int)status) == (int)status || own->options.changed == NULL) {
        return;
    }
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    own->options.changed(own->options.context, status, text);
}

static void close_capture(state *own)
{
    take_ring(own);
    toa_ring_close(&own->capture);
    toa_mutex_unlock(&own->ring);
}

/* It is there, and cannot be opened: that is news once. */
static void tell_failure(state *own, toa_live_error error, const char *text)
{
    if (own->failure != error && own->options.changed != NULL) {
        own->options.changed(own->options.context, TOA_LIVE_LOST, text);
    }
    own->failure = error;
}

/* Opens the interface anew; it is up. */
static void reopen(state *own, const toa_interface *interface)
{
    char text[TEXT] = "";
    toa_time now = clock_now();
    if (now - own->opened_at < LOST_RETRY * MILLISECOND) {
        return;
    }
    own->opened_at = now;
    take_ring(own);
    toa_live_error error =
        toa_ring_open(&own->capture, interface, &own->options, text, sizeof text);
    own->broken = false;
    toa_mutex_unlock(&own->ring);
    if (error != TOA_LIVE_OK) {
        tell_failure(own, error, text);
        return;
    }
    own->failure = TOA_LIVE_OK;
    own->interface = *interface;
    count(&own->reopens);
    change(own, TOA_LIVE_OK, "%s captures again%s%s", interface->name, *text == '\0' ? "" : "; ",
           text);
}

/* Compares what there is with what is captured from. */
static void look_at_interface(state *own)
{
    toa_interface found = {.index = 0};
    toa_live_error error = toa_interface_find(own->interface_wanted, &found);
    bool there = error == TOA_LIVE_OK;

    take_ring(own);
    bool broken = own->broken || !toa_ring_is_open(&own->capture);
    toa_mutex_unlock(&own->ring);
    own->unsure = error == TOA_LIVE_NO_PCAP;
    if (own->unsure && !broken) {
        return; /* no descriptor is left, say: that is no reason to give up one that works */
    }
    bool same = there && found.index == own->interface.index && !broken;
    if (same && found.up) {
        change(own, TOA_LIVE_OK, "%s captures again", found.name);
        return;
    }
    if (there && !found.up) {
        change(own, TOA_LIVE_LOST, "%s is down; waiting for it", found.name);
    } else if (!there) {
        change(own, TOA_LIVE_LOST, "%s is gone; waiting for it", own->interface_wanted);
    } else {
        change(own, TOA_LIVE_LOST, "%s is another interface now, or failed; opening it anew",
               own->interface_wanted);
    }
    if (!same) {
        close_capture(own);
    }
    if (!same && there && found.up) {
        reopen(own, &found);
    }
}

/* What the ring goes on without. */
static void tell_parts(state *own)
{
    char text[TEXT];
    while (own->parts) {
        take_ring(own);
        own->parts = toa_ring_news(&own->capture, text, sizeof text);
        toa_mutex_unlock(&own->ring);
        if (own->parts && own->options.changed != NULL) {
            own->options.changed(own->options.context, TOA_LIVE_PART, text);
        }
    }
}

/* Whether so many frames come that it pays to sleep a little and read many at once. */
static void measure_rate(state *own, uint64_t n)
{
    toa_time now = clock_now();
    own->busy_frames += n;
    if (now - own->busy_since >= BUSY_SPAN) {
        own->busy = own->busy_frames >= BUSY_FRAMES;
        own->busy_since = now;
        own->busy_frames = 0;
    }
}

/* How long to sleep when nothing wakes; without a descriptor, nothing wakes for frames. */
static toa_time sleep_time(const state *own, bool lost, bool nap)
{
    if (lost) {
        return LOST_RETRY * MILLISECOND;
    }
    if (nap || own->capture.descriptor < 0) {
        return MILLISECOND;
    }
    return own->watch < 0 || own->unsure ? TOA_SECOND : -1;
}

/* Whether it is time to look at the interfaces, where nothing tells of their changes, or the last
 * look failed. */
static bool look_is_due(state *own)
{
    toa_time now = clock_now();
    if ((own->watch >= 0 && !own->unsure) || now - own->looked_at < TOA_SECOND) {
        return false;
    }
    own->looked_at = now;
    return true;
}

static void *run(void *context)
{
    state *own = context;
    unsigned woken = 0;
    while (!atomic_load(&own->stopping)) {
        bool lost = atomic_load(&own->status) == TOA_LIVE_LOST;
        bool nap = own->busy && !lost && atomic_load(&own->n_waiting) == 0;
        woken = toa_wakeup_wait(&own->wakeup, lost || nap ? -1 : own->capture.descriptor,
                                own->watch, sleep_time(own, lost, nap));
        if ((woken & TOA_WOKEN_CHANGES) != 0) {
            (void)toa_interface_changed(own->watch);
        }
        if (lost || (woken & (TOA_WOKEN_CHANGES | TOA_WOKEN_CALLED)) != 0 || look_is_due(own)) {
            look_at_interface(own);
        }
        measure_rate(own, drain_for_thread(own));
        tell_parts(own);
    }
    return NULL;
}

/* ---- Start and stop -----------------------------------------------------------------------------
 */

__attribute__((format(printf, 4, 5))) static toa_live_error
fail(toa_live_error error, char *text, size_t size, const char *format, ...)
{
    va_list arguments;
    if (text != NULL && size > 0) {
        va_start(arguments, format);
        (void)vsnprintf(text, size, format, arguments);
        va_end(arguments);
    }
    return error;
}

static void *copy_of(const void *bytes, size_t n, size_t size)
{
    void *copy = calloc(n == 0 ? 1 : n, size);
    if (copy != NULL && n > 0) {
        memcpy(copy, bytes, n * size);
    }
    return copy;
}

/* The caller's stays: runs repeat. Else one that strangers, who choose the traffic, do not know. */
static bool choose_key(const toa_config *config, uint64_t key[2])
{
    memcpy(key, config->hash_key, sizeof config->hash_key);
    return key[0] != 0 || key[1] != 0 || toa_live_random(key, sizeof config->hash_key);
}

/* Copies all that the options point to, and makes the engine. */
static bool copy_options(state *own, const toa_live_options *options, const uint64_t key[2])
{
    const toa_config *config = options->config;
    size_t n_records = options->n_records == 0 ? TOA_RECORDS_DEFAULT : options->n_records;
    size_t memory_size = toa_engine_size(n_records);

    own->options = *options;
    own->config = *config;
    own->dialects = *config->dialects;
    own->servers = copy_of(config->servers, config->n_servers, sizeof *config->servers);
    own->trust = copy_of(config->trust, config->n_trust, sizeof *config->trust);
    own->interface_wanted = copy_of(options->interface, strlen(options->interface) + 1, 1);
    own->memory = memory_size == 0 ? NULL : calloc(1, memory_size);
    if (own->servers == NULL || own->trust == NULL || own->interface_wanted == NULL ||
        own->memory == NULL) {
        return false;
    }
    own->config.dialects = &own->dialects;
    own->config.servers = own->servers;
    own->config.trust = own->trust;
    own->options.config = &own->config;
    own->options.interface = own->interface_wanted;
    if (own->options.buffer_size == 0) {
        own->options.buffer_size = TOA_LIVE_BUFFER_DEFAULT;
    }
    memcpy(own->config.hash_key, key, sizeof own->config.hash_key);
    own->engine = toa_engine_init(own->memory, memory_size, &own->config);
    return own->engine != NULL;
}

static void free_state(state *own)
{
    free(own->servers);
    free(own->trust);
    free(own->interface_wanted);
    free(own->memory);
    free(own);
}

static toa_live_error find_interface(state *own, char *text, size_t size)
{
    const char *wanted = own->interface_wanted;
    toa_live_error error = toa_interface_find(wanted, &own->interface);
    switch (error) {
    case TOA_LIVE_OK:
        return TOA_LIVE_OK;
    case TOA_LIVE_BAD_ADDRESS:
        return fail(error, text, size, "\"%s\" is no address, and no interface has this name",
                    wanted);
    case TOA_LIVE_NO_INTERFACE:
        return fail(error, text, size,
                    "no interface has the name or address \"%s\" (%s shows what there is)", wanted,
                    toa_interface_lister);
    default:
        return fail(error, text, size, "%s", toa_pcap_functions_missing());
    }
}

static toa_live_error open_and_run(state *own, char *text, size_t size)
{
    toa_live_error error = toa_ring_open(&own->capture, &own->interface, &own->options, text, size);
    if (error != TOA_LIVE_OK) {
        return error;
    }
    own->watch = toa_interface_watch();
    if (!toa_thread_start(&own->thread, run, own)) {
        toa_ring_close(&own->capture);
        toa_interface_unwatch(own->watch);
        return fail(TOA_LIVE_NO_THREAD, text, size, "the capture thread cannot be started");
    }
    return TOA_LIVE_OK;
}

/* Mutexes, condition, wake-up: all or none. */
static bool make_primitives(state *own)
{
    toa_time now = 0;
    if (!toa_clock_now(&now) || !toa_wakeup_init(&own->wakeup)) {
        return false;
    }
    own->opened_at = now;
    own->busy_since = now;
    if (toa_mutex_init(&own->ring)) {
        if (toa_mutex_init(&own->news_mutex)) {
            if (toa_condition_init(&own->news)) {
                return true;
            }
            toa_mutex_destroy(&own->news_mutex);
        }
        toa_mutex_destroy(&own->ring);
    }
    toa_wakeup_destroy(&own->wakeup);
    return false;
}

static void destroy_primitives(state *own)
{
    toa_condition_destroy(&own->news);
    toa_mutex_destroy(&own->news_mutex);
    toa_mutex_destroy(&own->ring);
    toa_wakeup_destroy(&own->wakeup);
}

static toa_live_error begin(state *own, char *text, size_t size)
{
    toa_live_error error = find_interface(own, text, size);
    if (error != TOA_LIVE_OK) {
        return error;
    }
    if (!make_primitives(own)) {
        return fail(TOA_LIVE_NO_TIMER, text, size, "the system gives no clock or no wake-up");
    }
    error = open_and_run(own, text, size);
    if (error != TOA_LIVE_OK) {
        destroy_primitives(own);
    }
    return error;
}

toa_live_error toa_live_start(toa_live **live, const toa_live_options *options, char *text,
                              size_t size)
{
    if (options->config == NULL || options->config->dialects == NULL || options->config->ttl < 1 ||
        options->interface == NULL) {
        return fail(TOA_LIVE_BAD_CONFIG, text, size,
                    "the configuration needs an interface, dialects, and a ttl above 0");
    }
    uint64_t key[2];
    if (!choose_key(options->config, key)) {
        return fail(TOA_LIVE_NO_MEMORY, text, size, "the system gives no random numbers");
    }
    toa_live *made = calloc(1, sizeof *made);
    state *own = calloc(1, sizeof *own);
    if (made == NULL || own == NULL || !copy_options(own, options, key)) {
        free(made);
        if (own != NULL) {
            free_state(own);
        }
        return fail(TOA_LIVE_NO_MEMORY, text, size, "no memory for the table of flows");
    }
    made->own = own;
    own->watch = -1;
    atomic_init(&own->dropped_at, INT64_MIN);
    toa_ring_init(&own->capture);
    toa_live_error error = begin(own, text, size);
    if (error != TOA_LIVE_OK) {
        free(made);
        free_state(own);
        return error;
    }
    *live = made;
    return TOA_LIVE_OK;
}

void toa_live_stop(toa_live *live)
{
    if (live == NULL) {
        return;
    }
    state *own = live->own;
    atomic_store(&own->stopping, true);
    toa_wakeup_call(&own->wakeup);
    toa_thread_join(&own->thread);
    toa_ring_close(&own->capture);
    toa_interface_unwatch(own->watch);
    destroy_primitives(own);
    free_state(own);
    free(live);
}

/* ---- Lookups ------------------------------------------------------------------------------------
 */

toa_live_error toa_live_status(const toa_live *live)
{
    return (toa_live_error)atomic_load(&live->own->status);
}

void *toa_live_thread(const toa_live *live)
{
    return toa_thread_handle(&live->own->thread);
}

toa_time toa_live_late(const toa_live *live)
{
    return live->own->capture.late;
}

const toa_engine *toa_live_engine(const toa_live *live)
{
    return live->own->engine;
}

/* What the engine says when the ring was read up to now. */
static toa_word look(state *own, const toa_endpoint *fake, const toa_endpoint *server,
                     toa_answer *answer)
{
    if (!own->options.no_drain) {
        drain_for_lookup(own);
    }
    return toa_engine_lookup(own->engine, fake, server, clock_now(), answer);
}

static uint64_t news_number(state *own)
{
    toa_mutex_lock(&own->news_mutex);
    uint64_t number = own->news_number;
    toa_mutex_unlock(&own->news_mutex);
    return number;
}

/* Sleeps until frames were read after the news of this number, or until `until`. */
static void await_news(state *own, uint64_t number, toa_time until)
{
    toa_mutex_lock(&own->news_mutex);
    while (own->news_number == number && clock_now() < until) {
        toa_condition_wait(&own->news, &own->news_mutex, until);
    }
    toa_mutex_unlock(&own->news_mutex);
}

/* Asks again at each drain that read something, until it is found or the time is over. */
static toa_word look_until(state *own, const toa_endpoint *fake, const toa_endpoint *server,
                           toa_time until, toa_answer *answer)
{
    toa_word word = TOA_NEVER_SEEN;
    if (atomic_fetch_add(&own->n_waiting, 1) == 0) {
        toa_wakeup_call(&own->wakeup); /* it may nap */
    }
    do {
        uint64_t number = news_number(own);
        word = look(own, fake, server, answer);
        if (word != TOA_FOUND) {
            await_news(own, number, until);
        }
    } while (word != TOA_FOUND && clock_now() < until);
    (void)atomic_fetch_sub(&own->n_waiting, 1);
    return word == TOA_FOUND ? word : look(own, fake, server, answer);
}

/*
 * Where segments come late, what a young SYN says may be contradicted by an ACK that is on its way:
 * the answer waits for that.
 */
static toa_word settle(state *own, const toa_endpoint *fake, const toa_endpoint *server,
                       toa_word word, toa_answer *answer)
{
    toa_time late = own->capture.late;
    while (word == TOA_FOUND && answer->mapping.carrier == TOA_CARRIER_SYN && answer->age < late) {
        await_news(own, news_number(own), clock_now() + late - answer->age);
        word = look(own, fake, server, answer);
    }
    return word;
}

/* A miss that frames may be the reason of which the kernel had no room for: it says so, where what
 * they held could have made another answer of it. */
static toa_word blame_drops(state *own, toa_answer *answer)
{
    toa_time dropped_at = atomic_load_explicit(&own->dropped_at, memory_order_relaxed);
    if (dropped_at == INT64_MIN || clock_now() - dropped_at >= own->config.ttl) {
        return answer->word;
    }
    count(&own->misses_after_drops);
    if (toa_word_may_change(answer->word)) {
        answer->word = TOA_CAPTURE_DROPS;
        answer->options_free = 0;
    }
    return answer->word;
}

toa_word toa_live_lookup(toa_live *live, const toa_endpoint *fake, const toa_endpoint *server,
                         toa_time wait, toa_answer *answer)
{
    state *own = live->own;
    count(&own->lookups);
    toa_word word = look(own, fake, server, answer);
    if (wait >= 0 && wait < own->capture.late) {
        wait = own->capture.late; /* set once, when the library was loaded */
    }
    if (word != TOA_FOUND && wait > 0) {
        toa_time now = clock_now();
        word =
            look_until(own, fake, server, wait > INT64_MAX - now ? INT64_MAX : now + wait, answer);
    }
    if (wait >= 0) {
        word = settle(own, fake, server, word, answer);
    }
    return word == TOA_FOUND ? word : blame_drops(own, answer);
}

void toa_live_counters_get(const toa_live *live, toa_live_counters *out)
{
    state *own = live->own;
    take_ring(own);
    ask_kernel(own, clock_now());
    toa_mutex_unlock(&own->ring);
    *out = (toa_live_counters){
        .captured = relaxed(&own->captured),
        .kernel_drops = relaxed(&own->kernel_drops),
        .dropped_at = atomic_load_explicit(&own->dropped_at, memory_order_relaxed),
        .lookups = relaxed(&own->lookups),
        .misses_after_drops = relaxed(&own->misses_after_drops),
        .drains = relaxed(&own->drains),
        .reopens = relaxed(&own->reopens),
    };
}
