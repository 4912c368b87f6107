/*
 * queries.h - the UDP service in a capture: each recorded answer is compared with the engine's.
 *
 * The service that was recorded saw the same segments a moment earlier or later than the capture
 * did. So within TOLERANCE of a learning or an expiry both answers count: what held before, and
 * what holds after. It answered at some moment between the query and its answer, so what held at
 * any of them counts, too; but not when the answer comes later than the query's wait (where the
 * engine would have waited) and PATIENCE: then it must be what held when the query came. Every
 * answer that names a query counts, a second one and one that cannot be read, too. Times are a
 * capture's and may be any; one before the latest counts as the latest, as it does for the engine.
 */
#ifndef TOA_QUERIES_H
#define TOA_QUERIES_H

#include <toa/replay.h>

#define TOA_QUERIES_TOLERANCE (2 * TOA_SECOND / 1000)

/* How long a service takes at most, beyond the wait that was asked for: clients give up by then. */
#define TOA_QUERIES_PATIENCE TOA_SECOND

/* The last moment at which a change explains an answer given at `time`. */
static inline toa_time toa_time_after(toa_time time)
{
    return time > INT64_MAX - TOA_QUERIES_TOLERANCE ? INT64_MAX : time + TOA_QUERIES_TOLERANCE;
}

typedef struct toa_queries toa_queries;

typedef void toa_queries_told(void *context, toa_moment moment, const toa_check_answer *check);

/* Of the services on these UDP ports, TOA_SERVICES_MAX at most. `told` gets each judgement. NULL
 * when memory is short. */
toa_queries *toa_queries_new(const toa_engine *engine, const uint16_t ports[], size_t n_ports,
                             toa_queries_told *told, void *context);
void toa_queries_free(toa_queries *queries);

/* Whether an event of the engine is a mapping that began, changed or ended. */
static inline bool toa_event_changes(const toa_event *event)
{
    return event->verdict == TOA_LEARN || event->verdict == TOA_REPEAT ||
           event->former.client.version != 0;
}

/* Such an event. */
void toa_queries_event(toa_queries *queries, const toa_event *event, toa_time time);

/* A datagram, whatever it holds. Returns whether a judgement is put off. */
bool toa_queries_datagram(toa_queries *queries, const toa_datagram *datagram, toa_moment moment);

/* Judges what was put off until before `time`. To be called before the engine hears of `time`.
 * Returns whether a judgement is still put off: if not, this need not be called. */
bool toa_queries_advance(toa_queries *queries, toa_time time);

/* Judges everything. */
void toa_queries_finish(toa_queries *queries);

typedef struct toa_queries_totals {
    uint64_t queries;
    uint64_t agree; /* answers; a query may have several */
    uint64_t disagree;
    uint64_t unanswered; /* queries: no answer in the capture, or forgotten for newer ones */
} toa_queries_totals;
toa_queries_totals toa_queries_count(const toa_queries *queries);

#endif
