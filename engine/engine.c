/*
 * How a mapping is learned: docs/ARCHITECTURE.md, "The rule", sentence by sentence. The parser says
 * what a segment carries, the table keeps the flows; here is decided what counts.
 */
#include <toa/engine.h>

#include <string.h>

#include "place.h"
#include "state.h"

/* ---- Memory ---------------------------------------------------------------------------------- */

enum { ALIGNMENT = 64, RECORDS_MIN = TOA_FLOWS_PER_FAKE };

#define RECORD_SIZE TOA_TABLE_SIZE(1)
#define FIXED_SIZE  ((sizeof(toa_engine) + 2 * ALIGNMENT) / ALIGNMENT * ALIGNMENT)
static_assert(RECORD_SIZE == 137 && FIXED_SIZE <= 4096, "what toa_engine_size promises");

size_t toa_engine_size(size_t n_records)
{
    size_t rounded = RECORDS_MIN;
    while (rounded < n_records) {
        if (rounded > SIZE_MAX / 2 / RECORD_SIZE) {
            return 0;
        }
        rounded *= 2;
    }
    return rounded * RECORD_SIZE + FIXED_SIZE;
}

toa_engine *toa_engine_init(void *memory, size_t size, const toa_config *config)
{
    if (size < toa_engine_size(1) || config->dialects == NULL || config->ttl < 1) {
        return NULL;
    }
    size_t n_records = RECORDS_MIN;
    while (n_records <= (size - FIXED_SIZE) / RECORD_SIZE / 2) {
        n_records *= 2;
    }
    uintptr_t begin = ((uintptr_t)memory + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    toa_engine *engine = (void *)((uint8_t *)memory + (begin - (uintptr_t)memory));
    memset(engine, 0, sizeof *engine);
    engine->config = *config;
    toa_table_init(&engine->table, (uint8_t *)engine + FIXED_SIZE - ALIGNMENT, n_records,
                   config->hash_key, config->hold);
    atomic_store_explicit(&engine->now, INT64_MIN, memory_order_relaxed);
    return engine;
}

size_t toa_engine_records(const toa_engine *engine)
{
    return (size_t)(engine->table.mask + 1) * TOA_BUCKET_RECORDS;
}

/* ---- Counters and time ----------------------------------------------------------------------- */

/* One writer: a plain sum, stored so that readers see whole numbers. */
static void count(_Atomic uint64_t *counter)
{
    uint64_t value = atomic_load_explicit(counter, memory_order_relaxed);
    atomic_store_explicit(counter, value + 1, memory_order_relaxed);
}

static uint64_t counted(const _Atomic uint64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

void toa_engine_counters(const toa_engine *engine, toa_counters *out)
{
    out->frames = 0;
    for (size_t i = 0; i < TOA_N_WORDS; i++) {
        out->verdicts[i] = counted(&engine->verdicts[i]);
        out->frames += out->verdicts[i];
    }
    out->replaced = counted(&engine->replaced);
    out->broken_rest = counted(&engine->broken_rest);
    out->several = counted(&engine->several);
    out->time_backwards = counted(&engine->time_backwards);
    out->pushed_expired = counted(&engine->pushed[TOA_WORTH_EXPIRED]);
    out->pushed_pending = counted(&engine->pushed[TOA_WORTH_PENDING]);
    out->pushed_mapping = counted(&engine->pushed[TOA_WORTH_MAPPING]);
}

toa_time toa_engine_now(const toa_engine *engine)
{
    return toa_latest(engine);
}

/* Time never runs backwards: an earlier time counts as the latest seen. */
static toa_time time_advance(toa_engine *engine, toa_time now)
{
    toa_time latest = toa_latest(engine);
    if (now < latest) {
        count(&engine->time_backwards);
        return latest;
    }
    atomic_store_explicit(&engine->now, now, memory_order_relaxed);
    return now;
}

/* ---- Clearing -------------------------------------------------------------------------------- */

static inline void event_clear(toa_event *event)
{
    event->fake = toa_nobody;
    event->server = toa_nobody;
    toa_mapping_clear(&event->mapping);
    toa_mapping_clear(&event->former);
    event->replaced = false;
}

/* ---- Records --------------------------------------------------------------------------------- */

const char *toa_carrier_name(toa_carrier carrier)
{
    switch (carrier) {
    case TOA_CARRIER_SYN:
        return "syn";
    case TOA_CARRIER_ACK:
        return "ack";
    case TOA_CARRIER_DATA:
        return "data";
    default: /* TOA_CARRIER_NONE, or none of them */
        return "-";
    }
}

static toa_mapping record_mapping(const toa_record *record)
{
    return (toa_mapping){
        .client = record->client,
        .vip = record->vip,
        .kind = record->kind,
        .carrier = record->carrier,
    };
}

static bool record_live(const toa_record *record, const toa_config *config, toa_time now)
{
    return toa_rank_live(toa_record_rank(record, config->hold), config, now);
}

/* ---- The writer: one segment ----------------------------------------------------------------- */

/* A segment on its way through the rule. */
typedef struct passage {
    toa_engine *engine;
    const toa_segment *segment;
    toa_event *event;
    toa_time now;
    uint64_t hash;
    toa_search search;    /* for the flow's record */
    toa_place place;      /* of the flow's record; TOA_NO_PLACE */
    toa_record record;    /* a copy, when there is one */
    toa_carrier carrier;  /* what the segment is, should its TOA be believed */
    bool in_handshake;    /* a SYN, or where the first segment behind it stands */
    toa_word found;       /* what toa_options_read said */
    toa_sighting sighted; /* when found is TOA_FOUND */
} passage;

static void record_store(passage *at)
{
    toa_table_write(&at->engine->table, at->place, at->hash, &at->record);
}

/* Takes a place for a flow that has none: something may have to go. */
TOA_INLINE toa_vacancy place_take(passage *at)
{
    toa_engine *engine = at->engine;
    const toa_vacancy vacancy =
        toa_table_claim(&engine->table, &at->search, at->hash, at->now, engine->config.ttl);
    at->place = toa_vacancy_place(&vacancy);
    if (vacancy.worth != TOA_WORTH_FREE) {
        toa_table_lose(&engine->table, &vacancy);
    }
    count(&engine->pushed[vacancy.worth]);
    return vacancy;
}

/* A fresh record of the flow. */
static void record_open(passage *at, uint8_t state)
{
    toa_record *record = &at->record;
    record->fake = at->segment->source;
    record->server = at->segment->destination;
    record->client = toa_nobody;
    record->vip = toa_nobody;
    record->isn = at->segment->seq;
    record->syn_data_len = at->segment->data_len;
    record->kind = 0;
    record->carrier = TOA_CARRIER_NONE;
    record->state = state;
    record->reason = TOA_PENDING;
    record->options_free = 0;
    record->opened_at = at->now;
    record->taught_at = 0;
    record->closed_at = 0;
    record->serial = ++at->engine->n_opened;
}

static bool source_trusted(const toa_config *config, const toa_endpoint *source)
{
    for (size_t i = 0; i < config->n_trust; i++) {
        if (toa_prefix_contains(&config->trust[i], source)) {
            return true;
        }
    }
    return config->n_trust == 0;
}

/* What a segment with options of ours comes to where a TOA counts: found, or why it is refused. */
static inline toa_word hearing(const passage *at)
{
    return at->found == TOA_FOUND && !source_trusted(&at->engine->config, &at->segment->source)
               ? TOA_UNTRUSTED
               : at->found;
}

/* Whether the TOA may stand beside or instead of what the record has. */
static bool may_teach(const passage *at, bool same_client)
{
    if (at->record.client.version == 0) {
        return true;
    }
    bool from_syn = at->record.carrier == TOA_CARRIER_SYN;
    if (at->carrier == TOA_CARRIER_SYN) { /* adds nothing to what an ACK said, or contradicted */
        return from_syn && same_client && (at->record.state & RECORD_CONTRADICTED) == 0;
    }
    return same_client || (from_syn && at->in_handshake);
}

/* A TOA where it counts, from a trusted source: learn, repeat or conflict. */
static toa_word teach(passage *at)
{
    toa_record *record = &at->record;
    bool same = toa_endpoint_equal(&record->client, &at->sighted.client);
    if (!may_teach(at, same)) {
        return TOA_CONFLICT;
    }
    if (!same && record->client.version != 0) {
        at->event->former = record_mapping(record);
    }
    if (!same || at->sighted.vip.version != 0) {
        record->vip = at->sighted.vip;
    }
    record->client = at->sighted.client;
    record->kind = at->sighted.kind;
    record->carrier = (uint8_t)at->carrier;
    record->state &= (uint8_t)~RECORD_CONTRADICTED;
    record->taught_at = at->now;
    if (at->sighted.broken) {
        count(&at->engine->broken_rest);
    }
    return same ? TOA_REPEAT : TOA_LEARN;
}

/* What the options of a segment do to its record, where a TOA counts; `otherwise` when they say
 * nothing of a client. */
static toa_word heed(passage *at, toa_word otherwise)
{
    if (at->found == TOA_NO_OPTION) {
        return otherwise;
    }
    toa_word word = hearing(at);
    if (word == TOA_FOUND) {
        return teach(at);
    }
    at->record.reason = (uint8_t)word;
    return word;
}

/*
 * A TOA where none counts, which names another client than the SYN alone did. A client whose SYN
 * carries a forged option can spoil the place where the load balancer's own counts: by a second SYN
 * or a FIN that the server's TCP ignores. So the SYN's word is not enough any more. Its source is
 * that of the SYN, which was trusted.
 */
static void contradict(passage *at)
{
    toa_record *record = &at->record;
    if (at->place == TOA_NO_PLACE) {
        return;
    }
    bool closed = (record->state & (RECORD_CLOSED | RECORD_CLOSED_WILD)) == RECORD_CLOSED;
    if (closed || record->client.version == 0 || record->carrier != TOA_CARRIER_SYN ||
        (record->state & RECORD_CONTRADICTED) != 0 ||
        toa_endpoint_equal(&record->client, &at->sighted.client)) {
        return;
    }
    at->event->former = record_mapping(record);
    record->state |= RECORD_CONTRADICTED;
}

/* What the options of a segment come to where no TOA counts. */
static toa_word unheeded(passage *at, toa_word otherwise)
{
    if (at->found == TOA_NO_OPTION) {
        return otherwise;
    }
    const toa_word word = hearing(at);
    if (word != TOA_FOUND) {
        return word;
    }
    contradict(at);
    return TOA_MIDSTREAM;
}

/* Whether nothing is to be kept of the first SYN of a flow, or of a client that it names, but what
 * toa_slot_write_syn takes. */
static inline bool syn_plain(const passage *at)
{
    const toa_sighting *sighted = &at->sighted;
    if (!toa_endpoint_plain(&at->segment->source) ||
        !toa_endpoint_plain(&at->segment->destination)) {
        return false;
    }
    return at->found == TOA_NO_OPTION ||
           (hearing(at) == TOA_FOUND && toa_endpoint_plain(&sighted->client) &&
            sighted->vip.version == 0 && !sighted->broken);
}

/* The short cut for a flood, which has nothing else: a plain SYN of a flow without a record. To
 * make a record of it, and pack that, took 75 instructions of a thousand. */
static toa_word on_plain_syn(passage *at)
{
    toa_table *table = &at->engine->table;
    const toa_vacancy vacancy = place_take(at);
    const uint64_t serial = ++at->engine->n_opened;
    if (at->found == TOA_FOUND) {
        toa_table_write_syn(table, &vacancy, at->hash, at->segment, &at->sighted, at->now, serial);
        return TOA_LEARN;
    }
    toa_table_write_syn(table, &vacancy, at->hash, at->segment, NULL, at->now, serial);
    return TOA_OPEN;
}

/* A SYN with a new number: a mapping that answers until now is over. */
static toa_word incarnation_begin(passage *at)
{
    bool ends = at->place != TOA_NO_PLACE && record_live(&at->record, &at->engine->config, at->now);
    if (ends) {
        at->event->former = record_mapping(&at->record);
        at->event->replaced = true;
        count(&at->engine->replaced);
    }
    if (at->place == TOA_NO_PLACE) {
        (void)place_take(at);
    }
    record_open(at, RECORD_SYN_SEEN);
    return ends ? TOA_REPLACE : TOA_OPEN;
}

static toa_word on_syn(passage *at)
{
    const toa_record *record = &at->record;
    if (at->place == TOA_NO_PLACE && syn_plain(at)) {
        return on_plain_syn(at);
    }
    bool again = at->place != TOA_NO_PLACE && (record->state & RECORD_SYN_SEEN) != 0 &&
                 record->isn == at->segment->seq; /* a retransmission */
    if (again && (record->state & RECORD_CLOSED) != 0) {
        return TOA_PASS;
    }
    toa_word otherwise = again ? TOA_PASS : incarnation_begin(at);
    toa_word word = heed(at, otherwise);
    record_store(at);
    return word;
}

/* Whether the segment comes from the server of a flow whose SYN was seen: where every flow is
 * watched, the SYN tells who the client is. */
static bool from_server(const passage *at)
{
    const toa_table *table = &at->engine->table;
    const toa_endpoint *client = &at->segment->destination;
    toa_search search = toa_search_begin(table, toa_table_hash(table, client));
    toa_packed packed;
    toa_record record;
    if (toa_table_find(table, &search, client, &at->segment->source, &packed) == TOA_NO_PLACE) {
        return false;
    }
    toa_packed_record(&packed, &record);
    return (record.state & RECORD_SYN_SEEN) != 0;
}

/* Neither SYN nor FIN nor RST, of a flow without a record: opens one if its TOA is believed. */
static toa_word on_unknown(passage *at)
{
    const toa_config *config = &at->engine->config;
    if (at->found != TOA_NO_OPTION && from_server(at)) {
        *at->event = (toa_event){.verdict = TOA_PASS};
        return TOA_PASS;
    }
    if (at->found != TOA_FOUND || !config->midstream) {
        return unheeded(at, TOA_PASS);
    }
    if (!source_trusted(config, &at->segment->source)) {
        return TOA_UNTRUSTED;
    }
    (void)place_take(at);
    record_open(at, RECORD_HANDSHAKE_OVER);
    toa_word word = teach(at);
    record_store(at);
    return word;
}

/* A segment behind the SYN ends the handshake, the first time. Whether this was the time. */
static bool handshake_end(passage *at)
{
    if ((at->record.state & RECORD_HANDSHAKE_OVER) != 0) {
        return false;
    }
    at->record.state |= RECORD_HANDSHAKE_OVER;
    at->record.options_free = (uint8_t)(TOA_OPTIONS_MAX - at->segment->options_len);
    return true;
}

/* Whether the segment stands directly behind the SYN: RFC 7413 lets the SYN carry data of its own,
 * which the server may have taken or not. */
static bool first_after_syn(const toa_record *record, uint32_t seq)
{
    uint32_t since = seq - record->isn - 1;
    return (record->state & RECORD_SYN_SEEN) != 0 && (since == 0 || since == record->syn_data_len);
}

/* What came on a segment that ends the handshake and cannot teach is why the flow has no client. */
static void refuse(passage *at)
{
    const toa_config *config = &at->engine->config;
    at->found = toa_options_read(config->dialects, config->duplicates, false, at->segment->options,
                                 &at->sighted);
    if (at->found != TOA_NO_OPTION) {
        const toa_word word = hearing(at);
        at->record.reason = (uint8_t)(word == TOA_FOUND ? TOA_MIDSTREAM : word);
    }
}

static toa_word on_close(passage *at)
{
    if (at->place == TOA_NO_PLACE || (at->record.state & RECORD_CLOSED) != 0) {
        return TOA_PASS;
    }
    bool during_handshake =
        (at->record.state & (RECORD_SYN_SEEN | RECORD_HANDSHAKE_OVER)) == RECORD_SYN_SEEN;
    bool wild = during_handshake && !first_after_syn(&at->record, at->segment->seq);
    if (wild && (at->segment->flags & TOA_TCP_RST) != 0) {
        return TOA_PASS; /* of the connection before, or forged: TCP does not heed it either */
    }
    if (handshake_end(at)) {
        refuse(at);
    }
    if (wild) {
        at->record.state |= RECORD_CLOSED_WILD;
    }
    at->record.state |= RECORD_CLOSED;
    at->record.closed_at = at->now;
    record_store(at);
    if (at->record.client.version != 0) {
        at->event->mapping = record_mapping(&at->record);
    }
    return TOA_CLOSE;
}

/* Neither SYN nor FIN nor RST. */
static toa_word on_segment(passage *at)
{
    if (at->place == TOA_NO_PLACE) {
        return on_unknown(at);
    }
    bool closed = (at->record.state & RECORD_CLOSED) != 0;
    bool ends = handshake_end(at);
    toa_word otherwise = ends && at->record.client.version == 0 ? TOA_NO_OPTION : TOA_PASS;
    bool counts = !closed && (at->in_handshake || at->engine->config.midstream);
    toa_word word = counts ? heed(at, otherwise) : unheeded(at, otherwise);

    if (word == TOA_MIDSTREAM || word == TOA_UNTRUSTED) {
        at->record.reason = (uint8_t)word;
    }
    if (ends || word != TOA_PASS) {
        record_store(at);
    }
    return word;
}

static bool watched(const toa_config *config, const toa_endpoint *endpoint)
{
    for (size_t i = 0; i < config->n_servers; i++) {
        if (toa_server_contains(&config->servers[i], endpoint)) {
            return true;
        }
    }
    return config->n_servers == 0;
}

static toa_carrier carrier_of(const toa_segment *segment)
{
    if ((segment->flags & TOA_TCP_SYN) != 0) {
        return TOA_CARRIER_SYN;
    }
    return segment->data_len == 0 ? TOA_CARRIER_ACK : TOA_CARRIER_DATA;
}

static void read_options(passage *at)
{
    const toa_config *config = &at->engine->config;
    toa_mapping *said = &at->event->mapping;

    at->carrier = carrier_of(at->segment);
    at->found =
        toa_options_read(config->dialects, config->duplicates, at->carrier == TOA_CARRIER_SYN,
                         at->segment->options, &at->sighted);
    if (at->found == TOA_NO_OPTION) {
        return;
    }
    said->carrier = (uint8_t)at->carrier;
    if (at->found == TOA_FOUND) {
        said->client = at->sighted.client;
        said->vip = at->sighted.vip;
        said->kind = at->sighted.kind;
        if (at->sighted.n_toas > 1) {
            count(&at->engine->several);
        }
    }
}

/* What toa_engine_expect found out for this segment, if it was told of it. */
static const toa_expected *expected_of(const passage *at)
{
    const toa_engine *engine = at->engine;
    const size_t last = engine->next_expected - 1; /* or SIZE_MAX */
    if (last >= engine->n_expected) {
        return NULL;
    }
    const toa_expected *told = &engine->expected[last];
    bool same = memcmp(&told->source, &at->segment->source, sizeof told->source) == 0;
    return same ? told : NULL;
}

static void record_find(passage *at)
{
    toa_packed packed;
    at->place = toa_table_find(&at->engine->table, &at->search, &at->segment->source,
                               &at->segment->destination, &packed);
    if (at->place != TOA_NO_PLACE) {
        toa_packed_record(&packed, &at->record);
        at->in_handshake = at->in_handshake || first_after_syn(&at->record, at->segment->seq);
    }
}

static void find_record(passage *at)
{
    const toa_table *table = &at->engine->table;
    const toa_expected *expected = expected_of(at);
    bool syn = (at->segment->flags & TOA_TCP_SYN) != 0;

    at->hash = expected != NULL ? expected->hash : toa_table_hash(table, &at->segment->source);
    at->in_handshake = syn;
    at->place = TOA_NO_PLACE;
    at->search = toa_search_begin(table, at->hash);
    if (!toa_search_over(&at->search)) {
        record_find(at);
    }
}

/*
 * Whether a client's segment can have these flags: a TCP drops unseen what has neither SYN, ACK nor
 * RST (RFC 9293, 3.10.7), so that a forged option on it would stand before the load balancer's, and
 * nobody accepts a SYN with FIN. A SYN with ACK is a server's.
 */
static bool flags_heeded(unsigned flags)
{
    if ((flags & TOA_TCP_RST) != 0) {
        return true;
    }
    return (flags & TOA_TCP_SYN) != 0 ? flags == TOA_TCP_SYN : (flags & TOA_TCP_ACK) != 0;
}

/* The verdict on a segment. Fills event->fake and server for what belongs to a watched flow. */
static toa_word judge(passage *at)
{
    const toa_segment *segment = at->segment;
    const toa_config *config = &at->engine->config;
    unsigned flags = segment->flags & (TOA_TCP_SYN | TOA_TCP_ACK | TOA_TCP_FIN | TOA_TCP_RST);

    if (!watched(config, &segment->destination)) {
        return watched(config, &segment->source) ? TOA_PASS : TOA_FOREIGN;
    }
    if (!flags_heeded(flags)) {
        return TOA_PASS;
    }
    at->event->fake = segment->source;
    at->event->server = segment->destination;
    find_record(at);
    if ((flags & (TOA_TCP_FIN | TOA_TCP_RST)) != 0) {
        return on_close(at);
    }
    read_options(at);
    return (flags & TOA_TCP_SYN) != 0 ? on_syn(at) : on_segment(at);
}

toa_word toa_engine_segment(toa_engine *engine, const toa_segment *segment, toa_time now,
                            toa_event *event)
{
    toa_event local;
    passage at;

    /* Field by field: to clear all of a passage took a tenth of the time of a frame. */
    at.engine = engine;
    at.segment = segment;
    /* cppcheck-suppress uninitvar; event_clear writes it */
    at.event = event == NULL ? &local : event;
    at.now = time_advance(engine, now);
    event_clear(at.event);
    engine->next_expected++;
    /* cppcheck-suppress ctuuninitvar */
    toa_word verdict = judge(&at);
    at.event->verdict = verdict;
    count(&engine->verdicts[verdict]);
    return verdict;
}

toa_word toa_engine_feed(toa_engine *engine, const uint8_t *frame, size_t len, int link_type,
                         toa_time now, toa_event *event)
{
    toa_segment segment;
    toa_word word = toa_segment_parse(frame, len, link_type, engine->config.open_tunnels, &segment);
    if (word == TOA_FOUND) {
        return toa_engine_segment(engine, &segment, now, event);
    }
    (void)time_advance(engine, now);
    count(&engine->verdicts[word]);
    if (event != NULL) {
        event_clear(event);
        event->verdict = word;
    }
    return word;
}

/* In two rounds: what tells the place, for all of them, and then what is there. */
void toa_engine_expect(toa_engine *engine, const toa_segment *segments, size_t n)
{
    const toa_table *table = &engine->table;
    const toa_time now = toa_latest(engine);

    n = n < EXPECTED_MAX ? n : EXPECTED_MAX;
    engine->n_expected = n;
    engine->next_expected = 0;
    for (size_t i = 0; i < n; i++) {
        toa_expected *expected = &engine->expected[i];
        expected->source = segments[i].source;
        expected->hash = toa_table_hash(table, &segments[i].source);
        toa_table_fetch(table, expected->hash);
    }
    for (size_t i = 0; i < n; i++) {
        bool opens = (segments[i].flags & TOA_TCP_SYN) != 0;
        toa_table_look(table, engine->expected[i].hash, opens, now, engine->config.ttl);
    }
}
