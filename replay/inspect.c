#include "inspect.h"

#include <stdlib.h>
#include <string.h>

/* The memory of flows: sets of places, the flow of the oldest segment goes first. */
enum { FLOW_WAYS = 4, FLOW_SETS = 16384 };

/* What is known of one connection. */
typedef struct connection {
    toa_endpoint client;
    toa_endpoint server;
    uint64_t used_at;       /* number of its last record; 0: this place is free */
    uint64_t details;       /* bit i: tallies.details[i] counts this flow */
    toa_endpoint syn_first; /* of several on the SYN that name a client */
    toa_endpoint syn_last;
    uint32_t isn;
    uint32_t server_isn;
    uint32_t syn_data_len;
    bool watched;
    bool oriented; /* it is known who the client is */
    bool syn_seen;
    bool syn_ack_seen;
    bool closed;
    bool named;       /* an option named a client */
    bool syn_several; /* and nothing was compared with them yet */
} connection;

struct toa_inspect {
    toa_inspect_options options;
    toa_readings readings;
    toa_tallies tallies;
    connection flows[FLOW_SETS][FLOW_WAYS];
};

/* An option that names a client, by a dialect that is known. */
typedef struct naming {
    size_t detail;
    toa_endpoint client;
} naming;

/* Options of at least six bytes name a client. */
enum { NAMINGS_MAX = TOA_OPTIONS_MAX / 6, KINDS_IN_SEGMENT_MAX = TOA_OPTIONS_MAX / 2 };

/* One segment on its way through. */
typedef struct passage {
    toa_inspect *inspect;
    connection *flow;
    const toa_segment *segment;
    toa_stage stage;
    bool believable;  /* from the client, and not its end */
    uint64_t details; /* bit i: tallies.details[i] counts this segment */
    naming namings[NAMINGS_MAX];
    size_t n_namings;
    struct {
        uint8_t kind;
        uint8_t len;
    } met[KINDS_IN_SEGMENT_MAX];
    size_t n_met;
} passage;

const char *toa_stage_name(toa_stage stage)
{
    static const char *const names[TOA_N_STAGES] = {"syn",   "syn_ack", "ack",   "data",
                                                    "later", "server",  "close", "no_syn"};
    return stage < TOA_N_STAGES ? names[stage] : "?";
}

uint64_t toa_stages_sum(const uint64_t counts[TOA_N_STAGES])
{
    uint64_t sum = 0;
    for (size_t i = 0; i < TOA_N_STAGES; i++) {
        sum += counts[i];
    }
    return sum;
}

/* ---- Readings -------------------------------------------------------------------------------- */

static void add_reading(toa_readings *readings, const toa_row *row, size_t dialect)
{
    uint32_t bit = dialect < 32 ? UINT32_C(1) << dialect : 0;
    for (size_t i = 0; i < readings->n; i++) {
        if (memcmp(&readings->all[i].row, row, sizeof *row) == 0) {
            readings->all[i].dialects |= bit;
            return;
        }
    }
    if (readings->n < TOA_READINGS_MAX) {
        readings->all[readings->n++] = (toa_reading){.row = *row, .dialects = bit};
    }
}

void toa_readings_init(toa_readings *readings)
{
    const toa_dialect *dialect;
    readings->n = 0;
    for (size_t i = 0; (dialect = toa_dialect_at(i)) != NULL; i++) {
        for (size_t r = 0; r < dialect->n_rows; r++) {
            add_reading(readings, &dialect->rows[r], i);
        }
    }
}

bool toa_reading_guess(uint8_t kind, uint8_t len, toa_reading *out)
{
    if (kind < 2 || (len != 8 && len != 20) || toa_kind_taken(kind) || kind == 28 ||
        toa_lookalike_name(kind, len) != NULL) {
        return false;
    }
    *out = (toa_reading){.row = {.kind = kind,
                                 .len = len,
                                 .client_version = len == 8 ? 4 : 6,
                                 .client_port_at = 2,
                                 .client_ip_at = 4}};
    return true;
}

/* ---- Distinct endpoints ---------------------------------------------------------------------- */

static uint64_t mix(uint64_t hash, const toa_endpoint *endpoint)
{
    uint8_t bytes[sizeof *endpoint];
    memcpy(bytes, endpoint, sizeof bytes);
    for (size_t i = 0; i < sizeof bytes; i++) {
        hash = (hash ^ bytes[i]) * UINT64_C(0x100000001b3); /* FNV-1a */
    }
    return hash;
}

static uint64_t hash_of(const toa_endpoint *a, const toa_endpoint *b)
{
    uint64_t hash = mix(mix(UINT64_C(0xcbf29ce484222325), a), b);
    return hash ^ hash >> 32;
}

/* Looks at so many places, so that hostile addresses cost no more. */
enum { SEEN_PROBES = 64 };

static toa_seen *seen_place(toa_seen_set *set, const toa_endpoint *endpoint)
{
    static const toa_endpoint none = {.version = 0};
    uint64_t at = hash_of(endpoint, &none);
    for (size_t i = 0; i < SEEN_PROBES; i++) {
        toa_seen *seen = &set->all[(at + i) % TOA_SEEN_MAX];
        if (seen->endpoint.version == 0) {
            *seen = (toa_seen){.endpoint = *endpoint, .order = ++set->n};
            return seen;
        }
        if (toa_endpoint_equal(&seen->endpoint, endpoint)) {
            return seen;
        }
    }
    return NULL;
}

static void see(toa_seen_set *set, const toa_endpoint *endpoint, toa_stage stage)
{
    toa_seen *seen = seen_place(set, endpoint);
    if (seen == NULL) {
        set->n_unlisted++;
    } else if (stage == TOA_STAGE_SYN) {
        seen->n_syn++;
    } else if (stage == TOA_STAGE_ACK || stage == TOA_STAGE_DATA) {
        seen->n_handshake++;
    } else {
        seen->n_other++;
    }
}

static size_t seen_list(const toa_seen_set *set, toa_seen out[TOA_SEEN_MAX])
{
    size_t n = 0;
    for (size_t i = 0; i < TOA_SEEN_MAX; i++) {
        if (set->all[i].endpoint.version != 0) {
            out[n++] = set->all[i];
        }
    }
    return n;
}

static int compare_order(const void *a, const void *b)
{
    const toa_seen *left = a;
    const toa_seen *right = b;
    return (left->order > right->order) - (left->order < right->order);
}

static int compare_number(const void *a, const void *b)
{
    const toa_seen *left = a;
    const toa_seen *right = b;
    uint64_t n_left = toa_seen_segments(left);
    uint64_t n_right = toa_seen_segments(right);
    if (n_left != n_right) {
        return n_left < n_right ? 1 : -1;
    }
    if (left->endpoint.version != right->endpoint.version) {
        return left->endpoint.version < right->endpoint.version ? -1 : 1;
    }
    int order = memcmp(left->endpoint.ip, right->endpoint.ip, sizeof left->endpoint.ip);
    return order != 0 ? order : (int)left->endpoint.port - (int)right->endpoint.port;
}

size_t toa_seen_in_order(const toa_seen_set *set, toa_seen out[TOA_SEEN_MAX])
{
    size_t n = seen_list(set, out);
    qsort(out, n, sizeof out[0], compare_order);
    return n;
}

size_t toa_seen_by_number(const toa_seen_set *set, toa_seen out[TOA_SEEN_MAX])
{
    size_t n = seen_list(set, out);
    qsort(out, n, sizeof out[0], compare_number);
    return n;
}

/* ---- Is that a client? ----------------------------------------------------------------------- */

const char *toa_fault_name(toa_fault fault)
{
    static const char *const names[TOA_N_FAULTS] = {
        "port_0", "unspecified", "loopback", "link_local", "multicast", "reserved", "server"};
    return fault < TOA_N_FAULTS ? names[fault] : "?";
}

static toa_fault fault_of_ip4(const uint8_t *ip)
{
    if (ip[0] == 0) {
        return TOA_FAULT_UNSPECIFIED;
    }
    if (ip[0] == 127) {
        return TOA_FAULT_LOOPBACK;
    }
    if (ip[0] == 169 && ip[1] == 254) {
        return TOA_FAULT_LINK_LOCAL;
    }
    if (ip[0] >= 224) {
        return ip[0] < 240 ? TOA_FAULT_MULTICAST : TOA_FAULT_RESERVED;
    }
    return TOA_FAULT_NONE;
}

/* IANA, "Internet Protocol Version 6 Address Space": global unicast is 2000::/3, local unicast
 * fc00::/7, and RFC 6052 has 64:ff9b::/96 for translated IPv4. */
static toa_fault fault_of_ip6(const uint8_t *ip)
{
    static const uint8_t zeros[15] = {0};
    if (memcmp(ip, zeros, 15) == 0) {
        return ip[15] == 1 ? TOA_FAULT_LOOPBACK : TOA_FAULT_UNSPECIFIED;
    }
    if (ip[0] == 0xff) {
        return TOA_FAULT_MULTICAST;
    }
    if (ip[0] == 0xfe && (ip[1] & 0xc0) == 0x80) {
        return TOA_FAULT_LINK_LOCAL;
    }
    bool translated = ip[0] == 0 && ip[1] == 0x64 && ip[2] == 0xff && ip[3] == 0x9b;
    bool given = (ip[0] & 0xe0) == 0x20 || (ip[0] & 0xfe) == 0xfc || translated;
    return given ? TOA_FAULT_NONE : TOA_FAULT_RESERVED;
}

static bool same_address(const toa_endpoint *a, const toa_endpoint *b)
{
    return a->version == b->version && memcmp(a->ip, b->ip, sizeof a->ip) == 0;
}

static toa_fault fault_of(const toa_endpoint *client, const toa_endpoint *server)
{
    if (client->has_port != 0 && client->port == 0) {
        return TOA_FAULT_PORT_0;
    }
    toa_fault fault = client->version == 4 ? fault_of_ip4(client->ip) : fault_of_ip6(client->ip);
    return fault == TOA_FAULT_NONE && same_address(client, server) ? TOA_FAULT_SERVER : fault;
}

/* ---- Flows ----------------------------------------------------------------------------------- */

static connection *flow_set(toa_inspect *inspect, const toa_segment *segment)
{
    const toa_endpoint *a = &segment->source;
    const toa_endpoint *b = &segment->destination;
    bool in_order = memcmp(a, b, sizeof *a) < 0; /* both directions meet in one set */
    return inspect->flows[(in_order ? hash_of(a, b) : hash_of(b, a)) % FLOW_SETS];
}

static bool flow_holds(const connection *candidate, const toa_segment *segment)
{
    const toa_endpoint *a = &segment->source;
    const toa_endpoint *b = &segment->destination;
    return candidate->used_at != 0 && ((toa_endpoint_equal(&candidate->client, a) &&
                                        toa_endpoint_equal(&candidate->server, b)) ||
                                       (toa_endpoint_equal(&candidate->client, b) &&
                                        toa_endpoint_equal(&candidate->server, a)));
}

static connection *flow_find(toa_inspect *inspect, const toa_segment *segment)
{
    connection *set = flow_set(inspect, segment);
    for (size_t i = 0; i < FLOW_WAYS; i++) {
        if (flow_holds(&set[i], segment)) {
            return &set[i];
        }
    }
    return NULL;
}

/* A place for a new flow: free, or the one whose last segment is the longest ago. */
static connection *flow_claim(toa_inspect *inspect, const toa_segment *segment)
{
    connection *set = flow_set(inspect, segment);
    connection *oldest = &set[0];
    for (size_t i = 1; i < FLOW_WAYS; i++) {
        if (set[i].used_at < oldest->used_at) {
            oldest = &set[i];
        }
    }
    inspect->tallies.flows_forgotten += oldest->used_at != 0 && !oldest->closed;
    return oldest;
}

static bool watched(const toa_inspect *inspect, const toa_endpoint *server)
{
    for (size_t i = 0; i < inspect->options.n_servers; i++) {
        if (toa_server_contains(&inspect->options.servers[i], server)) {
            return true;
        }
    }
    return inspect->options.n_servers == 0;
}

static bool is_syn(const toa_segment *segment)
{
    return (segment->flags & (TOA_TCP_SYN | TOA_TCP_ACK | TOA_TCP_FIN | TOA_TCP_RST)) ==
           TOA_TCP_SYN;
}

static bool is_syn_ack(const toa_segment *segment)
{
    return (segment->flags & (TOA_TCP_SYN | TOA_TCP_ACK)) == (TOA_TCP_SYN | TOA_TCP_ACK);
}

/* Who is the server of a flow that begins with this segment, as far as that can be told? */
static bool server_is_source(const toa_inspect *inspect, const toa_segment *segment)
{
    return is_syn_ack(segment) ||
           (!is_syn(segment) && inspect->options.n_servers != 0 &&
            !watched(inspect, &segment->destination) && watched(inspect, &segment->source));
}

static connection *flow_open(toa_inspect *inspect, connection *place, const toa_segment *segment)
{
    bool turned = server_is_source(inspect, segment);
    bool syn = is_syn(segment);
    *place = (connection){
        .client = turned ? segment->destination : segment->source,
        .server = turned ? segment->source : segment->destination,
        .oriented = syn || is_syn_ack(segment) || inspect->options.n_servers != 0,
        .syn_seen = syn,
        .isn = segment->seq,
        .syn_data_len = segment->data_len,
    };
    place->watched = watched(inspect, &place->server);
    if (place->watched) {
        inspect->tallies.flows++;
        inspect->tallies.flows_no_syn += !syn;
    }
    return place;
}

/* The flow of a segment; a SYN with a number of its own begins another one on the same place. */
static connection *flow_of(toa_inspect *inspect, const toa_segment *segment)
{
    connection *found = flow_find(inspect, segment);
    if (found == NULL) {
        found = flow_open(inspect, flow_claim(inspect, segment), segment);
    } else if (is_syn(segment) && (!found->syn_seen || found->isn != segment->seq)) {
        found = flow_open(inspect, found, segment);
    }
    found->used_at = inspect->tallies.records;
    found->closed = found->closed || (segment->flags & (TOA_TCP_FIN | TOA_TCP_RST)) != 0;
    if (is_syn_ack(segment) && toa_endpoint_equal(&found->server, &segment->source)) {
        found->server_isn = segment->seq;
        found->syn_ack_seen = true;
    }
    return found;
}

/* The first after the SYN, which may have carried data that the server took or not (RFC 7413), and
 * before the server said anything. */
static bool ends_handshake(const connection *flow, const toa_segment *segment)
{
    uint32_t since = segment->seq - flow->isn - 1;
    return (since == 0 || since == flow->syn_data_len) &&
           (segment->flags & (TOA_TCP_SYN | TOA_TCP_FIN | TOA_TCP_RST)) == 0 &&
           (!flow->syn_ack_seen || segment->ack == flow->server_isn + 1);
}

static toa_stage stage_of(const connection *flow, const toa_segment *segment, bool from_client)
{
    if (is_syn(segment)) {
        return TOA_STAGE_SYN;
    }
    if (is_syn_ack(segment)) {
        return TOA_STAGE_SYN_ACK;
    }
    if (from_client && (segment->flags & (TOA_TCP_FIN | TOA_TCP_RST)) != 0) {
        return TOA_STAGE_CLOSE;
    }
    if (!flow->syn_seen) {
        return TOA_STAGE_NO_SYN;
    }
    if (!from_client) {
        return TOA_STAGE_SERVER;
    }
    if (!ends_handshake(flow, segment)) {
        return TOA_STAGE_LATER;
    }
    return segment->data_len == 0 ? TOA_STAGE_ACK : TOA_STAGE_DATA;
}

/* ---- Details --------------------------------------------------------------------------------- */

/* The place of (kind, length, reading or none); TOA_DETAILS_MAX: there is none left. */
static size_t detail_place(toa_tallies *tallies, const toa_option *option,
                           const toa_reading *reading)
{
    size_t i = 0;
    for (; i < tallies->n_details; i++) {
        const toa_detail *old = &tallies->details[i];
        if (old->kind == option->kind && old->len == option->len &&
            old->readable == (reading != NULL) &&
            (reading == NULL ||
             memcmp(&old->reading.row, &reading->row, sizeof reading->row) == 0)) {
            return i;
        }
    }
    if (i < TOA_DETAILS_MAX) {
        toa_detail *added = &tallies->details[tallies->n_details++];
        added->kind = option->kind;
        added->len = option->len;
        added->readable = reading != NULL;
        if (reading != NULL) {
            added->reading = *reading;
        }
    }
    return i;
}

static void take_sample(toa_detail *detail, const toa_option *option)
{
    for (size_t i = 0; i < detail->n_samples; i++) {
        if (memcmp(detail->samples[i], option->bytes, option->len) == 0) {
            return;
        }
    }
    if (detail->n_samples < TOA_SAMPLES_MAX) {
        memcpy(detail->samples[detail->n_samples++], option->bytes, option->len);
    }
}

static void take_vip(toa_detail *detail, const toa_endpoint *vip)
{
    for (size_t i = 0; i < detail->n_vips; i++) {
        if (toa_endpoint_equal(&detail->vips[i], vip)) {
            return;
        }
    }
    if (detail->n_vips < TOA_SAMPLES_MAX) {
        detail->vips[detail->n_vips++] = *vip;
    }
}

static void take_client(toa_detail *detail, const passage *at, const toa_endpoint *client)
{
    toa_fault fault = fault_of(client, &at->segment->destination);
    detail->decoded++;
    if (fault != TOA_FAULT_NONE) {
        detail->faults[fault]++;
        return;
    }
    detail->plausible++;
    detail->own_source += same_address(client, &at->segment->source);
    see(&detail->clients, client, at->stage);
}

/* Counts a segment, and its flow, once for each detail. */
static toa_detail *detail_count(passage *at, const toa_option *option, const toa_reading *reading)
{
    toa_tallies *tallies = &at->inspect->tallies;
    size_t place = detail_place(tallies, option, reading);
    if (place == TOA_DETAILS_MAX) {
        tallies->unlisted++;
        return NULL;
    }
    toa_detail *detail = &tallies->details[place];
    uint64_t bit = UINT64_C(1) << place;
    if ((at->details & bit) == 0) {
        at->details |= bit;
        detail->segments[at->stage]++;
        detail->flows += (at->flow->details & bit) == 0;
        at->flow->details |= bit;
        if (at->believable) {
            toa_endpoint source = at->segment->source;
            source.port = 0;
            source.has_port = 0;
            see(&detail->sources, &source, at->stage);
        }
    }
    take_sample(detail, option);
    return detail;
}

static void on_reading(passage *at, const toa_option *option, const toa_reading *reading)
{
    toa_endpoint client;
    toa_endpoint vip;
    toa_experiment experiment = toa_experiment_of(option);
    toa_detail *detail = detail_count(at, option, reading);
    if (detail == NULL) {
        return;
    }
    if (experiment != TOA_EXPERIMENT_NONE) {
        detail->experiments[experiment]++;
        return;
    }
    if (!at->believable || !toa_row_decode(&reading->row, option, &client, &vip)) {
        return;
    }
    if (vip.version != 0) {
        take_vip(detail, &vip);
    }
    if (client.version == 0) {
        return;
    }
    take_client(detail, at, &client);
    if (reading->dialects != 0 && at->n_namings < NAMINGS_MAX) {
        at->namings[at->n_namings++] =
            (naming){(size_t)(detail - at->inspect->tallies.details), client};
    }
}

/* ---- Options --------------------------------------------------------------------------------- */

static void count_kind(passage *at, const toa_option *option)
{
    for (size_t i = 0; i < at->n_met; i++) {
        if (at->met[i].kind == option->kind && at->met[i].len == option->len) {
            return;
        }
    }
    if (at->n_met < KINDS_IN_SEGMENT_MAX) {
        at->met[at->n_met].kind = option->kind;
        at->met[at->n_met].len = option->len;
        at->n_met++;
    }
    at->inspect->tallies.options[option->kind][option->len][at->stage]++;
}

static void on_option(passage *at, const toa_option *option)
{
    const toa_readings *readings = &at->inspect->readings;
    toa_endpoint client;
    toa_endpoint vip;
    bool fits = false;
    toa_reading guess;

    count_kind(at, option);
    if (toa_kind_taken(option->kind)) {
        return;
    }
    for (size_t i = 0; i < readings->n; i++) {
        if (toa_row_decode(&readings->all[i].row, option, &client, &vip)) {
            on_reading(at, option, &readings->all[i]);
            fits = true;
        }
    }
    if (fits) {
        return;
    }
    if (toa_reading_guess(option->kind, option->len, &guess)) {
        on_reading(at, option, &guess);
        return;
    }
    toa_detail *detail = detail_count(at, option, NULL);
    if (detail != NULL) {
        detail->experiments[toa_experiment_of(option)]++;
    }
}

/* Which of several is the load balancer's? The handshake's ACK may tell. */
static void on_several(passage *at)
{
    toa_tallies *tallies = &at->inspect->tallies;
    const naming *first = &at->namings[0];
    const naming *last = &at->namings[at->n_namings - 1];
    bool alike = true;
    for (size_t i = 1; i < at->n_namings; i++) {
        alike = alike && toa_endpoint_equal(&first->client, &at->namings[i].client);
    }
    tallies->several.segments++;
    tallies->several.alike += alike;
    tallies->details[first->detail].stands_first++;
    tallies->details[last->detail].stands_last++;
    if (at->stage == TOA_STAGE_SYN && !toa_endpoint_equal(&first->client, &last->client)) {
        at->flow->syn_first = first->client;
        at->flow->syn_last = last->client;
        at->flow->syn_several = true;
    }
}

static void compare_with_syn(passage *at)
{
    toa_several *several = &at->inspect->tallies.several;
    const toa_endpoint *client = &at->namings[0].client;
    if (toa_endpoint_equal(client, &at->flow->syn_first)) {
        several->ack_first++;
    } else if (toa_endpoint_equal(client, &at->flow->syn_last)) {
        several->ack_last++;
    } else {
        several->ack_others++;
    }
    at->flow->syn_several = false;
}

static void on_namings(passage *at)
{
    toa_tallies *tallies = &at->inspect->tallies;
    bool behind = at->stage == TOA_STAGE_ACK || at->stage == TOA_STAGE_DATA;
    if (at->n_namings == 0) {
        bool room = at->segment->options_len + 8 <= TOA_OPTIONS_MAX;
        tallies->no_room[at->stage] += (behind || at->stage == TOA_STAGE_SYN) && !room;
        return;
    }
    tallies->flows_named += !at->flow->named;
    at->flow->named = true;
    if (at->n_namings > 1) {
        on_several(at);
    } else if (behind && at->flow->syn_several) {
        compare_with_syn(at);
    }
}

static void on_segment(toa_inspect *inspect, const toa_segment *segment)
{
    toa_tallies *tallies = &inspect->tallies;
    connection *flow = flow_of(inspect, segment);
    passage at = {.inspect = inspect, .flow = flow, .segment = segment};
    toa_options walk = segment->options;
    toa_option option;
    toa_word word;

    if (!flow->watched) {
        tallies->unwatched++;
        return;
    }
    bool from_client = !is_syn_ack(segment) &&
                       (!flow->oriented || toa_endpoint_equal(&flow->client, &segment->source));
    at.stage = stage_of(flow, segment, from_client);
    at.believable = from_client && at.stage != TOA_STAGE_CLOSE;
    tallies->segments[at.stage]++;
    while ((word = toa_options_next(&walk, &option)) == TOA_FOUND) {
        on_option(&at, &option);
    }
    tallies->malformed += word == TOA_MALFORMED;
    tallies->cut += word == TOA_TRUNCATED;
    on_namings(&at);
}

/* ---- Records --------------------------------------------------------------------------------- */

toa_inspect *toa_inspect_new(const toa_inspect_options *options)
{
    toa_inspect *inspect = calloc(1, sizeof *inspect);
    if (inspect != NULL) {
        inspect->options = *options;
        toa_readings_init(&inspect->readings);
    }
    return inspect;
}

void toa_inspect_free(toa_inspect *inspect)
{
    free(inspect);
}

const toa_tallies *toa_inspect_tallies(const toa_inspect *inspect)
{
    return &inspect->tallies;
}

void toa_inspect_record(toa_inspect *inspect, const toa_record *record)
{
    toa_tallies *tallies = &inspect->tallies;
    toa_segment segment;
    bool tunnels = inspect->options.open_tunnels;
    tallies->records++;
    tallies->longer += record->longer;
    tallies->wrong_link += !toa_link_known(record->link_type);
    toa_word word = toa_segment_parse(record->bytes, record->captured_len, record->link_type,
                                      tunnels, &segment);
    if (word == TOA_FOUND) {
        on_segment(inspect, &segment);
        return;
    }
    tallies->not_found[word]++;
    if (word == TOA_FOREIGN && !tunnels) {
        tallies->in_tunnels += toa_segment_parse(record->bytes, record->captured_len,
                                                 record->link_type, true, &segment) == TOA_FOUND;
    }
}
