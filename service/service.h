/*
 * service.h - the daemon without its loop: sockets, capture, record, reload and control, as both
 * loops (loop.c, loop_windows.c) use them. What waits, signals and gives up rights is theirs.
 */
#ifndef TOA_SERVICE_SERVICE_H
#define TOA_SERVICE_SERVICE_H

#include "control.h"
#include "feed.h"
#include "loop.h"
#include "sockets.h"

typedef struct toa_service {
    /* The loop sets these, and the rest to zero. */
    const toa_serve_options *options;
    toa_time (*clock)(void);                                /* never runs backwards */
    toa_feed_wake wake;                                     /* ends the loop's wait */
    void (*reloading)(struct toa_service *self, bool over); /* NULL: nobody wants to know */
    /* What it has. */
    toa_service_config config;
    toa_socket sockets[TOA_CONFIG_LISTENS];
    size_t n_sockets;
    uint32_t next_number; /* of a socket */
    toa_batch *batch;
    toa_core *core;
    toa_feed *feed; /* NULL with a frozen engine */
    toa_record *record;
    toa_control *control;   /* NULL: none is wanted */
    toa_live_error capture; /* why the last capture did not start */
    uint64_t unsent;
    uint64_t reloads;
    uint64_t reloads_refused;
    uint64_t started_at; /* by the wall clock */
} toa_service;

/* Opens what `config` has and is not open; what it has not is closed. What fails is said, and
 * leaves all as it was. */
bool toa_service_sockets(toa_service *self, const toa_service_config *config);

/* The capture, unless the engine is a frozen one, what answers, and the record: behind this all is
 * there but the control. What fails is said. */
bool toa_service_begin(toa_service *self);

/* Listens for `toa ctl`, if the configuration wants it. */
bool toa_service_control(toa_service *self, const char *user, char error[TOA_CONFIG_ERROR]);

/* Answers what one socket has; whether it may have more. */
bool toa_service_answer(toa_service *self, const toa_socket *from);

/* Answers questions that waited and are due. `now` is the loop's clock's. */
void toa_service_answer_held(toa_service *self, toa_time now);

/* A turn of the control; it may change the sockets. */
void toa_service_answer_control(toa_service *self, toa_time now);

/* When one of these has something to do; INT64_MAX: never. */
toa_time toa_service_deadline(const toa_service *self);

/* Reads the configuration anew. False: the old one goes on, `error` says why, and it was said. */
bool toa_service_reload(toa_service *self, char error[TOA_CONFIG_ERROR]);

/* What was counted, as messages. */
void toa_service_say_summary(const toa_service *self);

/* Ends all that was begun. */
void toa_service_end(toa_service *self);

#endif
