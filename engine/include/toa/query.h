/*
 * toa/query.h - questions and answers over UDP, as bytes.
 *
 * Version 1 is the vendor's, byte for byte; version 2 has room for IPv6, the server, the reason,
 * the age, the virtual server and a wait. Both are told byte by byte in docs/PROTOCOL.md.
 * Pure; the conventions of toa/parser.h hold.
 */
#ifndef TOA_QUERY_H
#define TOA_QUERY_H

#include <toa/engine.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TOA_QUERY_PORT 9999

#define TOA_QUERY_V1_LEN  10
#define TOA_ANSWER_V1_LEN 11
#define TOA_QUERY_V2_LEN  80 /* as long as its answer: nothing is amplified */
#define TOA_ANSWER_V2_LEN 80
#define TOA_DATAGRAM_MAX  80

typedef struct toa_query {
    uint8_t version; /* 1 or 2 */
    uint32_t id;     /* the client's; comes back in the answer */
    toa_endpoint fake;
    toa_endpoint server; /* version 2; endpoint version 0: any */
    uint16_t wait_ms;    /* version 2: hold the question until the answer is there, this long */
} toa_query;

/*
 * Reads a datagram.
 *   TOA_FOUND      *out is the question
 *   TOA_FOREIGN    of neither version's length, or of 80 bytes without version 2's magic
 *   TOA_MALFORMED  version 2, with a field out of range
 * No answer is due to either.
 */
TOA_API toa_word toa_query_decode(const uint8_t *bytes, size_t len, toa_query *out);

/*
 * Writes a question. Returns its length; 0, and nothing is written, when its version has no room
 * for it (1: an IPv6 fake endpoint, a server, a wait), there is no such version, or an endpoint is
 * none or has no port.
 */
TOA_API size_t toa_query_encode(const toa_query *query, uint8_t out[TOA_DATAGRAM_MAX]);

/* An answer as a client gets it. Version 1 has `word` (TOA_FOUND, or TOA_NEVER_SEEN for its one
 * "not found") and the client alone. */
typedef struct toa_reply {
    uint8_t version;
    uint32_t id;
    toa_answer answer;
} toa_reply;

/*
 * Writes the answer to a question. Returns its length. Version 1 says "not found" where it has no
 * room for what was found: a client with an IPv6 address or without a port. Version 2 leaves out
 * answer->former, which identifies nobody.
 */
TOA_API size_t toa_reply_encode(const toa_query *query, const toa_answer *answer,
                                uint8_t out[TOA_DATAGRAM_MAX]);

/* Reads an answer. Results as toa_query_decode. */
TOA_API toa_word toa_reply_decode(const uint8_t *bytes, size_t len, toa_reply *out);

#ifdef __cplusplus
}
#endif

#endif
