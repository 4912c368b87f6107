/*
 * forger.h - a load balancer's part where there is no eBPF: handshakes written byte by byte into
 * one end of a veth pair. At the other end, "inside", the kernel's own TCP takes part and accepts
 * them.
 *
 * The options are those of option_writer.h, and so is real[].
 */
#ifndef TOA_TESTS_FORGER_H
#define TOA_TESTS_FORGER_H

#include <toa/parser.h>

#define FORGER_INTERFACE "inside"
#define FORGER_SERVER_4  "198.51.100.2"
#define FORGER_SERVER_6  "2001:db8:5::2"

typedef struct forger {
    int socket; /* on "outside"; -1: not started */
    unsigned version;
    unsigned carriers;
    uint8_t inside_mac[6];
    _Atomic uint64_t *real; /* of 65536 */
    void *memory;           /* the same, to be freed */
} forger;

/* Makes the pair, in this process's namespace. Whether it could; *why says what is missing. */
bool forger_start(forger *forger, unsigned version, unsigned carriers, const char **why);

/* Removes the pair. */
void forger_stop(forger *forger);

/* Where client number `i` comes from; 198.51.100.100 and the addresses behind it, so many ports of
 * each. */
toa_endpoint forger_from(const forger *forger, size_t i, uint16_t first_port, size_t n_ports);

/* A whole handshake with the server's port. Whether the server took part in it. */
bool forger_connect(const forger *forger, const toa_endpoint *from, uint16_t server_port);

/* Ends that connection with an RST. */
void forger_reset(const forger *forger, const toa_endpoint *from, uint16_t server_port);

#endif
