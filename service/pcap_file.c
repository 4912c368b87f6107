#include "pcap_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PENDING_SIZE = 262144, FILE_HEAD = 24, WINDOW_SIZE = 65536 };

#ifdef _WIN32
enum { OPEN_FLAGS = O_BINARY | O_NOINHERIT };
#else
enum { OPEN_FLAGS = O_CLOEXEC };
#endif

/* Nanoseconds, in the host's byte order. */
static const uint32_t magic = UINT32_C(0xa1b23c4d);

/* Numbers in a pcap file may have either byte order; the host's is quickest. */
static uint8_t *put_u32(uint8_t *at, uint32_t value)
{
    memcpy(at, &value, sizeof value);
    return at + sizeof value;
}

static bool write_all(int fd, const uint8_t *bytes, size_t len)
{
    while (len != 0) {
        ssize_t n = write(fd, bytes, (unsigned)(len < PENDING_SIZE ? len : PENDING_SIZE));
        if (n < 0 && errno != EINTR) {
            return false;
        }
        if (n > 0) {
            bytes += n;
            len -= (size_t)n;
        }
    }
    return true;
}

int toa_pcap_link_type(int dlt)
{
    enum { DLT_RAW_LINUX = 12, DLT_RAW_BSD = 14, LINKTYPE_RAW = 101 };
    return dlt == DLT_RAW_LINUX || dlt == DLT_RAW_BSD ? LINKTYPE_RAW : dlt;
}

int toa_pcap_open(const char *path, bool replace)
{
    return strcmp(path, "-") == 0
               ? STDOUT_FILENO
               : open(path, O_WRONLY | O_CREAT | OPEN_FLAGS | (replace ? O_TRUNC : O_EXCL), 0640);
}

bool toa_pcap_begin(toa_pcap_file *file, int fd, int link_type)
{
    toa_pcap_file made = {.fd = fd, .pending_size = PENDING_SIZE};
    made.pending = malloc(made.pending_size);
    if (made.pending == NULL) {
        (void)close(fd);
        errno = ENOMEM;
        return false;
    }
    uint16_t version[2] = {2, 4};
    uint8_t *at = put_u32(made.pending, magic);
    memcpy(at, version, sizeof version);
    at = put_u32(at + sizeof version, 0); /* time zone */
    at = put_u32(at, 0);                  /* accuracy */
    at = put_u32(at, TOA_PCAP_SNAP);
    at = put_u32(at, (uint32_t)toa_pcap_link_type(link_type));
    made.pending_len = (size_t)(at - made.pending);
    *file = made;
    return true;
}

uint64_t toa_pcap_len(const toa_pcap_file *file)
{
    return file->len + file->pending_len;
}

bool toa_pcap_flush(toa_pcap_file *file)
{
    if (!write_all(file->fd, file->pending, file->pending_len)) {
        int why = errno;
        file->pending_len = 0;
        if (ftruncate(file->fd, (off_t)file->len) == 0) {
            (void)lseek(file->fd, (off_t)file->len, SEEK_SET);
        }
        errno = why;
        return false;
    }
    file->len += file->pending_len;
    file->pending_len = 0;
    return true;
}

bool toa_pcap_put(toa_pcap_file *file, toa_time time, const uint8_t *bytes, uint32_t captured_len,
                  uint32_t original_len)
{
    uint32_t kept = captured_len < TOA_PCAP_SNAP ? captured_len : TOA_PCAP_SNAP;
    size_t need = TOA_PCAP_RECORD_HEAD + (size_t)kept;
    if (file->pending_len + need > file->pending_size && !toa_pcap_flush(file)) {
        return false;
    }
    if (need > file->pending_size) {
        uint8_t *larger = realloc(file->pending, need);
        if (larger == NULL) {
            errno = ENOMEM;
            return false;
        }
        file->pending = larger;
        file->pending_size = need;
    }
    uint8_t *at = file->pending + file->pending_len;
    at = put_u32(at, (uint32_t)(time / TOA_SECOND));
    at = put_u32(at, (uint32_t)(time % TOA_SECOND));
    at = put_u32(at, kept);
    at = put_u32(at, original_len < kept ? kept : original_len);
    if (kept != 0) {
        memcpy(at, bytes, kept);
    }
    file->pending_len += need;
    return true;
}

bool toa_pcap_close(toa_pcap_file *file)
{
    bool right = toa_pcap_flush(file);
    int why = errno;
    right = (file->fd == STDOUT_FILENO || close(file->fd) == 0) && right;
    why = right ? 0 : why;
    free(file->pending);
    *file = (toa_pcap_file){.fd = -1};
    errno = why;
    return right;
}

/* ---- Behind a program that was killed -------------------------------------------------------- */

/* A part of a file, which moves along it. */
typedef struct window {
    int fd;
    uint64_t at;
    size_t len;
    uint8_t bytes[WINDOW_SIZE];
} window;

/* `len` bytes of the file at `at`; NULL with errno set. */
static const uint8_t *look(window *through, uint64_t at, size_t len)
{
    if (at >= through->at && at - through->at + len <= through->len) {
        return through->bytes + (at - through->at);
    }
    through->at = at;
    through->len = 0;
    if (lseek(through->fd, (off_t)at, SEEK_SET) < 0) {
        return NULL;
    }
    while (through->len < len) {
        ssize_t n = read(through->fd, through->bytes + through->len,
                         (unsigned)(WINDOW_SIZE - through->len));
        if (n == 0 || (n < 0 && errno != EINTR)) {
            errno = n == 0 ? EIO : errno;
            return NULL;
        }
        through->len += n < 0 ? 0 : (size_t)n;
    }
    return through->bytes;
}

/* Up to the end of the last whole record; 0 with errno set. */
static uint64_t whole_len(window *through, uint64_t size)
{
    uint64_t at = FILE_HEAD;
    uint32_t kept = 0;
    while (size - at >= TOA_PCAP_RECORD_HEAD) {
        const uint8_t *head = look(through, at, TOA_PCAP_RECORD_HEAD);
        if (head == NULL) {
            return 0;
        }
        memcpy(&kept, head + 8, sizeof kept);
        if (kept > size - at - TOA_PCAP_RECORD_HEAD) {
            break;
        }
        at += TOA_PCAP_RECORD_HEAD + (uint64_t)kept;
    }
    return at;
}

static bool repair(int fd, uint64_t size, uint64_t *len)
{
    window through = {.fd = fd};
    *len = 0;
    if (size < FILE_HEAD) {
        return ftruncate(fd, 0) == 0;
    }
    const uint8_t *head = look(&through, 0, FILE_HEAD);
    if (head == NULL) {
        return false;
    }
    if (memcmp(head, &magic, sizeof magic) != 0) {
        *len = size;
        errno = EINVAL;
        return false;
    }
    *len = whole_len(&through, size);
    return *len != 0 && (*len == size || ftruncate(fd, (off_t)*len) == 0);
}

bool toa_pcap_repair(const char *path, uint64_t *len, uint64_t *cut)
{
    struct stat info;
    uint64_t left = 0;
    int fd = open(path, O_RDWR | OPEN_FLAGS);
    if (fd < 0) {
        return false;
    }
    bool right = fstat(fd, &info) == 0 && repair(fd, (uint64_t)info.st_size, &left);
    int why = errno;
    (void)close(fd);
    if (right) {
        *len = left;
        *cut = (uint64_t)info.st_size - left;
    }
    errno = why;
    return right;
}
