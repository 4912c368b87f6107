/*
 * figures.h - what the service counts: one table, of which the summary, `toa ctl stats` as text and
 * as JSON, the metrics, and the names of the kernel modules' toa_stats are views. A counter that is
 * added there is in all of them; words are those of toa/parser.h.
 */
#ifndef TOA_SERVICE_FIGURES_H
#define TOA_SERVICE_FIGURES_H

#include "core.h"
#include "record.h"
#include "story.h"
#include "text.h"

/* The values, of one moment. All but `present` are uint64_t, which the table counts on. */
typedef struct toa_figures {
    /* Datagrams and answers */
    uint64_t datagrams;
    uint64_t version_1;
    uint64_t version_2;
    uint64_t foreign;
    uint64_t malformed;
    uint64_t not_allowed;
    uint64_t answers[TOA_N_WORDS];
    uint64_t unsent;
    uint64_t held;
    uint64_t held_found;
    uint64_t held_full;
    uint64_t held_now;
    uint64_t held_most;
    /* The engine */
    uint64_t frames;
    uint64_t verdicts[TOA_N_WORDS];
    uint64_t mappings;
    uint64_t records;
    uint64_t replaced;
    uint64_t pushed_expired;
    uint64_t pushed_pending;
    uint64_t pushed_mapping;
    uint64_t broken_rest;
    uint64_t several;
    uint64_t time_backwards;
    /* The capture */
    uint64_t captured;
    uint64_t kernel_drops;
    uint64_t misses_after_drops;
    uint64_t drains;
    uint64_t reopens;
    uint64_t capturing;                   /* 1: the interface is there */
    uint64_t unheard[TOA_STORY_DIALECTS]; /* toa_stories_unheard */
    /* The record */
    uint64_t record_written;
    uint64_t record_lost;
    uint64_t record_unchecked;
    uint64_t record_files;
    uint64_t record_stopped;
    /* The service */
    uint64_t started_at; /* seconds since 1970 */
    uint64_t reloads;
    uint64_t reloads_refused;
    uint64_t unsaid;  /* messages that were too many */
    unsigned present; /* 1 << toa_figures_part, where there is a capture or a record */
} toa_figures;

/* What is told together. */
typedef enum toa_figures_part {
    TOA_FIGURES_DATAGRAMS,
    TOA_FIGURES_ANSWERS,
    TOA_FIGURES_WAITS,
    TOA_FIGURES_FRAMES,
    TOA_FIGURES_MAPPINGS,
    TOA_FIGURES_CAPTURE, /* not always present */
    TOA_FIGURES_RECORD,  /* likewise */
    TOA_FIGURES_SERVICE,
    TOA_N_FIGURES_PARTS
} toa_figures_part;

struct toa_live;

/* Fill in what these count. */
void toa_figures_of_core(toa_figures *figures, const toa_core *core);
void toa_figures_of_engine(toa_figures *figures, const toa_engine *engine, toa_time now);
void toa_figures_of_capture(toa_figures *figures, const struct toa_live *live);
void toa_figures_of_record(toa_figures *figures, toa_record *record);

/* For people, a line for each part: "answers: 7 found, 2 no_option". Zeros are left out but where
 * they are good news. */
void toa_figures_text(const toa_figures *figures, toa_text *out);

/* One line of JSON. */
void toa_figures_json(const toa_figures *figures, toa_text *out);

/* For Prometheus: OpenMetrics 1.0 (with `open`), or the older text format 0.0.4. */
void toa_figures_metrics(const toa_figures *figures, bool open, toa_text *out);

/* As /proc/net/toa_stats of the kernel modules prints it. */
void toa_figures_module(const toa_figures *figures, toa_text *out);

#endif
