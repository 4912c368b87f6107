/*
 * Guarded bytes: copies of an input between two unmapped pages, so that a read past either end
 * crashes in every build, with or without a sanitizer. POSIX.
 *
 *     guarded room = guarded_open(1500);
 *     parse(guarded_at_end(&room, frame, len), len);     ends where a page is missing
 *     parse(guarded_at_begin(&room, frame, len), len);   begins where one was missing
 *     guarded_close(&room);
 *
 * Both copies may be alive at once. Each call ends the life of the copy that the same function
 * made before.
 */
#ifndef TOA_TESTS_GUARDED_H
#define TOA_TESTS_GUARDED_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

typedef struct guarded {
    uint8_t *begin; /* the first byte that is there */
    uint8_t *end;   /* behind the last one */
    size_t max;     /* the longest input */
    size_t page;
} guarded;

static inline void guarded_die(const char *why)
{
    fprintf(stderr, "guarded bytes: %s\n", why);
    abort();
}

/* Room for two inputs of up to `max` bytes. Ends the program when there is no memory. */
static inline guarded guarded_open(size_t max)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t there = 2 * ((max + page) / page * page);
    uint8_t *map = (uint8_t *)mmap(NULL, there + 2 * page, PROT_READ | PROT_WRITE,
                                   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if ((void *)map == MAP_FAILED || mprotect(map, page, PROT_NONE) != 0 ||
        mprotect(map + page + there, page, PROT_NONE) != 0) {
        guarded_die("no memory");
    }
    return (guarded){.begin = map + page, .end = map + page + there, .max = max, .page = page};
}

static inline const uint8_t *guarded_copy(const guarded *room, uint8_t *to, const void *bytes,
                                          size_t len)
{
    if (len > room->max) {
        guarded_die("input longer than the room");
    }
    if (len != 0) {
        memcpy(to, bytes, len);
    }
    return to;
}

/* A copy that ends where an unmapped page begins. */
static inline const uint8_t *guarded_at_end(const guarded *room, const void *bytes, size_t len)
{
    return guarded_copy(room, room->end - len, bytes, len);
}

/* A copy that begins where an unmapped page ends. */
static inline const uint8_t *guarded_at_begin(const guarded *room, const void *bytes, size_t len)
{
    return guarded_copy(room, room->begin, bytes, len);
}

static inline void guarded_close(guarded *room)
{
    size_t there = (size_t)(room->end - room->begin);
    if (munmap(room->begin - room->page, there + 2 * room->page) != 0) {
        guarded_die("cannot be unmapped");
    }
    *room = (guarded){.begin = NULL};
}

#endif
