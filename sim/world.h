/*
 * world.h - what happens, made from a seed before any of it runs, so that it can be cut down and
 * written to files.
 *
 * Connections come through load balancers of several makes, whose ports are used again and again;
 * the network loses, doubles and reorders their segments; the capture cuts and garbles some;
 * attackers flood, forge options and spoil handshakes; the capture's clock jumps; and people ask,
 * directly and by datagrams.
 */
#ifndef TOA_SIM_WORLD_H
#define TOA_SIM_WORLD_H

#include <toa/engine.h>

#include "random.h"

enum { SIM_SERVERS_MAX = 3, SIM_DIALECTS_MAX = 8 };

/* What a world asks of the engine. Everything can be written in a case. */
typedef struct sim_setup {
    const char *dialects[SIM_DIALECTS_MAX]; /* none: the default ones */
    size_t n_dialects;
    toa_endpoint servers[SIM_SERVERS_MAX]; /* for IPv4; IPv6 has one with the same ports */
    size_t n_servers;
    size_t n_watched; /* of world_watched; 0: every flow */
    bool trust;       /* world_trust, the load balancers, alone */
    toa_time ttl;
    bool hold_connection;
    toa_duplicates duplicates;
    bool midstream;
    size_t n_records;
    uint64_t hash_key;
    size_t n_held; /* questions that may wait */
} sim_setup;

/* How a frame was spoiled. */
typedef enum sim_damage {
    SIM_SOUND = 0,
    SIM_FRAGMENT = 1, /* a later one */
    SIM_CUT = 2,      /* inside the TCP header */
    SIM_OFFSET = 3,   /* data offset 4 */
    SIM_DATAGRAM = 4, /* UDP */
    SIM_DAMAGES = 5
} sim_damage;

typedef struct sim_frame {
    toa_endpoint source;
    toa_endpoint destination;
    uint32_t seq;
    uint16_t data_len;
    uint8_t flags;
    uint8_t damage;
    uint8_t options_len;   /* announced: a multiple of four */
    uint8_t options_there; /* captured */
    uint8_t options[TOA_OPTIONS_MAX];
} sim_frame;

/* A lookup: by the fake endpoint alone where the server has version 0. */
typedef struct sim_ask {
    toa_endpoint fake;
    toa_endpoint server;
    toa_time later; /* it asks about a time so far ahead */
} sim_ask;

/* A question to the service, by one of SIM_ASKERS; the last of them may not ask. */
enum { SIM_ASKERS = 4 };
typedef struct sim_datagram {
    toa_endpoint fake;
    toa_endpoint server;
    uint32_t id;
    uint16_t wait_ms;
    uint8_t version;
    uint8_t asker;
    uint8_t broken; /* 0: whole; else it loses its last bytes, or a field of it is wrong */
} sim_datagram;

typedef enum sim_kind { SIM_OP_FRAME = 0, SIM_OP_ASK = 1, SIM_OP_DATAGRAM = 2 } sim_kind;

typedef struct sim_op {
    toa_time at;    /* since the world began; never runs backwards */
    toa_time stamp; /* the same by the capture's clock, which does */
    sim_kind kind;
    union {
        sim_frame frame;
        sim_ask ask;
        sim_datagram datagram;
    };
} sim_op;

typedef struct sim_world {
    uint64_t seed;
    sim_setup setup;
    sim_op *ops;
    size_t n_ops;
} sim_world;

/* The world of this seed, with `n_ops` operations. The same everywhere. Ends the program when
 * memory is short. */
void world_make(sim_world *world, uint64_t seed, size_t n_ops);
void world_free(sim_world *world);

/* What is trusted, and what is watched, as a case says it. */
extern const char *const world_trust[2];
extern const char *const world_watched[2];

/* The configuration that the setup speaks of; it points into `room`. */
typedef struct sim_config {
    toa_dialects dialects;
    toa_server servers[SIM_SERVERS_MAX];
    toa_prefix trust[2];
    toa_config config;
} sim_config;
void world_config(const sim_setup *setup, sim_config *room);

/* The frame as a segment, whose options are bytes of it. */
toa_segment world_segment(const sim_frame *frame);

/* The frame's bytes, of link type TOA_LINK_RAW; a client of malloc frees them. */
uint8_t *world_frame(const sim_frame *frame, size_t *len);

/* What the parser must find in a frame that is not sound. */
toa_word world_damage_word(sim_damage damage);

#endif
