#include "exporter.h"

#include <string.h>
#include <strings.h>

#include "cli.h"
#include "ctl_client.h"
#include "tcp.h"

/* One client at a time, and so long for all of it. */
enum { REQUEST_MAX = 4096, PATIENCE_MS = 2000 };

/* Reads up to the empty line that ends a request's head. */
static bool read_request(char request[REQUEST_MAX])
{
    size_t len = 0;
    while (len < REQUEST_MAX - 1) {
        size_t n = tcp_receive(request + len, REQUEST_MAX - 1 - len);
        len += n;
        request[len] = '\0';
        if (n == 0 || memchr(request, '\0', len) != NULL) {
            return false;
        }
        if (strstr(request, "\r\n\r\n") != NULL || strstr(request, "\n\n") != NULL) {
            return true;
        }
    }
    return false;
}

static void respond(const char *status, const char *type, const toa_buffer *body)
{
    toa_buffer head = {.text = NULL};
    toa_buffer_format(&head,
                      "HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n"
                      "Connection: close\r\n\r\n",
                      status, type, body->len);
    tcp_send(head.text, head.len);
    tcp_send(body->text, body->len);
    toa_buffer_free(&head);
}

static void put_up(toa_buffer *out, bool up)
{
    toa_buffer_format(out,
                      "# HELP toa_up 1 when the service answers.\n# TYPE toa_up gauge\ntoa_up %d\n",
                      up ? 1 : 0);
}

static void respond_metrics(const char *socket_path, bool open)
{
    static const char *const types[] = {
        "text/plain; version=0.0.4; charset=utf-8",
        "application/openmetrics-text; version=1.0.0; charset=utf-8"};
    toa_buffer answer = {.text = NULL};
    toa_buffer body = {.text = NULL};
    bool up = ctl_ask(socket_path, open ? "metrics open" : "metrics", CTL_SHORT_PATIENCE_MS,
                      &answer) == CTL_ANSWERED;
    put_up(&body, up);
    if (up) {
        toa_buffer_put(&body, answer.text, answer.len);
    } else {
        cli_message("toa ctl: %s\n", answer.text);
        toa_buffer_text(&body, open ? "# EOF\n" : "");
    }
    tcp_allow(PATIENCE_MS); /* the service has taken its time */
    respond("200 OK", types[open], &body);
    toa_buffer_free(&body);
    toa_buffer_free(&answer);
}

static void respond_text(const char *status, const char *text)
{
    toa_buffer body = {.text = NULL};
    toa_buffer_text(&body, text);
    respond(status, "text/plain; charset=utf-8", &body);
    toa_buffer_free(&body);
}

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

/* In any case, as the names and types of HTTP are. */
static bool has(const char *text, const char *what)
{
    size_t len = strlen(what);
    while (*text != '\0' && strncasecmp(text, what, len) != 0) {
        text++;
    }
    return *text != '\0';
}

static void serve_client(const char *socket_path)
{
    char request[REQUEST_MAX];
    tcp_allow(PATIENCE_MS);
    if (!read_request(request)) {
        respond_text("400 Bad Request", "no request\n");
    } else if (!begins(request, "GET ")) {
        respond_text("405 Method Not Allowed", "GET alone\n");
    } else if (begins(request, "GET /metrics ") || begins(request, "GET /metrics?")) {
        bool open = has(request, "application/openmetrics-text");
        respond_metrics(socket_path, open);
    } else if (begins(request, "GET / ")) {
        respond_text("200 OK", "toa: see /metrics\n");
    } else {
        respond_text("404 Not Found", "see /metrics\n");
    }
}

int exporter_run(const toa_endpoint *listen, const char *socket_path)
{
    char text[TOA_ENDPOINT_TEXT];
    toa_endpoint bound;
    const char *why = NULL;
    if (!tcp_open(listen, &bound, &why)) {
        (void)toa_endpoint_format(listen, text);
        cli_message("toa ctl: cannot listen on %s: %s\n", text, why);
        return EXIT_FAILED;
    }
    (void)toa_endpoint_format(&bound, text);
    cli_message("toa ctl: metrics on http://%s/metrics\n", text);
    while (tcp_accept()) {
        serve_client(socket_path);
        tcp_hang_up();
    }
    tcp_close();
    return EXIT_DONE;
}
