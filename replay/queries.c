#include "queries.h"

#include <stdlib.h>
#include <string.h>

enum {
    OPEN_MAX =
        4096,       /* queries that wait for their answer, one a slot; a newer one takes the slot */
    LATE_MAX = 256, /* judgements put off */
    CHANGES_MAX = 1024
};

static const uint64_t TOLERANCE = TOA_QUERIES_TOLERANCE;

/* A query that was seen, and what the engine said then. */
typedef struct question {
    toa_query query;
    toa_endpoint client; /* who asked */
    toa_endpoint service;
    toa_answer then;
    toa_time at;
    bool open;
} question;

/* A disagreement that the next moments may still explain. */
typedef struct late {
    toa_check_answer check;
    toa_moment moment;
    toa_time at;
} late;

/* A mapping that began, changed or ended; `former` is what held before. */
typedef struct change {
    toa_endpoint fake;
    toa_endpoint server;
    toa_endpoint former;
    toa_time at;
} change;

struct toa_queries {
    const toa_engine *engine;
    toa_queries_told *told;
    void *context;
    toa_queries_totals totals;
    size_t first_late;
    size_t n_late;
    size_t n_changes; /* ever; the newest CHANGES_MAX are kept */
    uint16_t ports[TOA_SERVICES_MAX];
    size_t n_ports;
    toa_time now; /* the latest time heard of: a capture's clock may run backwards, this does not */
    question open[OPEN_MAX];
    late lates[LATE_MAX];
    change changes[CHANGES_MAX];
};

toa_queries *toa_queries_new(const toa_engine *engine, const uint16_t ports[], size_t n_ports,
                             toa_queries_told *told, void *context)
{
    toa_queries *queries = calloc(1, sizeof *queries);
    if (queries != NULL) {
        queries->engine = engine;
        queries->n_ports = n_ports < TOA_SERVICES_MAX ? n_ports : TOA_SERVICES_MAX;
        memcpy(queries->ports, ports, queries->n_ports * sizeof ports[0]);
        queries->told = told;
        queries->context = context;
        queries->now = INT64_MIN;
    }
    return queries;
}

void toa_queries_free(toa_queries *queries)
{
    free(queries);
}

toa_queries_totals toa_queries_count(const toa_queries *queries)
{
    return queries->totals;
}

/* As the engine takes times: one before the latest, which the engine may have heard alone, is the
 * latest. */
static toa_time heard_of(toa_queries *queries, toa_time time)
{
    toa_time latest = toa_engine_now(queries->engine);
    latest = latest > queries->now ? latest : queries->now;
    queries->now = time > latest ? time : latest;
    return queries->now;
}

void toa_queries_event(toa_queries *queries, const toa_event *event, toa_time time)
{
    change *slot = &queries->changes[queries->n_changes++ % CHANGES_MAX];
    slot->fake = event->fake;
    slot->server = event->server;
    slot->former = event->former.client;
    slot->at = heard_of(queries, time);
}

static toa_answer ask(const toa_queries *queries, const toa_query *query, toa_time now)
{
    toa_answer answer;
    (void)toa_engine_lookup(queries->engine, &query->fake,
                            query->server.version == 0 ? NULL : &query->server, now, &answer);
    return answer;
}

/* Whether a recorded answer is what this answer looks like on the wire; ages differ always. */
static bool agrees(const toa_check_answer *check, const toa_answer *answer)
{
    uint8_t wire[TOA_DATAGRAM_MAX];
    toa_reply reply;
    size_t len = toa_reply_encode(&check->query, answer, wire);
    if (toa_reply_decode(wire, len, &reply) != TOA_FOUND) {
        return false;
    }
    const toa_answer *said = &check->recorded.answer;
    if (said->word == TOA_CAPTURE_DROPS) { /* instead of what the engine would have said */
        return toa_word_may_change(reply.answer.word);
    }
    return reply.answer.word == said->word &&
           toa_endpoint_equal(&reply.answer.mapping.client, &said->mapping.client) &&
           toa_endpoint_equal(&reply.answer.mapping.vip, &said->mapping.vip);
}

/* Whether it is what held before a change, or an expiry, of the last moments. */
static bool agrees_with_before(const toa_queries *queries, const toa_check_answer *check,
                               const question *asked)
{
    const toa_answer *said = &check->recorded.answer;
    if (asked->then.word == TOA_EXPIRED && asked->then.age <= TOA_QUERIES_TOLERANCE &&
        toa_endpoint_equal(&asked->then.former.client, &said->mapping.client)) {
        return true;
    }
    size_t kept = queries->n_changes < CHANGES_MAX ? queries->n_changes : CHANGES_MAX;
    for (size_t i = 1; i <= kept; i++) {
        const change *past = &queries->changes[(queries->n_changes - i) % CHANGES_MAX];
        if (asked->at > past->at && (uint64_t)asked->at - (uint64_t)past->at > TOLERANCE) {
            return false; /* and so are the changes before it */
        }
        bool same_flow = toa_endpoint_equal(&past->fake, &check->query.fake) &&
                         (check->query.server.version == 0 ||
                          toa_endpoint_equal(&past->server, &check->query.server));
        if (same_flow && toa_endpoint_equal(&past->former, &said->mapping.client)) {
            return true;
        }
    }
    return false;
}

static void judge(toa_queries *queries, toa_moment moment, toa_check_answer *check, bool right)
{
    check->agrees = right;
    if (right) {
        queries->totals.agree++;
    } else {
        queries->totals.disagree++;
    }
    queries->told(queries->context, moment, check);
}

static void judge_first_late(toa_queries *queries)
{
    late *first = &queries->lates[queries->first_late];
    toa_answer after = ask(queries, &first->check.query, toa_time_after(first->at));
    queries->first_late = (queries->first_late + 1) % LATE_MAX;
    queries->n_late--;
    judge(queries, first->moment, &first->check, agrees(&first->check, &after));
}

bool toa_queries_advance(toa_queries *queries, toa_time time)
{
    toa_time now = heard_of(queries, time);
    while (queries->n_late != 0 && toa_time_after(queries->lates[queries->first_late].at) < now) {
        judge_first_late(queries);
    }
    return queries->n_late != 0;
}

void toa_queries_finish(toa_queries *queries)
{
    while (queries->n_late != 0) {
        judge_first_late(queries);
    }
    for (size_t i = 0; i < OPEN_MAX; i++) {
        queries->totals.unanswered += queries->open[i].open;
        queries->open[i].open = false;
    }
}

static question *slot_of(toa_queries *queries, uint32_t id, const toa_endpoint *client,
                         const toa_endpoint *service)
{
    uint32_t ends = ((uint32_t)client->port << 16 | client->ip[3]) + service->port;
    uint32_t mix = (id ^ ends) * UINT32_C(0x9e3779b1);
    return &queries->open[mix >> 20];
}

static bool is_service(const toa_queries *queries, const toa_endpoint *endpoint)
{
    for (size_t i = 0; i < queries->n_ports; i++) {
        if (queries->ports[i] == endpoint->port) {
            return true;
        }
    }
    return false;
}

/* False when it is none. */
static bool on_query(toa_queries *queries, const toa_datagram *datagram, toa_time now)
{
    toa_query query;
    if (!is_service(queries, &datagram->destination) ||
        toa_query_decode(datagram->data, datagram->data_len, &query) != TOA_FOUND) {
        return false;
    }
    question *slot = slot_of(queries, query.id, &datagram->source, &datagram->destination);
    queries->totals.queries++;
    queries->totals.unanswered += slot->open;
    *slot = (question){
        .query = query,
        .client = datagram->source,
        .service = datagram->destination,
        .then = ask(queries, &query, now),
        .at = now,
        .open = true,
    };
    return true;
}

static void on_reply(toa_queries *queries, const toa_datagram *datagram, toa_moment moment,
                     toa_time now)
{
    toa_check_answer check;
    if (toa_reply_decode(datagram->data, datagram->data_len, &check.recorded) != TOA_FOUND) {
        return;
    }
    question *asked =
        slot_of(queries, check.recorded.id, &datagram->destination, &datagram->source);
    if (!asked->open || asked->query.id != check.recorded.id ||
        asked->query.version != check.recorded.version ||
        !toa_endpoint_equal(&asked->client, &datagram->destination) ||
        !toa_endpoint_equal(&asked->service, &datagram->source)) {
        return;
    }
    asked->open = false;
    check.query = asked->query;
    check.answer = ask(queries, &check.query, now);
    if (agrees(&check, &check.answer) || agrees(&check, &asked->then) ||
        agrees_with_before(queries, &check, asked)) {
        judge(queries, moment, &check, true);
        return;
    }
    if (queries->n_late == LATE_MAX) {
        judge_first_late(queries);
    }
    late *last = &queries->lates[(queries->first_late + queries->n_late++) % LATE_MAX];
    last->check = check;
    last->moment = moment;
    last->at = now;
}

bool toa_queries_datagram(toa_queries *queries, const toa_datagram *datagram, toa_moment moment)
{
    if (datagram->whole) {
        toa_time now = heard_of(queries, moment.time);
        if (!on_query(queries, datagram, now) && is_service(queries, &datagram->source)) {
            on_reply(queries, datagram, moment, now);
        }
    }
    return queries->n_late != 0;
}
