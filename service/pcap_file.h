/*
 * pcap_file.h - writes captures: pcap with nanoseconds, of one link type (draft-ietf-opsawg-pcap).
 *
 * Records are given to the system in one piece each, or many at once, never in parts, and when the
 * disk is full the file is cut back to the last whole one. The system may still write a part of a
 * piece when it kills the program in the middle: toa_pcap_repair.
 */
#ifndef TOA_SERVICE_PCAP_FILE_H
#define TOA_SERVICE_PCAP_FILE_H

#include <toa/text.h>

#define TOA_PCAP_SNAP        262144
#define TOA_PCAP_RECORD_HEAD 16

typedef struct toa_pcap_file {
    int fd;
    uint64_t len;     /* bytes that are in the file */
    uint8_t *pending; /* records that are not written yet */
    size_t pending_len;
    size_t pending_size;
} toa_pcap_file;

/* Opens a new file, which must not be there; with `replace` an old one is emptied. "-" is standard
 * output. Returns the descriptor; -1 with errno set. */
int toa_pcap_open(const char *path, bool replace);

/* Begins a capture in an open file, which it takes over: it is closed when this fails, too. False
 * with errno set. */
bool toa_pcap_begin(toa_pcap_file *file, int fd, int link_type);

/* Adds a record; `time` is since 1970. False with errno set when it cannot be written. */
bool toa_pcap_put(toa_pcap_file *file, toa_time time, const uint8_t *bytes, uint32_t captured_len,
                  uint32_t original_len);

/* Writes what is pending. False with errno set; then the file ends behind its last whole record. */
bool toa_pcap_flush(toa_pcap_file *file);

/* Flushes and closes. */
bool toa_pcap_close(toa_pcap_file *file);

/*
 * Cuts a file of ours that nobody writes any more back to its last whole record. *len is how long
 * it is then, *cut what was taken off; a *len of 0: it has not even a header. False with errno set,
 * EINVAL when it is no file of ours; then it is as it was.
 */
bool toa_pcap_repair(const char *path, uint64_t *len, uint64_t *cut);

/* The number that pcap files use for a link type of libpcap's (raw IP differs). */
int toa_pcap_link_type(int dlt);

/* Bytes in the file, pending ones included. */
uint64_t toa_pcap_len(const toa_pcap_file *file);

#endif
