/* say.h - messages for people: one line on stderr each, whole, whoever else writes there. */
#ifndef TOA_SERVICE_SAY_H
#define TOA_SERVICE_SAY_H

/* Adds "toa serve: " in front and the end of the line behind. */
#if defined(__GNUC__)
__attribute__((format(printf, 1, 2)))
#endif
void toa_say(const char *format, ...);

#endif
