/*
 * source.h - the bytes of a capture file, uncompressed.
 *
 * Where they come from (a file, standard input, memory) and how they are packed (plain, gzip, zstd)
 * is settled here; the packing is told by the first bytes, never by the name. Internal to
 * libtoa-replay.
 *
 *   Memory    64 KiB for a file at open; at the first read what zlib (about 40 KiB) or zstd need.
 *             zstd takes 128 KiB and the window that the frame asks for; a window of more than
 *             128 MiB (windowLog 27, what `zstd -d` accepts by default) is refused as corrupt.
 *   Threads   A source belongs to one thread at a time.
 */
#ifndef TOA_SOURCE_H
#define TOA_SOURCE_H

#include <stddef.h>
#include <stdint.h>

typedef struct toa_source toa_source;

typedef enum toa_source_result {
    TOA_SOURCE_BYTES = 0,     /* bytes were written                                       */
    TOA_SOURCE_END = 1,       /* nothing follows                                          */
    TOA_SOURCE_TRUNCATED = 2, /* the file ends inside a gzip member or a zstd frame       */
    TOA_SOURCE_CORRUPT = 3,   /* the compressed bytes contradict themselves               */
    TOA_SOURCE_IO_ERROR = 4   /* the file cannot be opened or read, or memory is short    */
} toa_source_result;

/*
 * Opens the file at `path`; "-" is standard input, which is read and not closed. NULL only when
 * memory is short: a file that cannot be opened is TOA_SOURCE_IO_ERROR at the first read.
 */
toa_source *toa_source_open(const char *path);

/*
 * The same over `len` bytes at `bytes`, which stay the caller's and must outlive the source.
 * `piece` is the most bytes that are taken from them at once, as from a slow pipe; 0: no limit.
 */
toa_source *toa_source_open_memory(const void *bytes, size_t len, size_t piece);

/*
 * Writes 1 to `max` uncompressed bytes to `to` and their number to *n; `max` is at least 1. Short
 * reads are normal. After any result but TOA_SOURCE_BYTES, *n is untouched and further calls give
 * the same result.
 */
toa_source_result toa_source_read(toa_source *source, uint8_t *to, size_t max, size_t *n);

/* What was wrong, one clause without file name ("gzip: incorrect data check"). Lives as long as
 * the source; "" while nothing is wrong. */
const char *toa_source_error(const toa_source *source);

/* Bytes taken from the file so far, as stored: compressed ones, if it is compressed. */
uint64_t toa_source_consumed(const toa_source *source);

/* How many there are in all; 0 when it is not known (pipes). */
uint64_t toa_source_total(const toa_source *source);

/* Closes the file and frees. NULL is fine. */
void toa_source_close(toa_source *source);

#endif
