#define _DEFAULT_SOURCE /* the types of pcap.h, and fmemopen */

#include "second_opinion.h"

#include "capture.h"

#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef _WIN32

const char *second_opinion(const uint8_t *bytes, size_t len)
{
    (void)bytes;
    (void)len;
    return NULL; /* libpcap reads a FILE, and there is none over memory */
}

#else

enum { LINKTYPE_USB_LINUX_MMAPPED = 220 };

/* The DLT_ number of a LINKTYPE_ number, where they differ on Linux: pcap-linktype(7). */
static int dlt_of(int link_type)
{
    static const int table[][2] = {{100, DLT_ATM_RFC1483},
                                   {101, DLT_RAW},
                                   {102, DLT_SLIP_BSDOS},
                                   {103, DLT_PPP_BSDOS},
                                   {106, DLT_ATM_CLIP}};
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if (table[i][0] == link_type)
            return table[i][1];
    return link_type;
}

/* Link types with a pseudo-header that libpcap turns into the host's byte order. */
static bool has_swapped_header(int link_type)
{
    static const int table[] = {113, 117, 189, LINKTYPE_USB_LINUX_MMAPPED, 239, 276};
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if (table[i] == link_type)
            return true;
    return false;
}

static uint32_t get32(const uint8_t *p, bool big_endian)
{
    const uint32_t big =
        (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | (uint32_t)p[3];
    const uint32_t little =
        (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | (uint32_t)p[0];
    return big_endian ? big : little;
}

static bool is_pcapng(const uint8_t *bytes, size_t len)
{
    return len >= 12 && get32(bytes, false) == 0x0a0d0d0a;
}

/* Whether the first section header has a length that libpcap lets pass and we do not. */
static bool bad_first_section(const uint8_t *bytes, size_t len)
{
    if (!is_pcapng(bytes, len))
        return false;
    const bool big_endian = get32(bytes + 8, false) != 0x1a2b3c4d;
    const uint32_t total = get32(bytes + 4, big_endian);
    if (total < 28 || total > len)
        return false;
    return total % 4 != 0 || get32(bytes + total - 4, big_endian) != total;
}

/* Whether libpcap passes over a section header that we refuse or obey. Until the first interface
 * description it looks at no block. */
static bool unread_section(const uint8_t *bytes, size_t len)
{
    enum { TYPE_INTERFACE = 1, HEAD = 8, MAGIC_AND_MAJOR = 6, SECTION_MIN = 28 };
    if (!is_pcapng(bytes, len))
        return false;
    const bool big_endian = get32(bytes + HEAD, false) != 0x1a2b3c4d;
    size_t at = 0;
    while (len - at >= SECTION_MIN) {
        const uint32_t total = get32(bytes + at + 4, big_endian);
        if (is_pcapng(bytes + at, len - at) &&
            (total < SECTION_MIN || memcmp(bytes + at + HEAD, bytes + HEAD, MAGIC_AND_MAJOR) != 0))
            return true;
        if (get32(bytes + at, big_endian) == TYPE_INTERFACE || total < 12 || total > len - at)
            return false;
        at += total;
    }
    return false;
}

/* Whether an if_tsresol of 2^-35 s or finer may be in there. */
static bool has_fine_resolution(const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i + 5 <= len; i++)
        if ((memcmp(bytes + i, "\x09\x00\x01\x00", 4) == 0 ||
             memcmp(bytes + i, "\x00\x09\x00\x01", 4) == 0) &&
            bytes[i + 4] >= 0x80 + 35)
            return true;
    return false;
}

static bool equal_pcap_time(const uint8_t *bytes, const struct pcap_pkthdr *theirs, toa_time ours)
{
    const bool nanos = bytes[0] == 0x4d || bytes[3] == 0x4d;
    const int64_t wrap = (INT64_C(1) << 32) * (nanos ? 1 : 1000);
    const int64_t part = theirs->ts.tv_usec < 0 ? theirs->ts.tv_usec + wrap : theirs->ts.tv_usec;
    return ours == (int64_t)(uint32_t)theirs->ts.tv_sec * TOA_SECOND + part;
}

static bool equal_pcapng_time(bool fine, const struct pcap_pkthdr *theirs, toa_time ours)
{
    if (ours == INT64_MIN || ours == INT64_MAX)
        return true;
    const int64_t part = (ours % TOA_SECOND + TOA_SECOND) % TOA_SECOND;
    return theirs->ts.tv_sec == (ours - part) / TOA_SECOND && (fine || theirs->ts.tv_usec == part);
}

/* One record of both. */
static const char *compare(pcap_t *pcap, const struct pcap_pkthdr *theirs, const u_char *data,
                           const toa_record *ours)
{
    if (pcap_datalink(pcap) != dlt_of(ours->link_type))
        return "another link type";
    if (theirs->caplen != ours->captured_len)
        return "another captured length";
    if (theirs->len != ours->original_len && ours->link_type != LINKTYPE_USB_LINUX_MMAPPED)
        return "another original length";
    if (pcap_is_swapped(pcap) && has_swapped_header(ours->link_type))
        return NULL;
    if (theirs->caplen != 0 && memcmp(data, ours->bytes, theirs->caplen) != 0)
        return "other bytes";
    return NULL;
}

static const char *compare_all(const uint8_t *bytes, size_t len, pcap_t *pcap, toa_capture *capture)
{
    const bool pcapng = is_pcapng(bytes, len);
    const bool fine = has_fine_resolution(bytes, len);
    for (;;) {
        struct pcap_pkthdr *theirs = NULL;
        const u_char *data = NULL;
        const int status = pcap_next_ex(pcap, &theirs, &data);
        toa_record ours = {0};
        const toa_capture_result result = toa_capture_next(capture, &ours);
        if (status == PCAP_ERROR_BREAK)
            return result == TOA_CAPTURE_END ? NULL : "libpcap sees the end, we do not";
        if (status != 1)
            return NULL;
        if (result != TOA_CAPTURE_RECORD)
            return "libpcap gives a record, we do not";
        const char *wrong = compare(pcap, theirs, data, &ours);
        if (wrong != NULL)
            return wrong;
        if (!(pcapng ? equal_pcapng_time(fine, theirs, ours.time)
                     : equal_pcap_time(bytes, theirs, ours.time)))
            return "another time";
    }
}

const char *second_opinion(const uint8_t *bytes, size_t len)
{
    if (len == 0 || bad_first_section(bytes, len) || unread_section(bytes, len))
        return NULL;
    uint8_t *copy = malloc(len); /* fmemopen wants bytes that it may write */
    if (copy == NULL)
        return "out of memory";
    memcpy(copy, bytes, len);
    const char *wrong = NULL;
    char error[PCAP_ERRBUF_SIZE];
    FILE *file = fmemopen(copy, len, "rb");
    pcap_t *pcap =
        file == NULL
            ? NULL
            : pcap_fopen_offline_with_tstamp_precision(file, PCAP_TSTAMP_PRECISION_NANO, error);
    toa_capture *capture = toa_capture_open_memory("capture", bytes, len, 0);
    if (file == NULL || capture == NULL)
        wrong = "out of memory";
    else if (pcap != NULL)
        wrong = compare_all(bytes, len, pcap, capture);
    toa_capture_close(capture);
    if (pcap != NULL)
        pcap_close(pcap);
    else if (file != NULL)
        (void)fclose(file);
    free(copy);
    return wrong;
}

#endif
