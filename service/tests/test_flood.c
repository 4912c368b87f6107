/*
 * SYNs at the highest rate that the machine gives, while 10,000 live mappings must keep answering:
 * none is lost, none is wrong, and memory stays flat. In a network namespace of the test's own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "stage.h"

enum {
    N_LIVE = 10000,
    N_BURST = 4096, /* SYNs between two looks at the clock */
    N_SLOW_BURST = 256,
    STRANGERS = 2,         /* the network that the flood comes from */
    FLOOD_SECONDS = 1,     /* twice, of each kind */
    GROWTH_MAX_KIB = 1024, /* of resident memory */
};

static double seconds_now(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* ---- The flood, in a process of its own ------------------------------------------------------ */

typedef struct flooding {
    _Atomic bool over;
    _Atomic bool failed;
    _Atomic uint64_t n_sent;
} flooding;

static void be_the_flood(flooding *shared, bool toa)
{
    flood out = {.socket = -1};
    flood_part part = {
        .network = STRANGERS, .n = daemon_sanitized ? N_SLOW_BURST : N_BURST, .toa = toa};
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    bool right = flood_open(&out, "outside");
    while (right && !atomic_load(&shared->over)) {
        right = flood_send(&out, &part);
        part.first = (part.first + part.n) & 0xffffff;
        (void)atomic_fetch_add(&shared->n_sent, part.n);
        if (daemon_sanitized) {
            struct timespec span = {.tv_nsec = 10 * 1000 * 1000};
            (void)nanosleep(&span, NULL);
        }
    }
    atomic_store(&shared->failed, !right);
    _exit(0);
}

static flooding *new_flooding(void)
{
    flooding *shared =
        mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(shared != MAP_FAILED);
    return shared;
}

static pid_t start_flood(flooding *shared, bool toa)
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        be_the_flood(shared, toa);
    }
    return pid;
}

static void end_flood(flooding *shared, pid_t pid)
{
    int status = 1;
    atomic_store(&shared->over, true);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_false(atomic_load(&shared->failed));
}

/* ---- The daemon ------------------------------------------------------------------------------ */

/* Asks about all of them, again and again, for some seconds. How often each was asked about. */
static double ask_for(int client, double seconds)
{
    enum { AT_ONCE = 512 };
    double end = seconds_now() + seconds;
    uint32_t first = 0;
    size_t n_asked = 0;
    while (seconds_now() < end) {
        uint32_t n = N_LIVE - first < AT_ONCE ? N_LIVE - first : AT_ONCE;
        assert_int_equal(stage_count_found(client, first, n), n);
        first = (first + n) % N_LIVE;
        n_asked += n;
    }
    return (double)n_asked / N_LIVE;
}

static void must_have_lost_none(daemon_process *daemon, int client)
{
    size_t from = daemon->said_len;
    assert_int_equal(stage_count_found(client, 0, N_LIVE), N_LIVE);
    assert_int_equal(kill(daemon->pid, SIGUSR1), 0);
    daemon_must_say(daemon, from, "kernel drops");
    assert_non_null(strstr(daemon->said + from, "flows without mapping pushed out"));
    assert_null(strstr(daemon->said + from, "live ones pushed out"));
}

typedef struct row {
    const char *sentence;
    bool toa;
} row;

static void one_flood(daemon_process *daemon, const row *r)
{
    int client = client_to(STAGE_PORT, AF_INET);
    flooding *shared = new_flooding();
    pid_t pid = start_flood(shared, r->toa);
    double begin = seconds_now();
    double times = ask_for(client, FLOOD_SECONDS);
    size_t before = daemon_resident_kib(daemon); /* everything was touched by now */
    times += ask_for(client, FLOOD_SECONDS);
    size_t after = daemon_resident_kib(daemon);
    end_flood(shared, pid);
    printf("  %s: %.0f a second; each mapping was asked for %.2f times meanwhile; %zu KiB, %zu "
           "before\n",
           r->sentence, (double)atomic_load(&shared->n_sent) / (seconds_now() - begin), times,
           after, before);
    must_have_lost_none(daemon, client);
    assert_true(daemon_sanitized || after <= before + GROWTH_MAX_KIB);
    assert_int_equal(munmap(shared, sizeof *shared), 0);
    (void)close(client);
}

static void live_mappings_outlast_a_flood(void **state)
{
    static const row rows[] = {
        {"SYNs without a TOA", false},
        {"SYNs with a TOA, of sources that are not trusted", true},
    };
    static const char *const more[] = {"server", "any:443", "trust", "10.1.0.0/16",
                                       "ttl",    "600",     NULL};
    static daemon_process daemon;
    const daemon_plan plan = {.flags = stage_flags(more)};
    (void)state;
    stage_launch(&daemon, &plan);
    int client = client_to(STAGE_PORT, AF_INET);
    stage_teach(client, 0, N_LIVE);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        one_flood(&daemon, &rows[i]);
        stage_teach(client, (uint32_t)(N_LIVE + i), 1); /* what is new is learned again */
    }
    (void)close(client);
    assert_int_equal(daemon_end(&daemon, SIGTERM), TOA_SERVE_ENDED);
}

static int setup(void **state)
{
    (void)state;
    stage_make_pair();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    daemon_kill_left();
    stage_remove_pair();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(live_mappings_outlast_a_flood, setup, teardown),
    };
    stage_enter("a flood of SYNs");
    return cmocka_run_group_tests_name("flood", tests, NULL, NULL);
}
