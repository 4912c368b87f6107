#include <toa/replay.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "capture.h"
#include "filter.h"
#include "queries.h"

enum { ERROR_MAX = 1024, PROGRESS_EVERY = 65536 };

typedef struct asked {
    toa_ask ask;
    size_t index; /* as it was added */
} asked;

struct toa_replay {
    toa_settings settings;
    toa_sink sink;
    void *memory;
    toa_engine *engine;
    toa_queries *queries;
    bool put_off; /* a judgement of theirs */
    toa_filter *filter;
    asked *asks; /* by time */
    size_t n_asks;
    size_t n_answered;
    uint64_t n_frames;
    toa_time first_at; /* by the capture's clock */
    toa_time last;     /* of the last frame, since the first */
    toa_replay_totals totals;
    char error[ERROR_MAX];
};

/* A copy of `size` bytes; NULL when there are none, or memory is short. */
static void *copied(const void *from, size_t size)
{
    void *copy = size == 0 ? NULL : malloc(size);
    if (copy != NULL) {
        memcpy(copy, from, size);
    }
    return copy;
}

static bool settings_copy(toa_settings *to, const toa_settings *from)
{
    *to = *from;
    to->servers = copied(from->servers, from->n_servers * sizeof from->servers[0]);
    to->trust = copied(from->trust, from->n_trust * sizeof from->trust[0]);
    return (to->servers != NULL || from->n_servers == 0) &&
           (to->trust != NULL || from->n_trust == 0);
}

static void on_query(void *context, toa_moment moment, const toa_check_answer *check)
{
    toa_replay *replay = context;
    replay->totals.lookups[check->answer.word]++;
    if (replay->sink.query != NULL) {
        replay->sink.query(replay->sink.context, moment, check);
    }
}

static bool engine_make(toa_replay *replay)
{
    const toa_settings *settings = &replay->settings;
    toa_config config = {
        .dialects = &settings->dialects,
        .servers = settings->servers,
        .n_servers = settings->n_servers,
        .trust = settings->trust,
        .n_trust = settings->n_trust,
        .ttl = settings->ttl,
        .hash_key = {settings->hash_key[0], settings->hash_key[1]},
        .hold = settings->hold,
        .duplicates = settings->duplicates,
        .midstream = settings->midstream,
        .open_tunnels = settings->open_tunnels,
    };
    size_t size = toa_engine_size(settings->n_records);
    replay->memory = size == 0 ? NULL : malloc(size);
    if (replay->memory == NULL) {
        return false;
    }
    replay->engine = toa_engine_init(replay->memory, size, &config);
    static const uint16_t usual = TOA_QUERY_PORT;
    bool named = settings->n_services != 0;
    replay->queries = toa_queries_new(replay->engine, named ? settings->services : &usual,
                                      named ? settings->n_services : 1, on_query, replay);
    return replay->engine != NULL && replay->queries != NULL;
}

toa_replay *toa_replay_new(const toa_settings *settings, const toa_sink *sink, const char **error)
{
    toa_replay *replay = calloc(1, sizeof *replay);
    if (replay == NULL || !settings_copy(&replay->settings, settings) || !engine_make(replay)) {
        toa_replay_free(replay);
        *error = "out of memory";
        return NULL;
    }
    replay->sink = *sink;
    return replay;
}

void toa_replay_free(toa_replay *replay)
{
    if (replay == NULL) {
        return;
    }
    toa_filter_free(replay->filter);
    toa_queries_free(replay->queries);
    toa_settings_free(&replay->settings);
    free(replay->memory);
    free(replay->asks);
    free(replay);
}

bool toa_replay_filter(toa_replay *replay, const char *expression)
{
    toa_filter *filter = toa_filter_new(expression, replay->error, sizeof replay->error);
    if (filter == NULL) {
        return false;
    }
    toa_filter_free(replay->filter);
    replay->filter = filter;
    return true;
}

bool toa_replay_ask(toa_replay *replay, const toa_ask *ask)
{
    asked *asks = realloc(replay->asks, (replay->n_asks + 1) * sizeof asks[0]);
    if (asks == NULL) {
        (void)snprintf(replay->error, sizeof replay->error, "out of memory");
        return false;
    }
    size_t at = replay->n_asks;
    while (at != 0 && asks[at - 1].ask.at > ask->at) {
        asks[at] = asks[at - 1];
        at--;
    }
    asks[at] = (asked){.ask = *ask, .index = replay->n_asks};
    replay->asks = asks;
    replay->n_asks++;
    return true;
}

/* Answers the asks whose time is before `now`: frames at an ask's time are fed first. */
static void answer_before(toa_replay *replay, toa_time now, bool all)
{
    while (replay->n_answered < replay->n_asks &&
           (all || replay->asks[replay->n_answered].ask.at < now)) {
        const asked *next = &replay->asks[replay->n_answered++];
        toa_answer answer;
        toa_word word = toa_engine_lookup(replay->engine, &next->ask.fake,
                                          next->ask.server.version == 0 ? NULL : &next->ask.server,
                                          next->ask.at, &answer);
        replay->totals.lookups[word]++;
        if (replay->sink.answer != NULL) {
            replay->sink.answer(replay->sink.context, (toa_moment){0, next->ask.at}, next->index,
                                &next->ask, &answer);
        }
    }
}

/* Since the first frame; a capture's clock may hold anything. */
static toa_time since(toa_time first, toa_time at)
{
    if (first < 0 && at > INT64_MAX + first) {
        return INT64_MAX;
    }
    if (first > 0 && at < INT64_MIN + first) {
        return INT64_MIN;
    }
    return at - first;
}

/* What is read at once, so that the engine can fetch what it needs for all of it: see look_ahead.
 */
enum { AHEAD = 32 };

typedef struct ahead {
    size_t n_records;
    size_t n_segments;
    toa_record records[AHEAD];
    const toa_segment *segment_of[AHEAD]; /* NULL: none */
    toa_segment segments[AHEAD];
} ahead;

/* The next record, and those that lie behind it. */
static toa_capture_result read_ahead(toa_capture *capture, ahead *next)
{
    const toa_capture_result result = toa_capture_next(capture, &next->records[0]);
    if (result != TOA_CAPTURE_RECORD) {
        return result;
    }
    next->n_records = 1 + toa_capture_near(capture, &next->records[1], AHEAD - 1);
    return result;
}

/*
 * A flow's place in the table is anywhere in megabytes, and to wait for one after the other was a
 * good part of the time: of a flood of SYNs a fifth, of mixed segments a quarter.
 */
static void look_ahead(const toa_replay *replay, ahead *next)
{
    next->n_segments = 0;
    for (size_t i = 0; i < next->n_records; i++) {
        const toa_record *record = &next->records[i];
        toa_segment *segment = &next->segments[next->n_segments];
        toa_word word = toa_segment_parse(record->bytes, record->captured_len, record->link_type,
                                          replay->settings.open_tunnels, segment);
        next->n_segments += word == TOA_FOUND;
        next->segment_of[i] = word == TOA_FOUND ? segment : NULL;
    }
    toa_engine_expect(replay->engine, next->segments, next->n_segments);
}

/* `segment`: of this record, when there is one. */
static void feed(toa_replay *replay, const toa_record *record, const toa_segment *segment,
                 toa_moment moment)
{
    toa_event event;
    toa_datagram datagram;
    toa_word word = segment != NULL
                        ? toa_engine_segment(replay->engine, segment, moment.time, &event)
                        : toa_engine_feed(replay->engine, record->bytes, record->captured_len,
                                          record->link_type, moment.time, &event);
    if (word == TOA_FOREIGN && toa_datagram_parse(record->bytes, record->captured_len,
                                                  record->link_type, &datagram) == TOA_FOUND) {
        replay->put_off = toa_queries_datagram(replay->queries, &datagram, moment);
    }
    if (toa_event_changes(&event)) {
        toa_queries_event(replay->queries, &event, moment.time);
    }
    if (replay->sink.frame != NULL) {
        replay->sink.frame(replay->sink.context, moment, &event);
    }
}

/* False when the filter has no meaning for this record. */
static bool on_record(toa_replay *replay, const toa_record *record, const toa_segment *segment)
{
    if (replay->n_frames++ == 0) {
        replay->first_at = record->time;
    }
    toa_moment moment = {replay->n_frames, since(replay->first_at, record->time)};
    toa_filter_result filtered =
        replay->filter == NULL ? TOA_FILTER_ACCEPTED : toa_filter_look(replay->filter, record);
    if (filtered != TOA_FILTER_ACCEPTED) {
        replay->totals.filtered++;
        return filtered != TOA_FILTER_FAILED;
    }
    replay->totals.longer += record->longer;
    replay->totals.wrong_link += segment == NULL && !toa_link_known(record->link_type);
    replay->last = moment.time;
    if (replay->put_off) {
        replay->put_off = toa_queries_advance(replay->queries, moment.time);
    }
    if (replay->n_answered < replay->n_asks) {
        answer_before(replay, moment.time, false);
    }
    feed(replay, record, segment, moment);
    return true;
}

static void progress(const toa_replay *replay, const toa_capture *capture)
{
    if (replay->sink.progress != NULL) {
        toa_capture_progress now = toa_capture_progress_now(capture);
        replay->sink.progress(replay->sink.context, replay->n_frames, now.consumed, now.total);
    }
}

static toa_replay_result result_of(toa_capture_result result)
{
    switch (result) {
    case TOA_CAPTURE_TRUNCATED:
        return TOA_REPLAY_TRUNCATED;
    case TOA_CAPTURE_CORRUPT:
        return TOA_REPLAY_CORRUPT;
    case TOA_CAPTURE_IO_ERROR:
        return TOA_REPLAY_IO_ERROR;
    case TOA_CAPTURE_RECORD:
    case TOA_CAPTURE_END:
    default:
        return TOA_REPLAY_DONE;
    }
}

/* Feeds what was read at once. */
static bool on_records(toa_replay *replay, const toa_capture *capture, ahead *next)
{
    look_ahead(replay, next);
    for (size_t i = 0; i < next->n_records; i++) {
        if (!on_record(replay, &next->records[i], next->segment_of[i])) {
            return false;
        }
        if (replay->n_frames % PROGRESS_EVERY == 0) {
            progress(replay, capture);
        }
    }
    return true;
}

toa_replay_result toa_replay_file(toa_replay *replay, const char *path)
{
    toa_capture *capture = toa_capture_open(path);
    ahead next;
    int link_type = 0; /* of the last record */
    toa_capture_result end = TOA_CAPTURE_END;
    bool fits = true; /* the filter, every record */
    uint64_t before = replay->n_frames;
    uint64_t wrong_before = replay->totals.wrong_link + replay->totals.filtered;

    replay->error[0] = '\0';
    if (capture == NULL) {
        (void)snprintf(replay->error, sizeof replay->error, "%s: out of memory", path);
        return TOA_REPLAY_IO_ERROR;
    }
    while (fits && (end = read_ahead(capture, &next)) == TOA_CAPTURE_RECORD) {
        fits = on_records(replay, capture, &next);
        link_type = next.records[next.n_records - 1].link_type;
    }
    (void)snprintf(replay->error, sizeof replay->error, "%s", toa_capture_error(capture));
    toa_capture_close(capture);
    if (!fits) {
        (void)snprintf(replay->error, sizeof replay->error, "%s: %s", path,
                       toa_filter_error(replay->filter));
        return TOA_REPLAY_WRONG_FILTER;
    }

    uint64_t n_records = replay->n_frames - before;
    uint64_t n_wrong = replay->totals.wrong_link + replay->totals.filtered - wrong_before;
    if (end == TOA_CAPTURE_END && n_wrong == n_records && !toa_link_known(link_type)) {
        (void)snprintf(replay->error, sizeof replay->error,
                       "%s: link type %d is none that can be parsed (Ethernet, Linux cooked, raw "
                       "IP, BSD loopback, PPPoE, MPLS)",
                       path, link_type);
        return TOA_REPLAY_WRONG_LINK;
    }
    return result_of(end);
}

void toa_replay_finish(toa_replay *replay)
{
    answer_before(replay, 0, true);
    toa_queries_finish(replay->queries);
}

const toa_engine *toa_replay_engine(const toa_replay *replay)
{
    return replay->engine;
}

const char *toa_replay_error(const toa_replay *replay)
{
    return replay->error;
}

void toa_replay_totals_get(const toa_replay *replay, toa_replay_totals *out)
{
    toa_queries_totals queries = toa_queries_count(replay->queries);
    *out = replay->totals;
    toa_engine_counters(replay->engine, &out->counters);
    out->queries = queries.queries;
    out->agree = queries.agree;
    out->disagree = queries.disagree;
    out->unanswered = queries.unanswered;
    out->mappings = toa_engine_live(replay->engine, replay->last);
    out->records = toa_engine_records(replay->engine);
}
