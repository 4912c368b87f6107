/*
 * The reader: the only place where bytes are taken from a span. Every function takes what it says
 * or, when that many bytes are not left, returns false and changes nothing. Network byte order.
 */
#ifndef TOA_PARSER_READER_H
#define TOA_PARSER_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct toa_reader {
    const uint8_t *at;
    size_t left;
} toa_reader;

static inline bool toa_read_skip(toa_reader *reader, size_t len)
{
    if (reader->left < len) {
        return false;
    }
    if (len != 0) { /* at may be NULL when nothing is left */
        reader->at += len;
    }
    reader->left -= len;
    return true;
}

/* Takes `len` bytes whole, for those who read them by their offsets. */
static inline bool toa_read_span(toa_reader *reader, size_t len, const uint8_t **out)
{
    if (reader->left < len) {
        return false;
    }
    *out = reader->at;
    return toa_read_skip(reader, len);
}

/* Of a span that was taken: the number that begins at `at`. */
static inline uint16_t toa_span_u16(const uint8_t *at)
{
    return (uint16_t)(at[0] << 8 | at[1]);
}

static inline uint32_t toa_span_u32(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static inline bool toa_read_u8(toa_reader *reader, uint8_t *out)
{
    if (reader->left < 1) {
        return false;
    }
    *out = reader->at[0];
    return toa_read_skip(reader, 1);
}

static inline bool toa_read_u16(toa_reader *reader, uint16_t *out)
{
    if (reader->left < 2) {
        return false;
    }
    *out = (uint16_t)(reader->at[0] << 8 | reader->at[1]);
    return toa_read_skip(reader, 2);
}

static inline bool toa_read_u32(toa_reader *reader, uint32_t *out)
{
    if (reader->left < 4) {
        return false;
    }
    *out = (uint32_t)reader->at[0] << 24 | (uint32_t)reader->at[1] << 16 |
           (uint32_t)reader->at[2] << 8 | reader->at[3];
    return toa_read_skip(reader, 4);
}

static inline bool toa_read_bytes(toa_reader *reader, uint8_t *out, size_t len)
{
    if (reader->left < len) {
        return false;
    }
    memcpy(out, reader->at, len);
    return toa_read_skip(reader, len);
}

#endif
