#include "console.h"

#include <stdio.h>
#include <string.h>

#include "explain.h"
#include "hold.h"

enum { PIECE = 256 /* places of the table that are looked at in one turn of the loop, or lines */ };

/* A command's words. */
typedef struct words {
    char text[256];
    const char *command;
    const char *operand; /* the first word that is none of the others; NULL: none */
    bool all;
    bool json;
    bool module;
    bool open;
    bool wrong; /* two operands */
} words;

static void read_words(const char *line, words *out)
{
    char *rest = NULL;
    *out = (words){.command = ""};
    (void)snprintf(out->text, sizeof out->text, "%s", line);
    for (char *word = strtok_r(out->text, " ", &rest); word != NULL;
         word = strtok_r(NULL, " ", &rest)) {
        if (out->command[0] == '\0') {
            out->command = word;
        } else if (strcmp(word, "all") == 0) {
            out->all = true;
        } else if (strcmp(word, "json") == 0) {
            out->json = true;
        } else if (strcmp(word, "module") == 0) {
            out->module = true;
        } else if (strcmp(word, "open") == 0) {
            out->open = true;
        } else {
            out->wrong = out->wrong || out->operand != NULL;
            out->operand = word;
        }
    }
}

/* ---- Figures --------------------------------------------------------------------------------- */

static void put_stats(const toa_console *console, const words *asked, toa_text *out)
{
    toa_figures figures;
    console->figures(console->service, &figures);
    if (asked->json) {
        toa_figures_json(&figures, out);
    } else if (asked->module) {
        toa_figures_module(&figures, out);
    } else {
        toa_figures_text(&figures, out);
    }
}

static void put_metrics(const toa_console *console, const words *asked, toa_text *out)
{
    toa_figures figures;
    console->figures(console->service, &figures);
    toa_figures_metrics(&figures, asked->open, out);
}

/* ---- Mappings -------------------------------------------------------------------------------- */

static void put_json_endpoint(toa_text *out, const char *key, const toa_endpoint *endpoint)
{
    char text[TOA_ENDPOINT_TEXT];
    if (endpoint->version != 0) {
        (void)toa_endpoint_format(endpoint, text);
        toa_text_put(out, "%s\"%s\"", key, text);
    }
}

/* With the keys of toa query --json. */
static void put_json_flow(toa_text *out, const toa_endpoint *fake, const toa_answer *answer)
{
    char age[TOA_TIME_TEXT];
    toa_text_put(out, "{\"event\":\"flow\"");
    put_json_endpoint(out, ",\"fake\":", fake);
    put_json_endpoint(out, ",\"server\":", &answer->server);
    put_json_endpoint(out, ",\"real\":", &answer->mapping.client);
    if (answer->word == TOA_FOUND) {
        toa_text_put(out, ",\"kind\":%u,\"carrier\":\"%s\"", (unsigned)answer->mapping.kind,
                     toa_carrier_name((toa_carrier)answer->mapping.carrier));
    }
    put_json_endpoint(out, ",\"vip\":", &answer->mapping.vip);
    (void)toa_time_format(answer->age, age);
    toa_text_put(out, ",\"result\":\"%s\",\"age\":\"%s\"}\n", toa_word_name(answer->word), age);
}

static void put_flow(toa_text *out, const toa_endpoint *fake, const toa_answer *answer)
{
    char text[3][TOA_ENDPOINT_TEXT];
    char age[TOA_TIME_TEXT];
    (void)toa_endpoint_format(fake, text[0]);
    (void)toa_endpoint_format(&answer->server, text[1]);
    (void)toa_time_format(answer->age, age);
    toa_text_put(out, "%s>%s ", text[0], text[1]);
    if (answer->word == TOA_FOUND) {
        (void)toa_endpoint_format(&answer->mapping.client, text[2]);
        toa_text_put(out, "= %s %u %s", text[2], (unsigned)answer->mapping.kind,
                     toa_carrier_name((toa_carrier)answer->mapping.carrier));
    } else {
        toa_text_put(out, "%s", toa_word_name(answer->word));
    }
    toa_text_put(out, " %s\n", age);
}

/* A piece: so that a long list keeps nobody waiting. */
static void put_mappings(const toa_console *console, const words *asked, toa_control_reply *reply)
{
    const toa_engine *engine = console->engine(console->service);
    toa_time now = console->now(console->service);
    size_t end = toa_engine_records(engine);
    size_t stop = reply->cursor + 64 * (size_t)PIECE;
    toa_endpoint fake;
    toa_answer answer;
    size_t n_lines = 0;
    while (reply->cursor < end && reply->cursor < stop && n_lines < PIECE) {
        bool there = toa_engine_flow(engine, reply->cursor++, now, &fake, &answer);
        if (!there || (!asked->all && answer.word != TOA_FOUND)) {
            continue;
        }
        n_lines++;
        if (asked->json) {
            put_json_flow(&reply->text, &fake, &answer);
        } else {
            put_flow(&reply->text, &fake, &answer);
        }
    }
    reply->more = reply->cursor < end;
}

/* ---- One connection -------------------------------------------------------------------------- */

/* "10.0.1.7:40001", or with the server behind ">". Returns NULL, or what is wrong. */
static const char *read_flow(const char *text, toa_endpoint *fake, toa_endpoint *server)
{
    const char *behind = strchr(text, '>');
    size_t len = behind == NULL ? strlen(text) : (size_t)(behind - text);
    const char *wrong = toa_endpoint_parse(text, len, fake);
    *server = (toa_endpoint){.version = 0};
    if (wrong == NULL && behind != NULL) {
        wrong = toa_endpoint_parse(behind + 1, strlen(behind + 1), server);
        *server = toa_endpoint_unmapped(server);
    }
    *fake = toa_endpoint_unmapped(fake);
    return wrong;
}

static void put_explanation(const toa_console *console, const words *asked, toa_text *out)
{
    toa_endpoint fake = {.version = 0};
    toa_endpoint server;
    toa_answer answer;
    toa_figures figures;
    toa_story story;
    const char *wrong = asked->operand == NULL ? "an endpoint is missing"
                                               : read_flow(asked->operand, &fake, &server);
    if (wrong != NULL) {
        toa_text_put(out, "error: explain: %s\n", wrong);
        return;
    }
    const toa_endpoint *to = server.version == 0 ? NULL : &server;
    console->lookup(console->service, &fake, to, &answer);
    console->figures(console->service, &figures);
    bool known = console->story(console->service, &fake, to, &story);
    toa_explain_case about = {.fake = &fake,
                              .answer = &answer,
                              .story = known ? &story : NULL,
                              .capture = console->capture(console->service),
                              .figures = &figures,
                              .now = console->now(console->service)};
    toa_explain(&about, out);
}

/* ---- What changes something ------------------------------------------------------------------ */

static void do_it(bool done, const char *what, const char *error, toa_text *out)
{
    if (done) {
        toa_text_put(out, "%s\n", what);
    } else {
        toa_text_put(out, "error: %s\n", error);
    }
}

static void do_flush(const toa_console *console, toa_text *out)
{
    char error[TOA_CONFIG_ERROR] = "";
    bool done = console->flush(console->service, error);
    do_it(done, "flushed: a new capture has begun, and knows nothing yet", error, out);
}

static void do_reload(const toa_console *console, toa_text *out)
{
    char error[TOA_CONFIG_ERROR] = "";
    bool done = console->reload(console->service, error);
    do_it(done, "reloaded", error, out);
}

/* ---- All of it ------------------------------------------------------------------------------- */

static bool needs_trust(const words *asked)
{
    return strcmp(asked->command, "stats") != 0 && strcmp(asked->command, "metrics") != 0;
}

void toa_console_answer(void *context, const char *command, toa_control_reply *reply)
{
    const toa_console *console = context;
    words asked;
    read_words(command, &asked);
    if (needs_trust(&asked) && !reply->trusted) {
        toa_text_put(&reply->text, "error: only root, and who started the service, may ask for "
                                   "this\n");
    } else if (asked.wrong) {
        toa_text_put(&reply->text, "error: too many words\n");
    } else if (strcmp(asked.command, "stats") == 0) {
        put_stats(console, &asked, &reply->text);
    } else if (strcmp(asked.command, "metrics") == 0) {
        put_metrics(console, &asked, &reply->text);
    } else if (strcmp(asked.command, "mappings") == 0) {
        put_mappings(console, &asked, reply);
    } else if (strcmp(asked.command, "explain") == 0) {
        put_explanation(console, &asked, &reply->text);
    } else if (strcmp(asked.command, "flush") == 0) {
        do_flush(console, &reply->text);
    } else if (strcmp(asked.command, "reload") == 0) {
        do_reload(console, &reply->text);
    } else {
        toa_text_put(&reply->text, "error: no such command; there are stats, metrics, mappings, "
                                   "explain, flush, reload\n");
    }
}
