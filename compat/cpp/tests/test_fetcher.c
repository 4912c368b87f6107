/*
 * The C interface under the vendor's class, over a capture that does as it is told: no real one
 * gives every error. Real connections are in samples.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <stdatomic.h>
#include <time.h>
#ifndef _WIN32
#include <pthread.h>
#endif

#include <cmocka.h>
#include <toa/fetcher.h>
#include <toa/live.h>

/* ---- The capture that does as it is told ----------------------------------------------------- */

static struct {
    toa_live_error start_error;
    toa_live_error status;
    toa_answer answer;
    toa_server servers[16];
    size_t n_servers;
    char interface[64];
    toa_time ttl;
    toa_endpoint asked;
    int n_running;
    int handle;
    _Atomic bool hold; /* lookups do not end */
    _Atomic int n_lookups;
} told;

#ifndef _WIN32
static void rest(void)
{
    struct timespec little = {.tv_nsec = 1000000};
    (void)nanosleep(&little, NULL);
}
#endif

toa_live_error toa_live_start(toa_live **live, const toa_live_options *options, char *text,
                              size_t size)
{
    (void)text;
    (void)size;
    if (told.start_error == TOA_LIVE_OK) {
        told.n_servers = options->config->n_servers;
        memcpy(told.servers, options->config->servers, told.n_servers * sizeof told.servers[0]);
        (void)strncpy(told.interface, options->interface, sizeof told.interface - 1);
        told.ttl = options->config->ttl;
        told.n_running++;
        *live = (toa_live *)(void *)&told.handle;
    }
    return told.start_error;
}

void toa_live_stop(toa_live *live)
{
    told.n_running -= live != NULL;
}

toa_live_error toa_live_status(const toa_live *live)
{
    (void)live;
    return told.status;
}

toa_word toa_live_lookup(toa_live *live, const toa_endpoint *fake, const toa_endpoint *server,
                         toa_time wait, toa_answer *answer)
{
    (void)live;
    (void)server;
    (void)wait;
    told.asked = *fake;
    *answer = told.answer;
    (void)atomic_fetch_add(&told.n_lookups, 1);
#ifndef _WIN32
    while (atomic_load(&told.hold)) {
        rest();
    }
#endif
    return answer->word;
}

void *toa_live_thread(const toa_live *live)
{
    (void)live;
    return &told.handle;
}

bool toa_live_random(void *out, size_t len)
{
    memset(out, 4, len);
    return true;
}

/* ---- Tests ----------------------------------------------------------------------------------- */

static int setup(void **state)
{
    memset(&told, 0, sizeof told);
    *state = toa_fetcher_new();
    return *state == NULL;
}

static int teardown(void **state)
{
    toa_fetcher_release(*state);
    return told.n_running; /* nothing may be left */
}

static const uint16_t ports[] = {1111, 2222};

static toa_fetcher_config some_ports(void)
{
    return (toa_fetcher_config){.ports = ports, .n_ports = 2, .cache_secs = 15};
}

static void every_error_has_the_vendors_code_and_message(void **state)
{
    static const struct {
        toa_live_error error;
        int code;
        const char *message;
    } rows[] = {
        {TOA_LIVE_OK, 0, "Ok"},
        {TOA_LIVE_BAD_ADDRESS, -1002, "Invalid IP address"},
        {TOA_LIVE_NO_INTERFACE, -1003, "No suitable network interface"},
        {TOA_LIVE_NO_PCAP, -1004, "System Error: find dev error"},
        {TOA_LIVE_NO_TIMER, -1005, "System Error: start timer error"},
        {TOA_LIVE_BAD_FILTER, -1006, "System Error: compile filter error"},
        {TOA_LIVE_NO_FILTER, -1007, "System Error: set filter error"},
        {TOA_LIVE_NO_OPEN, -1008, "System Error: open pcap error"},
        {TOA_LIVE_NO_START, -1009, "System Error: start pcap error"},
        {TOA_LIVE_NO_THREAD, -1010, "System Error: begin thread error"},
        {TOA_LIVE_NO_MEMORY, -1999, "Unknown error"},
        {TOA_LIVE_BAD_CONFIG, -1999, "Unknown error"},
    };
    toa_fetcher *fetcher = *state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        toa_fetcher_config config = some_ports();
        told.start_error = rows[i].error;
        assert_int_equal(toa_fetcher_start(fetcher, &config), rows[i].code);
        assert_int_equal(toa_fetcher_error(fetcher), rows[i].code);
        assert_string_equal(toa_fetcher_message(rows[i].code), rows[i].message);
        assert_true(strlen(rows[i].message) < TOA_FETCHER_MESSAGE);
        assert_int_equal(toa_fetcher_status(fetcher), rows[i].code == 0 ? 1 : -1);
        toa_fetcher_stop(fetcher);
    }
    assert_string_equal(toa_fetcher_message(-1001), "Exceed max server port number");
    assert_string_equal(toa_fetcher_message(12345), "Unknown error");
}

static void what_it_watches(void **state)
{
    static const char *const ranges[] = {"10001-10005", "20001 - 20005", " 5 -6"};
    toa_fetcher *fetcher = *state;
    toa_fetcher_config config = some_ports();
    config.interface_ip = "10.0.0.1";
    config.server_ip = "10.75.132.39";
    config.ranges = ranges;
    config.n_ranges = 3;
    config.cache_secs = 7;
    assert_int_equal(toa_fetcher_start(fetcher, &config), 0);
    assert_int_equal(told.n_servers, 5);
    assert_string_equal(told.interface, "10.0.0.1");
    assert_true(told.ttl == 7 * TOA_SECOND);
    static const uint16_t low[] = {1111, 2222, 10001, 20001, 5};
    static const uint16_t high[] = {1111, 2222, 10005, 20005, 6};
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(told.servers[i].version, 4);
        assert_memory_equal(told.servers[i].ip, "\x0a\x4b\x84\x27", 4);
        assert_int_equal(told.servers[i].port_low, low[i]);
        assert_int_equal(told.servers[i].port_high, high[i]);
    }
}

static void it_has_not_the_limit_of_three(void **state)
{
    static const uint16_t many[] = {1, 2, 3, 4, 5, 6, 7};
    static const char *const ranges[] = {"10-11", "20-21", "30-31", "40-41", "50 - 51"};
    toa_fetcher_config config = {
        .ports = many, .n_ports = 7, .ranges = ranges, .n_ranges = 5, .cache_secs = 15};
    assert_int_equal(toa_fetcher_start(*state, &config), 0);
    assert_int_equal(told.n_servers, 12);
    assert_int_equal(told.servers[6].port_low, 7);
    assert_int_equal(told.servers[11].port_low, 50);
    assert_int_equal(told.servers[11].port_high, 51);
}

static void empty_addresses_mean_any(void **state)
{
    toa_fetcher_config config = some_ports();
    config.interface_ip = "";
    config.server_ip = "";
    assert_int_equal(toa_fetcher_start(*state, &config), 0);
    assert_string_equal(told.interface, "any");
    assert_int_equal(told.servers[0].version, 0);
}

static void wrong_configurations(void **state)
{
    static const char *const wrong_ranges[] = {"",      "10-5",  "1-70000",       "a-b",
                                               "1-2,3", "1-2-3", "100000000000-2"};
    static const char *const wrong_ips[] = {"eth0", "10.0.0", "::1", "10.0.0.1:80"};
    toa_fetcher *fetcher = *state;
    for (size_t i = 0; i < sizeof wrong_ranges / sizeof wrong_ranges[0]; i++) {
        toa_fetcher_config config = {.ranges = &wrong_ranges[i], .n_ranges = 1, .cache_secs = 15};
        assert_int_equal(toa_fetcher_start(fetcher, &config), -1999);
    }
    for (size_t i = 0; i < sizeof wrong_ips / sizeof wrong_ips[0]; i++) {
        toa_fetcher_config config = some_ports();
        config.interface_ip = wrong_ips[i];
        assert_int_equal(toa_fetcher_start(fetcher, &config), -1002);
        config.interface_ip = NULL;
        config.server_ip = wrong_ips[i];
        assert_int_equal(toa_fetcher_start(fetcher, &config), -1002);
    }
    toa_fetcher_config none = {.cache_secs = 15};
    assert_int_equal(toa_fetcher_start(fetcher, &none), -1999);
    toa_fetcher_config no_time = some_ports();
    no_time.cache_secs = 0;
    assert_int_equal(toa_fetcher_start(fetcher, &no_time), -1999);
    assert_int_equal(toa_fetcher_start(fetcher, NULL), -1999);
    assert_int_equal(told.n_running, 0);
}

static void an_answer_is_in_network_order(void **state)
{
    toa_fetcher *fetcher = *state;
    toa_fetcher_config config = some_ports();
    uint8_t fake_ip[4] = {10, 0, 1, 7};
    uint8_t fake_port[2] = {0x9c, 0x41}; /* 40001 */
    uint32_t ip = 0;
    uint16_t port = 0;
    uint32_t real_ip = 0x5a5a5a5a;
    uint16_t real_port = 0x5a5a;
    memcpy(&ip, fake_ip, 4);
    memcpy(&port, fake_port, 2);
    told.answer.word = TOA_FOUND;
    told.answer.mapping.client =
        (toa_endpoint){.ip = {203, 0, 113, 9}, .port = 51514, .version = 4, .has_port = 1};

    assert_int_equal(toa_fetcher_fetch(fetcher, ip, port, &real_ip, &real_port), 0); /* not begun */
    assert_int_equal(toa_fetcher_start(fetcher, &config), 0);
    assert_int_equal(toa_fetcher_fetch(fetcher, ip, port, &real_ip, &real_port), 1);
    assert_int_equal(told.asked.port, 40001);
    assert_memory_equal(told.asked.ip, fake_ip, 4);
    assert_memory_equal(&real_ip, "\xcb\x00\x71\x09", 4);
    assert_memory_equal(&real_port, "\xc9\x3a", 2);
}

static void what_the_class_has_no_room_for_is_not_found(void **state)
{
    toa_fetcher *fetcher = *state;
    toa_fetcher_config config = some_ports();
    uint32_t real_ip = 0x5a5a5a5a;
    uint16_t real_port = 0x5a5a;
    assert_int_equal(toa_fetcher_start(fetcher, &config), 0);
    told.answer.word = TOA_FOUND;
    told.answer.mapping.client = (toa_endpoint){.version = 6, .port = 1, .has_port = 1};
    assert_int_equal(toa_fetcher_fetch(fetcher, 1, 1, &real_ip, &real_port), 0);
    told.answer.mapping.client = (toa_endpoint){.ip = {1}, .version = 4};
    assert_int_equal(toa_fetcher_fetch(fetcher, 1, 1, &real_ip, &real_port), 0);
    told.answer.word = TOA_EXPIRED;
    assert_int_equal(toa_fetcher_fetch(fetcher, 1, 1, &real_ip, &real_port), 0);
    assert_int_equal(real_ip, 0x5a5a5a5a);
    assert_int_equal(real_port, 0x5a5a);
}

static void a_life(void **state)
{
    toa_fetcher *fetcher = *state;
    toa_fetcher_config config = some_ports();
    assert_int_equal(toa_fetcher_status(fetcher), 0);
    assert_null(toa_fetcher_thread(fetcher));
    toa_fetcher_stop(fetcher); /* never started */
    assert_int_equal(toa_fetcher_start(fetcher, &config), 0);
    assert_int_equal(toa_fetcher_status(fetcher), 1);
    assert_non_null(toa_fetcher_thread(fetcher));
    assert_int_equal(toa_fetcher_start(fetcher, &config), -1999); /* twice */
    assert_int_equal(toa_fetcher_status(fetcher), 1);             /* the first goes on */
    assert_int_equal(told.n_running, 1);
    told.status = TOA_LIVE_LOST;
    assert_int_equal(toa_fetcher_status(fetcher), -1);
    toa_fetcher_stop(fetcher);
    toa_fetcher_stop(fetcher); /* twice */
    assert_int_equal(toa_fetcher_status(fetcher), 0);
    assert_null(toa_fetcher_thread(fetcher));
    assert_int_equal(toa_fetcher_start(fetcher, &config), 0); /* again */
    assert_int_equal(told.n_running, 1);
}

static void the_last_holder_stops_it(void **state)
{
    toa_fetcher *fetcher = *state;
    toa_fetcher_config config = some_ports();
    toa_fetcher *copy = toa_fetcher_hold(fetcher);
    assert_int_equal(toa_fetcher_start(copy, &config), 0);
    toa_fetcher_release(copy);
    assert_int_equal(told.n_running, 1); /* teardown demands that it ends with the last */
}

#ifndef _WIN32
static void *fetch(void *fetcher)
{
    uint32_t ip = 0;
    uint16_t port = 0;
    (void)toa_fetcher_fetch(fetcher, 1, 1, &ip, &port);
    return NULL;
}

static void *stop(void *fetcher)
{
    toa_fetcher_stop(fetcher);
    return NULL;
}

static void to_stop_waits_for_those_who_ask(void **state)
{
    toa_fetcher *fetcher = *state;
    toa_fetcher_config config = some_ports();
    pthread_t asking;
    pthread_t stopping;
    assert_int_equal(toa_fetcher_start(fetcher, &config), 0);
    atomic_store(&told.hold, true);
    assert_int_equal(pthread_create(&asking, NULL, fetch, fetcher), 0);
    while (atomic_load(&told.n_lookups) == 0) {
        rest();
    }
    assert_int_equal(pthread_create(&stopping, NULL, stop, fetcher), 0);
    while (toa_fetcher_status(fetcher) != 0) {
        rest(); /* from here on nobody begins */
    }
    (void)fetch(fetcher);
    assert_int_equal(atomic_load(&told.n_lookups), 1);
    assert_int_equal(told.n_running, 1); /* but it is not gone under the one who asks */
    atomic_store(&told.hold, false);
    assert_int_equal(pthread_join(asking, NULL), 0);
    assert_int_equal(pthread_join(stopping, NULL), 0);
    assert_int_equal(told.n_running, 0);
}
#endif

static void null_is_one_that_never_started(void **state)
{
    uint32_t ip = 0;
    uint16_t port = 0;
    toa_fetcher_config config = some_ports();
    (void)state;
    assert_int_equal(toa_fetcher_start(NULL, &config), -1999);
    assert_int_equal(toa_fetcher_fetch(NULL, 0, 0, &ip, &port), 0);
    assert_int_equal(toa_fetcher_status(NULL), 0);
    assert_int_equal(toa_fetcher_error(NULL), -1999);
    assert_null(toa_fetcher_thread(NULL));
    assert_null(toa_fetcher_hold(NULL));
    toa_fetcher_fail(NULL, -1001);
    toa_fetcher_stop(NULL);
    toa_fetcher_release(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_error_has_the_vendors_code_and_message, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(what_it_watches, setup, teardown),
        cmocka_unit_test_setup_teardown(it_has_not_the_limit_of_three, setup, teardown),
        cmocka_unit_test_setup_teardown(empty_addresses_mean_any, setup, teardown),
        cmocka_unit_test_setup_teardown(wrong_configurations, setup, teardown),
        cmocka_unit_test_setup_teardown(an_answer_is_in_network_order, setup, teardown),
        cmocka_unit_test_setup_teardown(what_the_class_has_no_room_for_is_not_found, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_life, setup, teardown),
        cmocka_unit_test_setup_teardown(the_last_holder_stops_it, setup, teardown),
#ifndef _WIN32
        cmocka_unit_test_setup_teardown(to_stop_waits_for_those_who_ask, setup, teardown),
#endif
        cmocka_unit_test_setup_teardown(null_is_one_that_never_started, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
