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

/* A query that was seen, and what the engine said then. Asked again before `until`, it is one. */
typedef struct question {
    toa_query query;     /* version 0: none */
    toa_endpoint client; /* who asked */
    toa_endpoint service;
    toa_answer then;
    toa_time at;
    toa_time until;        /* a service that says what it knows says it by then */
    unsigned n_unanswered; /* of as many as it was asked */
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

static toa_time later(toa_time time, toa_time duration)
{
    return time > INT64_MAX - duration ? INT64_MAX : time + duration;
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

/* Whether it is what held before an expiry just before the question, or before a change from just
 * before the question to `until`. */
static bool agrees_with_before(const toa_queries *queries, const toa_check_answer *check,
                               const question *asked, toa_time until)
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
        bool counts = past->at <= until && toa_endpoint_equal(&past->fake, &check->query.fake) &&
                      (check->query.server.version == 0 ||
                       toa_endpoint_equal(&past->server, &check->query.server));
        if (counts && toa_endpoint_equal(&past->former, &said->mapping.client)) {
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
        queries->totals.unanswered += queries->open[i].n_unanswered;
        queries->open[i].n_unanswered = 0;
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

static bool same_question(const question *asked, const toa_query *query,
                          const toa_datagram *datagram)
{
    return asked->query.version == query->version && asked->query.id == query->id &&
           asked->query.wait_ms == query->wait_ms &&
           toa_endpoint_equal(&asked->query.fake, &query->fake) &&
           toa_endpoint_equal(&asked->query.server, &query->server) &&
           toa_endpoint_equal(&asked->client, &datagram->source) &&
           toa_endpoint_equal(&asked->service, &datagram->destination);
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
    if (slot->n_unanswered == 0 || now > slot->until || !same_question(slot, &query, datagram)) {
        queries->totals.unanswered += slot->n_unanswered;
        *slot = (question){
            .query = query,
            .client = datagram->source,
            .service = datagram->destination,
            .then = ask(queries, &query, now),
            .at = now,
        };
    }
    slot->n_unanswered++;
    slot->until = later(now, TOA_QUERIES_PATIENCE);
    if (toa_word_may_change(slot->then.word)) {
        slot->until = later(slot->until, query.wait_ms * (TOA_SECOND / 1000));
    }
    return true;
}

/* The question with this number that an answer belongs to; NULL. */
static question *question_of(toa_queries *queries, uint32_t id, const toa_datagram *answer)
{
    question *slot = slot_of(queries, id, &answer->destination, &answer->source);
    return slot->query.version != 0 && slot->query.id == id &&
                   toa_endpoint_equal(&slot->client, &answer->destination) &&
                   toa_endpoint_equal(&slot->service, &answer->source)
               ? slot
               : NULL;
}

static uint32_t number_at(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

/* The question that a datagram names, whatever else it says: version 2 has the number behind the
 * magic, version 1 in its place. */
static question *question_named(toa_queries *queries, const toa_datagram *answer)
{
    static const uint8_t magic[] = {'T', 'O', 'A', 2};
    question *named = NULL;
    if (answer->data_len >= 8 && memcmp(answer->data, magic, sizeof magic) == 0) {
        named = question_of(queries, number_at(answer->data + 4), answer);
    }
    if (named == NULL && answer->data_len >= 4) {
        named = question_of(queries, number_at(answer->data), answer);
    }
    return named;
}

static void put_off(toa_queries *queries, toa_moment moment, const toa_check_answer *check,
                    toa_time now)
{
    if (queries->n_late == LATE_MAX) {
        judge_first_late(queries);
    }
    late *last = &queries->lates[(queries->first_late + queries->n_late++) % LATE_MAX];
    last->check = *check;
    last->moment = moment;
    last->at = now;
}

static void on_reply(toa_queries *queries, const toa_datagram *datagram, toa_moment moment,
                     toa_time now)
{
    question *asked = question_named(queries, datagram);
    if (asked == NULL) {
        return;
    }
    bool in_time = now <= asked->until;
    toa_check_answer check = {.query = asked->query};
    check.broken =
        toa_reply_decode(datagram->data, datagram->data_len, &check.recorded) != TOA_FOUND ||
        check.recorded.version != check.query.version;
    check.answer = in_time ? ask(queries, &check.query, now) : asked->then;
    asked->n_unanswered -= asked->n_unanswered != 0;
    if (check.broken) {
        memset(&check.recorded, 0, sizeof check.recorded);
        judge(queries, moment, &check, false);
    } else if (agrees(&check, &check.answer) || agrees(&check, &asked->then) ||
               agrees_with_before(queries, &check, asked,
                                  in_time ? now : toa_time_after(asked->at))) {
        judge(queries, moment, &check, true);
    } else if (!in_time) {
        judge(queries, moment, &check, false);
    } else {
        put_off(queries, moment, &check, now);
    }
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
