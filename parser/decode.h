/* An endpoint out of an option whose row fits, so that every offset is inside it. */
#ifndef TOA_PARSER_DECODE_H
#define TOA_PARSER_DECODE_H

#include <toa/parser.h>

#include <string.h>

#include "reader.h"

/* Writes the endpoint field by field; a struct made first and copied takes twice the instructions.
 */
static inline void toa_endpoint_decode_(const uint8_t *option, uint8_t version, uint8_t ip_at,
                                        uint8_t port_at, toa_endpoint *out)
{
    if (version == 6) {
        memcpy(out->ip, option + ip_at, 16);
    } else {
        memcpy(out->ip, option + ip_at, 4);
        memset(out->ip + 4, 0, 12);
    }
    out->port = port_at == 0 ? 0 : toa_span_u16(option + port_at);
    out->version = version;
    out->has_port = port_at != 0;
}

#endif
