#include "core.h"

#include <stdlib.h>
#include <string.h>

#define MILLISECOND (TOA_SECOND / 1000)

struct toa_core {
    toa_answers answers;
    toa_core_tap tap;
    toa_prefix *allow;
    size_t n_allow;
    toa_hold_table *held;
    toa_core_counters counters;
};

/* ---- An engine whose time stands still ------------------------------------------------------- */

static toa_time frozen_now(void *context)
{
    const toa_frozen *frozen = context;
    return frozen->at;
}

static toa_word frozen_lookup(void *context, const toa_endpoint *fake, const toa_endpoint *server,
                              toa_answer *answer)
{
    const toa_frozen *frozen = context;
    return toa_engine_lookup(frozen->engine, fake, server, frozen->at, answer);
}

toa_answers toa_answers_frozen(toa_frozen *frozen)
{
    return (toa_answers){.context = frozen, .now = frozen_now, .lookup = frozen_lookup};
}

/* ---- Setting up ------------------------------------------------------------------------------ */

bool toa_core_allow(toa_core *core, const toa_prefix *allow, size_t n_allow)
{
    toa_prefix *copy = calloc(n_allow + 1, sizeof copy[0]);
    if (copy == NULL) {
        return false;
    }
    if (n_allow != 0) {
        memcpy(copy, allow, n_allow * sizeof copy[0]);
    }
    free(core->allow);
    core->allow = copy;
    core->n_allow = n_allow;
    return true;
}

toa_core *toa_core_new(const toa_core_options *options)
{
    toa_core *core = calloc(1, sizeof *core);
    if (core == NULL) {
        return NULL;
    }
    core->answers = options->answers;
    core->tap = options->tap;
    core->held = toa_hold_new(options->n_held, options->hash_key);
    if (core->held == NULL || !toa_core_allow(core, options->allow, options->n_allow)) {
        toa_core_free(core);
        return NULL;
    }
    return core;
}

void toa_core_free(toa_core *core)
{
    if (core != NULL) {
        toa_hold_free(core->held);
        free(core->allow);
        free(core);
    }
}

static void tell_waiting(const toa_core *core)
{
    if (core->answers.waiting != NULL) {
        core->answers.waiting(core->answers.context, toa_hold_count(core->held));
    }
}

void toa_core_answers(toa_core *core, const toa_answers *answers)
{
    core->answers = *answers;
    tell_waiting(core);
    toa_core_changed(core, NULL);
}

void toa_core_tap_set(toa_core *core, const toa_core_tap *tap)
{
    core->tap = *tap;
}

const toa_core_counters *toa_core_count(const toa_core *core)
{
    return &core->counters;
}

size_t toa_core_held(const toa_core *core)
{
    return toa_hold_count(core->held);
}

/* ---- Answering ------------------------------------------------------------------------------- */

static bool may_ask(const toa_core *core, const toa_endpoint *asker)
{
    for (size_t i = 0; i < core->n_allow; i++) {
        if (toa_prefix_contains(&core->allow[i], asker)) {
            return true;
        }
    }
    return core->n_allow == 0;
}

static toa_word look_up(const toa_core *core, const toa_query *query, toa_answer *answer)
{
    return core->answers.lookup(core->answers.context, &query->fake,
                                query->server.version == 0 ? NULL : &query->server, answer);
}

/* An answer that more segments can change for the better: docs/PROTOCOL.md, "wait". Where they come
 * late, what a young SYN said is one. */
static bool is_worth_waiting(const toa_core *core, const toa_answer *said)
{
    if (said->word == TOA_FOUND) {
        return said->mapping.carrier == TOA_CARRIER_SYN && said->age < core->answers.late;
    }
    return toa_word_may_change(said->word);
}

static bool is_worth_holding(const toa_core *core, const toa_query *query, toa_answer *said)
{
    (void)look_up(core, query, said);
    return is_worth_waiting(core, said);
}

static toa_time wait_of(const toa_core *core, const toa_query *query)
{
    toa_time wait = (toa_time)query->wait_ms * MILLISECOND;
    return wait > core->answers.late ? wait : core->answers.late;
}

static size_t answer(toa_core *core, const toa_query *query, const toa_peer *peer,
                     const toa_answer *said, uint8_t out[TOA_DATAGRAM_MAX])
{
    size_t len = toa_reply_encode(query, said, out);
    core->counters.answers[said->word]++;
    /* The question has a time before the lookup, the answer one behind it: what the answer knows
     * was there at one of them, or came between. */
    if (core->tap.answered != NULL) {
        toa_time at = core->answers.now(core->answers.context);
        core->tap.answered(core->tap.context, peer, query, said, out, len, at);
    }
    return len;
}

/* Takes the question in, and only then looks: what is learned from then on is reported. */
static bool hold(toa_core *core, const toa_query *query, const toa_peer *peer, toa_time now,
                 toa_answer *said)
{
    toa_held fresh = {.query = *query, .peer = *peer};
    toa_time wait = wait_of(core, query);
    fresh.deadline = now > INT64_MAX - wait ? INT64_MAX : now + wait;
    toa_held *held = toa_hold_put(core->held, &fresh);
    if (held == NULL) {
        core->counters.held_full++;
        return false;
    }
    tell_waiting(core);
    if (!is_worth_holding(core, query, said)) {
        toa_hold_take(core->held, held);
        tell_waiting(core);
        return false;
    }
    core->counters.held++;
    if (toa_hold_count(core->held) > core->counters.held_most) {
        core->counters.held_most = toa_hold_count(core->held);
    }
    return true;
}

static bool is_question(toa_core *core, const uint8_t *bytes, size_t len, const toa_peer *peer,
                        toa_query *out)
{
    core->counters.datagrams++;
    if (!may_ask(core, &peer->from)) {
        core->counters.not_allowed++;
        return false;
    }
    toa_word word = toa_query_decode(bytes, len, out);
    if (word != TOA_FOUND) {
        core->counters.foreign += word == TOA_FOREIGN;
        core->counters.malformed += word != TOA_FOREIGN;
        return false;
    }
    core->counters.questions[out->version - 1]++;
    return true;
}

size_t toa_core_datagram(toa_core *core, const uint8_t *bytes, size_t len, const toa_peer *peer,
                         toa_time now, uint8_t out[TOA_DATAGRAM_MAX])
{
    toa_query query;
    toa_answer said;
    if (!is_question(core, bytes, len, peer, &query)) {
        return 0;
    }
    if (core->tap.asked != NULL) {
        toa_time at = core->answers.now(core->answers.context);
        core->tap.asked(core->tap.context, peer, bytes, len, at);
    }
    if (is_worth_holding(core, &query, &said) && wait_of(core, &query) != 0 &&
        hold(core, &query, peer, now, &said)) {
        return 0;
    }
    return answer(core, &query, peer, &said, out);
}

/* ---- Questions that wait --------------------------------------------------------------------- */

static void make_due(toa_core *core, toa_held *held)
{
    toa_answer said;
    if (held->deadline != INT64_MIN && !is_worth_holding(core, &held->query, &said)) {
        toa_hold_move(core->held, held, INT64_MIN);
    }
}

void toa_core_changed(toa_core *core, const toa_endpoint *fake)
{
    toa_held *held = NULL;
    if (fake == NULL) {
        for (size_t i = 0; (held = toa_hold_at(core->held, i)) != NULL; i++) {
            make_due(core, held);
        }
        return;
    }
    for (held = toa_hold_about(core->held, fake); held != NULL;
         held = toa_hold_next(core->held, held)) {
        make_due(core, held);
    }
}

toa_time toa_core_deadline(const toa_core *core)
{
    const toa_held *first = toa_hold_first(core->held);
    return first == NULL ? INT64_MAX : first->deadline;
}

size_t toa_core_due(toa_core *core, toa_time now, toa_peer *peer, uint8_t out[TOA_DATAGRAM_MAX])
{
    toa_held *first = toa_hold_first(core->held);
    toa_answer said;
    if (first == NULL || first->deadline > now) {
        return 0;
    }
    toa_held held = *first;
    toa_hold_take(core->held, first);
    tell_waiting(core);
    core->counters.held_found += look_up(core, &held.query, &said) == TOA_FOUND;
    *peer = held.peer;
    return answer(core, &held.query, peer, &said, out);
}
