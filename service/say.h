/*
 * say.h - messages for people and for logs: one line on stderr each, whole, whoever else writes
 * there. When they come too fast, 50 at once and 10 a second from then on, the rest is left out,
 * counted, and told of. Any thread.
 */
#ifndef TOA_SERVICE_SAY_H
#define TOA_SERVICE_SAY_H

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

/* Lines that somebody has asked for: each is a message, and none is left out. */
void toa_say_lines(const char *lines);

/* Messages that were left out so far. */
uint64_t toa_say_unsaid(void);

#endif
