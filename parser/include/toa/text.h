/*
 * toa/text.h - the written forms: endpoints, prefixes, servers, dialects, times.
 *
 * The same text everywhere: command lines, cases, JSON, configuration, logs. No locale, no time
 * zone, no system call; the conventions of toa/parser.h hold.
 *
 * Every parse function takes a span (no terminating zero needed) and returns NULL when *out was
 * written, or else a static sentence that says what would be right.
 */
#ifndef TOA_TEXT_H
#define TOA_TEXT_H

#include <toa/parser.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Nanoseconds of the caller's clock; see toa/engine.h. */
typedef int64_t toa_time;
#define TOA_SECOND INT64_C(1000000000)

/* "1.2.3.4" or "2001:db8::1" (RFC 4291; zone ids are refused). Sets ip and version alone. */
TOA_API const char *toa_ip_parse(const char *text, size_t len, toa_endpoint *out);

/* "1.2.3.4:443" or "[2001:db8::1]:443". */
TOA_API const char *toa_endpoint_parse(const char *text, size_t len, toa_endpoint *out);

/* Room for the longest endpoint with its terminating zero: "[" + 45 + "]:65535". */
#define TOA_ENDPOINT_TEXT 56

/*
 * Writes an endpoint, IPv6 as RFC 5952 wants it, the address alone when has_port is 0, "-" when
 * version is 0. Returns the length without the terminating zero.
 */
TOA_API size_t toa_endpoint_format(const toa_endpoint *endpoint, char out[TOA_ENDPOINT_TEXT]);

/* A set of addresses that begin alike. */
typedef struct toa_prefix {
    uint8_t ip[16];
    uint8_t version; /* 4 or 6 */
    uint8_t bits;    /* 0 to 32 or 128 */
} toa_prefix;

/* "10.0.0.0/8", "2001:db8::/32", or an address alone. Bits behind the prefix must be zero. */
TOA_API const char *toa_prefix_parse(const char *text, size_t len, toa_prefix *out);

TOA_API bool toa_prefix_contains(const toa_prefix *prefix, const toa_endpoint *endpoint);

/* Room for "[ip]/128" with its terminating zero. */
#define TOA_PREFIX_TEXT 52
TOA_API size_t toa_prefix_format(const toa_prefix *prefix, char out[TOA_PREFIX_TEXT]);

/* Servers whose flows are watched: one address, or any, and one range of ports. */
typedef struct toa_server {
    uint8_t ip[16];
    uint16_t port_low;
    uint16_t port_high; /* inclusive */
    uint8_t version;    /* 4 or 6; 0: any address */
} toa_server;

/*
 * "IP[:PORTS]", "[IP6][:PORTS]" or "any[:PORTS]", PORTS being "443,8000-8010"; without PORTS any
 * port. Each port or range is a toa_server of its own: up to `max` are written to `out`, and their
 * number to *n.
 */
TOA_API const char *toa_servers_parse(const char *text, size_t len, toa_server *out, size_t max,
                                      size_t *n);

TOA_API bool toa_server_contains(const toa_server *server, const toa_endpoint *endpoint);

/* "kind=K,len=L,port=OFFSET|none,ip=OFFSET[,family=4|6]", offsets from the kind byte. Without
 * family the client is IPv6 when 16 bytes fit from the ip offset to the end, else IPv4. */
TOA_API const char *toa_row_parse(const char *text, size_t len, toa_row *out);

/* Seconds with up to nine decimals, not negative: "15", "0.030000000". */
TOA_API const char *toa_time_parse(const char *text, size_t len, toa_time *out);

/* Room for the longest time with sign and terminating zero. */
#define TOA_TIME_TEXT 24
/* Seconds with nine decimals. Returns the length without the terminating zero. */
TOA_API size_t toa_time_format(toa_time time, char out[TOA_TIME_TEXT]);

/* A whole number in decimal, at most `max`. */
TOA_API const char *toa_number_parse(const char *text, size_t len, uint64_t max, uint64_t *out);

#ifdef __cplusplus
}
#endif

#endif
