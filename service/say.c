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

/* What is to be told behind a message that could be said, or a second without one. */
typedef struct left_out {
    uint64_t n;
    const char *level; /* of the state; NULL: none waits */
    char state[TOA_SAY_MESSAGE_MAX];
} left_out;

static left_out rest;
static void (*wake_call)(void *context);
static void *wake_context;

static int64_t clock_now(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * SECOND + now.tv_nsec;
}

/* The next functions: with the lock held. */

static void refill(void)
{
    const int64_t full = (int64_t)BURST * SECOND / A_SECOND;
    int64_t now = clock_now();
    bucket += bucket_at == 0 ? 0 : now - bucket_at;
    bucket = bucket > full ? full : bucket;
    bucket_at = now;
}

static bool has_rest(void)
{
    return rest.n != 0 || rest.level != NULL;
}

static void take_rest(left_out *out)
{
    out->n = rest.n;
    out->level = rest.level;
    if (rest.level != NULL) {
        memcpy(out->state, rest.state, sizeof rest.state);
    }
    rest.n = 0;
    rest.level = NULL;
}

static void count_one(void)
{
    rest.n++;
    (void)atomic_fetch_add(&n_unsaid, 1);
}

/* A state waits, and one that waited is left out for it. */
static void leave_out(const char *level, const char *message, bool state)
{
    bool first = !has_rest();
    if (!state || rest.level != NULL) {
        count_one();
    }
    if (state) {
        rest.level = level;
        (void)snprintf(rest.state, sizeof rest.state, "%s", message);
    }
    if (first && wake_call != NULL) {
        wake_call(wake_context);
    }
}

/* Whether a message may be said; then what was left out before it. */
static bool may_say(const char *level, const char *message, bool state, left_out *before)
{
    (void)pthread_mutex_lock(&bucket_lock);
    refill();
    bool may = bucket >= SECOND / A_SECOND;
    if (may) {
        bucket -= SECOND / A_SECOND;
        if (state && rest.level != NULL) {
            rest.level = NULL;
            count_one();
        }
        take_rest(before);
    } else {
        leave_out(level, message, state);
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

static void write_left_out(const left_out *before)
{
    char text[64];
    if (before->n != 0) {
        (void)snprintf(text, sizeof text, "%llu messages were left out",
                       (unsigned long long)before->n);
        write_line("warning", text);
    }
    if (before->level != NULL) {
        write_line(before->level, before->state);
    }
}

static void say(const char *level, const char *message, bool state)
{
    left_out before;
    if (may_say(level, message, state, &before)) {
        write_left_out(&before);
        write_line(level, message);
    }
}

/* With the lock held. While messages come, it comes with one of them. */
static int64_t until_rest(void)
{
    return !has_rest() ? INT64_MAX : bucket >= SECOND ? 0 : SECOND - bucket;
}

int64_t toa_say_rest_due(void)
{
    (void)pthread_mutex_lock(&bucket_lock);
    refill();
    int64_t due = until_rest();
    (void)pthread_mutex_unlock(&bucket_lock);
    return due;
}

static void tell_rest(bool at_once)
{
    left_out before = {.n = 0};
    (void)pthread_mutex_lock(&bucket_lock);
    refill();
    if (at_once || until_rest() == 0) {
        take_rest(&before);
    }
    (void)pthread_mutex_unlock(&bucket_lock);
    write_left_out(&before);
}

void toa_say_rest(void)
{
    tell_rest(false);
}

void toa_say_wake(void (*call)(void *context), void *context)
{
    (void)pthread_mutex_lock(&bucket_lock);
    wake_call = call;
    wake_context = context;
    (void)pthread_mutex_unlock(&bucket_lock);
}

void toa_say_lines(const char *lines)
{
    char message[TOA_SAY_MESSAGE_MAX];
    if (*lines != '\0') {
        tell_rest(true);
    }
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
    say("info", message, false);
}

void toa_complain(const char *format, ...)
{
    char message[TOA_SAY_MESSAGE_MAX];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(message, sizeof message, format, args);
    va_end(args);
    say("warning", message, false);
}

void toa_say_state(bool well, const char *format, ...)
{
    char message[TOA_SAY_MESSAGE_MAX];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(message, sizeof message, format, args);
    va_end(args);
    say(well ? "info" : "warning", message, true);
}

void toa_say_as(toa_say_form form)
{
    atomic_store(&say_form, (int)form);
}

uint64_t toa_say_unsaid(void)
{
    return atomic_load(&n_unsaid);
}
