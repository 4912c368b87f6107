#include "say.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "say_sink.h"

enum { BURST = 50, A_SECOND = 10 };

#define SECOND INT64_C(1000000000)

static _Atomic int say_form;
static _Atomic uint64_t n_unsaid;

/* How many messages may be said now. */
static pthread_mutex_t bucket_lock = PTHREAD_MUTEX_INITIALIZER;
static int64_t bucket = (int64_t)BURST * SECOND / A_SECOND; /* as time: a message costs a tenth */
static int64_t bucket_at;
static uint64_t unsaid_here; /* since the last one that was said */

static int64_t clock_now(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * SECOND + now.tv_nsec;
}

/* Whether a message may be said; then how many were left out before it. */
static bool may_say(uint64_t *left_out)
{
    const int64_t full = (int64_t)BURST * SECOND / A_SECOND;
    (void)pthread_mutex_lock(&bucket_lock);
    int64_t now = clock_now();
    bucket += bucket_at == 0 ? 0 : now - bucket_at;
    bucket = bucket > full ? full : bucket;
    bucket_at = now;
    bool may = bucket >= SECOND / A_SECOND;
    if (may) {
        bucket -= SECOND / A_SECOND;
        *left_out = unsaid_here;
        unsaid_here = 0;
    } else {
        unsaid_here++;
        (void)atomic_fetch_add(&n_unsaid, 1);
    }
    (void)pthread_mutex_unlock(&bucket_lock);
    return may;
}

static void put(toa_say_line *to, const char *text)
{
    size_t len = strlen(text);
    size_t room = sizeof to->text - 1 - to->len; /* one for the end of the line */
    len = len < room ? len : room;
    memcpy(to->text + to->len, text, len);
    to->len += len;
}

/* In quotes, as JSON and logfmt both read it. */
static void put_quoted(toa_say_line *to, const char *text)
{
    put(to, "\"");
    for (; *text != '\0'; text++) {
        char one[3] = {'\\', *text, '\0'};
        bool escaped = *text == '"' || *text == '\\';
        if (*text < 0x20 || *text >= 0x7f) {
            one[1] = '?'; /* a name from a stranger's file system */
        }
        put(to, escaped ? one : one + 1);
    }
    put(to, "\"");
}

static void put_time(toa_say_line *to)
{
    struct timespec now;
    struct tm parts;
    char text[64];
    char fraction[32];
    (void)clock_gettime(CLOCK_REALTIME, &now);
    (void)gmtime_r(&now.tv_sec, &parts);
    (void)strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
    (void)snprintf(fraction, sizeof fraction, ".%03ldZ", now.tv_nsec / 1000000);
    put(to, text);
    put(to, fraction);
}

void toa_say_format(toa_say_line *to, const char *level, const char *message)
{
    to->len = 0;
    if (toa_say_to_journal()) {
        put(to, strcmp(level, "warning") == 0 ? "<4>" : "<6>");
    }
    switch (atomic_load(&say_form)) {
    case TOA_SAY_LOGFMT:
        put(to, "ts=");
        put_time(to);
        put(to, " level=");
        put(to, level);
        put(to, " msg=");
        put_quoted(to, message);
        break;
    case TOA_SAY_JSON:
        put(to, "{\"time\":\"");
        put_time(to);
        put(to, "\",\"level\":\"");
        put(to, level);
        put(to, "\",\"message\":");
        put_quoted(to, message);
        put(to, "}");
        break;
    case TOA_SAY_TEXT:
    default:
        put(to, TOA_SAY_BEGIN);
        put(to, message);
        break;
    }
    to->text[to->len++] = '\n';
}

static void write_line(const char *level, const char *message)
{
    toa_say_line line;
    toa_say_format(&line, level, message);
    toa_say_put(line.text, line.len);
}

static void say(const char *level, const char *message)
{
    uint64_t left_out = 0;
    char text[64];
    if (!may_say(&left_out)) {
        return;
    }
    if (left_out != 0) {
        (void)snprintf(text, sizeof text, "%llu messages were left out",
                       (unsigned long long)left_out);
        write_line("warning", text);
    }
    write_line(level, message);
}

void toa_say_lines(const char *lines)
{
    char message[TOA_SAY_MESSAGE_MAX];
    while (*lines != '\0') {
        size_t len = strcspn(lines, "\n");
        (void)snprintf(message, sizeof message, "%.*s",
                       (int)(len < TOA_SAY_MESSAGE_MAX ? len : TOA_SAY_MESSAGE_MAX), lines);
        write_line("info", message);
        lines += len + (lines[len] == '\n');
    }
}

void toa_say(const char *format, ...)
{
    char message[TOA_SAY_MESSAGE_MAX];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(message, sizeof message, format, args);
    va_end(args);
    say("info", message);
}

void toa_complain(const char *format, ...)
{
    char message[TOA_SAY_MESSAGE_MAX];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(message, sizeof message, format, args);
    va_end(args);
    say("warning", message);
}

void toa_say_as(toa_say_form form)
{
    atomic_store(&say_form, (int)form);
}

uint64_t toa_say_unsaid(void)
{
    return atomic_load(&n_unsaid);
}
