/*
 * console.h - what `toa ctl` can ask of a running service (docs/SERVE.md, "toa ctl").
 *
 *   stats [json|module], metrics [open]       for everybody who may connect
 *   mappings [all] [json], explain FAKE[>SERVER], flush, reload       for who is trusted
 */
#ifndef TOA_SERVICE_CONSOLE_H
#define TOA_SERVICE_CONSOLE_H

#include <toa/engine.h>

#include "config.h"
#include "control.h"
#include "figures.h"
#include "story.h"

/* What it asks the service. */
typedef struct toa_console {
    void *service;
    void (*figures)(const void *service, toa_figures *out);
    const toa_engine *(*engine)(const void *service);
    toa_time (*now)(const void *service); /* the engine's */
    void (*lookup)(void *service, const toa_endpoint *fake, const toa_endpoint *server,
                   toa_answer *answer);
    bool (*story)(void *service, const toa_endpoint *fake, const toa_endpoint *server,
                  toa_story *out);
    const toa_capture_config *(*capture)(const void *service); /* NULL: a file */
    /* False: `error` says why. */
    bool (*flush)(void *service, char error[TOA_CONFIG_ERROR]);
    bool (*reload)(void *service, char error[TOA_CONFIG_ERROR]);
} toa_console;

/* A toa_control_answer; the context is a toa_console. */
void toa_console_answer(void *console, const char *command, toa_control_reply *reply);

#endif
