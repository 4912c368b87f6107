/* progress.h - how far a replay is: on a terminal's stderr, never into a pipe or a file. */
#ifndef TOA_PROGRESS_H
#define TOA_PROGRESS_H

#include <stdint.h>

/* Looks whether stderr is a terminal, and starts the clock. */
void progress_begin(void);

/* A file begins: "time left" is that of one file. */
void progress_file(void);

/* Draws at most five times a second. `total` 0: unknown. */
void progress_show(uint64_t n_frames, uint64_t consumed, uint64_t total);

/* Takes the line away; the next progress_show draws it again. */
void progress_clear(void);

#endif
