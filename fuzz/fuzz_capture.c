/*
 * Any bytes as a capture file. Opinions:
 *   - read whole and read in pieces of 1 to 7 bytes, the result is the same, error text included;
 *   - on failure the record is untouched, and the result stays;
 *   - packed by gzip or zstd, it reads as it does plain;
 *   - libpcap agrees, but for what second_opinion.h lists.
 */
#include "capture.h"
#include "tests/second_opinion.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool holds, const char *what)
{
    if (holds)
        return;
    (void)fprintf(stderr, "fuzz_capture: %s\n", what);
    abort();
}

static bool equal_records(const toa_record *a, const toa_record *b)
{
    return a->captured_len == b->captured_len && a->original_len == b->original_len &&
           a->link_type == b->link_type && a->interface_id == b->interface_id &&
           a->time == b->time && a->longer == b->longer &&
           (a->captured_len == 0 || memcmp(a->bytes, b->bytes, a->captured_len) == 0);
}

/* The end of both: sticky, and nothing written. */
static void check_end(toa_capture *whole, toa_capture *pieces, toa_capture_result result)
{
    toa_record record;
    memset(&record, 0x5a, sizeof record);
    toa_record before;
    memcpy(&before, &record, sizeof before);
    demand(toa_capture_next(whole, &record) == result, "the result does not stay");
    demand(memcmp(&record, &before, sizeof record) == 0, "written to on failure");
    demand(strcmp(toa_capture_error(whole), toa_capture_error(pieces)) == 0, "pieces: other text");
    demand((result == TOA_CAPTURE_END) == (toa_capture_error(whole)[0] == '\0'), "text and result");
    demand(toa_capture_offset(whole) == toa_capture_offset(pieces), "pieces: another offset");
    demand(toa_capture_progress_now(whole).n_records == toa_capture_progress_now(pieces).n_records,
           "pieces: another count");
}

/* Takes records by turns one after the other and several at once. */
static void check_pieces(toa_capture *whole, toa_capture *pieces)
{
    enum { NEAR = 3 };
    uint64_t n = 0;
    toa_capture_result result = TOA_CAPTURE_RECORD;
    while (result == TOA_CAPTURE_RECORD) {
        toa_record a[1 + NEAR];
        toa_record b = {0};
        result = toa_capture_next(whole, &a[0]);
        size_t n_read = 0;
        if (result == TOA_CAPTURE_RECORD) {
            n_read = 1 + toa_capture_near(whole, &a[1], n % (NEAR + 1));
        }
        for (size_t i = 0; i < n_read; i++) {
            demand(toa_capture_next(pieces, &b) == TOA_CAPTURE_RECORD, "pieces: another result");
            demand(equal_records(&a[i], &b), "pieces: another record");
        }
        demand(n_read == 0 || toa_capture_offset(whole) == toa_capture_offset(pieces),
               "pieces: another offset");
        n += n_read;
    }
    demand(toa_capture_next(pieces, &(toa_record){0}) == result, "pieces: another end");
    demand(n == toa_capture_progress_now(whole).n_records, "miscounted");
    check_end(whole, pieces, result);
}

static size_t gzip(uint8_t *data, size_t size, uint8_t *out, size_t room)
{
    z_stream z = {0};
    demand(deflateInit2(&z, 1, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK, "deflateInit2");
    z.next_in = data;
    z.avail_in = (uInt)size;
    z.next_out = out;
    z.avail_out = (uInt)room;
    demand(deflate(&z, Z_FINISH) == Z_STREAM_END, "deflate");
    (void)deflateEnd(&z);
    return room - z.avail_out;
}

/* The input packed, read in pieces, against the input itself; unless that is packed already. */
static void check_packed(const uint8_t *data, size_t size, size_t piece)
{
    const bool packed_already = size >= 2 && ((data[0] == 0x1f && data[1] == 0x8b) ||
                                              (data[0] == 0x28 && data[1] == 0xb5) ||
                                              (data[0] >> 4 == 5 && data[1] == 0x2a));
    if (packed_already)
        return;
    const size_t room = ZSTD_compressBound(size) + 256;
    uint8_t *copy = malloc(size + 1);
    uint8_t *packed = malloc(room);
    demand(copy != NULL && packed != NULL, "out of memory");
    if (size != 0)
        memcpy(copy, data, size);
    const size_t len =
        size % 2 == 0 ? gzip(copy, size, packed, room) : ZSTD_compress(packed, room, copy, size, 1);
    toa_capture *plain = toa_capture_open_memory("fuzz", data, size, 0);
    toa_capture *unpacked = toa_capture_open_memory("fuzz", packed, len, piece);
    demand(plain != NULL && unpacked != NULL, "out of memory");
    check_pieces(plain, unpacked);
    toa_capture_close(plain);
    toa_capture_close(unpacked);
    free(packed);
    free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const size_t piece = size == 0 ? 1 : 1 + (size + data[size - 1]) % 7;
    toa_capture *whole = toa_capture_open_memory("fuzz", data, size, 0);
    toa_capture *pieces = toa_capture_open_memory("fuzz", data, size, piece);
    demand(whole != NULL && pieces != NULL, "out of memory");
    check_pieces(whole, pieces);
    toa_capture_close(whole);
    toa_capture_close(pieces);
    if (size % 4 < 2) /* it costs as much as all the rest */
        check_packed(data, size, piece);
    const char *wrong = second_opinion(data, size);
    demand(wrong == NULL, wrong);
    return 0;
}
