/*
 * Lines to the control socket's console. An input is a byte that says whether the asker is trusted,
 * and a line. Every answer is whole lines, none of which is the dot that ends it, or one that
 * begins with "error: "; who is not trusted never sees a client and never changes anything; and the
 * counters that an answer is about are those that there are.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "console.h"

enum { MEMORY = 65536, PIECES_MAX = 64 };

static uint8_t memory[MEMORY];
static toa_engine *engine;
static toa_capture_config capture;
static bool changed;

static void demand(bool holds, const char *what)
{
    if (!holds) {
        (void)fprintf(stderr, "fuzz_console: %s\n", what);
        abort();
    }
}

static void on_figures(const void *service, toa_figures *out)
{
    (void)service;
    *out = (toa_figures){.present = 1U << TOA_FIGURES_CAPTURE | 1U << TOA_FIGURES_RECORD};
    toa_figures_of_engine(out, engine, toa_engine_now(engine));
}

static const toa_engine *on_engine(const void *service)
{
    (void)service;
    return engine;
}

static toa_time on_now(const void *service)
{
    (void)service;
    return toa_engine_now(engine);
}

static void on_lookup(void *service, const toa_endpoint *fake, const toa_endpoint *server,
                      toa_answer *answer)
{
    (void)service;
    (void)toa_engine_lookup(engine, fake, server, toa_engine_now(engine), answer);
}

/* A segment whose options are of no sense at all. */
static bool on_story(void *service, const toa_endpoint *fake, const toa_endpoint *server,
                     toa_story *out)
{
    (void)service;
    (void)server;
    *out = (toa_story){.fake = *fake, .server = *fake, .n_lines = 1, .n_omitted = 3};
    out->lines[0] = (toa_story_line){.options_len = 40, .n_options = 16};
    memset(out->lines[0].options, fake->ip[3], sizeof out->lines[0].options);
    return fake->port % 2 == 0;
}

static const toa_capture_config *on_capture(const void *service)
{
    (void)service;
    return &capture;
}

static bool on_change(void *service, char error[TOA_CONFIG_ERROR])
{
    (void)service;
    changed = true;
    (void)snprintf(error, TOA_CONFIG_ERROR, "no");
    return false;
}

static void begin(void)
{
    static toa_dialects dialects;
    static const uint8_t option[8] = {254, 8, 0xc9, 0x3a, 203, 0, 113, 9};
    toa_dialects_default(&dialects);
    memcpy(capture.interface, "eth0", sizeof "eth0");
    capture.ttl = TOA_TTL_DEFAULT;
    const toa_config config = {.dialects = &dialects, .ttl = TOA_TTL_DEFAULT};
    engine = toa_engine_init(memory, sizeof memory, &config);
    for (uint8_t i = 0; i < 100; i++) {
        size_t len = i % 3 == 0 ? 0 : sizeof option;
        toa_segment syn = {
            .source = {.ip = {10, 0, 1, i}, .port = i, .version = 4, .has_port = 1},
            .destination = {.ip = {10, 0, 0, 80}, .port = 443, .version = 4, .has_port = 1},
            .seq = i,
            .options = toa_options_begin(option, len, len),
            .flags = TOA_TCP_SYN,
            .options_len = (uint8_t)len};
        (void)toa_engine_segment(engine, &syn, i, NULL);
    }
}

static void check_lines(const toa_text *text, bool trusted)
{
    demand(!text->failed, "out of memory");
    demand(text->len == 0 || text->bytes[text->len - 1] == '\n', "half a line");
    demand(text->len == 0 || strlen(text->bytes) == text->len, "a zero byte");
    demand(text->len < 2 || memcmp(text->bytes, ".\n", 2) != 0, "a dot at the begin");
    demand(text->len == 0 || strstr(text->bytes, "\n.\n") == NULL, "a dot alone");
    demand(trusted || text->len == 0 || strstr(text->bytes, "203.0.113") == NULL, "a client");
    demand(trusted || !changed, "a change");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    toa_console console = {.figures = on_figures,
                           .engine = on_engine,
                           .now = on_now,
                           .lookup = on_lookup,
                           .story = on_story,
                           .capture = on_capture,
                           .flush = on_change,
                           .reload = on_change};
    toa_control_reply reply = {.trusted = size != 0 && (data[0] & 1) != 0};
    char line[256] = "";
    size_t len = size == 0 ? 0 : size - 1;
    if (engine == NULL) {
        begin();
    }
    if (len != 0) { /* as control.c gives it: cut at its end */
        len = len < sizeof line ? len : sizeof line - 1;
        memcpy(line, data + 1, len);
        line[strcspn(line, "\n")] = '\0';
    }
    changed = false;
    size_t n = 0;
    do {
        reply.more = false;
        toa_console_answer(&console, line, &reply);
        check_lines(&reply.text, reply.trusted);
    } while (reply.more && ++n < PIECES_MAX);
    demand(!reply.more, "an answer without end");
    toa_text_free(&reply.text);
    return 0;
}
