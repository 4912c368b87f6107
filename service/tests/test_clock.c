/*
 * The wall clock steps back and forth, by years, each time that anybody looks, and so do the time
 * stamps of the frames: no answer, no age, no expiry, no wait and no record is another. The
 * daemon's process is linked with clocks of ours (ld --wrap); the machine's stays as it is. In a
 * network namespace of the test's own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pcap/pcap.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "namespace.h"
#include "stage.h"

#define TTL (2 * TOA_SECOND)

/* ---- The clocks ------------------------------------------------------------------------------ */

/* What the daemon's process has seen; shared with it. */
typedef struct sight {
    _Atomic uint64_t n_looks;  /* at the wall clock */
    _Atomic uint64_t n_frames; /* with a time stamp that was moved */
} sight;

static sight *seen;
static bool stepping; /* in the daemon's process only */

int __real_clock_gettime(clockid_t clock, struct timespec *out);
int __wrap_clock_gettime(clockid_t clock, struct timespec *out);
time_t __real_time(time_t *out);
time_t __wrap_time(time_t *out);
int __real_gettimeofday(struct timeval *restrict out, void *restrict zone);
int __wrap_gettimeofday(struct timeval *restrict out, void *restrict zone);
int __real_pcap_dispatch(pcap_t *from, int n, pcap_handler take, u_char *context);
int __wrap_pcap_dispatch(pcap_t *from, int n, pcap_handler take, u_char *context);

/* Seconds that a clock is wrong by when it is looked at the nth time. */
static time_t step(uint64_t n)
{
    static const time_t steps[] = {0, 3600, -7200, 10L * 365 * 86400, -86400, 1, -1};
    return steps[n % (sizeof steps / sizeof steps[0])];
}

static time_t step_of_look(void)
{
    return stepping ? step(atomic_fetch_add(&seen->n_looks, 1)) : 0;
}

int __wrap_clock_gettime(clockid_t clock, struct timespec *out)
{
    int result = __real_clock_gettime(clock, out);
    if (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE || clock == CLOCK_TAI) {
        out->tv_sec += step_of_look();
    }
    return result;
}

time_t __wrap_time(time_t *out)
{
    time_t now = __real_time(NULL) + step_of_look();
    if (out != NULL) {
        *out = now;
    }
    return now;
}

int __wrap_gettimeofday(struct timeval *restrict out, void *restrict zone)
{
    int result = __real_gettimeofday(out, zone);
    out->tv_sec += step_of_look();
    return result;
}

typedef struct taker {
    pcap_handler take;
    u_char *context;
} taker;

static void take_later_or_earlier(u_char *context, const struct pcap_pkthdr *header,
                                  const u_char *bytes)
{
    const taker *behind = (const taker *)(const void *)context;
    struct pcap_pkthdr moved = *header;
    moved.ts.tv_sec += step(atomic_fetch_add(&seen->n_frames, 1));
    behind->take(behind->context, &moved, bytes);
}

int __wrap_pcap_dispatch(pcap_t *from, int n, pcap_handler take, u_char *context)
{
    taker behind = {take, context};
    if (!stepping) {
        return __real_pcap_dispatch(from, n, take, context);
    }
    return __real_pcap_dispatch(from, n, take_later_or_earlier, (u_char *)(void *)&behind);
}

static void make_clocks_step(void)
{
    struct timespec first;
    struct timespec second;
    stepping = true;
    (void)clock_gettime(CLOCK_REALTIME, &first);
    (void)clock_gettime(CLOCK_REALTIME, &second);
    if (second.tv_sec - first.tv_sec < 3000) {
        _exit(97); /* they do not */
    }
    atomic_store(&seen->n_looks, 0);
}

/* ---- The test -------------------------------------------------------------------------------- */

static toa_time now(void)
{
    struct timespec at;
    (void)clock_gettime(CLOCK_MONOTONIC, &at);
    return (toa_time)at.tv_sec * TOA_SECOND + at.tv_nsec;
}

/* When a flow was learned, as far as can be told from outside. */
typedef struct learned {
    toa_time not_before;
    toa_time not_after;
} learned;

static learned teach(int client, uint32_t number)
{
    learned at = {.not_before = now()};
    stage_send(number, 1);
    toa_reply reply = stage_ask(client, number, 10000);
    at.not_after = now();
    assert_true(stage_right(&reply, number));
    return at;
}

/* Asked between two moments, this is what may be answered, and the age that it may have. */
static void check_answer(const toa_reply *reply, uint32_t number, const learned *at, toa_time begin,
                         toa_time end)
{
    toa_time age = reply->answer.age;
    if (reply->answer.word == TOA_FOUND) {
        assert_true(stage_right(reply, number));
        assert_true(begin < at->not_after + TTL); /* or it has expired */
        assert_true(age >= begin - at->not_after && age <= end - at->not_before);
    } else {
        assert_int_equal(reply->answer.word, TOA_EXPIRED);
        assert_true(end >= at->not_before + TTL); /* or it has not */
        assert_true(age >= begin - at->not_after - TTL && age <= end - at->not_before - TTL);
    }
}

static void answers_expire_when_they_should(int client)
{
    enum { N = 20 };
    learned at[N];
    size_t n_found = 0;
    size_t n_expired = 0;
    for (uint32_t i = 0; i < N; i++) {
        at[i] = teach(client, i);
    }
    while (now() < at[N - 1].not_after + TTL + TOA_SECOND / 2) {
        struct timespec little = {.tv_nsec = 2000000};
        for (uint32_t i = 0; i < N; i++) {
            toa_time begin = now();
            toa_reply reply = stage_ask(client, i, 0);
            check_answer(&reply, i, &at[i], begin, now());
            n_found += reply.answer.word == TOA_FOUND;
            n_expired += reply.answer.word == TOA_EXPIRED;
        }
        (void)nanosleep(&little, NULL);
    }
    printf("  %zu answers found, %zu expired, all of the right age\n", n_found, n_expired);
    assert_true(n_found > N && n_expired > N);
}

static void waits_take_as_long_as_they_should(int client)
{
    static const uint16_t waits[] = {50, 200, 500};
    for (uint32_t i = 0; i < sizeof waits / sizeof waits[0]; i++) {
        toa_time begin = now();
        toa_reply reply = stage_ask(client, 1000 + i, waits[i]);
        toa_time took = now() - begin;
        assert_int_equal(reply.answer.word, TOA_NEVER_SEEN);
        assert_true(took >= waits[i] * (TOA_SECOND / 1000) && took < 5 * TOA_SECOND);
    }
}

static void wall_clock_and_time_stamps_step(void **state)
{
    static daemon_process daemon;
    char records[64];
    (void)state;
    (void)snprintf(records, sizeof records, "%s/records", stage_directory());
    const char *const more[] = {"server", "any:443", "record", records, "ttl", "2", NULL};
    const daemon_plan plan = {.flags = stage_flags(more), .before = make_clocks_step};
    stage_launch(&daemon, &plan);
    int client = client_to(STAGE_PORT, AF_INET);
    stage_teach(client, 3000, 1); /* it has begun, and so has the record */
    uint64_t n_looks = atomic_load(&seen->n_looks);
    answers_expire_when_they_should(client);
    waits_take_as_long_as_they_should(client);
    assert_true(command("ip link set inside down"));
    assert_true(command("ip link set inside up"));
    stage_teach(client, 2000, 10);
    (void)close(client);
    assert_int_equal(daemon_end(&daemon, SIGTERM), TOA_SERVE_ENDED);
    printf("  %llu looks at the wall clock, %llu frames with another time stamp\n",
           (unsigned long long)atomic_load(&seen->n_looks),
           (unsigned long long)atomic_load(&seen->n_frames));
    assert_true(n_looks > 0); /* when it began, and for the date in the record's names */
    assert_int_equal(atomic_load(&seen->n_looks), n_looks);
    assert_true(atomic_load(&seen->n_frames) >= 30);
    assert_int_equal(stage_check_records(records), 1);
}

static int setup(void **state)
{
    (void)state;
    seen = mmap(NULL, sizeof *seen, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    stage_make_pair();
    stage_make_directory();
    return seen == MAP_FAILED;
}

static int teardown(void **state)
{
    (void)state;
    daemon_kill_left();
    stage_remove_pair();
    stage_remove_directory();
    return munmap(seen, sizeof *seen);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(wall_clock_and_time_stamps_step, setup, teardown),
    };
    stage_enter("a wall clock that steps");
    return cmocka_run_group_tests_name("clock", tests, NULL, NULL);
}
