/*
 * The daemon itself, over real sockets of the loopback interface: it runs in a process of its own,
 * with an engine that has read corpus/cases/showcase.pcap and whose time stands still.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include <toa/replay.h>

#include "daemon.h"

#define CAPTURE "../corpus/cases/showcase.pcap"
#define VECTORS "../corpus/vectors/query.txt"

static toa_replay *replay;
static toa_frozen frozen;

static void launch(daemon_process *daemon, const char *config_path, const char *const flags[],
                   size_t n_files)
{
    const daemon_plan plan = {
        .config_path = config_path, .flags = flags, .frozen = &frozen, .n_files = n_files};
    daemon_launch(daemon, &plan);
}

static void must_answer(int fd)
{
    toa_query query = client_about(4711, "10.0.1.8:40103");
    char text[TOA_ENDPOINT_TEXT];
    client_put(fd, &query);
    toa_reply reply = client_get(fd);
    assert_int_equal(reply.id, 4711);
    (void)toa_endpoint_format(&reply.answer.mapping.client, text);
    assert_string_equal(text, "203.0.113.130:51999");
}

/* ---- Tests ----------------------------------------------------------------------------------- */

static const char *const one_listen[] = {"listen", "127.0.0.1:0", NULL};

static unsigned digit_value(char digit)
{
    return (unsigned)(digit <= '9' ? digit - '0' : digit - 'a' + 10);
}

/* Sends a vector's bytes and holds the answer against what the engine itself says. */
static void check_vector(int fd, int marker, const char *name, const uint8_t *bytes, size_t len,
                         bool sound)
{
    uint8_t got[2000];
    uint8_t wanted[TOA_DATAGRAM_MAX];
    toa_query query;
    toa_answer answer;
    assert_int_equal(send(fd, bytes, len, 0), (ssize_t)len);
    if (!sound) {
        must_answer(marker); /* it was taken, and nothing came back: datagrams keep their order */
        assert_int_equal(client_receive(fd, got, sizeof got, 0), -1);
        return;
    }
    assert_int_equal(toa_query_decode(bytes, len, &query), TOA_FOUND);
    if (query.wait_ms > 1000) {
        return; /* test_waits */
    }
    (void)toa_engine_lookup(frozen.engine, &query.fake,
                            query.server.version == 0 ? NULL : &query.server, frozen.at, &answer);
    size_t wanted_len = toa_reply_encode(&query, &answer, wanted);
    ssize_t n = client_receive(fd, got, sizeof got, DAEMON_PATIENCE_MS);
    if (n != (ssize_t)wanted_len || memcmp(got, wanted, wanted_len) != 0) {
        fail_msg("%s: another answer", name);
    }
}

static void test_vectors(void **state)
{
    daemon_process daemon;
    char line[1000];
    size_t n = 0;
    FILE *file = fopen(VECTORS, "r");
    (void)state;
    assert_non_null(file);
    launch(&daemon, NULL, one_listen, 0);
    daemon_read_ports(&daemon, 0, 1);
    int fd = client_to(daemon.ports[0], AF_INET);
    int marker = client_to(daemon.ports[0], AF_INET);
    while (fgets(line, sizeof line, file) != NULL) {
        uint8_t bytes[200];
        char *rest = NULL;
        const char *name = strtok_r(line, " \n", &rest);
        const char *direction = line[0] == '#' || name == NULL ? NULL : strtok_r(NULL, " ", &rest);
        if (direction == NULL) {
            continue;
        }
        const char *result = strtok_r(NULL, " ", &rest);
        const char *hex = strtok_r(NULL, " \n", &rest);
        size_t len = strcmp(hex, "-") == 0 ? 0 : strlen(hex) / 2;
        for (size_t i = 0; i < len; i++) {
            bytes[i] = (uint8_t)(digit_value(hex[2 * i]) << 4 | digit_value(hex[2 * i + 1]));
        }
        /* The cut answer of version 1 is a question by its length. */
        toa_query query;
        bool sound = toa_query_decode(bytes, len, &query) == TOA_FOUND;
        assert_true(strcmp(direction, "answer") == 0 || sound == (strcmp(result, "found") == 0));
        check_vector(fd, marker, name, bytes, len, sound);
        n++;
    }
    assert_true(n > 50);
    (void)fclose(file);
    (void)close(fd);
    (void)close(marker);
    assert_int_equal(daemon_end(&daemon, SIGTERM), TOA_SERVE_ENDED);
}

static int64_t milliseconds_now(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void test_waits(void **state)
{
    daemon_process daemon;
    (void)state;
    launch(&daemon, NULL, one_listen, 0);
    daemon_read_ports(&daemon, 0, 1);
    int fd = client_to(daemon.ports[0], AF_INET);
    int64_t begin = milliseconds_now();
    toa_query later = client_about(1, "10.9.9.9:1");
    toa_query sooner = client_about(2, "10.9.9.9:1");
    toa_query known = client_about(3, "10.0.1.8:40103");
    later.wait_ms = 400;
    sooner.wait_ms = 200;
    known.wait_ms = 60000;
    client_put(fd, &later);
    client_put(fd, &sooner);
    client_put(fd, &known);
    assert_int_equal(client_get(fd).id, 3);
    assert_true(milliseconds_now() - begin < 200 || getenv("TOA_SLOW") != NULL);
    toa_reply reply = client_get(fd);
    assert_int_equal(reply.id, 2);
    assert_int_equal(reply.answer.word, TOA_NEVER_SEEN);
    assert_true(milliseconds_now() - begin >= 200);
    assert_int_equal(client_get(fd).id, 1);
    assert_true(milliseconds_now() - begin >= 400);
    (void)close(fd);
    assert_int_equal(daemon_end(&daemon, SIGINT), TOA_SERVE_ENDED);
}

static void test_a_full_table_answers_early(void **state)
{
    static const char *const flags[] = {"listen", "127.0.0.1:0", "held", "3", NULL};
    daemon_process daemon;
    (void)state;
    launch(&daemon, NULL, flags, 0);
    daemon_read_ports(&daemon, 0, 1);
    int fd = client_to(daemon.ports[0], AF_INET);
    for (uint32_t i = 1; i <= 5; i++) {
        toa_query query = client_about(i, "10.9.9.9:1");
        query.wait_ms = 60000;
        client_put(fd, &query);
    }
    assert_int_equal(client_get(fd).id, 4);
    assert_int_equal(client_get(fd).id, 5);
    assert_int_equal(kill(daemon.pid, SIGUSR1), 0);
    daemon_must_say(&daemon, 0, "3 waited, 3 wait now, 3 at most at once, 2 found no room to wait");
    (void)close(fd);
    assert_int_equal(daemon_end(&daemon, SIGTERM), TOA_SERVE_ENDED); /* questions wait, it ends */
}

/* What is touched for the first time is in it: buffers of 64 datagrams, places of waiters. */
static void must_be_flat(const daemon_process *daemon, size_t before_kib)
{
    size_t after = daemon_resident_kib(daemon);
    printf("  %zu KiB, %zu before\n", after, before_kib);
    assert_true(daemon_sanitized || after <= before_kib + 256);
}

static void test_garbage_does_no_harm(void **state)
{
    daemon_process daemon;
    uint8_t bytes[2000];
    uint32_t random = 3;
    (void)state;
    launch(&daemon, NULL, one_listen, 0);
    daemon_read_ports(&daemon, 0, 1);
    int fd = client_to(daemon.ports[0], AF_INET);
    int other = client_to(daemon.ports[0], AF_INET);
    must_answer(other);
    size_t before = daemon_resident_kib(&daemon);
    for (size_t i = 0; i < 200000; i++) {
        random = random * 1664525 + 1013904223;
        for (size_t k = 0; k < 24; k++) {
            bytes[random >> 8 & 1023] = (uint8_t)(random >> 24);
            random = random * 1664525 + 1013904223;
        }
        size_t len = random % sizeof bytes;
        len += len == TOA_QUERY_V1_LEN;
        (void)send(fd, bytes, len, MSG_DONTWAIT);
        if (i % 20000 == 0) {
            toa_query query = client_about(1, "10.0.1.8:40103");
            client_put(other, &query); /* may be lost in the flood */
        }
    }
    struct timespec moment = {.tv_nsec = 300000000};
    (void)nanosleep(&moment, NULL);
    while (client_receive(other, bytes, sizeof bytes, 0) >= 0) {
    }
    must_answer(other);
    must_be_flat(&daemon, before);
    assert_int_equal(client_receive(fd, bytes, sizeof bytes, 0), -1); /* no answer to any of them */
    (void)close(fd);
    (void)close(other);
    assert_int_equal(daemon_end(&daemon, SIGTERM), TOA_SERVE_ENDED);
}

static void test_a_thousand_clients(void **state)
{
    enum { CLIENTS = 1000 };
    const struct rlimit limit = {4096, 4096};
    daemon_process daemon;
    int *fds = malloc(CLIENTS * sizeof fds[0]);
    (void)state;
    assert_non_null(fds);
    (void)setrlimit(RLIMIT_NOFILE, &limit);
    launch(&daemon, NULL, one_listen, 0);
    daemon_read_ports(&daemon, 0, 1);
    for (uint32_t i = 0; i < CLIENTS; i++) {
        fds[i] = client_to(daemon.ports[0], AF_INET);
    }
    must_answer(fds[0]);
    size_t before = daemon_resident_kib(&daemon);
    for (uint32_t round = 0; round < 5; round++) {
        for (uint32_t i = 0; i < CLIENTS; i++) {
            toa_query query = client_about(round * CLIENTS + i, "10.0.1.8:40103");
            client_put(fds[i], &query);
        }
        for (uint32_t i = 0; i < CLIENTS; i++) {
            toa_reply reply = client_get(fds[i]);
            assert_int_equal(reply.id, round * CLIENTS + i);
            assert_int_equal(reply.answer.word, TOA_FOUND);
        }
    }
    must_be_flat(&daemon, before);
    for (uint32_t i = 0; i < CLIENTS; i++) {
        (void)close(fds[i]);
    }
    free(fds);
    assert_int_equal(daemon_end(&daemon, SIGTERM), TOA_SERVE_ENDED);
}

/* Many questions that the daemon finds at once, in runs from two clients and of both versions: each
 * client gets its own answers, as many datagrams as it asked, in its order. */
static void check_batch(const daemon_process *daemon, uint16_t port)
{
    enum { QUESTIONS = 150 };
    const int fds[2] = {client_to(port, AF_INET), client_to(port, AF_INET)};
    assert_int_equal(kill(daemon->pid, SIGSTOP), 0);
    for (uint32_t i = 0; i < QUESTIONS; i++) {
        toa_query query = client_about(i, "10.0.1.8:40103");
        query.version = i / 3 % 2 == 0 ? 2 : 1;
        client_put(fds[i / 7 % 2], &query);
    }
    assert_int_equal(kill(daemon->pid, SIGCONT), 0);
    for (uint32_t i = 0; i < QUESTIONS; i++) {
        toa_reply reply = client_get(fds[i / 7 % 2]);
        assert_int_equal(reply.id, i);
        assert_int_equal(reply.version, i / 3 % 2 == 0 ? 2 : 1);
        assert_int_equal(reply.answer.word, TOA_FOUND);
    }
    (void)close(fds[0]);
    (void)close(fds[1]);
}

static void test_many_questions_at_once(void **state)
{
    static const char *const flags[] = {"listen", "127.0.0.1:0", "listen", "0.0.0.0:0",
                                        "allow",  "127.0.0.0/8", NULL};
    daemon_process daemon;
    (void)state;
    launch(&daemon, NULL, flags, 0);
    daemon_read_ports(&daemon, 0, 2);
    check_batch(&daemon, daemon.ports[0]);
    check_batch(&daemon, daemon.ports[1]);
    assert_int_equal(daemon_end(&daemon, SIGTERM), TOA_SERVE_ENDED);
}

static void test_several_sockets(void **state)
{
    static const char *const flags[] = {"listen", "127.0.0.1:0", "listen", "127.0.0.2:0",
                                        "listen", "0.0.0.0:0",   "allow",  "127.0.0.0/8",
                                        "allow",  "::1",         NULL};
    daemon_process daemon;
    (void)state;
    launch(&daemon, NULL, flags, 0);
    daemon_read_ports(&daemon, 0, 3);
    int first = client_to(daemon.ports[0], AF_INET);
    must_answer(first);
    int wildcard = client_to(daemon.ports[2], AF_INET);
    must_answer(wildcard);
    /* A wildcard socket answers from the address that was asked: a connected client sees it. */
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(daemon.ports[2])};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 0x40);
    assert_int_equal(connect(wildcard, (const struct sockaddr *)&to, sizeof to), 0);
    must_answer(wildcard);
    toa_query held = client_about(9, "10.9.9.9:1");
    held.wait_ms = 1;
    client_put(wildcard, &held);
    assert_int_equal(client_get(wildcard).id, 9);
    (void)close(first);
    (void)close(wildcard);
    assert_int_equal(daemon_end(&daemon, SIGTERM), TOA_SERVE_ENDED);
}

static void test_ip6(void **state)
{
    static const char *const flags[] = {"listen", "[::1]:0", NULL};
    daemon_process daemon;
    (void)state;
    launch(&daemon, NULL, flags, 0);
    if (!daemon_says(&daemon, 0, "listening on [::1]:")) {
        (void)close(daemon.messages);
        assert_int_equal(waitpid(daemon.pid, NULL, 0), daemon.pid);
        print_message("IPv6 is not there; not tested\n");
        skip();
    }
    daemon_read_ports(&daemon, 0, 1);
    int fd = client_to(daemon.ports[0], AF_INET6);
    must_answer(fd);
    toa_query held = client_about(9, "10.9.9.9:1");
    held.wait_ms = 1;
    client_put(fd, &held);
    assert_int_equal(client_get(fd).id, 9);
    (void)close(fd);
    assert_int_equal(daemon_end(&daemon, SIGTERM), TOA_SERVE_ENDED);
}

static void test_who_is_not_allowed_hears_nothing(void **state)
{
    static const char *const flags[] = {"listen", "127.0.0.1:0", "allow", "10.0.0.0/8", NULL};
    daemon_process daemon;
    uint8_t bytes[100];
    toa_query query = client_about(1, "10.0.1.8:40103");
    (void)state;
    launch(&daemon, NULL, flags, 0);
    daemon_read_ports(&daemon, 0, 1);
    int fd = client_to(daemon.ports[0], AF_INET);
    client_put(fd, &query);
    assert_int_equal(client_receive(fd, bytes, sizeof bytes, 200), -1);
    assert_int_equal(kill(daemon.pid, SIGUSR1), 0);
    daemon_must_say(&daemon, 0, "1 from askers that are not allowed");
    (void)close(fd);
    assert_int_equal(daemon_end(&daemon, SIGTERM), TOA_SERVE_ENDED);
}

static void write_config(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fputs(text, file) >= 0, 1);
    assert_int_equal(fclose(file), 0);
}

static size_t hang_up(daemon_process *daemon, const char *says)
{
    size_t from = daemon->said_len;
    assert_int_equal(kill(daemon->pid, SIGHUP), 0);
    daemon_must_say(daemon, from, says);
    return from;
}

static void test_reload(void **state)
{
    static const char *const none[] = {NULL};
    char path[] = "/tmp/toa-test-serve-XXXXXX";
    daemon_process daemon;
    uint8_t bytes[100];
    toa_query query = client_about(1, "10.0.1.8:40103");
    (void)state;
    int made = mkstemp(path);
    assert_true(made >= 0);
    (void)close(made);
    assert_int_equal(chmod(path, 0644), 0); /* it is read again as nobody */
    write_config(path, "ServerListenPortList=443\nListen=127.0.0.1:0\n");
    launch(&daemon, path, none, 0);
    daemon_read_ports(&daemon, 0, 1);
    int fd = client_to(daemon.ports[0], AF_INET);
    must_answer(fd);

    write_config(path, "ServerListenPortList=443\nListn=127.0.0.1:0\n");
    size_t from = hang_up(&daemon, "not reloaded; the old configuration goes on");
    daemon_must_say(&daemon, from, ":2: 'Listn': unknown key");
    must_answer(fd);

    write_config(path, "ServerListenPortList=443\nListen=127.0.0.1:0 192.0.2.99:1\nAllow=::/0\n");
    from = hang_up(&daemon, "not reloaded; the old configuration goes on");
    daemon_must_say(&daemon, from, "cannot listen on 192.0.2.99:1");
    must_answer(fd); /* who may ask is as before, too */

    write_config(path, "ServerListenPortList=443\nListen=127.0.0.1:0 127.0.0.2:0\n");
    from = hang_up(&daemon, "reloaded: ");
    must_answer(fd); /* the socket that was there is the same */
    assert_null(strstr(daemon.said + from, "listening on 127.0.0.1"));

    write_config(path, "ServerListenPortList=443\nListen=127.0.0.1:0\nAllow=10.0.0.0/8\n");
    (void)hang_up(&daemon, "reloaded: ");
    client_put(fd, &query);
    assert_int_equal(client_receive(fd, bytes, sizeof bytes, 200), -1);

    write_config(path, "ServerListenPortList=443\nListen=127.0.0.2:0\n");
    from = daemon.said_len;
    (void)hang_up(&daemon, "reloaded: ");
    daemon_read_ports(&daemon, from, 1);
    (void)close(fd);
    assert_int_equal(daemon_end(&daemon, SIGTERM), TOA_SERVE_ENDED);
    assert_int_equal(unlink(path), 0);
}

static void test_the_limit_of_file_descriptors(void **state)
{
    static const char *const none[] = {NULL};
    char path[] = "/tmp/toa-test-serve-XXXXXX";
    daemon_process daemon;
    (void)state;
    int made = mkstemp(path);
    assert_true(made >= 0);
    (void)close(made);
    assert_int_equal(chmod(path, 0644), 0);
    write_config(path, "ServerListenPortList=443\nListen=127.0.0.1:0\n");
    /* Enough to start, with the two that the sandbox's rules take, and too few for the sockets. */
    int next = dup(STDERR_FILENO);
    assert_true(next >= 0);
    (void)close(next);
    launch(&daemon, path, none, (size_t)next + 8);
    daemon_read_ports(&daemon, 0, 1);
    int fd = client_to(daemon.ports[0], AF_INET);
    write_config(path, "ServerListenPortList=443\nListen=127.0.0.1:0 127.0.0.2:0 127.0.0.3:0 "
                       "127.0.0.4:0 127.0.0.5:0 127.0.0.6:0 127.0.0.7:0\n");
    for (size_t i = 0; i < 20; i++) {
        size_t from = hang_up(&daemon, "not reloaded; the old configuration goes on");
        daemon_must_say(&daemon, from, "Too many open files");
        must_answer(fd);
    }
    (void)close(fd);
    assert_int_equal(daemon_end(&daemon, SIGTERM), TOA_SERVE_ENDED);
    assert_int_equal(unlink(path), 0);
}

static void test_what_cannot_start(void **state)
{
    static const struct {
        const char *config_path;
        const char *flags[5];
        toa_serve_result result;
        const char *says;
    } rows[] = {
        {NULL, {"listen", "0.0.0.0:0", NULL}, TOA_SERVE_BAD_CONFIG, "say who may ask"},
        {"/no/such.conf", {NULL}, TOA_SERVE_BAD_CONFIG, "/no/such.conf: No such file"},
        {NULL,
         {"listen", "192.0.2.1:9", "allow", "::1", NULL},
         TOA_SERVE_FAILED,
         "cannot listen on 192.0.2.1:9: Cannot assign"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        daemon_process daemon;
        int status = 0;
        launch(&daemon, rows[i].config_path, rows[i].flags, 0);
        daemon_must_say(&daemon, 0, rows[i].says);
        assert_int_equal(waitpid(daemon.pid, &status, 0), daemon.pid);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), rows[i].result);
        (void)close(daemon.messages);
    }
}

static int read_capture(void **state)
{
    toa_settings settings;
    const toa_sink sink = {.context = NULL};
    const char *error = NULL;
    (void)state;
    toa_settings_init(&settings);
    replay = toa_replay_new(&settings, &sink, &error);
    if (replay == NULL || toa_replay_file(replay, CAPTURE) != TOA_REPLAY_DONE) {
        return 1;
    }
    frozen = (toa_frozen){toa_replay_engine(replay), 6 * TOA_SECOND};
    toa_settings_free(&settings);
    return 0;
}

static int free_capture(void **state)
{
    daemon_kill_left();
    (void)state;
    toa_replay_free(replay);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_waits),
        cmocka_unit_test(test_a_full_table_answers_early),
        cmocka_unit_test(test_garbage_does_no_harm),
        cmocka_unit_test(test_a_thousand_clients),
        cmocka_unit_test(test_many_questions_at_once),
        cmocka_unit_test(test_several_sockets),
        cmocka_unit_test(test_ip6),
        cmocka_unit_test(test_who_is_not_allowed_hears_nothing),
        cmocka_unit_test(test_reload),
        cmocka_unit_test(test_the_limit_of_file_descriptors),
        cmocka_unit_test(test_what_cannot_start),
    };
    return cmocka_run_group_tests_name("serve", tests, read_capture, free_capture);
}
