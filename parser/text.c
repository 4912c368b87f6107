#include <toa/text.h>

#include <string.h>

/* A cursor over a text; the counterpart of toa_reader. */
typedef struct span {
    const char *at;
    size_t left;
} span;

static bool take(span *text, char c)
{
    if (text->left == 0 || *text->at != c) {
        return false;
    }
    text->at++;
    text->left--;
    return true;
}

static bool take_word(span *text, const char *word)
{
    span rest = *text;
    for (; *word != '\0'; word++) {
        if (!take(&rest, *word)) {
            return false;
        }
    }
    *text = rest;
    return true;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Digits, one at least, whose number is at most `max`; zeros may stand in front. */
static bool take_number(span *text, uint64_t max, uint64_t *out)
{
    span rest = *text;
    uint64_t value = 0;
    if (rest.left == 0 || !is_digit(*rest.at)) {
        return false;
    }
    while (rest.left != 0 && is_digit(*rest.at)) {
        uint64_t digit = (uint64_t)(*rest.at - '0');
        if (value > (max - digit) / 10 || digit > max) {
            return false;
        }
        value = value * 10 + digit;
        rest.at++;
        rest.left--;
    }
    *text = rest;
    *out = value;
    return true;
}

const char *toa_number_parse(const char *text, size_t len, uint64_t max, uint64_t *out)
{
    span rest = {text, len};
    uint64_t value = 0;
    if (!take_number(&rest, max, &value) || rest.left != 0) {
        return "not a whole number in decimal, or too large";
    }
    *out = value;
    return NULL;
}

/* Takes the first `len` characters, which are there. */
static span take_part(span *text, size_t len)
{
    span part = {text->at, len};
    if (len != 0) { /* at may be NULL when nothing is left */
        text->at += len;
    }
    text->left -= len;
    return part;
}

/* The part of a text up to a character, which is taken too; all of it when there is none. */
static span take_until(span *text, char end)
{
    const char *found = text->left == 0 ? NULL : memchr(text->at, end, text->left);
    if (found == NULL) {
        return take_part(text, text->left);
    }
    span part = take_part(text, (size_t)(found - text->at));
    (void)take(text, end);
    return part;
}

/* Dotted decimal, four numbers, no leading zeros (they mean octal to some). */
static bool ipv4_parse(span text, uint8_t out[4])
{
    for (size_t i = 0; i < 4; i++) {
        uint64_t byte = 0;
        if (i != 0 && !take(&text, '.')) {
            return false;
        }
        const char *begin = text.at;
        if (!take_number(&text, 255, &byte) || (*begin == '0' && text.at - begin > 1)) {
            return false;
        }
        out[i] = (uint8_t)byte;
    }
    return text.left == 0;
}

static int hex_digit(char c)
{
    if (is_digit(c)) {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* One to four hexadecimal digits. */
static bool take_group(span *text, uint8_t out[2])
{
    unsigned value = 0;
    size_t n_digits = 0;
    while (text->left != 0 && n_digits < 4 && hex_digit(*text->at) >= 0) {
        value = value << 4 | (unsigned)hex_digit(*text->at);
        text->at++;
        text->left--;
        n_digits++;
    }
    out[0] = (uint8_t)(value >> 8);
    out[1] = (uint8_t)value;
    return n_digits != 0;
}

/* Groups up to the end of the text; an IPv4 address may stand for the last two. Returns how many
 * bytes were written, or SIZE_MAX. */
static size_t groups_parse(span text, uint8_t *out, size_t max)
{
    size_t len = 0;
    while (text.left != 0) {
        if (len != 0 && !take(&text, ':')) {
            return SIZE_MAX;
        }
        if (len + 4 <= max && ipv4_parse(text, out + len)) {
            return len + 4;
        }
        if (len + 2 > max || !take_group(&text, out + len)) {
            return SIZE_MAX;
        }
        len += 2;
    }
    return len;
}

static const char *double_colon(span text)
{
    for (size_t i = 0; i + 1 < text.left; i++) {
        if (text.at[i] == ':' && text.at[i + 1] == ':') {
            return text.at + i;
        }
    }
    return NULL;
}

/* RFC 4291, 2.2. Writes all 16 bytes, or none. */
static bool ipv6_parse(span text, uint8_t out[16])
{
    uint8_t head[16] = {0};
    uint8_t tail[16] = {0};
    const char *gap = double_colon(text);

    if (gap == NULL) {
        if (groups_parse(text, head, 16) != 16) {
            return false;
        }
        memcpy(out, head, 16);
        return true;
    }
    span before = {text.at, (size_t)(gap - text.at)};
    span behind = {gap + 2, text.left - before.left - 2};
    /* An IPv4 address may stand at the very end only. */
    if (memchr(before.at, '.', before.left) != NULL) {
        return false;
    }
    size_t head_len = groups_parse(before, head, 14);
    size_t tail_len = groups_parse(behind, tail, 14);
    if (head_len == SIZE_MAX || tail_len == SIZE_MAX || head_len + tail_len > 14) {
        return false;
    }
    memset(out, 0, 16);
    memcpy(out, head, head_len);
    memcpy(out + 16 - tail_len, tail, tail_len);
    return true;
}

const char *toa_ip_parse(const char *text, size_t len, toa_endpoint *out)
{
    toa_endpoint endpoint = {.version = 4};
    span all = {text, len};
    if (ipv4_parse(all, endpoint.ip)) {
        *out = endpoint;
        return NULL;
    }
    endpoint.version = 6;
    if (ipv6_parse(all, endpoint.ip)) {
        *out = endpoint;
        return NULL;
    }
    return "not an IP address (1.2.3.4 or 2001:db8::1)";
}

/* Splits "host:rest", "[host]:rest" or a host alone, which may be a bare IPv6 address. */
static bool split_host(span text, span *host, span *rest, bool *bracketed)
{
    *bracketed = take(&text, '[');
    if (*bracketed) {
        const char *begin = text.at;
        *host = take_until(&text, ']');
        *rest = text;
        return text.at != begin + host->left; /* there was a ']' */
    }
    span behind = text;
    size_t host_len = take_until(&behind, ':').left;
    if (behind.left != 0 && memchr(behind.at, ':', behind.left) != NULL) {
        host_len = text.left;
    }
    *host = take_part(&text, host_len);
    *rest = text;
    return true;
}

const char *toa_endpoint_parse(const char *text, size_t len, toa_endpoint *out)
{
    static const char wrong[] = "not an endpoint (1.2.3.4:443 or [2001:db8::1]:443)";
    span host;
    span rest;
    bool bracketed = false;
    uint64_t port = 0;
    toa_endpoint endpoint;

    if (!split_host((span){text, len}, &host, &rest, &bracketed) ||
        toa_ip_parse(host.at, host.left, &endpoint) != NULL ||
        bracketed != (endpoint.version == 6) || !take(&rest, ':') ||
        !take_number(&rest, 65535, &port) || rest.left != 0) {
        return wrong;
    }
    endpoint.port = (uint16_t)port;
    endpoint.has_port = 1;
    *out = endpoint;
    return NULL;
}

/* ---- Writing --------------------------------------------------------------------------------- */

static char *put_text(char *at, const char *text)
{
    while (*text != '\0') {
        *at++ = *text++;
    }
    return at;
}

/* At least `width` digits, zeros in front. */
static char *put_number(char *at, uint64_t value, size_t width)
{
    char digits[20];
    size_t n = 0;
    do {
        digits[n++] = (char)('0' + value % 10);
        value /= 10;
    } while (value != 0 || n < width);
    while (n != 0) {
        *at++ = digits[--n];
    }
    return at;
}

static char *put_hex(char *at, unsigned value)
{
    static const char digits[] = "0123456789abcdef";
    for (unsigned shift = 16; shift != 0; shift -= 4) {
        if (value >> (shift - 4) != 0 || shift == 4) {
            *at++ = digits[value >> (shift - 4) & 0xf];
        }
    }
    return at;
}

static char *put_ipv4(char *at, const uint8_t *ip)
{
    for (size_t i = 0; i < 4; i++) {
        if (i != 0) {
            *at++ = '.';
        }
        at = put_number(at, ip[i], 1);
    }
    return at;
}

/* Where the longest run of zero groups begins (the first of equals), and its length; a single
 * group is no run (RFC 5952, 4.2). */
static size_t longest_zeros(const uint8_t *ip, size_t *begin)
{
    size_t best = 1;
    size_t run = 0;
    for (size_t i = 0; i < 8; i++) {
        run = ip[2 * i] == 0 && ip[2 * i + 1] == 0 ? run + 1 : 0;
        if (run > best) {
            best = run;
            *begin = i + 1 - run;
        }
    }
    return best == 1 ? 0 : best;
}

static const uint8_t v4_mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

static char *put_ipv6(char *at, const uint8_t *ip)
{
    if (memcmp(ip, v4_mapped, sizeof v4_mapped) == 0) {
        return put_ipv4(put_text(at, "::ffff:"), ip + 12);
    }
    size_t gap = 8; /* behind the last group: none */
    size_t gap_len = longest_zeros(ip, &gap);
    size_t i = 0;
    while (i < 8) {
        if (i == gap) {
            at = put_text(at, "::");
            i += gap_len;
            continue;
        }
        if (i != 0 && i != gap + gap_len) {
            *at++ = ':';
        }
        at = put_hex(at, (unsigned)ip[2 * i] << 8 | ip[2 * i + 1]);
        i++;
    }
    return at;
}

size_t toa_endpoint_format(const toa_endpoint *endpoint, char out[TOA_ENDPOINT_TEXT])
{
    char *at = out;
    if (endpoint->version == 4) {
        at = put_ipv4(at, endpoint->ip);
    } else if (endpoint->version != 6) {
        at = put_text(at, "-");
    } else if (endpoint->has_port == 0) {
        at = put_ipv6(at, endpoint->ip);
    } else {
        at = put_text(put_ipv6(put_text(at, "["), endpoint->ip), "]");
    }
    if (endpoint->version != 0 && endpoint->has_port != 0) {
        *at++ = ':';
        at = put_number(at, endpoint->port, 1);
    }
    *at = '\0';
    return (size_t)(at - out);
}

/* ---- Prefixes -------------------------------------------------------------------------------- */

static bool bits_equal(const uint8_t *a, const uint8_t *b, size_t bits)
{
    size_t whole = bits / 8;
    unsigned mask = 0xff00U >> (bits % 8) & 0xffU;
    return memcmp(a, b, whole) == 0 && (mask == 0 || ((a[whole] ^ b[whole]) & mask) == 0);
}

const char *toa_prefix_parse(const char *text, size_t len, toa_prefix *out)
{
    span rest = {text, len};
    span ip = take_until(&rest, '/');
    toa_endpoint endpoint;
    if (toa_ip_parse(ip.at, ip.left, &endpoint) != NULL) {
        return "not a prefix (10.0.0.0/8, 2001:db8::/32, or an address alone)";
    }
    uint64_t most = endpoint.version == 4 ? 32 : 128;
    uint64_t bits = most;
    if (ip.left != len && (!take_number(&rest, most, &bits) || rest.left != 0)) {
        return "not a prefix length: 0 to 32 for IPv4, 0 to 128 for IPv6";
    }
    toa_prefix prefix = {.version = endpoint.version, .bits = (uint8_t)bits};
    for (size_t i = 0; i < 16; i++) {
        unsigned inside = bits >= 8 * (i + 1) ? 8 : bits > 8 * i ? (unsigned)(bits - 8 * i) : 0;
        prefix.ip[i] = (uint8_t)(endpoint.ip[i] & (0xff00U >> inside));
    }
    if (memcmp(prefix.ip, endpoint.ip, sizeof prefix.ip) != 0) {
        return "bits are set behind the prefix; 10.1.2.3/8 means 10.0.0.0/8 or 10.1.2.3/32";
    }
    *out = prefix;
    return NULL;
}

bool toa_prefix_contains(const toa_prefix *prefix, const toa_endpoint *endpoint)
{
    return prefix->version == endpoint->version &&
           bits_equal(prefix->ip, endpoint->ip, prefix->bits);
}

size_t toa_prefix_format(const toa_prefix *prefix, char out[TOA_PREFIX_TEXT])
{
    char *at = prefix->version == 4 ? put_ipv4(out, prefix->ip) : put_ipv6(out, prefix->ip);
    *at++ = '/';
    at = put_number(at, prefix->bits, 1);
    *at = '\0';
    return (size_t)(at - out);
}

/* ---- Servers --------------------------------------------------------------------------------- */

/* "443" or "8000-8010", into the server's range. */
static bool port_range_parse(span text, toa_server *server)
{
    uint64_t low = 0;
    if (!take_number(&text, 65535, &low)) {
        return false;
    }
    uint64_t high = low;
    if (take(&text, '-') && !take_number(&text, 65535, &high)) {
        return false;
    }
    server->port_low = (uint16_t)low;
    server->port_high = (uint16_t)high;
    return text.left == 0 && low <= high;
}

/* The address part of a server; everything before the ports. */
static bool server_host_parse(span text, span *ports, toa_server *out)
{
    span host;
    bool bracketed = false;
    toa_endpoint endpoint;
    if (!split_host(text, &host, ports, &bracketed)) {
        return false;
    }
    toa_server server = {.port_low = 0, .port_high = 65535};
    span word = host;
    if (!bracketed && take_word(&word, "any") && word.left == 0) {
        *out = server;
        return true;
    }
    if (toa_ip_parse(host.at, host.left, &endpoint) != NULL ||
        (endpoint.version == 4 && bracketed)) {
        return false;
    }
    memcpy(server.ip, endpoint.ip, sizeof server.ip);
    server.version = endpoint.version;
    *out = server;
    return true;
}

const char *toa_servers_parse(const char *text, size_t len, toa_server *out, size_t max, size_t *n)
{
    span ports;
    toa_server server;
    size_t count = 0;
    if (!server_host_parse((span){text, len}, &ports, &server)) {
        return "not a server (10.0.0.80, 10.0.0.80:443,8000-8010, [2001:db8::1]:443, any:443)";
    }
    if (ports.left != 0 && (!take(&ports, ':') || ports.left == 0)) {
        return "after the address comes ':' and ports (443,8000-8010)";
    }
    span counted = ports;
    do {
        span range = take_until(&counted, ',');
        toa_server one = server;
        if (range.left != 0 && !port_range_parse(range, &one)) {
            return "not a list of ports or rising ranges from 0 to 65535 (443,8000-8010)";
        }
        if (range.left == 0 && ports.left != 0) {
            return "an empty item in the list of ports";
        }
        if (count == max) {
            return "too many ports and ranges";
        }
        count++;
    } while (counted.left != 0);
    if (ports.left != 0 && ports.at[ports.left - 1] == ',') {
        return "an empty item in the list of ports";
    }
    for (size_t i = 0; i < count; i++) {
        out[i] = server; /* any port, and stays that where none are said */
        (void)port_range_parse(take_until(&ports, ','), &out[i]);
    }
    *n = count;
    return NULL;
}

bool toa_server_contains(const toa_server *server, const toa_endpoint *endpoint)
{
    return endpoint->port >= server->port_low && endpoint->port <= server->port_high &&
           (server->version == 0 || (server->version == endpoint->version &&
                                     memcmp(server->ip, endpoint->ip, sizeof server->ip) == 0));
}

/* ---- Dialects -------------------------------------------------------------------------------- */

typedef struct row_keys {
    uint64_t kind;
    uint64_t len;
    uint64_t port;
    uint64_t ip;
    uint64_t family;
} row_keys;

/* One "key=value" of a row. A key that stands there already, or none, is wrong; so is 0, which is
 * no kind and no length, and as an offset the kind byte. */
static bool row_key_parse(span text, row_keys *keys)
{
    static const struct {
        const char *name;
        size_t at;
    } known[] = {
        {"kind=", offsetof(row_keys, kind)},     {"len=", offsetof(row_keys, len)},
        {"port=", offsetof(row_keys, port)},     {"ip=", offsetof(row_keys, ip)},
        {"family=", offsetof(row_keys, family)},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (!take_word(&text, known[i].name)) {
            continue;
        }
        uint64_t value = 0;
        uint64_t old = 0;
        bool none = known[i].at == offsetof(row_keys, port) && take_word(&text, "none");
        memcpy(&old, (const char *)keys + known[i].at, sizeof old);
        if (old != UINT64_MAX || (!none && (!take_number(&text, 255, &value) || value == 0)) ||
            text.left != 0) {
            return false;
        }
        memcpy((char *)keys + known[i].at, &value, sizeof value);
        return true;
    }
    return false;
}

const char *toa_row_parse(const char *text, size_t len, toa_row *out)
{
    static const char wrong[] = "not a dialect (kind=K,len=L,port=OFFSET|none,ip=OFFSET"
                                "[,family=4|6], offsets from the kind byte)";
    row_keys keys = {UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX};
    span rest = {text, len};
    do {
        if (!row_key_parse(take_until(&rest, ','), &keys)) {
            return wrong;
        }
    } while (rest.left != 0);
    if (text[len - 1] == ',' || keys.kind == UINT64_MAX || keys.len == UINT64_MAX ||
        keys.port == UINT64_MAX || keys.ip == UINT64_MAX ||
        (keys.family != UINT64_MAX && keys.family != 4 && keys.family != 6)) {
        return wrong;
    }
    uint64_t family = keys.len >= keys.ip + 16 ? 6 : 4;
    if (keys.family != UINT64_MAX) {
        family = keys.family;
    }
    *out = (toa_row){
        .kind = (uint8_t)keys.kind,
        .len = (uint8_t)keys.len,
        .client_version = (uint8_t)family,
        .client_port_at = (uint8_t)keys.port,
        .client_ip_at = (uint8_t)keys.ip,
    };
    return NULL;
}

/* ---- Times ----------------------------------------------------------------------------------- */

const char *toa_time_parse(const char *text, size_t len, toa_time *out)
{
    static const char wrong[] = "not a time in seconds from 0 to 9223372035 (15, 0.030000000; nine "
                                "decimals at most)";
    span rest = {text, len};
    uint64_t seconds = 0;
    uint64_t nanoseconds = 0;
    if (!take_number(&rest, INT64_MAX / TOA_SECOND - 1, &seconds)) {
        return wrong;
    }
    if (take(&rest, '.')) {
        size_t n_decimals = rest.left;
        if (n_decimals > 9 || !take_number(&rest, UINT64_C(999999999), &nanoseconds)) {
            return wrong;
        }
        for (; n_decimals < 9; n_decimals++) {
            nanoseconds *= 10;
        }
    }
    if (rest.left != 0) {
        return wrong;
    }
    *out = (toa_time)(seconds * (uint64_t)TOA_SECOND + nanoseconds);
    return NULL;
}

size_t toa_time_format(toa_time time, char out[TOA_TIME_TEXT])
{
    char *at = out;
    uint64_t magnitude = time < 0 ? 0 - (uint64_t)time : (uint64_t)time;
    if (time < 0) {
        *at++ = '-';
    }
    at = put_number(at, magnitude / (uint64_t)TOA_SECOND, 1);
    *at++ = '.';
    at = put_number(at, magnitude % (uint64_t)TOA_SECOND, 9);
    *at = '\0';
    return (size_t)(at - out);
}
