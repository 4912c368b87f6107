#include "config.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config_system.h"

/* The defaults that are not the engine's. */
enum { HELD_DEFAULT = 4096, RECORD_FILES_DEFAULT = 10 };
#define HELD_MAX            UINT64_C(1048576)
#define RECORD_SIZE_DEFAULT UINT64_C(67108864)
#define RECORD_SIZE_MIN     UINT64_C(65536)
#define RECORD_SIZE_MAX     (UINT64_C(1) << 40)
#define RECORD_FILES_MAX    UINT64_C(100000)
#define RECORDS_MAX         (UINT64_C(1) << 32)

typedef struct span {
    const char *at;
    size_t len;
} span;

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static span trim(span text)
{
    while (text.len != 0 && is_blank(text.at[0])) {
        text.at++;
        text.len--;
    }
    while (text.len != 0 && is_blank(text.at[text.len - 1])) {
        text.len--;
    }
    return text;
}

static unsigned lower(char c)
{
    unsigned letter = (unsigned char)c;
    return letter >= 'A' && letter <= 'Z' ? letter + ('a' - 'A') : letter;
}

/* Case does not matter. */
static bool is(span word, const char *name)
{
    if (word.len != strlen(name)) {
        return false;
    }
    for (size_t i = 0; i < word.len; i++) {
        if (lower(word.at[i]) != lower(name[i])) {
            return false;
        }
    }
    return true;
}

static const char *copy_text(span value, char *out, size_t size)
{
    if (value.len == 0 || value.len >= size || memchr(value.at, '\0', value.len) != NULL) {
        return "empty, or too long";
    }
    memcpy(out, value.at, value.len);
    out[value.len] = '\0';
    return NULL;
}

/* `wrong` is what is returned when it is not one from `min` to `max`. */
static const char *parse_number(span value, uint64_t min, uint64_t max, uint64_t *out,
                                const char *wrong)
{
    uint64_t number = 0;
    if (toa_number_parse(value.at, value.len, max, &number) != NULL || number < min) {
        return wrong;
    }
    *out = number;
    return NULL;
}

static const char *parse_port(span value, uint16_t *out)
{
    uint64_t port = 0;
    if (toa_number_parse(value.at, value.len, 65535, &port) != NULL || port == 0) {
        return "not a port from 1 to 65535";
    }
    *out = (uint16_t)port;
    return NULL;
}

/* ---- The vendor's keys ----------------------------------------------------------------------- */

static const char *set_port(toa_config_maker *maker, span value)
{
    return parse_port(value, &maker->port);
}

/* An address, or nothing for any. */
static const char *set_card(toa_config_maker *maker, span value)
{
    toa_endpoint ip;
    const char *wrong = value.len == 0 ? NULL : toa_ip_parse(value.at, value.len, &ip);
    return wrong != NULL    ? wrong
           : value.len == 0 ? NULL
                            : copy_text(value, maker->made.capture.interface, TOA_CONFIG_NAME);
}

static const char *set_server_ip(toa_config_maker *maker, span value)
{
    maker->server_ip = (toa_endpoint){.version = 0};
    return value.len == 0 ? NULL : toa_ip_parse(value.at, value.len, &maker->server_ip);
}

static const char *add_ports(toa_config_maker *maker, uint16_t low, uint16_t high)
{
    if (maker->n_ports == sizeof maker->ports / sizeof maker->ports[0]) {
        return "too many ports";
    }
    maker->ports[maker->n_ports++] = (toa_server){.port_low = low, .port_high = high};
    return NULL;
}

static const char *add_list_port(toa_config_maker *maker, span value)
{
    uint16_t port = 0;
    const char *wrong = parse_port(value, &port);
    return wrong != NULL ? wrong : add_ports(maker, port, port);
}

/* "10001-10005"; blanks around the dash are gone already. */
static const char *add_range(toa_config_maker *maker, span value)
{
    const char *dash = value.len == 0 ? NULL : memchr(value.at, '-', value.len);
    uint16_t low = 0;
    uint16_t high = 0;
    size_t low_len = dash == NULL ? 0 : (size_t)(dash - value.at);
    if (dash == NULL || parse_port((span){value.at, low_len}, &low) != NULL ||
        parse_port((span){dash + 1, value.len - low_len - 1}, &high) != NULL || low > high) {
        return "not a rising range of ports (10001-10005)";
    }
    return add_ports(maker, low, high);
}

static const char *set_cache(toa_config_maker *maker, span value)
{
    uint64_t seconds = 0;
    const char *wrong =
        parse_number(value, 1, 65535, &seconds, "not a whole number of seconds from 1 to 65535");
    if (wrong != NULL) {
        return wrong;
    }
    maker->made.capture.ttl = (toa_time)seconds * TOA_SECOND;
    return NULL;
}

/* ---- Our own --------------------------------------------------------------------------------- */

static const char *set_interface(toa_config_maker *maker, span value)
{
    return copy_text(value, maker->made.capture.interface, TOA_CONFIG_NAME) == NULL
               ? NULL
               : "not a name, an address, or any";
}

static const char *add_server(toa_config_maker *maker, span value)
{
    toa_capture_config *capture = &maker->made.capture;
    size_t n = 0;
    const char *wrong =
        toa_servers_parse(value.at, value.len, capture->servers + capture->n_servers,
                          TOA_CONFIG_SERVERS - capture->n_servers, &n);
    if (wrong == NULL) {
        capture->n_servers += n;
    }
    return wrong;
}

static const char *add_dialect_to(toa_dialects *dialects, const char *text, size_t len)
{
    toa_row row;
    if (len < 5 || memcmp(text, "kind=", 5) != 0) {
        return toa_dialects_add(dialects, text, len);
    }
    const char *wrong = toa_row_parse(text, len, &row);
    return wrong != NULL ? wrong : toa_dialects_add_row(dialects, &row);
}

void toa_config_dialects(const toa_capture_config *config, toa_dialects *out)
{
    if (config->n_dialects == 0) {
        toa_dialects_default(out);
        return;
    }
    toa_dialects_clear(out);
    for (size_t i = 0; i < config->n_dialects; i++) {
        (void)add_dialect_to(out, config->dialects[i], strlen(config->dialects[i]));
    }
}

static const char *add_dialect(toa_config_maker *maker, span value)
{
    toa_capture_config *capture = &maker->made.capture;
    toa_dialects dialects;
    if (capture->n_dialects == TOA_CONFIG_DIALECTS) {
        return "too many dialects";
    }
    if (capture->n_dialects == 0) {
        toa_dialects_clear(&dialects);
    } else {
        toa_config_dialects(capture, &dialects);
    }
    const char *wrong = add_dialect_to(&dialects, value.at, value.len);
    if (wrong == NULL) {
        wrong = copy_text(value, capture->dialects[capture->n_dialects], TOA_CONFIG_DIALECT_TEXT);
    }
    if (wrong == NULL) {
        capture->n_dialects++;
    }
    return wrong;
}

static const char *add_prefix(span value, toa_prefix *prefixes, size_t *n)
{
    if (*n == TOA_CONFIG_PREFIXES) {
        return "too many prefixes";
    }
    const char *wrong = toa_prefix_parse(value.at, value.len, &prefixes[*n]);
    *n += wrong == NULL;
    return wrong;
}

static const char *add_trust(toa_config_maker *maker, span value)
{
    return add_prefix(value, maker->made.capture.trust, &maker->made.capture.n_trust);
}

static const char *add_allow(toa_config_maker *maker, span value)
{
    return add_prefix(value, maker->made.allow, &maker->made.n_allow);
}

/* "127.0.0.1:9999", or an address alone, whose port is ToaWinPort. */
static const char *add_listen(toa_config_maker *maker, span value)
{
    toa_service_config *made = &maker->made;
    if (made->n_listen == TOA_CONFIG_LISTENS) {
        return "too many addresses";
    }
    toa_endpoint *at = &made->listen[made->n_listen];
    if (toa_endpoint_parse(value.at, value.len, at) != NULL &&
        toa_ip_parse(value.at, value.len, at) != NULL) {
        return "not an address to listen on (127.0.0.1:9999, [::1]:9999, or without a port)";
    }
    made->n_listen++;
    return NULL;
}

static const char *set_ttl(toa_config_maker *maker, span value)
{
    toa_time ttl = 0;
    if (toa_time_parse(value.at, value.len, &ttl) != NULL || ttl < 1) {
        return "not a number of seconds above 0";
    }
    maker->made.capture.ttl = ttl;
    return NULL;
}

static const char *set_hold(toa_config_maker *maker, span value)
{
    bool connection = is(value, "connection");
    if (!connection && !is(value, "ttl")) {
        return "hold is connection or ttl";
    }
    maker->made.capture.hold = connection ? TOA_HOLD_CONNECTION : TOA_HOLD_TTL;
    return NULL;
}

static const char *const duplicates_names[] = {"first", "last", "reject"};

static const char *set_duplicates(toa_config_maker *maker, span value)
{
    for (unsigned i = 0; i < 3; i++) {
        if (is(value, duplicates_names[i])) {
            maker->made.capture.duplicates = (toa_duplicates)i;
            return NULL;
        }
    }
    return "duplicates is first, last or reject";
}

/* One of two words; an empty one, from a flag without value, means the first. */
static const char *choose(span value, const char *yes, const char *no, const char *wrong, bool *out)
{
    if (value.len != 0 && !is(value, yes) && !is(value, no)) {
        return wrong;
    }
    *out = !is(value, no);
    return NULL;
}

static const char *set_midstream(toa_config_maker *maker, span value)
{
    return choose(value, "accept", "refuse", "midstream is accept or refuse",
                  &maker->made.capture.midstream);
}

static const char *set_decap(toa_config_maker *maker, span value)
{
    return choose(value, "yes", "no", "decap is yes or no", &maker->made.capture.open_tunnels);
}

static const char *set_records(toa_config_maker *maker, span value)
{
    return parse_number(value, 1, RECORDS_MAX, &maker->made.capture.n_records,
                        "not a whole number from 1 to 4294967296");
}

static const char *set_buffer(toa_config_maker *maker, span value)
{
    return parse_number(value, 65536, UINT64_C(1) << 30, &maker->made.capture.buffer_size,
                        "not a whole number of bytes from 65536 to 1073741824");
}

static const char *set_held(toa_config_maker *maker, span value)
{
    return parse_number(value, 0, HELD_MAX, &maker->made.n_held,
                        "not a whole number from 0 to 1048576");
}

static const char *set_user(toa_config_maker *maker, span value)
{
    return copy_text(value, maker->made.user, TOA_CONFIG_NAME);
}

static const char *const log_names[] = {"text", "logfmt", "json"};

static const char *set_log(toa_config_maker *maker, span value)
{
    for (unsigned i = 0; i < 3; i++) {
        if (is(value, log_names[i])) {
            maker->made.log = (toa_say_form)i;
            return NULL;
        }
    }
    return "log is text, logfmt or json";
}

static const char *set_control(toa_config_maker *maker, span value)
{
    return copy_text(value, maker->made.control, TOA_CONFIG_PATH);
}

static const char *set_sandbox(toa_config_maker *maker, span value)
{
    return choose(value, "yes", "no", "sandbox is yes or no", &maker->made.sandbox);
}

static const char *set_record_dir(toa_config_maker *maker, span value)
{
    return copy_text(value, maker->made.record.dir, TOA_CONFIG_PATH);
}

static const char *set_record_size(toa_config_maker *maker, span value)
{
    return parse_number(value, RECORD_SIZE_MIN, RECORD_SIZE_MAX, &maker->made.record.size,
                        "not a whole number of bytes from 65536 to 1099511627776");
}

static const char *set_record_files(toa_config_maker *maker, span value)
{
    return parse_number(value, 1, RECORD_FILES_MAX, &maker->made.record.files,
                        "not a whole number from 1 to 100000");
}

/* ---- The table ------------------------------------------------------------------------------- */

typedef enum key_form {
    ONE,         /* one value */
    MAY_BE_NONE, /* one value, or nothing */
    LIST,        /* separated by commas, semicolons, blanks */
    LIST_COMMAS  /* the same; but a value may have commas in it */
} key_form;

typedef struct config_key {
    const char *name; /* in the file; NULL: a flag alone */
    const char *flag; /* NULL: in the file alone */
    key_form form;
    size_t max; /* of a list; 0: the setter knows */
    const char *(*set)(toa_config_maker *maker, span value);
} config_key;

enum {
    KEY_PORT,
    KEY_CARD,
    KEY_SERVER_IP,
    KEY_PORTS,
    KEY_RANGES,
    KEY_CACHE,
    KEY_INTERFACE,
    KEY_SERVER,
    KEY_DIALECT,
    KEY_TRUST,
    KEY_LISTEN,
    KEY_ALLOW,
    KEY_TTL,
    KEY_HOLD,
    KEY_DUPLICATES,
    KEY_MIDSTREAM,
    KEY_DECAP,
    KEY_RECORDS,
    KEY_BUFFER,
    KEY_HELD,
    KEY_USER,
    KEY_SANDBOX,
    KEY_CONTROL,
    KEY_LOG,
    KEY_RECORD_DIR,
    KEY_RECORD_SIZE,
    KEY_RECORD_FILES,
    N_KEYS
};

static const config_key keys[N_KEYS] = {
    [KEY_PORT] = {"ToaWinPort", NULL, ONE, 0, set_port},
    [KEY_CARD] = {"NetworkCardIP", NULL, MAY_BE_NONE, 0, set_card},
    [KEY_SERVER_IP] = {"ServerListenIP", NULL, MAY_BE_NONE, 0, set_server_ip},
    [KEY_PORTS] = {"ServerListenPortList", NULL, LIST, TOA_CONFIG_VENDOR_MAX, add_list_port},
    [KEY_RANGES] = {"PortRange", NULL, LIST, TOA_CONFIG_VENDOR_MAX, add_range},
    [KEY_CACHE] = {"CacheSeconds", NULL, ONE, 0, set_cache},
    [KEY_INTERFACE] = {"Interface", "interface", ONE, 0, set_interface},
    [KEY_SERVER] = {"Server", "server", LIST_COMMAS, 0, add_server},
    [KEY_DIALECT] = {"Dialect", "dialect", LIST_COMMAS, 0, add_dialect},
    [KEY_TRUST] = {"Trust", "trust", LIST, 0, add_trust},
    [KEY_LISTEN] = {"Listen", "listen", LIST, 0, add_listen},
    [KEY_ALLOW] = {"Allow", "allow", LIST, 0, add_allow},
    [KEY_TTL] = {"Ttl", "ttl", ONE, 0, set_ttl},
    [KEY_HOLD] = {"Hold", "hold", ONE, 0, set_hold},
    [KEY_DUPLICATES] = {"Duplicates", "duplicates", ONE, 0, set_duplicates},
    [KEY_MIDSTREAM] = {"Midstream", "midstream", ONE, 0, set_midstream},
    [KEY_DECAP] = {"Decap", "decap", ONE, 0, set_decap},
    [KEY_RECORDS] = {"Records", "records", ONE, 0, set_records},
    [KEY_BUFFER] = {"Buffer", "buffer", ONE, 0, set_buffer},
    [KEY_HELD] = {"Held", "held", ONE, 0, set_held},
    [KEY_USER] = {"User", "user", ONE, 0, set_user},
    [KEY_SANDBOX] = {"Sandbox", "sandbox", ONE, 0, set_sandbox},
    [KEY_CONTROL] = {"Control", "control", ONE, 0, set_control},
    [KEY_LOG] = {"Log", "log", ONE, 0, set_log},
    [KEY_RECORD_DIR] = {"Record", "record", ONE, 0, set_record_dir},
    [KEY_RECORD_SIZE] = {"RecordSize", "record-size", ONE, 0, set_record_size},
    [KEY_RECORD_FILES] = {"RecordFiles", "record-files", ONE, 0, set_record_files},
};

static bool was_given(const toa_config_maker *maker, unsigned key)
{
    return (maker->given >> key & 1U) != 0;
}

void toa_config_begin(toa_config_maker *maker)
{
    memset(maker, 0, sizeof *maker);
    memcpy(maker->made.capture.interface, "any", sizeof "any");
    maker->made.capture.ttl = TOA_TTL_DEFAULT;
    maker->made.capture.n_records = TOA_RECORDS_DEFAULT;
    maker->made.record.size = RECORD_SIZE_DEFAULT;
    maker->made.record.files = RECORD_FILES_DEFAULT;
    maker->made.n_held = HELD_DEFAULT;
    maker->made.sandbox = true;
    maker->port = TOA_QUERY_PORT;
}

const char *toa_config_flag(toa_config_maker *maker, const char *name, const char *value)
{
    for (unsigned i = 0; i < N_KEYS; i++) {
        if (keys[i].flag != NULL && strcmp(keys[i].flag, name) == 0) {
            const char *wrong = keys[i].set(maker, (span){value, strlen(value)});
            maker->given |= wrong == NULL ? 1U << i : 0;
            return wrong;
        }
    }
    return "no such key";
}

/* ---- The file -------------------------------------------------------------------------------- */

typedef struct config_reader {
    const char *name;
    span text;
    toa_config_maker *maker;
    char *error;
} config_reader;

#if defined(__GNUC__)
__attribute__((format(printf, 2, 3)))
#endif
static bool
fail(const config_reader *reader, const char *format, ...)
{
    va_list args;
    int len = snprintf(reader->error, TOA_CONFIG_ERROR, "%.200s:%zu: ", reader->name,
                       reader->maker->line);
    va_start(args, format);
    if (len > 0 && len < TOA_CONFIG_ERROR) {
        (void)vsnprintf(reader->error + len, TOA_CONFIG_ERROR - (size_t)len, format, args);
    }
    va_end(args);
    return false;
}

/* Values are shown as far as they can be printed. */
static const char *shown(span value, char out[48])
{
    size_t n = value.len < 40 ? value.len : 40;
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)value.at[i];
        out[i] = value.at[i];
        if (c < 0x20 || c >= 0x7f) {
            out[i] = '?';
        }
    }
    memcpy(out + n, n < value.len ? "..." : "", n < value.len ? 4 : 1);
    return out;
}

static bool next_line(config_reader *reader, span *out)
{
    span *text = &reader->text;
    if (text->len == 0) {
        return false;
    }
    const char *end = memchr(text->at, '\n', text->len);
    size_t len = end == NULL ? text->len : (size_t)(end - text->at);
    *out = trim((span){text->at, len});
    text->at += end == NULL ? len : len + 1;
    text->len -= end == NULL ? len : len + 1;
    reader->maker->line++;
    return true;
}

/* Cuts a comment that stands behind the value: a blank, then # (or ; where that separates none). */
static span without_comment(span value, key_form form)
{
    for (size_t i = 0; i < value.len; i++) {
        bool begins = value.at[i] == '#' || (value.at[i] == ';' && form <= MAY_BE_NONE);
        if (begins && (i == 0 || is_blank(value.at[i - 1]))) {
            return trim((span){value.at, i});
        }
    }
    return value;
}

static bool separates(char c, key_form form)
{
    return is_blank(c) || c == ';' || (c == ',' && form == LIST);
}

/* The next word of a list; blanks around a dash belong to it ("10001 - 10005"). `out` has room for
 * the longest. False at the end. */
static bool next_word(span *rest, key_form form, char out[128], span *word)
{
    size_t n = 0;
    while (rest->len != 0 && separates(*rest->at, form)) {
        rest->at++;
        rest->len--;
    }
    while (rest->len != 0 && n < 127) {
        size_t blanks = 0;
        while (blanks < rest->len && is_blank(rest->at[blanks])) {
            blanks++;
        }
        bool dash_next = blanks < rest->len && rest->at[blanks] == '-';
        bool dash_last = n != 0 && out[n - 1] == '-';
        if (blanks != 0 && blanks < rest->len && (dash_next || dash_last)) {
            rest->at += blanks;
            rest->len -= blanks;
        }
        if (separates(*rest->at, form)) {
            break;
        }
        out[n++] = *rest->at++;
        rest->len--;
    }
    *word = (span){out, n};
    return n != 0;
}

static bool set_list(config_reader *reader, const config_key *key, span value)
{
    char text[128];
    char show[48];
    span word;
    size_t n = 0;
    while (next_word(&value, key->form, text, &word)) {
        if (key->max != 0 && n == key->max) {
            return fail(reader, "%s: more than %zu; the limit is %zu", key->name, key->max,
                        key->max);
        }
        const char *wrong = key->set(reader->maker, word);
        if (wrong != NULL) {
            return fail(reader, "%s: '%s': %s", key->name, shown(word, show), wrong);
        }
        n++;
    }
    return n != 0 || key->max != 0 || fail(reader, "%s: needs a value", key->name);
}

static bool set_key(config_reader *reader, unsigned i, span value)
{
    const config_key *key = &keys[i];
    char show[48];
    value = without_comment(value, key->form);
    if (was_given(reader->maker, i)) {
        return fail(reader, "%s: is there already; a key stands once", key->name);
    }
    reader->maker->given |= 1U << i;
    if (key->form >= LIST) {
        return set_list(reader, key, value);
    }
    const char *wrong =
        value.len == 0 && key->form == ONE ? "needs a value" : key->set(reader->maker, value);
    return wrong == NULL || fail(reader, "%s: '%s': %s", key->name, shown(value, show), wrong);
}

static bool read_line(config_reader *reader, span line)
{
    char show[48];
    size_t len = 0;
    while (len < line.len && line.at[len] != '=' && line.at[len] != ':') {
        len++;
    }
    span name = trim((span){line.at, len});
    if (len == line.len) {
        return fail(reader, "'%s': not a key and its value (CacheSeconds = 15)", shown(name, show));
    }
    for (unsigned i = 0; i < N_KEYS; i++) {
        if (is(name, keys[i].name)) {
            return set_key(reader, i, trim((span){line.at + len + 1, line.len - len - 1}));
        }
    }
    return fail(reader,
                "'%s': unknown key; there are ToaWinPort, NetworkCardIP, ServerListenIP, "
                "ServerListenPortList, PortRange, CacheSeconds, Interface, Server, Dialect, Trust, "
                "Listen, Allow, Ttl, Hold, Duplicates, Midstream, Decap, Records, Buffer, Held, "
                "User, Sandbox, Control, Log, Record, RecordSize, RecordFiles",
                shown(name, show));
}

/* "[capture]": an order for people; a key means the same in any section. */
static bool read_section(const config_reader *reader, span line)
{
    static const char *const names[] = {"toa", "capture", "service", "record"};
    char show[48];
    span name = line.len < 2 ? line : trim((span){line.at + 1, line.len - 2});
    bool known = false;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        known = known || is(name, names[i]);
    }
    return (known && line.at[line.len - 1] == ']') ||
           fail(reader, "'%s': no such section; there are [toa], [capture], [service], [record]",
                shown(line, show));
}

/* Keys that say the same thing twice, and the one thing that must be said. */
static bool whole(config_reader *reader)
{
    static const struct {
        unsigned a;
        unsigned b;
    } pairs[] = {{KEY_CARD, KEY_INTERFACE},
                 {KEY_CACHE, KEY_TTL},
                 {KEY_PORTS, KEY_SERVER},
                 {KEY_RANGES, KEY_SERVER},
                 {KEY_SERVER_IP, KEY_SERVER}};
    const toa_config_maker *maker = reader->maker;
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        if (was_given(maker, pairs[i].a) && was_given(maker, pairs[i].b)) {
            return fail(reader, "%s and %s exclude each other", keys[pairs[i].a].name,
                        keys[pairs[i].b].name);
        }
    }
    return maker->n_ports != 0 || was_given(maker, KEY_SERVER) ||
           fail(reader, "neither ServerListenPortList nor PortRange names a port; one of them must "
                        "(or Server, instead of both)");
}

bool toa_config_text(toa_config_maker *maker, const char *name, const char *text, size_t len,
                     char error[TOA_CONFIG_ERROR])
{
    config_reader reader = {name, {text, len}, maker, error};
    span line;
    error[0] = '\0';
    if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
        reader.text = (span){text + 3, len - 3};
    }
    while (next_line(&reader, &line)) {
        if (line.len != 0 && memchr(line.at, '\0', line.len) != NULL) {
            return fail(&reader, "a zero byte: no text, or UTF-16; save the file as UTF-8");
        }
        bool says = line.len != 0 && line.at[0] != '#' && line.at[0] != ';';
        if (says && !(line.at[0] == '[' ? read_section(&reader, line) : read_line(&reader, line))) {
            return false;
        }
    }
    maker->line += maker->line == 0;
    return whole(&reader);
}

/* ---- File and flags together ----------------------------------------------------------------- */

/* ServerListenIP and the ports, as servers. */
static void vendor_servers(const toa_config_maker *file, toa_capture_config *out)
{
    for (size_t i = 0; i < file->n_ports; i++) {
        toa_server server = file->ports[i];
        server.version = file->server_ip.version;
        memcpy(server.ip, file->server_ip.ip, sizeof server.ip);
        out->servers[out->n_servers++] = server;
    }
}

static void take_capture(const toa_config_maker *flags, toa_capture_config *out)
{
    const toa_capture_config *from = &flags->made.capture;
    toa_capture_config made = *out;
    if (was_given(flags, KEY_INTERFACE)) {
        memcpy(made.interface, from->interface, sizeof made.interface);
    }
    if (was_given(flags, KEY_SERVER)) {
        memcpy(made.servers, from->servers, sizeof made.servers);
        made.n_servers = from->n_servers;
    }
    if (was_given(flags, KEY_DIALECT)) {
        memcpy(made.dialects, from->dialects, sizeof made.dialects);
        made.n_dialects = from->n_dialects;
    }
    if (was_given(flags, KEY_TRUST)) {
        memcpy(made.trust, from->trust, sizeof made.trust);
        made.n_trust = from->n_trust;
    }
    made.ttl = was_given(flags, KEY_TTL) ? from->ttl : made.ttl;
    made.hold = was_given(flags, KEY_HOLD) ? from->hold : made.hold;
    made.duplicates = was_given(flags, KEY_DUPLICATES) ? from->duplicates : made.duplicates;
    made.midstream = was_given(flags, KEY_MIDSTREAM) ? from->midstream : made.midstream;
    made.open_tunnels = was_given(flags, KEY_DECAP) ? from->open_tunnels : made.open_tunnels;
    made.n_records = was_given(flags, KEY_RECORDS) ? from->n_records : made.n_records;
    made.buffer_size = was_given(flags, KEY_BUFFER) ? from->buffer_size : made.buffer_size;
    *out = made;
}

static void take_service(const toa_config_maker *flags, toa_service_config *out)
{
    const toa_service_config *from = &flags->made;
    if (was_given(flags, KEY_LISTEN)) {
        memcpy(out->listen, from->listen, sizeof out->listen);
        out->n_listen = from->n_listen;
    }
    if (was_given(flags, KEY_ALLOW)) {
        memcpy(out->allow, from->allow, sizeof out->allow);
        out->n_allow = from->n_allow;
    }
    if (was_given(flags, KEY_USER)) {
        memcpy(out->user, from->user, sizeof out->user);
    }
    if (was_given(flags, KEY_RECORD_DIR)) {
        memcpy(out->record.dir, from->record.dir, sizeof out->record.dir);
    }
    if (was_given(flags, KEY_CONTROL)) {
        memcpy(out->control, from->control, sizeof out->control);
    }
    out->log = was_given(flags, KEY_LOG) ? from->log : out->log;
    out->sandbox = was_given(flags, KEY_SANDBOX) ? from->sandbox : out->sandbox;
    out->n_held = was_given(flags, KEY_HELD) ? from->n_held : out->n_held;
    out->record.size = was_given(flags, KEY_RECORD_SIZE) ? from->record.size : out->record.size;
    out->record.files = was_given(flags, KEY_RECORD_FILES) ? from->record.files : out->record.files;
}

/* A server that is every server is none in particular. */
static void simplify_servers(toa_capture_config *capture)
{
    for (size_t i = 0; i < capture->n_servers; i++) {
        const toa_server *server = &capture->servers[i];
        if (server->version == 0 && server->port_low == 0 && server->port_high == 65535) {
            memset(capture->servers, 0, sizeof capture->servers);
            capture->n_servers = 0;
        }
    }
}

static bool is_loopback(const toa_endpoint *endpoint)
{
    static const uint8_t one[16] = {[15] = 1};
    return endpoint->version == 4 ? endpoint->ip[0] == 127 : memcmp(endpoint->ip, one, 16) == 0;
}

static bool check_listen(toa_service_config *made, uint16_t port, char error[TOA_CONFIG_ERROR])
{
    char text[TOA_ENDPOINT_TEXT];
    if (made->n_listen == 0) {
        made->listen[made->n_listen++] = (toa_endpoint){.ip = {127, 0, 0, 1}, .version = 4};
    }
    for (size_t i = 0; i < made->n_listen; i++) {
        toa_endpoint *at = &made->listen[i];
        at->port = at->has_port != 0 ? at->port : port;
        at->has_port = 1;
        (void)toa_endpoint_format(at, text);
        if (!is_loopback(at) && made->n_allow == 0) {
            (void)snprintf(
                error, TOA_CONFIG_ERROR,
                "%s is not loopback: say who may ask (--allow 10.0.0.0/8), since whoever "
                "can ask learns who is connected",
                text);
            return false;
        }
        for (size_t k = 0; k < i; k++) {
            if (toa_endpoint_equal(at, &made->listen[k]) && at->port != 0) {
                (void)snprintf(error, TOA_CONFIG_ERROR, "%s is there twice", text);
                return false;
            }
        }
    }
    return true;
}

bool toa_config_finish(const toa_config_maker *file, const toa_config_maker *flags,
                       toa_service_config *out, char error[TOA_CONFIG_ERROR])
{
    toa_config_maker none;
    toa_service_config made;
    if (file == NULL) {
        toa_config_begin(&none);
        file = &none;
    }
    memcpy(&made, &file->made, sizeof made);
    vendor_servers(file, &made.capture);
    take_capture(flags, &made.capture);
    take_service(flags, &made);
    simplify_servers(&made.capture);
    if (!check_listen(&made, file->port, error)) {
        return false;
    }
    memcpy(out, &made, sizeof made);
    error[0] = '\0';
    return true;
}

static bool read_file(const char *path, char *text, size_t *len, char error[TOA_CONFIG_ERROR])
{
    FILE *file = fopen(path, "rb");
    errno = file == NULL ? errno : 0;
    *len = file == NULL ? 0 : fread(text, 1, TOA_CONFIG_FILE_MAX + 1, file);
    bool right = file != NULL && ferror(file) == 0 && *len <= TOA_CONFIG_FILE_MAX;
    if (!right) {
        (void)snprintf(error, TOA_CONFIG_ERROR, "%.300s: %s", path,
                       *len > TOA_CONFIG_FILE_MAX ? "longer than 1 MiB" : strerror(errno));
    }
    if (file != NULL) {
        (void)fclose(file);
    }
    return right;
}

bool toa_service_config_load(const char *path, const toa_config_maker *flags,
                             toa_service_config *out, char error[TOA_CONFIG_ERROR])
{
    if (path == NULL) {
        return toa_config_finish(NULL, flags, out, error) && toa_config_on_system(out, error);
    }
    toa_config_maker *file = malloc(sizeof *file);
    char *text = malloc(TOA_CONFIG_FILE_MAX + 1);
    size_t len = 0;
    bool right = file != NULL && text != NULL;
    if (!right) {
        (void)snprintf(error, TOA_CONFIG_ERROR, "out of memory");
    } else {
        toa_config_begin(file);
        right = read_file(path, text, &len, error) &&
                toa_config_text(file, path, text, len, error) &&
                toa_config_finish(file, flags, out, error) && toa_config_on_system(out, error);
    }
    free(text);
    free(file);
    return right;
}

/* ---- For the engine -------------------------------------------------------------------------- */

toa_config toa_config_engine(const toa_capture_config *config, const toa_dialects *dialects)
{
    return (toa_config){
        .dialects = dialects,
        .servers = config->servers,
        .n_servers = config->n_servers,
        .trust = config->trust,
        .n_trust = config->n_trust,
        .ttl = config->ttl,
        .hold = config->hold,
        .duplicates = config->duplicates,
        .midstream = config->midstream,
        .open_tunnels = config->open_tunnels,
    };
}

/* ---- Writing --------------------------------------------------------------------------------- */

typedef struct writer {
    char *out;
    size_t len;
} writer;

#if defined(__GNUC__)
__attribute__((format(printf, 2, 3)))
#endif
static void
put(writer *to, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int len = vsnprintf(to->out + to->len, TOA_CONFIG_TEXT_MAX - to->len, format, args);
    va_end(args);
    if (len > 0 && (size_t)len < TOA_CONFIG_TEXT_MAX - to->len) {
        to->len += (size_t)len;
    }
}

static void put_server(writer *to, const toa_server *server)
{
    char text[TOA_ENDPOINT_TEXT] = "any";
    toa_endpoint ip = {.version = server->version};
    memcpy(ip.ip, server->ip, sizeof ip.ip);
    if (server->version != 0) {
        (void)toa_endpoint_format(&ip, text);
    }
    put(to, server->version == 6 ? "[%s]" : "%s", text);
    if (server->port_low != 0 || server->port_high != 65535) {
        put(to, server->port_low == server->port_high ? ":%u" : ":%u-%u",
            (unsigned)server->port_low, (unsigned)server->port_high);
    }
}

/* How the two forms write: "Server = a; b" or one line each, "server a". */
typedef struct form {
    const char *names[9];
    const char *equals;
    const char *between; /* NULL: one line each */
} form;

/* What stands in front of element `i` of a list. */
static void put_begin(writer *to, const form *as, size_t key, size_t i)
{
    if (i != 0 && as->between != NULL) {
        put(to, "%s", as->between);
    } else {
        put(to, "%s%s%s", i == 0 ? "" : "\n", as->names[key], as->equals);
    }
}

static void put_capture_lists(writer *to, const toa_capture_config *capture, const form *as)
{
    char text[TOA_PREFIX_TEXT];
    for (size_t i = 0; i < capture->n_servers; i++) {
        put_begin(to, as, 0, i);
        put_server(to, &capture->servers[i]);
    }
    put(to, "%s", capture->n_servers == 0 ? "" : "\n");
    for (size_t i = 0; i < capture->n_dialects; i++) {
        put_begin(to, as, 1, i);
        put(to, "%s", capture->dialects[i]);
    }
    put(to, "%s", capture->n_dialects == 0 ? "" : "\n");
    for (size_t i = 0; i < capture->n_trust; i++) {
        put_begin(to, as, 2, i);
        (void)toa_prefix_format(&capture->trust[i], text);
        put(to, "%s", text);
    }
    put(to, "%s", capture->n_trust == 0 ? "" : "\n");
}

static void put_capture(writer *to, const toa_capture_config *capture, const form *as)
{
    char ttl[TOA_TIME_TEXT];
    const char *const *names = as->names;
    put_capture_lists(to, capture, as);
    (void)toa_time_format(capture->ttl, ttl);
    put(to, "%s%s%s\n", names[3], as->equals, ttl);
    put(to, "%s%s%s\n", names[4], as->equals,
        capture->hold == TOA_HOLD_CONNECTION ? "connection" : "ttl");
    put(to, "%s%s%s\n", names[5], as->equals, duplicates_names[capture->duplicates]);
    put(to, "%s%s%s\n", names[6], as->equals, capture->midstream ? "accept" : "refuse");
    put(to, "%s%s%s\n", names[7], as->equals, capture->open_tunnels ? "yes" : "no");
    put(to, "%s%s%llu\n", names[8], as->equals, (unsigned long long)capture->n_records);
}

static void put_lists(writer *to, const toa_service_config *config)
{
    char text[TOA_ENDPOINT_TEXT];
    put(to, "Listen = ");
    for (size_t i = 0; i < config->n_listen; i++) {
        (void)toa_endpoint_format(&config->listen[i], text);
        put(to, "%s%s", i == 0 ? "" : ", ", text);
    }
    put(to, "\n");
    for (size_t i = 0; i < config->n_allow; i++) {
        (void)toa_prefix_format(&config->allow[i], text);
        put(to, "%s%s%s", i == 0 ? "Allow = " : ", ", text, i + 1 == config->n_allow ? "\n" : "");
    }
}

size_t toa_config_format(const toa_service_config *config, char out[TOA_CONFIG_TEXT_MAX])
{
    static const form as = {{"Server", "Dialect", "Trust", "Ttl", "Hold", "Duplicates", "Midstream",
                             "Decap", "Records"},
                            " = ",
                            "; "};
    writer to = {out, 0};
    out[0] = '\0';
    put(&to, "Interface = %s\n", config->capture.interface);
    if (config->capture.n_servers == 0) {
        put(&to, "Server = any\n");
    }
    put_capture(&to, &config->capture, &as);
    if (config->capture.buffer_size != 0) {
        put(&to, "Buffer = %llu\n", (unsigned long long)config->capture.buffer_size);
    }
    put_lists(&to, config);
    put(&to, "Held = %llu\n", (unsigned long long)config->n_held);
    if (config->user[0] != '\0') {
        put(&to, "User = %s\n", config->user);
    }
    if (!config->sandbox) {
        put(&to, "Sandbox = no\n");
    }
    if (config->control[0] != '\0') {
        put(&to, "Control = %s\n", config->control);
    }
    if (config->log != TOA_SAY_TEXT) {
        put(&to, "Log = %s\n", log_names[config->log]);
    }
    if (config->record.dir[0] != '\0') {
        put(&to, "Record = %s\n", config->record.dir);
    }
    put(&to, "RecordSize = %llu\nRecordFiles = %llu\n", (unsigned long long)config->record.size,
        (unsigned long long)config->record.files);
    return to.len;
}

size_t toa_config_format_case(const toa_service_config *config, char out[TOA_CONFIG_TEXT_MAX])
{
    static const form as = {{"server", "dialect", "trust", "ttl", "hold", "duplicates", "midstream",
                             "decap", "records"},
                            " ",
                            NULL};
    writer to = {out, 0};
    out[0] = '\0';
    put_capture(&to, &config->capture, &as);
    return to.len;
}

bool toa_config_same_capture(const toa_capture_config *a, const toa_capture_config *b)
{
    toa_service_config *both = calloc(2, sizeof *both);
    char *texts = malloc(2 * TOA_CONFIG_TEXT_MAX);
    bool same = false;
    if (both != NULL && texts != NULL) {
        both[0].capture = *a;
        both[1].capture = *b;
        size_t len = toa_config_format(&both[0], texts);
        same = toa_config_format(&both[1], texts + TOA_CONFIG_TEXT_MAX) == len &&
               memcmp(texts, texts + TOA_CONFIG_TEXT_MAX, len) == 0;
    }
    free(both);
    free(texts);
    return same;
}
