#include "story.h"

#include <stdlib.h>
#include <string.h>

struct toa_stories {
    toa_dialects listened;
    uint64_t hash_key;
    uint64_t mask; /* number of places minus 1 */
    uint64_t unheard[TOA_STORY_DIALECTS];
    toa_story *places;
};

toa_stories *toa_stories_new(size_t n_places, uint64_t hash_key, const toa_dialects *listened)
{
    toa_stories *stories = calloc(1, sizeof *stories);
    size_t n = 1;
    while (n < n_places) {
        n *= 2;
    }
    if (stories != NULL) {
        stories->places = calloc(n, sizeof stories->places[0]);
        stories->mask = n - 1;
        stories->hash_key = hash_key;
        stories->listened = *listened;
    }
    if (stories != NULL && stories->places == NULL) {
        free(stories);
        return NULL;
    }
    return stories;
}

void toa_stories_free(toa_stories *stories)
{
    if (stories != NULL) {
        free(stories->places);
        free(stories);
    }
}

/* FNV-1a under a key. Who finds two endpoints of one place makes one story go, and nothing else. */
static size_t place_of(const toa_stories *stories, const toa_endpoint *fake)
{
    uint64_t hash = UINT64_C(14695981039346656037) ^ stories->hash_key;
    for (size_t i = 0; i < sizeof fake->ip; i++) {
        hash = (hash ^ fake->ip[i]) * UINT64_C(1099511628211);
    }
    hash = (hash ^ fake->port) * UINT64_C(1099511628211);
    return (size_t)((hash ^ hash >> 32) & stories->mask);
}

/* ---- Dialects -------------------------------------------------------------------------------- */

static bool reads(const toa_row *row, const toa_option *option)
{
    return row->kind == option->kind && row->len == option->len && row->client_version != 0;
}

static bool is_listened(const toa_dialects *listened, const toa_option *option)
{
    for (size_t i = 0; i < listened->n_rows; i++) {
        if (reads(&listened->rows[i], option)) {
            return true;
        }
    }
    return false;
}

const toa_dialect *toa_dialect_unheard(const toa_dialects *listened, const toa_option *option,
                                       size_t *i)
{
    const toa_dialect *dialect = NULL;
    if (is_listened(listened, option)) {
        return NULL;
    }
    for (*i = 0; *i < TOA_STORY_DIALECTS && (dialect = toa_dialect_at(*i)) != NULL; ++*i) {
        for (size_t k = 0; k < dialect->n_rows; k++) {
            if (reads(&dialect->rows[k], option)) {
                return dialect;
            }
        }
    }
    return NULL;
}

static void count_unheard(toa_stories *stories, toa_options walk)
{
    toa_option option;
    size_t i = 0;
    while (toa_options_next(&walk, &option) == TOA_FOUND) {
        if (toa_dialect_unheard(&stories->listened, &option, &i) != NULL) {
            stories->unheard[i]++;
        }
    }
}

const uint64_t *toa_stories_unheard(const toa_stories *stories)
{
    return stories->unheard;
}

/* ---- Segments -------------------------------------------------------------------------------- */

static toa_story_line line_of(const toa_segment *segment, const toa_event *event, toa_time now)
{
    toa_story_line line = {.at = now,
                           .named = event->mapping.client,
                           .verdict = (uint8_t)event->verdict,
                           .flags = segment->flags,
                           .carries = segment->data_len != 0,
                           .options_len = segment->options_len};
    if (event->verdict == TOA_CLOSE) {
        line.named = (toa_endpoint){.version = 0}; /* the flow's, not the segment's */
    }
    line.n_options = (uint8_t)segment->options.left;
    memcpy(line.options, segment->options.at, segment->options.left);
    return line;
}

/* The first lines stay, the last one is the latest. */
static void add_line(toa_story *story, const toa_story_line *line)
{
    if (story->n_lines == TOA_STORY_LINES) {
        story->n_omitted++;
        story->n_lines--;
    }
    story->lines[story->n_lines++] = *line;
}

void toa_stories_note(toa_stories *stories, const uint8_t *bytes, size_t len, int link_type,
                      bool open_tunnels, const toa_event *event, toa_time now)
{
    toa_segment segment;
    if (event->fake.version == 0 ||
        toa_segment_parse(bytes, len, link_type, open_tunnels, &segment) != TOA_FOUND) {
        return;
    }
    count_unheard(stories, segment.options);
    toa_story *story = &stories->places[place_of(stories, &event->fake)];
    bool same = toa_endpoint_equal(&story->fake, &event->fake) &&
                toa_endpoint_equal(&story->server, &event->server);
    bool syn = (segment.flags & TOA_TCP_SYN) != 0;
    if (!same || (syn && story->isn != segment.seq)) {
        memset(story, 0, sizeof *story);
        story->fake = event->fake;
        story->server = event->server;
        story->isn = segment.seq;
    }
    if (event->verdict == TOA_PASS) {
        story->n_passed++;
        return;
    }
    toa_story_line line = line_of(&segment, event, now);
    add_line(story, &line);
}

bool toa_stories_tell(const toa_stories *stories, const toa_endpoint *fake,
                      const toa_endpoint *server, toa_story *out)
{
    const toa_story *story = &stories->places[place_of(stories, fake)];
    if (!toa_endpoint_equal(&story->fake, fake) ||
        (server != NULL && !toa_endpoint_equal(&story->server, server))) {
        return false;
    }
    *out = *story;
    return true;
}
