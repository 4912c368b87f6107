#include <toa/replay.h>

#include <stdlib.h>
#include <string.h>

/* Servers that one text may name. */
enum { PORTS_MAX = 64 };

static size_t count_ranges(const char *value, size_t len)
{
    size_t n = 1;
    for (size_t i = 0; i < len; i++) {
        n += value[i] == ',';
    }
    return n;
}

void toa_settings_init(toa_settings *settings)
{
    *settings = (toa_settings){
        .ttl = TOA_TTL_DEFAULT,
        .n_records = TOA_RECORDS_DEFAULT,
    };
    toa_dialects_default(&settings->dialects);
}

void toa_settings_free(toa_settings *settings)
{
    free(settings->servers);
    free(settings->trust);
    *settings = (toa_settings){.servers = NULL, .trust = NULL};
}

static const char *set_server(toa_settings *settings, const char *value, size_t len)
{
    toa_server found[PORTS_MAX];
    size_t n = 0;
    if (count_ranges(value, len) > PORTS_MAX) {
        return "more than 64 ports and ranges: name the server again with the rest";
    }
    const char *wrong = toa_servers_parse(value, len, found, PORTS_MAX, &n);
    if (wrong != NULL) {
        return wrong;
    }
    toa_server *servers =
        realloc(settings->servers, (settings->n_servers + n) * sizeof settings->servers[0]);
    if (servers == NULL) {
        return "out of memory";
    }
    memcpy(servers + settings->n_servers, found, n * sizeof found[0]);
    settings->servers = servers;
    settings->n_servers += n;
    return NULL;
}

static const char *set_trust(toa_settings *settings, const char *value, size_t len)
{
    toa_prefix prefix;
    const char *wrong = toa_prefix_parse(value, len, &prefix);
    if (wrong != NULL) {
        return wrong;
    }
    toa_prefix *trust =
        realloc(settings->trust, (settings->n_trust + 1) * sizeof settings->trust[0]);
    if (trust == NULL) {
        return "out of memory";
    }
    trust[settings->n_trust++] = prefix;
    settings->trust = trust;
    return NULL;
}

static const char *set_dialect(toa_settings *settings, const char *value, size_t len)
{
    toa_dialects dialects = settings->dialects;
    if (!settings->dialects_named) {
        toa_dialects_clear(&dialects);
    }
    const char *wrong = NULL;
    if (len >= 5 && memcmp(value, "kind=", 5) == 0) {
        toa_row row;
        wrong = toa_row_parse(value, len, &row);
        if (wrong == NULL) {
            wrong = toa_dialects_add_row(&dialects, &row);
        }
    } else {
        wrong = toa_dialects_add(&dialects, value, len);
    }
    if (wrong == NULL) {
        settings->dialects = dialects;
        settings->dialects_named = true;
    }
    return wrong;
}

static const char *set_ttl(toa_settings *settings, const char *value, size_t len)
{
    toa_time ttl = 0;
    const char *wrong = toa_time_parse(value, len, &ttl);
    if (wrong == NULL && ttl < 1) {
        wrong = "a time to live must be more than 0 seconds";
    }
    if (wrong == NULL) {
        settings->ttl = ttl;
    }
    return wrong;
}

static bool is(const char *word, const char *value, size_t len)
{
    return strlen(word) == len && memcmp(word, value, len) == 0;
}

/* One of two words; none means the first. */
static bool choose(const char *yes, const char *no, const char *value, size_t len, bool *out)
{
    if (len != 0 && !is(yes, value, len) && !is(no, value, len)) {
        return false;
    }
    *out = len == 0 || is(yes, value, len);
    return true;
}

static const char *set_hold(toa_settings *settings, const char *value, size_t len)
{
    bool connection = false;
    if (len == 0 || !choose("connection", "ttl", value, len, &connection)) {
        return "hold is connection or ttl";
    }
    settings->hold = connection ? TOA_HOLD_CONNECTION : TOA_HOLD_TTL;
    return NULL;
}

static const char *set_midstream(toa_settings *settings, const char *value, size_t len)
{
    return choose("accept", "refuse", value, len, &settings->midstream)
               ? NULL
               : "midstream is accept or refuse";
}

static const char *set_decap(toa_settings *settings, const char *value, size_t len)
{
    return choose("yes", "no", value, len, &settings->open_tunnels) ? NULL : "decap is yes or no";
}

static const char *set_duplicates(toa_settings *settings, const char *value, size_t len)
{
    if (is("first", value, len)) {
        settings->duplicates = TOA_DUPLICATES_FIRST;
    } else if (is("last", value, len)) {
        settings->duplicates = TOA_DUPLICATES_LAST;
    } else if (is("reject", value, len)) {
        settings->duplicates = TOA_DUPLICATES_REJECT;
    } else {
        return "duplicates is first, last or reject";
    }
    return NULL;
}

static const char *set_service(toa_settings *settings, const char *value, size_t len)
{
    uint64_t port = 0;
    if (toa_number_parse(value, len, 65535, &port) != NULL || port == 0) {
        return "not a port from 1 to 65535";
    }
    for (size_t i = 0; i < settings->n_services; i++) {
        if (settings->services[i] == port) {
            return NULL;
        }
    }
    if (settings->n_services == TOA_SERVICES_MAX) {
        return "too many ports of services";
    }
    settings->services[settings->n_services++] = (uint16_t)port;
    return NULL;
}

static const char *set_records(toa_settings *settings, const char *value, size_t len)
{
    uint64_t n = 0;
    if (toa_number_parse(value, len, UINT64_C(1) << 32, &n) != NULL || n == 0) {
        return "not a number of records from 1 to 4294967296";
    }
    settings->n_records = (size_t)n;
    return NULL;
}

static const struct {
    const char *key;
    const char *(*set)(toa_settings *, const char *, size_t);
} keys[] = {
    {"server", set_server},   {"dialect", set_dialect},
    {"trust", set_trust},     {"ttl", set_ttl},
    {"hold", set_hold},       {"midstream", set_midstream},
    {"decap", set_decap},     {"duplicates", set_duplicates},
    {"service", set_service}, {"records", set_records},
};

bool toa_settings_known(const char *key, size_t len)
{
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        if (is(keys[i].key, key, len)) {
            return true;
        }
    }
    return false;
}

const char *toa_settings_set(toa_settings *settings, const char *key, const char *value, size_t len)
{
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        if (strcmp(keys[i].key, key) == 0) {
            return keys[i].set(settings, value, len);
        }
    }
    return "no such key";
}

const char *toa_ask_parse(const char *text, size_t len, toa_ask *out)
{
    const char *mark = len == 0 ? NULL : memchr(text, '>', len);
    size_t fake_len = mark == NULL ? len : (size_t)(mark - text);
    toa_ask ask = {.at = out->at};
    const char *wrong = toa_endpoint_parse(text, fake_len, &ask.fake);
    if (wrong == NULL && mark != NULL) {
        wrong = toa_endpoint_parse(mark + 1, len - fake_len - 1, &ask.server);
    }
    if (wrong == NULL) {
        *out = ask;
    }
    return wrong;
}
