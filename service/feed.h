/*
 * feed.h - answers from a live capture: lookups that drain, changes for questions that wait, and
 * frames for the record.
 */
#ifndef TOA_SERVICE_FEED_H
#define TOA_SERVICE_FEED_H

#include <toa/live.h>

#include "config.h"
#include "core.h"
#include "figures.h"
#include "record.h"

typedef struct toa_feed toa_feed;

/* Who is called, from any thread, when toa_feed_changed has something. */
typedef struct toa_feed_wake {
    void (*call)(void *context);
    void *context;
} toa_feed_wake;

/*
 * Starts capturing; with `stories`, what segments were is kept for toa ctl explain. NULL: `wrong`
 * and `error` say why; else `error` has what is not as asked, or nothing.
 */
toa_feed *toa_feed_start(const toa_capture_config *config, bool stories, const toa_feed_wake *wake,
                         toa_live_error *wrong, char error[TOA_CONFIG_ERROR]);
void toa_feed_stop(toa_feed *feed);

toa_answers toa_feed_answers(toa_feed *feed);

/* Where frames are recorded from now on; NULL: nowhere. When it returns, nobody uses the old one.
 */
void toa_feed_record(toa_feed *feed, toa_record *record);

/* Tells `core` what changed since the last call. */
void toa_feed_changed(toa_feed *feed, toa_core *core);

/* Takes the ring, as everything does that the capture is for: returns only if it can be had. */
void toa_feed_probe(const toa_feed *feed);

const toa_engine *toa_feed_engine(const toa_feed *feed);
/* As toa_stories_tell. */
bool toa_feed_story(toa_feed *feed, const toa_endpoint *fake, const toa_endpoint *server,
                    toa_story *out);

toa_time toa_feed_now(const toa_feed *feed);
void toa_feed_figures(toa_feed *feed, toa_figures *out);

#endif
