/*
 * What is kept of one flow, and how it is packed.
 *
 * A record is packed into a slot, which is one cache line and holds all of an IPv4 flow while it is
 * open. What else there can be, the longer addresses of IPv6 and when the flow was closed, is in
 * the slot's rest, a line of its own that other flows never touch: what a table that does not fit
 * into the processor's caches costs is lines.
 *
 * A slot is read and written under its sequence count: odd while the writer is inside (H.-J. Boehm,
 * "Can seqlocks get along with programming language memory models?", 2012). All words of it are
 * atomics, so there is no data race to argue about.
 */
#ifndef TOA_ENGINE_RECORD_H
#define TOA_ENGINE_RECORD_H

#include <toa/engine.h>

#include <assert.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>

/* Inlined however large it is: of a flood of SYNs, saving registers was a tenth. And what is rare,
 * beside what is not: inlined, it takes the registers. */
#ifdef __GNUC__
#define TOA_INLINE static inline __attribute__((always_inline))
#define TOA_RARE   static __attribute__((noinline))
#else
#define TOA_INLINE static inline
#define TOA_RARE   static
#endif

static const toa_endpoint toa_nobody;

/* How far a flow has come. */
enum {
    RECORD_SYN_SEEN = 1,       /* a SYN opened it, so isn is known; else midstream did */
    RECORD_HANDSHAKE_OVER = 2, /* a segment behind the SYN was seen */
    RECORD_CLOSED = 4,         /* FIN or RST was seen */
    RECORD_CLOSED_WILD = 8,    /* ... before the handshake was over, with a number out of place */
    RECORD_CONTRADICTED = 16   /* a TOA that cannot teach named another client than the SYN's */
};

/* One flow. */
typedef struct toa_record {
    toa_endpoint fake;
    toa_endpoint server;
    toa_endpoint client; /* version 0: no mapping */
    toa_endpoint vip;
    uint32_t isn;
    uint32_t syn_data_len; /* Fast Open */
    uint8_t kind;
    uint8_t carrier;
    uint8_t state;
    uint8_t reason; /* why a TOA of this handshake was refused; TOA_PENDING: none was */
    uint8_t options_free;
    uint8_t unused_[3];
    toa_time opened_at;
    toa_time taught_at;
    toa_time closed_at; /* 0 unless RECORD_CLOSED */
    uint64_t serial;    /* of the opening, below 2^56: the newest flow has the highest */
} toa_record;
static_assert(sizeof(toa_record) == 128, "no padding");

/* What a record is worth when a place is needed: a time, and whether it is a mapping. */
typedef struct toa_rank {
    toa_time at;  /* pending: opened; mapping: taught, or closed under hold */
    bool mapping; /* else pending */
    bool held;    /* does not expire before it is closed */
} toa_rank;

/*
 * A slot's words, low bits first:
 *   0   fake ip 32, fake port 16, server port 16
 *   1   server ip 32, client ip 32
 *   2   virtual server's ip 32, client port 16, virtual server's port 16
 *   3   isn 32, syn_data_len 32
 *   4   opened_at
 *   5   taught_at
 *   6   kind 8, serial 56
 *   bits  see TOA_AT_FAKE_ and those behind it
 * An ip is the first four bytes of an address; the other twelve are in the rest:
 *   0   fake, bytes 4-11        1   bytes 12-15 of fake and of server
 *   2   server, bytes 4-11
 *   3   client, bytes 4-11      4   bytes 12-15 of client and of the virtual server
 *   5   virtual server, bytes 4-11
 *   6   closed_at
 */
typedef struct toa_slot {
    _Atomic uint64_t words[7];
    _Atomic uint32_t bits;
    _Atomic uint32_t seq;
} toa_slot;

typedef struct toa_slot_rest {
    _Atomic uint64_t words[8];
} toa_slot_rest;
static_assert(sizeof(toa_slot) == 64 && sizeof(toa_slot_rest) == 64, "a cache line each");

/* What is in a slot, at one moment. */
typedef struct toa_packed {
    uint64_t words[7];
    uint64_t rest[7]; /* meaningless, and not there, for an open IPv4 flow */
    uint32_t bits;
} toa_packed;

/* Where things begin in `bits`. A form, three bits, is an endpoint's version / 2 and has_port. */
enum {
    TOA_AT_FAKE_ = 0,
    TOA_AT_SERVER_ = 3,
    TOA_AT_CLIENT_ = 6,
    TOA_AT_VIP_ = 9,
    TOA_AT_CARRIER_ = 12,
    TOA_AT_STATE_ = 14,
    TOA_AT_REASON_ = 19,
    TOA_AT_FREE_ = 23
};
static_assert(TOA_CARRIER_DATA < 4 && RECORD_CONTRADICTED < 32 && TOA_MIDSTREAM < 16 &&
                  TOA_OPTIONS_MAX < 64,
              "carrier, state, reason and options_free have 2, 5, 4 and 6 bits");

static inline uint32_t toa_bytes4_(const uint8_t *bytes)
{
    uint32_t word;
    memcpy(&word, bytes, sizeof word);
    return word;
}

static inline uint64_t toa_bytes8_(const uint8_t *bytes)
{
    uint64_t word;
    memcpy(&word, bytes, sizeof word);
    return word;
}

static inline uint64_t toa_pair_(uint32_t low, uint32_t high)
{
    return low | (uint64_t)high << 32;
}

static inline uint32_t toa_ports_(const toa_endpoint *low, const toa_endpoint *high)
{
    return low->port | (uint32_t)high->port << 16;
}

static inline uint32_t toa_form_(const toa_endpoint *endpoint)
{
    return endpoint->version >> 1 | (uint32_t)endpoint->has_port << 2;
}

/* What a form stands for: version and has_port, as they lie in an endpoint. */
static const uint8_t toa_forms_[8][2] = {{0, 0}, {2, 0}, {4, 0}, {6, 0},
                                         {0, 1}, {2, 1}, {4, 1}, {6, 1}};
static_assert(offsetof(toa_endpoint, has_port) == offsetof(toa_endpoint, version) + 1,
              "in this order");

/* Whether one of the four is of IPv6, whose form has both lower bits. */
static inline bool toa_bits_ipv6_(uint32_t bits)
{
    return (bits & bits >> 1 & 01111) != 0;
}

static inline bool toa_bits_closed_(uint32_t bits)
{
    return (bits >> TOA_AT_STATE_ & RECORD_CLOSED) != 0;
}

static inline bool toa_bits_rest_(uint32_t bits)
{
    return toa_bits_ipv6_(bits) || toa_bits_closed_(bits);
}

/* ---- Into a slot, and out of it -------------------------------------------------------------- */

static inline void toa_put_(_Atomic uint64_t *to, uint64_t word)
{
    atomic_store_explicit(to, word, memory_order_release);
}

static inline uint64_t toa_get_(const _Atomic uint64_t *from)
{
    return atomic_load_explicit(from, memory_order_acquire);
}

static inline uint32_t toa_bits_of_(const toa_record *record)
{
    return toa_form_(&record->fake) << TOA_AT_FAKE_ | toa_form_(&record->server) << TOA_AT_SERVER_ |
           toa_form_(&record->client) << TOA_AT_CLIENT_ | toa_form_(&record->vip) << TOA_AT_VIP_ |
           (uint32_t)record->carrier << TOA_AT_CARRIER_ | (uint32_t)record->state << TOA_AT_STATE_ |
           (uint32_t)record->reason << TOA_AT_REASON_ |
           (uint32_t)record->options_free << TOA_AT_FREE_;
}

static inline void toa_rest_write_(toa_slot_rest *rest, const toa_record *record)
{
    const uint8_t *fake = record->fake.ip;
    const uint8_t *server = record->server.ip;
    const uint8_t *client = record->client.ip;
    const uint8_t *vip = record->vip.ip;
    toa_put_(&rest->words[0], toa_bytes8_(fake + 4));
    toa_put_(&rest->words[1], toa_pair_(toa_bytes4_(fake + 12), toa_bytes4_(server + 12)));
    toa_put_(&rest->words[2], toa_bytes8_(server + 4));
    toa_put_(&rest->words[3], toa_bytes8_(client + 4));
    toa_put_(&rest->words[4], toa_pair_(toa_bytes4_(client + 12), toa_bytes4_(vip + 12)));
    toa_put_(&rest->words[5], toa_bytes8_(vip + 4));
    toa_put_(&rest->words[6], (uint64_t)record->closed_at);
}

/* All of a record but what is in the rest. */
static inline void toa_pack_(const toa_record *record, toa_packed *out)
{
    const uint8_t *server = record->server.ip;
    out->words[0] =
        toa_pair_(toa_bytes4_(record->fake.ip), toa_ports_(&record->fake, &record->server));
    out->words[1] = toa_pair_(toa_bytes4_(server), toa_bytes4_(record->client.ip));
    out->words[2] =
        toa_pair_(toa_bytes4_(record->vip.ip), toa_ports_(&record->client, &record->vip));
    out->words[3] = toa_pair_(record->isn, record->syn_data_len);
    out->words[4] = (uint64_t)record->opened_at;
    out->words[5] = (uint64_t)record->taught_at;
    out->words[6] = record->kind | record->serial << 8;
    out->bits = toa_bits_of_(record);
}

/* Puts a record into a slot, and its rest, if it has one. `n` is the number of the write, one more
 * with each, so that the count need not be fetched from the slot, which may be far. The writer's.
 */
static inline void toa_slot_write(toa_slot *slot, toa_slot_rest *rest, uint32_t n,
                                  const toa_record *record)
{
    toa_packed packed;
    toa_pack_(record, &packed);
    atomic_store_explicit(&slot->seq, 2 * n + 1, memory_order_relaxed);
    toa_put_(&slot->words[0], packed.words[0]);
    toa_put_(&slot->words[1], packed.words[1]);
    toa_put_(&slot->words[2], packed.words[2]);
    toa_put_(&slot->words[3], packed.words[3]);
    toa_put_(&slot->words[4], packed.words[4]);
    toa_put_(&slot->words[5], packed.words[5]);
    toa_put_(&slot->words[6], packed.words[6]);
    atomic_store_explicit(&slot->bits, packed.bits, memory_order_release);
    if (toa_bits_rest_(packed.bits)) {
        toa_rest_write_(rest, record);
    }
    atomic_store_explicit(&slot->seq, 2 * n + 2, memory_order_release);
}

/* ---- What is plain --------------------------------------------------------------------------- */

/* The form of an endpoint of IPv4 with a port. */
enum { TOA_FORM_PLAIN_ = 6 };

static inline bool toa_endpoint_plain(const toa_endpoint *endpoint)
{
    return memcmp(&endpoint->version, toa_forms_[TOA_FORM_PLAIN_], sizeof toa_forms_[0]) == 0;
}

/* toa_slot_write of the record that a SYN between two plain endpoints opens, and that this option
 * of it taught, which names a plain client; NULL: none did. The record has no rest. */
TOA_INLINE void toa_slot_write_syn(toa_slot *slot, uint32_t n, const toa_segment *syn,
                                   const toa_sighting *taught, toa_time now, uint64_t serial)
{
    const toa_endpoint *client = taught == NULL ? &toa_nobody : &taught->client;
    const uint64_t kind = taught == NULL ? 0 : taught->kind;
    const uint32_t opened = TOA_FORM_PLAIN_ << TOA_AT_FAKE_ | TOA_FORM_PLAIN_ << TOA_AT_SERVER_ |
                            RECORD_SYN_SEEN << TOA_AT_STATE_ | TOA_PENDING << TOA_AT_REASON_;
    const uint32_t named = TOA_FORM_PLAIN_ << TOA_AT_CLIENT_ | TOA_CARRIER_SYN << TOA_AT_CARRIER_;

    atomic_store_explicit(&slot->seq, 2 * n + 1, memory_order_relaxed);
    toa_put_(&slot->words[0],
             toa_pair_(toa_bytes4_(syn->source.ip), toa_ports_(&syn->source, &syn->destination)));
    toa_put_(&slot->words[1], toa_pair_(toa_bytes4_(syn->destination.ip), toa_bytes4_(client->ip)));
    toa_put_(&slot->words[2], toa_pair_(0, client->port));
    toa_put_(&slot->words[3], toa_pair_(syn->seq, syn->data_len));
    toa_put_(&slot->words[4], (uint64_t)now);
    toa_put_(&slot->words[5], taught == NULL ? 0 : (uint64_t)now);
    toa_put_(&slot->words[6], kind | serial << 8);
    atomic_store_explicit(&slot->bits, taught == NULL ? opened : opened | named,
                          memory_order_release);
    atomic_store_explicit(&slot->seq, 2 * n + 2, memory_order_release);
}

/* A copy of what is in a slot that was written. Any thread. By words, and not in a loop, because
 * compilers keep that as a loop. */
static inline void toa_slot_copy(const toa_slot *slot, const toa_slot_rest *rest, toa_packed *out)
{
    uint32_t before;
    uint32_t behind;
    do {
        before = atomic_load_explicit(&slot->seq, memory_order_acquire);
        out->words[0] = toa_get_(&slot->words[0]);
        out->words[1] = toa_get_(&slot->words[1]);
        out->words[2] = toa_get_(&slot->words[2]);
        out->words[3] = toa_get_(&slot->words[3]);
        out->words[4] = toa_get_(&slot->words[4]);
        out->words[5] = toa_get_(&slot->words[5]);
        out->words[6] = toa_get_(&slot->words[6]);
        out->bits = atomic_load_explicit(&slot->bits, memory_order_acquire);
        if (toa_bits_rest_(out->bits)) {
            for (size_t i = 0; i < 7; i++) {
                out->rest[i] = toa_get_(&rest->words[i]);
            }
        }
        behind = atomic_load_explicit(&slot->seq, memory_order_relaxed);
    } while (before != behind || before % 2 != 0);
}

/* ---- Out of the copy ------------------------------------------------------------------------- */

/* All that there is of an IPv4 endpoint. */
static inline void toa_unpack_(toa_endpoint *out, uint64_t ip, uint64_t port, uint32_t form)
{
    const uint32_t first = (uint32_t)ip;
    memcpy(out->ip, &first, sizeof first);
    memset(out->ip + sizeof first, 0, sizeof out->ip - sizeof first);
    out->port = (uint16_t)port;
    memcpy(&out->version, toa_forms_[form & 7], sizeof toa_forms_[0]);
}

/* And, should it be of IPv6, the rest of its address. */
static inline void toa_widen_(toa_endpoint *out, uint64_t middle, uint64_t last)
{
    const uint32_t end = (uint32_t)last;
    if (out->version == 6) {
        memcpy(out->ip + 4, &middle, sizeof middle);
        memcpy(out->ip + 12, &end, sizeof end);
    }
}

static inline void toa_packed_fake(const toa_packed *packed, toa_endpoint *out)
{
    toa_unpack_(out, packed->words[0], packed->words[0] >> 32, packed->bits >> TOA_AT_FAKE_);
    if (toa_bits_ipv6_(packed->bits)) {
        toa_widen_(out, packed->rest[0], packed->rest[1]);
    }
}

static inline void toa_packed_server(const toa_packed *packed, toa_endpoint *out)
{
    toa_unpack_(out, packed->words[1], packed->words[0] >> 48, packed->bits >> TOA_AT_SERVER_);
    if (toa_bits_ipv6_(packed->bits)) {
        toa_widen_(out, packed->rest[2], packed->rest[1] >> 32);
    }
}

static inline void toa_packed_mapping(const toa_packed *packed, toa_mapping *out)
{
    const uint64_t ports = packed->words[2] >> 32;
    toa_unpack_(&out->client, packed->words[1] >> 32, ports, packed->bits >> TOA_AT_CLIENT_);
    toa_unpack_(&out->vip, packed->words[2], ports >> 16, packed->bits >> TOA_AT_VIP_);
    if (toa_bits_ipv6_(packed->bits)) {
        toa_widen_(&out->client, packed->rest[3], packed->rest[4]);
        toa_widen_(&out->vip, packed->rest[5], packed->rest[4] >> 32);
    }
    out->kind = (uint8_t)packed->words[6];
    out->carrier = packed->bits >> TOA_AT_CARRIER_ & 3;
}

static inline toa_time toa_packed_opened_at(const toa_packed *packed)
{
    return (toa_time)packed->words[4];
}

static inline toa_time toa_packed_taught_at(const toa_packed *packed)
{
    return (toa_time)packed->words[5];
}

static inline uint64_t toa_packed_serial(const toa_packed *packed)
{
    return packed->words[6] >> 8;
}

static inline uint8_t toa_packed_state(const toa_packed *packed)
{
    return packed->bits >> TOA_AT_STATE_ & 31;
}

static inline toa_time toa_packed_closed_at(const toa_packed *packed)
{
    return toa_bits_closed_(packed->bits) ? (toa_time)packed->rest[6] : 0;
}

/* The record that it is. */
static inline void toa_packed_record(const toa_packed *packed, toa_record *out)
{
    toa_mapping mapping;
    toa_packed_mapping(packed, &mapping);
    toa_packed_fake(packed, &out->fake);
    toa_packed_server(packed, &out->server);
    out->client = mapping.client;
    out->vip = mapping.vip;
    out->isn = (uint32_t)packed->words[3];
    out->syn_data_len = (uint32_t)(packed->words[3] >> 32);
    out->kind = mapping.kind;
    out->carrier = mapping.carrier;
    out->state = toa_packed_state(packed);
    out->reason = packed->bits >> TOA_AT_REASON_ & 15;
    out->options_free = packed->bits >> TOA_AT_FREE_ & 63;
    memset(out->unused_, 0, sizeof out->unused_);
    out->opened_at = toa_packed_opened_at(packed);
    out->taught_at = toa_packed_taught_at(packed);
    out->closed_at = toa_packed_closed_at(packed);
    out->serial = toa_packed_serial(packed);
}

/* Whether this is all that there is of an IPv4 endpoint, and the beginning of an IPv6 one. */
static inline bool toa_is_(const toa_endpoint *endpoint, uint64_t ip, uint64_t port, uint32_t form)
{
    return (uint32_t)ip == toa_bytes4_(endpoint->ip) && (uint16_t)port == endpoint->port &&
           memcmp(&endpoint->version, toa_forms_[form & 7], sizeof toa_forms_[0]) == 0;
}

/* And whether this is the rest of it, should it be of IPv6. */
static inline bool toa_is_wide_(const toa_endpoint *endpoint, uint64_t middle, uint64_t last)
{
    return endpoint->version != 6 || (middle == toa_bytes8_(endpoint->ip + 4) &&
                                      (uint32_t)last == toa_bytes4_(endpoint->ip + 12));
}

/* Whether it is of the flow between these, or of any flow of `fake` where `server` is NULL. */
static inline bool toa_packed_is(const toa_packed *packed, const toa_endpoint *fake,
                                 const toa_endpoint *server)
{
    const uint64_t *words = packed->words;
    const uint64_t *rest = packed->rest;
    if (!toa_is_(fake, words[0], words[0] >> 32, packed->bits >> TOA_AT_FAKE_) ||
        (server != NULL &&
         !toa_is_(server, words[1], words[0] >> 48, packed->bits >> TOA_AT_SERVER_))) {
        return false;
    }
    return !toa_bits_ipv6_(packed->bits) ||
           (toa_is_wide_(fake, rest[0], rest[1]) &&
            (server == NULL || toa_is_wide_(server, rest[2], rest[1] >> 32)));
}

/* ---- What it is worth ------------------------------------------------------------------------ */

/* Without branches: of half of all SYNs, which half is a guess. */
static inline toa_rank toa_rank_of_(bool client, uint8_t state, toa_hold hold, toa_time opened_at,
                                    toa_time taught_at, toa_time closed_at)
{
    const bool mapping = client & ((state & RECORD_CONTRADICTED) == 0);
    const bool holding = hold == TOA_HOLD_CONNECTION;
    const bool closed = (state & RECORD_CLOSED) != 0;
    const toa_time last = (holding & closed) ? closed_at : taught_at;
    return (toa_rank){
        .at = mapping ? last : opened_at, .mapping = mapping, .held = mapping & holding & !closed};
}

static inline toa_rank toa_record_rank(const toa_record *record, toa_hold hold)
{
    return toa_rank_of_(record->client.version != 0, record->state, hold, record->opened_at,
                        record->taught_at, record->closed_at);
}

static inline toa_rank toa_packed_rank(const toa_packed *packed, toa_hold hold)
{
    return toa_rank_of_((packed->bits >> TOA_AT_CLIENT_ & 3) != 0, toa_packed_state(packed), hold,
                        toa_packed_opened_at(packed), toa_packed_taught_at(packed),
                        toa_packed_closed_at(packed));
}

#endif
