/*
 * config.h - what the service is told, by toa_win.conf and by flags.
 *
 * The keys of the vendor's file and keys of our own are set through one table, which flags use too;
 * docs/SERVE.md lists both. A configuration is plain data: copy and compare it freely. Nothing here
 * touches the system but toa_service_config_load, which reads the file.
 */
#ifndef TOA_SERVICE_CONFIG_H
#define TOA_SERVICE_CONFIG_H

#include <toa/engine.h>
#include <toa/query.h>

#include "say.h"

enum {
    TOA_CONFIG_SERVERS = 64,
    TOA_CONFIG_PREFIXES = 64,
    TOA_CONFIG_LISTENS = 16,
    TOA_CONFIG_DIALECTS = 16,
    TOA_CONFIG_DIALECT_TEXT = 64,
    TOA_CONFIG_NAME = 64,
    TOA_CONFIG_PATH = 1024,
    TOA_CONFIG_ERROR = 512,
    TOA_CONFIG_VENDOR_MAX = 3 /* ports, and ranges, in the vendor's keys */
};

/* The longest file that is read. */
#define TOA_CONFIG_FILE_MAX ((size_t)1024 * 1024)

/* What the capture is told: as long as this does not change, a reload keeps all mappings. */
typedef struct toa_capture_config {
    char interface[TOA_CONFIG_NAME];                             /* a name, an address, or "any" */
    char dialects[TOA_CONFIG_DIALECTS][TOA_CONFIG_DIALECT_TEXT]; /* as written; none: default */
    size_t n_dialects;
    toa_server servers[TOA_CONFIG_SERVERS];
    size_t n_servers;
    toa_prefix trust[TOA_CONFIG_PREFIXES];
    size_t n_trust;
    toa_time ttl;
    toa_hold hold;
    toa_duplicates duplicates;
    bool midstream;
    bool open_tunnels;
    uint64_t n_records;
    uint64_t buffer_size; /* of the kernel's ring; 0: the default */
} toa_capture_config;

typedef struct toa_record_config {
    char dir[TOA_CONFIG_PATH]; /* "": nothing is recorded */
    uint64_t size;             /* bytes of a file at which the next one begins */
    uint64_t files;            /* that are kept */
} toa_record_config;

typedef struct toa_service_config {
    toa_capture_config capture;
    toa_record_config record;
    toa_endpoint listen[TOA_CONFIG_LISTENS];
    size_t n_listen;
    toa_prefix allow[TOA_CONFIG_PREFIXES]; /* who may ask; none: everybody, on loopback alone */
    size_t n_allow;
    uint64_t n_held;            /* questions that may wait at once */
    char user[TOA_CONFIG_NAME]; /* "": nobody, when started as root */
    bool sandbox;
    toa_say_form log;
    char control[TOA_CONFIG_PATH]; /* the socket of toa ctl; "": none */
} toa_service_config;

/* A configuration while it is put together. */
typedef struct toa_config_maker {
    toa_service_config made;
    uint16_t port;                               /* ToaWinPort */
    toa_endpoint server_ip;                      /* ServerListenIP; version 0: any */
    toa_server ports[2 * TOA_CONFIG_VENDOR_MAX]; /* of both vendor keys */
    size_t n_ports;
    uint32_t given; /* keys that were set, by their place in the table */
    size_t line;    /* of the file; 0 for flags */
} toa_config_maker;

void toa_config_begin(toa_config_maker *maker);

/*
 * Sets the key that the flag `name` stands for; list keys may come again. Returns NULL, or what is
 * wrong, static.
 */
const char *toa_config_flag(toa_config_maker *maker, const char *name, const char *value);

/*
 * Reads a file's text into `maker`, which was just begun. On false, `error` has one line:
 * "NAME:LINE: what, and what would be right".
 */
bool toa_config_text(toa_config_maker *maker, const char *name, const char *text, size_t len,
                     char error[TOA_CONFIG_ERROR]);

/*
 * The configuration: `file` (NULL: none), and over it what `flags` sets. On false `error` has one
 * line, and *out is untouched.
 */
bool toa_config_finish(const toa_config_maker *file, const toa_config_maker *flags,
                       toa_service_config *out, char error[TOA_CONFIG_ERROR]);

/* All of it: reads `path` (NULL: no file) and puts the flags over it. What this system has not is
 * wrong (config_system.h). */
bool toa_service_config_load(const char *path, const toa_config_maker *flags,
                             toa_service_config *out, char error[TOA_CONFIG_ERROR]);

/* The dialects of a capture configuration. It was checked when it was set. */
void toa_config_dialects(const toa_capture_config *config, toa_dialects *out);

/* What the engine is told. Points into `config` and `dialects`; the hash key is the caller's. */
toa_config toa_config_engine(const toa_capture_config *config, const toa_dialects *dialects);

/* Whether two capture configurations are the same. */
bool toa_config_same_capture(const toa_capture_config *a, const toa_capture_config *b);

/* Room for every configuration as text. */
#define TOA_CONFIG_TEXT_MAX ((size_t)32 * 1024)

/* Writes the configuration as a file that reads as the same one. Returns its length. */
size_t toa_config_format(const toa_service_config *config, char out[TOA_CONFIG_TEXT_MAX]);

/* Writes its capture part as lines of a regression case (docs/CASES.md): all but the ports of the
 * service, which the sockets know. Returns the length. */
size_t toa_config_format_case(const toa_service_config *config, char out[TOA_CONFIG_TEXT_MAX]);

#endif
