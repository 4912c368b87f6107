#ifndef _WIN32
#define _POSIX_C_SOURCE 200809L /* open, read, fstat beside -std=c11 */
#endif
#define _FILE_OFFSET_BITS 64

#include "source.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#ifdef _WIN32
#include <io.h>
#else
#include <unistd.h>
#endif
#define ZLIB_CONST
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#ifndef O_BINARY
#define O_BINARY 0
#endif
#ifndef O_CLOEXEC
#define O_CLOEXEC 0
#endif

enum {
    STORED_SIZE = 64 * 1024,
    SLICE_SIZE = 128 * 1024, /* the longest zstd block: RFC 8878, 3.1.1.2.4 */
    MAGIC_LEN = 4,
    ERROR_SIZE = 160,
    NO_FILE = -1,
    ZSTD_BLOCK_HEADER = 3
};

typedef enum packing { PACKING_UNKNOWN, PACKING_NONE, PACKING_GZIP, PACKING_ZSTD } packing;

struct toa_source {
    /* Where the stored bytes come from: a file, or memory when `file` is NO_FILE. */
    int file;
    bool owns_file;
    const uint8_t *memory;
    size_t memory_left;
    size_t piece;

    /* Stored bytes that were taken and not yet used: in `stored`, or in the caller's memory. */
    const uint8_t *in;
    size_t in_left;
    const uint8_t *after; /* what follows `in`, while `in` is the magic */
    size_t after_left;
    uint8_t magic[MAGIC_LEN];
    uint8_t *stored;
    uint64_t consumed;
    uint64_t total;

    packing packing;
    bool inside;  /* gzip, zstd: inside a member or frame, so that the end here is a cut */
    bool padding; /* gzip: behind the last member, in zeros */
    bool has_zlib;
    z_stream zlib;
    ZSTD_DStream *zstd;
    size_t zstd_hint; /* bytes that libzstd asked for */
    bool drained;     /* zstd: what is unpacked is fetched, the next slice may go in */
    bool cut;         /* zstd: the file has ended inside the slice */
    uint8_t *slice;   /* zstd: SLICE_SIZE bytes */
    size_t slice_len;

    toa_source_result state; /* TOA_SOURCE_BYTES while it goes on */
    char error[ERROR_SIZE];
};

static toa_source_result stop(toa_source *source, toa_source_result result, const char *what,
                              const char *detail)
{
    source->state = result;
    (void)snprintf(source->error, sizeof source->error, "%s%s", what, detail);
    return result;
}

/* ---- Stored bytes ---------------------------------------------------------------------------- */

#ifdef _WIN32
typedef int read_size; /* what read() returns, and the type of its size */
typedef unsigned read_max;
#else
typedef ssize_t read_size;
typedef size_t read_max;
#endif

/* One read(2) that signals do not interrupt. */
static toa_source_result file_read(toa_source *source, uint8_t *to, size_t max, size_t *n)
{
    const size_t most = max < INT32_MAX ? max : INT32_MAX;
    read_size got;
    do {
        got = read(source->file, to, (read_max)most);
    } while (got < 0 && errno == EINTR);
    if (got < 0)
        return stop(source, TOA_SOURCE_IO_ERROR, "cannot read: ", strerror(errno));
    if (got == 0)
        return TOA_SOURCE_END;
    source->consumed += (uint64_t)got;
    *n = (size_t)got;
    return TOA_SOURCE_BYTES;
}

/* The next stored bytes of the caller's memory, at most a piece. */
static toa_source_result memory_take(toa_source *source, const uint8_t **bytes, size_t *n)
{
    if (source->memory_left == 0)
        return TOA_SOURCE_END;
    const size_t left = source->memory_left;
    const size_t taken = source->piece != 0 && source->piece < left ? source->piece : left;
    *bytes = source->memory;
    *n = taken;
    source->memory += taken;
    source->memory_left -= taken;
    source->consumed += taken;
    return TOA_SOURCE_BYTES;
}

/* Makes in_left at least 1. */
static toa_source_result fill(toa_source *source)
{
    if (source->in_left != 0)
        return TOA_SOURCE_BYTES;
    if (source->after_left != 0) {
        source->in = source->after;
        source->in_left = source->after_left;
        source->after_left = 0;
        return TOA_SOURCE_BYTES;
    }
    if (source->file == NO_FILE)
        return memory_take(source, &source->in, &source->in_left);
    source->in = source->stored;
    return file_read(source, source->stored, STORED_SIZE, &source->in_left);
}

/* ---- Packing --------------------------------------------------------------------------------- */

static packing recognise(const uint8_t *magic, size_t len)
{
    if (len >= 2 && magic[0] == 0x1f && magic[1] == 0x8b) /* RFC 1952, 2.3.1 */
        return PACKING_GZIP;
    if (len < MAGIC_LEN)
        return PACKING_NONE;
    if (magic[0] == 0x28 && magic[1] == 0xb5 && magic[2] == 0x2f && magic[3] == 0xfd)
        return PACKING_ZSTD; /* RFC 8878, 3.1.1 */
    if ((magic[0] & 0xf0) == 0x50 && magic[1] == 0x2a && magic[2] == 0x4d && magic[3] == 0x18)
        return PACKING_ZSTD; /* a skippable frame: RFC 8878, 3.1.2 */
    return PACKING_NONE;
}

static toa_source_result unpacker_start(toa_source *source)
{
    if (source->packing == PACKING_GZIP) {
        if (inflateInit2(&source->zlib, 15 + 16) != Z_OK) /* the largest window, gzip only */
            return stop(source, TOA_SOURCE_IO_ERROR, "out of memory", "");
        source->has_zlib = true;
    }
    if (source->packing == PACKING_ZSTD) {
        source->zstd = ZSTD_createDStream();
        source->slice = malloc(SLICE_SIZE);
        if (source->zstd == NULL || source->slice == NULL)
            return stop(source, TOA_SOURCE_IO_ERROR, "out of memory", "");
        (void)ZSTD_DCtx_setParameter(source->zstd, ZSTD_d_windowLogMax, 27);
        source->zstd_hint = 1;
    }
    source->inside = true;
    return TOA_SOURCE_BYTES;
}

/* Takes the magic, which may come in pieces, and puts it back in front. */
static toa_source_result start(toa_source *source)
{
    size_t len = 0;
    toa_source_result result = TOA_SOURCE_BYTES;
    while (len < MAGIC_LEN && result == TOA_SOURCE_BYTES) {
        result = fill(source);
        if (result == TOA_SOURCE_BYTES) {
            source->magic[len++] = *source->in++;
            source->in_left--;
        }
    }
    if (result == TOA_SOURCE_IO_ERROR)
        return result;
    source->after = source->in;
    source->after_left = source->in_left;
    source->in = source->magic;
    source->in_left = len;
    source->packing = recognise(source->magic, len);
    return unpacker_start(source);
}

static toa_source_result read_plain(toa_source *source, uint8_t *to, size_t max, size_t *n)
{
    toa_source_result result = TOA_SOURCE_BYTES;
    if (source->in_left == 0 && source->after_left == 0 && source->file != NO_FILE)
        return file_read(source, to, max, n);
    result = fill(source);
    if (result != TOA_SOURCE_BYTES)
        return result;
    const size_t len = source->in_left < max ? source->in_left : max;
    memcpy(to, source->in, len);
    source->in += len;
    source->in_left -= len;
    *n = len;
    return TOA_SOURCE_BYTES;
}

/* The end of the stored bytes, where the packing decides whether it may be there. */
static toa_source_result packed_end(toa_source *source, toa_source_result result)
{
    if (result != TOA_SOURCE_END || !source->inside)
        return result;
    if (source->slice_len != 0) {
        source->cut = true; /* a part of a block may still give something */
        return TOA_SOURCE_BYTES;
    }
    return stop(source, TOA_SOURCE_TRUNCATED, "the file ends inside ",
                source->packing == PACKING_GZIP ? "a gzip member" : "a zstd frame");
}

/*
 * Between gzip members: another one begins, or only zeros follow (the padding of tapes, which
 * gzip(1) ignores as well), or the file is damaged.
 */
static toa_source_result gzip_between(toa_source *source)
{
    while (source->padding && source->in_left != 0 && *source->in == 0) {
        source->in++;
        source->in_left--;
    }
    if (source->in_left == 0)
        return TOA_SOURCE_BYTES;
    if (!source->padding && *source->in == 0) {
        source->padding = true;
        return TOA_SOURCE_BYTES;
    }
    if (source->padding || *source->in != 0x1f)
        return stop(source, TOA_SOURCE_CORRUPT, "gzip: bytes behind the last member", "");
    (void)inflateReset(&source->zlib);
    source->inside = true;
    return TOA_SOURCE_BYTES;
}

/* One step of inflation. *n is how much it wrote, 0 being no reason to stop. */
static toa_source_result gzip_step(toa_source *source, uint8_t *to, size_t max, size_t *n)
{
    if (!source->inside)
        return gzip_between(source);
    z_stream *z = &source->zlib;
    const uInt in = source->in_left < UINT_MAX ? (uInt)source->in_left : UINT_MAX;
    const uInt out = max < UINT_MAX ? (uInt)max : UINT_MAX;
    z->next_in = source->in;
    z->avail_in = in;
    z->next_out = to;
    z->avail_out = out;
    const int status = inflate(z, Z_NO_FLUSH);
    source->in += in - z->avail_in;
    source->in_left -= in - z->avail_in;
    *n = out - z->avail_out;
    if (status == Z_STREAM_END)
        source->inside = false;
    if (status == Z_STREAM_END || status == Z_OK || status == Z_BUF_ERROR)
        return TOA_SOURCE_BYTES;
    if (status == Z_MEM_ERROR)
        return stop(source, TOA_SOURCE_IO_ERROR, "out of memory", "");
    return stop(source, TOA_SOURCE_CORRUPT, "gzip: ", z->msg != NULL ? z->msg : "invalid data");
}

/*
 * One call of libzstd with `in_len` bytes of the slice: 0 or all. What it unpacked in a call that
 * fails is lost. At the end of a frame it gives the last byte back while there is output to fetch.
 */
static toa_source_result zstd_call(toa_source *source, size_t in_len, uint8_t *to, size_t max,
                                   size_t *n)
{
    ZSTD_inBuffer in = {source->slice, in_len, 0};
    ZSTD_outBuffer out = {to, max, 0};
    const size_t status = ZSTD_decompressStream(source->zstd, &out, &in);
    if (ZSTD_isError(status)) {
        if (ZSTD_getErrorCode(status) == ZSTD_error_memory_allocation)
            return stop(source, TOA_SOURCE_IO_ERROR, "out of memory", "");
        return stop(source, TOA_SOURCE_CORRUPT, "zstd: ", ZSTD_getErrorName(status));
    }
    source->slice_len -= in.pos;
    memmove(source->slice, source->slice + in.pos, source->slice_len);
    source->inside = status != 0;
    source->zstd_hint = status != 0 ? status : 1;
    *n = out.pos;
    return TOA_SOURCE_BYTES;
}

/*
 * The same for zstd. libzstd gets its input in slices that end where a header or block does, and
 * its output is fetched before the next slice goes in: so what comes out of a damaged file depends
 * on the file alone, not on how it arrived. libzstd's hint asks for the slice and for the block
 * header behind it.
 */
static toa_source_result zstd_step(toa_source *source, uint8_t *to, size_t max, size_t *n)
{
    if (source->inside && !source->drained) {
        const toa_source_result result = zstd_call(source, 0, to, max, n);
        source->drained = *n == 0;
        return result;
    }
    const size_t hint = source->zstd_hint;
    const size_t wanted = hint > ZSTD_BLOCK_HEADER ? hint - ZSTD_BLOCK_HEADER : hint;
    const size_t most = wanted < SLICE_SIZE ? wanted : SLICE_SIZE;
    const size_t lacking = most > source->slice_len ? most - source->slice_len : 0;
    const size_t len = source->in_left < lacking ? source->in_left : lacking;
    memcpy(source->slice + source->slice_len, source->in, len);
    source->in += len;
    source->in_left -= len;
    source->slice_len += len;
    if (source->slice_len == 0 || (source->slice_len < most && !source->cut))
        return TOA_SOURCE_BYTES;
    source->drained = false;
    return zstd_call(source, source->slice_len, to, max, n);
}

/*
 * Unpacks until something comes out. What a failing step wrote is still given: the failure is kept
 * in `state`, and comes with the next call.
 */
static toa_source_result read_packed(toa_source *source, uint8_t *to, size_t max, size_t *n)
{
    toa_source_result result = TOA_SOURCE_BYTES;
    while (result == TOA_SOURCE_BYTES) {
        size_t len = 0;
        const size_t before = source->in_left;
        result = source->packing == PACKING_GZIP ? gzip_step(source, to, max, &len)
                                                 : zstd_step(source, to, max, &len);
        if (len != 0) {
            *n = len;
            return TOA_SOURCE_BYTES;
        }
        if (result == TOA_SOURCE_BYTES && source->in_left == 0 && before == 0)
            result = packed_end(source, fill(source));
    }
    return result;
}

toa_source_result toa_source_read(toa_source *source, uint8_t *to, size_t max, size_t *n)
{
    if (source->state == TOA_SOURCE_BYTES && source->packing == PACKING_UNKNOWN)
        source->state = start(source);
    if (source->state != TOA_SOURCE_BYTES)
        return source->state;
    const toa_source_result result = source->packing == PACKING_NONE
                                         ? read_plain(source, to, max, n)
                                         : read_packed(source, to, max, n);
    if (result != TOA_SOURCE_BYTES)
        source->state = result;
    return result;
}

/* ---- Opening and closing --------------------------------------------------------------------- */

static toa_source *source_new(void)
{
    toa_source *source = calloc(1, sizeof *source);
    if (source != NULL)
        source->file = NO_FILE;
    return source;
}

/* Size of a plain file; 0 for pipes and the like. */
static uint64_t file_total(int file)
{
#ifdef _WIN32
    const int64_t size = _filelengthi64(file);
    return size > 0 ? (uint64_t)size : 0;
#else
    struct stat about;
    if (fstat(file, &about) != 0 || !S_ISREG(about.st_mode) || about.st_size <= 0)
        return 0;
    return (uint64_t)about.st_size;
#endif
}

toa_source *toa_source_open(const char *path)
{
    toa_source *source = source_new();
    if (source == NULL)
        return NULL;
    source->stored = malloc(STORED_SIZE);
    if (source->stored == NULL) {
        free(source);
        return NULL;
    }
    source->owns_file = strcmp(path, "-") != 0;
    source->file = source->owns_file ? open(path, O_RDONLY | O_BINARY | O_CLOEXEC) : 0;
#ifdef _WIN32
    if (!source->owns_file)
        (void)_setmode(source->file, O_BINARY);
#endif
    if (source->file < 0)
        (void)stop(source, TOA_SOURCE_IO_ERROR, "cannot open: ", strerror(errno));
    else
        source->total = file_total(source->file);
    return source;
}

toa_source *toa_source_open_memory(const void *bytes, size_t len, size_t piece)
{
    toa_source *source = source_new();
    if (source == NULL)
        return NULL;
    source->memory = bytes;
    source->memory_left = len;
    source->piece = piece;
    source->total = len;
    return source;
}

const char *toa_source_error(const toa_source *source)
{
    return source->error;
}

uint64_t toa_source_consumed(const toa_source *source)
{
    return source->consumed;
}

uint64_t toa_source_total(const toa_source *source)
{
    return source->total;
}

void toa_source_close(toa_source *source)
{
    if (source == NULL)
        return;
    if (source->has_zlib)
        (void)inflateEnd(&source->zlib);
    (void)ZSTD_freeDStream(source->zstd);
    if (source->owns_file && source->file >= 0)
        (void)close(source->file);
    free(source->slice);
    free(source->stored);
    free(source);
}
