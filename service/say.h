/*
 * say.h - messages for people and for logs: one line on stderr each, whole, whoever else writes
 * there. When they come too fast, 50 at once and 10 a second from then on, the rest is left out,
 * counted, and told of: with the next message, or when none came for a second. Any thread.
 */
#ifndef TOA_SERVICE_SAY_H
#define TOA_SERVICE_SAY_H

#include <stdbool.h>
#include <stdint.h>

typedef enum toa_say_form {
    TOA_SAY_TEXT = 0,   /* toa serve: capturing on eth0 */
    TOA_SAY_LOGFMT = 1, /* ts=2026-11-22T20:12:00.123Z level=info msg="capturing on eth0" */
    TOA_SAY_JSON = 2    /* {"time":"...","level":"info","message":"capturing on eth0"} */
} toa_say_form;

/* Messages have this form from now on. To be called by one thread, before there are others, or by
 * the one that reloads. */
void toa_say_as(toa_say_form form);

/* Adds what the form wants in front and behind. */
#if defined(__GNUC__)
__attribute__((format(printf, 1, 2)))
#endif
void toa_say(const char *format, ...);

/* The same, of what is wrong: level=warning. */
#if defined(__GNUC__)
__attribute__((format(printf, 1, 2)))
#endif
void toa_complain(const char *format, ...);

/* How something stands from now on, well or not (level=warning). While it must be left out it
 * waits, and a newer one takes its place, so that the last one is always said. */
#if defined(__GNUC__)
__attribute__((format(printf, 2, 3)))
#endif
void toa_say_state(bool well, const char *format, ...);

/* Lines that somebody has asked for: each is a message, and none is left out. What was left out
 * is told first. */
void toa_say_lines(const char *lines);

/* Messages that were left out so far. */
uint64_t toa_say_unsaid(void);

/* Tells what was left out, when it is time. */
void toa_say_rest(void);

/* How many nanoseconds there are until then; INT64_MAX: there is nothing. */
int64_t toa_say_rest_due(void);

/* Who is called, from any thread, when that changes from nothing; NULL: nobody. */
void toa_say_wake(void (*call)(void *context), void *context);

#endif
