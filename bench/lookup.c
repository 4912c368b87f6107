/*
 * Who is behind this connection? A million live mappings, asked for in random order: the engine
 * against klib's khash.
 * Call: bench_lookup [ROUNDS [RECORDS]]
 * Prints for each kind of lookup: its name, the medians of the engine's and of khash's nanoseconds,
 * and the median of the rounds' ratios.
 *
 * khash maps the 18 bytes of a fake endpoint to the mapping, with no time, reason or second flow,
 * and nobody writes beside it. Both have the same number of places, 2^21 for a million. The keys
 * are hashed by the engine's own keyed hash, of as many bytes as the engine takes, or by khash's
 * usual string hash, of all 18.
 */
#include <toa/engine.h>

#include <htslib/khash.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/siphash.h"

enum { ROUNDS_MAX = 101, RECORDS_MAX = 4000000 };

static const uint64_t hash_key[2] = {UINT64_C(0x0706050403020100), UINT64_C(0x0f0e0d0c0b0a0908)};

/* ---- khash ----------------------------------------------------------------------------------- */

typedef struct fake_key {
    uint8_t bytes[18];
} fake_key;

static inline khint_t keyed4(fake_key key)
{
    uint8_t bytes[6];
    memcpy(bytes, key.bytes, 4);
    memcpy(bytes + 4, key.bytes + 16, 2);
    return (khint_t)siphash13(hash_key, bytes, sizeof bytes);
}

static inline khint_t keyed6(fake_key key)
{
    return (khint_t)siphash13(hash_key, key.bytes, sizeof key.bytes);
}

/* __ac_X31_hash_string, for strings of 18 bytes. */
static inline khint_t x31(fake_key key)
{
    khint_t hash = key.bytes[0];
    for (size_t i = 1; i < sizeof key.bytes; i++) {
        hash = (hash << 5) - hash + key.bytes[i];
    }
    return hash;
}

static inline int same(fake_key a, fake_key b)
{
    return memcmp(a.bytes, b.bytes, sizeof a.bytes) == 0;
}

KHASH_INIT(keyed4, fake_key, toa_mapping, 1, keyed4, same)
KHASH_INIT(keyed6, fake_key, toa_mapping, 1, keyed6, same)
KHASH_INIT(x31, fake_key, toa_mapping, 1, x31, same)

static fake_key key_of(const toa_endpoint *fake)
{
    fake_key key;
    memcpy(key.bytes, fake->ip, 16);
    key.bytes[16] = (uint8_t)(fake->port >> 8);
    key.bytes[17] = (uint8_t)fake->port;
    return key;
}

/* ---- Records --------------------------------------------------------------------------------- */

typedef struct world {
    size_t n;
    uint8_t version;
    toa_endpoint *fakes; /* n that are there, then n that are not */
    toa_endpoint *asked; /* those, each half in an order of its own */
    fake_key *keys;      /* asked, as khash wants them */
    void *memory;
    toa_engine *engine;
    kh_keyed4_t *keyed4;
    kh_keyed6_t *keyed6;
    kh_x31_t *x31;
} world;

static void *lent(size_t size)
{
    void *memory = size == 0 ? NULL : malloc(size);
    if (memory == NULL) {
        fprintf(stderr, "bench_lookup: out of memory\n");
        exit(1);
    }
    return memory;
}

static uint64_t number(void)
{
    static uint64_t state = 1;
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return state * UINT64_C(0x2545f4914f6cdd1d);
}

/* Endpoint `i` of 256 addresses of balancers: all their ports are in use. */
static toa_endpoint fake_of(size_t i, uint8_t version)
{
    toa_endpoint fake = {.port = (uint16_t)(i >> 8 & 0xffff), .version = version, .has_port = 1};
    const uint8_t ip[4] = {10, 64, (uint8_t)(i >> 24), (uint8_t)i};
    memcpy(fake.ip + (version == 4 ? 0 : 12), ip, 4);
    if (version == 6) {
        memcpy(fake.ip, "\x20\x01\x0d\xb8\0\0\0\x64", 8);
    }
    return fake;
}

static void shuffle(toa_endpoint *fakes, size_t n)
{
    for (size_t i = n; i > 1; i--) {
        size_t other = number() % i;
        toa_endpoint fake = fakes[i - 1];
        fakes[i - 1] = fakes[other];
        fakes[other] = fake;
    }
}

static void engine_fill(world *w, uint8_t version)
{
    static toa_dialects dialects;
    toa_dialects_default(&dialects);
    const toa_config config = {
        .dialects = &dialects,
        .ttl = 3600 * TOA_SECOND,
        .hash_key = {hash_key[0], hash_key[1]},
    };
    size_t size = toa_engine_size(2 * w->n);
    w->memory = lent(size);
    w->engine = toa_engine_init(w->memory, size, &config);
    uint8_t toa[8] = {254, 8};
    toa_segment syn = {
        .destination = {.ip = {10, 0, 0, 80}, .port = 443, .version = version, .has_port = 1},
        .options = {.at = toa, .left = sizeof toa},
        .options_len = sizeof toa,
        .flags = TOA_TCP_SYN,
    };
    for (size_t i = 0; i < w->n; i++) {
        uint64_t client = number() | 1;
        memcpy(toa + 2, &client, 6);
        toa[2] &= 0x7f; /* no experiment id of RFC 6994 */
        toa[4] = 100;   /* the sign that time_of looks for */
        syn.source = w->fakes[i];
        (void)toa_engine_segment(w->engine, &syn, (toa_time)i, NULL);
    }
}

static void khash_fill(world *w)
{
    int new_key;
    khint_t at;
    w->keyed4 = kh_init(keyed4);
    w->keyed6 = kh_init(keyed6);
    w->x31 = kh_init(x31);
    for (size_t i = 0; i < w->n; i++) {
        toa_answer answer;
        (void)toa_engine_lookup(w->engine, &w->fakes[i], NULL, (toa_time)w->n, &answer);
        fake_key key = key_of(&w->fakes[i]);
        at = kh_put(keyed4, w->keyed4, key, &new_key);
        kh_val(w->keyed4, at) = answer.mapping;
        at = kh_put(keyed6, w->keyed6, key, &new_key);
        kh_val(w->keyed6, at) = answer.mapping;
        if (w->version == 4) { /* this hash takes minutes for these in IPv6 */
            at = kh_put(x31, w->x31, key, &new_key);
            kh_val(w->x31, at) = answer.mapping;
        }
    }
}

static void world_make(world *w, size_t n, uint8_t version)
{
    w->n = n;
    w->version = version;
    w->fakes = lent(2 * n * sizeof w->fakes[0]);
    w->asked = lent(2 * n * sizeof w->asked[0]);
    w->keys = lent(2 * n * sizeof w->keys[0]);
    for (size_t i = 0; i < 2 * n; i++) {
        w->fakes[i] = fake_of(i, version);
    }
    shuffle(w->fakes, 2 * n);
    memcpy(w->asked, w->fakes, 2 * n * sizeof w->fakes[0]);
    shuffle(w->asked, n);
    shuffle(w->asked + n, n);
    for (size_t i = 0; i < 2 * n; i++) {
        w->keys[i] = key_of(&w->asked[i]);
    }
    engine_fill(w, version);
    khash_fill(w);
    size_t live = toa_engine_live(w->engine, (toa_time)n);
    if (live != n) {
        fprintf(stderr, "bench_lookup: %zu of %zu records live\n", live, n);
        exit(1);
    }
}

/* ---- Lookups --------------------------------------------------------------------------------- */

/* Looks up asked[i], and copies what it finds: to out->mapping. */
typedef bool find(const world *w, size_t i, toa_answer *out);

static bool find_engine(const world *w, size_t i, toa_answer *out)
{
    return toa_engine_lookup(w->engine, &w->asked[i], NULL, (toa_time)w->n, out) == TOA_FOUND;
}

static bool find_keyed4(const world *w, size_t i, toa_answer *out)
{
    khint_t at = kh_get(keyed4, w->keyed4, w->keys[i]);
    if (at == kh_end(w->keyed4)) {
        return false;
    }
    out->mapping = kh_val(w->keyed4, at);
    return true;
}

static bool find_keyed6(const world *w, size_t i, toa_answer *out)
{
    khint_t at = kh_get(keyed6, w->keyed6, w->keys[i]);
    if (at == kh_end(w->keyed6)) {
        return false;
    }
    out->mapping = kh_val(w->keyed6, at);
    return true;
}

static bool find_x31(const world *w, size_t i, toa_answer *out)
{
    khint_t at = kh_get(x31, w->x31, w->keys[i]);
    if (at == kh_end(w->x31)) {
        return false;
    }
    out->mapping = kh_val(w->x31, at);
    return true;
}

static double nanos_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

/* Nanoseconds a lookup, of all those that are there, or of all those that are not. Ends the program
 * when an answer is wrong. */
static double time_of(const world *w, find *asks, bool there)
{
    size_t first = there ? 0 : w->n;
    size_t n_found = 0;
    toa_answer answer = {.word = TOA_NEVER_SEEN};
    double begin = nanos_now();
    for (size_t i = first; i < first + w->n; i++) {
        n_found += asks(w, i, &answer) && answer.mapping.client.ip[0] == 100;
    }
    double end = nanos_now();
    if (n_found != (there ? w->n : 0)) {
        fprintf(stderr, "bench_lookup: %zu found\n", n_found);
        exit(1);
    }
    return (end - begin) / (double)w->n;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, size_t n)
{
    qsort(values, n, sizeof values[0], compare);
    return values[n / 2];
}

static void contest(const world *w, const char *name, find *yardstick, bool there, size_t rounds)
{
    double ours[ROUNDS_MAX];
    double theirs[ROUNDS_MAX];
    double ratios[ROUNDS_MAX];
    for (size_t i = 0; i < rounds; i++) {
        ours[i] = time_of(w, find_engine, there);
        theirs[i] = time_of(w, yardstick, there);
        ratios[i] = ours[i] / theirs[i];
    }
    printf("%s, %s\t%.1f\t%.1f\t%.3f\n", there ? "hit" : "miss", name, median(ours, rounds),
           median(theirs, rounds), median(ratios, rounds));
    (void)fflush(stdout);
}

static void world_free(world *w)
{
    kh_destroy(keyed4, w->keyed4);
    kh_destroy(keyed6, w->keyed6);
    kh_destroy(x31, w->x31);
    free(w->memory);
    free(w->fakes);
    free(w->asked);
    free(w->keys);
}

int main(int argc, char **argv)
{
    unsigned long rounds = argc > 1 ? strtoul(argv[1], NULL, 10) : 11;
    unsigned long n = argc > 2 ? strtoul(argv[2], NULL, 10) : 1000000;
    world w;
    if (argc > 3 || rounds == 0 || rounds > ROUNDS_MAX || n == 0 || n > RECORDS_MAX) {
        fprintf(stderr, "call: bench_lookup [ROUNDS [RECORDS]]\n");
        return 2;
    }
    world_make(&w, n, 4);
    contest(&w, "IPv4, same keyed hash", find_keyed4, true, rounds);
    contest(&w, "IPv4, string hash", find_x31, true, rounds);
    contest(&w, "IPv4, same keyed hash", find_keyed4, false, rounds);
    contest(&w, "IPv4, string hash", find_x31, false, rounds);
    world_free(&w);
    world_make(&w, n, 6);
    contest(&w, "IPv6, same keyed hash", find_keyed6, true, rounds);
    contest(&w, "IPv6, same keyed hash", find_keyed6, false, rounds);
    world_free(&w);
    return 0;
}
