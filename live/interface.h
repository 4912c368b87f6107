/*
 * interface.h - the system's network interfaces: which one is meant, and when they change.
 * interface.c is the Linux version (getifaddrs, a netlink route socket), interface_windows.c the
 * other (what Npcap lists, and GetAdaptersAddresses).
 */
#ifndef TOA_INTERFACE_H
#define TOA_INTERFACE_H

#include <toa/live.h>

#include <string.h>

/* Room for a name that libpcap takes. */
#define TOA_INTERFACE_NAME 64

typedef struct toa_interface {
    char name[TOA_INTERFACE_NAME];
    unsigned index; /* the system's number: a re-created interface has another; 0: "any" */
    bool up;
} toa_interface;

/* Whether someone who wrote this meant an address. */
static inline bool toa_interface_like_address(const char *what)
{
    return what[strspn(what, "0123456789.")] == '\0' ||
           (strchr(what, ':') != NULL && what[strspn(what, "0123456789abcdefABCDEF:.")] == '\0');
}

/*
 * Which interface is `what`: a name, one of its addresses, or "any"?
 *   TOA_LIVE_OK            *out is the interface
 *   TOA_LIVE_BAD_ADDRESS   it reads like an address and is none
 *   TOA_LIVE_NO_INTERFACE  none has this name or address
 *   TOA_LIVE_NO_PCAP       the system's interfaces cannot be read: toa_pcap_functions_missing
 */
toa_live_error toa_interface_find(const char *what, toa_interface *out);

/* The command that shows people what there is. */
extern const char toa_interface_lister[];

/* A descriptor that is readable when interfaces or addresses change; -1: there is none. */
int toa_interface_watch(void);

/* Reads what a watch has. Whether there was anything. */
bool toa_interface_changed(int watch);

/* -1 is fine. */
void toa_interface_unwatch(int watch);

#endif
