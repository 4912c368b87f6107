#include "script.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void die(const char *why, const char *text)
{
    fprintf(stderr, "script: %s: %s\n", why, text);
    abort();
}

/* ---- Words ----------------------------------------------------------------------------------- */

static void add_word(char words[SCRIPT_TOKENS][SCRIPT_TOKEN], size_t *n, const char *word,
                     size_t len)
{
    if (*n == SCRIPT_TOKENS || len >= SCRIPT_TOKEN) {
        die("too long", word);
    }
    memcpy(words[*n], word, len);
    words[(*n)++][len] = '\0';
}

bool script_next(const char **at, script_step *out)
{
    bool behind = false;
    memset(out, 0, sizeof *out);
    for (;;) {
        *at += strspn(*at, " \n");
        size_t len = strcspn(*at, " \n;");
        if (len == 1 && **at == '=') {
            behind = true;
        } else if (len != 0 && behind) {
            add_word(out->musts, &out->n_musts, *at, len);
        } else if (len != 0) {
            add_word(out->args, &out->n_args, *at, len);
        }
        *at += len;
        if (**at == ';') {
            (*at)++;
            break;
        }
        if (**at == '\0') {
            break;
        }
    }
    if (out->n_args == 0) {
        return false;
    }
    if (out->n_args < 2 || out->n_musts == 0) {
        die("a step without verb or without what must come", out->args[0]);
    }
    return true;
}

toa_time script_time(const char *text)
{
    if (strcmp(text, "min") == 0) {
        return INT64_MIN;
    }
    if (strncmp(text, "max", 3) == 0) {
        return INT64_MAX + strtoll(text + 3, NULL, 10);
    }
    char *end;
    toa_time time = strtoll(text, &end, 10);
    if (*end != '\0') {
        die("not a time", text);
    }
    return time;
}

/* ---- Names ----------------------------------------------------------------------------------- */

/* With a port, or without one. */
static toa_endpoint endpoint(const char *text)
{
    toa_endpoint out = {.version = 0};
    if (toa_endpoint_parse(text, strlen(text), &out) != NULL &&
        toa_ip_parse(text, strlen(text), &out) != NULL) {
        die("not an endpoint", text);
    }
    return out;
}

typedef struct name {
    const char *name;
    const char *is;
} name;

static toa_endpoint named(const name *names, size_t n, const char *wanted)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(names[i].name, wanted) == 0) {
            return endpoint(names[i].is);
        }
    }
    return (toa_endpoint){.version = 0};
}

toa_endpoint script_client(const char *wanted)
{
    static const name names[] = {
        {"A", "203.0.113.1:1001"}, {"B", "203.0.113.2:1002"},   {"C", "203.0.113.3:1003"},
        {"D", "203.0.113.4:1004"}, {"a", "[2001:db8::1]:1001"}, {"b", "[2001:db8::2]:1002"},
        {"P", "203.0.113.9"},      {"p", "2001:db8::9"},        {"X", "203.0.113.1:63881"},
    };
    return named(names, sizeof names / sizeof names[0], wanted);
}

toa_endpoint script_vip(const char *wanted)
{
    static const name names[] = {
        {"v", "10.9.0.1:81"}, {"w", "10.9.0.2:82"}, {"V", "2001:db8:9::1"}};
    return named(names, sizeof names / sizeof names[0], wanted);
}

/* prefix, number, suffix: "[2001:db8:6::" "7" "]:40007" */
static toa_endpoint numbered(const char *prefix, unsigned i, const char *suffix, unsigned port)
{
    char text[2 * TOA_ENDPOINT_TEXT];
    (void)snprintf(text, sizeof text, "%s%u%s:%u", prefix, i, suffix, port);
    return endpoint(text);
}

script_flow script_flow_read(const char *text)
{
    script_flow flow = {.has_server = strchr(text, '>') != NULL};
    char *end;
    unsigned f = (unsigned)strtoul(text + 1, &end, 10);
    unsigned s = flow.has_server ? (unsigned)strtoul(end + 2, &end, 10) : 1;
    if (*end != '\0' || (text[0] != 'f' && text[0] != 'm')) {
        die("not a flow", text);
    }
    if (text[0] == 'm') {
        flow.fake = numbered("[::ffff:10.0.0.", f, "]", 40000 + f);
        flow.server = numbered("[::ffff:192.0.2.", s, "]", 443);
    } else if (f >= 6) {
        flow.fake = numbered("[2001:db8:6::", f, "]", 40000 + f);
        flow.server = numbered("[2001:db8:5::", s, "]", 443);
    } else {
        flow.fake = numbered("10.0.0.", f, "", 40000 + f);
        flow.server = numbered("192.0.2.", s, "", 443);
    }
    return flow;
}

/* ---- Segments -------------------------------------------------------------------------------- */

static const struct {
    char name;
    uint8_t len;
    uint8_t bytes[TOA_OPTIONS_MAX];
} options[] = {
    {'A', 8, {254, 8, 0x03, 0xe9, 203, 0, 113, 1}},
    {'B', 8, {254, 8, 0x03, 0xea, 203, 0, 113, 2}},
    {'C', 8, {254, 8, 0x03, 0xeb, 203, 0, 113, 3}},
    {'D', 8, {254, 8, 0x03, 0xec, 203, 0, 113, 4}},
    {'E', 8, {200, 8, 0x03, 0xe9, 203, 0, 113, 1}},
    {'a', 20, {254, 20, 0x03, 0xe9, 0x20, 0x01, 0x0d, 0xb8, [19] = 1}},
    {'b', 20, {254, 20, 0x03, 0xea, 0x20, 0x01, 0x0d, 0xb8, [19] = 2}},
    {'s', 8, {253, 8, 0x64, 0x43, 0x9f, 0xf9, 0x00, 0x50}},
    {'x', 8, {254, 8, 0xf9, 0x89, 203, 0, 113, 1}},
    {'z', 8, {254, 8, 0xe2, 0xd4, 0xc3, 0xd9, 113, 1}},
    {'m', 4, {2, 4, 0x05, 0xb4}},
    {'.', 1, {1}},
    {'v', 8, {250, 8, 0x00, 0x51, 10, 9, 0, 1}},
    {'w', 8, {250, 8, 0x00, 0x52, 10, 9, 0, 2}},
    {'u', 8, {202, 8, 0x00, 0x51, 10, 9, 0, 1}},
    {'2', 20, {252, 20, 0x03, 0xe9, 203, 0, 113, 1, 9, 9, 9, 9, 10, 9, 0, 1, 0x00, 0x51}},
    {'6', 16, {254, 16, 0x03, 0xe9, 203, 0, 113, 1, 0, 0, 0x00, 0x51, 10, 9, 0, 1}},
    {'9', 40, {249, 40, 0x03, 0xe9, 0x20, 0x01, 0x0d, 0xb8, [19] = 1, 9,
               9,   9,  0,    0x20, 0x01, 0x0d, 0xb8, 0x00, 0x09,     [39] = 1}},
    {'P', 7, {28, 7, 1, 203, 0, 113, 9}},
    {'Q', 6, {28, 6, 203, 0, 113, 9}},
    {'p', 19, {28, 19, 1, 0x20, 0x01, 0x0d, 0xb8, [18] = 9}},
    {'!', 4, {254, 1, 0, 0}},
    {'~', 8, {254, 8, 0x03, 0xe9, 203, 0, 113, 1}},
};

/* Returns how many bytes the header announces; *there of them are captured. */
static size_t put_options(const char *names, uint8_t room[TOA_OPTIONS_MAX], size_t *there)
{
    size_t len = 0;
    bool cut = false;
    for (; *names != '\0'; names++) {
        size_t i = 0;
        while (i < sizeof options / sizeof options[0] && options[i].name != *names) {
            i++;
        }
        if (i == sizeof options / sizeof options[0] || len + options[i].len > TOA_OPTIONS_MAX) {
            die("not an option, or no room for it", names);
        }
        memcpy(room + len, options[i].bytes, options[i].len);
        len += options[i].len;
        cut = cut || *names == '~';
    }
    while (len % 4 != 0) {
        room[len++] = 0;
    }
    *there = cut ? len - 4 : len;
    return len;
}

static uint8_t flags_of(const char *verb)
{
    static const struct {
        const char *verb;
        uint8_t flags;
    } verbs[] = {
        {"syn", TOA_TCP_SYN},
        {"ack", TOA_TCP_ACK},
        {"data", TOA_TCP_ACK | TOA_TCP_PSH},
        {"fin", TOA_TCP_FIN | TOA_TCP_ACK},
        {"finonly", TOA_TCP_FIN},
        {"rst", TOA_TCP_RST},
        {"rstack", TOA_TCP_RST | TOA_TCP_ACK},
        {"synack", TOA_TCP_SYN | TOA_TCP_ACK},
        {"synfin", TOA_TCP_SYN | TOA_TCP_FIN},
        {"synrst", TOA_TCP_SYN | TOA_TCP_RST},
        {"none", 0},
    };
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
        if (strcmp(verbs[i].verb, verb) == 0) {
            return verbs[i].flags;
        }
    }
    die("not a verb", verb);
    return 0;
}

void script_segment(const script_step *step, uint8_t room[TOA_OPTIONS_MAX], toa_segment *out)
{
    script_flow flow = script_flow_read("f1>s1");
    const char *names = "";
    bool back = false;
    bool numbered_yet = false;
    *out = (toa_segment){.flags = flags_of(step->args[1])};
    out->data_len = strcmp(step->args[1], "data") == 0 ? 10 : 0;
    for (size_t i = 2; i < step->n_args; i++) {
        const char *word = step->args[i];
        char *end;
        if (word[0] == 'f') {
            flow = script_flow_read(word);
        } else if (strcmp(word, "back") == 0) {
            back = true;
        } else if (numbered_yet) {
            names = word;
        } else {
            out->seq = (uint32_t)strtoull(word, &end, 10);
            numbered_yet = true;
            out->data_len = *end == '+' ? (uint32_t)strtoull(end, NULL, 10) : out->data_len;
        }
    }
    out->source = back ? flow.server : flow.fake;
    out->destination = back ? flow.fake : flow.server;
    size_t there;
    size_t len = put_options(names, room, &there);
    out->options_len = (uint8_t)len;
    out->options = toa_options_begin(room, there, len);
}

static void put_u16(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

uint8_t *script_frame(const toa_segment *segment, size_t *len)
{
    size_t ip_len = segment->source.version == 4 ? 20 : 40;
    size_t there = segment->options.left;
    uint32_t tcp_len = 20 + segment->options_len + segment->data_len;
    uint8_t *frame = calloc(1, ip_len + 20 + TOA_OPTIONS_MAX);
    if (frame == NULL) {
        die("no memory", "frame");
    }
    uint8_t *tcp = frame + ip_len;
    if (segment->source.version == 4) { /* RFC 791 */
        frame[0] = 0x45;
        put_u16(frame + 2, (uint32_t)ip_len + tcp_len);
        frame[8] = 64;
        frame[9] = 6;
        memcpy(frame + 12, segment->source.ip, 4);
        memcpy(frame + 16, segment->destination.ip, 4);
    } else { /* RFC 8200 */
        frame[0] = 0x60;
        put_u16(frame + 4, tcp_len);
        frame[6] = 6;
        memcpy(frame + 8, segment->source.ip, 16);
        memcpy(frame + 24, segment->destination.ip, 16);
    }
    put_u16(tcp, segment->source.port);
    put_u16(tcp + 2, segment->destination.port);
    put_u16(tcp + 4, segment->seq >> 16);
    put_u16(tcp + 6, segment->seq);
    tcp[12] = (uint8_t)((20 + segment->options_len) / 4 << 4);
    tcp[13] = segment->flags;
    if (there != 0) {
        memcpy(tcp + 20, segment->options.at, there);
    }
    *len = ip_len + 20 + there;
    return frame;
}
