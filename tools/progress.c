#include "progress.h"

#include <stdbool.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

/* The display is one line on one terminal. */
static struct {
    bool on;
    bool drawn;
    double begun;
    double file_begun;
    double last;
} display;

static double seconds_now(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

void progress_begin(void)
{
    display.on = isatty(STDERR_FILENO) == 1;
    display.begun = seconds_now();
    display.file_begun = display.begun;
    display.last = display.begun;
}

void progress_file(void)
{
    if (display.on) {
        display.file_begun = seconds_now();
    }
}

void progress_show(uint64_t n_frames, uint64_t consumed, uint64_t total)
{
    if (!display.on) {
        return;
    }
    double now = seconds_now();
    double elapsed = now - display.begun;
    if (now - display.last < 0.2 || elapsed <= 0) {
        return;
    }
    display.last = now;
    display.drawn = true;
    (void)fprintf(stderr, "\r\033[K%.1f MB", (double)consumed / 1e6);
    if (consumed != 0 && consumed < total) { /* else unknown, or the file grows */
        double left = (now - display.file_begun) * (double)(total - consumed) / (double)consumed;
        (void)fprintf(stderr, " of %.1f (%.0f %%), %.0f s left", (double)total / 1e6,
                      100.0 * (double)consumed / (double)total, left);
    }
    (void)fprintf(stderr, ", %llu frames, %.2f M/s", (unsigned long long)n_frames,
                  (double)n_frames / elapsed / 1e6);
    (void)fflush(stderr);
}

void progress_clear(void)
{
    if (display.drawn) {
        (void)fputs("\r\033[K", stderr);
        display.drawn = false;
    }
}
