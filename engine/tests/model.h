/*
 * The rule again, as slowly as it can be told: every segment of every flow is remembered for ever,
 * and each answer is worked out from that history. Tests and fuzz targets compare the engine with
 * it. It shares the parser with the engine, and nothing else.
 *
 * It differs from the engine where the engine's table is full: here nothing is pushed out but by
 * model_forget, so no answer is `replaced` and the pushed_ counters stay 0. Ends the program when
 * memory runs out.
 */
#ifndef TOA_ENGINE_TESTS_MODEL_H
#define TOA_ENGINE_TESTS_MODEL_H

#include <toa/engine.h>

typedef struct toa_model toa_model;

/* What `config` points to must live as long as the model. */
toa_model *model_open(const toa_config *config);
void model_close(toa_model *model);

/* The functions of toa/engine.h. */
toa_word model_segment(toa_model *model, const toa_segment *segment, toa_time now,
                       toa_event *event);
toa_word model_lookup(const toa_model *model, const toa_endpoint *fake, const toa_endpoint *server,
                      toa_time now, toa_answer *answer);
size_t model_live(const toa_model *model, toa_time now);
void model_counters(const toa_model *model, toa_counters *out);

/* A frame in which the parser finds no segment, but `word`. */
void model_frame(toa_model *model, toa_word word, toa_time now);

/*
 * Whether a table that forgets flows might answer `client` for this flow at `now`: a trusted TOA
 * said so, at a place that counts or on a SYN, since the last SYN with a new number, and, unless
 * mappings are held, less than ttl ago.
 */
bool model_might_say(const toa_model *model, const toa_endpoint *fake, const toa_endpoint *server,
                     const toa_endpoint *client, toa_time now);

/* The flows, for who must know what a full table pushed out. Their order changes only when one is
 * forgotten: then the last takes its place. */
typedef struct model_flow {
    toa_endpoint fake;
    toa_endpoint server;
} model_flow;
size_t model_n_flows(const toa_model *model);
model_flow model_flow_at(const toa_model *model, size_t i);
void model_forget(toa_model *model, size_t i);

/* What flow `i` is worth at `now`: in the order in which a table that is full lets flows go, and
 * among equals the lowest *at first. */
typedef enum model_worth {
    MODEL_EXPIRED = 1,
    MODEL_PENDING = 2, /* no mapping */
    MODEL_MAPPING = 3
} model_worth;
model_worth model_worth_at(const toa_model *model, size_t i, toa_time now, toa_time *at);

#endif
