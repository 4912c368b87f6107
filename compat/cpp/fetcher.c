#include <toa/fetcher.h>
#include <toa/live.h>

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "lock.h"

struct toa_fetcher {
    toa_lock lock;  /* of everything below; wakes when no lookup is under way */
    toa_live *live; /* NULL: not running */
    size_t n_holders;
    size_t n_lookups; /* under way: live must not go away under them */
    int code;         /* of the last start */
};

const char *toa_fetcher_message(int code)
{
    static const struct {
        int code;
        const char *message;
    } table[] = {
        {TOA_FETCHER_OK, "Ok"},
        {TOA_FETCHER_TOO_MANY_PORTS, "Exceed max server port number"},
        {TOA_FETCHER_BAD_ADDRESS, "Invalid IP address"},
        {TOA_FETCHER_NO_INTERFACE, "No suitable network interface"},
        {TOA_FETCHER_NO_DEVICE, "System Error: find dev error"},
        {TOA_FETCHER_NO_TIMER, "System Error: start timer error"},
        {TOA_FETCHER_BAD_FILTER, "System Error: compile filter error"},
        {TOA_FETCHER_NO_FILTER, "System Error: set filter error"},
        {TOA_FETCHER_NO_OPEN, "System Error: open pcap error"},
        {TOA_FETCHER_NO_START, "System Error: start pcap error"},
        {TOA_FETCHER_NO_THREAD, "System Error: begin thread error"},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (table[i].code == code) {
            return table[i].message;
        }
    }
    return "Unknown error";
}

static int code_of(toa_live_error error)
{
    switch (error) {
    case TOA_LIVE_OK:
        return TOA_FETCHER_OK;
    case TOA_LIVE_BAD_ADDRESS:
        return TOA_FETCHER_BAD_ADDRESS;
    case TOA_LIVE_NO_INTERFACE:
        return TOA_FETCHER_NO_INTERFACE;
    case TOA_LIVE_NO_PCAP:
        return TOA_FETCHER_NO_DEVICE;
    case TOA_LIVE_NO_TIMER:
        return TOA_FETCHER_NO_TIMER;
    case TOA_LIVE_BAD_FILTER:
        return TOA_FETCHER_BAD_FILTER;
    case TOA_LIVE_NO_FILTER:
        return TOA_FETCHER_NO_FILTER;
    case TOA_LIVE_NO_OPEN:
        return TOA_FETCHER_NO_OPEN;
    case TOA_LIVE_NO_START:
        return TOA_FETCHER_NO_START;
    case TOA_LIVE_NO_THREAD:
        return TOA_FETCHER_NO_THREAD;
    case TOA_LIVE_NO_MEMORY:
    case TOA_LIVE_BAD_CONFIG:
    case TOA_LIVE_LOST:
    case TOA_LIVE_PART:
    default:
        return TOA_FETCHER_UNKNOWN;
    }
}

/* ---- Handles --------------------------------------------------------------------------------- */

toa_fetcher *toa_fetcher_new(void)
{
    toa_fetcher *fetcher = calloc(1, sizeof *fetcher);
    if (fetcher == NULL) {
        return NULL;
    }
    if (!toa_lock_init(&fetcher->lock)) {
        free(fetcher);
        return NULL;
    }
    fetcher->n_holders = 1;
    return fetcher;
}

static void lock(toa_fetcher *fetcher)
{
    toa_lock_take(&fetcher->lock);
}

static void unlock(toa_fetcher *fetcher)
{
    toa_lock_give(&fetcher->lock);
}

toa_fetcher *toa_fetcher_hold(toa_fetcher *fetcher)
{
    if (fetcher != NULL) {
        lock(fetcher);
        fetcher->n_holders++;
        unlock(fetcher);
    }
    return fetcher;
}

void toa_fetcher_release(toa_fetcher *fetcher)
{
    if (fetcher == NULL) {
        return;
    }
    lock(fetcher);
    bool last = --fetcher->n_holders == 0;
    unlock(fetcher);
    if (last) {
        toa_fetcher_stop(fetcher);
        toa_lock_destroy(&fetcher->lock);
        free(fetcher);
    }
}

/* ---- Starting -------------------------------------------------------------------------------- */

static bool is_any(const char *ip)
{
    return ip == NULL || ip[0] == '\0';
}

static bool is_ipv4(const char *ip, toa_endpoint *out)
{
    return toa_ip_parse(ip, strlen(ip), out) == NULL && out->version == 4;
}

/* "10001-10005", with blanks around each number. */
static bool range_parse(const char *text, toa_server *server)
{
    char any[sizeof "any:65535-65535"] = "any:"; /* the form of toa_servers_parse, no blanks */
    size_t len = strlen(any);
    toa_server parsed;
    size_t n = 0;
    for (; *text != '\0'; text++) {
        if (*text == ' ' || *text == '\t') {
            continue;
        }
        if (len == sizeof any - 1 || *text == ',') {
            return false;
        }
        any[len++] = *text;
    }
    if (toa_servers_parse(any, len, &parsed, 1, &n) != NULL) {
        return false;
    }
    server->port_low = parsed.port_low;
    server->port_high = parsed.port_high;
    return true;
}

/* Writes n_ports + n_ranges servers; a code. */
static int servers_of(const toa_fetcher_config *config, toa_server *out)
{
    toa_endpoint ip = {.version = 0};
    if (!is_any(config->server_ip) && !is_ipv4(config->server_ip, &ip)) {
        return TOA_FETCHER_BAD_ADDRESS;
    }
    for (size_t i = 0; i < config->n_ports + config->n_ranges; i++) {
        toa_server server = {.version = ip.version};
        memcpy(server.ip, ip.ip, sizeof server.ip);
        if (i < config->n_ports) {
            server.port_low = config->ports[i];
            server.port_high = config->ports[i];
        } else {
            const char *range = config->ranges[i - config->n_ports];
            if (range == NULL || !range_parse(range, &server)) {
                return TOA_FETCHER_UNKNOWN;
            }
        }
        out[i] = server;
    }
    return TOA_FETCHER_OK;
}

static int live_start(toa_live **live, const toa_fetcher_config *config, const toa_server *servers,
                      size_t n_servers)
{
    toa_dialects dialects;
    toa_endpoint ip;
    if (!is_any(config->interface_ip) && !is_ipv4(config->interface_ip, &ip)) {
        return TOA_FETCHER_BAD_ADDRESS;
    }
    toa_dialects_default(&dialects);
    toa_config engine = {
        .dialects = &dialects,
        .servers = servers,
        .n_servers = n_servers,
        .ttl = (toa_time)config->cache_secs * TOA_SECOND,
    };
    if (!toa_live_random(engine.hash_key, sizeof engine.hash_key)) {
        return TOA_FETCHER_UNKNOWN;
    }
    toa_live_options options = {
        .interface = is_any(config->interface_ip) ? "any" : config->interface_ip,
        .config = &engine,
    };
    return code_of(toa_live_start(live, &options, NULL, 0));
}

static bool config_whole(const toa_fetcher_config *config)
{
    return config != NULL && config->n_ports + config->n_ranges != 0 &&
           (config->n_ports == 0 || config->ports != NULL) &&
           (config->n_ranges == 0 || config->ranges != NULL) && config->cache_secs != 0;
}

/* Under the lock. */
static int start(toa_fetcher *fetcher, const toa_fetcher_config *config)
{
    if (fetcher->live != NULL || !config_whole(config)) {
        return TOA_FETCHER_UNKNOWN;
    }
    size_t n_servers = config->n_ports + config->n_ranges;
    toa_server *servers = calloc(n_servers, sizeof servers[0]);
    if (servers == NULL) {
        return TOA_FETCHER_UNKNOWN;
    }
    int code = servers_of(config, servers);
    if (code == TOA_FETCHER_OK) {
        code = live_start(&fetcher->live, config, servers, n_servers);
    }
    free(servers);
    return code;
}

int toa_fetcher_start(toa_fetcher *fetcher, const toa_fetcher_config *config)
{
    if (fetcher == NULL) {
        return TOA_FETCHER_UNKNOWN;
    }
    lock(fetcher);
    int code = start(fetcher, config);
    fetcher->code = code;
    unlock(fetcher);
    return code;
}

void toa_fetcher_fail(toa_fetcher *fetcher, int code)
{
    if (fetcher != NULL) {
        lock(fetcher);
        fetcher->code = code;
        unlock(fetcher);
    }
}

void toa_fetcher_stop(toa_fetcher *fetcher)
{
    if (fetcher == NULL) {
        return;
    }
    lock(fetcher);
    toa_live *live = fetcher->live;
    fetcher->live = NULL; /* no lookup begins from now on */
    while (fetcher->n_lookups != 0) {
        toa_lock_wait(&fetcher->lock);
    }
    fetcher->code = TOA_FETCHER_OK;
    unlock(fetcher);
    toa_live_stop(live);
}

/* ---- Asking ---------------------------------------------------------------------------------- */

int toa_fetcher_status(toa_fetcher *fetcher)
{
    int status = 0;
    if (fetcher == NULL) {
        return 0;
    }
    lock(fetcher);
    if (fetcher->live != NULL) {
        status = toa_live_status(fetcher->live) == TOA_LIVE_OK ? 1 : -1;
    } else if (fetcher->code != TOA_FETCHER_OK) {
        status = -1;
    }
    unlock(fetcher);
    return status;
}

int toa_fetcher_error(toa_fetcher *fetcher)
{
    int code = TOA_FETCHER_UNKNOWN;
    if (fetcher != NULL) {
        lock(fetcher);
        code = fetcher->code;
        unlock(fetcher);
    }
    return code;
}

void *toa_fetcher_thread(toa_fetcher *fetcher)
{
    void *thread = NULL;
    if (fetcher != NULL) {
        lock(fetcher);
        thread = fetcher->live == NULL ? NULL : toa_live_thread(fetcher->live);
        unlock(fetcher);
    }
    return thread;
}

/* The capture, kept from going away until lookup_end. NULL: none. */
static toa_live *lookup_begin(toa_fetcher *fetcher)
{
    lock(fetcher);
    toa_live *live = fetcher->live;
    fetcher->n_lookups += live != NULL;
    unlock(fetcher);
    return live;
}

static void lookup_end(toa_fetcher *fetcher)
{
    lock(fetcher);
    if (--fetcher->n_lookups == 0) {
        toa_lock_wake(&fetcher->lock);
    }
    unlock(fetcher);
}

int toa_fetcher_fetch(toa_fetcher *fetcher, uint32_t fake_ip, uint16_t fake_port, uint32_t *real_ip,
                      uint16_t *real_port)
{
    toa_endpoint fake = {.version = 4, .has_port = 1};
    toa_answer answer;
    uint8_t port[2];
    toa_live *live = fetcher == NULL ? NULL : lookup_begin(fetcher);
    if (live == NULL) {
        return 0;
    }
    memcpy(fake.ip, &fake_ip, 4);
    memcpy(port, &fake_port, 2);
    fake.port = (uint16_t)(port[0] << 8 | port[1]);
    toa_word word = toa_live_lookup(live, &fake, NULL, 0, &answer);
    lookup_end(fetcher);

    const toa_endpoint *client = &answer.mapping.client;
    if (word != TOA_FOUND || client->version != 4 || client->has_port == 0) {
        return 0;
    }
    port[0] = (uint8_t)(client->port >> 8);
    port[1] = (uint8_t)client->port;
    memcpy(real_ip, client->ip, 4);
    memcpy(real_port, port, 2);
    return 1;
}
