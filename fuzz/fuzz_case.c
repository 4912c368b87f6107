/*
 * The case reader. What it accepts must mean the same when it is written down anew and read again;
 * what it refuses must leave the case untouched and name a line that exists.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "case.h"

static void demand(bool holds, const char *what)
{
    if (!holds) {
        (void)fprintf(stderr, "fuzz_case: %s\n", what);
        abort();
    }
}

static void put_endpoint(toa_buffer *out, const toa_endpoint *endpoint)
{
    char text[TOA_ENDPOINT_TEXT];
    toa_buffer_put(out, text, toa_endpoint_format(endpoint, text));
}

static void put_ask(toa_buffer *out, const toa_expectation *ask)
{
    char time[TOA_TIME_TEXT];
    (void)toa_time_format(ask->ask.at, time);
    toa_buffer_format(out, "ask %s ", time);
    put_endpoint(out, &ask->ask.fake);
    if (ask->ask.server.version != 0) {
        toa_buffer_text(out, ">");
        put_endpoint(out, &ask->ask.server);
    }
    toa_buffer_text(out, " ");
    toa_expectation_format(ask, out);
    toa_buffer_text(out, "\n");
}

static void put_settings(toa_buffer *out, const toa_settings *settings)
{
    char text[TOA_PREFIX_TEXT];
    char time[TOA_TIME_TEXT];
    static const char *const duplicates[] = {"first", "last", "reject"};
    for (size_t i = 0; i < settings->n_trust; i++) {
        (void)toa_prefix_format(&settings->trust[i], text);
        toa_buffer_format(out, "trust %s\n", text);
    }
    (void)toa_time_format(settings->ttl, time);
    toa_buffer_format(out, "ttl %s\nhold %s\nmidstream %s\ndecap %s\nduplicates %s\n", time,
                      settings->hold == TOA_HOLD_CONNECTION ? "connection" : "ttl",
                      settings->midstream ? "accept" : "refuse",
                      settings->open_tunnels ? "yes" : "no", duplicates[settings->duplicates]);
    for (size_t i = 0; i < settings->n_services; i++) {
        toa_buffer_format(out, "service %u\n", (unsigned)settings->services[i]);
    }
}

static bool asks_equal(const toa_expectation *a, const toa_expectation *b)
{
    return a->ask.at == b->ask.at && toa_endpoint_equal(&a->ask.fake, &b->ask.fake) &&
           toa_endpoint_equal(&a->ask.server, &b->ask.server) && a->word == b->word &&
           toa_endpoint_equal(&a->client, &b->client) && a->has_vip == b->has_vip &&
           toa_endpoint_equal(&a->vip, &b->vip) && a->has_ago == b->has_ago && a->ago == b->ago &&
           a->has_free == b->has_free && a->options_free == b->options_free &&
           a->has_kind == b->has_kind && a->kind == b->kind && a->has_carrier == b->has_carrier &&
           a->carrier == b->carrier && a->ambiguous == b->ambiguous;
}

static void compare(const toa_case *a, const toa_case *b)
{
    demand(a->n_asks == b->n_asks, "an ask was lost");
    for (size_t i = 0; i < a->n_asks; i++) {
        demand(asks_equal(&a->asks[i], &b->asks[i]), "an ask changed");
        demand(i == 0 || a->asks[i - 1].ask.at <= a->asks[i].ask.at, "asks out of order");
    }
    demand(strcmp(a->capture, b->capture) == 0, "the capture changed");
    demand(a->settings.n_trust == b->settings.n_trust, "a prefix was lost");
    demand(a->settings.n_trust == 0 ||
               memcmp(a->settings.trust, b->settings.trust,
                      a->settings.n_trust * sizeof a->settings.trust[0]) == 0,
           "a prefix changed");
    demand(a->settings.ttl == b->settings.ttl && a->settings.hold == b->settings.hold &&
               a->settings.midstream == b->settings.midstream &&
               a->settings.open_tunnels == b->settings.open_tunnels &&
               a->settings.duplicates == b->settings.duplicates,
           "a setting changed");
    demand(a->settings.n_services == b->settings.n_services &&
               memcmp(a->settings.services, b->settings.services, sizeof a->settings.services) == 0,
           "a port of the service changed");
}

static void write_and_read_again(const toa_case *parsed)
{
    toa_buffer text = {.text = NULL};
    toa_buffer error = {.text = NULL};
    toa_case again;
    toa_buffer_format(&text, "capture %s\nsource %s\n", parsed->capture, parsed->source);
    put_settings(&text, &parsed->settings);
    for (size_t i = 0; i < parsed->n_asks; i++) {
        put_ask(&text, &parsed->asks[i]);
    }
    demand(toa_case_parse("again", text.text, text.len, &again, &error), "refused its own writing");
    compare(parsed, &again);
    toa_case_free(&again);
    toa_buffer_free(&text);
    toa_buffer_free(&error);
}

static size_t count_lines(const uint8_t *data, size_t size)
{
    size_t n = 1;
    for (size_t i = 0; i < size; i++) {
        n += data[i] == '\n';
    }
    return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    toa_buffer error = {.text = NULL};
    toa_case parsed;
    toa_case untouched;
    memset(&parsed, 0x5a, sizeof parsed);
    memset(&untouched, 0x5a, sizeof untouched);
    if (toa_case_parse("case", (const char *)data, size, &parsed, &error)) {
        demand(error.len == 0, "accepted, with an error");
        demand(parsed.head_len <= size, "the head is longer than the text");
        demand(parsed.records == NULL ||
                   parsed.records + parsed.records_len == (const char *)data + size,
               "the records do not end with the text");
        write_and_read_again(&parsed);
        toa_case_free(&parsed);
    } else {
        static const char begin[] = "case:";
        demand(error.len > sizeof begin && memcmp(error.text, begin, sizeof begin - 1) == 0,
               "no name in front of an error");
        unsigned long line = strtoul(error.text + sizeof begin - 1, NULL, 10);
        demand(line != 0 && line <= count_lines(data, size), "a line named that is not there");
        demand(memcmp(&parsed, &untouched, sizeof parsed) == 0,
               "refused, and written all the same");
    }
    toa_buffer_free(&error);
    return 0;
}
