/*
 * say_sink.h - where a line of say.h's goes: stderr (say_sink.c), and on Windows a file too, if
 * there is one (say_sink_windows.c).
 */
#ifndef TOA_SERVICE_SAY_SINK_H
#define TOA_SERVICE_SAY_SINK_H

#include <stdbool.h>
#include <stddef.h>

/* What a line of the form TOA_SAY_TEXT begins with. */
#define TOA_SAY_BEGIN "toa serve: "

/* Whether stderr is the journal's, which reads a line's priority from its beginning: "<4>" is a
 * warning (systemd.exec(5), JOURNAL_STREAM; sd-daemon(3)). */
bool toa_say_to_journal(void);

/* A line with its end. */
void toa_say_put(const char *line, size_t len);

enum { TOA_SAY_MESSAGE_MAX = 4000, TOA_SAY_LINE_MAX = 2 * TOA_SAY_MESSAGE_MAX + 128 };

typedef struct toa_say_line {
    char text[TOA_SAY_LINE_MAX];
    size_t len;
} toa_say_line;

/* A message as a line with its end, in the form that is wanted: for what the sink has to say
 * itself. say.c has it. */
void toa_say_format(toa_say_line *to, const char *level, const char *message);

#endif
