/* Settings from text, and the table of peers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

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
        {"SOURCES", "syn,syn,syn", false},
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_peer_is_known_by_its_cookie),
        cmocka_unit_test(the_newest_are_remembered),
        cmocka_unit_test(settings_are_read_or_refused),
        cmocka_unit_test(the_environment_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
