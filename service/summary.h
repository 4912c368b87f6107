/* summary.h - what was counted, for people. */
#ifndef TOA_SERVICE_SUMMARY_H
#define TOA_SERVICE_SUMMARY_H

#include "core.h"
#include "record.h"

/* What there is to tell; pointers may be NULL. */
typedef struct toa_summary {
    const toa_core_counters *core;
    size_t held;     /* questions that wait now */
    uint64_t unsent; /* answers that could not be sent */
    const toa_engine *engine;
    toa_time now; /* the engine's */
    bool live;    /* the next three mean something */
    uint64_t captured;
    uint64_t kernel_drops;
    uint64_t reopens;
    const toa_record_counters *record;
} toa_summary;

/* Says it, a line for each part. */
void toa_summary_say(const toa_summary *summary);

#endif
