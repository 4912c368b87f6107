/*
 * The capture thread on interfaces of a network namespace of the test's own: what starts and what
 * does not, what is found, what happens when interfaces come and go.
 */
#define _GNU_SOURCE

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <linux/seccomp.h>
#include <malloc.h>
#include <net/if.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <toa/live.h>

#include "../../engine/state.h"
#include "../../parser/tests/frame.h"
#include "namespace.h"

#define SECOND      TOA_SECOND
#define MILLISECOND (TOA_SECOND / 1000)

/* ---- Captures -----------------------------------------------------------------------------------
 */

typedef struct changes {
    _Atomic int n;
    _Atomic int last;
} changes;

static void on_change(void *context, toa_live_error error, const char *text)
{
    changes *seen = context;
    printf("  changed: %s\n", text);
    atomic_store(&seen->last, (int)error);
    (void)atomic_fetch_add(&seen->n, 1);
}

static toa_live_error try_start(toa_live **live, const char *interface, changes *seen, char *text,
                                size_t size)
{
    toa_dialects dialects;
    toa_server server;
    size_t n = 0;
    toa_dialects_default(&dialects);
    assert_null(toa_servers_parse("any:443", 7, &server, 1, &n));
    toa_config config = {
        .dialects = &dialects, .servers = &server, .n_servers = 1, .ttl = TOA_TTL_DEFAULT};
    toa_live_options options = {
        .interface = interface,
        .config = &config,
        .n_records = 1024,
        .buffer_size = (size_t)1024 * 1024,
        .changed = seen == NULL ? NULL : on_change,
        .context = seen,
    };
    return toa_live_start(live, &options, text, size);
}

static toa_live *start(const char *interface, changes *seen)
{
    toa_live *live = NULL;
    char text[512] = "";
    if (try_start(&live, interface, seen, text, sizeof text) != TOA_LIVE_OK) {
        fail_msg("%s: %s", interface, text);
    }
    assert_string_equal(text, "");
    return live;
}

static int sender = -1; /* one for all: closing a packet socket waits for all processors */

/* Sends a frame of these layers out of an interface; if it is TCP, a SYN from this port. */
static void send_syn(const char *interface, const char *layers, uint16_t port)
{
    static frame f;
    struct sockaddr_ll to = {.sll_family = AF_PACKET,
                             .sll_ifindex = (int)if_nametoindex(interface)};
    toa_segment segment;
    frame_build(&f, layers);
    if (toa_segment_parse(frame_bytes(&f), frame_len(&f), TOA_LINK_ETHERNET, true, &segment) ==
        TOA_FOUND) {
        uint8_t *tcp = f.room + (segment.options.at - f.room) - 20;
        frame_set16(tcp, port);
        tcp[13] = TOA_TCP_SYN;
    }
    assert_true(sender >= 0);
    ssize_t sent =
        sendto(sender, frame_bytes(&f), frame_len(&f), 0, (const struct sockaddr *)&to, sizeof to);
    if (sent != (ssize_t)frame_len(&f)) {
        fail_msg("%s out of %s: %zd", layers, interface, sent);
    }
}

static toa_endpoint fake_of(const char *text, uint16_t port)
{
    toa_endpoint fake;
    assert_null(toa_endpoint_parse(text, strlen(text), &fake));
    fake.port = port;
    return fake;
}

static toa_word ask(toa_live *live, const char *text, uint16_t port, toa_time wait)
{
    toa_answer answer;
    toa_endpoint fake = fake_of(text, port);
    return toa_live_lookup(live, &fake, NULL, wait, &answer);
}

/* Until the status is this one, for five seconds at most. */
static void await_status(const toa_live *live, toa_live_error status)
{
    toa_time end = toa_live_now(live) + 5 * SECOND;
    while (toa_live_status(live) != status) {
        struct timespec little = {.tv_nsec = 1000000};
        assert_true(toa_live_now(live) < end);
        (void)nanosleep(&little, NULL);
    }
}

static void run(const char *line)
{
    if (!command("%s", line)) {
        fail_msg("%s", line);
    }
}

static int make_pair(void **state)
{
    (void)state;
    run("ip link add inside type veth peer name outside");
    run("ip link set inside up");
    run("ip link set outside up");
    run("ip addr add 198.51.100.2/24 dev inside");
    run("ip addr add 2001:db8::2/64 dev inside nodad");
    return 0;
}

static int remove_pair(void **state)
{
    (void)state;
    (void)command("ip link del inside 2>/dev/null");
    return 0;
}

/* ---- What starts --------------------------------------------------------------------------------
 */

static void a_capture_that_cannot_start_says_why(void **state)
{
    static const struct {
        const char *interface;
        toa_live_error error;
        const char *says;
    } rows[] = {
        {"inside", TOA_LIVE_OK, ""},
        {"any", TOA_LIVE_OK, ""},
        {"198.51.100.2", TOA_LIVE_OK, ""},
        {"2001:db8::2", TOA_LIVE_OK, ""},
        {"198.51.100", TOA_LIVE_BAD_ADDRESS, "is no address"},
        {"198.51.100.256", TOA_LIVE_BAD_ADDRESS, "is no address"},
        {"2001:db8:::2", TOA_LIVE_BAD_ADDRESS, "is no address"},
        {"", TOA_LIVE_BAD_ADDRESS, "is no address"},
        {"198.51.100.3", TOA_LIVE_NO_INTERFACE, "198.51.100.3"},
        {"2001:db8::3", TOA_LIVE_NO_INTERFACE, "2001:db8::3"},
        {"absent0", TOA_LIVE_NO_INTERFACE, "absent0"},
        {"below", TOA_LIVE_NO_START, "ip link set below up"},
    };
    (void)state;
    run("ip link add below type veth peer name beyond");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        toa_live *live = NULL;
        char text[512] = "untouched";
        toa_live_error error = try_start(&live, rows[i].interface, NULL, text, sizeof text);
        if (error != rows[i].error || strstr(text, rows[i].says) == NULL) {
            fail_msg("%s: %d, %s", rows[i].interface, (int)error, text);
        }
        assert_int_equal(live != NULL, error == TOA_LIVE_OK);
        toa_live_stop(live);
    }
    run("ip link del below");
}

static void without_the_right_it_says_how_to_get_it(void **state)
{
    (void)state;
    pid_t child = fork();
    if (child == 0) {
        toa_live *live = NULL;
        char text[512] = "";
        if (setresuid(65534, 65534, 65534) != 0) {
            _exit(EXIT_SKIPPED); /* nobody else lives in this user namespace */
        }
        toa_live_error error = try_start(&live, "inside", NULL, text, sizeof text);
        fprintf(stderr, "  %s\n", text);
        _exit(error == TOA_LIVE_NO_OPEN && strstr(text, "setcap cap_net_raw+ep") != NULL ? 0 : 1);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    if (WEXITSTATUS(status) == EXIT_SKIPPED) {
        fprintf(stderr, "*** SKIPPED: no other user to become ***\n");
        skip();
    }
    assert_int_equal(status, 0);
}

/* A key that somebody who chooses the traffic knows would let him fill one bucket. */
static void every_capture_has_a_hash_key_of_its_own(void **state)
{
    toa_live *one = start("inside", NULL);
    toa_live *another = start("inside", NULL);
    const uint64_t *keys[] = {toa_live_engine(one)->table.hash_key,
                              toa_live_engine(another)->table.hash_key};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        assert_true(keys[0][i] != keys[1][i]);
        assert_true(keys[i][0] != 0 && keys[i][1] != 0 && keys[i][0] != keys[i][1]);
    }
    toa_live_stop(one);
    toa_live_stop(another);
}

/* From here on, getrandom() is not there. */
static bool take_random_away(void)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getrandom, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const struct sock_fprog program = {.len = sizeof filter / sizeof filter[0], .filter = filter};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

static void without_random_numbers_nothing_starts(void **state)
{
    (void)state;
    pid_t child = fork();
    if (child == 0) {
        toa_live *live = NULL;
        char text[512] = "";
        toa_live_error error =
            take_random_away() ? try_start(&live, "inside", NULL, text, sizeof text) : TOA_LIVE_OK;
        fprintf(stderr, "  %s\n", text);
        _exit(error == TOA_LIVE_NO_MEMORY && strstr(text, "random") != NULL ? 0 : 1);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

/* ---- Nothing stays behind
 * ------------------------------------------------------------------------ */

static size_t entries(const char *directory)
{
    size_t n = 0;
    DIR *all = opendir(directory);
    assert_non_null(all);
    while (readdir(all) != NULL) {
        n++;
    }
    (void)closedir(all);
    return n;
}

/* 0 under sanitizers, which do not say. */
static size_t allocated_bytes(void)
{
    struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

enum { N_STARTING = 50 };

/* How often is what the context points to. Returns the context when a start failed. */
static void *start_and_stop(void *context)
{
    for (size_t i = 0; i < *(const size_t *)context; i++) {
        toa_live *live = NULL;
        if (try_start(&live, "inside", NULL, NULL, 0) != TOA_LIVE_OK) {
            return context;
        }
        if (i % 10 == 0) {
            (void)ask(live, FRAME_SOURCE_4, 1, 0);
        }
        toa_live_stop(live);
    }
    return NULL;
}

/* Closing a packet socket waits for all processors, so many are started at the same time. */
static void start_and_stop_on_threads(size_t n_each)
{
    pthread_t threads[N_STARTING];
    for (size_t i = 0; i < N_STARTING; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, start_and_stop, &n_each), 0);
    }
    for (size_t i = 0; i < N_STARTING; i++) {
        void *failure = NULL;
        assert_int_equal(pthread_join(threads[i], &failure), 0);
        assert_null(failure);
    }
}

static void a_thousand_starts_and_stops_leave_nothing(void **state)
{
    (void)state;
    start_and_stop_on_threads(1); /* what libraries keep for ever */
    size_t files = entries("/proc/self/fd");
    size_t threads = entries("/proc/self/task");
    size_t before = allocated_bytes();
    start_and_stop_on_threads(20);
    size_t after = allocated_bytes();
    printf("  %zu bytes before, %zu after\n", before, after);
    assert_int_equal(entries("/proc/self/fd"), files);
    assert_int_equal(entries("/proc/self/task"), threads);
    assert_true(after < before + (size_t)8 * 1024);
    toa_live_stop(NULL);
}

/* ---- What is found
 * -------------------------------------------------------------------------------- */

static void frames_of_every_layer_are_found(void **state)
{
    static const struct {
        const char *layers;
        const char *fake;
    } rows[] = {
        {"eth ip4 tcp", FRAME_SOURCE_4},
        {"eth ip6 tcp", FRAME_SOURCE_6},
        {"eth tag ip4 tcp", FRAME_SOURCE_4}, /* the kernel takes this tag out */
        {"eth tag ip6 tcp", FRAME_SOURCE_6},
        {"eth,type=0x88a8 tag ip4 tcp", FRAME_SOURCE_4},
        {"eth,type=0x88a8 tag tag ip6 tcp", FRAME_SOURCE_6},
        {"eth ip4,ihl=15 tcp,options=40", FRAME_SOURCE_4},
        {"eth ip6 hop dest tcp", FRAME_SOURCE_6},
        {"eth ip4 tcp data=1300", FRAME_SOURCE_4},
    };
    static const char *const interfaces[] = {"inside", "any", "outside"};
    (void)state;
    for (size_t k = 0; k < sizeof interfaces / sizeof interfaces[0]; k++) {
        toa_live *live = start(interfaces[k], NULL);
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
            uint16_t port = (uint16_t)(1000 + i);
            if (strcmp(interfaces[k], "any") == 0 && strstr(rows[i].layers, "tag tag") != NULL) {
                continue; /* newer kernels hand these over in a form that nobody can read */
            }
            assert_int_equal(ask(live, rows[i].fake, port, 0), TOA_NEVER_SEEN);
            send_syn("outside", rows[i].layers, port);
            toa_word word = ask(live, rows[i].fake, port, 0);
            if (word != TOA_FOUND) {
                fail_msg("%s on %s: %s", rows[i].layers, interfaces[k], toa_word_name(word));
            }
        }
        toa_live_stop(live);
    }
}

static toa_live *start_opening(bool open_tunnels)
{
    toa_dialects dialects;
    toa_server server;
    toa_live *live = NULL;
    size_t n = 0;
    toa_dialects_default(&dialects);
    assert_null(toa_servers_parse("any:443", 7, &server, 1, &n));
    toa_config config = {.dialects = &dialects,
                         .servers = &server,
                         .n_servers = 1,
                         .ttl = TOA_TTL_DEFAULT,
                         .open_tunnels = open_tunnels};
    toa_live_options options = {.interface = "inside", .config = &config};
    assert_int_equal(toa_live_start(&live, &options, NULL, 0), TOA_LIVE_OK);
    return live;
}

/* How much of a frame is captured is enough for these; the last of each kind is one too long. */
static void tall_stacks_of_headers_are_captured_whole(void **state)
{
    static const struct {
        const char *layers;
        const char *fake;
        bool tunnels;
        toa_word word;
    } rows[] = {
        {"eth tag tag ip4,ihl=15 tcp,options=40", FRAME_SOURCE_4, false, TOA_FOUND},
        {"eth tag tag ip6 hop,words=6 dest,words=7 tcp,options=40", FRAME_SOURCE_6, false,
         TOA_FOUND},
        {"eth tag tag ip6 hop,words=15 dest,words=15 tcp,options=40", FRAME_SOURCE_6, false,
         TOA_NEVER_SEEN},
        {"eth ip4 udp vxlan eth ip4 tcp,options=40", FRAME_SOURCE_4, true, TOA_FOUND},
        {"eth tag ip6 udp geneve,words=31 eth tag ip6 hop,words=6 tcp,options=40", FRAME_SOURCE_6,
         true, TOA_FOUND},
        {"eth tag ip4,ihl=15 gre ip4,ihl=15 tcp,options=40", FRAME_SOURCE_4, true, TOA_FOUND},
        {"eth ip4 ip6 hop,words=30 dest,words=30 tcp,options=40", FRAME_SOURCE_6, true,
         TOA_NEVER_SEEN},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint16_t port = (uint16_t)(2000 + i);
        toa_counters verdicts;
        toa_live *live = start_opening(rows[i].tunnels);
        send_syn("outside", rows[i].layers, port);
        toa_word word = ask(live, rows[i].fake, port, 0);
        toa_engine_counters(toa_live_engine(live), &verdicts);
        if (word != rows[i].word ||
            (verdicts.verdicts[TOA_TRUNCATED] != 0) != (word != TOA_FOUND)) {
            fail_msg("%s: %s, %llu truncated", rows[i].layers, toa_word_name(word),
                     (unsigned long long)verdicts.verdicts[TOA_TRUNCATED]);
        }
        toa_live_stop(live);
    }
}

static void what_is_not_watched_stays_in_the_kernel(void **state)
{
    toa_live_counters counters;
    toa_counters verdicts;
    toa_live *live = start("inside", NULL);
    (void)state;
    send_syn("outside", "eth ip4,protocol=17 tcp", 7);
    send_syn("outside", "eth ip4 tcp,options=0", 7);
    assert_int_equal(ask(live, FRAME_SOURCE_4, 7, 0), TOA_PENDING);
    toa_live_counters_get(live, &counters);
    toa_engine_counters(toa_live_engine(live), &verdicts);
    /* reports of multicast listeners have an extension header, so they come up */
    assert_int_equal(counters.captured - verdicts.verdicts[TOA_FOREIGN], 1);
    assert_int_equal(verdicts.verdicts[TOA_OPEN], 1);
    assert_int_equal(counters.kernel_drops, 0);
    assert_int_equal(counters.lookups, 1);
    assert_true(counters.dropped_at == INT64_MIN);
    toa_live_stop(live);
}

/* Sends until one is there: a veth drops frames for a moment after its peer came up. */
static void expect_found(toa_live *live, uint16_t port)
{
    toa_time end = toa_live_now(live) + 5 * SECOND;
    do {
        send_syn("outside", "eth ip4 tcp", port);
        assert_true(toa_live_now(live) < end);
    } while (ask(live, FRAME_SOURCE_4, port, MILLISECOND) != TOA_FOUND);
}

/* ---- What is lost
 * -------------------------------------------------------------------------------- */

enum { N_BURST = 4000 };

static _Atomic bool slow; /* whoever reads the ring is */

static void read_slowly(void *context, const toa_live_frame *frame)
{
    struct timespec little = {.tv_nsec = 1000000};
    (void)context;
    (void)frame;
    while (atomic_load(&slow)) {
        (void)nanosleep(&little, NULL);
    }
}

static toa_live *start_slow(size_t buffer_size)
{
    toa_dialects dialects;
    toa_server server;
    toa_live *live = NULL;
    size_t n = 0;
    toa_dialects_default(&dialects);
    assert_null(toa_servers_parse("any:443", 7, &server, 1, &n));
    toa_config config = {
        .dialects = &dialects, .servers = &server, .n_servers = 1, .ttl = 2 * SECOND};
    toa_live_options options = {
        .interface = "inside", .config = &config, .buffer_size = buffer_size, .frame = read_slowly};
    assert_int_equal(toa_live_start(&live, &options, NULL, 0), TOA_LIVE_OK);
    return live;
}

/* A burst while nobody reads, then a question about nobody. */
static toa_word ask_behind_a_burst(toa_live *live)
{
    expect_found(live, 60001);
    atomic_store(&slow, true);
    for (unsigned i = 0; i < N_BURST; i++) {
        send_syn("outside", "eth ip4 tcp", (uint16_t)(1 + i));
    }
    atomic_store(&slow, false);
    return ask(live, FRAME_SOURCE_4, 60002, 0);
}

static void what_the_kernel_drops_is_counted_and_named(void **state)
{
    static const struct {
        size_t buffer_size;
        toa_word word;
    } rows[] = {
        {(size_t)64 * 1024, TOA_CAPTURE_DROPS},
        {(size_t)16 * 1024 * 1024, TOA_NEVER_SEEN},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        toa_live_counters counters;
        toa_live *live = start_slow(rows[i].buffer_size);
        bool drops = rows[i].word == TOA_CAPTURE_DROPS;
        assert_int_equal(ask_behind_a_burst(live), rows[i].word);
        assert_int_equal(ask(live, FRAME_SOURCE_4, 60001, 0), TOA_FOUND); /* that is no miss */
        toa_live_counters_get(live, &counters);
        printf("  a ring of %zu KiB: %llu frames, %llu drops\n", rows[i].buffer_size / 1024,
               (unsigned long long)counters.captured, (unsigned long long)counters.kernel_drops);
        assert_int_equal(counters.kernel_drops > 0, drops);
        assert_int_equal(counters.dropped_at != INT64_MIN, drops);
        assert_int_equal(counters.misses_after_drops, drops ? 1 : 0);
        assert_true(counters.captured + counters.kernel_drops >= N_BURST);

        struct timespec ttl = {.tv_sec = 2, .tv_nsec = 200000000};
        (void)nanosleep(&ttl, NULL);
        assert_int_equal(ask(live, FRAME_SOURCE_4, 60002, 0), TOA_NEVER_SEEN); /* long ago */
        assert_int_equal(ask(live, FRAME_SOURCE_4, 60001, 0), TOA_EXPIRED);
        toa_live_stop(live);
    }
}

/* ---- Waiting
 * -------------------------------------------------------------------------------------- */

static void *send_late(void *context)
{
    struct timespec little = {.tv_nsec = 50 * 1000000};
    (void)context;
    (void)nanosleep(&little, NULL);
    send_syn("outside", "eth ip4 tcp", 9);
    return NULL;
}

static void a_lookup_waits_for_what_is_late(void **state)
{
    pthread_t thread;
    toa_live *live = start("inside", NULL);
    (void)state;
    toa_time begin = toa_live_now(live);
    assert_int_equal(ask(live, FRAME_SOURCE_4, 9, 100 * MILLISECOND), TOA_NEVER_SEEN);
    toa_time gave_up = toa_live_now(live) - begin;
    assert_true(gave_up >= 100 * MILLISECOND && gave_up < 2 * SECOND);

    begin = toa_live_now(live);
    assert_int_equal(pthread_create(&thread, NULL, send_late, NULL), 0);
    assert_int_equal(ask(live, FRAME_SOURCE_4, 9, 10 * SECOND), TOA_FOUND);
    toa_time waited = toa_live_now(live) - begin;
    assert_int_equal(pthread_join(thread, NULL), 0);
    printf("  waited %lld us for a segment that came after 50 ms\n", (long long)waited / 1000);
    assert_true(waited >= 50 * MILLISECOND && waited < 5 * SECOND);
    toa_live_stop(live);
}

/* ---- Interfaces that come and go
 * ------------------------------------------------------------------- */

static void an_interface_goes_down_and_up(void **state)
{
    static changes seen;
    seen = (changes){.n = 0};
    toa_live_counters counters;
    toa_live *live = start("inside", &seen);
    (void)state;
    expect_found(live, 1);
    run("ip link set inside down");
    await_status(live, TOA_LIVE_LOST);
    assert_int_equal(ask(live, FRAME_SOURCE_4, 1, 0), TOA_FOUND); /* it goes on answering */
    assert_int_equal(ask(live, FRAME_SOURCE_4, 2, 0), TOA_NEVER_SEEN);
    run("ip link set inside up");
    await_status(live, TOA_LIVE_OK);
    expect_found(live, 3);
    assert_int_equal(seen.n, 2);
    toa_live_counters_get(live, &counters);
    printf("  opened anew %llu times\n", (unsigned long long)counters.reopens);
    toa_live_stop(live);
}

static void an_interface_is_deleted_and_made_again(void **state)
{
    static changes seen;
    seen = (changes){.n = 0};
    toa_live_counters counters;
    toa_live *live = start("inside", &seen);
    for (uint16_t i = 0; i < 3; i++) {
        expect_found(live, (uint16_t)(10 + i));
        run("ip link del inside");
        await_status(live, TOA_LIVE_LOST);
        assert_int_equal(ask(live, FRAME_SOURCE_4, (uint16_t)(10 + i), 0), TOA_FOUND);
        (void)make_pair(state);
        await_status(live, TOA_LIVE_OK);
    }
    expect_found(live, 20);
    toa_live_counters_get(live, &counters);
    assert_int_equal(counters.reopens, 3);
    assert_true(counters.captured >= 4);
    toa_live_stop(live);
}

static void an_address_moves_to_another_interface(void **state)
{
    static changes seen;
    seen = (changes){.n = 0};
    toa_live_counters counters;
    toa_live *live = start("198.51.100.2", &seen);
    (void)state;
    run("ip link add other type veth peer name another");
    run("ip link set other up");
    run("ip link set another up");
    expect_found(live, 30);
    run("ip addr del 198.51.100.2/24 dev inside");
    await_status(live, TOA_LIVE_LOST);
    run("ip addr add 198.51.100.2/24 dev other");
    await_status(live, TOA_LIVE_OK);
    send_syn("outside", "eth ip4 tcp", 31);
    assert_int_equal(ask(live, FRAME_SOURCE_4, 31, 0), TOA_NEVER_SEEN);
    send_syn("another", "eth ip4 tcp", 32);
    assert_int_equal(ask(live, FRAME_SOURCE_4, 32, 0), TOA_FOUND);
    toa_live_counters_get(live, &counters);
    assert_int_equal(counters.reopens, 1);
    toa_live_stop(live);
    run("ip link del other");
}

/* ---- All at once
 * ------------------------------------------------------------------------------------ */

typedef struct crowd {
    toa_live *live;
    _Atomic bool over;
    _Atomic size_t n_asked;
} crowd;

static void *ask_all_the_time(void *context)
{
    crowd *all = context;
    toa_live_counters counters;
    while (!atomic_load(&all->over)) {
        size_t i = atomic_fetch_add(&all->n_asked, 1);
        toa_answer answer;
        toa_endpoint fake = {.ip = {192, 0, 2, 1}, .version = 4, .has_port = 1};
        fake.port = (uint16_t)i;
        (void)toa_live_lookup(all->live, &fake, NULL, i % 64 == 0 ? MILLISECOND : 0, &answer);
        if (i % 1000 == 0) {
            toa_live_counters_get(all->live, &counters);
            (void)toa_live_status(all->live);
        }
    }
    return NULL;
}

static void lookups_frames_and_changes_at_the_same_time(void **state)
{
    enum { N_ASKING = 3 };
    static changes seen;
    seen = (changes){.n = 0};
    static crowd all;
    all = (crowd){.live = start("inside", &seen)};
    pthread_t asking[N_ASKING];
    for (size_t i = 0; i < N_ASKING; i++) {
        assert_int_equal(pthread_create(&asking[i], NULL, ask_all_the_time, &all), 0);
    }
    for (unsigned round = 0; round < 4; round++) {
        for (unsigned i = 0; i < 1000; i++) {
            send_syn("outside", "eth ip4 tcp", (uint16_t)(round * 1000 + i));
        }
        if (round % 2 == 0) {
            run("ip link set inside down");
            await_status(all.live, TOA_LIVE_LOST);
            run("ip link set inside up");
        } else {
            run("ip link del inside");
            await_status(all.live, TOA_LIVE_LOST);
            (void)make_pair(state);
        }
        await_status(all.live, TOA_LIVE_OK);
    }
    expect_found(all.live, 60000);
    atomic_store(&all.over, true);
    for (size_t i = 0; i < N_ASKING; i++) {
        assert_int_equal(pthread_join(asking[i], NULL), 0);
    }
    printf("  %zu lookups\n", atomic_load(&all.n_asked));
    toa_live_stop(all.live);
}

#define WITH_PAIR(test) cmocka_unit_test_setup_teardown(test, make_pair, remove_pair)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_PAIR(a_capture_that_cannot_start_says_why),
        WITH_PAIR(without_the_right_it_says_how_to_get_it),
        WITH_PAIR(every_capture_has_a_hash_key_of_its_own),
        WITH_PAIR(without_random_numbers_nothing_starts),
        WITH_PAIR(a_thousand_starts_and_stops_leave_nothing),
        WITH_PAIR(frames_of_every_layer_are_found),
        WITH_PAIR(tall_stacks_of_headers_are_captured_whole),
        WITH_PAIR(what_is_not_watched_stays_in_the_kernel),
        WITH_PAIR(what_the_kernel_drops_is_counted_and_named),
        WITH_PAIR(a_lookup_waits_for_what_is_late),
        WITH_PAIR(an_interface_goes_down_and_up),
        WITH_PAIR(an_interface_is_deleted_and_made_again),
        WITH_PAIR(an_address_moves_to_another_interface),
        WITH_PAIR(lookups_frames_and_changes_at_the_same_time),
    };
    if (!namespace_enter()) {
        namespace_skip("captures", "no network namespace, or no CAP_NET_RAW in it");
    }
    if (!command("ip link add inside type veth peer name outside && ip link del inside")) {
        namespace_skip("captures", "no veth interfaces, or no ip (iproute2)");
    }
    (void)mallopt(M_ARENA_MAX, 1); /* memory that threads leave to others is no leak */
    sender = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
