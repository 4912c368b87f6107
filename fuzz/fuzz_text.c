/*
 * Any bytes as every written form. Opinions:
 *   - inet_pton and inet_ntop agree about addresses, and naive readers about what is built of them;
 *   - what is taken is written again in a form that is taken again and means the same;
 *   - what is refused writes nothing.
 */
#include <toa/text.h>

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATTERN = 0xa5, MAX_SERVERS = 8, MOST_TEXT = 4096 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "fuzz_text: %s\n", what);
        abort();
    }
}

/* A refused text leaves its pattern. */
static void check_written(const void *object, size_t size, const char *wrong, const char *what)
{
    const uint8_t *bytes = object;
    bool untouched = true;
    for (size_t i = 0; i < size; i++) {
        untouched = untouched && bytes[i] == PATTERN;
    }
    must(wrong == NULL || untouched, what);
}

/* ---- Naive readers of strings that end with a zero byte, which the text holds no other of ------
 */

/* The address by the system's reader; 0, 4 or 6. */
static unsigned naive_ip(const char *text, uint8_t ip[16])
{
    memset(ip, 0, 16);
    if (inet_pton(AF_INET, text, ip) == 1) {
        return 4;
    }
    return inet_pton(AF_INET6, text, ip) == 1 ? 6 : 0;
}

/* Digits alone, and not above `max`. Leading zeros do not count. */
static bool naive_number(const char *text, unsigned long long max, unsigned long long *out)
{
    if (*text == '\0' || strspn(text, "0123456789") != strlen(text)) {
        return false;
    }
    while (text[0] == '0' && text[1] != '\0') {
        text++;
    }
    char again[32];
    *out = strtoull(text, NULL, 10);
    (void)snprintf(again, sizeof again, "%llu", *out);
    return strcmp(text, again) == 0 && *out <= max;
}

static bool naive_endpoint(char *text, toa_endpoint *out)
{
    char *colon = strrchr(text, ':');
    unsigned long long port = 0;
    if (colon == NULL || !naive_number(colon + 1, 65535, &port)) {
        return false;
    }
    bool bracketed = colon - text > 1 && text[0] == '[' && colon[-1] == ']';
    colon[bracketed ? -1 : 0] = '\0';
    out->version = (uint8_t)naive_ip(bracketed ? text + 1 : text, out->ip);
    out->port = (uint16_t)port;
    out->has_port = 1;
    return out->version == (bracketed ? 6 : 4);
}

static bool naive_prefix(char *text, toa_prefix *out)
{
    char *slash = strchr(text, '/');
    unsigned long long bits = 0;
    if (slash != NULL) {
        *slash = '\0';
    }
    out->version = (uint8_t)naive_ip(text, out->ip);
    unsigned most = out->version == 4 ? 32 : 128;
    if (out->version == 0 || (slash != NULL && !naive_number(slash + 1, most, &bits))) {
        return false;
    }
    out->bits = (uint8_t)(slash == NULL ? most : bits);
    for (unsigned bit = out->bits; bit < 128; bit++) {
        if ((out->ip[bit / 8] >> (7 - bit % 8) & 1) != 0) {
            return false;
        }
    }
    return true;
}

/* ---- Each form ------------------------------------------------------------------------------- */

/* `string` is the same text as a string, or NULL when it holds a zero byte. */
typedef struct input {
    const char *text;
    size_t len;
    const char *string;
} input;

/* A copy of the string that a naive reader may write to. */
static char *scratch(const input *in)
{
    static char copy[MOST_TEXT + 1];
    memcpy(copy, in->string, in->len + 1);
    return copy;
}

static void check_format(const toa_endpoint *endpoint)
{
    static const uint8_t zeros[12];
    char text[TOA_ENDPOINT_TEXT];
    char system[INET6_ADDRSTRLEN];
    toa_endpoint again = {.version = 0};
    size_t len = toa_endpoint_format(endpoint, text);
    must(len == strlen(text) && len < sizeof text, "the length of a written endpoint");
    must((endpoint->has_port != 0 ? toa_endpoint_parse : toa_ip_parse)(text, len, &again) == NULL,
         "a written endpoint is refused");
    must(memcmp(endpoint, &again, sizeof again) == 0, "a written endpoint means another");
    /* The system writes ::/96 as an IPv4 address, which RFC 5952 does not ask for. */
    if (endpoint->has_port == 0 &&
        (endpoint->version == 4 || memcmp(endpoint->ip, zeros, sizeof zeros) != 0)) {
        must(inet_ntop(endpoint->version == 4 ? AF_INET : AF_INET6, endpoint->ip, system,
                       sizeof system) != NULL &&
                 strcmp(system, text) == 0,
             "the system writes an address in another way");
    }
}

static void check_ip(const input *in)
{
    toa_endpoint endpoint;
    uint8_t ip[16];
    memset(&endpoint, PATTERN, sizeof endpoint);
    const char *wrong = toa_ip_parse(in->text, in->len, &endpoint);
    check_written(&endpoint, sizeof endpoint, wrong, "a refused address was written");
    unsigned version = in->string == NULL ? 0 : naive_ip(in->string, ip);
    must((wrong == NULL) == (version != 0), "the system takes another set of addresses");
    if (wrong == NULL) {
        must(endpoint.version == version && memcmp(ip, endpoint.ip, 16) == 0, "another address");
        must(endpoint.port == 0 && endpoint.has_port == 0, "an address with a port");
        check_format(&endpoint);
    }
}

static void check_endpoint(const input *in)
{
    toa_endpoint endpoint;
    toa_endpoint expected;
    memset(&endpoint, PATTERN, sizeof endpoint);
    const char *wrong = toa_endpoint_parse(in->text, in->len, &endpoint);
    check_written(&endpoint, sizeof endpoint, wrong, "a refused endpoint was written");
    bool right = in->string != NULL && naive_endpoint(scratch(in), &expected);
    must((wrong == NULL) == right, "the naive reader takes other endpoints");
    if (right) {
        must(memcmp(&endpoint, &expected, sizeof expected) == 0, "another endpoint");
        check_format(&endpoint);
    }
}

/* Of the addresses that differ from a prefix in one bit, it has those that do so behind its end. */
static void check_neighbours(const toa_prefix *prefix)
{
    toa_endpoint endpoint = {.version = prefix->version};
    for (unsigned bit = 0; bit < (prefix->version == 4 ? 32 : 128); bit++) {
        memcpy(endpoint.ip, prefix->ip, sizeof endpoint.ip);
        endpoint.ip[bit / 8] ^= (uint8_t)(0x80U >> bit % 8);
        must(toa_prefix_contains(prefix, &endpoint) == (bit >= prefix->bits), "one bit away");
    }
    memcpy(endpoint.ip, prefix->ip, sizeof endpoint.ip);
    must(toa_prefix_contains(prefix, &endpoint), "a prefix without its own address");
    endpoint.version = prefix->version == 4 ? 6 : 4;
    must(!toa_prefix_contains(prefix, &endpoint), "of the other version");
}

static void check_prefix(const input *in)
{
    toa_prefix prefix;
    toa_prefix expected;
    char text[TOA_PREFIX_TEXT];
    memset(&prefix, PATTERN, sizeof prefix);
    const char *wrong = toa_prefix_parse(in->text, in->len, &prefix);
    check_written(&prefix, sizeof prefix, wrong, "a refused prefix was written");
    bool right = in->string != NULL && naive_prefix(scratch(in), &expected);
    must((wrong == NULL) == right, "the naive reader takes other prefixes");
    if (right) {
        must(memcmp(&prefix, &expected, sizeof prefix) == 0, "another prefix");
        size_t len = toa_prefix_format(&prefix, text);
        must(len == strlen(text) && len < sizeof text, "the length of a written prefix");
        must(toa_prefix_parse(text, len, &expected) == NULL, "a written prefix is refused");
        must(memcmp(&prefix, &expected, sizeof prefix) == 0, "a written prefix means another");
        check_neighbours(&prefix);
    }
}

/* Writes the servers as one text again. */
static size_t servers_format(const toa_server *servers, size_t n, char *out, size_t size)
{
    toa_endpoint host = {.version = servers[0].version};
    char text[TOA_ENDPOINT_TEXT];
    memcpy(host.ip, servers[0].ip, sizeof host.ip);
    (void)toa_endpoint_format(&host, text);
    int len =
        snprintf(out, size, host.version == 6 ? "[%s]" : "%s", host.version == 0 ? "any" : text);
    for (size_t i = 0; i < n; i++) {
        len += snprintf(out + len, size - (size_t)len, "%c%u-%u", i == 0 ? ':' : ',',
                        servers[i].port_low, servers[i].port_high);
    }
    return (size_t)len;
}

/* A server has its lowest and highest port, and no port beside them, at its own address or any. */
static void check_server(const toa_server *server)
{
    const bool any = server->version == 0;
    toa_endpoint endpoint = {.version = any ? 4 : server->version, .has_port = 1};
    memcpy(endpoint.ip, server->ip, sizeof endpoint.ip);
    endpoint.port = server->port_low;
    must(toa_server_contains(server, &endpoint), "port_low");
    endpoint.port--;
    must(server->port_low == 0 || !toa_server_contains(server, &endpoint), "below port_low");
    endpoint.port = server->port_high;
    must(toa_server_contains(server, &endpoint), "port_high");
    endpoint.ip[15] ^= 1;
    must(toa_server_contains(server, &endpoint) == any, "another address");
    endpoint.ip[15] ^= 1;
    endpoint.port++;
    must(server->port_high == UINT16_MAX || !toa_server_contains(server, &endpoint),
         "above port_high");
}

static void check_servers(const input *in)
{
    toa_server servers[MAX_SERVERS];
    toa_server again[MAX_SERVERS];
    char text[MAX_SERVERS * 12 + TOA_ENDPOINT_TEXT];
    size_t n = SIZE_MAX;
    size_t n_again = 0;
    memset(servers, PATTERN, sizeof servers);
    const char *wrong = toa_servers_parse(in->text, in->len, servers, MAX_SERVERS, &n);
    check_written(servers, sizeof servers, wrong, "a refused server was written");
    must((n == SIZE_MAX) == (wrong != NULL), "the number of servers");
    if (wrong != NULL) {
        return;
    }
    must(n >= 1 && n <= MAX_SERVERS, "too many servers");
    check_written(servers + n, (MAX_SERVERS - n) * sizeof servers[0], "", "more servers than said");
    size_t len = servers_format(servers, n, text, sizeof text);
    must(toa_servers_parse(text, len, again, MAX_SERVERS, &n_again) == NULL && n_again == n,
         "written servers are refused");
    for (size_t i = 0; i < n; i++) {
        must(memcmp(&servers[i], &again[i], sizeof again[i]) == 0,
             "a written server means another");
        must(servers[i].port_low <= servers[i].port_high, "a falling range");
        check_server(&servers[i]);
    }
}

static void check_row(const input *in)
{
    toa_row row;
    toa_row again;
    toa_dialects dialects;
    char text[128];
    char port[8] = "none";
    memset(&row, PATTERN, sizeof row);
    const char *wrong = toa_row_parse(in->text, in->len, &row);
    check_written(&row, sizeof row, wrong, "a refused row was written");
    if (wrong != NULL) {
        return;
    }
    if (row.client_port_at != 0) {
        (void)snprintf(port, sizeof port, "%u", row.client_port_at);
    }
    int len = snprintf(text, sizeof text, "kind=%u,len=%u,port=%s,ip=%u,family=%u", row.kind,
                       row.len, port, row.client_ip_at, row.client_version);
    must(toa_row_parse(text, (size_t)len, &again) == NULL, "a written row is refused");
    must(memcmp(&row, &again, sizeof row) == 0, "a written row means another");
    toa_dialects_default(&dialects);
    (void)toa_dialects_add_row(&dialects, &row);
    (void)toa_dialects_add(&dialects, in->text, in->len);
}

static void check_time(const input *in)
{
    toa_time time;
    toa_time again;
    char text[TOA_TIME_TEXT];
    memset(&time, PATTERN, sizeof time);
    const char *wrong = toa_time_parse(in->text, in->len, &time);
    check_written(&time, sizeof time, wrong, "a refused time was written");
    if (wrong != NULL) {
        return;
    }
    (void)toa_time_format(-time, text);
    must(time == 0 ? text[0] != '-' : text[0] == '-', "a written time before 0");
    size_t len = toa_time_format(time, text);
    must(len == strlen(text) && len < sizeof text, "the length of a written time");
    must(toa_time_parse(text, len, &again) == NULL, "a written time is refused");
    must(time >= 0 && time == again, "a written time means another");
}

static void check_number(const input *in)
{
    static const uint64_t bounds[] = {0, 7, 255, 65535, UINT64_MAX - 1, UINT64_MAX};
    for (size_t i = 0; i < sizeof bounds / sizeof bounds[0]; i++) {
        uint64_t number;
        unsigned long long expected = 0;
        memset(&number, PATTERN, sizeof number);
        const char *wrong = toa_number_parse(in->text, in->len, bounds[i], &number);
        check_written(&number, sizeof number, wrong, "a refused number was written");
        bool right = in->string != NULL && naive_number(in->string, bounds[i], &expected);
        must((wrong == NULL) == right, "the naive reader takes other numbers");
        must(!right || number == expected, "another number");
    }
}

static void check_word(const input *in)
{
    toa_word word = toa_word_parse(in->text, in->len);
    const char *name = toa_word_name(word);
    must(strcmp(name, word == TOA_N_WORDS || in->string == NULL ? "?" : in->string) == 0,
         "another word");
    must(!toa_word_may_change(word) || toa_word_is_answer(word), "no answer, and may change");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > MOST_TEXT) {
        return 0;
    }
    char *text = malloc(size);
    char *string = malloc(size + 1);
    must((text != NULL || size == 0) && string != NULL, "no memory");
    if (size != 0) {
        memcpy(text, data, size);
        memcpy(string, data, size);
    }
    string[size] = '\0';
    const input in = {text, size, strlen(string) == size ? string : NULL};
    check_ip(&in);
    check_endpoint(&in);
    check_prefix(&in);
    check_servers(&in);
    check_row(&in);
    check_time(&in);
    check_number(&in);
    check_word(&in);
    free(string);
    free(text);
    return 0;
}
