#include <toa/query.h>
#include <toa/replay.h>

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <toa/live.h>

#include "cli.h"
#include "explain.h"
#include "host_port.h"
#include "json.h"
#include "report.h"
#include "udp.h"

static const cli_command *const command = &cli_commands[COMMAND_QUERY];

typedef struct query_job {
    const char *service; /* "HOST:PORT" */
    uint64_t timeout_ms;
    uint64_t n_tries;
    bool json;
    bool explain;
    toa_query query;
} query_job;

static const char *set_number(const char *value, uint64_t min, uint64_t max, uint64_t *out)
{
    uint64_t number = 0;
    if (toa_number_parse(value, strlen(value), max, &number) != NULL || number < min) {
        return "too small, too large, or not a whole number";
    }
    *out = number;
    return NULL;
}

static const char *set_option(query_job *job, const char *name, const char *value)
{
    uint64_t number = 0;
    const char *wrong = NULL;
    if (strcmp(name, "server") == 0) {
        job->service = value;
    } else if (strcmp(name, "json") == 0) {
        job->json = true;
    } else if (strcmp(name, "explain") == 0) {
        job->explain = true;
    } else if (strcmp(name, "v1") == 0) {
        job->query.version = 1;
    } else if (strcmp(name, "wait") == 0) {
        wrong = set_number(value, 0, UINT16_MAX, &number);
        job->query.wait_ms = (uint16_t)number;
    } else if (strcmp(name, "timeout") == 0) {
        wrong = set_number(value, 1, 3600000, &job->timeout_ms);
    } else {
        wrong = set_number(value, 1, 1000, &job->n_tries);
    }
    return wrong;
}

static int read_operand(query_job *job, const char *text)
{
    toa_ask ask = {.at = 0};
    uint8_t bytes[TOA_DATAGRAM_MAX];
    const char *wrong = toa_ask_parse(text, strlen(text), &ask);
    if (wrong != NULL) {
        cli_message("toa query: '%s': %s\n", text, wrong);
        return EXIT_USAGE;
    }
    job->query.fake = ask.fake;
    job->query.server = ask.server;
    if (!toa_live_random(&job->query.id, sizeof job->query.id)) {
        cli_message("toa query: no random numbers\n");
        return EXIT_FAILED;
    }
    if (toa_query_encode(&job->query, bytes) == 0) {
        return cli_wrong(command, "version 1 has no room for IPv6, a server or --wait");
    }
    return EXIT_DONE;
}

static int read_options(query_job *job, int argc, char **argv, bool *done)
{
    cli_call call = cli_begin(command, argc, argv);
    const cli_option *option = NULL;
    const char *value = NULL;
    cli_result found;
    while ((found = cli_next(&call, &option, &value)) == CLI_OPTION) {
        const char *wrong = set_option(job, option->name, value);
        if (wrong != NULL) {
            return cli_wrong_value(command, option->name, value, wrong);
        }
    }
    *done = found == CLI_HELP;
    if (found != CLI_END) {
        return found == CLI_HELP ? EXIT_DONE : EXIT_USAGE;
    }
    if (job->explain && (job->json || job->query.version == 1)) {
        return cli_wrong(command, "--explain is a text, and needs version 2");
    }
    if (call.operands + 1 != argc) {
        return cli_wrong(command, "takes one endpoint, IP:PORT");
    }
    return read_operand(job, argv[call.operands]);
}

/* ---- Asking ---------------------------------------------------------------------------------- */

/* EXIT_DONE; else a message is printed. */
static int connect_to(const char *service)
{
    char host[256];
    const char *port = NULL;
    const char *why = NULL;
    if (!host_port_split(service, host, sizeof host, &port)) {
        return cli_wrong_value(command, "server", service,
                               "not HOST:PORT (127.0.0.1:9999, [::1]:9999)");
    }
    switch (udp_open(host, port, &why)) {
    case UDP_DONE:
        return EXIT_DONE;
    case UDP_NO_HOST:
        return cli_wrong_value(command, "server", service, why);
    case UDP_FAILED:
    default:
        cli_message("toa query: %s: %s\n", service, why);
        return EXIT_FAILED;
    }
}

static int64_t milliseconds_now(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static bool is_our_answer(const query_job *job, const uint8_t *bytes, int len, toa_reply *out)
{
    toa_reply reply;
    if (len <= 0 || toa_reply_decode(bytes, (size_t)len, &reply) != TOA_FOUND ||
        reply.id != job->query.id || reply.version != job->query.version) {
        return false;
    }
    *out = reply;
    return true;
}

/* One question, and its time. Without an answer, *why is why, NULL: none came. */
static bool try_once(const query_job *job, toa_reply *out, const char **why)
{
    uint8_t bytes[TOA_DATAGRAM_MAX + 1];
    size_t len = toa_query_encode(&job->query, bytes);
    int64_t until = milliseconds_now() + (int64_t)job->timeout_ms + job->query.wait_ms;
    *why = udp_send(bytes, len);
    for (int64_t left = until - milliseconds_now(); left > 0 && *why == NULL;
         left = until - milliseconds_now()) {
        int got = udp_receive(bytes, sizeof bytes, (int)left, why);
        if (is_our_answer(job, bytes, got, out)) {
            return true;
        }
    }
    return false;
}

static int ask(const query_job *job, toa_reply *out)
{
    const char *why = NULL;
    for (uint64_t i = 0; i < job->n_tries && why == NULL; i++) {
        if (try_once(job, out, &why)) {
            return EXIT_DONE;
        }
    }
    cli_message("toa query: %s: %s\n", job->service, why == NULL ? "no answer" : why);
    return EXIT_FAILED;
}

/* ---- Printing -------------------------------------------------------------------------------- */

static void put_json_endpoint(toa_buffer *out, const char *key, const toa_endpoint *endpoint)
{
    if (endpoint->version != 0) {
        toa_json_endpoint(out, key, endpoint);
    }
}

static void put_json(toa_buffer *out, const query_job *job, const toa_answer *answer,
                     const char *result)
{
    const toa_mapping *mapping = &answer->mapping;
    const toa_endpoint *server = answer->server.version != 0 ? &answer->server : &job->query.server;
    toa_json_open(out, NULL, "{");
    toa_json_string(out, "event", "answer");
    put_json_endpoint(out, "fake", &job->query.fake);
    put_json_endpoint(out, "server", server);
    put_json_endpoint(out, "real", &mapping->client);
    if (mapping->kind != 0) {
        toa_json_number(out, "kind", mapping->kind);
        toa_json_string(out, "carrier", toa_carrier_name((toa_carrier)mapping->carrier));
    }
    put_json_endpoint(out, "vip", &mapping->vip);
    toa_json_string(out, "result", result);
    if (job->query.version == 2 && (answer->word == TOA_FOUND || answer->word == TOA_EXPIRED)) {
        char age[TOA_TIME_TEXT];
        (void)toa_time_format(answer->age, age);
        toa_json_string(out, "age", age);
    }
    if (answer->word == TOA_NO_OPTION) {
        toa_json_number(out, "options_free", answer->options_free);
    }
    if (answer->ambiguous) {
        toa_json_true(out, "ambiguous");
    }
    toa_json_close(out, "}");
    toa_buffer_text(out, "\n");
}

static void put_text(toa_buffer *out, const toa_answer *answer, const char *result)
{
    char age[TOA_TIME_TEXT];
    (void)toa_time_format(answer->age, age);
    if (answer->word == TOA_EXPIRED) {
        toa_buffer_format(out, "expired %s s ago\n", age); /* the wire does not say who it was */
    } else if (answer->word == TOA_FOUND || answer->word == TOA_NO_OPTION) {
        toa_report_result(out, answer);
        toa_buffer_text(out, "\n");
    } else {
        toa_buffer_format(out, "%s\n", result);
    }
}

/* What the answer alone tells; the service itself knows more: toa ctl explain. */
static void put_explanation(toa_buffer *out, const toa_answer *answer)
{
    const char *advice = toa_explain_advice(answer);
    toa_buffer_format(out, "meaning: %s\n", toa_explain_meaning(answer->word));
    if (advice[0] != '\0') {
        toa_buffer_format(out, "to do: %s\n", advice);
    }
}

static int print(const query_job *job, const toa_reply *reply)
{
    toa_buffer line = {.text = NULL};
    const toa_answer *answer = &reply->answer;
    bool found = answer->word == TOA_FOUND;
    /* Version 1 has one word for all reasons. */
    const char *result = !found && reply->version == 1 ? "not_found" : toa_word_name(answer->word);
    if (job->json) {
        put_json(&line, job, answer, result);
    } else {
        put_text(&line, answer, result);
    }
    if (job->explain) {
        put_explanation(&line, answer);
    }
    cli_write(line.text, line.len);
    toa_buffer_free(&line);
    return found ? EXIT_DONE : EXIT_UNMET;
}

int query_run(int argc, char **argv)
{
    query_job job = {
        .service = "127.0.0.1:9999", .timeout_ms = 1000, .n_tries = 3, .query = {.version = 2}};
    bool done = false;
    toa_reply reply;
    int status = read_options(&job, argc, argv, &done);
    if (status != EXIT_DONE || done) {
        return status;
    }
    status = connect_to(job.service);
    if (status != EXIT_DONE) {
        return status;
    }
    status = ask(&job, &reply);
    udp_close();
    return status == EXIT_DONE ? print(&job, &reply) : status;
}
