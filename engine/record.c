/*
 * A slot's words, low bits first:
 *   0   fake ip 32, fake port 16, server port 16
 *   1   server ip 32, client ip 32
 *   2   virtual server's ip 32, client port 16, virtual server's port 16
 *   3   isn 32, syn_data_len 32
 *   4   opened_at
 *   5   taught_at
 *   6   kind 8, serial 56
 *   bits  see below
 * An ip is the first four bytes of an address; the other twelve are in the rest:
 *   0   fake, bytes 4-11        1   bytes 12-15 of fake and of server
 *   2   server, bytes 4-11
 *   3   client, bytes 4-11      4   bytes 12-15 of client and of the virtual server
 *   5   virtual server, bytes 4-11
 *   6   closed_at
 */
#include "record.h"

#include <string.h>

/* Where things begin in `bits`. A form, three bits, is an endpoint's version / 2 and has_port. */
enum {
    AT_FAKE = 0,
    AT_SERVER = 3,
    AT_CLIENT = 6,
    AT_VIP = 9,
    AT_CARRIER = 12,
    AT_STATE = 14,
    AT_REASON = 19,
    AT_FREE = 23
};
enum {
    FORM = 7,
    FORMS_OF_FLOW = 63,
    FORMS_LOWEST_BITS = 01111,
    CLOSED = RECORD_CLOSED << AT_STATE
};
static_assert(TOA_CARRIER_DATA < 4 && RECORD_CONTRADICTED < 32 && TOA_MIDSTREAM < 16 &&
                  TOA_OPTIONS_MAX < 64,
              "carrier, state, reason and options_free have 2, 5, 4 and 6 bits");

static inline uint32_t bytes4(const uint8_t *bytes)
{
    uint32_t word;
    memcpy(&word, bytes, sizeof word);
    return word;
}

static inline uint64_t bytes8(const uint8_t *bytes)
{
    uint64_t word;
    memcpy(&word, bytes, sizeof word);
    return word;
}

static inline uint64_t pair(uint32_t low, uint32_t high)
{
    return low | (uint64_t)high << 32;
}

static inline uint32_t ports(const toa_endpoint *low, const toa_endpoint *high)
{
    return low->port | (uint32_t)high->port << 16;
}

static inline uint32_t form_of(const toa_endpoint *endpoint)
{
    return endpoint->version >> 1 | (uint32_t)endpoint->has_port << 2;
}

/* Whether one of the forms is of IPv6, which is 3 in the two lower bits. */
static inline bool any_ipv6(uint32_t forms)
{
    return (forms & forms >> 1 & FORMS_LOWEST_BITS) != 0;
}

static inline bool has_rest(uint32_t bits)
{
    return any_ipv6(bits) || (bits & CLOSED) != 0;
}

static inline void put(_Atomic uint64_t *to, uint64_t word)
{
    atomic_store_explicit(to, word, memory_order_release);
}

static inline uint64_t get(const _Atomic uint64_t *from)
{
    return atomic_load_explicit(from, memory_order_acquire);
}

static uint32_t bits_of(const toa_record *record)
{
    return form_of(&record->fake) << AT_FAKE | form_of(&record->server) << AT_SERVER |
           form_of(&record->client) << AT_CLIENT | form_of(&record->vip) << AT_VIP |
           (uint32_t)record->carrier << AT_CARRIER | (uint32_t)record->state << AT_STATE |
           (uint32_t)record->reason << AT_REASON | (uint32_t)record->options_free << AT_FREE;
}

static void rest_write(toa_slot_rest *rest, const toa_record *record)
{
    const uint8_t *fake = record->fake.ip;
    const uint8_t *server = record->server.ip;
    const uint8_t *client = record->client.ip;
    const uint8_t *vip = record->vip.ip;
    put(&rest->words[0], bytes8(fake + 4));
    put(&rest->words[1], pair(bytes4(fake + 12), bytes4(server + 12)));
    put(&rest->words[2], bytes8(server + 4));
    put(&rest->words[3], bytes8(client + 4));
    put(&rest->words[4], pair(bytes4(client + 12), bytes4(vip + 12)));
    put(&rest->words[5], bytes8(vip + 4));
    put(&rest->words[6], (uint64_t)record->closed_at);
}

void toa_slot_write(toa_slot *slot, toa_slot_rest *rest, uint32_t n, const toa_record *record)
{
    const uint32_t bits = bits_of(record);

    atomic_store_explicit(&slot->seq, 2 * n + 1, memory_order_relaxed);
    put(&slot->words[0], pair(bytes4(record->fake.ip), ports(&record->fake, &record->server)));
    put(&slot->words[1], pair(bytes4(record->server.ip), bytes4(record->client.ip)));
    put(&slot->words[2], pair(bytes4(record->vip.ip), ports(&record->client, &record->vip)));
    put(&slot->words[3], pair(record->isn, record->syn_data_len));
    put(&slot->words[4], (uint64_t)record->opened_at);
    put(&slot->words[5], (uint64_t)record->taught_at);
    put(&slot->words[6], record->kind | record->serial << 8);
    atomic_store_explicit(&slot->bits, bits, memory_order_release);
    if (has_rest(bits)) {
        rest_write(rest, record);
    }
    atomic_store_explicit(&slot->seq, 2 * n + 2, memory_order_release);
}

/* All that is there of an IPv4 endpoint. */
static inline void unpack(toa_endpoint *out, uint64_t ip, uint64_t port, uint32_t form)
{
    const uint32_t first = (uint32_t)ip;
    memcpy(out->ip, &first, 4);
    memset(out->ip + 4, 0, 12);
    out->port = (uint16_t)port;
    out->version = (uint8_t)((form & 3) << 1);
    out->has_port = (uint8_t)(form >> 2 & 1);
}

static inline void unpack_rest(toa_endpoint *out, uint64_t middle, uint64_t last)
{
    const uint32_t end = (uint32_t)last;
    memcpy(out->ip + 4, &middle, 8);
    memcpy(out->ip + 12, &end, 4);
}

static void rest_read(const toa_slot_rest *rest, toa_record *out)
{
    const uint64_t ends[2] = {get(&rest->words[1]), get(&rest->words[4])};
    unpack_rest(&out->fake, get(&rest->words[0]), ends[0]);
    unpack_rest(&out->server, get(&rest->words[2]), ends[0] >> 32);
    unpack_rest(&out->client, get(&rest->words[3]), ends[1]);
    unpack_rest(&out->vip, get(&rest->words[5]), ends[1] >> 32);
    out->closed_at = (toa_time)get(&rest->words[6]);
}

/* Each word once, and whatever they are. */
static uint32_t words_read(const toa_slot *slot, toa_record *out)
{
    const uint64_t flow = get(&slot->words[0]);
    const uint64_t ips = get(&slot->words[1]);
    const uint64_t vip = get(&slot->words[2]);
    const uint64_t syn = get(&slot->words[3]);
    const uint64_t kind_serial = get(&slot->words[6]);
    const uint32_t bits = atomic_load_explicit(&slot->bits, memory_order_acquire);
    unpack(&out->fake, flow, flow >> 32, bits >> AT_FAKE);
    unpack(&out->server, ips, flow >> 48, bits >> AT_SERVER);
    unpack(&out->client, ips >> 32, vip >> 32, bits >> AT_CLIENT);
    unpack(&out->vip, vip, vip >> 48, bits >> AT_VIP);
    out->isn = (uint32_t)syn;
    out->syn_data_len = (uint32_t)(syn >> 32);
    out->kind = (uint8_t)kind_serial;
    out->carrier = bits >> AT_CARRIER & 3;
    out->state = bits >> AT_STATE & 31;
    out->reason = bits >> AT_REASON & 15;
    out->options_free = bits >> AT_FREE & 63;
    memset(out->unused_, 0, sizeof out->unused_);
    out->opened_at = (toa_time)get(&slot->words[4]);
    out->taught_at = (toa_time)get(&slot->words[5]);
    out->closed_at = 0;
    out->serial = kind_serial >> 8;
    return bits;
}

void toa_slot_read(const toa_slot *slot, const toa_slot_rest *rest, toa_record *out)
{
    uint32_t before;
    uint32_t behind;
    do {
        before = atomic_load_explicit(&slot->seq, memory_order_acquire);
        if (has_rest(words_read(slot, out))) {
            rest_read(rest, out);
        }
        behind = atomic_load_explicit(&slot->seq, memory_order_relaxed);
    } while (before != behind || before % 2 != 0);
}

toa_slot_key toa_slot_key_of(const toa_endpoint *fake, const toa_endpoint *server)
{
    return (toa_slot_key){
        .fake_and_ports = pair(bytes4(fake->ip), ports(fake, server)),
        .server = bytes4(server->ip),
        .forms = form_of(fake) << AT_FAKE | form_of(server) << AT_SERVER,
        .ends = {fake, server},
    };
}

bool toa_slot_is(const toa_slot *slot, const toa_slot_rest *rest, const toa_slot_key *key)
{
    uint64_t differ = get(&slot->words[0]) ^ key->fake_and_ports;
    differ |= (uint32_t)get(&slot->words[1]) ^ key->server;
    differ |=
        (atomic_load_explicit(&slot->bits, memory_order_relaxed) & FORMS_OF_FLOW) ^ key->forms;
    if (differ != 0 || !any_ipv6(key->forms)) {
        return differ == 0;
    }
    const uint8_t *fake = key->ends[0]->ip;
    const uint8_t *server = key->ends[1]->ip;
    return get(&rest->words[0]) == bytes8(fake + 4) && get(&rest->words[2]) == bytes8(server + 4) &&
           get(&rest->words[1]) == pair(bytes4(fake + 12), bytes4(server + 12));
}
