/*
 * Any bytes as a frame. Opinions:
 *   - a slow reader (parser/tests/slow_segment.h) says the same of Ethernet and raw IP;
 *   - the same bytes at another address give the same answer;
 *   - what is found lies inside the frame; what is not found is not written;
 *   - cut at some places, a frame is truncated or has its own verdict, and never another endpoint;
 *   - opening tunnels takes nothing away.
 *
 * The input: the link type, as its place in a list, and a bit that opens tunnels; the frame.
 */
#include "../parser/tests/slow_segment.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATTERN = 0xa5, N_CUTS = 24 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "fuzz_segment: %s\n", what);
        abort();
    }
}

static bool untouched(const void *object, size_t size)
{
    const uint8_t *bytes = object;
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] != PATTERN) {
            return false;
        }
    }
    return true;
}

static bool same_ends(const toa_endpoint a[2], const toa_endpoint b[2])
{
    return toa_endpoint_equal(&a[0], &b[0]) && toa_endpoint_equal(&a[1], &b[1]);
}

/* Everything but the address of the options. */
static bool same_segment(const toa_segment *a, const toa_segment *b)
{
    return toa_endpoint_equal(&a->source, &b->source) &&
           toa_endpoint_equal(&a->destination, &b->destination) && a->seq == b->seq &&
           a->ack == b->ack && a->flags == b->flags && a->options_len == b->options_len &&
           a->options.left == b->options.left && a->options.missing == b->options.missing &&
           a->data_len == b->data_len && a->n_tunnels == b->n_tunnels;
}

static toa_word parse(const uint8_t *frame, size_t len, int link, bool open, toa_segment *out)
{
    memset(out, PATTERN, sizeof *out);
    toa_word word = toa_segment_parse(frame, len, link, open, out);
    must(toa_link_known(link) || word != TOA_FOUND, "found behind a link type that nobody knows");
    if (word != TOA_FOUND) {
        must(untouched(out, sizeof *out), "written without being found");
        return word;
    }
    must(out->options_len <= TOA_OPTIONS_MAX && out->options_len % 4 == 0, "length of the options");
    must(out->options.left + out->options.missing == out->options_len, "options are not all there");
    must(out->options.at >= frame && out->options.at + out->options.left <= frame + len,
         "options lie outside");
    must(out->n_tunnels <= (open ? TOA_TUNNELS_MAX : 0), "too many tunnels");
    return word;
}

static toa_word parse_datagram(const uint8_t *frame, size_t len, int link, toa_datagram *out)
{
    memset(out, PATTERN, sizeof *out);
    toa_word word = toa_datagram_parse(frame, len, link, out);
    if (word != TOA_FOUND) {
        must(untouched(out, sizeof *out), "datagram written without being found");
        return word;
    }
    must(out->data >= frame && out->data + out->data_len <= frame + len, "data lies outside");
    return word;
}

/* A prefix of the frame. */
static void check_cut(const uint8_t *frame, size_t len, int link, bool open, toa_word word,
                      const toa_segment *whole)
{
    toa_segment part;
    toa_word cut = parse(frame, len, link, open, &part);
    must(cut == TOA_TRUNCATED || cut == word, "a cut frame has another verdict");
    if (cut == TOA_FOUND) {
        must(toa_endpoint_equal(&part.source, &whole->source) &&
                 toa_endpoint_equal(&part.destination, &whole->destination) &&
                 part.seq == whole->seq && part.flags == whole->flags &&
                 part.options_len == whole->options_len && part.n_tunnels == whole->n_tunnels,
             "a cut frame holds another segment");
        must(part.data_len <= whole->data_len, "a cut frame holds more data");
    }
}

static void check_datagram_cut(const uint8_t *frame, size_t len, int link, toa_word word,
                               const toa_datagram *whole)
{
    toa_datagram part;
    toa_word cut = parse_datagram(frame, len, link, &part);
    must(cut == TOA_TRUNCATED || cut == word, "a cut datagram has another verdict");
    if (cut == TOA_FOUND) {
        const toa_endpoint ends[2] = {part.source, part.destination};
        const toa_endpoint whole_ends[2] = {whole->source, whole->destination};
        must(same_ends(ends, whole_ends), "a cut frame holds another datagram");
        must(part.data_len <= whole->data_len, "a cut datagram holds more data");
        must(!part.whole || whole->whole, "a cut datagram is whole");
    }
}

static void check_slow(const uint8_t *frame, size_t len, int link, toa_word word,
                       const toa_segment *segment)
{
    toa_segment expected;
    toa_word slow = slow_segment_parse(frame, len, link, &expected);
    if (slow == SLOW_NO_OPINION) {
        return;
    }
    must(word == slow, "the slow reader says another word");
    if (word == TOA_FOUND) {
        must(same_segment(segment, &expected), "the slow reader says something else");
        must(segment->options.at == expected.options.at, "the slow reader stands elsewhere");
    }
}

static void check_frame(const uint8_t *frame, const uint8_t *copy, size_t len, int link, bool open)
{
    toa_segment segment;
    toa_segment other;
    toa_datagram datagram;
    toa_sighting sighting;
    toa_dialects dialects;

    toa_word word = parse(frame, len, link, open, &segment);
    must(parse(copy, len, link, open, &other) == word, "another word at another address");
    if (word == TOA_FOUND) {
        must(same_segment(&segment, &other), "another segment at another address");
        toa_dialects_default(&dialects);
        (void)toa_options_read(&dialects, TOA_DUPLICATES_FIRST, true, segment.options, &sighting);
    }
    toa_word closed = parse(frame, len, link, false, &other);
    check_slow(frame, len, link, closed, &other);
    if (closed == TOA_FOUND) {
        must(word == TOA_FOUND && same_segment(&segment, &other), "lost by opening tunnels");
    }
    toa_word datagram_word = parse_datagram(frame, len, link, &datagram);
    must(datagram_word != TOA_FOUND || closed == TOA_FOREIGN, "a segment and a datagram");
    must(datagram_word != TOA_NESTED && word != TOA_NO_OPTION, "a word that is not documented");
    /* Not everywhere at once: inputs of other lengths are cut elsewhere. */
    for (size_t cut = len % (1 + len / N_CUTS); cut < len; cut += 1 + len / N_CUTS) {
        check_cut(frame, cut, link, open, word, &segment);
        check_datagram_cut(frame, cut, link, datagram_word, &datagram);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const int links[] = {1, 101, 228, 229, 113, 276, 0, 108, 51, 219, 12, 14, 2};
    if (size == 0) {
        return 0;
    }
    int link = links[(data[0] & 0x7f) % (sizeof links / sizeof links[0])];
    size_t len = size - 1;
    uint8_t *frame = malloc(len);
    uint8_t *copy = malloc(len + 1);
    must((frame != NULL || len == 0) && copy != NULL, "no memory");
    if (len != 0) {
        memcpy(frame, data + 1, len);
        memcpy(copy + 1, data + 1, len);
    }
    check_frame(frame, copy + 1, len, link, (data[0] & 0x80) != 0);
    free(copy);
    free(frame);
    return 0;
}
