/*
 * toa/fetcher.h - the capture thread with the vendor's error codes, as a C interface.
 *
 * toa_fetcher.h wraps it in the vendor's class ToaFetcher; compilers agree on C only, so nothing of
 * C++ crosses the library's border.
 *
 *   Handles   Counted: toa_fetcher_new and toa_fetcher_hold count up, toa_fetcher_release counts
 *             down and at 0 stops and frees. Copies of a handle mean the same capture.
 *   Threads   Every function may be called from any thread at any time on a handle that the caller
 *             holds.
 *   NULL      A NULL fetcher is one that never started: functions say so and do nothing.
 */
#ifndef TOA_FETCHER_C_H
#define TOA_FETCHER_C_H

#include <toa/api.h>

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct toa_fetcher toa_fetcher;

/* The vendor's codes; messages by toa_fetcher_message. */
enum {
    TOA_FETCHER_OK = 0,
    TOA_FETCHER_TOO_MANY_PORTS = -1001, /* the class alone; this interface has no limit */
    TOA_FETCHER_BAD_ADDRESS = -1002,
    TOA_FETCHER_NO_INTERFACE = -1003,
    TOA_FETCHER_NO_DEVICE = -1004,
    TOA_FETCHER_NO_TIMER = -1005,
    TOA_FETCHER_BAD_FILTER = -1006,
    TOA_FETCHER_NO_FILTER = -1007,
    TOA_FETCHER_NO_OPEN = -1008,
    TOA_FETCHER_NO_START = -1009,
    TOA_FETCHER_NO_THREAD = -1010,
    TOA_FETCHER_UNKNOWN = -1999 /* everything else: no ports, a wrong range, started already */
};

/* Room for the longest message with its terminating zero: the vendor's "at least 50 bytes". */
#define TOA_FETCHER_MESSAGE 50

/* The message of a code, static; that of TOA_FETCHER_UNKNOWN for a number that is none. */
TOA_API const char *toa_fetcher_message(int code);

/* What to watch. Pointers are read during toa_fetcher_start only. */
typedef struct toa_fetcher_config {
    const char *interface_ip; /* IPv4 address of the interface; NULL or "": any */
    const char *server_ip;    /* IPv4 address of the server; NULL or "": any */
    const uint16_t *ports;    /* host order */
    size_t n_ports;
    const char *const *ranges; /* "10001-10005", "10001 - 10005" */
    size_t n_ranges;
    unsigned cache_secs; /* 1 or more */
} toa_fetcher_config;

/* NULL when memory is short. */
TOA_API toa_fetcher *toa_fetcher_new(void);
TOA_API toa_fetcher *toa_fetcher_hold(toa_fetcher *fetcher);
TOA_API void toa_fetcher_release(toa_fetcher *fetcher);

/* Starts the capture. Returns a code, which toa_fetcher_error has from then on. One that runs
 * already goes on as it is, and the call is TOA_FETCHER_UNKNOWN. */
TOA_API int toa_fetcher_start(toa_fetcher *fetcher, const toa_fetcher_config *config);

/* Remembers a failure that the caller found itself. */
TOA_API void toa_fetcher_fail(toa_fetcher *fetcher, int code);

/* Ends the capture and forgets every mapping. It can be started again. */
TOA_API void toa_fetcher_stop(toa_fetcher *fetcher);

/* 0: not started, or stopped; 1: captures; -1: the start failed, or the interface is away. */
TOA_API int toa_fetcher_status(toa_fetcher *fetcher);

/* The capture thread (HANDLE on Windows, pthread_t elsewhere); NULL without one. Closed by stop. */
TOA_API void *toa_fetcher_thread(toa_fetcher *fetcher);

/* The code of the last start. */
TOA_API int toa_fetcher_error(toa_fetcher *fetcher);

/*
 * Who is behind this peer? Addresses and ports in network order, as accept() gives them. Returns 1
 * and writes both, or 0 and writes nothing. A client with an IPv6 address, or without a port, is 0
 * here.
 */
TOA_API int toa_fetcher_fetch(toa_fetcher *fetcher, uint32_t fake_ip, uint16_t fake_port,
                              uint32_t *real_ip, uint16_t *real_port);

#ifdef __cplusplus
}
#endif

#endif
