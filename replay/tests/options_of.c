/*
 * Prints the name of each capture, and what is in its records, as ci/opinions compares it with
 * tshark and scapy:
 *
 *     LINK BYTES WORD SOURCE DESTINATION SEQ FLAGS OPTIONS END CLIENT
 *
 * BYTES is the record in hex; WORD is toa_segment_parse's, tunnels opened; OPTIONS are the walk's,
 * in hex, with commas between; END is the word that ended the walk; CLIENT is what all dialects
 * together say, or the reason. Unknown parts are "-". Status 3: a capture cannot be read to its
 * end.
 */
#include <stdio.h>
#include <string.h>

#include <toa/parser.h>
#include <toa/text.h>

#include "../capture.h"

static void print_bytes(const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        printf("%02x", bytes[i]);
    }
    printf("%s", len == 0 ? "-" : "");
}

static void print_options(toa_options walk)
{
    toa_option option;
    toa_word word;
    const char *between = "";
    while ((word = toa_options_next(&walk, &option)) == TOA_FOUND) {
        printf("%s", between);
        print_bytes(option.bytes, option.len);
        between = ",";
    }
    printf("%s %s", between[0] == '\0' ? "-" : "", toa_word_name(word));
}

static void print_segment(const toa_dialects *dialects, const toa_segment *segment)
{
    char source[TOA_ENDPOINT_TEXT];
    char destination[TOA_ENDPOINT_TEXT];
    char client[TOA_ENDPOINT_TEXT];
    toa_sighting seen;
    (void)toa_endpoint_format(&segment->source, source);
    (void)toa_endpoint_format(&segment->destination, destination);
    printf(" %s %s %u %02x ", source, destination, segment->seq, segment->flags);
    print_options(segment->options);
    toa_word word = toa_options_read(dialects, TOA_DUPLICATES_FIRST,
                                     (segment->flags & TOA_TCP_SYN) != 0, segment->options, &seen);
    if (word == TOA_FOUND) {
        (void)toa_endpoint_format(&seen.client, client);
    }
    printf(" %s\n", word == TOA_FOUND ? client : toa_word_name(word));
}

static bool print_capture(const char *path, const toa_dialects *dialects)
{
    toa_capture *capture = toa_capture_open(path);
    toa_capture_result result = TOA_CAPTURE_IO_ERROR;
    toa_record record;
    toa_segment segment;
    while (capture != NULL && (result = toa_capture_next(capture, &record)) == TOA_CAPTURE_RECORD) {
        toa_word word =
            toa_segment_parse(record.bytes, record.captured_len, record.link_type, true, &segment);
        printf("%d ", record.link_type);
        print_bytes(record.bytes, record.captured_len);
        printf(" %s", toa_word_name(word));
        if (word == TOA_FOUND) {
            print_segment(dialects, &segment);
        } else {
            printf(" - - - - - - -\n");
        }
    }
    if (capture != NULL) {
        toa_capture_close(capture);
    }
    return result == TOA_CAPTURE_END;
}

int main(int argc, char **argv)
{
    static const char *const names[] = {"tencent", "lvs",         "bytedance",
                                        "cdn",     "alibaba-vpc", "alibaba-vpc6"};
    toa_dialects dialects;
    toa_dialects_clear(&dialects);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        (void)toa_dialects_add(&dialects, names[i], strlen(names[i]));
    }
    for (int i = 1; i < argc; i++) {
        printf("%s\n", argv[i]);
        if (!print_capture(argv[i], &dialects)) {
            fprintf(stderr, "%s: cannot be read to its end\n", argv[i]);
            return 3;
        }
    }
    return 0;
}
