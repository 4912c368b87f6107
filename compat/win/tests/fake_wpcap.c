/*
 * A wpcap.dll that fails where it is told: FAKE_WPCAP in the environment is what goes wrong, read
 * anew at each call. It has one adapter, and on it the handshake of one connection with a TOA.
 * What nobody may call ends the program.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <winsock2.h>

/* As libpcap has them; the structures of its headers, without what they import. */
typedef struct device {
    struct device *next;
    char *name;
    char *description;
    struct address *addresses;
    unsigned flags;
} device;

typedef struct address {
    struct address *next;
    struct sockaddr *addr;
    struct sockaddr *netmask;
    struct sockaddr *broadaddr;
    struct sockaddr *dstaddr;
} address;

typedef struct header {
    struct timeval ts;
    unsigned caplen;
    unsigned len;
} header;

typedef struct stat {
    unsigned received;
    unsigned dropped;
    unsigned dropped_by_interface;
} stat;

typedef struct program {
    unsigned n;
    void *instructions;
} program;

typedef struct handle {
    int number;  /* of the adapter */
    size_t next; /* frame */
    DWORD begun; /* when the first was taken */
    int nonblocking;
    int filtered;
} handle;

enum { ERROR_GENERIC = -1, ERROR_DENIED = -8, ETHERNET = 1, BLUETOOTH = 187 };

#define EXPORT __declspec(dllexport)

static int told(const char *what)
{
    char now[32] = "";
    (void)GetEnvironmentVariableA("FAKE_WPCAP", now, sizeof now);
    return strcmp(now, what) == 0;
}

/* ---- Adapters -------------------------------------------------------------------------------- */

enum { N_SEVERAL = 3, N_MANY = 40, REFUSED = 1, BREAKS = 2 };

static int number_of(const char *name)
{
    int number = 0;
    (void)sscanf(name, "\\Device\\NPF_{%d}", &number);
    return number;
}

/* "several": the second cannot be opened, the third breaks when told so. "many": more than there is
 * room for. */
static device *list_adapters(void)
{
    static char names[N_MANY][32];
    static char descriptions[N_MANY][32];
    static device all[N_MANY];
    int n = told("many") ? N_MANY : N_SEVERAL;
    for (int i = 0; i < n; i++) {
        (void)sprintf(names[i], "\\Device\\NPF_{%d}", i);
        (void)sprintf(descriptions[i], "Adapter %d", i);
        all[i] = (device){.name = names[i],
                          .description = descriptions[i],
                          .next = i + 1 < n ? &all[i + 1] : NULL};
    }
    return all;
}

/* Hangs while there is a file "hang": a service has no other environment than the system's. */
EXPORT int pcap_findalldevs(device **out, char *error)
{
    static struct sockaddr_in ip = {.sin_family = AF_INET};
    static address at = {.addr = (struct sockaddr *)&ip};
    static device only = {.name = (char *)"\\Device\\NPF_{01234567-89AB-CDEF-0123-456789ABCDEF}",
                          .description = (char *)"A fake adapter",
                          .addresses = &at};
    while (GetFileAttributesA("hang") != INVALID_FILE_ATTRIBUTES) {
        Sleep(50);
    }
    ip.sin_addr.s_addr = inet_addr("192.0.2.1");
    *out = told("no_devices") ? NULL : told("several") || told("many") ? list_adapters() : &only;
    if (told("findalldevs")) {
        (void)strcpy(error, "told to");
        return -1;
    }
    return 0;
}

EXPORT void pcap_freealldevs(device *all)
{
    (void)all;
}

/* ---- Opening --------------------------------------------------------------------------------- */

EXPORT handle *pcap_create(const char *name, char *error)
{
    handle *made = calloc(1, sizeof *made);
    if (told("create") || made == NULL || (told("several") && number_of(name) == REFUSED)) {
        (void)strcpy(error, "told to");
        free(made);
        return NULL;
    }
    made->number = number_of(name);
    return made;
}

EXPORT int pcap_set_snaplen(handle *on, int len)
{
    (void)on;
    (void)len;
    return 0;
}

EXPORT int pcap_set_promisc(handle *on, int yes)
{
    (void)on;
    (void)yes;
    return 0;
}

EXPORT int pcap_set_timeout(handle *on, int milliseconds)
{
    (void)on;
    (void)milliseconds;
    return 0;
}

#ifndef WITHOUT_IMMEDIATE_MODE
EXPORT int pcap_set_immediate_mode(handle *on, int yes)
{
    (void)on;
    (void)yes;
    return 0;
}
#endif

EXPORT int pcap_set_buffer_size(handle *on, int size)
{
    (void)on;
    (void)size;
    return 0;
}

EXPORT int pcap_activate(handle *on)
{
    (void)on;
    return told("activate") ? ERROR_GENERIC : told("denied") ? ERROR_DENIED : 0;
}

EXPORT int pcap_setnonblock(handle *on, int yes, char *error)
{
    if (told("setnonblock")) {
        (void)strcpy(error, "told to");
        return -1;
    }
    on->nonblocking = yes;
    return 0;
}

EXPORT int pcap_datalink(handle *on)
{
    (void)on;
    return told("link_type") ? BLUETOOTH : ETHERNET;
}

EXPORT const char *pcap_datalink_val_to_name(int type)
{
    return type == ETHERNET ? "EN10MB" : "BLUETOOTH_HCI_H4";
}

EXPORT int pcap_setfilter(handle *on, program *filter)
{
    if (told("setfilter") || filter->n == 0) {
        return -1;
    }
    on->filtered = 1;
    return 0;
}

EXPORT char *pcap_geterr(handle *on)
{
    (void)on;
    return (char *)"told to";
}

EXPORT const char *pcap_statustostr(int status)
{
    return status == ERROR_GENERIC ? "Generic error" : "?";
}

EXPORT void pcap_close(handle *on)
{
    free(on);
}

/* ---- Frames ---------------------------------------------------------------------------------- */

/* 10.0.1.7:40001 > 192.0.2.1:443, and 254/8 on the ACK: 203.0.113.9:51514. */
#define LINK    "\x02\0\0\0\0\x01\x02\0\0\0\0\x02\x08\x00"
#define IP(len) "\x45\0\0" len "\0\0\0\0\x40\x06\0\0\x0a\0\x01\x07\xc0\0\x02\x01\x9c\x41\x01\xbb"

#define ACK                                                                                        \
    LINK IP("\x30") "\0\0\0\x65\0\0\0\x01\x70\x10\x20\0\0\0\0\0"                                   \
                    "\xfe\x08\xc9\x3a\xcb\0\x71\x09"

typedef struct frame {
    const char *bytes;
    unsigned len;
} frame;

static const frame plain[] = {
    {LINK IP("\x28") "\0\0\0\x64\0\0\0\0\x50\x02\x20\0\0\0\0\0", 14 + 40},
    {ACK, 14 + 48},
};

/* Told "forged", the SYN has a TOA too, of 198.51.100.66:1, and the ACK comes 10 ms later. */
static const frame forged[] = {
    {LINK IP("\x30") "\0\0\0\x64\0\0\0\0\x70\x02\x20\0\0\0\0\0\xfe\x08\0\x01\xc6\x33\x64\x42",
     14 + 48},
    {ACK, 14 + 48},
};
enum { N_FRAMES = 2, PAUSE = 10 };

static const frame *frame_due(handle *on)
{
    const frame *frames = told("forged") ? forged : plain;
    if (on->next == N_FRAMES ||
        (frames == forged && on->next == 1 && GetTickCount() - on->begun < PAUSE)) {
        return NULL;
    }
    on->begun = on->next == 0 ? GetTickCount() : on->begun;
    return &frames[on->next++];
}

#ifndef WITHOUT_NEXT_EX
EXPORT int pcap_next_ex(handle *on, header **head, const unsigned char **bytes)
{
    static header now;
    if (!on->nonblocking || !on->filtered) {
        fprintf(stderr, "pcap_next_ex before the filter, or where it waits\n");
        abort();
    }
    if (told("broken") || (told("one_broken") && on->number == BREAKS)) {
        return -1;
    }
    const frame *due = told("silent") ? NULL : frame_due(on);
    if (due == NULL) {
        return 0;
    }
    now.caplen = due->len;
    now.len = due->len;
    *head = &now;
    *bytes = (const unsigned char *)due->bytes;
    return 1;
}
#endif

/* Writes less than there is room for, as Wine's does. */
EXPORT int pcap_stats(handle *on, stat *out)
{
    (void)on;
    out->received = 2;
    out->dropped = told("drops") ? 3 : 0;
    return 0;
}

/* ---- What nobody may call: Wine has it as stubs, or it waits, or reads files --------------------
 */

#define FORBIDDEN(name)                                                                            \
    EXPORT void name(void);                                                                        \
    EXPORT void name(void)                                                                         \
    {                                                                                              \
        fprintf(stderr, #name " was called\n");                                                    \
        abort();                                                                                   \
    }
FORBIDDEN(pcap_dispatch)
FORBIDDEN(pcap_loop)
FORBIDDEN(pcap_getevent)
FORBIDDEN(pcap_open_offline)
FORBIDDEN(pcap_open_dead)
FORBIDDEN(pcap_offline_filter)
FORBIDDEN(pcap_setmintocopy)
FORBIDDEN(pcap_dump_close)
