/*
 * option_writer.h - a load balancer's part: an eBPF sock_ops program that puts a TOA (254/8, 254/20
 * over IPv6) on the segments of ordinary connects. The program is written down as instructions, so
 * that it takes neither a compiler for eBPF nor a library to load it.
 *
 * The address is 10.0.0.0 + real[port of the client], or 2001:db8:: and the same four bytes, and
 * the port that of the client with all bits turned. real[] is memory that is shared with the
 * program.
 */
#ifndef TOA_TESTS_OPTION_WRITER_H
#define TOA_TESTS_OPTION_WRITER_H

#include <toa/parser.h>

enum {
    CARRY_ON_SYN = 1,
    CARRY_ON_ACK = 2,  /* and all that follow */
    CARRY_ON_BOTH = 3, /* the SYN's is a forged one, of another address */
};

typedef struct option_writer {
    char cgroup[64];
    int cgroup_fd;
    int map_fd;
    int program_fd;
    volatile uint64_t *real; /* of 65536 */
    void *mapped;            /* the same, to be unmapped */
} option_writer;

/* From now on, connects of this process carry options. Whether it could; *why says what is missing.
 */
bool option_writer_start(option_writer *writer, unsigned version, unsigned carriers,
                         const char **why);
void option_writer_stop(option_writer *writer);

/* What is written for a client's port when real[port] is `real`. */
toa_endpoint option_writer_endpoint(uint64_t real, unsigned version, uint16_t port);

#endif
