/*
 * Real TCP connections with a TOA, in a network namespace of the test's own; each is asked for in
 * the moment accept() returns.
 * Call: test_live_accept ebpf     over loopback; an eBPF program puts the TOA on
 *       test_live_accept forged   over a veth pair; the client's half is written byte by byte
 */
#include <toa/live.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "connections.h"
#include "namespace.h"

typedef struct row {
    const char *sentence;
    const char *interface;
    const char *server;
    size_t n;
    unsigned version;
    unsigned carriers;
    bool no_drain;
} row;

static const row ebpf_rows[] = {
    {"a TOA on the SYN is there when accept() returns", "lo", "127.0.0.1:4430", 10000, 4,
     CARRY_ON_SYN, false},
    {"a TOA on the ACK alone is there when accept() returns", "127.0.0.1", "any:4430", 10000, 4,
     CARRY_ON_ACK, false},
    {"the ACK's TOA is there when accept() returns, and not a forged one from the SYN", "lo",
     "127.0.0.1:4000-4999", 10000, 4, CARRY_ON_BOTH, false},
    {"the same over IPv6, on the SYN", "lo", "[::1]:4430", 5000, 6, CARRY_ON_SYN, false},
    {"the same over IPv6, on the ACK", "lo", "[::1]:4430", 5000, 6, CARRY_ON_ACK, false},
    {"the same over IPv6, on both", "lo", "[::1]:4430", 5000, 6, CARRY_ON_BOTH, false},
    {"the same by the interface any", "any", "127.0.0.1:4430", 5000, 4, CARRY_ON_ACK, false},
    {"without reading the ring, answers come too late or are of the SYN", "lo", "127.0.0.1:4430",
     5000, 4, CARRY_ON_BOTH, true},
};

static const row forged_rows[] = {
    {"a TOA on the SYN is there when accept() returns", FORGER_INTERFACE, FORGER_SERVER_4 ":4430",
     5000, 4, CARRY_ON_SYN, false},
    {"a TOA on the ACK alone is there when accept() returns", FORGER_SERVER_4, "any:4430", 5000, 4,
     CARRY_ON_ACK, false},
    {"the ACK's TOA is there when accept() returns, and not a forged one from the SYN",
     FORGER_INTERFACE, FORGER_SERVER_4 ":4000-4999", 5000, 4, CARRY_ON_BOTH, false},
    {"the same over IPv6, on the SYN", FORGER_INTERFACE, "[" FORGER_SERVER_6 "]:4430", 3000, 6,
     CARRY_ON_SYN, false},
    {"the same over IPv6, on the ACK", FORGER_SERVER_6, "any:4430", 3000, 6, CARRY_ON_ACK, false},
    {"the same over IPv6, on both", FORGER_INTERFACE, "any:4430", 3000, 6, CARRY_ON_BOTH, false},
    {"the same by the interface any", "any", FORGER_SERVER_4 ":4430", 3000, 4, CARRY_ON_ACK, false},
};

static toa_live *start(const row *r)
{
    toa_dialects dialects;
    toa_server servers[4];
    size_t n_servers = 0;
    char text[512] = "";
    toa_live *live = NULL;

    toa_dialects_default(&dialects);
    if (toa_servers_parse(r->server, strlen(r->server), servers, 4, &n_servers) != NULL) {
        abort();
    }
    toa_config config = {
        .dialects = &dialects, .servers = servers, .n_servers = n_servers, .ttl = TOA_TTL_DEFAULT};
    toa_live_options options = {
        .interface = r->interface, .config = &config, .no_drain = r->no_drain};
    if (toa_live_start(&live, &options, text, sizeof text) != TOA_LIVE_OK) {
        fprintf(stderr, "start: %s\n", text);
        exit(1);
    }
    return live;
}

static bool run(const row *r, connections_plan *plan)
{
    connections_result result = {.found = 0};
    toa_live_counters counters;
    plan->live = start(r);
    plan->version = r->version;
    plan->n = r->n;
    bool ran = connections_run(plan, &result);
    toa_live_counters_get(plan->live, &counters);
    toa_live_stop(plan->live);
    plan->first += r->n;

    bool all = result.found == r->n;
    bool good = ran && counters.kernel_drops == 0 && (all || r->no_drain);
    printf("%s: %s: %zu found, %zu missed (first: %s), %zu wrong; %.0f/s, %llu frames\n",
           good ? "ok" : "FAILED", r->sentence, result.found, result.missed,
           toa_word_name(result.first_miss), result.wrong, (double)r->n / result.seconds,
           (unsigned long long)counters.captured);
    return good;
}

static bool run_by_ebpf(const row *r, connections_plan *plan)
{
    option_writer writer;
    const char *why = "";
    if (!option_writer_start(&writer, r->version, r->carriers, &why)) {
        namespace_skip("real connections by eBPF", why);
    }
    plan->writer = &writer;
    bool good = run(r, plan);
    plan->writer = NULL;
    option_writer_stop(&writer);
    return good;
}

static bool run_by_forger(const row *r, connections_plan *plan)
{
    forger forger;
    const char *why = "";
    if (!forger_start(&forger, r->version, r->carriers, &why)) {
        namespace_skip("forged connections", why);
    }
    plan->forger = &forger;
    bool good = run(r, plan);
    plan->forger = NULL;
    forger_stop(&forger);
    return good;
}

int main(int argc, char **argv)
{
    bool ebpf = argc < 2 || strcmp(argv[1], "forged") != 0;
    const row *rows = ebpf ? ebpf_rows : forged_rows;
    size_t n = ebpf ? sizeof ebpf_rows / sizeof rows[0] : sizeof forged_rows / sizeof rows[0];
    size_t n_good = 0;
    connections_plan plan = {.first = 0};
    if (!namespace_enter()) {
        namespace_skip("real connections", "no network namespace, or no CAP_NET_RAW in it");
    }
    for (size_t i = 0; i < n; i++) {
        n_good += ebpf ? run_by_ebpf(&rows[i], &plan) : run_by_forger(&rows[i], &plan);
    }
    printf("%zu of %zu rows passed, by %s\n", n_good, n, ebpf ? "eBPF" : "forged handshakes");
    return n_good == n ? 0 : 1;
}
