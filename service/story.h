/*
 * story.h - what the segments of a connection were, for `toa ctl explain`: when each came, which
 * options it had, and what became of it. A fixed number of places, by the fake endpoint; a newer
 * connection takes the place of an older one. Not for several threads at once.
 */
#ifndef TOA_SERVICE_STORY_H
#define TOA_SERVICE_STORY_H

#include <toa/engine.h>

enum { TOA_STORY_LINES = 6, TOA_STORY_DIALECTS = 16 };

/* One segment. */
typedef struct toa_story_line {
    toa_time at;
    toa_endpoint named; /* who its TOA names, believed or not; version 0: nobody */
    uint8_t verdict;    /* toa_word */
    uint8_t flags;      /* TOA_TCP_ */
    uint8_t carries;    /* 1: data */
    uint8_t options_len;
    uint8_t n_options; /* bytes of them that are here */
    uint8_t options[TOA_OPTIONS_MAX];
} toa_story_line;

/* One connection, since its SYN. */
typedef struct toa_story {
    toa_endpoint fake;
    toa_endpoint server;
    uint32_t isn;
    uint64_t n_passed;  /* segments that changed nothing */
    uint64_t n_omitted; /* that were between the last line and the one before */
    size_t n_lines;
    toa_story_line lines[TOA_STORY_LINES];
} toa_story;

typedef struct toa_stories toa_stories;

/* `listened` are the dialects of the engine; copied. NULL when memory is short. */
toa_stories *toa_stories_new(size_t n_places, uint64_t hash_key, const toa_dialects *listened);
void toa_stories_free(toa_stories *stories);

/* A frame that the engine was fed, and what it did. */
void toa_stories_note(toa_stories *stories, const uint8_t *bytes, size_t len, int link_type,
                      bool open_tunnels, const toa_event *event, toa_time now);

/* The story of this fake endpoint; with a server (or NULL), of this connection alone. */
bool toa_stories_tell(const toa_stories *stories, const toa_endpoint *fake,
                      const toa_endpoint *server, toa_story *out);

/* Segments with an option of dialect i of the table that is not listened for. */
const uint64_t *toa_stories_unheard(const toa_stories *stories);

/* The dialect that reads this option and is not among `listened`; NULL: none, or it is. */
const toa_dialect *toa_dialect_unheard(const toa_dialects *listened, const toa_option *option,
                                       size_t *i);

#endif
