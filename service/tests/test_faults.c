/*
 * What befalls a daemon that captures: it is killed while it is asked, its interface goes away
 * under questions that wait, descriptors run out, its messages cannot be written. Nothing it says
 * is wrong, and it finds its way back. In a network namespace of the test's own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "namespace.h"
#include "stage.h"

static int setup(void **state)
{
    (void)state;
    stage_make_pair();
    stage_make_directory();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    daemon_kill_left();
    stage_remove_pair();
    stage_remove_directory();
    return 0;
}

static int64_t milliseconds_now(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void rest(long milliseconds)
{
    struct timespec span = {.tv_sec = milliseconds / 1000,
                            .tv_nsec = milliseconds % 1000 * 1000000};
    (void)nanosleep(&span, NULL);
}

/* ---- Killed ---------------------------------------------------------------------------------- */

enum { N_ASKERS = 4, N_KNOWN = 1000, N_KILLS = 5 };

/* What an asker has heard; shared with it. */
typedef struct asker {
    _Atomic uint64_t asked;
    _Atomic uint64_t found;
    _Atomic uint64_t missed;
    _Atomic uint64_t wrong;
} asker;

typedef struct askers {
    _Atomic bool over;
    asker all[N_ASKERS];
    pid_t pids[N_ASKERS];
} askers;

static void judge(asker *self, const toa_reply *reply, uint32_t number)
{
    if (stage_right(reply, number)) {
        (void)atomic_fetch_add(&self->found, 1);
    } else if (toa_word_may_change(reply->answer.word)) {
        (void)atomic_fetch_add(&self->missed, 1);
    } else {
        (void)atomic_fetch_add(&self->wrong, 1);
    }
}

/* Asks all the time, in both versions, through one socket, whatever becomes of the daemon. */
static void be_an_asker(askers *shared, asker *self, uint32_t seed)
{
    uint8_t bytes[TOA_DATAGRAM_MAX];
    toa_reply reply;
    int client = client_to(STAGE_PORT, AF_INET);
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (uint32_t id = 1; !atomic_load(&shared->over); id++) {
        seed = seed * 1664525 + 1013904223;
        uint32_t number = (seed >> 8) % N_KNOWN;
        toa_query query = {
            .version = (uint8_t)(1 + id % 2), .id = id, .fake = flood_fake(STAGE_NETWORK, number)};
        (void)atomic_fetch_add(&self->asked, 1);
        if (send(client, bytes, toa_query_encode(&query, bytes), 0) < 0) {
            rest(1); /* nobody listens */
            continue;
        }
        ssize_t len = 0;
        do { /* behind a pause, late ones come first */
            len = client_receive(client, bytes, sizeof bytes, 50);
        } while (len > 0 &&
                 (toa_reply_decode(bytes, (size_t)len, &reply) != TOA_FOUND || reply.id != id));
        if (len > 0) {
            judge(self, &reply, number);
        }
    }
    _exit(0);
}

static askers *start_askers(void)
{
    askers *shared =
        mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(shared != MAP_FAILED);
    for (size_t i = 0; i < N_ASKERS; i++) {
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
            be_an_asker(shared, &shared->all[i], (uint32_t)i);
        }
        shared->pids[i] = pid;
    }
    return shared;
}

static void end_askers(askers *shared)
{
    atomic_store(&shared->over, true);
    for (size_t i = 0; i < N_ASKERS; i++) {
        int status = 1;
        assert_int_equal(waitpid(shared->pids[i], &status, 0), shared->pids[i]);
        assert_int_equal(status, 0);
    }
    assert_int_equal(munmap(shared, sizeof *shared), 0);
}

/* Until each asker has found `more` clients that it has not found yet. */
static void await_found(const askers *shared, uint64_t more)
{
    for (size_t i = 0; i < N_ASKERS; i++) {
        int64_t end = milliseconds_now() + DAEMON_PATIENCE_MS;
        uint64_t goal = atomic_load(&shared->all[i].found) + more;
        while (atomic_load(&shared->all[i].found) < goal) {
            assert_true(milliseconds_now() < end);
            rest(1);
        }
    }
}

static void say_askers(const askers *shared)
{
    for (size_t i = 0; i < N_ASKERS; i++) {
        const asker *one = &shared->all[i];
        printf("  asked %llu, found %llu, not yet known %llu, wrong %llu\n",
               (unsigned long long)atomic_load(&one->asked),
               (unsigned long long)atomic_load(&one->found),
               (unsigned long long)atomic_load(&one->missed),
               (unsigned long long)atomic_load(&one->wrong));
        assert_int_equal(atomic_load(&one->wrong), 0);
    }
}

/* Captures in the directory that hold more than the 24 bytes of their head. */
static size_t n_captures(const char *records)
{
    size_t n = 0;
    char path[PATH_MAX];
    struct stat info;
    struct dirent **names = NULL;
    int n_names = scandir(records, &names, NULL, alphasort);
    for (int i = 0; i < n_names; i++) {
        const char *ending = strrchr(names[i]->d_name, '.');
        (void)snprintf(path, sizeof path, "%s/%s", records, names[i]->d_name);
        n += ending != NULL && strcmp(ending, ".pcap") == 0 && stat(path, &info) == 0 &&
             info.st_size > 24;
        free(names[i]);
    }
    free(names);
    return n;
}

static void await_captures(const char *records, size_t n)
{
    int64_t end = milliseconds_now() + DAEMON_PATIENCE_MS;
    while (n_captures(records) < n) {
        assert_true(milliseconds_now() < end);
        rest(5);
    }
}

static void killed_while_it_is_asked(void **state)
{
    static daemon_process daemon;
    char records[64];
    (void)state;
    (void)snprintf(records, sizeof records, "%s/records", stage_directory());
    const char *const more[] = {"server", "any:443", "record", records, "ttl", "600", NULL};
    const daemon_plan plan = {.flags = stage_flags(more)};
    int client = client_to(STAGE_PORT, AF_INET);
    askers *shared = start_askers(); /* nobody is there yet */

    for (size_t i = 0; i <= N_KILLS; i++) {
        int64_t begin = milliseconds_now();
        stage_launch(&daemon, &plan);
        stage_teach(client, 0, N_KNOWN);
        await_found(shared, 100);
        printf("  %lld ms from the start until all are known\n",
               (long long)(milliseconds_now() - begin));
        await_captures(records, i + 1);
        if (i < N_KILLS) {
            assert_int_equal(daemon_end(&daemon, SIGKILL), 1000 + SIGKILL);
        }
    }
    assert_int_equal(daemon_end(&daemon, SIGTERM), TOA_SERVE_ENDED); /* they ask still */
    say_askers(shared);
    end_askers(shared);
    (void)close(client);
    assert_true(stage_check_records(records) >= N_KILLS + 1);
}

/* Whether these bytes are in the only capture in the directory. */
static bool is_recorded(const char *records, const char *bytes, size_t len)
{
    char path[PATH_MAX];
    struct dirent **names = NULL;
    static char all[1 << 20];
    int n = scandir(records, &names, NULL, alphasort);
    assert_int_equal(n, 4); /* the case, the capture, and both dots */
    (void)snprintf(path, sizeof path, "%s/%s", records, names[3]->d_name);
    for (int i = 0; i < n; i++) {
        free(names[i]);
    }
    free(names);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size_t got = fread(all, 1, sizeof all, file);
    (void)fclose(file);
    return memmem(all, got, bytes, len) != NULL;
}

static void what_a_killed_one_left_is_put_right(void **state)
{
    static daemon_process daemon;
    char records[64];
    (void)state;
    (void)snprintf(records, sizeof records, "%s/records", stage_directory());
    const char *const more[] = {"server", "any:443", "record", records, "ttl", "600", NULL};
    const daemon_plan plan = {.flags = stage_flags(more)};
    int client = client_to(STAGE_PORT, AF_INET);
    stage_launch(&daemon, &plan);
    stage_teach(client, 0, 10);
    toa_query query = client_about(0x4c415354, "10.9.9.9:9");
    client_put(client, &query);
    assert_int_equal(client_get(client).id, query.id);
    rest(500);
    assert_int_equal(daemon_end(&daemon, SIGKILL), 1000 + SIGKILL);
    assert_true(is_recorded(records, "LAST", 4)); /* nothing is kept back for long */

    assert_true(command("(cd '%s' && head -c 10 /dev/zero >>\"$(ls -- *.pcap)\")", records));
    stage_launch(&daemon, &plan);
    daemon_must_say(&daemon, 0, ".pcap: 10 bytes at its end were half a record");
    stage_teach(client, 0, 10);
    rest(500);
    assert_int_equal(daemon_end(&daemon, SIGKILL), 1000 + SIGKILL);

    assert_true(command("cd '%s' && touch toa-20991231T235959-0000.case "
                        "toa-20991231T235959-0000.pcap && chmod 666 *.pcap",
                        records));
    stage_launch(&daemon, &plan);
    daemon_must_say(&daemon, 0, "toa-20991231T235959-0000.pcap: removed, for it holds nothing");
    stage_teach(client, 0, 10);
    (void)close(client);
    assert_int_equal(daemon_end(&daemon, SIGTERM), TOA_SERVE_ENDED);
    assert_int_equal(stage_check_records(records), 3);
}

/* ---- Questions that wait --------------------------------------------------------------------- */

enum { N_WAITING = 50, LONG_WAIT_MS = 60000, SHORT_WAIT_MS = 300 };

static void put_waiting(int client, uint32_t first, uint32_t n, uint16_t wait_ms)
{
    for (uint32_t i = 0; i < n; i++) {
        toa_query query = {.version = 2,
                           .id = first + i,
                           .fake = flood_fake(STAGE_NETWORK, first + i),
                           .wait_ms = wait_ms};
        client_put(client, &query);
    }
}

/* Datagrams are taken in the order in which they come: behind an answer, those before are. */
static void must_hold(daemon_process *daemon, int client, unsigned n)
{
    char text[32];
    size_t from = daemon->said_len;
    (void)stage_ask(client, 0, 0);
    (void)snprintf(text, sizeof text, " %u wait now", n);
    assert_int_equal(kill(daemon->pid, SIGUSR1), 0);
    daemon_must_say(daemon, from, text);
}

/* All of them, in any order, each once, and each right. */
static void get_all_found(int client, uint32_t first, uint32_t n)
{
    bool got[2 * N_WAITING] = {false};
    assert_true(n <= sizeof got);
    for (uint32_t i = 0; i < n; i++) {
        toa_reply reply = client_get(client);
        assert_in_range(reply.id, first, first + n - 1);
        assert_false(got[reply.id - first]);
        got[reply.id - first] = true;
        if (!stage_right(&reply, reply.id)) {
            fail_msg("flow %u: %s", (unsigned)reply.id, toa_word_name(reply.answer.word));
        }
    }
}

static void go_down_and_up(daemon_process *daemon, size_t from)
{
    assert_true(command("ip link set inside down"));
    daemon_must_say(daemon, from, "is down; waiting for it");
}

static void come_up(void)
{
    assert_true(command("ip link set inside up"));
}

static void go_away(daemon_process *daemon, size_t from)
{
    stage_remove_pair();
    daemon_must_say(daemon, from, "is gone; waiting for it");
}

typedef struct outage {
    const char *sentence;
    void (*begin)(daemon_process *daemon, size_t from);
    void (*end)(void);
} outage;

static void one_outage(daemon_process *daemon, const outage *row, uint32_t first)
{
    int client = client_to(STAGE_PORT, AF_INET);
    int other = client_to(STAGE_PORT, AF_INET);
    size_t from = daemon->said_len;
    printf("  %s\n", row->sentence);
    stage_teach(other, first, 1); /* known before */
    put_waiting(client, first + 1, N_WAITING, LONG_WAIT_MS);
    (void)stage_ask(other, first, 0); /* they are taken */
    row->begin(daemon, from);

    toa_reply known = stage_ask(other, first, 0);
    assert_true(stage_right(&known, first)); /* what is known goes on answering */
    put_waiting(client, first + 1 + N_WAITING, N_WAITING, LONG_WAIT_MS);
    must_hold(daemon, other, 2 * N_WAITING);
    int64_t begin = milliseconds_now();
    toa_reply reply = stage_ask(other, first + 10 * N_WAITING, SHORT_WAIT_MS);
    int64_t took = milliseconds_now() - begin;
    assert_int_equal(reply.answer.word, TOA_NEVER_SEEN); /* its time is over: the reason */
    assert_true(took >= SHORT_WAIT_MS);

    row->end();
    daemon_must_say(daemon, from, "captures again");
    stage_teach(other, first + 1, 2 * N_WAITING);
    get_all_found(client, first + 1, 2 * N_WAITING);
    (void)close(client);
    (void)close(other);
}

static void questions_wait_while_the_interface_is_away(void **state)
{
    static const outage rows[] = {
        {"down and up", go_down_and_up, come_up},
        {"deleted and made again", go_away, stage_make_pair},
        {"down and up, once more", go_down_and_up, come_up},
        {"deleted and made again, once more", go_away, stage_make_pair},
    };
    static const char *const more[] = {"server", "any:443", "ttl", "600", NULL};
    static daemon_process daemon;
    const daemon_plan plan = {.flags = stage_flags(more)};
    (void)state;
    stage_launch(&daemon, &plan);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        one_outage(&daemon, &rows[i], (uint32_t)(1 + 1000 * i));
    }
    assert_int_equal(daemon_end(&daemon, SIGTERM), TOA_SERVE_ENDED);
}

static void write_config(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(path, 0644), 0); /* it is read again as nobody */
}

static void questions_wait_while_the_capture_becomes_another(void **state)
{
    static daemon_process daemon;
    char path[64];
    const daemon_plan plan = {.config_path = path, .flags = stage_flags(NULL)};
    (void)state;
    (void)snprintf(path, sizeof path, "%s/toa_win.conf", stage_directory());
    write_config(path, "Server=any:443\nTtl=600\n");
    stage_launch(&daemon, &plan);
    int client = client_to(STAGE_PORT, AF_INET);
    int other = client_to(STAGE_PORT, AF_INET);
    stage_teach(other, 900, 1);
    put_waiting(client, 1, N_WAITING, LONG_WAIT_MS);
    (void)stage_ask(other, 900, 0); /* they are taken */

    write_config(path, "Server=any:443\nTtl=500\n");
    size_t from = daemon.said_len;
    assert_int_equal(kill(daemon.pid, SIGHUP), 0);
    daemon_must_say(&daemon, from, "the capture is another one, and begins empty");
    must_hold(&daemon, other, N_WAITING);
    toa_reply reply = stage_ask(other, 900, 0);
    assert_int_equal(reply.answer.word, TOA_NEVER_SEEN);
    stage_teach(other, 1, N_WAITING);
    get_all_found(client, 1, N_WAITING);
    (void)close(client);
    (void)close(other);
    assert_int_equal(daemon_end(&daemon, SIGTERM), TOA_SERVE_ENDED);
}

/* ---- What runs out --------------------------------------------------------------------------- */

static void limit_descriptors(pid_t pid, size_t n)
{
    struct rlimit limit;
    assert_int_equal(prlimit(pid, RLIMIT_NOFILE, NULL, &limit), 0);
    limit.rlim_cur = n;
    assert_int_equal(prlimit(pid, RLIMIT_NOFILE, &limit, NULL), 0);
}

/* While no descriptor can be opened, changes of other interfaces come, and its own goes away. */
static void no_descriptor_is_left(void **state)
{
    /* Another user's limits are not ours to set. */
    static const char *const more[] = {"server", "any:443", "ttl", "600", "user", "root", NULL};
    static daemon_process daemon;
    const daemon_plan plan = {.flags = stage_flags(more)};
    (void)state;
    stage_launch(&daemon, &plan);
    int client = client_to(STAGE_PORT, AF_INET);
    stage_teach(client, 1, 10);

    limit_descriptors(daemon.pid, 3);
    size_t from = daemon.said_len;
    assert_true(command("ip addr add 198.51.100.77/24 dev outside"));
    rest(300);
    stage_teach(client, 11, 10); /* nothing has happened to the one that it captures on */
    assert_int_equal(kill(daemon.pid, SIGUSR1), 0);
    daemon_must_say(&daemon, from, ", 0 reopens");

    stage_remove_pair();
    stage_make_pair();
    rest(600);
    assert_int_equal(stage_count_found(client, 1, 20), 20); /* it goes on answering */
    from = daemon.said_len;
    assert_int_equal(kill(daemon.pid, SIGUSR1), 0);
    daemon_must_say(&daemon, from, ", 0 reopens");

    limit_descriptors(daemon.pid, 1024);
    daemon_must_say(&daemon, from, "captures again");
    stage_teach(client, 21, 10);
    (void)close(client);
    assert_int_equal(daemon_end(&daemon, SIGTERM), TOA_SERVE_ENDED);
}

/* The file that its messages go to is full. */
static void messages_cannot_be_written(void **state)
{
    static const char *const more[] = {"server", "any:443", "ttl", "600", NULL};
    static daemon_process daemon;
    const daemon_plan plan = {.flags = stage_flags(more), .messages_to = "/dev/full"};
    (void)state;
    daemon_launch(&daemon, &plan);
    int client = client_to(STAGE_PORT, AF_INET);
    stage_teach(client, 1, 100);
    assert_int_equal(kill(daemon.pid, SIGUSR1), 0);
    assert_true(command("ip link set inside down"));
    rest(100);
    come_up();
    stage_teach(client, 101, 100);
    assert_int_equal(stage_count_found(client, 1, 200), 200);
    (void)close(client);
    assert_int_equal(daemon_end(&daemon, SIGTERM), TOA_SERVE_ENDED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(killed_while_it_is_asked, setup, teardown),
        cmocka_unit_test_setup_teardown(what_a_killed_one_left_is_put_right, setup, teardown),
        cmocka_unit_test_setup_teardown(questions_wait_while_the_interface_is_away, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(questions_wait_while_the_capture_becomes_another, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(no_descriptor_is_left, setup, teardown),
        cmocka_unit_test_setup_teardown(messages_cannot_be_written, setup, teardown),
    };
    stage_enter("what befalls the daemon");
    return cmocka_run_group_tests_name("faults", tests, NULL, NULL);
}
