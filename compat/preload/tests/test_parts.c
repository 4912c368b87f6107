/* Addresses, settings from text, and the table of peers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <toa/text.h>

#include "addresses.h"
#include "peers.h"
#include "settings.h"

static toa_endpoint client_of(uint64_t cookie)
{
    toa_endpoint out = {.version = 4, .has_port = 1, .port = (uint16_t)cookie};
    memcpy(out.ip, &cookie, 4);
    return out;
}

static void a_peer_is_known_by_its_cookie(void **state)
{
    toa_endpoint out = {.version = 6};
    (void)state;
    assert_false(peers_get(0, &out));
    assert_false(peers_get(1, &out));
    assert_int_equal(out.version, 6);
    toa_endpoint one = client_of(1);
    toa_endpoint two = client_of(2);
    peers_put(1, &one);
    assert_true(peers_get(1, &out));
    assert_true(toa_endpoint_equal(&out, &one));
    peers_put(1, &two);
    assert_true(peers_get(1, &out));
    assert_true(toa_endpoint_equal(&out, &two));
    assert_false(peers_get(1 + PEERS_BUCKETS, &out));
}

static void the_newest_are_remembered(void **state)
{
    toa_endpoint out;
    size_t n_known = 0;
    const uint64_t n = 3 * (uint64_t)PEERS_MAX;
    (void)state;
    for (uint64_t cookie = 1; cookie <= n; cookie++) {
        toa_endpoint client = client_of(cookie);
        peers_put(cookie, &client);
    }
    for (uint64_t cookie = 1; cookie <= n; cookie++) {
        toa_endpoint client = client_of(cookie);
        bool known = peers_get(cookie, &out);
        assert_true(!known || toa_endpoint_equal(&out, &client));
        assert_int_equal(known, cookie > n - PEERS_MAX);
        n_known += known;
    }
    assert_int_equal(n_known, PEERS_MAX);
}

static void settings_are_read_or_refused(void **state)
{
    static const struct {
        const char *name;
        const char *value;
        bool right;
    } rows[] = {
        {"SOURCES", "syn", true},
        {"SOURCES", "service,syn", true},
        {"SOURCES", "", false},
        {"SOURCES", "syn,syn", false},
        {"SOURCES", "service,syn,service", false},
        {"SOURCES", "daemon", false},
        {"SERVICE", "127.0.0.1:9999", true},
        {"SERVICE", "[::1]:9999", true},
        {"SERVICE", "127.0.0.1", false},
        {"WAIT", "100", true},
        {"WAIT", "10001", false},
        {"WAIT", "-1", false},
        {"DIALECTS", "lvs;cdn", true},
        {"DIALECTS", "kind=77,len=8,port=2,ip=4", true},
        {"DIALECTS", "lsv", false},
        {"TRUST", "10.0.0.0/8;2001:db8::/32", true},
        {"TRUST", "10.0.0.1/8", false},
        {"DUPLICATES", "reject", true},
        {"DUPLICATES", "none", false},
        {"LOG", "1", true},
        {"LOG", "yes", false},
        {"LIMIT", "1", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        preload_settings settings;
        preload_settings_init(&settings);
        const char *wrong = preload_settings_set(&settings, rows[i].name, rows[i].value);
        if ((wrong == NULL) != rows[i].right) {
            fail_msg("%s=%s: %s", rows[i].name, rows[i].value, wrong == NULL ? "taken" : wrong);
        }
    }
}

static void the_environment_is_read(void **state)
{
    preload_settings settings;
    const char *name = "";
    (void)state;
    assert_null(preload_settings_read(&settings, &name));
    assert_int_equal(settings.n_sources, 2);
    assert_int_equal(settings.service.port, 9999);
    assert_int_equal(setenv("TOA_PRELOAD_SOURCES", "service", 1), 0);
    assert_int_equal(setenv("TOA_PRELOAD_TRUST", "10.0.0.0/8;10.0.0.0/9", 1), 0);
    assert_null(preload_settings_read(&settings, &name));
    assert_int_equal(settings.n_sources, 1);
    assert_int_equal(settings.sources[0], PRELOAD_SERVICE);
    assert_int_equal(settings.n_trust, 2);
    assert_int_equal(setenv("TOA_PRELOAD_WAIT", "soon", 1), 0);
    assert_non_null(preload_settings_read(&settings, &name));
    assert_string_equal(name, "TOA_PRELOAD_WAIT");
}

/* "1.2.3.4:5" is of a socket for IPv4, "[::1]:5" of one for IPv6; an address alone has no port. */
static toa_endpoint endpoint(const char *text)
{
    toa_endpoint out = {.version = 0};
    if (toa_endpoint_parse(text, strlen(text), &out) != NULL &&
        toa_ip_parse(text, strlen(text), &out) != NULL) {
        fail_msg("%s", text);
    }
    return out;
}

static preload_address address(const char *text)
{
    toa_endpoint at = endpoint(text);
    preload_address out;
    memset(&out, 0, sizeof out);
    if (at.version == 4) {
        out.v4.sin_family = AF_INET;
        out.v4.sin_port = htons(at.port);
        memcpy(&out.v4.sin_addr, at.ip, 4);
    } else {
        out.v6.sin6_family = AF_INET6;
        out.v6.sin6_port = htons(at.port);
        out.v6.sin6_scope_id = 7;
        memcpy(&out.v6.sin6_addr, at.ip, 16);
    }
    return out;
}

static void a_client_is_put_where_the_peer_is(void **state)
{
    static const struct {
        const char *sentence;
        const char *peer;
        const char *client;
        const char *wanted; /* NULL: the peer stays */
    } rows[] = {
        {"IPv4 behind IPv4", "10.0.1.7:40001", "203.0.113.9:51514", "203.0.113.9:51514"},
        {"IPv6 behind IPv6", "[2001:db8::7]:4", "[2001:db8::9]:5", "[2001:db8::9]:5"},
        {"IPv4 behind a socket for both", "[::ffff:10.0.1.7]:4", "203.0.113.9:5",
         "[::ffff:203.0.113.9]:5"},
        {"IPv6 behind IPv4, on a socket for both", "[::ffff:10.0.1.7]:4", "[2001:db8::9]:5",
         "[2001:db8::9]:5"},
        {"IPv4 behind IPv6", "[2001:db8::7]:4", "203.0.113.9:5", "[::ffff:203.0.113.9]:5"},
        {"IPv6 behind a socket of IPv4 alone", "10.0.1.7:40001", "[2001:db8::9]:5", NULL},
        {"a client without a port keeps the peer's", "10.0.1.7:40001", "203.0.113.9",
         "203.0.113.9:40001"},
        {"... with IPv6 too", "[2001:db8::7]:4", "2001:db8::9", "[2001:db8::9]:4"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        preload_address at = address(rows[i].peer);
        preload_address wanted = address(rows[i].wanted == NULL ? rows[i].peer : rows[i].wanted);
        toa_endpoint client = endpoint(rows[i].client);
        bool put = preload_put_client(&client, &at);
        if (at.any.sa_family == AF_INET6) { /* the scope was the peer's */
            wanted.v6.sin6_scope_id = put ? 0 : 7;
        }
        if (put != (rows[i].wanted != NULL) || memcmp(&at, &wanted, sizeof at) != 0) {
            fail_msg("%s", rows[i].sentence);
        }
    }
}

static void peers_are_read(void **state)
{
    preload_address at = address("[::ffff:10.0.1.7]:4");
    toa_endpoint wanted = endpoint("10.0.1.7:4");
    toa_endpoint out = {.version = 0};
    (void)state;
    assert_true(preload_endpoint(&at, &out));
    assert_true(toa_endpoint_equal(&out, &wanted));
    at = address("[2001:db8::7]:4");
    wanted = endpoint("[2001:db8::7]:4");
    assert_true(preload_endpoint(&at, &out));
    assert_true(toa_endpoint_equal(&out, &wanted));
    at.any.sa_family = AF_UNIX;
    assert_false(preload_endpoint(&at, &out));
    assert_true(toa_endpoint_equal(&out, &wanted));
}

static void a_caller_gets_what_it_has_room_for(void **state)
{
    preload_address from = address("10.0.1.7:40001");
    const socklen_t len = sizeof from.v4;
    (void)state;
    for (socklen_t room = 0; room <= 2 * len; room++) {
        unsigned char *there = malloc(2 * len);
        assert_non_null(there);
        memset(there, 0xee, 2 * len);
        socklen_t told = room;
        preload_hand_out(&from, len, (struct sockaddr *)(void *)there, &told);
        assert_int_equal(told, len);
        for (socklen_t i = 0; i < 2 * len; i++) {
            bool given = i < room && i < len;
            assert_int_equal(there[i], given ? ((const unsigned char *)&from)[i] : 0xee);
        }
        free(there);
    }
    preload_hand_out(&from, len, NULL, NULL); /* who does not want to know */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_client_is_put_where_the_peer_is),
        cmocka_unit_test(peers_are_read),
        cmocka_unit_test(a_caller_gets_what_it_has_room_for),
        cmocka_unit_test(a_peer_is_known_by_its_cookie),
        cmocka_unit_test(the_newest_are_remembered),
        cmocka_unit_test(settings_are_read_or_refused),
        cmocka_unit_test(the_environment_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
