#include "model.h"

#include <stdlib.h>
#include <string.h>

/* One segment of a flow, and what was made of it. */
typedef struct entry {
    toa_time at;
    uint32_t seq;
    uint32_t data_len;
    uint8_t options_len;
    bool syn;
    bool opened;      /* it began the incarnation */
    bool closed;      /* FIN or RST */
    bool taught;      /* its TOA was believed */
    bool contradicts; /* its TOA cannot teach, and names another client than the SYN's */
    bool might;       /* its TOA came from a trusted source, on a SYN or at a place that counts */
    toa_word refused; /* TOA_PENDING: was not */
    toa_mapping said;
} entry;

typedef struct flow_history {
    toa_endpoint fake;
    toa_endpoint server;
    entry *entries;
    size_t n_entries;
    uint64_t opening; /* the number of the opening, counted over all flows */
} flow_history;

struct toa_model {
    toa_config config;
    flow_history *flows;
    size_t n_flows;
    uint64_t n_openings;
    toa_time latest;
    toa_counters counters;
};

static void *more(void *array, size_t n, size_t size)
{
    void *grown = realloc(array, n * size);
    if (grown == NULL) {
        abort();
    }
    return grown;
}

toa_model *model_open(const toa_config *config)
{
    toa_model *made = more(NULL, 1, sizeof *made);
    memset(made, 0, sizeof *made);
    made->config = *config;
    made->latest = INT64_MIN;
    return made;
}

void model_close(toa_model *model)
{
    for (size_t i = 0; i < model->n_flows; i++) {
        free(model->flows[i].entries);
    }
    free(model->flows);
    free(model);
}

/* ---- What the history of a flow says --------------------------------------------------------- */

/* Nanoseconds from one time to a later one: fits, whatever the two are. */
static uint64_t between(toa_time from, toa_time to)
{
    return to <= from ? 0 : (uint64_t)to - (uint64_t)from;
}

static toa_time as_age(uint64_t span)
{
    return span > INT64_MAX ? INT64_MAX : (toa_time)span;
}

/* Index of the entry that opened the incarnation; every flow has one. */
static size_t begin_of(const flow_history *flow)
{
    size_t i = flow->n_entries - 1;
    while (!flow->entries[i].opened) {
        i--;
    }
    return i;
}

/* The FIN or RST of the incarnation; NULL. */
static const entry *close_of(const flow_history *flow)
{
    for (size_t i = begin_of(flow); i < flow->n_entries; i++) {
        if (flow->entries[i].closed) {
            return &flow->entries[i];
        }
    }
    return NULL;
}

/* The first segment of the incarnation that is no SYN; NULL. */
static const entry *first_behind_syn(const flow_history *flow)
{
    for (size_t i = begin_of(flow); i < flow->n_entries; i++) {
        if (!flow->entries[i].syn) {
            return &flow->entries[i];
        }
    }
    return NULL;
}

/* The last segment of the incarnation whose TOA was believed; NULL. */
static const entry *lesson_of(const flow_history *flow)
{
    for (size_t i = flow->n_entries; i > begin_of(flow); i--) {
        if (flow->entries[i - 1].taught) {
            return &flow->entries[i - 1];
        }
    }
    return NULL;
}

/* What was learned: the last lesson, with the virtual server of the last lesson about the same
 * client that named one. */
static toa_mapping mapping_of(const flow_history *flow)
{
    const entry *last = lesson_of(flow);
    toa_mapping mapping = {.client = {.version = 0}};
    if (last == NULL) {
        return mapping;
    }
    mapping = last->said;
    for (size_t i = flow->n_entries; i > begin_of(flow) && mapping.vip.version == 0; i--) {
        const entry *one = &flow->entries[i - 1];
        if (!one->taught) {
            continue;
        }
        if (!toa_endpoint_equal(&one->said.client, &mapping.client)) {
            break;
        }
        mapping.vip = one->said.vip;
    }
    return mapping;
}

/* The last refusal of the incarnation; TOA_PENDING when there was none. */
static toa_word refusal_of(const flow_history *flow)
{
    for (size_t i = flow->n_entries; i > begin_of(flow); i--) {
        if (flow->entries[i - 1].refused != TOA_PENDING) {
            return flow->entries[i - 1].refused;
        }
    }
    return TOA_PENDING;
}

/* Whether a TOA behind the last lesson, which a SYN gave, named another client. */
static bool is_contradicted(const flow_history *flow)
{
    const entry *last = lesson_of(flow);
    for (size_t i = flow->n_entries; last != NULL && &flow->entries[i - 1] != last; i--) {
        if (flow->entries[i - 1].contradicts) {
            return true;
        }
    }
    return false;
}

/* How long ago the ttl of the mapping began to run; false when it does not run, or there is no
 * mapping. */
static bool ttl_runs(const toa_model *model, const flow_history *flow, toa_time now, uint64_t *span)
{
    const entry *from = is_contradicted(flow) ? NULL : lesson_of(flow);
    if (from != NULL && model->config.hold == TOA_HOLD_CONNECTION) {
        from = close_of(flow);
    }
    if (from == NULL) {
        return false;
    }
    *span = between(from->at, now);
    return true;
}

static bool is_live(const toa_model *model, const flow_history *flow, toa_time now)
{
    uint64_t span;
    if (lesson_of(flow) == NULL || is_contradicted(flow)) {
        return false;
    }
    return !ttl_runs(model, flow, now, &span) || span < (uint64_t)model->config.ttl;
}

/* ---- Segments -------------------------------------------------------------------------------- */

static flow_history *flow_of(const toa_model *model, const toa_endpoint *fake,
                             const toa_endpoint *server)
{
    for (size_t i = 0; i < model->n_flows; i++) {
        if (toa_endpoint_equal(&model->flows[i].fake, fake) &&
            toa_endpoint_equal(&model->flows[i].server, server)) {
            return &model->flows[i];
        }
    }
    return NULL;
}

static void remember(flow_history *flow, const entry *one)
{
    flow->entries = more(flow->entries, flow->n_entries + 1, sizeof *flow->entries);
    flow->entries[flow->n_entries++] = *one;
}

/* Makes `one` the opening of the flow, which may be new. */
static void open_flow(toa_model *model, const toa_segment *segment, entry *one)
{
    flow_history *known = flow_of(model, &segment->source, &segment->destination);
    if (known == NULL) {
        model->flows = more(model->flows, model->n_flows + 1, sizeof *model->flows);
        known = &model->flows[model->n_flows++];
        *known = (flow_history){.fake = segment->source, .server = segment->destination};
    }
    one->opened = true;
    known->opening = ++model->n_openings;
    remember(known, one);
}

static bool is_watched(const toa_config *config, const toa_endpoint *endpoint)
{
    bool any = false;
    for (size_t i = 0; i < config->n_servers; i++) {
        any = any || toa_server_contains(&config->servers[i], endpoint);
    }
    return any || config->n_servers == 0;
}

static bool is_trusted(const toa_config *config, const toa_endpoint *endpoint)
{
    bool any = false;
    for (size_t i = 0; i < config->n_trust; i++) {
        any = any || toa_prefix_contains(&config->trust[i], endpoint);
    }
    return any || config->n_trust == 0;
}

/* A believable TOA beside what is known: may it stand? */
static toa_word compare(const toa_mapping *old, const entry *one, bool midstream)
{
    bool same = toa_endpoint_equal(&old->client, &one->said.client);
    if (old->client.version == 0) {
        return TOA_LEARN;
    }
    if (one->syn && old->carrier != TOA_CARRIER_SYN) {
        return TOA_CONFLICT;
    }
    if (same) {
        return TOA_REPEAT;
    }
    if (old->carrier == TOA_CARRIER_SYN && !one->syn && !midstream) {
        return TOA_LEARN; /* the ACK beats the SYN */
    }
    return TOA_CONFLICT;
}

/* The options of a segment at a place that counts, or as if. `old` is what was known before. */
static toa_word weigh(toa_model *model, const toa_segment *segment, toa_word found, bool broken,
                      const toa_mapping *old, bool midstream, entry *one, toa_event *event)
{
    if (found == TOA_FOUND && !is_trusted(&model->config, &segment->source)) {
        found = TOA_UNTRUSTED;
    }
    if (found != TOA_FOUND) {
        one->refused = found;
        return found;
    }
    toa_word word = compare(old, one, midstream);
    one->taught = word == TOA_LEARN || word == TOA_REPEAT;
    if (word == TOA_LEARN && old->client.version != 0) {
        event->former = *old;
    }
    model->counters.broken_rest += one->taught && broken;
    return word;
}

static toa_word on_syn(toa_model *model, const toa_segment *segment, toa_word found, bool broken,
                       entry *one, toa_event *event)
{
    flow_history *known = flow_of(model, &segment->source, &segment->destination);
    toa_mapping none = {.client = {.version = 0}};

    if (known != NULL) {
        const entry *opening = &known->entries[begin_of(known)];
        if (opening->syn && opening->seq == segment->seq) {
            if (close_of(known) != NULL) {
                remember(known, one);
                return TOA_PASS;
            }
            toa_mapping old = mapping_of(known);
            if (found == TOA_FOUND && is_contradicted(known) &&
                is_trusted(&model->config, &segment->source)) {
                remember(known, one);
                return TOA_CONFLICT;
            }
            toa_word word = found == TOA_NO_OPTION
                                ? TOA_PASS
                                : weigh(model, segment, found, broken, &old, false, one, event);
            remember(known, one);
            return word;
        }
        if (is_live(model, known, one->at)) {
            event->former = mapping_of(known);
            event->replaced = true;
            model->counters.replaced++;
        }
    }
    toa_word word = event->replaced ? TOA_REPLACE : TOA_OPEN;
    if (found != TOA_NO_OPTION) {
        word = weigh(model, segment, found, broken, &none, false, one, event);
    }
    open_flow(model, segment, one);
    return word;
}

/* ISN+1, or behind the data that the SYN carried. */
static bool is_first(const flow_history *flow, uint32_t seq)
{
    const entry *opening = &flow->entries[begin_of(flow)];
    return opening->syn && (seq == opening->seq + 1 || seq == opening->seq + 1 + opening->data_len);
}

/* What a TOA comes to that cannot teach. */
static toa_word too_late(const toa_model *model, const toa_segment *segment, toa_word found)
{
    if (found != TOA_FOUND) {
        return found;
    }
    return is_trusted(&model->config, &segment->source) ? TOA_MIDSTREAM : TOA_UNTRUSTED;
}

static toa_word on_close(const toa_model *model, const toa_segment *segment, flow_history *known,
                         entry *one, toa_event *event)
{
    bool rst = (segment->flags & TOA_TCP_RST) != 0;
    toa_sighting toa;
    if (known == NULL || close_of(known) != NULL) {
        return TOA_PASS;
    }
    if (rst && known->entries[begin_of(known)].syn && first_behind_syn(known) == NULL &&
        !is_first(known, one->seq)) {
        return TOA_PASS;
    }
    event->mapping = mapping_of(known);
    toa_word found = toa_options_read(model->config.dialects, model->config.duplicates, false,
                                      segment->options, &toa);
    if (found != TOA_NO_OPTION && first_behind_syn(known) == NULL) {
        one->refused = too_late(model, segment, found);
    }
    one->closed = true;
    remember(known, one);
    return TOA_CLOSE;
}

/* Whether FIN or RST ended the incarnation where TCP would have heeded it: behind the handshake, or
 * as the first segment. */
static bool is_over(const flow_history *flow)
{
    const entry *close = close_of(flow);
    return close != NULL && (first_behind_syn(flow) != close || is_first(flow, close->seq));
}

/* A TOA that cannot teach takes the word of a SYN alone away, if it names another client. */
static void contradict(const toa_model *model, const toa_segment *segment,
                       const flow_history *known, toa_word found, entry *one, toa_event *event)
{
    toa_mapping old = mapping_of(known);
    if (found == TOA_FOUND && old.carrier == TOA_CARRIER_SYN && !is_over(known) &&
        !is_contradicted(known) && !toa_endpoint_equal(&old.client, &one->said.client) &&
        is_trusted(&model->config, &segment->source)) {
        one->contradicts = true;
        event->former = old;
    }
}

/* Neither SYN nor FIN nor RST, with options that say something. */
static toa_word on_options(toa_model *model, const toa_segment *segment, toa_word found,
                           bool broken, entry *one, toa_event *event)
{
    flow_history *known = flow_of(model, &segment->source, &segment->destination);
    bool closed = known != NULL && close_of(known) != NULL;
    bool first = known != NULL && is_first(known, segment->seq);
    toa_mapping old = {.client = {.version = 0}};

    if (closed || (!first && !model->config.midstream)) {
        toa_word word = too_late(model, segment, found);
        one->refused = found == TOA_FOUND ? word : TOA_PENDING;
        if (known != NULL) {
            contradict(model, segment, known, found, one, event);
            remember(known, one);
        }
        return word;
    }
    if (known != NULL) {
        old = mapping_of(known);
    }
    toa_word word = weigh(model, segment, found, broken, &old, !first, one, event);
    if (known != NULL) {
        remember(known, one);
    } else if (one->taught) {
        open_flow(model, segment, one);
    }
    return word;
}

/* Neither SYN nor FIN nor RST, with options that say nothing of a client. */
static toa_word on_nothing(flow_history *known, const entry *one)
{
    if (known == NULL || close_of(known) != NULL) {
        return TOA_PASS;
    }
    bool tells = first_behind_syn(known) == NULL && lesson_of(known) == NULL;
    remember(known, one);
    return tells ? TOA_NO_OPTION : TOA_PASS;
}

static toa_word judge(toa_model *model, const toa_segment *segment, toa_time now, toa_event *event)
{
    bool syn = (segment->flags & TOA_TCP_SYN) != 0;
    bool ack = (segment->flags & TOA_TCP_ACK) != 0;
    bool fin = (segment->flags & TOA_TCP_FIN) != 0;
    bool rst = (segment->flags & TOA_TCP_RST) != 0;
    entry one = {.at = now,
                 .seq = segment->seq,
                 .data_len = segment->data_len,
                 .options_len = segment->options_len,
                 .syn = syn && !rst,
                 .refused = TOA_PENDING};
    toa_sighting toa;

    if (!is_watched(&model->config, &segment->destination)) {
        return is_watched(&model->config, &segment->source) ? TOA_PASS : TOA_FOREIGN;
    }
    if (!rst && (syn ? ack || fin : !ack)) {
        return TOA_PASS;
    }
    event->fake = segment->source;
    event->server = segment->destination;
    flow_history *known = flow_of(model, &segment->source, &segment->destination);
    if (fin || rst) {
        return on_close(model, segment, known, &one, event);
    }
    toa_word found = toa_options_read(model->config.dialects, model->config.duplicates, syn,
                                      segment->options, &toa);
    bool broken = found == TOA_FOUND && toa.broken;
    const flow_history *back = flow_of(model, &segment->destination, &segment->source);
    if (found != TOA_NO_OPTION && !syn && known == NULL && back != NULL &&
        back->entries[begin_of(back)].syn) { /* from the server of a flow whose SYN was seen */
        model->counters.several += found == TOA_FOUND && toa.n_toas > 1;
        *event = (toa_event){.verdict = TOA_PASS};
        return TOA_PASS;
    }
    if (found != TOA_NO_OPTION) {
        one.said.carrier = syn                      ? TOA_CARRIER_SYN
                           : segment->data_len == 0 ? TOA_CARRIER_ACK
                                                    : TOA_CARRIER_DATA;
    }
    if (found == TOA_FOUND) {
        one.said.client = toa.client;
        one.said.vip = toa.vip;
        one.said.kind = toa.kind;
        one.might = is_trusted(&model->config, &segment->source) &&
                    (syn || (known != NULL && is_first(known, segment->seq)));
        model->counters.several += toa.n_toas > 1;
    }
    event->mapping = one.said;
    if (syn) {
        return on_syn(model, segment, found, broken, &one, event);
    }
    return found == TOA_NO_OPTION ? on_nothing(known, &one)
                                  : on_options(model, segment, found, broken, &one, event);
}

static toa_time advance(toa_model *model, toa_time now)
{
    if (now < model->latest) {
        model->counters.time_backwards++;
        return model->latest;
    }
    model->latest = now;
    return now;
}

toa_word model_segment(toa_model *model, const toa_segment *segment, toa_time now, toa_event *event)
{
    memset(event, 0, sizeof *event);
    event->verdict = judge(model, segment, advance(model, now), event);
    model->counters.frames++;
    model->counters.verdicts[event->verdict]++;
    return event->verdict;
}

void model_frame(toa_model *model, toa_word word, toa_time now)
{
    (void)advance(model, now);
    model->counters.frames++;
    model->counters.verdicts[word]++;
}

/* ---- Questions ------------------------------------------------------------------------------- */

static toa_endpoint without_mapping(const toa_endpoint *endpoint)
{
    toa_endpoint v4 = {.port = endpoint->port, .version = 4, .has_port = endpoint->has_port};
    bool mapped = endpoint->version == 6 && endpoint->ip[10] == 0xff && endpoint->ip[11] == 0xff;
    for (size_t i = 0; i < 10; i++) {
        mapped = mapped && endpoint->ip[i] == 0;
    }
    memcpy(v4.ip, endpoint->ip + 12, 4);
    return mapped ? v4 : *endpoint;
}

static void explain(const toa_model *model, const flow_history *flow, toa_time now,
                    toa_answer *answer)
{
    uint64_t span;
    answer->age = as_age(between(flow->entries[begin_of(flow)].at, now));
    if (is_contradicted(flow)) {
        answer->word = TOA_CONFLICT;
    } else if (ttl_runs(model, flow, now, &span)) {
        answer->word = TOA_EXPIRED;
        answer->former = mapping_of(flow);
        answer->age = as_age(span - (uint64_t)model->config.ttl);
    } else if (refusal_of(flow) != TOA_PENDING) {
        answer->word = refusal_of(flow);
    } else if (first_behind_syn(flow) != NULL) {
        answer->word = TOA_NO_OPTION;
        answer->options_free = (uint8_t)(40 - first_behind_syn(flow)->options_len);
    } else {
        answer->word = TOA_PENDING;
    }
}

/* The newest flow of the peer, with a live mapping or without one. */
static const flow_history *newest(const toa_model *model, const toa_endpoint *peer,
                                  const toa_endpoint *server, toa_time now, bool live)
{
    const flow_history *best = NULL;
    for (size_t i = 0; i < model->n_flows; i++) {
        const flow_history *one = &model->flows[i];
        if (toa_endpoint_equal(&one->fake, peer) &&
            (server == NULL || toa_endpoint_equal(&one->server, server)) &&
            is_live(model, one, now) == live && (best == NULL || one->opening > best->opening)) {
            best = one;
        }
    }
    return best;
}

/* Whether another live flow of the peer names another client. */
static bool is_disputed(const toa_model *model, const flow_history *best,
                        const toa_endpoint *server, toa_time now)
{
    toa_mapping mine = mapping_of(best);
    for (size_t i = 0; i < model->n_flows; i++) {
        toa_mapping other = mapping_of(&model->flows[i]);
        if (server == NULL && toa_endpoint_equal(&model->flows[i].fake, &best->fake) &&
            is_live(model, &model->flows[i], now) &&
            !toa_endpoint_equal(&other.client, &mine.client)) {
            return true;
        }
    }
    return false;
}

toa_word model_lookup(const toa_model *model, const toa_endpoint *fake, const toa_endpoint *server,
                      toa_time now, toa_answer *answer)
{
    toa_endpoint peer = without_mapping(fake);
    toa_endpoint local = server == NULL ? peer : without_mapping(server);
    const toa_endpoint *wanted = server == NULL ? NULL : &local;
    now = now < model->latest ? model->latest : now;
    const flow_history *live = newest(model, &peer, wanted, now, true);
    const flow_history *miss = newest(model, &peer, wanted, now, false);

    *answer = (toa_answer){.word = TOA_NEVER_SEEN};
    if (live == NULL && miss == NULL) {
        return answer->word;
    }
    bool newer_miss = miss != NULL && (live == NULL || miss->opening > live->opening);
    if (live == NULL || (newer_miss && close_of(live) != NULL)) {
        answer->server = miss->server;
        explain(model, miss, now, answer);
        return answer->word;
    }
    answer->server = live->server;
    answer->word = TOA_FOUND;
    answer->mapping = mapping_of(live);
    answer->age = as_age(between(lesson_of(live)->at, now));
    answer->ambiguous = newer_miss || is_disputed(model, live, wanted, now);
    return answer->word;
}

size_t model_live(const toa_model *model, toa_time now)
{
    size_t n = 0;
    now = now < model->latest ? model->latest : now;
    for (size_t i = 0; i < model->n_flows; i++) {
        n += is_live(model, &model->flows[i], now);
    }
    return n;
}

void model_counters(const toa_model *model, toa_counters *out)
{
    *out = model->counters;
}

bool model_might_say(const toa_model *model, const toa_endpoint *fake, const toa_endpoint *server,
                     const toa_endpoint *client, toa_time now)
{
    const flow_history *known = flow_of(model, fake, server);
    now = now < model->latest ? model->latest : now;
    for (size_t i = known == NULL ? 0 : known->n_entries; known != NULL && i > begin_of(known);
         i--) {
        const entry *one = &known->entries[i - 1];
        if (one->might && toa_endpoint_equal(&one->said.client, client) &&
            (model->config.hold == TOA_HOLD_CONNECTION ||
             between(one->at, now) < (uint64_t)model->config.ttl)) {
            return true;
        }
    }
    return false;
}

/* ---- A table that is full -------------------------------------------------------------------- */

size_t model_n_flows(const toa_model *model)
{
    return model->n_flows;
}

model_flow model_flow_at(const toa_model *model, size_t i)
{
    return (model_flow){.fake = model->flows[i].fake, .server = model->flows[i].server};
}

void model_forget(toa_model *model, size_t i)
{
    free(model->flows[i].entries);
    model->flows[i] = model->flows[--model->n_flows];
}

model_worth model_worth_at(const toa_model *model, size_t i, toa_time now, toa_time *at)
{
    const flow_history *flow = &model->flows[i];
    const entry *from = is_contradicted(flow) ? NULL : lesson_of(flow);
    *at = flow->entries[begin_of(flow)].at;
    if (from == NULL) {
        return MODEL_PENDING;
    }
    if (model->config.hold == TOA_HOLD_CONNECTION && close_of(flow) != NULL) {
        from = close_of(flow);
    }
    *at = from->at;
    return is_live(model, flow, now) ? MODEL_MAPPING : MODEL_EXPIRED;
}
