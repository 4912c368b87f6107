/*
 * The capture on a wpcap.dll that fails where it is told (fake_wpcap.c): every error of the
 * vendor's table, with its code, its message and what is said to people; and lookups of what it
 * captured. Call: test_npcap           the DLL is beside the program test_npcap missing   ... there
 * is none that can be used test_npcap late      ... it has no immediate mode
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <toa/fetcher.h>
#include <toa/live.h>

#include <windows.h>

#include "pcap_functions.h"
#include "thread.h"
#include "wakeup.h"

#define ADAPTER_IP "192.0.2.1"
#define FAKE       "10.0.1.7:40001"

static const char *told = "";

static void say_to_fake(const char *what)
{
    told = what;
    assert_true(SetEnvironmentVariableA("FAKE_WPCAP", what));
}

/* The linker calls these in place of the ones that are named. */
bool __real_toa_thread_start(toa_thread *thread, void *(*run)(void *), void *context);
bool __wrap_toa_thread_start(toa_thread *thread, void *(*run)(void *), void *context);
bool __wrap_toa_thread_start(toa_thread *thread, void *(*run)(void *), void *context)
{
    return strcmp(told, "thread") != 0 && __real_toa_thread_start(thread, run, context);
}

bool __real_toa_wakeup_init(toa_wakeup *wakeup);
bool __wrap_toa_wakeup_init(toa_wakeup *wakeup);
bool __wrap_toa_wakeup_init(toa_wakeup *wakeup)
{
    return strcmp(told, "timer") != 0 && __real_toa_wakeup_init(wakeup);
}

/* ---- Errors ---------------------------------------------------------------------------------- */

typedef struct row {
    const char *told;
    const char *interface;
    toa_live_error error;
    const char *text; /* is in what people are told */
    int code;
    const char *message;
} row;

static const row rows[] = {
    {"", "10.75.132", TOA_LIVE_BAD_ADDRESS, "no address", -1002, "Invalid IP address"},
    {"", "192.0.2.99", TOA_LIVE_NO_INTERFACE, "192.0.2.99", -1003, "No suitable network interface"},
    {"no_devices", ADAPTER_IP, TOA_LIVE_NO_PCAP, "https://npcap.com", -1004,
     "System Error: find dev error"},
    {"findalldevs", ADAPTER_IP, TOA_LIVE_NO_PCAP, "https://npcap.com", -1004,
     "System Error: find dev error"},
    {"timer", ADAPTER_IP, TOA_LIVE_NO_TIMER, "wake-up", -1005, "System Error: start timer error"},
    {"link_type", ADAPTER_IP, TOA_LIVE_BAD_FILTER, "BLUETOOTH_HCI_H4", -1006,
     "System Error: compile filter error"},
    {"setfilter", ADAPTER_IP, TOA_LIVE_NO_FILTER, "cannot be installed", -1007,
     "System Error: set filter error"},
    {"create", ADAPTER_IP, TOA_LIVE_NO_OPEN, "told to", -1008, "System Error: open pcap error"},
    {"denied", ADAPTER_IP, TOA_LIVE_NO_OPEN, "administrator", -1008,
     "System Error: open pcap error"},
    {"activate", ADAPTER_IP, TOA_LIVE_NO_START, "told to", -1009, "System Error: start pcap error"},
    {"setnonblock", ADAPTER_IP, TOA_LIVE_NO_START, "told to", -1009,
     "System Error: start pcap error"},
    {"thread", ADAPTER_IP, TOA_LIVE_NO_THREAD, "thread", -1010, "System Error: begin thread error"},
};

/* What `changed` told: on the capture's thread. */
static CRITICAL_SECTION news_lock;
static char news[16384];

static void on_change(void *context, toa_live_error error, const char *text)
{
    char line[600];
    (void)context;
    (void)snprintf(line, sizeof line, "%d %s\n", (int)error, text);
    EnterCriticalSection(&news_lock);
    (void)strncat(news, line, sizeof news - strlen(news) - 1);
    LeaveCriticalSection(&news_lock);
}

static size_t count_news(const char *words)
{
    size_t n = 0;
    EnterCriticalSection(&news_lock);
    for (const char *at = news; (at = strstr(at, words)) != NULL; at++) {
        n++;
    }
    LeaveCriticalSection(&news_lock);
    return n;
}

static void await_news(size_t n, const char *words)
{
    for (int i = 0; i < 200 && count_news(words) < n; i++) {
        Sleep(20);
    }
    if (count_news(words) != n) {
        print_message("%s", news);
    }
    assert_int_equal(count_news(words), n);
}

static toa_live_error start(toa_live **live, const char *interface, char *text, size_t size)
{
    toa_dialects dialects;
    toa_dialects_default(&dialects);
    const toa_config config = {.dialects = &dialects, .ttl = TOA_TTL_DEFAULT};
    const toa_live_options options = {
        .interface = interface, .config = &config, .n_records = 1024, .changed = on_change};
    news[0] = '\0';
    return toa_live_start(live, &options, text, size);
}

static void test_live_errors(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[512] = "";
        toa_live *live = NULL;
        say_to_fake(rows[i].told);
        toa_live_error error = start(&live, rows[i].interface, text, sizeof text);
        print_message("%-12s %d %s\n", rows[i].told, (int)error, text);
        assert_int_equal(error, rows[i].error);
        assert_non_null(strstr(text, rows[i].text));
        assert_null(live);
    }
}

static const uint16_t port = 443;

static int fetcher_start(toa_fetcher *fetcher, const char *interface, unsigned cache_secs)
{
    const toa_fetcher_config config = {
        .interface_ip = interface, .ports = &port, .n_ports = 1, .cache_secs = cache_secs};
    return toa_fetcher_start(fetcher, &config);
}

static void test_vendor_errors(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        toa_fetcher *fetcher = toa_fetcher_new();
        say_to_fake(rows[i].told);
        assert_int_equal(fetcher_start(fetcher, rows[i].interface, 15), rows[i].code);
        assert_int_equal(toa_fetcher_error(fetcher), rows[i].code);
        assert_string_equal(toa_fetcher_message(toa_fetcher_error(fetcher)), rows[i].message);
        assert_int_equal(toa_fetcher_status(fetcher), -1);
        toa_fetcher_release(fetcher);
    }
    toa_fetcher *fetcher = toa_fetcher_new();
    say_to_fake("");
    assert_int_equal(fetcher_start(fetcher, ADAPTER_IP, 0), -1999);
    assert_string_equal(toa_fetcher_message(-1999), "Unknown error");
    toa_fetcher_release(fetcher);
}

static void test_missing(void **state)
{
    char text[512] = "";
    toa_live *live = NULL;
    toa_fetcher *fetcher = toa_fetcher_new();
    (void)state;
    assert_null(toa_pcap_functions_get());
    assert_int_equal(start(&live, ADAPTER_IP, text, sizeof text), TOA_LIVE_NO_PCAP);
    assert_non_null(strstr(text, "https://npcap.com"));
    assert_int_equal(start(&live, "any", text, sizeof text), TOA_LIVE_NO_PCAP);
    assert_int_equal(fetcher_start(fetcher, ADAPTER_IP, 15), -1004);
    toa_fetcher_release(fetcher);
}

/* ---- What works ------------------------------------------------------------------------------ */

static toa_word ask(toa_live *live, toa_time wait, char client[TOA_ENDPOINT_TEXT])
{
    toa_endpoint fake;
    toa_answer answer;
    assert_null(toa_endpoint_parse(FAKE, strlen(FAKE), &fake));
    toa_word word = toa_live_lookup(live, &fake, NULL, wait, &answer);
    client[0] = '\0';
    if (word == TOA_FOUND) {
        (void)toa_endpoint_format(&answer.mapping.client, client);
    }
    return word;
}

static void test_names(void **state)
{
    static const char *const names[] = {
        ADAPTER_IP,
        "\\Device\\NPF_{01234567-89AB-CDEF-0123-456789ABCDEF}",
        "\\device\\npf_{01234567-89ab-cdef-0123-456789abcdef}",
        "{01234567-89AB-CDEF-0123-456789ABCDEF}",
        "A fake adapter",
        "any",
    };
    (void)state;
    say_to_fake("");
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char text[512] = "";
        char client[TOA_ENDPOINT_TEXT];
        toa_live *live = NULL;
        assert_int_equal(start(&live, names[i], text, sizeof text), TOA_LIVE_OK);
        assert_int_equal(ask(live, 0, client), TOA_FOUND); /* at once: the lookup reads */
        assert_string_equal(client, "203.0.113.9:51514");
        toa_live_stop(live);
    }
}

static void test_drops_are_counted(void **state)
{
    char text[512];
    toa_live *live = NULL;
    toa_live_counters counters;
    (void)state;
    say_to_fake("drops");
    assert_int_equal(start(&live, ADAPTER_IP, text, sizeof text), TOA_LIVE_OK);
    toa_live_counters_get(live, &counters);
    for (int i = 0; i < 50 && counters.kernel_drops == 0; i++) {
        Sleep(20);
        toa_live_counters_get(live, &counters);
    }
    assert_int_equal(counters.kernel_drops, 3);
    toa_live_stop(live);
}

/* A handle that fails is opened anew, and what is known answers meanwhile. */
static void test_failure_and_recovery(void **state)
{
    char text[512];
    char client[TOA_ENDPOINT_TEXT];
    toa_live *live = NULL;
    toa_live_counters counters;
    (void)state;
    say_to_fake("");
    assert_int_equal(start(&live, ADAPTER_IP, text, sizeof text), TOA_LIVE_OK);
    assert_int_equal(ask(live, 0, client), TOA_FOUND);
    say_to_fake("broken");
    for (int i = 0; i < 200 && toa_live_status(live) != TOA_LIVE_LOST; i++) {
        Sleep(20);
    }
    assert_int_equal(toa_live_status(live), TOA_LIVE_LOST);
    assert_int_equal(ask(live, 0, client), TOA_FOUND);
    say_to_fake("silent");
    for (int i = 0; i < 200 && toa_live_status(live) == TOA_LIVE_LOST; i++) {
        Sleep(20);
    }
    assert_int_equal(toa_live_status(live), TOA_LIVE_OK);
    toa_live_counters_get(live, &counters);
    assert_true(counters.reopens >= 1);
    toa_live_stop(live);
}

/* Of all adapters, those that are not captured from are told of, each with its reason. */
static void test_some_of_all(void **state)
{
    char text[512];
    toa_live *live = NULL;
    (void)state;
    say_to_fake("several");
    assert_int_equal(start(&live, "any", text, sizeof text), TOA_LIVE_OK);
    assert_string_equal(text, "");
    await_news(1, "13 Adapter 1 (\\Device\\NPF_{1}) is not captured from: "
                  "\\Device\\NPF_{1} cannot be opened: told to\n");
    say_to_fake("one_broken");
    await_news(1, "13 Adapter 2 (\\Device\\NPF_{2}) failed, and is not captured from any more");
    await_news(1, "until the next start: told to\n");
    assert_int_equal(toa_live_status(live), TOA_LIVE_OK);
    await_news(2, "13 ");
    toa_live_stop(live);
}

static void test_too_many(void **state)
{
    char text[512];
    toa_live *live = NULL;
    (void)state;
    say_to_fake("many");
    assert_int_equal(start(&live, "any", text, sizeof text), TOA_LIVE_OK);
    await_news(8, "is not captured from: more than 32 adapters\n");
    await_news(1, "13 Adapter 39 ");
    toa_live_stop(live);
}

static DWORD asked_for(toa_live *live, toa_time wait)
{
    char client[TOA_ENDPOINT_TEXT];
    DWORD begin = GetTickCount();
    assert_int_equal(ask(live, wait, client), TOA_NEVER_SEEN);
    return GetTickCount() - begin;
}

/* Where no lookup can read what is captured, a miss waits instead. */
static void test_late(void **state)
{
    char text[512];
    toa_live *live = NULL;
    (void)state;
    say_to_fake("silent");
    assert_int_equal(start(&live, ADAPTER_IP, text, sizeof text), TOA_LIVE_OK);
    assert_int_equal(toa_live_late(live), 20 * TOA_SECOND / 1000);
    DWORD waiting = 0; /* ten times 20 ms, by another clock than theirs */
    DWORD at_once = 0;
    for (int i = 0; i < 10; i++) {
        waiting += asked_for(live, 0);
        at_once += asked_for(live, -1);
    }
    assert_true(waiting >= 150);
    assert_true(at_once < waiting);
    toa_live_stop(live);
}

/* ... and what a young SYN says waits for the ACK. */
static void test_late_ack(void **state)
{
    char text[512];
    char client[TOA_ENDPOINT_TEXT];
    (void)state;
    say_to_fake("forged");
    for (toa_time wait = -1; wait <= 0; wait++) {
        toa_live *live = NULL;
        assert_int_equal(start(&live, ADAPTER_IP, text, sizeof text), TOA_LIVE_OK);
        assert_int_equal(ask(live, wait, client), TOA_FOUND);
        assert_string_equal(client, wait < 0 ? "198.51.100.66:1" : "203.0.113.9:51514");
        toa_live_stop(live);
    }
}

static void test_not_late(void **state)
{
    char text[512];
    toa_live *live = NULL;
    (void)state;
    say_to_fake("silent");
    assert_int_equal(start(&live, ADAPTER_IP, text, sizeof text), TOA_LIVE_OK);
    assert_int_equal(toa_live_late(live), 0);
    toa_live_stop(live);
}

/* The list of functions is this one, and each has its place. */
static void test_functions(void **state)
{
    static const char *const allowed[] = {
        "pcap_create",
        "pcap_set_snaplen",
        "pcap_set_promisc",
        "pcap_set_timeout",
        "pcap_set_immediate_mode",
        "pcap_set_buffer_size",
        "pcap_activate",
        "pcap_setnonblock",
        "pcap_datalink",
        "pcap_datalink_val_to_name",
        "pcap_geterr",
        "pcap_statustostr",
        "pcap_close",
        "pcap_findalldevs",
        "pcap_freealldevs",
        "pcap_setfilter",
        "pcap_next_ex",
        "pcap_stats",
    };
    size_t n = 0;
    (void)state;
    for (; toa_pcap_functions_name(n) != NULL; n++) {
        assert_true(n < sizeof allowed / sizeof allowed[0]);
        assert_string_equal(toa_pcap_functions_name(n), allowed[n]);
    }
    assert_int_equal(n, sizeof allowed / sizeof allowed[0]);
    assert_int_equal(n * sizeof(void *), sizeof(toa_pcap_functions));
    assert_non_null(toa_pcap_functions_get());
}

int main(int argc, char **argv)
{
    const struct CMUnitTest missing[] = {cmocka_unit_test(test_missing)};
    const struct CMUnitTest late[] = {cmocka_unit_test(test_late), cmocka_unit_test(test_late_ack)};
    const struct CMUnitTest all[] = {
        cmocka_unit_test(test_functions),         cmocka_unit_test(test_live_errors),
        cmocka_unit_test(test_vendor_errors),     cmocka_unit_test(test_names),
        cmocka_unit_test(test_drops_are_counted), cmocka_unit_test(test_failure_and_recovery),
        cmocka_unit_test(test_not_late),          cmocka_unit_test(test_some_of_all),
        cmocka_unit_test(test_too_many),
    };
    InitializeCriticalSection(&news_lock);
    const char *which = argc > 1 ? argv[1] : "";
    return strcmp(which, "missing") == 0 ? cmocka_run_group_tests(missing, NULL, NULL)
           : strcmp(which, "late") == 0  ? cmocka_run_group_tests(late, NULL, NULL)
                                         : cmocka_run_group_tests(all, NULL, NULL);
}
