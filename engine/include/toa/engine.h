/*
 * toa/engine.h - who is behind this connection?
 *
 * Captured frames go in, with the time at which each was captured; questions about a connection
 * are answered from a table of flows: the real client, or the reason why it is not known. How a
 * mapping is learned is told in docs/ARCHITECTURE.md, "The rule".
 *
 *   Pure      As toa/parser.h: no allocation, clock, I/O, global state, lock or floating point. The
 *             same frames at the same times give the same answers, byte for byte, everywhere.
 *   Memory    All of it is lent by the caller at the start and stays the caller's; the engine has
 *             nothing to free. What the configuration points to must live as long.
 *   Bounded   Every call is O(frame) or O(1), whatever the input; so is the memory.
 *   Time      toa_time: nanoseconds of any clock of the caller's that does not run backwards
 *             (CLOCK_MONOTONIC live, the file's own times in a replay). Always the last argument
 *             before the out parameter.
 *   Threads   One writer (toa_engine_feed, toa_engine_segment), any number of readers
 *             (toa_engine_lookup, toa_engine_counters, toa_engine_live) beside it and beside one
 *             another. Readers take no lock and never see half a record; a reader that meets a
 *             record while it is being written reads it again.
 */
#ifndef TOA_ENGINE_H
#define TOA_ENGINE_H

#include <toa/parser.h>
#include <toa/text.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct toa_engine toa_engine;

/* How long a mapping answers. */
typedef enum toa_hold {
    TOA_HOLD_TTL = 0,       /* in [t, t + ttl), t being the last time the handshake taught it */
    TOA_HOLD_CONNECTION = 1 /* until FIN or RST, and ttl from then on: for long connections   */
} toa_hold;

/* What to listen to. Zeroed, with dialects, ttl and a hash key set, it is a good start. */
typedef struct toa_config {
    const toa_dialects *dialects;
    const toa_server *servers; /* whose flows are watched; none: every flow */
    size_t n_servers;
    const toa_prefix *trust; /* whose TOAs are believed; none: everybody's */
    size_t n_trust;
    toa_time ttl;         /* more than 0; the vendor's cache_secs, 15 s by default */
    uint64_t hash_key[2]; /* random where strangers choose the traffic, fixed where runs repeat */
    toa_hold hold;
    toa_duplicates duplicates;
    bool midstream;    /* believe a TOA outside the handshake: for captures that begin late */
    bool open_tunnels; /* IPIP, 6in4, GRE, VXLAN, Geneve */
} toa_config;

#define TOA_TTL_DEFAULT (15 * TOA_SECOND)

/* Records that fit when nobody says otherwise: 64 Ki flows, about 9 MiB. */
#define TOA_RECORDS_DEFAULT ((size_t)65536)

/* How many flows of one fake endpoint (to different servers) are kept at once. */
#define TOA_FLOWS_PER_FAKE 16

/*
 * Bytes to lend for a table of at least n_records flows (rounded up to a power of two, 16 at
 * least). 0 when that is more than a size_t holds. 137 bytes a record, and at most 4 KiB.
 */
TOA_API size_t toa_engine_size(size_t n_records);

/*
 * Makes an engine in `size` bytes at `memory`, as many records as fit. The memory needs no
 * alignment and no clearing. Returns NULL when it is smaller than toa_engine_size(1), or when the
 * configuration has no dialects or a ttl below 1.
 */
TOA_API toa_engine *toa_engine_init(void *memory, size_t size, const toa_config *config);

/* Which segment taught a mapping. */
typedef enum toa_carrier {
    TOA_CARRIER_NONE = 0,
    TOA_CARRIER_SYN = 1,
    TOA_CARRIER_ACK = 2, /* the ACK that ends the handshake; midstream: a segment without data */
    TOA_CARRIER_DATA = 3 /* the first data; midstream: a segment with data */
} toa_carrier;

/* "syn", "ack", "data"; "-" for none. Static. */
TOA_API const char *toa_carrier_name(toa_carrier carrier);

/* What a TOA says, and how it came. client.version 0: no mapping. */
typedef struct toa_mapping {
    toa_endpoint client; /* the real one */
    toa_endpoint vip;    /* the virtual server; version 0 when not named */
    uint8_t kind;
    uint8_t carrier; /* toa_carrier */
} toa_mapping;

/* What one frame did. */
typedef struct toa_event {
    toa_word verdict;
    toa_endpoint fake;   /* the client as the server sees it; version 0 where the frame is not of a
                            watched flow, from client to server */
    toa_endpoint server; /* likewise */
    toa_mapping
        mapping; /* what the segment's TOA says, believed or not; close: the flow's mapping */
    toa_mapping former; /* the mapping that this frame ended or changed */
    bool replaced;      /* a SYN ended `former`, live until now: "replace", then the verdict */
} toa_event;

/*
 * Feeds one frame of `len` captured bytes, captured at `now`. Returns the verdict, which is
 * event->verdict too; `event` may be NULL. Verdicts: see toa_word, "frame".
 */
TOA_API toa_word toa_engine_feed(toa_engine *engine, const uint8_t *frame, size_t len,
                                 int link_type, toa_time now, toa_event *event);

/* The same for a segment that is parsed already. */
TOA_API toa_word toa_engine_segment(toa_engine *engine, const toa_segment *segment, toa_time now,
                                    toa_event *event);

/*
 * Hints that these segments come next, in this order: fetches what they will need from memory, all
 * at once, where toa_engine_segment would wait for each. No result depends on it, right or wrong.
 * Worth calling for 4 to 32 segments when the table is larger than the processor's caches; of more,
 * the rest is ignored. The writer's.
 */
TOA_API void toa_engine_expect(toa_engine *engine, const toa_segment *segments, size_t n);

/* The answer to a lookup. */
typedef struct toa_answer {
    toa_word word;        /* TOA_FOUND, or the reason: see toa_word, "answer" */
    toa_mapping mapping;  /* found: who it is. Otherwise cleared */
    toa_mapping former;   /* expired: who it was; for reports, never to identify a peer */
    toa_endpoint server;  /* of the flow that the answer is about; version 0 when there is none */
    toa_time age;         /* found: since it was taught; expired: since it ended; never_seen and
                             replaced: 0; any other reason: since the SYN, 0 when none was seen */
    uint8_t options_free; /* no_option: bytes that the option space had free, 0 to 40 */
    bool ambiguous;       /* found by fake alone, and another live flow names another client (the
                             same address with another port is another client) */
} toa_answer;

/*
 * Who is behind `fake`, the peer address that accept() gave, at `now`? With `server` NULL any flow
 * from `fake` answers: the newest live one. An IPv4 address in IPv6 form (::ffff:1.2.3.4) counts
 * as IPv4. Asking changes nothing. Returns answer->word; *answer is always written.
 */
TOA_API toa_word toa_engine_lookup(const toa_engine *engine, const toa_endpoint *fake,
                                   const toa_endpoint *server, toa_time now, toa_answer *answer);

/* What has been counted since the start. */
typedef struct toa_counters {
    uint64_t frames;                /* fed; equals the sum of verdicts */
    uint64_t verdicts[TOA_N_WORDS]; /* by word */
    uint64_t replaced;              /* live mappings that a SYN of the same flow ended */
    uint64_t broken_rest;           /* learned, from a list that was broken behind the TOA */
    uint64_t several;               /* segments with several TOAs, of which the policy chose one */
    uint64_t time_backwards;        /* frames with a time before the latest seen */
    /* Where a new flow went when its bucket had no free record: */
    uint64_t pushed_expired; /* ... in place of an expired mapping */
    uint64_t pushed_pending; /* ... in place of a flow without mapping */
    uint64_t pushed_mapping; /* ... in place of a live mapping, the oldest of its bucket */
} toa_counters;

/* Copies the counters; each is exact, and together they are of one moment between two frames only
 * when no writer runs. */
TOA_API void toa_engine_counters(const toa_engine *engine, toa_counters *out);

/* How many mappings answer at `now`. Reads the whole table: for summaries. */
TOA_API size_t toa_engine_live(const toa_engine *engine, toa_time now);

/*
 * The flow at place `i` of the table, 0 to toa_engine_records - 1: its fake endpoint, and the
 * answer of a lookup at `now` that names its server. False: none stands there, and nothing is
 * written. For lists: all places one after the other are all flows that stay meanwhile.
 */
TOA_API bool toa_engine_flow(const toa_engine *engine, size_t i, toa_time now, toa_endpoint *fake,
                             toa_answer *answer);

/* The latest time seen; INT64_MIN before the first frame. */
TOA_API toa_time toa_engine_now(const toa_engine *engine);

/* How many records the table has. */
TOA_API size_t toa_engine_records(const toa_engine *engine);

#ifdef __cplusplus
}
#endif

#endif
