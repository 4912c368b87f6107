/*
 * capture.h - the records of a capture file, one after the other.
 *
 * Reads pcap and pcapng, plain or packed by gzip or zstd, from a file, standard input or memory.
 * Internal to libtoa-replay. Sources: draft-ietf-opsawg-pcap, draft-ietf-opsawg-pcapng, and
 * libpcap 1.10 where those leave a choice.
 *
 *   pcap      Either byte order; microseconds (a1b2c3d4), nanoseconds (a1b23c4d), and Kuznetzov's
 *             longer record headers (a1b2cd34). Versions 2.0 to 2.4 and 543.0, with the lengths
 *             swapped where libpcap swaps them (before 2.3).
 *   pcapng    Version 1.x, any number of sections of either byte order, up to
 *             TOA_CAPTURE_INTERFACES_MAX interfaces in each with link types, snap lengths,
 *             if_tsresol and if_tsoffset of their own; enhanced, simple and (obsolete) packet
 *             blocks. Other blocks are stepped over, whatever their size.
 *   Lengths   A record that is longer than the packet was (captured > original) is given whole and
 *             flagged. One longer than its interface's snap length is cut to that, as libpcap does
 *             for pcap; a snap length of 0 or above INT32_MAX counts as the longest record.
 *   Bounded   Memory is allocated at open: TOA_CAPTURE_WINDOW bytes, and the source's (source.h).
 *             It grows only when a record or block that is longer really comes, to less than twice
 *             TOA_CAPTURE_BLOCK_MAX; interfaces take 56 bytes each.
 *   Threads   A capture belongs to one thread at a time.
 */
#ifndef TOA_CAPTURE_H
#define TOA_CAPTURE_H

#include <toa/text.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes that are read at once. */
#define TOA_CAPTURE_WINDOW ((size_t)256 * 1024)

/* The longest pcap record (libpcap's MAXIMUM_SNAPLEN), but for these link types: 1 MiB for USBPcap
 * (249), 8 MiB for EBHSCR (279), TOA_CAPTURE_BLOCK_MAX for D-Bus (231; libpcap: 128 MiB). */
#define TOA_CAPTURE_RECORD_MAX ((uint32_t)262144)

/* The longest pcapng block that is not stepped over. */
#define TOA_CAPTURE_BLOCK_MAX ((uint32_t)16 * 1024 * 1024)

/* The most interfaces in a section. */
#define TOA_CAPTURE_INTERFACES_MAX ((uint32_t)65536)

typedef struct toa_capture toa_capture;

/* One record. */
typedef struct toa_record {
    const uint8_t *bytes;  /* valid until the next call of toa_capture_next */
    uint32_t captured_len; /* bytes that are there */
    uint32_t original_len; /* bytes that the packet had, as the record says */
    int link_type;         /* LINKTYPE number; in pcap without the FCS bits above it */
    uint32_t interface_id; /* counted from 0 in each section; always 0 in pcap */
    toa_time time;         /* since 1970; INT64_MIN or INT64_MAX where it does not fit. pcap's
                              seconds are unsigned. Simple packets have none: the if_tsoffset */
    bool longer; /* the file says captured > original, before any cut to the snap length */
} toa_record;

typedef enum toa_capture_result {
    TOA_CAPTURE_RECORD = 0,    /* *out is the next record                                     */
    TOA_CAPTURE_END = 1,       /* the file ends where it may                                  */
    TOA_CAPTURE_TRUNCATED = 2, /* the file ends inside a record, a block, a header, or inside
                                  compressed data; every record before that was given         */
    TOA_CAPTURE_CORRUPT = 3,   /* not a capture file, or a contradiction in it; likewise      */
    TOA_CAPTURE_IO_ERROR = 4   /* the file cannot be opened or read, or memory is short       */
} toa_capture_result;

/*
 * Opens the file at `path`; "-" is standard input, which is read and not closed. NULL only when
 * memory is short: whatever else is wrong is the result of the first toa_capture_next.
 */
toa_capture *toa_capture_open(const char *path);

/*
 * The same over `len` bytes at `bytes`, which stay the caller's and must outlive the capture.
 * `name` is for error texts. `piece` is the most bytes that one read gives, for tests: the window
 * then starts with a few bytes and grows as records ask for it; 0: no limit.
 */
toa_capture *toa_capture_open_memory(const char *name, const void *bytes, size_t len, size_t piece);

/*
 * The next record. After any result but TOA_CAPTURE_RECORD, *out is untouched and further calls
 * give the same result.
 */
toa_capture_result toa_capture_next(toa_capture *capture, toa_record *out);

/*
 * As many of the next records, up to `max`, as have been read from the file already, so that
 * nothing has to move for them and all records since the last toa_capture_next stay valid. Fewer,
 * with the rest of *out untouched, if there are not so many, if the next is wrong, or if that
 * cannot be told at a glance: toa_capture_next goes on from there.
 */
size_t toa_capture_near(toa_capture *capture, toa_record *out, size_t max);

/*
 * What was wrong, one line: "FILE: byte 24: what". The byte is toa_capture_offset's, left out for a
 * file that cannot be opened. Lives as long as the capture; "" after TOA_CAPTURE_RECORD and
 * TOA_CAPTURE_END.
 */
const char *toa_capture_error(const toa_capture *capture);

/*
 * Where the last record, or what was wrong, begins in the uncompressed bytes: for truncated the
 * record that is cut, for an I/O error what could not be read.
 */
uint64_t toa_capture_offset(const toa_capture *capture);

/* How far it got, to show to people. */
typedef struct toa_capture_progress {
    uint64_t n_records; /* given so far */
    uint64_t consumed;  /* bytes taken from the file, as stored: compressed if it is */
    uint64_t total;     /* bytes of the file; 0 when unknown (pipes) */
} toa_capture_progress;

toa_capture_progress toa_capture_progress_now(const toa_capture *capture);

/* Closes the file and frees. NULL is fine. */
void toa_capture_close(toa_capture *capture);

#endif
