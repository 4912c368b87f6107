/*
 * What libtoa-live claims, measured in a network namespace of its own: needs root.
 * Call: bench_live accept N RATE   real connections, asked for when accept() returns
 *       bench_live flood SECONDS   SYNs over veth at the rate that it delivers
 * Prints a line a figure: what, ours, yardstick, ratio. Status 1: a miss, or a drop.
 */
#define _GNU_SOURCE

#include <toa/live.h>

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <pcap/pcap.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "connections.h"
#include "namespace.h"

static void die(const char *what, const char *why)
{
    fprintf(stderr, "bench_live: %s: %s\n", what, why);
    exit(2);
}

static toa_live *start(const char *interface, const char *server, bool no_drain)
{
    toa_dialects dialects;
    toa_server servers[4];
    size_t n = 0;
    char text[512] = "";
    toa_live *live = NULL;
    toa_dialects_default(&dialects);
    const char *wrong = toa_servers_parse(server, strlen(server), servers, 4, &n);
    toa_config config = {
        .dialects = &dialects, .servers = servers, .n_servers = n, .ttl = 600 * TOA_SECOND};
    toa_live_options options = {.interface = interface,
                                .config = &config,
                                .n_records = (size_t)256 * 1024,
                                .buffer_size = (size_t)64 * 1024 * 1024,
                                .no_drain = no_drain};
    if (wrong != NULL || toa_live_start(&live, &options, text, sizeof text) != TOA_LIVE_OK) {
        die(interface, wrong == NULL ? text : wrong);
    }
    return live;
}

/* ---- Connections --------------------------------------------------------------------------------
 */

static int compare(const void *a, const void *b)
{
    const uint32_t *left = a;
    const uint32_t *right = b;
    return (*left > *right) - (*left < *right);
}

static bool accept_once(size_t n, size_t rate, bool no_drain)
{
    option_writer writer;
    const char *why = "";
    uint32_t *times = calloc(n, sizeof *times);
    if (times == NULL || !option_writer_start(&writer, 4, CARRY_ON_ACK, &why)) {
        die("connections", why);
    }
    toa_live *live = start("lo", "127.0.0.1:4430", no_drain);
    connections_plan plan = {.live = live, .writer = &writer, .version = 4, .n = n, .rate = rate};
    connections_result result = {.nanoseconds = times};
    bool ran = connections_run(&plan, &result);
    toa_live_stop(live);
    option_writer_stop(&writer);
    qsort(times, n, sizeof *times, compare);
    uint32_t median = times[n / 2];
    uint32_t worst = times[n / 100 * 99];
    printf("%-44s %9zu of %zu missed, %zu wrong; lookup p50 %.1f us, p99 %.1f us; %.0f/s\n",
           no_drain ? "asked at accept(), without reading the ring" : "asked at accept()",
           result.missed, n, result.wrong, median / 1e3, worst / 1e3, (double)n / result.seconds);
    free(times);
    return ran && (no_drain || result.found == n);
}

/* ---- A flood ------------------------------------------------------------------------------------
 */

enum { BATCH = 64, FRAME_LEN = 14 + 20 + 28, N_LIVE = 10000 };

/* A SYN to 198.51.100.2:443 from flow i; with a TOA, or 8 bytes of no operation. */
static void make_syn(uint8_t frame[FRAME_LEN], uint32_t i, bool toa)
{
    static const uint8_t head[34] = {0, 0, 0, 0, 0,  0, 0, 0, 0,  0, 0, 0, 0x08, 0,  0x45, 0, 0, 48,
                                     0, 0, 0, 0, 64, 6, 0, 0, 10, 0, 0, 0, 198,  51, 100,  2};
    memcpy(frame, head, sizeof head);
    memset(frame + 34, 0, 28);
    frame[27] = toa ? 1 : 2;
    frame[28] = (uint8_t)(i >> 24);
    frame[29] = (uint8_t)(i >> 16);
    frame[34] = (uint8_t)(i >> 8);
    frame[35] = (uint8_t)i;
    frame[36] = 443 >> 8;
    frame[37] = 443 & 0xff;
    frame[46] = 7 << 4;
    frame[47] = 2;
    memcpy(frame + 54, toa ? "\xfe\x08\x12\x34\xcb\x00\x71\x09" : "\1\1\1\1\1\1\1\1", 8);
}

static int open_sender(void)
{
    int on = 1;
    struct sockaddr_ll at = {.sll_family = AF_PACKET,
                             .sll_ifindex = (int)if_nametoindex("outside")};
    int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
    if (fd < 0 || setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &on, sizeof on) != 0 ||
        bind(fd, (const struct sockaddr *)&at, sizeof at) != 0) {
        die("outside", "no packet socket");
    }
    return fd;
}

/* Flows first to first + n - 1. How many were sent. */
static size_t send_syns(int fd, uint32_t first, size_t n, bool toa)
{
    static uint8_t frames[BATCH][FRAME_LEN];
    struct iovec parts[BATCH];
    struct mmsghdr messages[BATCH];
    size_t sent = 0;
    while (sent < n) {
        size_t k = n - sent < BATCH ? n - sent : BATCH;
        memset(messages, 0, sizeof messages);
        for (size_t i = 0; i < k; i++) {
            make_syn(frames[i], first + (uint32_t)(sent + i), toa);
            parts[i] = (struct iovec){.iov_base = frames[i], .iov_len = FRAME_LEN};
            messages[i].msg_hdr.msg_iov = &parts[i];
            messages[i].msg_hdr.msg_iovlen = 1;
        }
        int done = sendmmsg(fd, messages, (unsigned)k, 0);
        if (done < 0) {
            die("outside", "sendmmsg");
        }
        sent += (size_t)done;
    }
    return sent;
}

static toa_time clock_of(clockid_t clock)
{
    struct timespec at;
    (void)clock_gettime(clock, &at);
    return (toa_time)at.tv_sec * TOA_SECOND + at.tv_nsec;
}

/* What a flood costs: frames a second, nanoseconds of the reading thread a frame, frames lost. */
typedef struct cost {
    double rate;
    double nanoseconds;
    uint64_t captured;
    uint64_t dropped;
} cost;

static size_t flood(int fd, double seconds, double *took)
{
    toa_time begin = clock_of(CLOCK_MONOTONIC);
    toa_time end = begin + (toa_time)(seconds * 1e9);
    size_t n = 0;
    while (clock_of(CLOCK_MONOTONIC) < end) {
        n += send_syns(fd, (uint32_t)n, 4096, false);
    }
    *took = (double)(clock_of(CLOCK_MONOTONIC) - begin) / 1e9;
    return n;
}

static size_t count_found(toa_live *live)
{
    size_t n = 0;
    for (uint32_t i = 0; i < N_LIVE; i++) {
        toa_answer answer;
        toa_endpoint fake = {.ip = {10, 1, 0, 0}, .port = (uint16_t)i, .version = 4, .has_port = 1};
        fake.ip[2] = (uint8_t)(i >> 24);
        fake.ip[3] = (uint8_t)(i >> 16);
        n += toa_live_lookup(live, &fake, NULL, 0, &answer) == TOA_FOUND;
    }
    return n;
}

static cost flood_live(int fd, double seconds, size_t *n_found)
{
    toa_live *live = start("inside", "198.51.100.2:443", false);
    toa_live_counters before;
    toa_live_counters after;
    clockid_t clock;
    pthread_t thread;
    void *handle = toa_live_thread(live);
    double took = 0;

    memcpy(&thread, &handle, sizeof thread);
    (void)pthread_getcpuclockid(thread, &clock);
    (void)send_syns(fd, 0, N_LIVE, true);
    (void)count_found(live);
    toa_live_counters_get(live, &before);
    toa_time cpu = clock_of(clock);
    size_t n = flood(fd, seconds, &took);
    (void)usleep(100000);
    cpu = clock_of(clock) - cpu;
    *n_found = count_found(live);
    toa_live_counters_get(live, &after);
    toa_live_stop(live);
    return (cost){.rate = (double)n / took,
                  .nanoseconds = (double)cpu / (double)(after.captured - before.captured),
                  .captured = after.captured - before.captured,
                  .dropped = after.kernel_drops};
}

typedef struct bare {
    pcap_t *handle;
    uint64_t n;
    _Atomic bool over;
} bare;

static void count_frame(u_char *context, const struct pcap_pkthdr *header, const u_char *bytes)
{
    bare *reader = (bare *)(void *)context;
    (void)header;
    (void)bytes;
    reader->n++;
}

static void *read_bare(void *context)
{
    bare *reader = context;
    while (!atomic_load(&reader->over)) {
        (void)pcap_dispatch(reader->handle, -1, count_frame, context);
    }
    return NULL;
}

static cost flood_bare(int fd, double seconds, bool immediate)
{
    char why[PCAP_ERRBUF_SIZE];
    struct bpf_program filter;
    struct pcap_stat stats;
    bare reader = {.handle = pcap_create("inside", why)};
    pthread_t thread;
    clockid_t clock;
    double took = 0;

    if (reader.handle == NULL || pcap_set_snaplen(reader.handle, 256) != 0 ||
        pcap_set_buffer_size(reader.handle, 64 * 1024 * 1024) != 0 ||
        pcap_set_timeout(reader.handle, 10) != 0 ||
        pcap_set_immediate_mode(reader.handle, immediate) != 0 ||
        pcap_activate(reader.handle) < 0 ||
        pcap_compile(reader.handle, &filter,
                     "tcp[13] & 7 != 0 and dst 198.51.100.2 and dst port 443", 1,
                     PCAP_NETMASK_UNKNOWN) != 0 ||
        pcap_setfilter(reader.handle, &filter) != 0) {
        die("inside", "bare libpcap");
    }
    if (pthread_create(&thread, NULL, read_bare, &reader) != 0) {
        die("inside", "no thread");
    }
    pcap_freecode(&filter);
    (void)pthread_getcpuclockid(thread, &clock);
    toa_time cpu = clock_of(clock);
    size_t n = flood(fd, seconds, &took);
    (void)usleep(100000);
    cpu = clock_of(clock) - cpu;
    (void)pcap_stats(reader.handle, &stats);
    atomic_store(&reader.over, true);
    (void)send_syns(fd, 0, 64, false); /* so that it looks */
    (void)pthread_join(thread, NULL);
    pcap_close(reader.handle);
    return (cost){.rate = (double)n / took,
                  .nanoseconds = (double)cpu / (double)reader.n,
                  .captured = reader.n,
                  .dropped = stats.ps_drop};
}

static bool flood_all(double seconds)
{
    size_t n_found = 0;
    if (!command("ip link add inside type veth peer name outside && ip link set inside up && "
                 "ip link set outside up && sleep 1")) {
        die("veth", "cannot be made");
    }
    int fd = open_sender();
    cost live = flood_live(fd, seconds, &n_found);
    cost immediate = flood_bare(fd, seconds, true);
    cost buffered = flood_bare(fd, seconds, false);
    (void)close(fd);
    printf("%-44s %9.0f SYN/s, %llu captured, %llu dropped\n", "flood", live.rate,
           (unsigned long long)live.captured, (unsigned long long)live.dropped);
    printf("%-44s %9zu of %d\n", "live mappings that answer behind it", n_found, N_LIVE);
    printf("%-44s %9.0f ns %9.0f ns %6.2f (%llu dropped)\n",
           "thread's CPU a frame, libpcap immediate", live.nanoseconds, immediate.nanoseconds,
           live.nanoseconds / immediate.nanoseconds, (unsigned long long)immediate.dropped);
    printf("%-44s %9.0f ns %9.0f ns %6.2f (%llu dropped)\n",
           "thread's CPU a frame, libpcap buffered", live.nanoseconds, buffered.nanoseconds,
           live.nanoseconds / buffered.nanoseconds, (unsigned long long)buffered.dropped);
    return live.dropped == 0 && n_found == N_LIVE;
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        die("usage", "bench_live accept N RATE | flood SECONDS");
    }
    if (!namespace_enter()) {
        namespace_skip("bench_live", "no network namespace, or no CAP_NET_RAW in it");
    }
    if (strcmp(argv[1], "accept") == 0) {
        size_t n = strtoul(argv[2], NULL, 10);
        size_t rate = argc > 3 ? strtoul(argv[3], NULL, 10) : 0;
        bool good = accept_once(n, rate, false);
        return accept_once(n, rate, true) && good ? 0 : 1;
    }
    return flood_all(strtod(argv[2], NULL)) ? 0 : 1;
}
