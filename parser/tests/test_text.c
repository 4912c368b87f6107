#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>

#include <toa/text.h>

#include "guarded.h"

enum { PATTERN = 0xa5, ROOM = 512 };

static guarded room;

static int open_room(void **state)
{
    (void)state;
    room = guarded_open(ROOM);
    return 0;
}

static int close_room(void **state)
{
    (void)state;
    guarded_close(&room);
    return 0;
}

/* A text that ends at an unmapped page. */
static const char *at_end(const char *text)
{
    return (const char *)guarded_at_end(&room, text, strlen(text));
}

/* Checks what a parse function returned, and that it wrote exactly when it should. */
static void check_result(const char *text, const char *wrong, const char *expected_wrong,
                         bool untouched)
{
    if ((wrong == NULL) != (expected_wrong == NULL) ||
        (wrong != NULL && strstr(wrong, expected_wrong) == NULL)) {
        fail_msg("\"%s\": %s", text, wrong == NULL ? "taken" : wrong);
    }
    if (untouched != (wrong != NULL)) {
        fail_msg("\"%s\": *out %s", text, untouched ? "is untouched" : "was written");
    }
}

static bool untouched(const void *object, size_t size)
{
    const uint8_t *bytes = object;
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] != PATTERN) {
            return false;
        }
    }
    return true;
}

/* ---- Addresses ------------------------------------------------------------------------------- */

typedef struct text_row {
    const char *sentence;
    const char *in;
    const char *out; /* as it is written again; NULL: wrong */
} text_row;

static const text_row ip_rows[] = {
    {"dotted decimal", "1.2.3.4", "1.2.3.4"},
    {"the lowest address", "0.0.0.0", "0.0.0.0"},
    {"the highest address", "255.255.255.255", "255.255.255.255"},
    {"a number above 255", "1.2.3.256", NULL},
    {"a number far above 255", "1.2.3.18446744073709551617", NULL},
    {"a leading zero", "01.2.3.4", NULL},
    {"a leading zero in the last number", "1.2.3.00", NULL},
    {"three numbers", "1.2.3", NULL},
    {"three numbers and a dot", "1.2.3.", NULL},
    {"five numbers", "1.2.3.4.5", NULL},
    {"a dot behind", "1.2.3.4.", NULL},
    {"a blank before", " 1.2.3.4", NULL},
    {"a blank behind", "1.2.3.4 ", NULL},
    {"a sign", "+1.2.3.4", NULL},
    {"nothing", "", NULL},
    {"a name", "localhost", NULL},
    {"eight groups", "2001:db8:1:2:3:4:5:6", "2001:db8:1:2:3:4:5:6"},
    {"a gap in the middle", "2001:db8::1", "2001:db8::1"},
    {"a gap at the beginning", "::1", "::1"},
    {"a gap at the end", "2001:db8::", "2001:db8::"},
    {"nothing but a gap", "::", "::"},
    {"a gap for one group is written out", "1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"},
    {"a gap for one group at the beginning", "::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"},
    {"a single zero group is no gap", "1:2:0:4:5:6:7:8", "1:2:0:4:5:6:7:8"},
    {"the longer run is the gap", "1:0:0:4:0:0:0:8", "1:0:0:4::8"},
    {"of equal runs the first is the gap", "1:0:0:4:5:0:0:8", "1::4:5:0:0:8"},
    {"zeros written out", "0:0:0:0:0:0:0:0", "::"},
    {"leading zeros in a group", "2001:0db8::0001", "2001:db8::1"},
    {"capitals", "2001:DB8::ABEF", "2001:db8::abef"},
    {"an IPv4 address at the end", "64:ff9b::192.0.2.33", "64:ff9b::c000:221"},
    {"an IPv4 address behind six groups", "1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304"},
    {"an IPv4-mapped address", "::ffff:192.0.2.33", "::ffff:192.0.2.33"},
    {"an IPv4-mapped address in groups", "::ffff:c000:221", "::ffff:192.0.2.33"},
    {"nearly an IPv4-mapped address", "::ff12:1:2", "::ff12:1:2"},
    {"an IPv4 address behind seven groups", "1:2:3:4:5:6:7:1.2.3.4", NULL},
    {"an IPv4 address behind five groups", "1:2:3:4:5:1.2.3.4", NULL},
    {"an IPv4 address that is not last", "1.2.3.4::", NULL},
    {"an IPv4 address in the middle", "1:1.2.3.4::1", NULL},
    {"an IPv4 address without groups or gap before it", ":1.2.3.4", NULL},
    {"seven groups", "1:2:3:4:5:6:7", NULL},
    {"nine groups", "1:2:3:4:5:6:7:8:9", NULL},
    {"eight groups and a gap", "1:2:3:4:5:6:7:8::", NULL},
    {"eight groups and a gap in them", "1:2:3:4::5:6:7:8", NULL},
    {"two gaps", "1::2::3", NULL},
    {"three colons", "1:::2", NULL},
    {"three colons alone", ":::", NULL},
    {"a colon at the beginning", ":1:2:3:4:5:6:7:8", NULL},
    {"a colon at the end", "1:2:3:4:5:6:7:8:", NULL},
    {"a colon at the end behind a gap", "1::2:", NULL},
    {"a group of five digits", "12345::", NULL},
    {"a digit that is not hexadecimal", "2001:db8::g", NULL},
    {"a zone id", "fe80::1%eth0", NULL},
    {"brackets", "[2001:db8::1]", NULL},
    {"a prefix length", "2001:db8::/32", NULL},
};

static void test_ip(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof ip_rows / sizeof ip_rows[0]; i++) {
        const text_row *row = &ip_rows[i];
        toa_endpoint endpoint;
        char out[TOA_ENDPOINT_TEXT];
        uint8_t other[16] = {0};
        print_message("    %s\n", row->sentence);
        memset(&endpoint, PATTERN, sizeof endpoint);
        const char *wrong = toa_ip_parse(at_end(row->in), strlen(row->in), &endpoint);
        check_result(row->in, wrong, row->out == NULL ? "not an IP address" : NULL,
                     untouched(&endpoint, sizeof endpoint));
        bool system = inet_pton(AF_INET, row->in, other) == 1;
        if (!system) {
            system = inet_pton(AF_INET6, row->in, other) == 1;
        }
        assert_int_equal(system, row->out != NULL);
        if (row->out != NULL) {
            assert_memory_equal(endpoint.ip, other, sizeof other);
            assert_int_equal(endpoint.port, 0);
            assert_int_equal(endpoint.has_port, 0);
            assert_int_equal(toa_endpoint_format(&endpoint, out), strlen(row->out));
            assert_string_equal(out, row->out);
        }
    }
}

/* A span is not a string: a zero byte in it is a character like others. */
static void test_zero_bytes(void **state)
{
    (void)state;
    toa_endpoint endpoint;
    uint64_t number;
    assert_non_null(toa_ip_parse("1.2.3.4", 8, &endpoint));
    assert_non_null(toa_ip_parse("::1", 4, &endpoint));
    assert_non_null(toa_endpoint_parse("1.2.3.4:5", 10, &endpoint));
    assert_non_null(toa_number_parse("7", 2, 7, &number));
}

/* All addresses whose groups are zero or not, and what the system writes for them. The system
 * writes ::/96 as an IPv4 address, which RFC 5952 does not ask for. */
static void test_ip_against_system(void **state)
{
    (void)state;
    for (unsigned zeros = 0; zeros < 256; zeros++) {
        toa_endpoint endpoint = {.version = 6};
        toa_endpoint again;
        char out[TOA_ENDPOINT_TEXT];
        char system[INET6_ADDRSTRLEN];
        for (size_t i = 0; i < 8; i++) {
            endpoint.ip[2 * i] = (zeros >> i & 1) != 0 ? 0 : (uint8_t)(i % 3 == 0 ? 0 : 16 * i);
            endpoint.ip[2 * i + 1] = (zeros >> i & 1) != 0 ? 0 : (uint8_t)(0x1f * i + 1);
        }
        size_t len = toa_endpoint_format(&endpoint, out);
        assert_null(toa_ip_parse(out, len, &again));
        assert_memory_equal(&endpoint, &again, sizeof again);
        assert_non_null(inet_ntop(AF_INET6, endpoint.ip, system, sizeof system));
        if ((zeros & 0x3f) != 0x3f) {
            assert_string_equal(out, system);
        }
    }
}

static void test_longest_texts(void **state)
{
    (void)state;
    toa_endpoint endpoint = {.port = 65535, .version = 6, .has_port = 1};
    toa_prefix prefix = {.version = 6, .bits = 128};
    char text[TOA_ENDPOINT_TEXT + 1];
    char prefix_text[TOA_PREFIX_TEXT + 1];
    memset(endpoint.ip, 0xff, sizeof endpoint.ip);
    memset(prefix.ip, 0xff, sizeof prefix.ip);
    text[TOA_ENDPOINT_TEXT] = '!';
    prefix_text[TOA_PREFIX_TEXT] = '!';
    assert_int_equal(toa_endpoint_format(&endpoint, text), 47);
    assert_string_equal(text, "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535");
    assert_int_equal(toa_prefix_format(&prefix, prefix_text), 43);
    assert_string_equal(prefix_text, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128");
    assert_int_equal(text[TOA_ENDPOINT_TEXT], '!');
    assert_int_equal(prefix_text[TOA_PREFIX_TEXT], '!');
}

/* ---- Endpoints ------------------------------------------------------------------------------- */

static const text_row endpoint_rows[] = {
    {"IPv4 and port", "1.2.3.4:443", "1.2.3.4:443"},
    {"IPv6 and port", "[2001:db8::1]:443", "[2001:db8::1]:443"},
    {"the lowest port", "1.2.3.4:0", "1.2.3.4:0"},
    {"the highest port", "1.2.3.4:65535", "1.2.3.4:65535"},
    {"a port above the highest", "1.2.3.4:65536", NULL},
    {"a port of many digits", "1.2.3.4:99999999999999999999999", NULL},
    {"no port", "1.2.3.4", NULL},
    {"no port behind the colon", "1.2.3.4:", NULL},
    {"no port behind brackets", "[2001:db8::1]", NULL},
    {"no port behind brackets and colon", "[2001:db8::1]:", NULL},
    {"a port that is no number", "1.2.3.4:https", NULL},
    {"a negative port", "1.2.3.4:-1", NULL},
    {"something behind the port", "1.2.3.4:443x", NULL},
    {"a second port", "1.2.3.4:443:444", NULL},
    {"IPv6 without brackets", "2001:db8::1:443", NULL},
    {"IPv4 in brackets", "[1.2.3.4]:443", NULL},
    {"a bracket that is not closed", "[2001:db8::1:443", NULL},
    {"a bracket that is not opened", "2001:db8::1]:443", NULL},
    {"nothing in the brackets", "[]:443", NULL},
    {"an opened bracket alone", "[", NULL},
    {"something between bracket and colon", "[2001:db8::1]x:443", NULL},
    {"a port alone", ":443", NULL},
    {"nothing", "", NULL},
};

static void test_endpoint(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof endpoint_rows / sizeof endpoint_rows[0]; i++) {
        const text_row *row = &endpoint_rows[i];
        toa_endpoint endpoint;
        char out[TOA_ENDPOINT_TEXT];
        print_message("    %s\n", row->sentence);
        memset(&endpoint, PATTERN, sizeof endpoint);
        const char *wrong = toa_endpoint_parse(at_end(row->in), strlen(row->in), &endpoint);
        check_result(row->in, wrong, row->out == NULL ? "not an endpoint" : NULL,
                     untouched(&endpoint, sizeof endpoint));
        if (row->out != NULL) {
            assert_int_equal(endpoint.has_port, 1);
            assert_int_equal(toa_endpoint_format(&endpoint, out), strlen(row->out));
            assert_string_equal(out, row->out);
        }
    }
}

static void test_endpoint_format(void **state)
{
    (void)state;
    const toa_endpoint none = {.version = 0};
    const toa_endpoint port_of_none = {.port = 443, .version = 0, .has_port = 1};
    const toa_endpoint v4 = {.ip = {203, 0, 113, 9}, .version = 4};
    const toa_endpoint v6 = {.ip = {0x20, 1, 0xd, 0xb8}, .version = 6};
    char out[TOA_ENDPOINT_TEXT];
    assert_int_equal(toa_endpoint_format(&none, out), 1);
    assert_string_equal(out, "-");
    assert_int_equal(toa_endpoint_format(&port_of_none, out), 1);
    assert_string_equal(out, "-");
    assert_int_equal(toa_endpoint_format(&v4, out), 11);
    assert_string_equal(out, "203.0.113.9");
    assert_int_equal(toa_endpoint_format(&v6, out), 10);
    assert_string_equal(out, "2001:db8::");
}

/* ---- Prefixes -------------------------------------------------------------------------------- */

typedef struct prefix_row {
    const char *sentence;
    const char *in;
    const char *out;
    const char *wrong;
} prefix_row;

static const prefix_row prefix_rows[] = {
    {"an IPv4 prefix", "10.0.0.0/8", "10.0.0.0/8", NULL},
    {"every IPv4 address", "0.0.0.0/0", "0.0.0.0/0", NULL},
    {"one IPv4 address", "10.1.2.3/32", "10.1.2.3/32", NULL},
    {"an address alone is a whole one", "10.1.2.3", "10.1.2.3/32", NULL},
    {"a prefix that ends inside a byte", "10.128.0.0/9", "10.128.0.0/9", NULL},
    {"an IPv6 prefix", "2001:db8::/32", "2001:db8::/32", NULL},
    {"every IPv6 address", "::/0", "::/0", NULL},
    {"one IPv6 address", "::1/128", "::1/128", NULL},
    {"an IPv6 address alone", "2001:db8::1", "2001:db8::1/128", NULL},
    {"127 bits", "2001:db8::2/127", "2001:db8::2/127", NULL},
    {"33 bits of IPv4", "10.0.0.0/33", NULL, "not a prefix length"},
    {"129 bits of IPv6", "::/129", NULL, "not a prefix length"},
    {"no bits behind the slash", "10.0.0.0/", NULL, "not a prefix length"},
    {"a mask", "10.0.0.0/255.0.0.0", NULL, "not a prefix length"},
    {"a negative length", "10.0.0.0/-1", NULL, "not a prefix length"},
    {"something behind the length", "10.0.0.0/8x", NULL, "not a prefix length"},
    {"two slashes", "10.0.0.0/8/8", NULL, "not a prefix length"},
    {"bits behind the prefix", "10.1.2.3/8", NULL, "bits are set"},
    {"one bit behind the prefix", "10.128.0.0/8", NULL, "bits are set"},
    {"the last bit behind the prefix", "::1/127", NULL, "bits are set"},
    {"a bit far behind the prefix", "8000:0:8000::/1", NULL, "bits are set"},
    {"bits behind an empty prefix", "128.0.0.0/0", NULL, "bits are set"},
    {"no address", "/8", NULL, "not a prefix"},
    {"an address with a port", "10.0.0.0:80/8", NULL, "not a prefix"},
    {"nothing", "", NULL, "not a prefix"},
};

static void test_prefix(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof prefix_rows / sizeof prefix_rows[0]; i++) {
        const prefix_row *row = &prefix_rows[i];
        toa_prefix prefix;
        char out[TOA_PREFIX_TEXT];
        print_message("    %s\n", row->sentence);
        memset(&prefix, PATTERN, sizeof prefix);
        const char *wrong = toa_prefix_parse(at_end(row->in), strlen(row->in), &prefix);
        check_result(row->in, wrong, row->wrong, untouched(&prefix, sizeof prefix));
        if (row->out != NULL) {
            assert_int_equal(toa_prefix_format(&prefix, out), strlen(row->out));
            assert_string_equal(out, row->out);
        }
    }
}

/* As many ones as the prefix is long are taken; with one more they are refused. */
static void test_every_prefix(void **state)
{
    (void)state;
    for (unsigned version = 4; version <= 6; version += 2) {
        toa_endpoint ones = {.version = (uint8_t)version};
        unsigned most = version == 4 ? 32 : 128;
        for (unsigned bits = 0; bits <= most; bits++) {
            char text[TOA_ENDPOINT_TEXT + 8];
            toa_prefix prefix;
            size_t len = toa_endpoint_format(&ones, text);
            int bits_len = snprintf(text + len, sizeof text - len, "/%u", bits);
            assert_null(toa_prefix_parse(text, len + (size_t)bits_len, &prefix));
            assert_int_equal(prefix.bits, bits);
            assert_memory_equal(prefix.ip, ones.ip, sizeof ones.ip);
            if (bits == most) {
                break;
            }
            ones.ip[bits / 8] |= (uint8_t)(0x80 >> bits % 8);
            len = toa_endpoint_format(&ones, text);
            bits_len = snprintf(text + len, sizeof text - len, "/%u", bits);
            assert_non_null(toa_prefix_parse(text, len + (size_t)bits_len, &prefix));
        }
    }
}

/* Every length of prefix against every address that differs from it in one bit. */
static void test_prefix_contains(void **state)
{
    (void)state;
    for (unsigned bits = 0; bits <= 128; bits++) {
        const toa_prefix prefix = {.version = 6, .bits = (uint8_t)bits};
        for (unsigned bit = 0; bit < 128; bit++) {
            toa_endpoint endpoint = {.version = 6};
            endpoint.ip[bit / 8] = (uint8_t)(0x80 >> bit % 8);
            assert_int_equal(toa_prefix_contains(&prefix, &endpoint), bit >= bits);
        }
    }
    const toa_prefix all_v4 = {.version = 4, .bits = 0};
    const toa_endpoint v4 = {.version = 4};
    const toa_endpoint v6 = {.version = 6};
    const toa_endpoint none = {.version = 0};
    assert_true(toa_prefix_contains(&all_v4, &v4));
    assert_false(toa_prefix_contains(&all_v4, &v6));
    assert_false(toa_prefix_contains(&all_v4, &none));
}

/* ---- Servers --------------------------------------------------------------------------------- */

typedef struct server_row {
    const char *sentence;
    const char *in;
    const char *out; /* address, then low-high of each */
    const char *wrong;
} server_row;

static const server_row server_rows[] = {
    {"an address alone is any port", "10.0.0.80", "10.0.0.80 0-65535", NULL},
    {"one port", "10.0.0.80:443", "10.0.0.80 443-443", NULL},
    {"a list", "10.0.0.80:443,8000-8010", "10.0.0.80 443-443 8000-8010", NULL},
    {"four items, as many as there is room for", "any:1,2,3,4-4", "- 1-1 2-2 3-3 4-4", NULL},
    {"the highest port", "any:65535", "- 65535-65535", NULL},
    {"every port", "any:0-65535", "- 0-65535", NULL},
    {"any alone", "any", "- 0-65535", NULL},
    {"IPv6 alone", "2001:db8::1", "2001:db8::1 0-65535", NULL},
    {"IPv6 whose last group looks like a port", "2001:db8::443", "2001:db8::443 0-65535", NULL},
    {"IPv6 that ends with its gap", "fe80::", "fe80:: 0-65535", NULL},
    {"IPv6 in brackets", "[2001:db8::1]", "2001:db8::1 0-65535", NULL},
    {"IPv6 with ports", "[2001:db8::1]:443,80", "2001:db8::1 443-443 80-80", NULL},
    {"one item more than there is room for", "any:1,2,3,4,5", NULL, "too many"},
    {"any in brackets", "[any]:443", NULL, "not a server"},
    {"a name", "anyone:443", NULL, "not a server"},
    {"IPv4 in brackets", "[10.0.0.80]:443", NULL, "not a server"},
    {"a bracket that is not closed", "[2001:db8::1", NULL, "not a server"},
    {"no address", ":443", NULL, "not a server"},
    {"nothing", "", NULL, "not a server"},
    {"a port without its colon", "[2001:db8::1]443", NULL, "after the address comes"},
    {"no port behind the colon", "10.0.0.80:", NULL, "after the address comes"},
    {"a port above the highest", "any:65536", NULL, "not a list of ports"},
    {"a range that ends above the highest", "any:1-65536", NULL, "not a list of ports"},
    {"a falling range", "any:8010-8000", NULL, "not a list of ports"},
    {"a range without an end", "any:8000-", NULL, "not a list of ports"},
    {"a range without a beginning", "any:-8000", NULL, "not a list of ports"},
    {"a range of three", "any:1-2-3", NULL, "not a list of ports"},
    {"a blank in the list", "any:1, 2", NULL, "not a list of ports"},
    {"a name of a port", "any:https", NULL, "not a list of ports"},
    {"an empty item at the beginning", "any:,1", NULL, "an empty item"},
    {"an empty item in the middle", "any:1,,2", NULL, "an empty item"},
    {"an empty item at the end", "any:1,", NULL, "an empty item"},
    {"a comma alone", "any:,", NULL, "an empty item"},
};

enum { MAX_SERVERS = 4 };

static void check_servers(const toa_server *servers, size_t n, const char *expected)
{
    char text[128];
    toa_endpoint host = {.version = servers[0].version};
    memcpy(host.ip, servers[0].ip, sizeof host.ip);
    int len = (int)toa_endpoint_format(&host, text);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(servers[i].version, servers[0].version);
        assert_memory_equal(servers[i].ip, servers[0].ip, sizeof servers[0].ip);
        len += snprintf(text + len, sizeof text - (size_t)len, " %u-%u", servers[i].port_low,
                        servers[i].port_high);
    }
    assert_string_equal(text, expected);
}

static void test_servers(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof server_rows / sizeof server_rows[0]; i++) {
        const server_row *row = &server_rows[i];
        toa_server servers[MAX_SERVERS];
        size_t n = SIZE_MAX;
        print_message("    %s\n", row->sentence);
        memset(servers, PATTERN, sizeof servers);
        const char *wrong =
            toa_servers_parse(at_end(row->in), strlen(row->in), servers, MAX_SERVERS, &n);
        check_result(row->in, wrong, row->wrong, untouched(servers, sizeof servers));
        assert_int_equal(wrong != NULL, n == SIZE_MAX);
        if (row->out != NULL) {
            assert_true(untouched(servers + n, (MAX_SERVERS - n) * sizeof servers[0]));
            check_servers(servers, n, row->out);
        }
    }
    size_t n = SIZE_MAX;
    assert_non_null(toa_servers_parse("any", 3, NULL, 0, &n));
    assert_int_equal(n, SIZE_MAX);
}

static void test_server_contains(void **state)
{
    (void)state;
    const toa_server any = {.port_low = 80, .port_high = 82};
    const toa_server one = {.ip = {10, 0, 0, 80}, .port_low = 0, .port_high = 65535, .version = 4};
    toa_endpoint endpoint = {.ip = {10, 0, 0, 80}, .version = 4, .has_port = 1};
    for (unsigned port = 78; port < 85; port++) {
        endpoint.port = (uint16_t)port;
        assert_int_equal(toa_server_contains(&any, &endpoint), port >= 80 && port <= 82);
        assert_true(toa_server_contains(&one, &endpoint));
    }
    endpoint.version = 6;
    assert_false(toa_server_contains(&one, &endpoint));
    endpoint.version = 4;
    endpoint.ip[3] = 81;
    assert_false(toa_server_contains(&one, &endpoint));
}

/* ---- Dialects -------------------------------------------------------------------------------- */

typedef struct dialect_row {
    const char *sentence;
    const char *in;
    bool right;
    toa_row row;
} dialect_row;

static const dialect_row dialect_rows[] = {
    {"port, then address", "kind=254,len=8,port=2,ip=4", true, {254, 8, 4, 2, 4, 0, 0, 0, 0, 0}},
    {"in another order", "ip=2,port=6,len=8,kind=200", true, {200, 8, 4, 6, 2, 0, 0, 0, 0, 0}},
    {"the highest kind", "kind=255,len=8,port=2,ip=4", true, {255, 8, 4, 2, 4, 0, 0, 0, 0, 0}},
    {"no port", "kind=28,len=6,port=none,ip=2", true, {28, 6, 4, 0, 2, 0, 0, 0, 0, 0}},
    {"16 bytes from the address on are IPv6",
     "kind=254,len=20,port=2,ip=4",
     true,
     {254, 20, 6, 2, 4, 0, 0, 0, 0, 0}},
    {"15 bytes from the address on are IPv4",
     "kind=254,len=19,port=2,ip=4",
     true,
     {254, 19, 4, 2, 4, 0, 0, 0, 0, 0}},
    {"the family can be said",
     "kind=252,len=20,port=2,ip=4,family=4",
     true,
     {252, 20, 4, 2, 4, 0, 0, 0, 0, 0}},
    {"the other family can be said",
     "kind=252,len=20,port=2,ip=4,family=6",
     true,
     {252, 20, 6, 2, 4, 0, 0, 0, 0, 0}},
    {"no kind", "len=8,port=2,ip=4", false, {0}},
    {"no length", "kind=254,port=2,ip=4", false, {0}},
    {"no port said", "kind=254,len=8,ip=4", false, {0}},
    {"no address", "kind=254,len=8,port=2", false, {0}},
    {"there is no family 5", "kind=254,len=8,port=2,ip=4,family=5", false, {0}},
    {"a key twice", "kind=254,kind=253,len=8,port=2,ip=4", false, {0}},
    {"no port twice", "kind=254,port=none,len=8,port=none,ip=4", false, {0}},
    {"an unknown key", "kind=254,len=8,port=2,ip=4,vip=5", false, {0}},
    {"none is for ports only", "kind=none,len=8,port=2,ip=4", false, {0}},
    {"a value above 255", "kind=256,len=8,port=2,ip=4", false, {0}},
    {"no value", "kind=,len=8,port=2,ip=4", false, {0}},
    {"something behind a value", "kind=254x,len=8,port=2,ip=4", false, {0}},
    {"something behind none", "kind=254,len=8,port=nonesuch,ip=4", false, {0}},
    {"a blank", "kind=254, len=8,port=2,ip=4", false, {0}},
    {"a comma at the beginning", ",kind=254,len=8,port=2,ip=4", false, {0}},
    {"a comma at the end", "kind=254,len=8,port=2,ip=4,", false, {0}},
    {"port 0 would be the kind byte", "kind=254,len=8,port=0,ip=4", false, {0}},
    {"a name", "lvs", false, {0}},
    {"nothing", "", false, {0}},
};

static void test_dialect(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof dialect_rows / sizeof dialect_rows[0]; i++) {
        const dialect_row *row = &dialect_rows[i];
        toa_row out;
        print_message("    %s\n", row->sentence);
        memset(&out, PATTERN, sizeof out);
        const char *wrong = toa_row_parse(at_end(row->in), strlen(row->in), &out);
        check_result(row->in, wrong, row->right ? NULL : "not a dialect",
                     untouched(&out, sizeof out));
        if (row->right) {
            assert_memory_equal(&out, &row->row, sizeof out);
        }
    }
}

/* ---- Times and numbers ----------------------------------------------------------------------- */

typedef struct time_row {
    const char *sentence;
    const char *in;
    const char *out;
    toa_time time;
} time_row;

static const time_row time_rows[] = {
    {"whole seconds", "15", "15.000000000", 15 * TOA_SECOND},
    {"nothing at all", "0", "0.000000000", 0},
    {"nine decimals", "0.030000001", "0.030000001", 30000001},
    {"one decimal", "1.5", "1.500000000", 1500000000},
    {"decimals that begin with zeros", "1.005", "1.005000000", 1005000000},
    {"the last nanosecond of a second", "1.999999999", "1.999999999", 1999999999},
    {"the longest time", "9223372035.999999999", "9223372035.999999999",
     INT64_C(9223372035999999999)},
    {"one second more", "9223372036", NULL, 0},
    {"far more", "99999999999999999999999", NULL, 0},
    {"ten decimals", "0.0000000001", NULL, 0},
    {"no decimals behind the point", "1.", NULL, 0},
    {"no seconds before the point", ".5", NULL, 0},
    {"a negative time", "-1", NULL, 0},
    {"a sign", "+1", NULL, 0},
    {"two points", "1.5.5", NULL, 0},
    {"a comma", "1,5", NULL, 0},
    {"a unit", "15s", NULL, 0},
    {"a unit behind decimals", "1.5s", NULL, 0},
    {"an exponent", "1e3", NULL, 0},
    {"a blank", " 1", NULL, 0},
    {"nothing", "", NULL, 0},
};

static void test_time(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof time_rows / sizeof time_rows[0]; i++) {
        const time_row *row = &time_rows[i];
        toa_time time;
        char out[TOA_TIME_TEXT];
        print_message("    %s\n", row->sentence);
        memset(&time, PATTERN, sizeof time);
        const char *wrong = toa_time_parse(at_end(row->in), strlen(row->in), &time);
        check_result(row->in, wrong, row->out == NULL ? "not a time" : NULL,
                     untouched(&time, sizeof time));
        if (row->out != NULL) {
            assert_int_equal(time, row->time);
            assert_int_equal(toa_time_format(time, out), strlen(row->out));
            assert_string_equal(out, row->out);
        }
    }
}

static void test_time_format(void **state)
{
    (void)state;
    char out[TOA_TIME_TEXT];
    assert_int_equal(toa_time_format(INT64_MIN, out), 21);
    assert_string_equal(out, "-9223372036.854775808");
    assert_int_equal(toa_time_format(INT64_MAX, out), 20);
    assert_string_equal(out, "9223372036.854775807");
    assert_int_equal(toa_time_format(-1, out), 12);
    assert_string_equal(out, "-0.000000001");
}

typedef struct number_row {
    const char *sentence;
    const char *in;
    uint64_t max;
    bool right;
    uint64_t number;
} number_row;

static const number_row number_rows[] = {
    {"zero", "0", 0, true, 0},
    {"one above zero", "1", 0, false, 0},
    {"the bound itself", "255", 255, true, 255},
    {"one above the bound", "256", 255, false, 0},
    {"a bound below ten", "7", 7, true, 7},
    {"a digit above a bound below ten", "8", 7, false, 0},
    {"the largest", "18446744073709551615", UINT64_MAX, true, UINT64_MAX},
    {"one above the largest", "18446744073709551616", UINT64_MAX, false, 0},
    {"ten times the largest", "184467440737095516150", UINT64_MAX, false, 0},
    {"leading zeros", "007", 7, true, 7},
    {"nothing", "", 7, false, 0},
    {"a sign", "+7", 7, false, 0},
    {"a negative number", "-1", 7, false, 0},
    {"hexadecimal", "0x7", 7, false, 0},
    {"a blank behind", "7 ", 7, false, 0},
    {"the character before 0", "/", 7, false, 0},
    {"the character behind 9", ":", 7, false, 0},
};

static void test_number(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof number_rows / sizeof number_rows[0]; i++) {
        const number_row *row = &number_rows[i];
        uint64_t number;
        print_message("    %s\n", row->sentence);
        memset(&number, PATTERN, sizeof number);
        const char *wrong = toa_number_parse(at_end(row->in), strlen(row->in), row->max, &number);
        check_result(row->in, wrong, row->right ? NULL : "not a whole number",
                     untouched(&number, sizeof number));
        if (row->right) {
            assert_true(number == row->number);
        }
    }
}

/* A span of length 0 may have a NULL pointer; the sanitizers look at the arithmetic. */
static void test_null(void **state)
{
    (void)state;
    toa_endpoint endpoint;
    toa_prefix prefix;
    toa_server server;
    toa_row row;
    toa_time time;
    uint64_t number;
    size_t n;
    assert_non_null(toa_ip_parse(NULL, 0, &endpoint));
    assert_non_null(toa_endpoint_parse(NULL, 0, &endpoint));
    assert_non_null(toa_prefix_parse(NULL, 0, &prefix));
    assert_non_null(toa_servers_parse(NULL, 0, &server, 1, &n));
    assert_non_null(toa_row_parse(NULL, 0, &row));
    assert_non_null(toa_time_parse(NULL, 0, &time));
    assert_non_null(toa_number_parse(NULL, 0, 1, &number));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ip),
        cmocka_unit_test(test_zero_bytes),
        cmocka_unit_test(test_ip_against_system),
        cmocka_unit_test(test_longest_texts),
        cmocka_unit_test(test_endpoint),
        cmocka_unit_test(test_endpoint_format),
        cmocka_unit_test(test_prefix),
        cmocka_unit_test(test_every_prefix),
        cmocka_unit_test(test_prefix_contains),
        cmocka_unit_test(test_servers),
        cmocka_unit_test(test_server_contains),
        cmocka_unit_test(test_dialect),
        cmocka_unit_test(test_time),
        cmocka_unit_test(test_time_format),
        cmocka_unit_test(test_number),
        cmocka_unit_test(test_null),
    };
    return cmocka_run_group_tests(tests, open_room, close_room);
}
