/*
 * record.h - what the service saw and said, on disk, as regression cases.
 *
 * Each file is a case by itself (NAME.pcap and NAME.case): every frame that came up from the
 * kernel, every question, and the answers that can be checked from this file alone, at the engine's
 * times. `toa check DIR` replays them and must come to the same answers. When a file is full the
 * next one begins, and the oldest goes.
 *
 * An answer about a flow whose SYN is not in the file is left out and counted, and so is one in the
 * last moment of a file: nobody who has only the file could tell whether it is right.
 *
 *   Threads   Frames, questions and answers may come from any; a thread of the record's own sorts
 *             them by time and writes, so that a slow disk delays nobody. When it does not keep up,
 *             records are lost and counted; when the disk is full, recording ends with a message.
 */
#ifndef TOA_SERVICE_RECORD_H
#define TOA_SERVICE_RECORD_H

#include "config.h"
#include "core.h"

typedef struct toa_record toa_record;

/*
 * Makes the directory ready, as the user who starts the program and for the one who goes on with
 * it: to be called before privileges are dropped. False: `error` says why.
 */
bool toa_record_prepare(const toa_record_config *config, const char *user,
                        char error[TOA_CONFIG_ERROR]);

/*
 * To be called once, before the first start: what an earlier run that was killed left behind, half
 * a record at the end of its last file or a pair that holds nothing yet, is taken away, with a
 * message.
 */
void toa_record_recover(const toa_record_config *config);

/* Starts recording; `now` is the engine's time. NULL: `error` says why. */
toa_record *toa_record_start(const toa_service_config *config, toa_time now,
                             char error[TOA_CONFIG_ERROR]);

/* The UDP ports that questions come to, TOA_CONFIG_LISTENS at most. To be called before the first
 * question. */
void toa_record_services(toa_record *record, const uint16_t ports[], size_t n);

/* A frame that came up. `event` says what it did. */
void toa_record_frame(toa_record *record, const uint8_t *bytes, uint32_t captured_len,
                      uint32_t original_len, int link_type, const toa_event *event, toa_time time);

/* A question or an answer; the functions of a toa_core_tap, with the record as context. */
toa_core_tap toa_record_tap(toa_record *record);

/* Writes what is left, and ends. NULL is fine. */
void toa_record_stop(toa_record *record);

typedef struct toa_record_counters {
    uint64_t written;   /* records */
    uint64_t lost;      /* records that came faster than they could be written */
    uint64_t unchecked; /* answers that were left out: their flow began before the file */
    uint64_t files;     /* that were begun */
    bool stopped;       /* the disk is full, or something like it */
} toa_record_counters;
void toa_record_count(toa_record *record, toa_record_counters *out);

#endif
