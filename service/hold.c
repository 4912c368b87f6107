#include "hold.h"

#include <stdlib.h>
#include <string.h>

#define NOWHERE SIZE_MAX

typedef struct place {
    toa_held held; /* first: a toa_held is its place */
    size_t in_heap;
    size_t next; /* of the same bucket, or of the free places */
    size_t before;
    size_t bucket;
} place;

struct toa_hold_table {
    place *places;
    size_t *heap;    /* places, by deadline */
    size_t *buckets; /* first place */
    size_t n_places;
    size_t n_buckets; /* a power of two */
    size_t n_held;
    size_t free; /* first free place */
    uint64_t hash_key;
};

toa_hold_table *toa_hold_new(size_t n_places, uint64_t hash_key)
{
    toa_hold_table *table = calloc(1, sizeof *table);
    size_t n_buckets = 16;
    while (n_buckets < n_places) {
        n_buckets *= 2;
    }
    if (table == NULL) {
        return NULL;
    }
    table->places = calloc(n_places + 1, sizeof table->places[0]);
    table->heap = calloc(n_places + 1, sizeof table->heap[0]);
    table->buckets = calloc(n_buckets, sizeof table->buckets[0]);
    if (table->places == NULL || table->heap == NULL || table->buckets == NULL) {
        toa_hold_free(table);
        return NULL;
    }
    for (size_t i = 0; i < n_places; i++) {
        table->places[i].next = i + 1 == n_places ? NOWHERE : i + 1;
    }
    for (size_t i = 0; i < n_buckets; i++) {
        table->buckets[i] = NOWHERE;
    }
    table->n_places = n_places;
    table->n_buckets = n_buckets;
    table->free = n_places == 0 ? NOWHERE : 0;
    table->hash_key = hash_key;
    return table;
}

void toa_hold_free(toa_hold_table *table)
{
    if (table != NULL) {
        free(table->places);
        free(table->heap);
        free(table->buckets);
        free(table);
    }
}

size_t toa_hold_count(const toa_hold_table *table)
{
    return table->n_held;
}

toa_endpoint toa_endpoint_unmapped(const toa_endpoint *endpoint)
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    toa_endpoint plain = *endpoint;
    if (endpoint->version == 6 && memcmp(endpoint->ip, mapped, sizeof mapped) == 0) {
        memset(plain.ip, 0, sizeof plain.ip);
        memcpy(plain.ip, endpoint->ip + 12, 4);
        plain.version = 4;
    }
    return plain;
}

static size_t bucket_of(const toa_hold_table *table, const toa_endpoint *fake)
{
    uint64_t words[2];
    memcpy(words, fake->ip, sizeof words);
    uint64_t mix = table->hash_key ^ fake->port;
    for (size_t i = 0; i < 2; i++) {
        mix = (mix ^ words[i]) * UINT64_C(0x9e3779b97f4a7c15);
        mix ^= mix >> 29;
        mix = mix * UINT64_C(0xbf58476d1ce4e5b9) + table->hash_key;
    }
    return (size_t)(mix >> 32) & (table->n_buckets - 1);
}

/* ---- The heap -------------------------------------------------------------------------------- */

static toa_time deadline_at(const toa_hold_table *table, size_t at)
{
    return table->places[table->heap[at]].held.deadline;
}

static void heap_set(toa_hold_table *table, size_t at, size_t index)
{
    table->heap[at] = index;
    table->places[index].in_heap = at;
}

static void sift_up(toa_hold_table *table, size_t at)
{
    size_t index = table->heap[at];
    while (at != 0 && deadline_at(table, (at - 1) / 2) > table->places[index].held.deadline) {
        heap_set(table, at, table->heap[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    heap_set(table, at, index);
}

static void sift_down(toa_hold_table *table, size_t at)
{
    size_t index = table->heap[at];
    for (;;) {
        size_t child = 2 * at + 1;
        if (child + 1 < table->n_held &&
            deadline_at(table, child + 1) < deadline_at(table, child)) {
            child++;
        }
        if (child >= table->n_held ||
            deadline_at(table, child) >= table->places[index].held.deadline) {
            break;
        }
        heap_set(table, at, table->heap[child]);
        at = child;
    }
    heap_set(table, at, index);
}

/* ---- Questions ------------------------------------------------------------------------------- */

static size_t index_of(const toa_hold_table *table, const toa_held *held)
{
    return (size_t)((const place *)(const void *)held - table->places);
}

toa_held *toa_hold_put(toa_hold_table *table, const toa_held *held)
{
    size_t index = table->free;
    if (index == NOWHERE) {
        return NULL;
    }
    place *at = &table->places[index];
    toa_endpoint fake = toa_endpoint_unmapped(&held->query.fake);
    table->free = at->next;
    at->held = *held;
    at->bucket = bucket_of(table, &fake);
    at->before = NOWHERE;
    at->next = table->buckets[at->bucket];
    if (at->next != NOWHERE) {
        table->places[at->next].before = index;
    }
    table->buckets[at->bucket] = index;
    heap_set(table, table->n_held++, index);
    sift_up(table, at->in_heap);
    return &at->held;
}

toa_held *toa_hold_first(const toa_hold_table *table)
{
    return table->n_held == 0 ? NULL : &table->places[table->heap[0]].held;
}

static toa_held *about_from(const toa_hold_table *table, size_t index, const toa_endpoint *fake)
{
    for (; index != NOWHERE; index = table->places[index].next) {
        toa_endpoint asked = toa_endpoint_unmapped(&table->places[index].held.query.fake);
        if (toa_endpoint_equal(&asked, fake)) {
            return &table->places[index].held;
        }
    }
    return NULL;
}

toa_held *toa_hold_about(const toa_hold_table *table, const toa_endpoint *fake)
{
    toa_endpoint plain = toa_endpoint_unmapped(fake);
    return about_from(table, table->buckets[bucket_of(table, &plain)], &plain);
}

toa_held *toa_hold_next(const toa_hold_table *table, const toa_held *held)
{
    toa_endpoint plain = toa_endpoint_unmapped(&held->query.fake);
    return about_from(table, table->places[index_of(table, held)].next, &plain);
}

toa_held *toa_hold_at(const toa_hold_table *table, size_t i)
{
    return i >= table->n_held ? NULL : &table->places[table->heap[i]].held;
}

void toa_hold_move(toa_hold_table *table, toa_held *held, toa_time deadline)
{
    size_t at = table->places[index_of(table, held)].in_heap;
    held->deadline = deadline;
    sift_up(table, at);
    sift_down(table, table->places[index_of(table, held)].in_heap);
}

void toa_hold_take(toa_hold_table *table, toa_held *held)
{
    size_t index = index_of(table, held);
    place *at = &table->places[index];
    size_t hole = at->in_heap;
    size_t last = table->heap[--table->n_held];
    if (last != index) {
        heap_set(table, hole, last);
        sift_up(table, hole);
        sift_down(table, table->places[last].in_heap);
    }
    if (at->before == NOWHERE) {
        table->buckets[at->bucket] = at->next;
    } else {
        table->places[at->before].next = at->next;
    }
    if (at->next != NOWHERE) {
        table->places[at->next].before = at->before;
    }
    at->next = table->free;
    table->free = index;
}
