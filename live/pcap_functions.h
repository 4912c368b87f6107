/*
 * pcap_functions.h - the functions of libpcap that live/ calls, as a table: filled by the linker
 * where libpcap is linked, at run time where it is a library that may be missing (Npcap).
 */
#ifndef TOA_PCAP_FUNCTIONS_H
#define TOA_PCAP_FUNCTIONS_H

#include <pcap/pcap.h>

typedef struct toa_pcap_functions {
    pcap_t *(*create)(const char *interface, char *error);
    int (*set_snaplen)(pcap_t *, int);
    int (*set_promisc)(pcap_t *, int);
    int (*set_timeout)(pcap_t *, int);
    int (*set_immediate_mode)(pcap_t *, int);
    int (*set_buffer_size)(pcap_t *, int);
    int (*activate)(pcap_t *);
    int (*setnonblock)(pcap_t *, int, char *error);
    int (*datalink)(pcap_t *);
    const char *(*datalink_val_to_name)(int);
    int (*get_selectable_fd)(pcap_t *);
    int (*dispatch)(pcap_t *, int, pcap_handler, u_char *);
    char *(*geterr)(pcap_t *);
    const char *(*statustostr)(int);
    void (*close)(pcap_t *);
} toa_pcap_functions;

/* The table, static; NULL when there is no such library. */
const toa_pcap_functions *toa_pcap_functions_get(void);

#endif
