/* Layouts: docs/PROTOCOL.md. Both directions of both versions; network byte order. */
#include <toa/query.h>

#include <assert.h>
#include <string.h>

static const uint8_t magic[4] = {'T', 'O', 'A', 2};

enum { TYPE_QUERY = 1, TYPE_REPLY = 2 };

/* Version 2, both directions */
enum { AT_MAGIC = 0, AT_ID = 4, AT_TYPE = 8 };

/* Version 2, question */
enum {
    AT_FAKE_VERSION = 9,
    AT_SERVER_VERSION = 10,
    AT_RESERVED = 11,
    AT_WAIT = 12,
    AT_FAKE_PORT = 14,
    AT_FAKE_IP = 16,
    AT_SERVER_PORT = 32,
    AT_SERVER_IP = 34,
    QUERY_END = 50
};

/* Version 2, answer */
enum {
    AT_WORD = 9,
    AT_FLAGS = 10,
    AT_OPTIONS_FREE = 11,
    AT_KIND = 12,
    AT_CARRIER = 13,
    AT_VERSIONS = 14,
    AT_FLOW_VERSION = 15,
    AT_CLIENT_PORT = 16,
    AT_CLIENT_IP = 18,
    AT_VIP_PORT = 34,
    AT_VIP_IP = 36,
    AT_FLOW_PORT = 52,
    AT_FLOW_IP = 54,
    AT_AGE = 70,
    REPLY_END = 78
};

enum { FLAG_AMBIGUOUS = 1, FLAG_CLIENT_PORT = 2, FLAG_VIP_PORT = 4, FLAGS_ALL = 7 };

static void put_u16(uint8_t *at, unsigned value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static void put_u32(uint8_t *at, uint32_t value)
{
    put_u16(at, value >> 16);
    put_u16(at + 2, value & 0xffff);
}

static void put_u64(uint8_t *at, uint64_t value)
{
    put_u32(at, (uint32_t)(value >> 32));
    put_u32(at + 4, (uint32_t)value);
}

static uint16_t get_u16(const uint8_t *at)
{
    return (uint16_t)(at[0] << 8 | at[1]);
}

static uint32_t get_u32(const uint8_t *at)
{
    return (uint32_t)get_u16(at) << 16 | get_u16(at + 2);
}

static uint64_t get_u64(const uint8_t *at)
{
    return (uint64_t)get_u32(at) << 32 | get_u32(at + 4);
}

static bool all_zero(const uint8_t *at, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (at[i] != 0) {
            return false;
        }
    }
    return true;
}

/* An endpoint in 16 + 2 bytes, whose version and flag stand elsewhere. */
static void put_endpoint(uint8_t *ip, uint8_t *port, const toa_endpoint *endpoint)
{
    memcpy(ip, endpoint->ip, 16);
    put_u16(port, endpoint->port);
}

/* False where the version is none of 0, 4, 6 or bytes are set that it does not have. */
static bool get_endpoint(const uint8_t *ip, const uint8_t *port, unsigned version, bool has_port,
                         toa_endpoint *out)
{
    size_t ip_len = version == 0 ? 0 : version == 4 ? 4 : 16;
    if ((version != 0 && version != 4 && version != 6) || (version == 0 && has_port) ||
        !all_zero(ip + ip_len, 16 - ip_len) || (!has_port && get_u16(port) != 0)) {
        return false;
    }
    *out = (toa_endpoint){
        .port = get_u16(port), .version = (uint8_t)version, .has_port = has_port ? 1 : 0};
    memcpy(out->ip, ip, 16);
    return true;
}

static bool is_v2(const uint8_t *bytes, size_t len)
{
    return len == TOA_QUERY_V2_LEN && memcmp(bytes + AT_MAGIC, magic, sizeof magic) == 0;
}
static_assert(TOA_QUERY_V2_LEN == TOA_ANSWER_V2_LEN, "nothing is amplified");

/* ---- Questions ------------------------------------------------------------------------------- */

static toa_word query_decode_v2(const uint8_t *bytes, toa_query *out)
{
    toa_query query = {.version = 2, .id = get_u32(bytes + AT_ID)};
    query.wait_ms = get_u16(bytes + AT_WAIT);
    bool sound =
        bytes[AT_TYPE] == TYPE_QUERY && bytes[AT_RESERVED] == 0 &&
        get_endpoint(bytes + AT_FAKE_IP, bytes + AT_FAKE_PORT, bytes[AT_FAKE_VERSION], true,
                     &query.fake) &&
        get_endpoint(bytes + AT_SERVER_IP, bytes + AT_SERVER_PORT, bytes[AT_SERVER_VERSION],
                     bytes[AT_SERVER_VERSION] != 0, &query.server) &&
        all_zero(bytes + QUERY_END, TOA_QUERY_V2_LEN - QUERY_END);
    if (!sound) {
        return TOA_MALFORMED;
    }
    *out = query;
    return TOA_FOUND;
}

toa_word toa_query_decode(const uint8_t *bytes, size_t len, toa_query *out)
{
    if (is_v2(bytes, len)) {
        return query_decode_v2(bytes, out);
    }
    if (len != TOA_QUERY_V1_LEN) {
        return TOA_FOREIGN;
    }
    *out = (toa_query){
        .version = 1,
        .id = get_u32(bytes),
        .fake = {.port = get_u16(bytes + 8), .version = 4, .has_port = 1},
    };
    memcpy(out->fake.ip, bytes + 4, 4);
    return TOA_FOUND;
}

static void query_encode_v1(const toa_query *query, uint8_t *out)
{
    put_u32(out, query->id);
    memcpy(out + 4, query->fake.ip, 4);
    put_u16(out + 8, query->fake.port);
}

static void query_encode_v2(const toa_query *query, uint8_t *out)
{
    memcpy(out + AT_MAGIC, magic, sizeof magic);
    put_u32(out + AT_ID, query->id);
    out[AT_TYPE] = TYPE_QUERY;
    out[AT_FAKE_VERSION] = query->fake.version;
    out[AT_SERVER_VERSION] = query->server.version;
    put_u16(out + AT_WAIT, query->wait_ms);
    put_endpoint(out + AT_FAKE_IP, out + AT_FAKE_PORT, &query->fake);
    put_endpoint(out + AT_SERVER_IP, out + AT_SERVER_PORT, &query->server);
}

/* Whether the bytes say all of the question: what does not fit its version is lost in them. */
static bool says(const uint8_t *bytes, size_t len, const toa_query *query)
{
    toa_query read;
    return toa_query_decode(bytes, len, &read) == TOA_FOUND && read.version == query->version &&
           toa_endpoint_equal(&read.fake, &query->fake) &&
           toa_endpoint_equal(&read.server, &query->server) && read.wait_ms == query->wait_ms;
}

size_t toa_query_encode(const toa_query *query, uint8_t out[TOA_DATAGRAM_MAX])
{
    uint8_t bytes[TOA_DATAGRAM_MAX] = {0};
    size_t len = query->version == 1 ? TOA_QUERY_V1_LEN : TOA_QUERY_V2_LEN;
    if (query->version == 1) {
        query_encode_v1(query, bytes);
    } else {
        query_encode_v2(query, bytes);
    }
    if (!says(bytes, len, query)) {
        return 0;
    }
    memcpy(out, bytes, len);
    return len;
}

/* ---- Answers --------------------------------------------------------------------------------- */

static size_t reply_encode_v1(uint32_t id, const toa_answer *answer, uint8_t *out)
{
    const toa_endpoint *client = &answer->mapping.client;
    bool fits = answer->word == TOA_FOUND && client->version == 4 && client->has_port != 0;
    memset(out, 0, TOA_ANSWER_V1_LEN);
    put_u32(out, id);
    out[4] = fits ? 0 : 1;
    if (fits) {
        memcpy(out + 5, client->ip, 4);
        put_u16(out + 9, client->port);
    }
    return TOA_ANSWER_V1_LEN;
}

size_t toa_reply_encode(const toa_query *query, const toa_answer *answer,
                        uint8_t out[TOA_DATAGRAM_MAX])
{
    if (query->version == 1) {
        return reply_encode_v1(query->id, answer, out);
    }
    const toa_mapping *mapping = &answer->mapping;
    memset(out, 0, TOA_ANSWER_V2_LEN);
    memcpy(out + AT_MAGIC, magic, sizeof magic);
    put_u32(out + AT_ID, query->id);
    out[AT_TYPE] = TYPE_REPLY;
    out[AT_WORD] = (uint8_t)answer->word;
    out[AT_FLAGS] = (uint8_t)((answer->ambiguous ? FLAG_AMBIGUOUS : 0) |
                              (mapping->client.has_port != 0 ? FLAG_CLIENT_PORT : 0) |
                              (mapping->vip.has_port != 0 ? FLAG_VIP_PORT : 0));
    out[AT_OPTIONS_FREE] = answer->options_free;
    out[AT_KIND] = mapping->kind;
    out[AT_CARRIER] = mapping->carrier;
    out[AT_VERSIONS] = (uint8_t)(mapping->client.version << 4 | mapping->vip.version);
    out[AT_FLOW_VERSION] = answer->server.version;
    put_endpoint(out + AT_CLIENT_IP, out + AT_CLIENT_PORT, &mapping->client);
    put_endpoint(out + AT_VIP_IP, out + AT_VIP_PORT, &mapping->vip);
    put_endpoint(out + AT_FLOW_IP, out + AT_FLOW_PORT, &answer->server);
    put_u64(out + AT_AGE, (uint64_t)answer->age);
    return TOA_ANSWER_V2_LEN;
}

static toa_word reply_decode_v1(const uint8_t *bytes, toa_reply *out)
{
    toa_endpoint client = {.port = get_u16(bytes + 9), .version = 4, .has_port = 1};
    if (bytes[4] > 1 || (bytes[4] == 1 && !all_zero(bytes + 5, 6))) {
        return TOA_MALFORMED;
    }
    *out = (toa_reply){.version = 1, .id = get_u32(bytes)};
    out->answer.word = bytes[4] == 0 ? TOA_FOUND : TOA_NEVER_SEEN;
    if (bytes[4] == 0) {
        memcpy(client.ip, bytes + 5, 4);
        out->answer.mapping.client = client;
    }
    return TOA_FOUND;
}

static toa_word reply_decode_v2(const uint8_t *bytes, toa_reply *out)
{
    uint8_t flags = bytes[AT_FLAGS];
    uint8_t versions = bytes[AT_VERSIONS];
    uint8_t server_version = bytes[AT_FLOW_VERSION];
    uint64_t age = get_u64(bytes + AT_AGE);
    bool found = bytes[AT_WORD] == TOA_FOUND;
    toa_answer answer = {
        .word = (toa_word)bytes[AT_WORD],
        .mapping = {.kind = bytes[AT_KIND], .carrier = bytes[AT_CARRIER]},
        .age = age > INT64_MAX ? INT64_MAX : (toa_time)age,
        .options_free = bytes[AT_OPTIONS_FREE],
        .ambiguous = (flags & FLAG_AMBIGUOUS) != 0,
    };
    bool sound = bytes[AT_TYPE] == TYPE_REPLY && toa_word_is_answer((toa_word)bytes[AT_WORD]) &&
                 flags <= FLAGS_ALL && answer.options_free <= TOA_OPTIONS_MAX &&
                 answer.mapping.carrier <= TOA_CARRIER_DATA && found == (versions >> 4 != 0) &&
                 age <= INT64_MAX &&
                 get_endpoint(bytes + AT_CLIENT_IP, bytes + AT_CLIENT_PORT, versions >> 4,
                              (flags & FLAG_CLIENT_PORT) != 0, &answer.mapping.client) &&
                 get_endpoint(bytes + AT_VIP_IP, bytes + AT_VIP_PORT, versions & 0xfU,
                              (flags & FLAG_VIP_PORT) != 0, &answer.mapping.vip) &&
                 get_endpoint(bytes + AT_FLOW_IP, bytes + AT_FLOW_PORT, server_version,
                              server_version != 0, &answer.server) &&
                 all_zero(bytes + REPLY_END, TOA_ANSWER_V2_LEN - REPLY_END);
    if (!sound) {
        return TOA_MALFORMED;
    }
    *out = (toa_reply){.version = 2, .id = get_u32(bytes + AT_ID), .answer = answer};
    return TOA_FOUND;
}

toa_word toa_reply_decode(const uint8_t *bytes, size_t len, toa_reply *out)
{
    if (is_v2(bytes, len)) {
        return reply_decode_v2(bytes, out);
    }
    return len == TOA_ANSWER_V1_LEN ? reply_decode_v1(bytes, out) : TOA_FOREIGN;
}
