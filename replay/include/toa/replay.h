/*
 * toa/replay.h - captures in, mappings and answers out: the engine driven by files.
 *
 * Settings are put together from text, the same for command lines and case files. A replay feeds
 * one capture after the other to one engine, at the times that the files say, answers questions
 * ("asks") between the frames, checks the answers of the UDP service that it finds in the capture,
 * and tells a sink what happened. The same input gives the same calls, in the same order.
 *
 *   Memory    Allocated here; fixed by the settings, not by the length of the captures.
 *   Threads   Each object belongs to one thread at a time; different objects are independent.
 *   Times     Seconds since the first frame of the first capture, as toa_time.
 */
#ifndef TOA_REPLAY_H
#define TOA_REPLAY_H

#include <toa/engine.h>
#include <toa/query.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Settings -------------------------------------------------------------------------------- */

#define TOA_SERVICES_MAX 16

typedef struct toa_settings {
    toa_dialects dialects;
    bool dialects_named; /* else the default ones stand there */
    toa_server *servers;
    size_t n_servers;
    toa_prefix *trust;
    size_t n_trust;
    toa_time ttl;
    toa_hold hold;
    toa_duplicates duplicates;
    bool midstream;
    bool open_tunnels;
    uint16_t services[TOA_SERVICES_MAX]; /* UDP ports whose queries and answers are checked */
    size_t n_services;                   /* 0: TOA_QUERY_PORT alone */
    size_t n_records;
    uint64_t hash_key[2];
} toa_settings;

/* The defaults of toa/engine.h, and a fixed hash key, so that runs repeat. */
TOA_API void toa_settings_init(toa_settings *settings);

/*
 * Sets one of: server, dialect, trust, service PORT (each may come again and adds), ttl SECONDS,
 * hold connection|ttl, midstream [accept|refuse], duplicates first|last|reject, decap [yes|no],
 * records N. An empty value is allowed where it stands in brackets, and means the
 * first word there. Returns NULL, or what is wrong, static.
 */
TOA_API const char *toa_settings_set(toa_settings *settings, const char *key, const char *value,
                                     size_t len);

/* Whether toa_settings_set knows this key. */
TOA_API bool toa_settings_known(const char *key, size_t len);

TOA_API void toa_settings_free(toa_settings *settings);

/* ---- Asks ------------------------------------------------------------------------------------ */

/* A question at a time: frames at or before it are fed first. */
typedef struct toa_ask {
    toa_time at;
    toa_endpoint fake;
    toa_endpoint server; /* version 0: any */
} toa_ask;

/* "FAKE[>SERVER]" */
TOA_API const char *toa_ask_parse(const char *text, size_t len, toa_ask *out);

/* ---- Replay ---------------------------------------------------------------------------------- */

/* A query of the UDP service and its recorded answer, found in a capture, beside the engine's. */
typedef struct toa_check_answer {
    toa_query query;
    toa_reply recorded;
    toa_answer answer; /* the engine's, at the time of the recorded one; of the query, when that
                          came too late for any service */
    bool agrees;
    bool broken; /* the recorded one is no answer of the query's version, and cleared */
} toa_check_answer;

/* Where in the input something happened. */
typedef struct toa_moment {
    uint64_t frame; /* from 1, over all files; 0 for an ask */
    toa_time time;
} toa_moment;

/* What a replay tells. Any of the functions may be NULL. Pointers are valid during the call. */
typedef struct toa_sink {
    void *context;
    /* Each frame, in order. */
    void (*frame)(void *context, toa_moment moment, const toa_event *event);
    /* Each ask, in the order of toa_replay_ask. */
    void (*answer)(void *context, toa_moment moment, size_t index, const toa_ask *ask,
                   const toa_answer *answer);
    /* Each query whose answer was found in the capture; up to 2 ms after it, if it has to be seen
     * what came then. */
    void (*query)(void *context, toa_moment moment, const toa_check_answer *check);
    /* Now and then, for people: records read, and how far in how large a file. */
    void (*progress)(void *context, uint64_t n_frames, uint64_t consumed, uint64_t total);
} toa_sink;

typedef struct toa_replay toa_replay;

typedef enum toa_replay_result {
    TOA_REPLAY_DONE = 0,
    TOA_REPLAY_TRUNCATED = 1, /* the file ends inside a record; what came before was fed */
    TOA_REPLAY_CORRUPT = 2,   /* not a capture, or damaged; likewise */
    TOA_REPLAY_IO_ERROR = 3,
    TOA_REPLAY_WRONG_LINK = 4,  /* nothing in it is of a link type that can be parsed */
    TOA_REPLAY_WRONG_FILTER = 5 /* the filter has no meaning for a record's link type; what came
                                   before was fed */
} toa_replay_result;

/* The settings are copied. NULL: *error says why ("out of memory"), static. */
TOA_API toa_replay *toa_replay_new(const toa_settings *settings, const toa_sink *sink,
                                   const char **error);

/*
 * Feeds only frames that a libpcap filter expression accepts; the others are counted as filtered.
 * Returns false when the expression is wrong for Ethernet; toa_replay_error says how. For other
 * link types this shows when a record comes: TOA_REPLAY_WRONG_FILTER; but where a link type cannot
 * be parsed either, its records are fed as without a filter.
 */
TOA_API bool toa_replay_filter(toa_replay *replay, const char *expression);

/* Adds a question, before the first file. Questions are answered in the order of their times. */
TOA_API bool toa_replay_ask(toa_replay *replay, const toa_ask *ask);

/* Replays one file; "-" is standard input. On anything but DONE, toa_replay_error says what. */
TOA_API toa_replay_result toa_replay_file(toa_replay *replay, const char *path);

/* Answers what is still asked for. Call it once, after the last file. */
TOA_API void toa_replay_finish(toa_replay *replay);

/* The engine, with what was fed until now: for lookups, not for feeding. Lives as long as the
 * replay. */
TOA_API const toa_engine *toa_replay_engine(const toa_replay *replay);

/* One line with the file's name; "" when nothing is wrong. */
TOA_API const char *toa_replay_error(const toa_replay *replay);

typedef struct toa_replay_totals {
    toa_counters counters;         /* the engine's: frames = sum of verdicts */
    uint64_t lookups[TOA_N_WORDS]; /* the engine's answers to asks, and beside recorded ones */
    uint64_t filtered;             /* records that the filter kept away */
    uint64_t longer;               /* records with captured > original */
    uint64_t wrong_link;           /* records of a link type that cannot be parsed: foreign */
    uint64_t queries;              /* queries of the service in the capture */
    uint64_t agree;                /* recorded answers to them that are the engine's */
    uint64_t disagree;
    uint64_t unanswered; /* queries without an answer in the capture */
    size_t mappings;     /* live at the time of the last frame */
    size_t records;      /* that the table has */
} toa_replay_totals;
TOA_API void toa_replay_totals_get(const toa_replay *replay, toa_replay_totals *out);

TOA_API void toa_replay_free(toa_replay *replay);

#ifdef __cplusplus
}
#endif

#endif
