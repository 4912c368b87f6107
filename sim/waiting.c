#include "waiting.h"

#include <string.h>

static toa_word look_up(const waiting *all, const toa_query *query, toa_time engine_now,
                        toa_answer *out)
{
    return all->predict(all->context, &query->fake,
                        query->server.version == 0 ? NULL : &query->server, engine_now, out);
}

static void reply(const waiting *all, const toa_query *query, uint8_t asker, toa_time engine_now,
                  waiting_reply *out)
{
    toa_answer answer;
    (void)look_up(all, query, engine_now, &answer);
    out->asker = asker;
    out->len = toa_reply_encode(query, &answer, out->bytes);
}

/* docs/PROTOCOL.md, "wait": what more segments can make better. */
static bool may_improve(const waiting *all, const toa_query *query, toa_time engine_now)
{
    toa_answer answer;
    toa_word word = look_up(all, query, engine_now, &answer);
    return word == TOA_NEVER_SEEN || word == TOA_PENDING || word == TOA_NO_OPTION;
}

bool waiting_ask(waiting *all, const toa_query *query, uint8_t asker, toa_time now,
                 toa_time engine_now, waiting_reply *out)
{
    if (query->wait_ms != 0 && all->n < all->n_most && may_improve(all, query, engine_now)) {
        all->questions[all->n++] =
            (waiting_question){.query = *query,
                               .asker = asker,
                               .asked_at = engine_now,
                               .deadline = now + query->wait_ms * (TOA_SECOND / 1000)};
        return false;
    }
    reply(all, query, asker, engine_now, out);
    return true;
}

static bool same_peer(const toa_endpoint *asked, const toa_endpoint *fake)
{
    static const uint8_t prefix[12] = {[10] = 0xff, [11] = 0xff};
    if (asked->version == 6 && fake->version == 4) {
        return asked->port == fake->port && memcmp(asked->ip, prefix, 12) == 0 &&
               memcmp(asked->ip + 12, fake->ip, 4) == 0;
    }
    return toa_endpoint_equal(asked, fake);
}

void waiting_change(waiting *all, const toa_endpoint *fake, toa_time engine_now)
{
    for (size_t i = 0; i < all->n; i++) {
        waiting_question *one = &all->questions[i];
        if (same_peer(&one->query.fake, fake) && !may_improve(all, &one->query, engine_now)) {
            one->due = true;
        }
    }
}

size_t waiting_due(waiting *all, toa_time now, toa_time engine_now, waiting_reply *out)
{
    size_t n = 0;
    size_t left = 0;
    for (size_t i = 0; i < all->n; i++) {
        const waiting_question *one = &all->questions[i];
        if (one->due || one->deadline <= now) {
            reply(all, &one->query, one->asker, engine_now, &out[n++]);
        } else {
            all->questions[left++] = *one;
        }
    }
    all->n = left;
    return n;
}
