/*
 * What any wpcap.dll can do, be it Npcap's or Wine's: frames come by pcap_next_ex alone, which
 * never waits here, so that nothing has to be broken off. There is no interface "any": it is one
 * handle for each adapter, and they are read in turn.
 */
#include "ring.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"

enum { ADAPTERS_MAX = 32, NAME_LEN = 128, NEWS_MAX = 64, NEWS_LEN = 384 };

/* How much later frames come where there is no immediate mode: the timeout of a millisecond, and
 * the ticks of the clocks that it goes by. */
#define LATE (20 * TOA_SECOND / 1000)

/* Between two questions to the driver about what it dropped. */
#define COUNT_INTERVAL (100 * TOA_SECOND / 1000)

/* An open adapter. */
typedef struct adapter {
    toa_handle handle;
    uint32_t dropped; /* as the driver counts, from when it was opened */
    char name[NAME_LEN];
} adapter;

/* The ring's `handle` is that of the first adapter that is open. */
struct toa_ring_more {
    adapter adapters[ADAPTERS_MAX];
    size_t n;
    size_t next; /* who is read first the next time */
    toa_time counted_at;
    char news[NEWS_MAX][NEWS_LEN];
    size_t n_news; /* with those that had no room */
    size_t n_told;
};

void toa_ring_init(toa_ring *capture)
{
    *capture = (toa_ring){.handle = {.pcap = toa_pcap_functions_get()}, .descriptor = -1};
    if (capture->handle.pcap != NULL && capture->handle.pcap->set_immediate_mode == NULL) {
        capture->late = LATE;
    }
}

void toa_ring_close(toa_ring *capture)
{
    struct toa_ring_more *more = capture->more;
    for (size_t i = 0; more != NULL && i < more->n; i++) {
        toa_handle_close(&more->adapters[i].handle);
    }
    free(more);
    capture->more = NULL;
    capture->has_news = false;
    capture->handle.native = NULL;
}

/* ---- News ------------------------------------------------------------------------------------ */

__attribute__((format(printf, 2, 3))) static void add_news(toa_ring *capture, const char *format,
                                                           ...)
{
    struct toa_ring_more *more = capture->more;
    va_list arguments;
    if (more->n_news < NEWS_MAX) {
        va_start(arguments, format);
        (void)vsnprintf(more->news[more->n_news], NEWS_LEN, format, arguments);
        va_end(arguments);
    }
    more->n_news++;
    capture->has_news = true;
}

bool toa_ring_news(toa_ring *capture, char *text, size_t size)
{
    struct toa_ring_more *more = capture->more;
    bool there = more != NULL && more->n_told < more->n_news;
    if (there && more->n_told < NEWS_MAX) {
        toa_handle_say(text, size, "%s", more->news[more->n_told++]);
    } else if (there) {
        toa_handle_say(text, size, "%lu adapters more are not captured from",
                       (unsigned long)(more->n_news - NEWS_MAX));
        more->n_told = more->n_news;
    }
    if (more != NULL && more->n_told == more->n_news) {
        more->n_told = 0;
        more->n_news = 0;
        capture->has_news = false;
    }
    return there;
}

/* ---- Opening --------------------------------------------------------------------------------- */

static bool install(const toa_handle *handle, struct bpf_program *program)
{
    return handle->pcap->setfilter(handle->native, program) == 0;
}

static toa_live_error open_adapter(toa_ring *capture, const char *name,
                                   const toa_live_options *options, char *text, size_t size)
{
    const toa_handle_filter to = {.install = install};
    struct toa_ring_more *more = capture->more;
    adapter opened = {.handle = {.pcap = capture->handle.pcap}};
    if (more->n == ADAPTERS_MAX) {
        toa_handle_say(text, size, "more than %d adapters", (int)ADAPTERS_MAX);
        return TOA_LIVE_NO_OPEN;
    }
    toa_live_error error = toa_handle_open(&opened.handle, name, options, text, size);
    if (error == TOA_LIVE_OK) {
        error = toa_handle_install(&opened.handle, name, options, &to, text, size);
    }
    if (error != TOA_LIVE_OK) {
        toa_handle_close(&opened.handle);
        return error;
    }
    more->adapters[more->n++] = opened;
    return TOA_LIVE_OK;
}

/* The name that people know, if there is one. */
static void name_adapter(char name[NAME_LEN], const pcap_if_t *device)
{
    if (device->description != NULL && device->description[0] != '\0') {
        (void)snprintf(name, NAME_LEN, "%s (%s)", device->description, device->name);
    } else {
        (void)snprintf(name, NAME_LEN, "%s", device->name);
    }
}

/* `text`: why it is not open, as long as none is; then, what an open one does not as asked. */
static toa_live_error open_one_of_all(toa_ring *capture, const pcap_if_t *device,
                                      const toa_live_options *options, char *text, size_t size)
{
    char name[NAME_LEN];
    char why[NEWS_LEN - NAME_LEN] = "";
    struct toa_ring_more *more = capture->more;
    toa_live_error error = open_adapter(capture, device->name, options, why, sizeof why);
    name_adapter(name, device);
    if (error != TOA_LIVE_OK) {
        add_news(capture, "%s is not captured from: %s", name, why);
    } else {
        memcpy(more->adapters[more->n - 1].name, name, sizeof name);
    }
    if (error != TOA_LIVE_OK ? more->n == 0 : more->n == 1 || why[0] != '\0') {
        toa_handle_say(text, size, "%s", why);
    }
    return error;
}

/* Those that can be opened; when none can, it is as with the last one. */
static toa_live_error open_all(toa_ring *capture, const toa_live_options *options, char *text,
                               size_t size)
{
    const toa_pcap_functions *pcap = capture->handle.pcap;
    char why[PCAP_ERRBUF_SIZE] = "";
    pcap_if_t *devices = NULL;
    toa_live_error error = TOA_LIVE_NO_PCAP;
    if (pcap->findalldevs(&devices, why) != 0 || devices == NULL) {
        toa_handle_say(text, size, "%s", toa_pcap_functions_missing());
        return TOA_LIVE_NO_PCAP;
    }
    for (const pcap_if_t *one = devices; one != NULL; one = one->next) {
        if (strcmp(one->name, "any") != 0) { /* Wine's host has that */
            error = open_one_of_all(capture, one, options, text, size);
        }
    }
    pcap->freealldevs(devices);
    return capture->more->n == 0 ? error : TOA_LIVE_OK;
}

toa_live_error toa_ring_open(toa_ring *capture, const toa_interface *interface,
                             const toa_live_options *options, char *text, size_t size)
{
    toa_handle_say(text, size, "%s", "");
    if (capture->handle.pcap == NULL) {
        toa_handle_say(text, size, "%s", toa_pcap_functions_missing());
        return TOA_LIVE_NO_PCAP;
    }
    capture->more = calloc(1, sizeof *capture->more);
    if (capture->more == NULL) {
        toa_handle_say(text, size, "no memory for the adapters");
        return TOA_LIVE_NO_MEMORY;
    }
    toa_live_error error = strcmp(interface->name, "any") == 0
                               ? open_all(capture, options, text, size)
                               : open_adapter(capture, interface->name, options, text, size);
    if (error != TOA_LIVE_OK) {
        toa_ring_close(capture);
        return error;
    }
    capture->handle = capture->more->adapters[0].handle;
    capture->link_type = capture->handle.link_type;
    return TOA_LIVE_OK;
}

/* ---- Reading --------------------------------------------------------------------------------- */

/* How many; -1: the adapter has failed. */
static int read_adapter(const adapter *from, int max, pcap_handler take, void *context)
{
    struct pcap_pkthdr *header = NULL;
    const u_char *bytes = NULL;
    int n = 0;
    int got = 1;
    while (n < max &&
           (got = from->handle.pcap->next_ex(from->handle.native, &header, &bytes)) == 1) {
        take(context, header, bytes);
        n++;
    }
    return got < 0 && n == 0 ? -1 : n;
}

/* One of several failed: the others go on. */
static void drop_adapter(toa_ring *capture, size_t i)
{
    struct toa_ring_more *more = capture->more;
    const adapter *one = &more->adapters[i];
    add_news(capture, "%s failed, and is not captured from any more until the next start: %s",
             one->name, one->handle.pcap->geterr(one->handle.native));
    toa_handle_close(&more->adapters[i].handle);
    more->n--;
    memmove(&more->adapters[i], &more->adapters[i + 1], (more->n - i) * sizeof more->adapters[0]);
    capture->handle = more->adapters[0].handle;
}

int toa_ring_read(toa_ring *capture, int max, pcap_handler take, void *context)
{
    struct toa_ring_more *more = capture->more;
    int n = 0;
    size_t begin = more->next++;
    for (size_t turn = 0; turn < more->n && n < max; turn++) {
        size_t i = (begin + turn) % more->n;
        capture->link_type = more->adapters[i].handle.link_type;
        int got = read_adapter(&more->adapters[i], max - n, take, context);
        if (got < 0 && more->n == 1) {
            return -1;
        }
        if (got < 0) {
            drop_adapter(capture, i);
        } else {
            n += got;
        }
    }
    capture->n_read += (uint64_t)n;
    return n;
}

/* The driver tells what it dropped, and not how many frames wait: `counted` stays false. */
void toa_ring_count(toa_ring *capture)
{
    struct toa_ring_more *more = capture->more;
    toa_time now = 0;
    if (more == NULL || !toa_clock_now(&now) || now - more->counted_at < COUNT_INTERVAL) {
        return;
    }
    more->counted_at = now;
    for (size_t i = 0; i < more->n; i++) {
        struct pcap_stat stat = {0}; /* not every library writes all of it */
        adapter *one = &more->adapters[i];
        if (one->handle.pcap->stats(one->handle.native, &stat) == 0) {
            capture->n_dropped += stat.ps_drop - one->dropped;
            one->dropped = stat.ps_drop;
        }
    }
    capture->n_queued = capture->n_read;
}
