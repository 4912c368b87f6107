/*
 * What does a lookup take while the writer learns? A reader thread asks for live mappings in random
 * order, by turns beside a writer that rests and beside one that learns a new flow with a TOA RATE
 * times a second; 0: as fast as it can.
 * Call: bench_beside [ROUNDS [RATE]]
 * Prints: the medians of nanoseconds a lookup, beside the learning writer and beside the idle one,
 * the median of the rounds' ratios, and how many flows a second were learned.
 *
 * The table has its usual size. What the writer learns are new connections of 20,000 other flows,
 * so that the 10,000 mappings that are asked for stay.
 */
#include <toa/engine.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { ROUNDS_MAX = 101, N_LIVE = 10000, N_NEW = 20000, N_ASKED = 1000000, BURST = 32 };

static toa_engine *engine;
static _Atomic bool learning;
static _Atomic bool over;
static _Atomic uint64_t n_learned;
static double rate;

static toa_time clock_of(clockid_t clock)
{
    struct timespec at;
    (void)clock_gettime(clock, &at);
    return (toa_time)at.tv_sec * TOA_SECOND + at.tv_nsec;
}

static toa_endpoint fake_of(uint32_t i)
{
    return (toa_endpoint){.ip = {10, (uint8_t)(i >> 24), (uint8_t)(i >> 16), 1},
                          .port = (uint16_t)i,
                          .version = 4,
                          .has_port = 1};
}

static void learn(uint32_t i, uint32_t seq, toa_time now)
{
    const uint8_t toa[8] = {254, 8, 0x12, 0x34, 203, 0, 113, 9};
    const toa_segment syn = {
        .source = fake_of(i),
        .destination = {.ip = {192, 0, 2, 1}, .port = 443, .version = 4, .has_port = 1},
        .seq = seq,
        .options = {.at = toa, .left = sizeof toa},
        .options_len = sizeof toa,
        .flags = TOA_TCP_SYN,
    };
    (void)toa_engine_segment(engine, &syn, now, NULL);
}

static void *write_flows(void *arg)
{
    uint32_t i = 0;
    (void)arg;
    while (!atomic_load(&over)) {
        toa_time begin = clock_of(CLOCK_MONOTONIC);
        uint64_t n = 0;
        while (atomic_load(&learning)) {
            double due = rate <= 0 ? (double)n + BURST
                                   : (double)(clock_of(CLOCK_MONOTONIC) - begin) * rate / 1e9;
            while ((double)n < due) {
                learn(N_LIVE + i % N_NEW, i, TOA_SECOND + i);
                i++;
                n++;
            }
        }
        atomic_fetch_add(&n_learned, n);
        (void)nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
    }
    return NULL;
}

static double nanos_a_lookup(const uint32_t *asked)
{
    size_t n_found = 0;
    toa_time begin = clock_of(CLOCK_THREAD_CPUTIME_ID);
    for (size_t i = 0; i < N_ASKED; i++) {
        toa_answer answer;
        toa_endpoint fake = fake_of(asked[i]);
        n_found += toa_engine_lookup(engine, &fake, NULL, TOA_SECOND, &answer) == TOA_FOUND;
    }
    toa_time end = clock_of(CLOCK_THREAD_CPUTIME_ID);
    if (n_found != N_ASKED) {
        fprintf(stderr, "bench_beside: %zu of %d found\n", n_found, (int)N_ASKED);
        exit(1);
    }
    return (double)(end - begin) / N_ASKED;
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

static void engine_make(void)
{
    static toa_dialects dialects;
    toa_dialects_default(&dialects);
    const toa_config config = {.dialects = &dialects, .ttl = 3600 * TOA_SECOND, .hash_key = {1, 2}};
    size_t size = toa_engine_size(TOA_RECORDS_DEFAULT);
    engine = toa_engine_init(malloc(size), size, &config);
    for (uint32_t i = 0; i < N_LIVE; i++) {
        learn(i, 0, 0);
    }
}

int main(int argc, char **argv)
{
    static uint32_t asked[N_ASKED];
    double beside[ROUNDS_MAX];
    double idle[ROUNDS_MAX];
    double ratios[ROUNDS_MAX];
    size_t rounds = argc > 1 ? strtoul(argv[1], NULL, 10) : 11;
    pthread_t writer;
    if (argc > 3 || rounds == 0 || rounds > ROUNDS_MAX) {
        fprintf(stderr, "call: bench_beside [ROUNDS [RATE]]\n");
        return 2;
    }
    rate = argc > 2 ? strtod(argv[2], NULL) : 0;
    engine_make();
    for (size_t i = 0; i < N_ASKED; i++) {
        asked[i] = (uint32_t)((i * UINT64_C(0x9e3779b97f4a7c15) >> 32) % N_LIVE);
    }
    if (pthread_create(&writer, NULL, write_flows, NULL) != 0) {
        return 1;
    }
    toa_time learned_in = 0;
    for (size_t i = 0; i < rounds; i++) {
        idle[i] = nanos_a_lookup(asked);
        toa_time begin = clock_of(CLOCK_MONOTONIC);
        atomic_store(&learning, true);
        beside[i] = nanos_a_lookup(asked);
        atomic_store(&learning, false);
        learned_in += clock_of(CLOCK_MONOTONIC) - begin;
        ratios[i] = beside[i] / idle[i];
    }
    atomic_store(&over, true);
    (void)pthread_join(writer, NULL);
    printf("%.1f %.1f %.3f %.0f\n", median(beside, rounds), median(idle, rounds),
           median(ratios, rounds), (double)n_learned * 1e9 / (double)learned_in);
    return 0;
}
