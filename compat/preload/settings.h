/*
 * settings.h - what the library is told, by variables of the environment.
 *
 *   TOA_PRELOAD_SOURCES     whom it asks, in this order: syn (the SYN that the kernel saved),
 * service (toa serve, over UDP); with a comma between; default syn,service TOA_PRELOAD_SERVICE
 * IP:PORT of the service; default 127.0.0.1:9999 TOA_PRELOAD_WAIT        ms that the service may
 * wait for the client to be known; default 0 TOA_PRELOAD_DIALECTS    dialects on the SYN, with ;
 * between; default tencent;lvs TOA_PRELOAD_TRUST       prefixes of load balancers, with ; between;
 * default: every peer is believed TOA_PRELOAD_DUPLICATES  several TOAs on a SYN: first (default),
 * last, reject TOA_PRELOAD_LOG         1: a line on standard error for every connection
 *
 * `toa run` makes them of its options.
 */
#ifndef TOA_PRELOAD_SETTINGS_H
#define TOA_PRELOAD_SETTINGS_H

#include <toa/parser.h>
#include <toa/text.h>

enum { PRELOAD_PREFIXES = 64, PRELOAD_SOURCES = 2, PRELOAD_WAIT_MAX = 10000 };

typedef enum preload_source { PRELOAD_SYN = 1, PRELOAD_SERVICE = 2 } preload_source;

typedef struct preload_settings {
    preload_source sources[PRELOAD_SOURCES];
    size_t n_sources;
    toa_endpoint service;
    uint64_t wait_ms;
    toa_dialects dialects;
    toa_prefix trust[PRELOAD_PREFIXES];
    size_t n_trust;
    toa_duplicates duplicates;
    bool log;
} preload_settings;

/* By default. */
void preload_settings_init(preload_settings *settings);

/* Sets what the variable TOA_PRELOAD_`name` would. Returns NULL, or what is wrong, static. */
const char *preload_settings_set(preload_settings *settings, const char *name, const char *value);

/* Reads the environment. Returns NULL, or what is wrong, and *name is the variable. */
const char *preload_settings_read(preload_settings *settings, const char **name);

#endif
