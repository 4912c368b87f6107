/*
 * Short scripts of what happens to an engine, so that a test is a sentence and its proof a line:
 *
 *     0 syn 100 = open; 1 ack 101 A = learn; 15 ask = A ack age=14; 101 ask = expired age=0 was=A
 *
 * Steps stand between semicolons: a time in ns (or "min", "max", "max-N"), a verb, its arguments,
 * and behind "=" what must come.
 *
 *   FLAGS [FLOW] [back] SEQ[+LEN] [OPTIONS] = VERDICT [replaced] [was=CLIENT]
 *       a segment of LEN data bytes (data: 10, else 0); SEQ is not 0; back: from the server
 *       FLAGS: syn ack data fin finonly rst rstack synack synfin synrst none
 *   ask [FLOW] = CLIENT|REASON [syn|ack|data] [age=N] [free=N] [vip=VIP] [was=CLIENT]
 *                [ambiguous] [kind=K] [of=sN]
 *       by fake alone, or, with >sN, by both
 *   live = how many mappings answer
 *
 * FLOW: fN (client: 6 and above are IPv6) or fN>sN; f1>s1 when left out. mN: like fN, but the
 * question is asked in IPv6 form (::ffff:10.0.0.N).
 * OPTIONS, one character each, in this order in the segment:
 *   A B C D  254/8, clients 203.0.113.1:1001 and so on     E  200/8, client A
 *   a b      254/20, clients [2001:db8::1]:1001 and so on  s  253/8 (names nobody)
 *   x z      254/8 that look like Fast Open, like SMC      m  2/4 (MSS)   .  no operation
 *   v w      250/8, virtual servers 10.9.0.1:81 and so on  u  202/8, virtual server v
 *   2 6      252/20, 254/16: client A, virtual server v    9  249/40: client a, v6 server V
 *   P Q      28/7, 28/6: client P (203.0.113.9)            p  28/19: client p (2001:db8::9)
 *   !        a length of 1: broken from here on            ~  the capture ends inside an option
 */
#ifndef TOA_ENGINE_TESTS_SCRIPT_H
#define TOA_ENGINE_TESTS_SCRIPT_H

#include <toa/engine.h>

#define SCRIPT_TOKENS 16
#define SCRIPT_TOKEN  32

/* A step: its words, in two parts. */
typedef struct script_step {
    char args[SCRIPT_TOKENS][SCRIPT_TOKEN]; /* time, verb, arguments */
    size_t n_args;
    char musts[SCRIPT_TOKENS][SCRIPT_TOKEN];
    size_t n_musts;
} script_step;

/* Reads the next step; false at the end. Ends the program on a step that cannot be read. */
bool script_next(const char **at, script_step *out);

toa_time script_time(const char *text);

/* "A" and the other clients and virtual servers; version 0 when nobody has this name. */
toa_endpoint script_client(const char *name);
toa_endpoint script_vip(const char *name);

/* "f1>s2" and so on. has_server says whether a server was named. */
typedef struct script_flow {
    toa_endpoint fake;
    toa_endpoint server;
    bool has_server;
} script_flow;
script_flow script_flow_read(const char *text);

/* The segment of a step; its options are bytes of `room`. */
void script_segment(const script_step *step, uint8_t room[TOA_OPTIONS_MAX], toa_segment *out);

/* The segment as a frame of link type TOA_LINK_RAW, in malloced memory. The data are not there: the
 * capture ends behind the options. */
uint8_t *script_frame(const toa_segment *segment, size_t *len);

#endif
