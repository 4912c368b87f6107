#include "report.h"

#include <string.h>

/* Columns of a text line: the verdict's words are at most ten letters. */
enum { FRAME_WIDTH = 4, WORD_WIDTH = 12 };

static void put_number(toa_buffer *out, uint64_t value, size_t width)
{
    char digits[20];
    size_t n = sizeof digits;
    do {
        digits[--n] = (char)('0' + value % 10);
        value /= 10;
    } while (value != 0);
    for (size_t len = sizeof digits - n; len < width; len++) {
        toa_buffer_put(out, " ", 1);
    }
    toa_buffer_put(out, digits + n, sizeof digits - n);
}

static void put_endpoint(toa_buffer *out, const toa_endpoint *endpoint)
{
    char text[TOA_ENDPOINT_TEXT];
    toa_buffer_put(out, text, toa_endpoint_format(endpoint, text));
}

static void put_time(toa_buffer *out, toa_time time)
{
    char text[TOA_TIME_TEXT];
    toa_buffer_put(out, text, toa_time_format(time, text));
}

/* ---- Text ------------------------------------------------------------------------------------ */

static void text_flow(toa_buffer *out, const toa_endpoint *fake, const toa_endpoint *server)
{
    put_endpoint(out, fake);
    if (server->version != 0) {
        toa_buffer_text(out, ">");
        put_endpoint(out, server);
    }
}

void toa_report_mapping(toa_buffer *out, const toa_mapping *mapping)
{
    put_endpoint(out, &mapping->client);
    if (mapping->kind != 0) {
        toa_buffer_text(out, " ");
        put_number(out, mapping->kind, 1);
        toa_buffer_text(out, " ");
        toa_buffer_text(out, toa_carrier_name((toa_carrier)mapping->carrier));
    }
    if (mapping->vip.version != 0) {
        toa_buffer_text(out, " vip ");
        put_endpoint(out, &mapping->vip);
    }
}

/* Frame, time and word; frame 0 is none. */
static void text_begin(toa_buffer *out, toa_moment moment, const char *word)
{
    if (moment.frame == 0) {
        toa_buffer_pad(out, out->len, FRAME_WIDTH);
    } else {
        put_number(out, moment.frame, FRAME_WIDTH);
    }
    toa_buffer_text(out, "  ");
    put_time(out, moment.time);
    toa_buffer_text(out, "  ");
    toa_buffer_text(out, word);
}

static void text_event(toa_buffer *out, toa_moment moment, toa_word word, const toa_event *event,
                       const toa_mapping *mapping)
{
    text_begin(out, moment, toa_word_name(word));
    if (mapping->client.version != 0) {
        toa_buffer_pad(out, out->len - strlen(toa_word_name(word)), WORD_WIDTH);
        text_flow(out, &event->fake, &event->server);
        toa_buffer_text(out, " = ");
        toa_report_mapping(out, mapping);
    } else if (word == TOA_NO_OPTION) {
        toa_buffer_pad(out, out->len - strlen(toa_word_name(word)), WORD_WIDTH);
        text_flow(out, &event->fake, &event->server);
    }
    toa_buffer_text(out, "\n");
}

void toa_report_run(toa_buffer *out, uint64_t first, uint64_t last, toa_word verdict)
{
    put_number(out, first, FRAME_WIDTH);
    toa_buffer_text(out, "-");
    put_number(out, last, 1);
    toa_buffer_text(out, "  ");
    toa_buffer_text(out, toa_word_name(verdict));
    toa_buffer_text(out, "\n");
}

void toa_report_result(toa_buffer *out, const toa_answer *answer)
{
    if (answer->word == TOA_FOUND) {
        toa_report_mapping(out, &answer->mapping);
        toa_buffer_text(out, answer->ambiguous ? " ambiguous" : "");
        return;
    }
    toa_buffer_text(out, toa_word_name(answer->word));
    if (answer->word == TOA_EXPIRED) {
        toa_buffer_text(out, " ");
        put_time(out, answer->age);
        toa_buffer_text(out, " s ago, was ");
        toa_report_mapping(out, &answer->former);
    } else if (answer->word == TOA_NO_OPTION) {
        toa_buffer_text(out, ", ");
        put_number(out, answer->options_free, 1);
        toa_buffer_text(out, " option bytes were free");
    }
}

static void text_answer(toa_buffer *out, toa_moment moment, const toa_endpoint *fake,
                        const toa_endpoint *server, const toa_answer *answer)
{
    text_begin(out, moment, "answer");
    toa_buffer_pad(out, out->len - strlen("answer"), WORD_WIDTH);
    text_flow(out, fake, server);
    toa_buffer_text(out, " = ");
    toa_report_result(out, answer);
}

/* ---- JSON ------------------------------------------------------------------------------------ */

/* Keys and values here are words, numbers and endpoints: nothing that JSON would have escaped. */
static void json_key(toa_buffer *out, const char *key)
{
    toa_buffer_text(out, out->len != 0 && out->text[out->len - 1] == '{' ? "\"" : ",\"");
    toa_buffer_text(out, key);
    toa_buffer_text(out, "\":");
}

static void json_word(toa_buffer *out, const char *key, const char *word)
{
    json_key(out, key);
    toa_buffer_text(out, "\"");
    toa_buffer_text(out, word);
    toa_buffer_text(out, "\"");
}

static void json_number(toa_buffer *out, const char *key, uint64_t value)
{
    json_key(out, key);
    put_number(out, value, 1);
}

static void json_time(toa_buffer *out, const char *key, toa_time time)
{
    char text[TOA_TIME_TEXT];
    (void)toa_time_format(time, text);
    json_word(out, key, text);
}

static void json_endpoint(toa_buffer *out, const char *key, const toa_endpoint *endpoint)
{
    char text[TOA_ENDPOINT_TEXT];
    if (endpoint->version != 0) {
        (void)toa_endpoint_format(endpoint, text);
        json_word(out, key, text);
    }
}

static void json_mapping(toa_buffer *out, const toa_mapping *mapping)
{
    if (mapping->client.version == 0) {
        return;
    }
    json_endpoint(out, "real", &mapping->client);
    if (mapping->kind != 0) {
        json_number(out, "kind", mapping->kind);
        json_word(out, "carrier", toa_carrier_name((toa_carrier)mapping->carrier));
    }
    json_endpoint(out, "vip", &mapping->vip);
}

static void json_begin(toa_buffer *out, const char *event, toa_moment moment,
                       const toa_endpoint *fake, const toa_endpoint *server)
{
    toa_buffer_text(out, "{");
    json_word(out, "event", event);
    if (moment.frame != 0) {
        json_number(out, "frame", moment.frame);
    }
    json_time(out, "time", moment.time);
    json_endpoint(out, "fake", fake);
    json_endpoint(out, "server", server);
}

static void json_event(toa_buffer *out, toa_moment moment, toa_word word, const toa_event *event,
                       const toa_mapping *mapping)
{
    json_begin(out, toa_word_name(word), moment, &event->fake, &event->server);
    json_mapping(out, mapping);
    if (mapping->client.version == 0 && mapping->carrier != TOA_CARRIER_NONE) {
        json_word(out, "carrier", toa_carrier_name((toa_carrier)mapping->carrier));
    }
    toa_buffer_text(out, "}\n");
}

static void json_answer(toa_buffer *out, toa_moment moment, const toa_endpoint *fake,
                        const toa_endpoint *server, const toa_answer *answer)
{
    json_begin(out, "answer", moment, fake, server);
    json_mapping(out, &answer->mapping);
    json_word(out, "result", toa_word_name(answer->word));
    if (answer->word == TOA_FOUND || answer->word == TOA_EXPIRED) {
        json_time(out, "age", answer->age);
    }
    if (answer->word == TOA_NO_OPTION) {
        json_number(out, "options_free", answer->options_free);
    }
    json_endpoint(out, "was", &answer->former.client);
    if (answer->ambiguous) {
        json_key(out, "ambiguous");
        toa_buffer_text(out, "true");
    }
}

/* ---- Both ------------------------------------------------------------------------------------ */

bool toa_report_wants(const toa_event *event)
{
    return event->replaced || (event->verdict != TOA_FOREIGN && event->verdict != TOA_PASS &&
                               event->verdict != TOA_OPEN);
}

void toa_report_frame(toa_buffer *out, toa_report_form form, toa_moment moment,
                      const toa_event *event)
{
    void (*line)(toa_buffer *, toa_moment, toa_word, const toa_event *, const toa_mapping *) =
        form == TOA_REPORT_JSON ? json_event : text_event;
    if (event->replaced) {
        line(out, moment, TOA_REPLACE, event, &event->former);
    }
    if (event->verdict != TOA_REPLACE) {
        line(out, moment, event->verdict, event, &event->mapping);
    }
}

void toa_report_answer(toa_buffer *out, toa_report_form form, toa_moment moment, const toa_ask *ask,
                       const toa_answer *answer)
{
    if (form == TOA_REPORT_JSON) {
        json_answer(out, moment, &ask->fake, &ask->server, answer);
        toa_buffer_text(out, "}\n");
    } else {
        text_answer(out, moment, &ask->fake, &ask->server, answer);
        toa_buffer_text(out, "\n");
    }
}

/* What a recorded answer says where it is neither a client nor a reason with a name; NULL. */
static const char *recorded_words(const toa_check_answer *check)
{
    if (check->broken) {
        return "broken answer";
    }
    return check->query.version == 1 && check->recorded.answer.word != TOA_FOUND ? "not found"
                                                                                 : NULL;
}

void toa_report_recorded(toa_buffer *out, const toa_check_answer *check)
{
    const char *words = recorded_words(check);
    if (words != NULL) {
        toa_buffer_text(out, words);
    } else {
        toa_report_result(out, &check->recorded.answer);
    }
}

void toa_report_query(toa_buffer *out, toa_report_form form, toa_moment moment,
                      const toa_check_answer *check)
{
    const toa_query *query = &check->query;
    const toa_answer *said = &check->recorded.answer;
    const char *words = recorded_words(check);
    if (form == TOA_REPORT_JSON) {
        json_answer(out, moment, &query->fake, &query->server, &check->answer);
        if (!check->agrees && words == NULL && said->word == TOA_FOUND) {
            json_endpoint(out, "recorded", &said->mapping.client);
        } else if (!check->agrees) {
            json_word(out, "recorded", words != NULL ? words : toa_word_name(said->word));
        }
        toa_buffer_text(out, "}\n");
        return;
    }
    text_answer(out, moment, &query->fake, &query->server, &check->answer);
    if (!check->agrees) {
        toa_buffer_text(out, "; recorded: ");
        toa_report_recorded(out, check);
    }
    toa_buffer_text(out, "\n");
}

/* ---- The summary ----------------------------------------------------------------------------- */

static void json_words(toa_buffer *out, const char *key, const uint64_t counts[TOA_N_WORDS])
{
    json_key(out, key);
    toa_buffer_text(out, "{");
    for (unsigned i = 0; i < TOA_N_WORDS; i++) {
        if (counts[i] != 0) {
            json_number(out, toa_word_name((toa_word)i), counts[i]);
        }
    }
    toa_buffer_text(out, "}");
}

typedef struct extra {
    const char *key;
    const char *text;
    uint64_t count;
} extra;

enum { EXTRAS = 14 };

/* What no larger table changes. */
#define STRING(x)   #x
#define IN_WORDS(x) STRING(x)
#define PER_FAKE    "one fake endpoint keeps " IN_WORDS(TOA_FLOWS_PER_FAKE) " flows at most"

/* What is told only when there is any. */
static void extras_of(const toa_replay_totals *totals, extra out[EXTRAS])
{
    const toa_counters *counters = &totals->counters;
    const extra all[EXTRAS] = {
        {"filtered", "records kept away by the filter", totals->filtered},
        {"longer", "records longer than their packet", totals->longer},
        {"wrong_link", "records of a link type that is not parsed", totals->wrong_link},
        {"queries", "queries of the service in the capture", totals->queries},
        {"agree", "recorded answers that agree", totals->agree},
        {"disagree", "recorded answers that disagree", totals->disagree},
        {"unanswered", "queries without an answer in the capture", totals->unanswered},
        {"replaced", "live mappings ended by a new SYN of their flow", counters->replaced},
        {"broken_rest", "learned from options that are broken behind the TOA",
         counters->broken_rest},
        {"several", "segments with several TOAs", counters->several},
        {"time_backwards", "frames with a time before an earlier one", counters->time_backwards},
        {"pushed_expired", "expired mappings that made room", counters->pushed_expired},
        {"pushed_pending", "flows without mapping pushed out (--records; " PER_FAKE ")",
         counters->pushed_pending},
        {"pushed_mapping", "live mappings pushed out (--records; " PER_FAKE ")",
         counters->pushed_mapping},
    };
    memcpy(out, all, sizeof all);
}

static void json_summary(toa_buffer *out, const toa_replay_totals *totals)
{
    extra extras[EXTRAS];
    toa_buffer_text(out, "{");
    json_word(out, "event", "summary");
    json_number(out, "frames", totals->counters.frames);
    json_words(out, "verdicts", totals->counters.verdicts);
    json_number(out, "mappings", totals->mappings);
    json_words(out, "lookups", totals->lookups);
    extras_of(totals, extras);
    for (size_t i = 0; i < EXTRAS; i++) {
        if (extras[i].count != 0) {
            json_number(out, extras[i].key, extras[i].count);
        }
    }
    toa_buffer_text(out, "}\n");
}

static void text_words(toa_buffer *out, const uint64_t counts[TOA_N_WORDS])
{
    const char *before = ": ";
    for (unsigned i = 0; i < TOA_N_WORDS; i++) {
        if (counts[i] != 0) {
            toa_buffer_text(out, before);
            put_number(out, counts[i], 1);
            toa_buffer_text(out, " ");
            toa_buffer_text(out, toa_word_name((toa_word)i));
            before = ", ";
        }
    }
}

static void text_count(toa_buffer *out, uint64_t count, const char *one, const char *many)
{
    put_number(out, count, 1);
    toa_buffer_text(out, count == 1 ? one : many);
}

static void text_summary(toa_buffer *out, const toa_replay_totals *totals)
{
    extra extras[EXTRAS];
    uint64_t n_lookups = 0;
    for (unsigned i = 0; i < TOA_N_WORDS; i++) {
        n_lookups += totals->lookups[i];
    }
    text_count(out, totals->counters.frames, " frame", " frames");
    text_words(out, totals->counters.verdicts);
    toa_buffer_text(out, "\n");
    text_count(out, totals->mappings, " mapping", " mappings");
    toa_buffer_text(out, " live at the end");
    if (n_lookups != 0) {
        toa_buffer_text(out, "; ");
        text_count(out, n_lookups, " lookup", " lookups");
        text_words(out, totals->lookups);
    }
    toa_buffer_text(out, "\n");
    extras_of(totals, extras);
    for (size_t i = 0; i < EXTRAS; i++) {
        if (extras[i].count != 0) {
            toa_buffer_text(out, extras[i].text);
            toa_buffer_text(out, ": ");
            put_number(out, extras[i].count, 1);
            toa_buffer_text(out, "\n");
        }
    }
}

void toa_report_summary(toa_buffer *out, toa_report_form form, const toa_replay_totals *totals)
{
    if (form == TOA_REPORT_JSON) {
        json_summary(out, totals);
    } else {
        text_summary(out, totals);
    }
}
