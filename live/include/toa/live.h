/*
 * toa/live.h - the engine driven by a capture thread.
 *
 * A thread captures the segments that can teach (libpcap; a kernel filter keeps everything else
 * in the kernel) and feeds them to an engine. Lookups come from any thread.
 *
 *   No race   The kernel hands a segment to packet sockets before TCP acts on it, so when accept()
 *             returns, the segments of the handshake are captured, though perhaps not read yet. A
 *             lookup reads first what was captured until it began, and then answers: found too, for
 *             the ACK's TOA replaces the SYN's, and a new SYN ends what its flow had before.
 *   Clock     CLOCK_MONOTONIC, read when a segment is taken from the ring: a step of the wall clock
 *             changes no answer.
 *   Memory    Allocated at start, fixed from then on.
 *   Threads   start and stop of one handle from one thread at a time; everything else from any.
 *   Rights    CAP_NET_RAW to start. The capture thread needs it again whenever the interface has to
 *             be opened anew, so who drops rights keeps them for that thread (toa_live_thread), or
 *             lives with a capture that stays lost when its interface is deleted.
 *
 * What the filter keeps in the kernel, the engine does not count. The one answer that this changes
 * is no_option: the handshake is over for the engine with the first segment that it sees behind the
 * SYN, and here that is one with a TOA, or FIN or RST. Until then the answer is pending. With
 * `acks`, segments without data come up too, and no_option is known at once; docs/LIVE.md says what
 * it costs.
 */
#ifndef TOA_LIVE_H
#define TOA_LIVE_H

#include <toa/engine.h>

#ifdef interface /* windows.h has it as a macro, unless WIN32_LEAN_AND_MEAN is defined */
#undef interface
#endif

#ifdef __cplusplus
extern "C" {
#endif

typedef struct toa_live toa_live;

/* Why a capture does not run. The first that applies. */
typedef enum toa_live_error {
    TOA_LIVE_OK = 0,
    TOA_LIVE_BAD_ADDRESS = 1,  /* the interface is given as an address and is none */
    TOA_LIVE_NO_INTERFACE = 2, /* none has this name or address */
    TOA_LIVE_NO_PCAP = 3,      /* the capture library is missing, or finds no interface at all */
    TOA_LIVE_NO_TIMER = 4,     /* no clock, or no wake-up */
    TOA_LIVE_BAD_FILTER = 5,   /* the kernel filter cannot be made */
    TOA_LIVE_NO_FILTER = 6,    /* ... or cannot be installed */
    TOA_LIVE_NO_OPEN = 7,      /* the interface cannot be opened: see the text (rights?) */
    TOA_LIVE_NO_START = 8,     /* the capture cannot be activated */
    TOA_LIVE_NO_THREAD = 9,    /* the thread cannot be started */
    TOA_LIVE_NO_MEMORY = 10,
    TOA_LIVE_BAD_CONFIG = 11, /* what toa_engine_init refuses */
    TOA_LIVE_LOST = 12,       /* it ran; the interface went down or away, and is waited for */
    TOA_LIVE_PART = 13        /* `changed` alone: of all interfaces, one is not captured from */
} toa_live_error;

/* "no interface has this name or address", static. */
TOA_API const char *toa_live_error_text(toa_live_error error);

/* A frame that was captured, and what it did; on the thread that read it, be it one that looks up.
 * Be quick: the ring is locked. Of this handle only toa_live_engine, toa_live_now and
 * toa_live_status may be called from here. */
typedef struct toa_live_frame {
    const uint8_t *bytes; /* valid during the call */
    uint32_t captured_len;
    uint32_t original_len;
    int link_type;
    toa_time time; /* the engine's */
    const toa_event *event;
} toa_live_frame;

/* What to capture. Zeroed, with interface and config set, it is a good start. */
typedef struct toa_live_options {
    const char *interface;    /* a name, one of its addresses, or "any" */
    const toa_config *config; /* copied, with all that it points to */
    size_t n_records;         /* 0: TOA_RECORDS_DEFAULT */
    size_t buffer_size;       /* of the kernel's ring, bytes; 0: 16 MiB */
    bool no_drain;    /* lookups do not read the ring themselves: to measure the difference */
    bool no_filter;   /* everything comes up from the kernel: likewise */
    bool promiscuous; /* also what is for other hosts, at a mirror port */
    bool acks; /* segments without data come up too, so that no_option is known at once (see above)
                */
    /* Both may be NULL. `frame` gets every frame that came up; `changed` every change of state, and
     * each interface that "any" goes on without, with a line for people, on the capture thread: it
     * may look up, and may not stop. */
    void (*frame)(void *context, const toa_live_frame *frame);
    void (*changed)(void *context, toa_live_error error, const char *text);
    void *context;
} toa_live_options;

#define TOA_LIVE_BUFFER_DEFAULT ((size_t)16 * 1024 * 1024)

/*
 * Opens the interface, installs the filter and starts the thread. When it returns with TOA_LIVE_OK,
 * segments from then on are seen, and `text` (of `size` bytes, may be NULL) is empty, or says what
 * is not as asked: servers that do not fit into the kernel's filter make it pass more. On failure
 * *live is untouched, and `text` has one line for people: what, which interface, what to do. Both
 * start and stop take some 20 ms, for the kernel waits for all processors.
 */
TOA_API toa_live_error toa_live_start(toa_live **live, const toa_live_options *options, char *text,
                                      size_t size);

/* Ends the thread, closes and frees. No lookup may be under way. NULL is fine. */
TOA_API void toa_live_stop(toa_live *live);

/* TOA_LIVE_OK while it captures; TOA_LIVE_LOST while the interface is away. Never blocks. */
TOA_API toa_live_error toa_live_status(const toa_live *live);

/* The time that lookups and frames have now. */
TOA_API toa_time toa_live_now(const toa_live *live);

/*
 * So much later than the server's TCP, at most, this capture has a segment. 0 where a lookup can
 * read what is captured (Linux; Npcap by what its driver promises, not tried); 20 ms with a capture
 * library that has no immediate mode (WinPcap, Wine). There, a port that is used again can answer
 * with the client before for so long.
 */
TOA_API toa_time toa_live_late(const toa_live *live);

/*
 * Who is behind `fake`? As toa_engine_lookup, of all that was captured until now; but within ttl of
 * frames that the kernel dropped the reason of a miss is TOA_CAPTURE_DROPS, where what they held
 * could have made another answer of it (toa_word_may_change).
 *
 * An answer that is not TOA_FOUND is not given before `wait` has passed (0: at once), for capture
 * points that see a segment later than the server does; and, unless `wait` is below 0, not before
 * toa_live_late, nor is what a SYN said that is younger, for the ACK may say something else. While
 * the interface is lost, what is known goes on answering.
 */
TOA_API toa_word toa_live_lookup(toa_live *live, const toa_endpoint *fake,
                                 const toa_endpoint *server, toa_time wait, toa_answer *answer);

/* The engine, for toa_engine_counters, toa_engine_live and lookups that do not drain. */
TOA_API const toa_engine *toa_live_engine(const toa_live *live);

typedef struct toa_live_counters {
    uint64_t captured;     /* frames that came up from the kernel */
    uint64_t kernel_drops; /* frames that the ring had no room for: misses may come from them */
    toa_time dropped_at;   /* when that was noticed last; INT64_MIN: never */
    uint64_t lookups;
    uint64_t misses_after_drops; /* lookups without a client, less than ttl after such a drop */
    uint64_t drains;             /* lookups that read the ring */
    uint64_t reopens;            /* times that the interface had to be opened anew */
} toa_live_counters;
TOA_API void toa_live_counters_get(const toa_live *live, toa_live_counters *out);

/* The capture thread: HANDLE on Windows, pthread_t elsewhere; closed by toa_live_stop. */
TOA_API void *toa_live_thread(const toa_live *live);

/* Bytes that nobody can guess, for a hash key. False when the system has none. */
TOA_API bool toa_live_random(void *out, size_t len);

#ifdef __cplusplus
}
#endif

#endif
