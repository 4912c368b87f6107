/*
 * inspect.h - which options the segments of a capture carry: tallies over its records.
 *
 * Internal to libtoa-replay. advice.h draws conclusions from the tallies, inspect_report.h prints
 * both.
 *
 *   Memory    Allocated once, about 25 MiB of address space of which only what is used is touched;
 *             it does not grow with the capture. What did not fit is counted.
 *   Order     The same records give the same tallies, byte for byte.
 */
#ifndef TOA_INSPECT_H
#define TOA_INSPECT_H

#include <toa/text.h>

#include "capture.h"
#include "kinds.h"

/* ---- Readings: how options can be understood ------------------------------------------------- */

/* A row and the dialects that have it. */
typedef struct toa_reading {
    toa_row row;
    uint32_t dialects; /* bit i: toa_dialect_at(i); 0: a guess, for a kind that nobody names */
} toa_reading;

#define TOA_READINGS_MAX 64

/* The rows of all dialects, equal ones once. */
typedef struct toa_readings {
    toa_reading all[TOA_READINGS_MAX];
    size_t n;
} toa_readings;

void toa_readings_init(toa_readings *readings);

/* The row that an option of an unknown kind would have, if it were laid out as those that descend
 * from LVS are: port, address. Returns false when the kind or the length does not allow it. */
bool toa_reading_guess(uint8_t kind, uint8_t len, toa_reading *out);

/* ---- Tallies --------------------------------------------------------------------------------- */

/* Where in its connection a segment stands. */
typedef enum toa_stage {
    TOA_STAGE_SYN = 0,
    TOA_STAGE_SYN_ACK = 1, /* from the server */
    TOA_STAGE_ACK = 2,     /* without data, first after the SYN: it ends the handshake */
    TOA_STAGE_DATA = 3,    /* with data, first after the SYN */
    TOA_STAGE_LATER = 4,   /* from the client, behind those */
    TOA_STAGE_SERVER = 5,  /* from the server, behind its SYN-ACK */
    TOA_STAGE_CLOSE = 6,   /* from the client, with FIN or RST: no TOA on it is believed */
    TOA_STAGE_NO_SYN = 7,  /* of a flow whose SYN was not seen, in either direction */
    TOA_N_STAGES = 8
} toa_stage;

/* "syn", "syn_ack", "ack", "data", "later", "server", "close", "no_syn". Static. */
const char *toa_stage_name(toa_stage stage);

/* Why a decoded endpoint can hardly be a client. */
typedef enum toa_fault {
    TOA_FAULT_PORT_0 = 0,
    TOA_FAULT_UNSPECIFIED = 1, /* 0.0.0.0/8, ::/64 */
    TOA_FAULT_LOOPBACK = 2,    /* 127.0.0.0/8 */
    TOA_FAULT_LINK_LOCAL = 3,  /* 169.254.0.0/16, fe80::/10 */
    TOA_FAULT_MULTICAST = 4,   /* 224.0.0.0/4, ff00::/8 */
    TOA_FAULT_RESERVED = 5,    /* 240.0.0.0/4; IPv6 that nobody is given */
    TOA_FAULT_SERVER = 6,      /* the flow's own destination */
    TOA_N_FAULTS = 7,
    TOA_FAULT_NONE = 7
} toa_fault;

/* "port_0", "unspecified", "loopback", "link_local", "multicast", "reserved", "server". Static. */
const char *toa_fault_name(toa_fault fault);

/* An endpoint (or address, has_port 0) and the segments that it was on. */
typedef struct toa_seen {
    toa_endpoint endpoint; /* version 0: this place is free */
    uint32_t order;        /* from 1, as they were first seen */
    uint64_t n_syn;
    uint64_t n_handshake; /* ACK and first data */
    uint64_t n_other;
} toa_seen;

static inline uint64_t toa_seen_segments(const toa_seen *seen)
{
    return seen->n_syn + seen->n_handshake + seen->n_other;
}

#define TOA_SEEN_MAX 2048

/* Distinct endpoints. */
typedef struct toa_seen_set {
    toa_seen all[TOA_SEEN_MAX];
    uint32_t n;
    uint64_t n_unlisted; /* segments whose endpoint found no place */
} toa_seen_set;

/* Copies the endpoints in order of their first segment; returns how many. */
size_t toa_seen_in_order(const toa_seen_set *set, toa_seen out[TOA_SEEN_MAX]);

/* The same with the most segments first, then by address. */
size_t toa_seen_by_number(const toa_seen_set *set, toa_seen out[TOA_SEEN_MAX]);

#define TOA_DETAILS_MAX 64
#define TOA_SAMPLES_MAX 3

/* Options of one kind and length that one reading fits, or none does. */
typedef struct toa_detail {
    uint8_t kind;
    uint8_t len;
    bool readable; /* `reading` is there */
    toa_reading reading;
    uint64_t segments[TOA_N_STAGES];
    uint64_t flows;
    uint64_t experiments[TOA_N_EXPERIMENTS]; /* not decoded */
    uint64_t decoded;                        /* from clients: plausible ones and faults add up */
    uint64_t plausible;
    uint64_t faults[TOA_N_FAULTS];
    uint64_t own_source;   /* plausible ones that are the segment's source address */
    uint64_t stands_first; /* among several in a segment that name a client */
    uint64_t stands_last;
    toa_seen_set sources; /* addresses of the clients' side that sent it */
    toa_seen_set clients; /* plausible ones */
    toa_endpoint vips[TOA_SAMPLES_MAX];
    size_t n_vips;
    uint8_t samples[TOA_SAMPLES_MAX][TOA_OPTIONS_MAX]; /* distinct options, whole */
    size_t n_samples;
} toa_detail;

/* Several options in a segment that name a client, of dialects that are known. */
typedef struct toa_several {
    uint64_t segments;
    uint64_t alike;      /* they name the same client */
    uint64_t ack_first;  /* the SYN had several; the ACK has one, which was the SYN's first */
    uint64_t ack_last;   /* ... the SYN's last */
    uint64_t ack_others; /* ... neither */
} toa_several;

typedef struct toa_tallies {
    uint64_t records;
    uint64_t wrong_link;             /* of a link type that cannot be parsed */
    uint64_t longer;                 /* captured > original */
    uint64_t not_found[TOA_N_WORDS]; /* no segment in it, and why */
    uint64_t in_tunnels;             /* foreign ones that hold a segment in a tunnel */
    uint64_t unwatched;              /* segments of other servers */
    uint64_t segments[TOA_N_STAGES]; /* those that are looked at */
    uint64_t flows;                  /* connections; one that was forgotten counts again */
    uint64_t flows_no_syn;           /* ... whose SYN was not seen */
    uint64_t flows_named;            /* ... with an option that names a client */
    uint64_t flows_forgotten;        /* for newer ones */
    uint64_t malformed;              /* segments whose list of options is */
    uint64_t cut;                    /* segments whose options the capture cuts */
    uint64_t no_room[TOA_N_STAGES];  /* without client, with less than 8 option bytes free */
    uint64_t options[256][TOA_OPTIONS_MAX + 1][TOA_N_STAGES]; /* by kind and length */
    uint64_t unlisted; /* options that found no place in `details` */
    toa_several several;
    toa_detail details[TOA_DETAILS_MAX];
    size_t n_details;
} toa_tallies;

uint64_t toa_stages_sum(const uint64_t counts[TOA_N_STAGES]);

typedef struct toa_inspect toa_inspect;

typedef struct toa_inspect_options {
    const toa_server *servers; /* whose flows are looked at; none: every flow. Not copied */
    size_t n_servers;
    bool open_tunnels;
} toa_inspect_options;

/* NULL when memory is short. */
toa_inspect *toa_inspect_new(const toa_inspect_options *options);
void toa_inspect_free(toa_inspect *inspect);

void toa_inspect_record(toa_inspect *inspect, const toa_record *record);

/* Lives as long as `inspect`. */
const toa_tallies *toa_inspect_tallies(const toa_inspect *inspect);

#endif
