/*
 * toa/parser.h - captured bytes in, a verdict out.
 *
 * A layer-4 load balancer that replaces the client's address can put the real one into a TCP
 * option, the TOA ("TCP Option Address"). This header finds a TCP segment in a captured frame,
 * walks its options and decodes the ones that name the client.
 *
 * Conventions, once, for every function here:
 *
 *   Pure      No allocation, clock, I/O, global state, lock or floating point; equal arguments
 *             give equal results. Any function may be called from any thread at any time.
 *   Bounded   Work is proportional to the bytes given, whatever they say.
 *   Total     Every input has a result. Nothing outside the span given is read; the bytes need
 *             no alignment. A span of length 0 may have a NULL pointer.
 *   Last      Out parameters are written on success only (TOA_FOUND, or NULL where a function
 *             returns a message); on any other result they are untouched.
 *   Units     Lengths are bytes. Addresses are in network order, numbers (ports, sequence
 *             numbers) in the host's.
 */
#ifndef TOA_PARSER_H
#define TOA_PARSER_H

#include <toa/api.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * The words. One list serves parser, engine, JSON, cases, the UDP protocol (version 2 carries the
 * numbers), metrics and seed names. The numbers never change; new words go at the end.
 *
 * "frame": may be the verdict on a frame. "answer": may be the answer to a lookup.
 */
typedef enum toa_word {
    TOA_FOUND = 0,      /* answer: the client is known; parser: what was looked for is there    */
    TOA_NEVER_SEEN = 1, /* answer: no SYN of this flow was seen                                 */
    TOA_PENDING = 2,    /* answer: SYN seen, handshake not over, no TOA yet                     */
    TOA_NO_OPTION = 3,  /* frame, answer: the handshake is over and no TOA came                 */
    TOA_EXPIRED = 4,    /* answer: the mapping was there and its time is over                   */
    TOA_REPLACED = 5,   /* answer: the record was pushed out by others, its bucket being full   */
    TOA_UNTRUSTED = 6,  /* frame, answer: a TOA from a source that the trust list does not name */
    TOA_MALFORMED = 7,  /* frame, answer: a length that contradicts the bytes around it         */
    TOA_TRUNCATED = 8,  /* frame, answer: the capture ends before what had to be read           */
    TOA_FRAGMENT = 9,   /* frame: an IP fragment without the whole TCP header                   */
    TOA_AMBIGUOUS = 10, /* frame, answer: the option on the SYN may be an experiment (RFC 6994) */
    TOA_DUPLICATE = 11, /* frame, answer: several TOAs in a segment, and the policy is reject   */
    TOA_CONFLICT = 12,  /* frame: a later, different TOA; not learned. answer: what the SYN alone
                           said was contradicted behind it                                     */
    TOA_MIDSTREAM = 13, /* frame, answer: a TOA outside the handshake; not believed             */
    TOA_FOREIGN = 14,   /* frame: not TCP over IP, or not of a watched flow                     */
    TOA_NESTED = 15,    /* frame: more tunnels in one another than are opened                   */
    TOA_PASS = 16,      /* frame: of a watched flow, and changes nothing                        */
    TOA_OPEN = 17,      /* frame: a SYN opened the record of a flow                             */
    TOA_LEARN = 18,     /* frame: a new or changed mapping                                      */
    TOA_REPEAT = 19,    /* frame: the same mapping again; its time starts anew                  */
    TOA_REPLACE = 20,   /* frame: a SYN without TOA ended a live mapping of the same flow       */
    TOA_CLOSE = 21,     /* frame: FIN or RST closed the record                                  */
    TOA_CAPTURE_DROPS = 22, /* answer, of a live capture: none of the above that segments could
                               still change, and the kernel lost frames of late             */
    TOA_N_WORDS = 23
} toa_word;

/* The word as text ("never_seen"), static; "?" for a number that is no word. */
TOA_API const char *toa_word_name(toa_word word);

/* The word with this name. TOA_N_WORDS when there is none. */
TOA_API toa_word toa_word_parse(const char *text, size_t len);

/* Whether the word may be the answer to a lookup. */
TOA_API bool toa_word_is_answer(toa_word word);

/* Whether a segment that is still to come, or was lost, could make another answer of this one:
 * TOA_NEVER_SEEN, TOA_PENDING, TOA_NO_OPTION, TOA_CAPTURE_DROPS. */
TOA_API bool toa_word_may_change(toa_word word);

/* An address with a port. All 20 bytes are defined, so equal endpoints have equal bytes. */
typedef struct toa_endpoint {
    uint8_t ip[16];   /* network order; IPv4 in the first four bytes, zeros behind it       */
    uint16_t port;    /* host order; 0 when has_port is 0                                   */
    uint8_t version;  /* 4 or 6; 0: no endpoint, and everything else is 0                   */
    uint8_t has_port; /* 1; or 0 where an option names no port (kind 28)                    */
} toa_endpoint;

/* Whether two endpoints are the same one. */
TOA_API bool toa_endpoint_equal(const toa_endpoint *a, const toa_endpoint *b);

/* ---- TCP options: the walk ------------------------------------------------------------------ */

/* The most option bytes that a TCP header holds: data offset 15 (RFC 9293, 3.1). */
#define TOA_OPTIONS_MAX 40

/* One option. `bytes` points into the options that are being walked, at the kind byte. */
typedef struct toa_option {
    const uint8_t *bytes;
    uint8_t kind; /* never 0 (end of list) or 1 (no operation): the walk steps over those */
    uint8_t len;  /* with the kind and length bytes: 2 to 40 */
} toa_option;

/* A walk over the options of one TCP header. Made by toa_options_begin. */
typedef struct toa_options {
    const uint8_t *at;
    size_t left;    /* bytes that are there, from `at` on */
    size_t missing; /* bytes that the TCP header announces behind those */
} toa_options;

/*
 * Begins a walk over `there` bytes at `bytes`, of `announced` that the TCP header speaks of;
 * a capture that cuts the header has there < announced. `there` above `announced` counts as
 * `announced`.
 */
TOA_API toa_options toa_options_begin(const uint8_t *bytes, size_t there, size_t announced);

/*
 * One step: the next option that is neither 0 nor 1.
 *   TOA_FOUND      *out is the option, and the walk stands behind it
 *   TOA_NO_OPTION  the list is over: end of list, or all bytes read
 *   TOA_MALFORMED  a length below 2 or past the end of the header, or a kind without a length
 *   TOA_TRUNCATED  the capture ends inside the option
 * After anything but TOA_FOUND the walk stays where it is and gives the same result again.
 */
TOA_API toa_word toa_options_next(toa_options *walk, toa_option *out);

/* ---- Dialects: which options name a client ------------------------------------------------- */

/* What one kind with one length means. Offsets count from the kind byte; 0: not there. */
typedef struct toa_row {
    uint8_t kind;
    uint8_t len;
    uint8_t client_version; /* 4 or 6; 0: names no client, only the virtual server */
    uint8_t client_port_at;
    uint8_t client_ip_at;
    uint8_t vip_version; /* the virtual server: 4 or 6; 0: not named */
    uint8_t vip_port_at;
    uint8_t vip_ip_at;
    uint8_t fixed_at; /* a byte that must have the value fixed_value; 0: none (cdn's version) */
    uint8_t fixed_value;
} toa_row;

/* A named set of rows. */
typedef struct toa_dialect {
    const char *name;
    const char *who; /* who sends it, for people */
    const toa_row *rows;
    size_t n_rows;
} toa_dialect;

/* Dialect `i` of the table, in its order; NULL when i is past its end. Static. */
TOA_API const toa_dialect *toa_dialect_at(size_t i);

#define TOA_MAX_ROWS 32

/*
 * The dialects that are listened for, ready for use: plain data, copy it freely, no pointers in.
 * Read-only for everybody once it is made.
 */
typedef struct toa_dialects {
    uint8_t row_of_kind[256];   /* index of the kind's first row plus 1; 0: no row has this kind */
    toa_row rows[TOA_MAX_ROWS]; /* rows of one kind stand together */
    uint8_t n_rows;
} toa_dialects;

/* No dialect at all. */
TOA_API void toa_dialects_clear(toa_dialects *dialects);

/* What is listened for when nobody says otherwise: `tencent` and `lvs`. */
TOA_API void toa_dialects_default(toa_dialects *dialects);

/*
 * Adds the dialect with this name. A row that is there already is no error.
 * Returns NULL, or what is wrong, static: an unknown name, or a row that reads the same kind and
 * length in another way.
 */
TOA_API const char *toa_dialects_add(toa_dialects *dialects, const char *name, size_t len);

/*
 * Adds one row of the caller's own. Returns NULL, or what is wrong, static: a field outside the
 * option, a kind of 0 or 1, fields that overlap, a row that contradicts one that is there, or
 * TOA_MAX_ROWS rows already.
 */
TOA_API const char *toa_dialects_add_row(toa_dialects *dialects, const toa_row *row);

/*
 * Decodes one option by one row: whichever of *client and *vip the row names is written, the
 * other is cleared. Returns false, and writes nothing, when the option is not of this row (kind,
 * length, fixed byte).
 */
TOA_API bool toa_row_decode(const toa_row *row, const toa_option *option, toa_endpoint *client,
                            toa_endpoint *vip);

/* Several TOAs in one segment: which one counts? */
typedef enum toa_duplicates {
    TOA_DUPLICATES_FIRST = 0, /* LVS and DPVS put theirs first: a forged one stands behind it */
    TOA_DUPLICATES_LAST = 1,  /* JD puts it last                                              */
    TOA_DUPLICATES_REJECT = 2 /* none                                                         */
} toa_duplicates;

/* What the options of one segment say about the client. */
typedef struct toa_sighting {
    toa_endpoint client;
    toa_endpoint vip; /* the virtual server; version 0 when no option names it */
    uint8_t kind;     /* of the option that named the client */
    uint8_t len;
    uint8_t n_toas; /* options that named a client, experiments left out; at most 255 are counted */
    bool broken;    /* the list is malformed or cut behind the option that counts */
} toa_sighting;

/*
 * Reads all options of a segment by the dialects. `syn` says that the segment is a SYN: there, an
 * option of kind 254 that begins with a known experiment id (RFC 6994: f989 Fast Open, e2d4 SMC,
 * acc0 and acce AccECN) is stepped over, and is TOA_AMBIGUOUS if no other option names a client.
 *   TOA_FOUND      *out says who. Under policy `first` also when the list is broken behind it
 *   TOA_NO_OPTION  the list is sound and names nobody
 *   TOA_AMBIGUOUS  on a SYN: only what may be an experiment
 *   TOA_DUPLICATE  several, and the policy is `reject`
 *   TOA_MALFORMED, TOA_TRUNCATED  the list is broken, and nothing before the break counts
 */
TOA_API toa_word toa_options_read(const toa_dialects *dialects, toa_duplicates policy, bool syn,
                                  toa_options options, toa_sighting *out);

/* ---- Frames ---------------------------------------------------------------------------------- */

/*
 * Link types: the numbers of pcap files (LINKTYPE_) and of libpcap (DLT_), which differ for raw IP
 * only, and there all are taken.
 */
enum {
    TOA_LINK_NULL = 0,        /* BSD loopback: address family in either byte order */
    TOA_LINK_ETHERNET = 1,    /* with any stack of 802.1Q and 802.1ad tags */
    TOA_LINK_RAW = 12,        /* DLT_RAW: IPv4 or IPv6, as the first nibble says */
    TOA_LINK_RAW_BSD = 14,    /* DLT_RAW on OpenBSD */
    TOA_LINK_PPP_ETHER = 51,  /* PPPoE session header first */
    TOA_LINK_RAW_FILE = 101,  /* LINKTYPE_RAW */
    TOA_LINK_LOOP = 108,      /* OpenBSD loopback: address family in network order */
    TOA_LINK_LINUX_SLL = 113, /* `-i any`, version 1 */
    TOA_LINK_MPLS = 219,      /* label stack first */
    TOA_LINK_IPV4 = 228,
    TOA_LINK_IPV6 = 229,
    TOA_LINK_LINUX_SLL2 = 276 /* `-i any`, version 2 */
};

/* Whether frames of this link type can be parsed. */
TOA_API bool toa_link_known(int link_type);

/* TCP header flags (RFC 9293, 3.1). */
enum {
    TOA_TCP_FIN = 0x01,
    TOA_TCP_SYN = 0x02,
    TOA_TCP_RST = 0x04,
    TOA_TCP_PSH = 0x08,
    TOA_TCP_ACK = 0x10,
    TOA_TCP_URG = 0x20
};

/* A TCP segment inside a frame. `options` walks bytes of the frame and lives as long as it. */
typedef struct toa_segment {
    toa_endpoint source;
    toa_endpoint destination;
    uint32_t seq;
    uint32_t ack;
    toa_options options; /* begun, not walked */
    uint32_t data_len;   /* by the IP length; by the bytes there where that is 0 (offload) */
    uint8_t flags;       /* TOA_TCP_ */
    uint8_t options_len; /* announced by the TCP header: 0 to 40 */
    uint8_t n_tunnels;   /* that were opened to get here: 0 to TOA_TUNNELS_MAX */
} toa_segment;

/* A UDP datagram inside a frame. `data` lives as long as the frame. */
typedef struct toa_datagram {
    toa_endpoint source;
    toa_endpoint destination;
    const uint8_t *data;
    size_t data_len; /* bytes that are there */
    bool whole;      /* they are all that the UDP length speaks of */
} toa_datagram;

/* How many tunnels in one another are opened, when that is asked for. */
#define TOA_TUNNELS_MAX 4

/*
 * The TCP segment in a frame of `len` captured bytes.
 * Bytes behind the IP length are ignored; an IP length of 0 (segmentation offload) means all
 * bytes there. Checksums are not looked at: offload leaves them wrong in honest captures.
 * With `open_tunnels`, IPIP, 6in4, GRE, VXLAN (UDP 4789, 8472) and Geneve (UDP 6081) are opened;
 * without it, what they carry is foreign.
 *   TOA_FOUND      *out is the segment. Its TCP header is whole, its options may be cut
 *   TOA_FOREIGN    not TCP over IP, or an unknown link type
 *   TOA_FRAGMENT   not a first fragment, or one without the whole TCP header
 *   TOA_MALFORMED  a header length that contradicts its own packet
 *   TOA_TRUNCATED  the capture ends inside a header, options not counted
 *   TOA_NESTED     more than TOA_TUNNELS_MAX tunnels
 */
TOA_API toa_word toa_segment_parse(const uint8_t *frame, size_t len, int link_type,
                                   bool open_tunnels, toa_segment *out);

/* The same for UDP: TOA_FOREIGN means that it is not UDP over IP. Tunnels stay closed. */
TOA_API toa_word toa_datagram_parse(const uint8_t *frame, size_t len, int link_type,
                                    toa_datagram *out);

#ifdef __cplusplus
}
#endif

#endif
