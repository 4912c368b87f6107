#include "stage.h"

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
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <toa/check.h>

#include "namespace.h"

enum { TRIES = 100, TRY_MS = 200, BURST = 64 };

static char directory[32];

/* ---- The place ------------------------------------------------------------------------------- */

void stage_enter(const char *what)
{
    if (!namespace_enter()) {
        namespace_skip(what, "no network namespace, or no CAP_NET_RAW in it");
    }
    if (!command("ip link add inside type veth peer name outside && ip link del inside")) {
        namespace_skip(what, "no veth interfaces, or no ip (iproute2)");
    }
}

void stage_make_pair(void)
{
    assert_true(command("ip link add inside type veth peer name outside"));
    assert_true(command("ip link set outside arp off up"));
    assert_true(command("ip link set inside arp off up"));
    assert_true(command("ip addr add 198.51.100.2/24 dev inside"));
}

void stage_remove_pair(void)
{
    (void)command("ip link del inside 2>/dev/null");
}

void stage_make_directory(void)
{
    (void)snprintf(directory, sizeof directory, "/tmp/toa-test-stage-XXXXXX");
    assert_non_null(mkdtemp(directory));
    assert_int_equal(chmod(directory, 0755), 0);
}

const char *stage_directory(void)
{
    return directory;
}

void stage_remove_directory(void)
{
    if (directory[0] != '\0') {
        (void)command("rm -rf '%s'", directory);
    }
    directory[0] = '\0';
}

/* ---- Daemons --------------------------------------------------------------------------------- */

const char *const *stage_flags(const char *const more[])
{
    static const char *const begin[] = {"listen", "127.0.0.1:9999", "interface", "inside"};
    static const char *flags[STAGE_FLAGS];
    size_t n = sizeof begin / sizeof begin[0];
    memcpy(flags, begin, sizeof begin);
    for (; more != NULL && *more != NULL; more++) {
        assert_true(n < STAGE_FLAGS - 1);
        flags[n++] = *more;
    }
    flags[n] = NULL;
    return flags;
}

void stage_launch(daemon_process *daemon, const daemon_plan *plan)
{
    daemon_launch(daemon, plan);
    daemon_must_say(daemon, 0, "capturing on inside");
}

/* ---- Flows ----------------------------------------------------------------------------------- */

void stage_send(uint32_t first, uint32_t n)
{
    flood out = {.socket = -1};
    const flood_part part = {.network = STAGE_NETWORK, .first = first, .n = n, .toa = true};
    assert_true(flood_open(&out, "outside"));
    assert_true(flood_send(&out, &part));
    flood_close(&out);
}

void stage_teach(int client, uint32_t first, uint32_t n)
{
    for (size_t i = 0; i < TRIES; i++) {
        stage_send(first, n);
        toa_reply reply = stage_ask(client, first + n - 1, TRY_MS);
        if (reply.answer.word == TOA_FOUND && stage_count_found(client, first, n) == n) {
            return;
        }
    }
    fail_msg("flows %u to %u do not become known", (unsigned)first, (unsigned)(first + n - 1));
}

bool stage_right(const toa_reply *reply, uint32_t number)
{
    toa_endpoint client = flood_client(number);
    return reply->answer.word == TOA_FOUND &&
           toa_endpoint_equal(&reply->answer.mapping.client, &client);
}

/* ---- Questions ------------------------------------------------------------------------------- */

static void put(int client, const toa_query *query)
{
    uint8_t bytes[TOA_DATAGRAM_MAX];
    size_t len = toa_query_encode(query, bytes);
    assert_int_not_equal(len, 0);
    (void)send(client, bytes, len, 0); /* refused while no daemon runs */
}

/* The next answer; id 0: none came. */
static toa_reply get(int client, int patience_ms)
{
    uint8_t bytes[TOA_DATAGRAM_MAX];
    toa_reply reply = {.id = 0};
    ssize_t len = client_receive(client, bytes, sizeof bytes, patience_ms);
    if (len > 0) {
        assert_int_equal(toa_reply_decode(bytes, (size_t)len, &reply), TOA_FOUND);
    }
    return reply;
}

static uint32_t fresh_id(void)
{
    static uint32_t last;
    return ++last;
}

toa_reply stage_ask(int client, uint32_t number, uint16_t wait_ms)
{
    toa_query query = {.version = 2,
                       .id = fresh_id(),
                       .fake = flood_fake(STAGE_NETWORK, number),
                       .wait_ms = wait_ms};
    toa_reply reply = {.id = 0};
    for (size_t i = 0; i < TRIES; i++) {
        put(client, &query);
        do {
            reply = get(client, wait_ms + 20 * TRY_MS);
        } while (reply.id != 0 && reply.id != query.id); /* a late one */
        if (reply.id == query.id) {
            return reply;
        }
    }
    fail_msg("no answer about flow %u", (unsigned)number);
    return reply;
}

/* One burst; found[i] says whether flow first + i was, and stays when no answer came. Returns how
 * many answers came. */
static uint32_t ask_burst(int client, uint32_t first, uint32_t n, bool answered[], bool found[])
{
    uint32_t ids[BURST];
    uint32_t n_answered = 0;
    for (uint32_t i = 0; i < n; i++) {
        toa_query query = {
            .version = 2, .id = fresh_id(), .fake = flood_fake(STAGE_NETWORK, first + i)};
        ids[i] = query.id;
        if (!answered[i]) {
            put(client, &query);
        } else {
            n_answered++;
        }
    }
    while (n_answered < n) {
        toa_reply reply = get(client, 5 * TRY_MS);
        if (reply.id == 0) {
            break;
        }
        uint32_t i = reply.id - ids[0];
        if (i >= n || answered[i]) {
            continue;
        }
        answered[i] = true;
        found[i] = reply.answer.word == TOA_FOUND;
        n_answered++;
        if (found[i] && !stage_right(&reply, first + i)) {
            fail_msg("flow %u is said to be another's", (unsigned)(first + i));
        }
    }
    return n_answered;
}

uint32_t stage_count_found(int client, uint32_t first, uint32_t n)
{
    uint32_t n_found = 0;
    for (uint32_t i = 0; i < n; i += BURST) {
        bool answered[BURST] = {false};
        bool found[BURST] = {false};
        uint32_t burst = n - i < BURST ? n - i : BURST;
        size_t tries = 0;
        while (ask_burst(client, first + i, burst, answered, found) < burst) {
            assert_true(tries++ < TRIES);
        }
        for (uint32_t k = 0; k < burst; k++) {
            n_found += found[k];
        }
    }
    return n_found;
}

/* ---- Records --------------------------------------------------------------------------------- */

static void check_record(const char *path)
{
    const toa_check_options options = {.bless = false};
    toa_check_result result = {.status = TOA_CHECK_UNREADABLE};
    if (toa_check_case(path, &options, &result) != TOA_CHECK_PASSED) {
        fail_msg("%s: %s", path, result.messages);
    }
    free(result.messages);
}

size_t stage_check_records(const char *records)
{
    size_t n = 0;
    char path[PATH_MAX];
    DIR *all = opendir(records);
    assert_non_null(all);
    for (const struct dirent *entry = readdir(all); entry != NULL; entry = readdir(all)) {
        const char *ending = strrchr(entry->d_name, '.');
        if (ending != NULL && strcmp(ending, ".case") == 0) {
            (void)snprintf(path, sizeof path, "%s/%s", records, entry->d_name);
            check_record(path);
            n++;
        }
    }
    (void)closedir(all);
    return n;
}
