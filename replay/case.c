#include "case.h"

#include <stdlib.h>
#include <string.h>

enum { WORD_SHOWN_MAX = 80 };

/* A word or a line of the text. */
typedef struct span {
    const char *at;
    size_t len;
} span;

typedef struct case_reader {
    const char *name;
    const char *text;
    size_t len;
    size_t at;
    size_t line; /* number of the line read last */
    toa_case *made;
    toa_buffer *error;
    bool seen_once[4]; /* by first_time */
} case_reader;

static const span no_word = {"", 0};

/* " 'word'", for people: so much of it that it is found, and nothing that a terminal obeys. */
static void put_word(toa_buffer *out, span word)
{
    size_t len = word.len < WORD_SHOWN_MAX ? word.len : WORD_SHOWN_MAX;
    if (len == 0) {
        return;
    }
    toa_buffer_text(out, " '");
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)word.at[i];
        toa_buffer_put(out, c < 0x20 || c == 0x7f ? "?" : &word.at[i], 1);
    }
    toa_buffer_text(out, len < word.len ? "...'" : "'");
}

/* "NAME:LINE: what 'word': why"; `why` may be empty. */
static bool fail(case_reader *reader, const char *what, span word, const char *why)
{
    size_t line = reader->line == 0 ? 1 : reader->line; /* of a text without any */
    toa_buffer_format(reader->error, "%s:%zu: %s", reader->name, line, what);
    put_word(reader->error, word);
    toa_buffer_format(reader->error, "%s%s\n", why[0] == '\0' ? "" : ": ", why);
    return false;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static span trim(span text)
{
    while (text.len != 0 && is_blank(text.at[0])) {
        text.at++;
        text.len--;
    }
    while (text.len != 0 && is_blank(text.at[text.len - 1])) {
        text.len--;
    }
    return text;
}

/* The next line, without its end and the blanks around it. */
static bool next_line(case_reader *reader, span *out)
{
    if (reader->at == reader->len) {
        return false;
    }
    const char *begin = reader->text + reader->at;
    size_t left = reader->len - reader->at;
    const char *end = memchr(begin, '\n', left);
    size_t len = end == NULL ? left : (size_t)(end - begin);
    reader->at += end == NULL ? len : len + 1;
    reader->line++;
    *out = trim((span){begin, len});
    return true;
}

static span take_word(span *rest)
{
    span word = {rest->at, 0};
    while (word.len < rest->len && !is_blank(rest->at[word.len])) {
        word.len++;
    }
    *rest = trim((span){rest->at + word.len, rest->len - word.len});
    return word;
}

static bool is(span word, const char *name)
{
    return word.len == strlen(name) && memcmp(word.at, name, word.len) == 0;
}

static bool starts(span word, const char *name, span *rest)
{
    size_t len = strlen(name);
    if (word.len < len || memcmp(word.at, name, len) != 0) {
        return false;
    }
    *rest = (span){word.at + len, word.len - len};
    return true;
}

static char *duplicate(span text)
{
    char *made = malloc(text.len + 1);
    if (made != NULL) {
        memcpy(made, text.at, text.len);
        made[text.len] = '\0';
    }
    return made;
}

/* ---- Asks ------------------------------------------------------------------------------------ */

static const char *parse_small(span value, uint64_t max, uint8_t *out)
{
    uint64_t number = 0;
    const char *wrong = toa_number_parse(value.at, value.len, max, &number);
    if (wrong == NULL) {
        *out = (uint8_t)number;
    }
    return wrong;
}

/* An address with a port or without. */
static const char *parse_peer(span value, toa_endpoint *out)
{
    return toa_endpoint_parse(value.at, value.len, out) == NULL
               ? NULL
               : toa_ip_parse(value.at, value.len, out);
}

static const char *parse_carrier(span value, toa_carrier *out)
{
    for (toa_carrier i = TOA_CARRIER_SYN; i <= TOA_CARRIER_DATA; i++) {
        if (is(value, toa_carrier_name(i))) {
            *out = i;
            return NULL;
        }
    }
    return "a carrier is syn, ack or data";
}

/* What the option of a mapping says, where there is one. */
static const char *parse_of_found(span word, toa_expectation *out)
{
    span value;
    if (is(word, "ambiguous")) {
        out->ambiguous = true;
        return NULL;
    }
    if (starts(word, "vip=", &value)) {
        out->has_vip = true;
        return parse_peer(value, &out->vip);
    }
    if (starts(word, "kind=", &value)) {
        out->has_kind = true;
        return parse_small(value, 255, &out->kind);
    }
    if (starts(word, "carrier=", &value)) {
        out->has_carrier = true;
        return parse_carrier(value, &out->carrier);
    }
    return "behind the answer may stand ambiguous, vip=, ago=, free=, kind=, carrier=";
}

static const char *parse_qualifier(span word, toa_expectation *out)
{
    span value;
    if (starts(word, "ago=", &value)) {
        out->has_ago = true;
        if (out->word == TOA_NEVER_SEEN || out->word == TOA_REPLACED) {
            return "nothing is known of a flow that was never seen or was replaced";
        }
        return toa_time_parse(value.at, value.len, &out->ago);
    }
    if (starts(word, "free=", &value)) {
        out->has_free = true;
        if (out->word != TOA_NO_OPTION) {
            return "holds of no_option alone";
        }
        return parse_small(value, TOA_OPTIONS_MAX, &out->options_free);
    }
    const char *wrong = parse_of_found(word, out);
    return wrong == NULL && out->word != TOA_FOUND ? "holds of a client alone, never of a reason"
                                                   : wrong;
}

static const char *parse_result(span word, toa_expectation *out)
{
    toa_word reason = toa_word_parse(word.at, word.len);
    if (reason != TOA_FOUND && toa_word_is_answer(reason)) {
        out->word = reason;
        return NULL;
    }
    out->word = TOA_FOUND;
    return parse_peer(word, &out->client) == NULL
               ? NULL
               : "expected is a client (203.0.113.9:51514) or a reason (never_seen, pending, "
                 "no_option, expired, replaced, untrusted, malformed, truncated, ambiguous, "
                 "duplicate, conflict, midstream)";
}

/* "T FAKE[>SERVER] EXPECTED [qualifier]..."; *word is the one that is wrong. */
static const char *parse_ask(span rest, toa_expectation *out, span *word)
{
    *word = take_word(&rest);
    const char *wrong = toa_time_parse(word->at, word->len, &out->ask.at);
    if (wrong != NULL) {
        return wrong;
    }
    *word = take_word(&rest);
    wrong = toa_ask_parse(word->at, word->len, &out->ask);
    if (wrong != NULL) {
        return wrong;
    }
    *word = take_word(&rest);
    wrong = parse_result(*word, out);
    while (wrong == NULL && rest.len != 0) {
        *word = take_word(&rest);
        wrong = parse_qualifier(*word, out);
    }
    return wrong;
}

static bool on_ask(case_reader *reader, span value)
{
    toa_case *made = reader->made;
    toa_expectation ask = {.line = reader->line};
    span word = no_word;
    const char *wrong = parse_ask(value, &ask, &word);
    if (wrong != NULL) {
        return fail(reader, "ask", word, wrong);
    }
    if (made->n_asks != 0 && made->asks[made->n_asks - 1].ask.at > ask.ask.at) {
        word = take_word(&value);
        return fail(reader, "ask", word,
                    "its time is before that of the ask above; they stand in order");
    }
    toa_expectation *asks = realloc(made->asks, (made->n_asks + 1) * sizeof asks[0]);
    if (asks == NULL) {
        return fail(reader, "out of memory", no_word, "");
    }
    asks[made->n_asks++] = ask;
    made->asks = asks;
    return true;
}

/* ---- Keys ------------------------------------------------------------------------------------ */

static bool on_path(case_reader *reader, const char *key, span value, char **to)
{
    if (*to != NULL) {
        return fail(reader, key, no_word, "is there already");
    }
    if (value.len == 0 || memchr(value.at, '\0', value.len) != NULL) {
        return fail(reader, key, no_word, "needs a value");
    }
    *to = duplicate(value);
    return *to != NULL || fail(reader, "out of memory", no_word, "");
}

/* Keys that may stand once. */
static bool first_time(case_reader *reader, span key)
{
    static const char *const once[] = {"ttl", "hold", "duplicates", "midstream"};
    for (size_t i = 0; i < sizeof once / sizeof once[0]; i++) {
        if (is(key, once[i])) {
            bool first = !reader->seen_once[i];
            reader->seen_once[i] = true;
            return first;
        }
    }
    return true;
}

static bool on_setting(case_reader *reader, span key, span value)
{
    char name[16];
    if (!toa_settings_known(key.at, key.len) || key.len >= sizeof name) {
        return fail(reader, "unknown key", key,
                    "there are capture, source, server, dialect, trust, ttl, hold, midstream, "
                    "duplicates, decap, service, records, ask");
    }
    memcpy(name, key.at, key.len);
    name[key.len] = '\0';
    if (!first_time(reader, key)) {
        return fail(reader, name, no_word, "is there already");
    }
    const char *wrong = toa_settings_set(&reader->made->settings, name, value.at, value.len);
    return wrong == NULL || fail(reader, name, value, wrong);
}

static bool on_line(case_reader *reader, span line)
{
    span rest = line;
    span key = take_word(&rest);
    if (is(key, "capture")) {
        if (is(rest, "-")) {
            return fail(reader, "capture", rest, "a case has a file, not standard input");
        }
        return on_path(reader, "capture", rest, &reader->made->capture);
    }
    if (is(key, "source")) {
        return on_path(reader, "source", rest, &reader->made->source);
    }
    return is(key, "ask") ? on_ask(reader, rest) : on_setting(reader, key, rest);
}

static bool read_case(case_reader *reader)
{
    toa_case *made = reader->made;
    span line;
    size_t begin = 0;
    while (next_line(reader, &line)) {
        if (is(line, "---")) {
            made->records = reader->text + reader->at;
            made->records_len = reader->len - reader->at;
            made->records_line = reader->line + 1;
            break;
        }
        begin = reader->at;
        if (line.len != 0 && line.at[0] != '#' && !on_line(reader, line)) {
            return false;
        }
    }
    made->head_len = begin;
    if (made->capture == NULL || made->source == NULL) {
        return fail(reader, made->capture == NULL ? "no capture" : "no source", no_word,
                    "both keys must be there");
    }
    return true;
}

bool toa_case_parse(const char *name, const char *text, size_t len, toa_case *out,
                    toa_buffer *error)
{
    toa_case made = {.capture = NULL};
    case_reader reader = {.name = name, .text = text, .len = len, .made = &made, .error = error};
    toa_settings_init(&made.settings);
    if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
        reader.at = 3; /* a byte order mark */
    }
    if (!read_case(&reader)) {
        toa_case_free(&made);
        return false;
    }
    *out = made;
    return true;
}

void toa_case_free(toa_case *parsed)
{
    free(parsed->capture);
    free(parsed->source);
    free(parsed->asks);
    toa_settings_free(&parsed->settings);
}

/* ---- Expectations ---------------------------------------------------------------------------- */

bool toa_expectation_met(const toa_expectation *expected, const toa_answer *answer)
{
    const toa_mapping *mapping = &answer->mapping;
    return expected->word == answer->word &&
           (expected->word != TOA_FOUND ||
            toa_endpoint_equal(&expected->client, &mapping->client)) &&
           (!expected->has_vip || toa_endpoint_equal(&expected->vip, &mapping->vip)) &&
           (!expected->has_ago || expected->ago == answer->age) &&
           (!expected->has_free || expected->options_free == answer->options_free) &&
           (!expected->has_kind || expected->kind == mapping->kind) &&
           (!expected->has_carrier || expected->carrier == (toa_carrier)mapping->carrier) &&
           (!expected->ambiguous || answer->ambiguous);
}

void toa_expectation_format(const toa_expectation *expected, toa_buffer *out)
{
    char text[TOA_ENDPOINT_TEXT];
    if (expected->word == TOA_FOUND) {
        toa_buffer_put(out, text, toa_endpoint_format(&expected->client, text));
    } else {
        toa_buffer_text(out, toa_word_name(expected->word));
    }
    if (expected->ambiguous) {
        toa_buffer_text(out, " ambiguous");
    }
    if (expected->has_vip) {
        (void)toa_endpoint_format(&expected->vip, text);
        toa_buffer_format(out, " vip=%s", text);
    }
    if (expected->has_ago) {
        (void)toa_time_format(expected->ago, text);
        toa_buffer_format(out, " ago=%s", text);
    }
    if (expected->has_free) {
        toa_buffer_format(out, " free=%u", (unsigned)expected->options_free);
    }
    if (expected->has_kind) {
        toa_buffer_format(out, " kind=%u", (unsigned)expected->kind);
    }
    if (expected->has_carrier) {
        toa_buffer_format(out, " carrier=%s", toa_carrier_name(expected->carrier));
    }
}
