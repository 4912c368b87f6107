/*
 * pcap_functions.h - the functions of libpcap that live/ calls, as a table: filled by the linker
 * where libpcap is linked (pcap_functions.c), at run time where it is a library that may be missing
 * (pcap_functions_windows.c: Npcap). Nothing else in live/ calls libpcap.
 */
#ifndef TOA_PCAP_FUNCTIONS_H
#define TOA_PCAP_FUNCTIONS_H

#include <pcap/pcap.h>
#include <stddef.h>

typedef struct toa_pcap_functions {
    pcap_t *(*create)(const char *interface, char *error);
    int (*set_snaplen)(pcap_t *, int);
    int (*set_promisc)(pcap_t *, int);
    int (*set_timeout)(pcap_t *, int);
    int (*set_immediate_mode)(pcap_t *, int); /* NULL: there is none (WinPcap, Wine) */
    int (*set_buffer_size)(pcap_t *, int);
    int (*activate)(pcap_t *);
    int (*setnonblock)(pcap_t *, int, char *error);
    int (*datalink)(pcap_t *);
    const char *(*datalink_val_to_name)(int);
    char *(*geterr)(pcap_t *);
    const char *(*statustostr)(int);
    void (*close)(pcap_t *);
#ifdef _WIN32
    int (*findalldevs)(pcap_if_t **, char *error);
    void (*freealldevs)(pcap_if_t *);
    int (*setfilter)(pcap_t *, struct bpf_program *);
    int (*next_ex)(pcap_t *, struct pcap_pkthdr **, const u_char **);
    int (*stats)(pcap_t *, struct pcap_stat *);
#else
    int (*get_selectable_fd)(pcap_t *);
    int (*dispatch)(pcap_t *, int, pcap_handler, u_char *);
#endif
} toa_pcap_functions;

/* The table, static; NULL when there is no such library. */
const toa_pcap_functions *toa_pcap_functions_get(void);

/* What to do when there is none, for people: one line, static. */
const char *toa_pcap_functions_missing(void);

/* How to get the right to capture, likewise. */
const char *toa_pcap_functions_rights(void);

/* The names that are looked up at run time, and nothing but these; NULL ends them. For tests. */
const char *toa_pcap_functions_name(size_t i);

#endif
