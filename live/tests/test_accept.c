/*
 * Real TCP connections over loopback, in a network namespace of the test's own, with a TOA that an
 * eBPF program puts on them; each is asked for in the moment accept() returns.
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

static const row rows[] = {
    {"a TOA on the SYN is there when accept() returns", "lo", "127.0.0.1:4430", 10000, 4,
     CARRY_ON_SYN, false},
    {"a TOA on the ACK alone is there when accept() returns", "127.0.0.1", "any:4430", 10000, 4,
     CARRY_ON_ACK, false},
    {"the ACK's TOA is there when accept() returns, and not a forged one from the SYN", "lo",
     "127.0.0.1:4000-4999", 10000, 4, CARRY_ON_BOTH, false},
    {"the same over IPv6, on the SYN", "lo", "[::1]:4430", 5000, 6, CARRY_ON_SYN, false},
    {"the same over IPv6, on the ACK", "lo", "[::1]:4430", 5000, 6, CARRY_ON_ACK, false},
    {"the same by the interface any", "any", "127.0.0.1:4430", 5000, 4, CARRY_ON_ACK, false},
    {"without reading the ring, answers come too late or are of the SYN", "lo", "127.0.0.1:4430",
     5000, 4, CARRY_ON_BOTH, true},
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

static bool passes(const row *r, size_t first)
{
    option_writer writer;
    const char *why = "";
    if (!option_writer_start(&writer, r->version, r->carriers, &why)) {
        namespace_skip("real connections", why);
    }
    toa_live *live = start(r);
    connections_plan plan = {
        .live = live, .writer = &writer, .version = r->version, .n = r->n, .first = first};
    connections_result result = {.found = 0};
    toa_live_counters counters;
    bool ran = connections_run(&plan, &result);
    toa_live_counters_get(live, &counters);
    toa_live_stop(live);
    option_writer_stop(&writer);

    bool all = result.found == r->n;
    bool good = ran && counters.kernel_drops == 0 && (all || r->no_drain);
    printf("%s: %s: %zu found, %zu missed (first: %s), %zu wrong; %.0f/s, %llu frames\n",
           good ? "ok" : "FAILED", r->sentence, result.found, result.missed,
           toa_word_name(result.first_miss), result.wrong, (double)r->n / result.seconds,
           (unsigned long long)counters.captured);
    return good;
}

int main(void)
{
    bool good = true;
    size_t first = 0;
    if (!namespace_enter()) {
        namespace_skip("real connections", "no network namespace, or no CAP_NET_RAW in it");
    }
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        good = passes(&rows[i], first) && good;
        first += rows[i].n;
    }
    return good ? 0 : 1;
}
