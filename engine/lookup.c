/* Who is behind a connection: the newest flow that answers, or why none does. */
#include <toa/engine.h>

#include <string.h>

#include "search.h"
#include "state.h"

/* As much of a span as a toa_time holds. */
static toa_time age_of(uint64_t span)
{
    return span > INT64_MAX ? INT64_MAX : (toa_time)span;
}

static inline void answer_clear(toa_answer *answer)
{
    toa_mapping_clear(&answer->mapping);
    toa_mapping_clear(&answer->former);
    answer->server = toa_nobody;
    answer->age = 0;
    answer->options_free = 0;
    answer->ambiguous = false;
}

static inline bool packed_live(const toa_packed *packed, const toa_config *config, toa_time now)
{
    return toa_rank_live(toa_packed_rank(packed, config->hold), config, now);
}

/* ---- Readers --------------------------------------------------------------------------------- */

TOA_RARE const toa_endpoint *unmapped6(const toa_endpoint *endpoint, toa_endpoint *room)
{
    static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    if (endpoint->version != 6 || memcmp(endpoint->ip, mapped, sizeof mapped) != 0) {
        return endpoint;
    }
    *room = (toa_endpoint){.port = endpoint->port, .version = 4, .has_port = endpoint->has_port};
    memcpy(room->ip, endpoint->ip + sizeof mapped, 4);
    return room;
}

/* ::ffff:1.2.3.4, as a socket for both versions gives it, is 1.2.3.4 (RFC 4291, 2.5.5.2): then
 * `room` is that, and else the endpoint is what it is. */
static inline const toa_endpoint *unmapped(const toa_endpoint *endpoint, toa_endpoint *room)
{
    return endpoint->version == 4 ? endpoint : unmapped6(endpoint, room);
}

/* Why a record that has no live mapping has none. */
static void answer_miss(const toa_packed *packed, const toa_config *config, toa_time now,
                        toa_answer *answer)
{
    toa_record record;
    toa_packed_record(packed, &record);
    answer_clear(answer);
    answer->server = record.server;
    answer->age = age_of(toa_time_since(record.opened_at, now));
    if ((record.state & RECORD_CONTRADICTED) != 0) {
        answer->word = TOA_CONFLICT;
    } else if (record.client.version != 0) {
        toa_rank rank = toa_record_rank(&record, config->hold);
        answer->word = TOA_EXPIRED;
        answer->age = age_of(toa_time_since(rank.at, now) - (uint64_t)config->ttl);
        toa_packed_mapping(packed, &answer->former);
    } else if (record.reason != TOA_PENDING) {
        answer->word = (toa_word)record.reason;
    } else if ((record.state & RECORD_HANDSHAKE_OVER) != 0) {
        answer->word = TOA_NO_OPTION;
        answer->options_free = record.options_free;
    } else {
        answer->word = TOA_PENDING;
    }
}

static void answer_found(const toa_packed *packed, bool ambiguous, toa_time now, toa_answer *answer)
{
    answer->word = TOA_FOUND;
    toa_packed_mapping(packed, &answer->mapping);
    toa_mapping_clear(&answer->former);
    toa_packed_server(packed, &answer->server);
    answer->age = age_of(toa_time_since(toa_packed_taught_at(packed), now));
    answer->options_free = 0;
    answer->ambiguous = ambiguous;
}

/* The flows of one fake endpoint: the newest with a live mapping, and the newest without. */
typedef struct choice {
    toa_packed records[3];
    unsigned live;
    unsigned miss;
    unsigned room; /* for the next to be read */
    bool any_live;
    bool any_miss;
    bool ambiguous; /* live ones name several clients */
} choice;

static bool same_client(const toa_packed *one, const toa_packed *other)
{
    toa_mapping mappings[2];
    toa_packed_mapping(one, &mappings[0]);
    toa_packed_mapping(other, &mappings[1]);
    return toa_endpoint_equal(&mappings[0].client, &mappings[1].client);
}

/* Weighs the record that stands in the room. */
static void choose(choice *chosen, bool live)
{
    unsigned *best = live ? &chosen->live : &chosen->miss;
    bool *any = live ? &chosen->any_live : &chosen->any_miss;
    const toa_packed *next = &chosen->records[chosen->room];
    const toa_packed *old = &chosen->records[*best];
    if (live && *any && !same_client(old, next)) {
        chosen->ambiguous = true;
    }
    if (!*any || toa_packed_serial(next) > toa_packed_serial(old)) {
        unsigned former = *best;
        *best = chosen->room;
        chosen->room = former;
        *any = true;
    }
}

/*
 * The record that answers; *live says whether by its mapping. A newer flow without a mapping makes
 * an older one's doubtful, and where that one is closed it is surely the newer that is asked about.
 */
static const toa_packed *choice_made(choice *chosen, bool *live)
{
    const toa_packed *mapped = &chosen->records[chosen->live];
    const toa_packed *missed = &chosen->records[chosen->miss];
    bool newer_missed = chosen->any_miss && (!chosen->any_live ||
                                             toa_packed_serial(missed) > toa_packed_serial(mapped));
    *live = chosen->any_live && !(newer_missed && (toa_packed_state(mapped) & RECORD_CLOSED) != 0);
    chosen->ambiguous = chosen->ambiguous || newer_missed;
    return *live ? mapped : missed;
}

static void choose_flow(const toa_engine *engine, toa_search search, const toa_endpoint *fake,
                        const toa_endpoint *server, toa_time now, choice *chosen)
{
    toa_place place;
    while ((place = toa_search_next(&search)) != TOA_NO_PLACE) {
        toa_packed *packed = &chosen->records[chosen->room];
        toa_table_copy(&engine->table, place, packed);
        if (toa_packed_is(packed, fake, server)) {
            choose(chosen, packed_live(packed, &engine->config, now));
        }
    }
}

/* Of all records that may be of the flow. */
TOA_RARE toa_word lookup_among(const toa_engine *engine, uint64_t hash, const toa_endpoint *fake,
                               const toa_endpoint *server, toa_time now, toa_answer *answer)
{
    bool live = false;
    choice chosen;
    chosen.live = 0; /* field by field: the records are written before they are read */
    chosen.miss = 1;
    chosen.room = 2;
    chosen.any_live = false;
    chosen.any_miss = false;
    chosen.ambiguous = false;
    choose_flow(engine, toa_search_begin(&engine->table, hash), fake, server, now, &chosen);
    if (!chosen.any_live && !chosen.any_miss) {
        return TOA_NEVER_SEEN;
    }
    const toa_packed *packed = choice_made(&chosen, &live);
    if (live) {
        answer_found(packed, chosen.ambiguous, now, answer);
    } else {
        answer_miss(packed, &engine->config, now, answer);
    }
    return answer->word;
}

/* Whether the rest of an IPv6 flow is of the flow between these; adds it to the answer. */
static bool found_wide(const toa_slot_rest *rest, const toa_endpoint *fake,
                       const toa_endpoint *server, toa_answer *answer)
{
    const uint64_t fake_server = toa_get_(&rest->words[1]);
    const uint64_t server_middle = toa_get_(&rest->words[2]);
    const uint64_t client_vip = toa_get_(&rest->words[4]);
    if (!toa_is_wide_(fake, toa_get_(&rest->words[0]), fake_server) ||
        (server != NULL && !toa_is_wide_(server, server_middle, fake_server >> 32))) {
        return false;
    }
    toa_widen_(&answer->server, server_middle, fake_server >> 32);
    toa_widen_(&answer->mapping.client, toa_get_(&rest->words[3]), client_vip);
    toa_widen_(&answer->mapping.vip, toa_get_(&rest->words[5]), client_vip >> 32);
    return true;
}

/*
 * The same for most lookups that find something: one record has the tag, and is an open flow with a
 * live mapping. It is read where it lies, for what counts is that few instructions stand between
 * one lookup's waiting for memory and the next one's: a processor has some three hundred in hand.
 * False: something of this does not hold, or the writer came between, and *answer means nothing.
 */
static inline bool lookup_only(const toa_engine *engine, toa_place place, const toa_endpoint *fake,
                               const toa_endpoint *server, toa_time now, toa_answer *answer)
{
    const toa_slot *slot = &engine->table.slots[place];
    const uint32_t seq = atomic_load_explicit(&slot->seq, memory_order_acquire);
    const uint32_t bits = atomic_load_explicit(&slot->bits, memory_order_acquire);
    const uint64_t ends = toa_get_(&slot->words[0]);
    const uint64_t ips = toa_get_(&slot->words[1]);
    const uint64_t ports = toa_get_(&slot->words[2]);
    const toa_time taught_at = (toa_time)toa_get_(&slot->words[5]);
    const uint64_t kind = toa_get_(&slot->words[6]);
    const uint64_t age = toa_time_since(taught_at, now);
    if (!toa_is_(fake, ends, ends >> 32, bits >> TOA_AT_FAKE_) ||
        (server != NULL && !toa_is_(server, ips, ends >> 48, bits >> TOA_AT_SERVER_)) ||
        (bits >> TOA_AT_CLIENT_ & 3) == 0 ||
        (bits >> TOA_AT_STATE_ & (RECORD_CLOSED | RECORD_CONTRADICTED)) != 0 ||
        (age >= (uint64_t)engine->config.ttl && engine->config.hold != TOA_HOLD_CONNECTION)) {
        return false;
    }
    answer->word = TOA_FOUND;
    toa_unpack_(&answer->mapping.client, ips >> 32, ports >> 32, bits >> TOA_AT_CLIENT_);
    toa_unpack_(&answer->mapping.vip, ports, ports >> 48, bits >> TOA_AT_VIP_);
    toa_unpack_(&answer->server, ips, ends >> 48, bits >> TOA_AT_SERVER_);
    answer->mapping.kind = (uint8_t)kind;
    answer->mapping.carrier = bits >> TOA_AT_CARRIER_ & 3;
    toa_mapping_clear(&answer->former);
    answer->age = age_of(age);
    answer->options_free = 0;
    answer->ambiguous = false;
    return (!toa_bits_ipv6_(bits) ||
            found_wide(&engine->table.rests[place], fake, server, answer)) &&
           seq % 2 == 0 && seq == atomic_load_explicit(&slot->seq, memory_order_relaxed);
}

toa_word toa_engine_lookup(const toa_engine *engine, const toa_endpoint *fake,
                           const toa_endpoint *server, toa_time now, toa_answer *answer)
{
    toa_endpoint rooms[2];
    const toa_endpoint *peer = unmapped(fake, &rooms[0]);
    const toa_endpoint *local = server == NULL ? NULL : unmapped(server, &rooms[1]);
    const uint64_t hash = toa_table_hash(&engine->table, peer);
    toa_search_fetch(&engine->table, hash, peer->version);
    const toa_search search = toa_search_begin(&engine->table, hash);
    const toa_time latest = toa_latest(engine);
    toa_place place;

    now = now < latest ? latest : now;
    if (toa_search_only(&search, &place) && lookup_only(engine, place, peer, local, now, answer)) {
        return TOA_FOUND;
    }
    toa_word word = toa_search_over(&search) ? TOA_NEVER_SEEN
                                             : lookup_among(engine, hash, peer, local, now, answer);
    if (word == TOA_NEVER_SEEN) {
        answer_clear(answer);
        answer->word = toa_table_lost(&engine->table, hash) ? TOA_REPLACED : TOA_NEVER_SEEN;
    }
    return answer->word;
}

bool toa_engine_flow(const toa_engine *engine, size_t i, toa_time now, toa_endpoint *fake,
                     toa_answer *answer)
{
    toa_packed packed;
    toa_time latest = toa_latest(engine);
    now = now < latest ? latest : now;
    if (i >= toa_engine_records(engine) || !toa_table_read(&engine->table, i, &packed)) {
        return false;
    }
    if (packed_live(&packed, &engine->config, now)) {
        answer_found(&packed, false, now, answer);
    } else {
        answer_miss(&packed, &engine->config, now, answer);
    }
    toa_packed_fake(&packed, fake);
    return true;
}

size_t toa_engine_live(const toa_engine *engine, toa_time now)
{
    size_t n = 0;
    toa_packed packed;
    toa_time latest = toa_latest(engine);
    now = now < latest ? latest : now;
    for (toa_place place = 0; place < toa_engine_records(engine); place++) {
        n += toa_table_read(&engine->table, place, &packed) &&
             packed_live(&packed, &engine->config, now);
    }
    return n;
}
