#include "capture.h"

#include "source.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NANOS UINT64_C(1000000000)

enum {
    ERROR_SIZE = 256,      /* for an error text, file name not counted */
    PIECE_WINDOW = 16,     /* the window at first, when tests read in pieces */
    FIRST_INTERFACES = 8,  /* room for interfaces at first */
    PCAP_FILE_HEADER = 24, /* draft-ietf-opsawg-pcap, 4 */
    PCAP_RECORD_HEADER = 16,
    PCAP_KUZNETZOV_HEADER = 24, /* with interface, protocol and packet type behind the lengths */
    PCAP_VERSION_DGUX = 543,
    BLOCK_HEADER = 8,   /* draft-ietf-opsawg-pcapng, 3.1: type and total length */
    BLOCK_OVERHEAD = 12 /* and the total length again */
};

enum { LINKTYPE_ETHERNET = 1, LINKTYPE_DBUS = 231, LINKTYPE_USBPCAP = 249, LINKTYPE_EBHSCR = 279 };

/* Block types: draft-ietf-opsawg-pcapng, 4 and 10.1. */
#define BLOCK_SECTION   UINT32_C(0x0a0d0d0a) /* the same in either byte order */
#define BLOCK_INTERFACE UINT32_C(1)
#define BLOCK_PACKET    UINT32_C(2) /* obsolete */
#define BLOCK_SIMPLE    UINT32_C(3)
#define BLOCK_ENHANCED  UINT32_C(6)

#define BYTE_ORDER_MAGIC UINT32_C(0x1a2b3c4d)

/* Options of an interface description: draft-ietf-opsawg-pcapng, 4.2. */
enum { OPTION_END = 0, OPTION_TSRESOL = 9, OPTION_TSOFFSET = 14 };

typedef enum format { FORMAT_UNKNOWN, FORMAT_PCAP, FORMAT_PCAPNG } format;

/* An interface, and how its time stamps become nanoseconds. */
typedef struct capture_interface {
    int link_type;
    uint32_t snap_len;
    uint64_t units;     /* time stamp units in a second */
    uint64_t scale;     /* nanoseconds in a unit; 0: not a whole number, or there is an offset */
    uint64_t scale_max; /* the last time stamp that `scale` multiplies without overflow */
    int64_t offset;     /* seconds, if_tsoffset */
    unsigned shift;     /* units is 2^shift, when `binary` */
    bool binary;
} capture_interface;

/* pcap's one interface and its record headers. */
typedef struct pcap_layout {
    uint32_t header_len;
    uint32_t record_max;
    uint32_t nanos;     /* in a unit of the fraction field */
    bool swapped;       /* original length first */
    bool maybe_swapped; /* version 2.3: so if the first length is the greater one */
} pcap_layout;

struct toa_capture {
    toa_source *source;
    toa_source_result source_result;

    /* The window: bytes [at, end) are read and not used; window[0] is byte `base` of the file. */
    uint8_t *window;
    size_t size;
    size_t at;
    size_t end;
    uint64_t base;

    format format;
    bool big_endian;
    pcap_layout pcap;
    capture_interface *interfaces; /* of this section; in pcap the only one */
    uint32_t n_interfaces;
    uint32_t interfaces_size;

    toa_capture_result state; /* TOA_CAPTURE_RECORD while it goes on */
    uint64_t offset;          /* of the record or block that is being read */
    uint64_t n_records;
    char *name;
    char *error;
    size_t error_size;
};

/* ---- Bytes ----------------------------------------------------------------------------------- */

static uint32_t get16(const toa_capture *capture, const uint8_t *p)
{
    return capture->big_endian ? (uint32_t)p[0] << 8 | p[1] : (uint32_t)p[1] << 8 | p[0];
}

static inline uint32_t get32(const toa_capture *capture, const uint8_t *p)
{
    if (capture->big_endian)
        return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
    return (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0];
}

static uint64_t get64(const toa_capture *capture, const uint8_t *p)
{
    const uint64_t first = get32(capture, p);
    const uint64_t second = get32(capture, p + 4);
    return capture->big_endian ? first << 32 | second : second << 32 | first;
}

/* ---- Failure --------------------------------------------------------------------------------- */

#ifdef __GNUC__
__attribute__((format(printf, 3, 4)))
#endif
static toa_capture_result
fail(toa_capture *capture, toa_capture_result result, const char *text, ...)
{
    int len = 0;
    if (result == TOA_CAPTURE_IO_ERROR && capture->offset == 0)
        len = snprintf(capture->error, capture->error_size, "%s: ", capture->name);
    else
        len = snprintf(capture->error, capture->error_size, "%s: byte %" PRIu64 ": ", capture->name,
                       capture->offset);
    if (len < 0 || (size_t)len >= capture->error_size)
        return result;
    va_list arguments;
    va_start(arguments, text);
    (void)vsnprintf(capture->error + len, capture->error_size - (size_t)len, text, arguments);
    va_end(arguments);
    return result;
}

static toa_capture_result corrupt(toa_capture *capture, const char *what)
{
    return fail(capture, TOA_CAPTURE_CORRUPT, "%s", what);
}

static toa_capture_result unknown_format(toa_capture *capture, const char *detail)
{
    return fail(capture, TOA_CAPTURE_CORRUPT, "not a pcap or pcapng file%s", detail);
}

/* The source ended before what was needed: how the capture ends. `inside`: within something that
 * has begun. */
static toa_capture_result ended(toa_capture *capture, bool inside)
{
    const uint64_t last = capture->base + capture->end;
    switch (capture->source_result) {
    case TOA_SOURCE_TRUNCATED:
        return fail(capture, TOA_CAPTURE_TRUNCATED, "%s, after %" PRIu64 " uncompressed bytes",
                    toa_source_error(capture->source), last);
    case TOA_SOURCE_CORRUPT:
        return fail(capture, TOA_CAPTURE_CORRUPT, "%s, after %" PRIu64 " uncompressed bytes",
                    toa_source_error(capture->source), last);
    case TOA_SOURCE_IO_ERROR:
        return fail(capture, TOA_CAPTURE_IO_ERROR, "%s", toa_source_error(capture->source));
    case TOA_SOURCE_BYTES:
        return fail(capture, TOA_CAPTURE_IO_ERROR, "out of memory");
    case TOA_SOURCE_END:
        break;
    }
    if (!inside)
        return TOA_CAPTURE_END;
    return fail(capture, TOA_CAPTURE_TRUNCATED,
                "what begins here is cut: the file ends at byte %" PRIu64, last);
}

/* ---- The window ------------------------------------------------------------------------------ */

static bool window_grow(toa_capture *capture)
{
    const size_t size = capture->size * 2;
    uint8_t *window = realloc(capture->window, size);
    if (window == NULL)
        return false;
    capture->window = window;
    capture->size = size;
    return true;
}

/* Moves what is left to the front and reads until `len` bytes are there. Grows as bytes come, not
 * as lengths promise. */
static bool window_refill(toa_capture *capture, size_t len)
{
    memmove(capture->window, capture->window + capture->at, capture->end - capture->at);
    capture->base += capture->at;
    capture->end -= capture->at;
    capture->at = 0;
    while (capture->end < len) {
        if (capture->source_result != TOA_SOURCE_BYTES)
            return false;
        if (capture->end == capture->size && !window_grow(capture))
            return false;
        size_t n = 0;
        capture->source_result = toa_source_read(capture->source, capture->window + capture->end,
                                                 capture->size - capture->end, &n);
        capture->end += n;
    }
    return true;
}

/* Makes `len` bytes there at `at`; false when the source ends before. May move the window. */
static bool need(toa_capture *capture, size_t len)
{
    return capture->end - capture->at >= len || window_refill(capture, len);
}

/* Steps over `len` bytes, without keeping them. */
static bool skip(toa_capture *capture, size_t len)
{
    while (len > capture->end - capture->at) {
        len -= capture->end - capture->at;
        capture->at = capture->end;
        if (!window_refill(capture, 1))
            return false;
    }
    capture->at += len;
    return true;
}

static const uint8_t *here(const toa_capture *capture)
{
    return capture->window + capture->at;
}

/* ---- Time ------------------------------------------------------------------------------------ */

/* part / 2^shift of a second in nanoseconds, rounded down; part < 2^shift, shift < 64. */
static uint64_t binary_nanos(uint64_t part, unsigned shift)
{
    const uint64_t low = (part & UINT32_MAX) * NANOS;
    const uint64_t high = (part >> 32) * NANOS + (low >> 32); /* below 2^62 + 2^30 */
    return shift < 32 ? low >> shift : high >> (shift - 32);
}

static uint64_t part_nanos(const capture_interface *face, uint64_t part)
{
    if (face->binary)
        return binary_nanos(part, face->shift);
    return face->units <= NANOS ? part * (NANOS / face->units) : part / (face->units / NANOS);
}

/* `seconds` and `offset` and nanoseconds below a second, as near as a toa_time gets. */
static toa_time time_sum(uint64_t seconds, int64_t offset, uint64_t nanos)
{
    const uint64_t most = (uint64_t)(INT64_MAX / TOA_SECOND); /* whole seconds that fit */
    if (offset < 0) {
        const uint64_t back = (uint64_t)(-(offset + 1)) + 1;
        if (seconds < back) {
            const uint64_t before = back - seconds;
            return before > most ? INT64_MIN : -(toa_time)before * TOA_SECOND + (toa_time)nanos;
        }
        seconds -= back;
    } else if (seconds <= most) {
        if ((uint64_t)offset > most)
            return INT64_MAX;
        seconds += (uint64_t)offset;
    }
    if (seconds > most)
        return INT64_MAX;
    const toa_time whole = (toa_time)seconds * TOA_SECOND;
    return (toa_time)nanos > INT64_MAX - whole ? INT64_MAX : whole + (toa_time)nanos;
}

static toa_time stamp_time(const capture_interface *face, uint64_t stamp)
{
    if (face->scale != 0 && stamp <= face->scale_max)
        return (toa_time)(stamp * face->scale);
    return time_sum(stamp / face->units, face->offset, part_nanos(face, stamp % face->units));
}

/* Sets units, and everything that follows from units and offset. */
static void set_resolution(capture_interface *face, bool binary, unsigned exponent)
{
    face->binary = binary;
    face->shift = binary ? exponent : 0;
    face->units = 1;
    for (unsigned i = 0; i < exponent; i++)
        face->units *= binary ? 2 : 10;
}

static void set_scale(capture_interface *face)
{
    const bool whole = face->offset == 0 && NANOS % face->units == 0;
    face->scale = whole ? NANOS / face->units : 0;
    face->scale_max = whole ? (uint64_t)INT64_MAX / face->scale : 0;
}

/* ---- pcap ------------------------------------------------------------------------------------ */

static uint32_t record_max(int link_type)
{
    if (link_type == LINKTYPE_DBUS)
        return TOA_CAPTURE_BLOCK_MAX;
    if (link_type == LINKTYPE_EBHSCR)
        return (uint32_t)8 * 1024 * 1024;
    if (link_type == LINKTYPE_USBPCAP)
        return (uint32_t)1024 * 1024;
    return TOA_CAPTURE_RECORD_MAX;
}

static uint32_t sane_snap_len(uint32_t snap_len, int link_type)
{
    return snap_len == 0 || snap_len > INT32_MAX ? record_max(link_type) : snap_len;
}

/* Room for one more interface. */
static bool interfaces_grow(toa_capture *capture)
{
    if (capture->n_interfaces < capture->interfaces_size)
        return true;
    const uint32_t size =
        capture->interfaces_size == 0 ? FIRST_INTERFACES : capture->interfaces_size * 2;
    capture_interface *interfaces = realloc(capture->interfaces, size * sizeof *interfaces);
    if (interfaces == NULL)
        return false;
    capture->interfaces = interfaces;
    capture->interfaces_size = size;
    return true;
}

/* The file header behind the magic. */
static toa_capture_result pcap_begin(toa_capture *capture, bool kuznetzov, uint32_t nanos)
{
    if (!need(capture, PCAP_FILE_HEADER))
        return ended(capture, true);
    const uint8_t *p = here(capture);
    const uint32_t major = get16(capture, p + 4);
    const uint32_t minor = get16(capture, p + 6);
    const bool dgux = major == PCAP_VERSION_DGUX && minor == 0;
    if (!dgux && (major != 2 || minor > 4))
        return fail(capture, TOA_CAPTURE_CORRUPT, "unknown pcap version %" PRIu32 ".%" PRIu32,
                    major, minor);
    capture_interface face = {.link_type = (int)(get32(capture, p + 20) & 0x03ffffff)};
    face.snap_len = sane_snap_len(get32(capture, p + 16), face.link_type);
    if (kuznetzov && face.link_type == LINKTYPE_ETHERNET)
        face.snap_len += 14; /* an Ethernet header made up behind the snap length */
    capture->interfaces[0] = face;
    capture->n_interfaces = 1;
    capture->pcap =
        (pcap_layout){.header_len = kuznetzov ? PCAP_KUZNETZOV_HEADER : PCAP_RECORD_HEADER,
                      .record_max = record_max(face.link_type),
                      .nanos = nanos,
                      .swapped = dgux || minor < 3,
                      .maybe_swapped = !dgux && minor == 3};
    capture->format = FORMAT_PCAP;
    capture->at += PCAP_FILE_HEADER;
    return TOA_CAPTURE_RECORD;
}

static toa_capture_result pcap_next(toa_capture *capture, toa_record *out)
{
    const pcap_layout *layout = &capture->pcap;
    capture->offset = capture->base + capture->at;
    if (!need(capture, layout->header_len))
        return ended(capture, capture->end != capture->at);
    const uint8_t *p = here(capture);
    const uint64_t seconds = get32(capture, p);
    const uint64_t part = get32(capture, p + 4);
    uint32_t captured = get32(capture, p + 8);
    uint32_t original = get32(capture, p + 12);
    if (layout->swapped || (layout->maybe_swapped && captured > original)) {
        const uint32_t first = captured;
        captured = original;
        original = first;
    }
    if (captured > layout->record_max)
        return fail(capture, TOA_CAPTURE_CORRUPT,
                    "a record of %" PRIu32 " bytes, more than the %" PRIu32 " that are believed",
                    captured, layout->record_max);
    if (!need(capture, (size_t)layout->header_len + captured))
        return ended(capture, true);
    const capture_interface *face = &capture->interfaces[0];
    out->bytes = here(capture) + layout->header_len;
    out->captured_len = captured < face->snap_len ? captured : face->snap_len;
    out->original_len = original;
    out->link_type = face->link_type;
    out->interface_id = 0;
    out->time = (toa_time)(seconds * NANOS + part * layout->nanos);
    out->longer = captured > original;
    capture->at += (size_t)layout->header_len + captured;
    return TOA_CAPTURE_RECORD;
}

/* ---- pcapng ---------------------------------------------------------------------------------- */

/* A block's head. `len` is its total length: 12 at least, and a multiple of 4. */
typedef struct block {
    uint32_t type;
    uint32_t len;
} block;

/* A section begins, at `at`: which byte order do its numbers have, its own length included? */
static toa_capture_result byte_order(toa_capture *capture)
{
    if (!need(capture, BLOCK_HEADER + 4))
        return ended(capture, true);
    capture->big_endian = false;
    const uint32_t magic = get32(capture, here(capture) + BLOCK_HEADER);
    capture->big_endian = magic != BYTE_ORDER_MAGIC;
    if (get32(capture, here(capture) + BLOCK_HEADER) == BYTE_ORDER_MAGIC)
        return TOA_CAPTURE_RECORD;
    if (capture->offset == 0)
        return unknown_format(capture, ": it has no byte-order magic");
    return corrupt(capture, "a section header without pcapng's byte-order magic");
}

/* Reads the head of the next block and leaves `at` where the block begins. */
static toa_capture_result block_begin(toa_capture *capture, block *out)
{
    capture->offset = capture->base + capture->at;
    if (!need(capture, BLOCK_HEADER))
        return ended(capture, capture->end != capture->at);
    const uint32_t type = get32(capture, here(capture));
    if (type == BLOCK_SECTION) {
        const toa_capture_result result = byte_order(capture);
        if (result != TOA_CAPTURE_RECORD)
            return result;
    }
    const uint32_t len = get32(capture, here(capture) + 4);
    if (len < BLOCK_OVERHEAD || len % 4 != 0)
        return fail(capture, TOA_CAPTURE_CORRUPT,
                    "a block's total length is %" PRIu32 ", not a multiple of 4 from 12 on", len);
    *out = (block){type, len};
    return TOA_CAPTURE_RECORD;
}

/* The total length at the end of a block, `at` standing there, against the one at its head. */
static toa_capture_result trailer_check(toa_capture *capture, const uint8_t *trailer, uint32_t len)
{
    if (get32(capture, trailer) == len)
        return TOA_CAPTURE_RECORD;
    return fail(capture, TOA_CAPTURE_CORRUPT,
                "a block's total length is %" PRIu32 " at its head and %" PRIu32 " at its end", len,
                get32(capture, trailer));
}

/* Has the whole block in the window, at `at`, with `fixed` body bytes at least. */
static toa_capture_result block_read(toa_capture *capture, const block *head, uint32_t fixed)
{
    if (head->len < BLOCK_OVERHEAD + fixed)
        return fail(capture, TOA_CAPTURE_CORRUPT,
                    "a block of type %" PRIu32 " with %" PRIu32 " bytes, too short for its fields",
                    head->type, head->len);
    if (head->len > TOA_CAPTURE_BLOCK_MAX)
        return fail(capture, TOA_CAPTURE_CORRUPT,
                    "a block of %" PRIu32 " bytes, more than the %" PRIu32 " that are believed",
                    head->len, TOA_CAPTURE_BLOCK_MAX);
    if (!need(capture, head->len))
        return ended(capture, true);
    return trailer_check(capture, here(capture) + head->len - 4, head->len);
}

static toa_capture_result block_skip(toa_capture *capture, const block *head)
{
    if (!skip(capture, head->len - 4) || !need(capture, 4))
        return ended(capture, true);
    const toa_capture_result result = trailer_check(capture, here(capture), head->len);
    if (result == TOA_CAPTURE_RECORD)
        capture->at += 4;
    return result;
}

/* draft-ietf-opsawg-pcapng, 4.1. The section length is not needed and not believed. */
static toa_capture_result section_read(toa_capture *capture, const block *head)
{
    const toa_capture_result result = block_read(capture, head, 16);
    if (result != TOA_CAPTURE_RECORD)
        return result;
    const uint32_t major = get16(capture, here(capture) + 12);
    if (major != 1)
        return fail(capture, TOA_CAPTURE_CORRUPT, "unknown pcapng version %" PRIu32 ".%" PRIu32,
                    major, get16(capture, here(capture) + 14));
    capture->n_interfaces = 0;
    capture->at += head->len;
    return TOA_CAPTURE_RECORD;
}

/* One option of an interface description, which says at most once what times mean. Returns NULL or
 * what is wrong. */
static const char *interface_option(const toa_capture *capture, uint32_t code, uint32_t len,
                                    const uint8_t *value, capture_interface *face, bool seen[2])
{
    if (code == OPTION_END)
        return len != 0 ? "an opt_endofopt with a value" : NULL;
    if (code == OPTION_TSRESOL) {
        if (len != 1 || seen[0])
            return "an if_tsresol that is not one byte, or a second one";
        const unsigned exponent = value[0] & 0x7f;
        const bool binary = (value[0] & 0x80) != 0;
        if (exponent > (binary ? 63 : 19)) /* the last that 64 bits hold */
            return "an if_tsresol finer than 2^-63 or 10^-19 seconds";
        set_resolution(face, binary, exponent);
        seen[0] = true;
    }
    if (code == OPTION_TSOFFSET) {
        if (len != 8 || seen[1])
            return "an if_tsoffset that is not eight bytes, or a second one";
        face->offset = (int64_t)get64(capture, value);
        seen[1] = true;
    }
    return NULL;
}

/* The options in `left` bytes at `p`: draft-ietf-opsawg-pcapng, 3.5. */
static const char *interface_options(const toa_capture *capture, const uint8_t *p, size_t left,
                                     capture_interface *face)
{
    bool seen[2] = {false, false};
    while (left != 0) {
        if (left < 4)
            return "an option that is cut by the end of its block";
        const uint32_t code = get16(capture, p);
        const uint32_t len = get16(capture, p + 2);
        const size_t padded = ((size_t)len + 3) / 4 * 4;
        if (padded > left - 4)
            return "an option that is cut by the end of its block";
        const char *wrong = interface_option(capture, code, len, p + 4, face, seen);
        if (wrong != NULL || code == OPTION_END)
            return wrong;
        p += 4 + padded;
        left -= 4 + padded;
    }
    return NULL;
}

/* draft-ietf-opsawg-pcapng, 4.2 */
static toa_capture_result interface_read(toa_capture *capture, const block *head)
{
    const toa_capture_result result = block_read(capture, head, 8);
    if (result != TOA_CAPTURE_RECORD)
        return result;
    const uint8_t *p = here(capture) + BLOCK_HEADER;
    capture_interface face = {.link_type = (int)get16(capture, p)};
    face.snap_len = sane_snap_len(get32(capture, p + 4), face.link_type);
    set_resolution(&face, false, 6);
    const char *wrong = interface_options(capture, p + 8, head->len - BLOCK_OVERHEAD - 8, &face);
    if (wrong != NULL)
        return corrupt(capture, wrong);
    if (capture->n_interfaces == TOA_CAPTURE_INTERFACES_MAX)
        return corrupt(capture, "more interfaces in a section than are believed");
    if (!interfaces_grow(capture))
        return fail(capture, TOA_CAPTURE_IO_ERROR, "out of memory");
    set_scale(&face);
    capture->interfaces[capture->n_interfaces++] = face;
    capture->at += head->len;
    return TOA_CAPTURE_RECORD;
}

/* What the three kinds of packet blocks say in different places. */
typedef struct packet {
    uint32_t fixed; /* body bytes before the packet's */
    uint32_t interface;
    uint32_t captured;
    uint32_t original;
    uint64_t stamp;
} packet;

/* Body bytes before the packet; 0 for other blocks. */
static uint32_t packet_fixed(uint32_t type)
{
    if (type == BLOCK_ENHANCED || type == BLOCK_PACKET)
        return 20;
    return type == BLOCK_SIMPLE ? 4 : 0;
}

/* draft-ietf-opsawg-pcapng, 4.3 (enhanced), 4.4 (simple), 10.1 (packet). */
static packet packet_fields(const toa_capture *capture, uint32_t type)
{
    const uint8_t *p = here(capture) + BLOCK_HEADER;
    if (type == BLOCK_SIMPLE) {
        const uint32_t original = get32(capture, p);
        const uint32_t snap_len = capture->n_interfaces != 0 ? capture->interfaces[0].snap_len : 0;
        return (packet){4, 0, original < snap_len ? original : snap_len, original, 0};
    }
    const uint32_t face = type == BLOCK_ENHANCED ? get32(capture, p) : get16(capture, p);
    const uint64_t high = get32(capture, p + 4);
    return (packet){20, face, get32(capture, p + 12), get32(capture, p + 16),
                    high << 32 | get32(capture, p + 8)};
}

static toa_capture_result packet_read(toa_capture *capture, const block *head, toa_record *out)
{
    const toa_capture_result result = block_read(capture, head, packet_fixed(head->type));
    if (result != TOA_CAPTURE_RECORD)
        return result;
    const packet found = packet_fields(capture, head->type);
    if (found.interface >= capture->n_interfaces)
        return fail(capture, TOA_CAPTURE_CORRUPT,
                    "a packet of interface %" PRIu32 ", of %" PRIu32 " that are described",
                    found.interface, capture->n_interfaces);
    if (found.captured > head->len - BLOCK_OVERHEAD - found.fixed)
        return fail(capture, TOA_CAPTURE_CORRUPT,
                    "a packet of %" PRIu32 " bytes in a block of %" PRIu32, found.captured,
                    head->len);
    const capture_interface *face = &capture->interfaces[found.interface];
    out->bytes = here(capture) + BLOCK_HEADER + found.fixed;
    out->captured_len = found.captured < face->snap_len ? found.captured : face->snap_len;
    out->original_len = found.original;
    out->link_type = face->link_type;
    out->interface_id = found.interface;
    out->time = stamp_time(face, found.stamp);
    out->longer = found.captured > found.original;
    capture->at += head->len;
    return TOA_CAPTURE_RECORD;
}

static toa_capture_result pcapng_next(toa_capture *capture, toa_record *out)
{
    for (;;) {
        block head = {0, 0};
        toa_capture_result result = block_begin(capture, &head);
        if (result != TOA_CAPTURE_RECORD)
            return result;
        if (packet_fixed(head.type) != 0)
            return packet_read(capture, &head, out);
        if (head.type == BLOCK_SECTION)
            result = section_read(capture, &head);
        else if (head.type == BLOCK_INTERFACE)
            result = interface_read(capture, &head);
        else
            result = block_skip(capture, &head);
        if (result != TOA_CAPTURE_RECORD)
            return result;
    }
}

/* ---- Which format ---------------------------------------------------------------------------- */

static toa_capture_result begin(toa_capture *capture)
{
    if (!need(capture, 4)) {
        if (capture->source_result != TOA_SOURCE_END)
            return ended(capture, true);
        return unknown_format(capture, capture->end == 0 ? ": it is empty" : ": it is too short");
    }
    for (int order = 0; order < 2; order++) {
        capture->big_endian = order == 1;
        switch (get32(capture, here(capture))) {
        case 0xa1b2c3d4:
            return pcap_begin(capture, false, 1000);
        case 0xa1b23c4d:
            return pcap_begin(capture, false, 1);
        case 0xa1b2cd34:
            return pcap_begin(capture, true, 1000);
        case BLOCK_SECTION:
            capture->format = FORMAT_PCAPNG;
            return TOA_CAPTURE_RECORD;
        default:
            break;
        }
    }
    return unknown_format(capture, ": it begins with other bytes");
}

toa_capture_result toa_capture_next(toa_capture *capture, toa_record *out)
{
    if (capture->state == TOA_CAPTURE_RECORD && capture->format == FORMAT_UNKNOWN)
        capture->state = begin(capture);
    if (capture->state != TOA_CAPTURE_RECORD)
        return capture->state;
    capture->state =
        capture->format == FORMAT_PCAP ? pcap_next(capture, out) : pcapng_next(capture, out);
    if (capture->state == TOA_CAPTURE_RECORD)
        capture->n_records++;
    return capture->state;
}

/* Records of pcap's commonest layout that are in the window whole: with what does not change held
 * outside the loop, a third of the instructions of as many calls of pcap_next. */
static size_t pcap_near(toa_capture *capture, toa_record *out, size_t max)
{
    const capture_interface *face = &capture->interfaces[0];
    const uint32_t nanos = capture->pcap.nanos;
    const uint32_t record_max = capture->pcap.record_max;
    const uint8_t *p = here(capture);
    const uint8_t *const end = capture->window + capture->end;
    size_t n = 0;
    while (n < max && (size_t)(end - p) >= PCAP_RECORD_HEADER) {
        const uint32_t captured = get32(capture, p + 8);
        const uint32_t original = get32(capture, p + 12);
        if (captured > record_max || captured > (size_t)(end - p) - PCAP_RECORD_HEADER)
            break;
        const uint64_t seconds = get32(capture, p);
        const uint64_t part = get32(capture, p + 4);
        out[n].bytes = p + PCAP_RECORD_HEADER;
        out[n].captured_len = captured < face->snap_len ? captured : face->snap_len;
        out[n].original_len = original;
        out[n].link_type = face->link_type;
        out[n].interface_id = 0;
        out[n].time = (toa_time)(seconds * NANOS + part * nanos);
        out[n].longer = captured > original;
        capture->offset = capture->base + (uint64_t)(p - capture->window);
        p += PCAP_RECORD_HEADER + captured;
        n++;
    }
    capture->at = (size_t)(p - capture->window);
    capture->n_records += n;
    return n;
}

/* Whether the next block is an enhanced packet and in the window whole. */
static bool pcapng_is_near(const toa_capture *capture)
{
    const size_t left = capture->end - capture->at;
    return left >= BLOCK_OVERHEAD && get32(capture, here(capture)) == BLOCK_ENHANCED &&
           get32(capture, here(capture) + 4) <= left;
}

size_t toa_capture_near(toa_capture *capture, toa_record *out, size_t max)
{
    const pcap_layout *layout = &capture->pcap;
    size_t n = 0;
    if (capture->state != TOA_CAPTURE_RECORD)
        return 0;
    if (capture->format == FORMAT_PCAP)
        return layout->swapped || layout->maybe_swapped || layout->header_len != PCAP_RECORD_HEADER
                   ? 0
                   : pcap_near(capture, out, max);
    while (n < max && capture->format == FORMAT_PCAPNG && pcapng_is_near(capture)) {
        const uint64_t offset = capture->offset;
        if (toa_capture_next(capture, &out[n]) != TOA_CAPTURE_RECORD) {
            capture->state = TOA_CAPTURE_RECORD; /* the next call meets it again */
            capture->offset = offset;
            capture->error[0] = '\0';
            break;
        }
        n++;
    }
    return n;
}

/* ---- Opening and closing --------------------------------------------------------------------- */

/* Takes the source, which may be NULL; closes it on failure. */
static toa_capture *capture_new(toa_source *source, const char *name, size_t window)
{
    toa_capture *capture = source != NULL ? calloc(1, sizeof *capture) : NULL;
    if (capture == NULL) {
        toa_source_close(source);
        return NULL;
    }
    const size_t name_size = strlen(name) + 1;
    capture->source = source;
    capture->size = window;
    capture->window = malloc(window);
    capture->name = malloc(name_size);
    capture->error_size = name_size + ERROR_SIZE;
    capture->error = calloc(1, capture->error_size);
    if (capture->window == NULL || capture->name == NULL || capture->error == NULL ||
        !interfaces_grow(capture)) {
        toa_capture_close(capture);
        return NULL;
    }
    memcpy(capture->name, name, name_size);
    return capture;
}

toa_capture *toa_capture_open(const char *path)
{
    const char *name = strcmp(path, "-") == 0 ? "standard input" : path;
    return capture_new(toa_source_open(path), name, TOA_CAPTURE_WINDOW);
}

toa_capture *toa_capture_open_memory(const char *name, const void *bytes, size_t len, size_t piece)
{
    return capture_new(toa_source_open_memory(bytes, len, piece), name,
                       piece != 0 ? PIECE_WINDOW : TOA_CAPTURE_WINDOW);
}

const char *toa_capture_error(const toa_capture *capture)
{
    return capture->error;
}

uint64_t toa_capture_offset(const toa_capture *capture)
{
    return capture->offset;
}

toa_capture_progress toa_capture_progress_now(const toa_capture *capture)
{
    return (toa_capture_progress){.n_records = capture->n_records,
                                  .consumed = toa_source_consumed(capture->source),
                                  .total = toa_source_total(capture->source)};
}

void toa_capture_close(toa_capture *capture)
{
    if (capture == NULL)
        return;
    toa_source_close(capture->source);
    free(capture->window);
    free(capture->name);
    free(capture->error);
    free(capture->interfaces);
    free(capture);
}
