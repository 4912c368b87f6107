#include "ring.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "filter.h"
#include "kernel.h"
#include "thread.h"

/* Bytes of a frame that are captured: the headers, with room for tags and extension headers. */
enum { SNAP_LEN = 256, SNAP_LEN_TUNNELS = 512 };

/* Where libpcap has no immediate mode, frames come this much later, at most. */
enum { TIMEOUT_MILLISECONDS = 1 };

__attribute__((format(printf, 3, 4))) static void say(char *text, size_t size, const char *format,
                                                      ...)
{
    va_list arguments;
    if (text == NULL || size == 0) {
        return;
    }
    va_start(arguments, format);
    (void)vsnprintf(text, size, format, arguments);
    va_end(arguments);
}

void toa_ring_init(toa_ring *capture)
{
    *capture = (toa_ring){.pcap = toa_pcap_functions_get(), .descriptor = -1};
}

void toa_ring_close(toa_ring *capture)
{
    if (capture->handle != NULL) {
        toa_ring_count(capture);
        capture->n_read = capture->n_queued;
        capture->pcap->close(capture->handle);
    }
    capture->handle = NULL;
    capture->descriptor = -1;
}

static uint32_t snap_len_of(const toa_config *config)
{
    return config->open_tunnels ? SNAP_LEN_TUNNELS : SNAP_LEN;
}

static void set_up(const toa_ring *capture, const toa_live_options *options)
{
    const toa_pcap_functions *pcap = capture->pcap;
    size_t buffer = options->buffer_size == 0 ? TOA_LIVE_BUFFER_DEFAULT : options->buffer_size;

    (void)pcap->set_snaplen(capture->handle, (int)snap_len_of(options->config));
    (void)pcap->set_promisc(capture->handle, options->promiscuous ? 1 : 0);
    (void)pcap->set_timeout(capture->handle, TIMEOUT_MILLISECONDS);
    (void)pcap->set_buffer_size(capture->handle, buffer > INT32_MAX ? INT32_MAX : (int)buffer);
    if (pcap->set_immediate_mode != NULL) {
        (void)pcap->set_immediate_mode(capture->handle, 1);
    }
}

static toa_live_error activate(const toa_ring *capture, const char *name, char *text, size_t size)
{
    const toa_pcap_functions *pcap = capture->pcap;
    int status = pcap->activate(capture->handle);
    switch (status) {
    case PCAP_ERROR_PERM_DENIED:
    case PCAP_ERROR_PROMISC_PERM_DENIED:
        say(text, size,
            "%s cannot be opened without the right to capture: run as root, or give the program "
            "CAP_NET_RAW (setcap cap_net_raw+ep PROGRAM; systemd: AmbientCapabilities=CAP_NET_RAW)",
            name);
        return TOA_LIVE_NO_OPEN;
    case PCAP_ERROR_NO_SUCH_DEVICE:
        say(text, size, "there is no interface %s to capture from", name);
        return TOA_LIVE_NO_INTERFACE;
    case PCAP_ERROR_IFACE_NOT_UP:
        say(text, size, "interface %s is down (ip link set %s up)", name, name);
        return TOA_LIVE_NO_START;
    default:
        break;
    }
    if (status < 0) {
        const char *detail = pcap->geterr(capture->handle);
        say(text, size, "%s: %s%s%s", name, pcap->statustostr(status), *detail == '\0' ? "" : ": ",
            detail);
        return TOA_LIVE_NO_START;
    }
    return TOA_LIVE_OK;
}

/* Installs the narrowest program that the kernel takes; if it takes none, one that passes all. */
static toa_live_error install_narrowest(const toa_ring *ring, toa_filter_options *wanted,
                                        struct bpf_program *program)
{
    toa_live_error error = TOA_LIVE_BAD_FILTER;
    for (int width = 0; width <= TOA_N_FILTER_WIDTHS; width++) {
        size_t n = 0;
        wanted->width = (toa_filter_width)width;
        wanted->all = wanted->all || width == TOA_N_FILTER_WIDTHS;
        if (!toa_filter_build(wanted, program->bf_insns, &n)) {
            continue;
        }
        program->bf_len = (unsigned)n;
        if (toa_kernel_filter(ring->descriptor, program)) {
            return TOA_LIVE_OK;
        }
        error = TOA_LIVE_NO_FILTER;
    }
    return error;
}

static toa_live_error install(const toa_ring *capture, const char *name,
                              const toa_live_options *options, char *text, size_t size)
{
    struct bpf_program program = {.bf_insns = calloc(TOA_FILTER_MAX, sizeof(struct bpf_insn))};
    toa_filter_options wanted = {
        .config = options->config,
        .link_type = capture->link_type,
        .snap_len = snap_len_of(options->config),
        .acks = options->acks,
        .all = options->no_filter,
        .in_kernel = true,
        .loopback = toa_kernel_loopback(),
    };
    if (program.bf_insns == NULL) {
        say(text, size, "no memory for the filter");
        return TOA_LIVE_NO_MEMORY;
    }
    toa_live_error error = install_narrowest(capture, &wanted, &program);
    if (error != TOA_LIVE_OK) {
        say(text, size, "%s: the filter cannot be %s", name,
            error == TOA_LIVE_BAD_FILTER ? "made" : "installed");
    } else if (wanted.width != TOA_FILTER_EXACT) {
        say(text, size, "%s: the servers do not fit into a filter of the kernel's, which passes %s",
            name, toa_filter_width_text(wanted.width));
    }
    free(program.bf_insns);
    return error;
}

static void ignore(u_char *context, const struct pcap_pkthdr *header, const u_char *bytes)
{
    (void)context;
    (void)header;
    (void)bytes;
}

/*
 * Empties the ring of what came between activation and filter, and takes what the kernel has
 * counted until then as read: libpcap drops outgoing frames of loopback without telling.
 */
static void begin_counting(toa_ring *capture)
{
    struct bpf_insn drop = {.code = BPF_RET | BPF_K, .k = 0};
    struct bpf_program none = {.bf_len = 1, .bf_insns = &drop};
    (void)toa_kernel_filter(capture->descriptor, &none);
    toa_thread_sleep(TOA_SECOND / 1000); /* for frames that are on their way past the old filter */
    while (capture->pcap->dispatch(capture->handle, -1, ignore, NULL) > 0) {
    }
    uint64_t dropped = capture->n_dropped;
    toa_ring_count(capture);
    capture->n_read = capture->n_queued;
    capture->n_dropped = dropped;
}

static toa_live_error open_handle(toa_ring *capture, const char *name,
                                  const toa_live_options *options, char *text, size_t size)
{
    const toa_pcap_functions *pcap = capture->pcap;
    char why[PCAP_ERRBUF_SIZE] = "";

    capture->handle = pcap->create(name, why);
    if (capture->handle == NULL) {
        say(text, size, "%s cannot be opened: %s", name, why);
        return TOA_LIVE_NO_OPEN;
    }
    set_up(capture, options);
    toa_live_error error = activate(capture, name, text, size);
    if (error != TOA_LIVE_OK) {
        return error;
    }
    capture->link_type = pcap->datalink(capture->handle);
    if (!toa_link_known(capture->link_type)) {
        const char *type = pcap->datalink_val_to_name(capture->link_type);
        say(text, size, "%s: frames of link type %s (%d) carry no TCP that can be read here", name,
            type == NULL ? "?" : type, capture->link_type);
        return TOA_LIVE_NO_OPEN;
    }
    if (pcap->setnonblock(capture->handle, 1, why) != 0) {
        say(text, size, "%s cannot be read without waiting: %s", name, why);
        return TOA_LIVE_NO_START;
    }
    capture->descriptor = pcap->get_selectable_fd(capture->handle);
    begin_counting(capture);
    return install(capture, name, options, text, size);
}

toa_live_error toa_ring_open(toa_ring *capture, const toa_interface *interface,
                             const toa_live_options *options, char *text, size_t size)
{
    say(text, size, "%s", "");
    if (capture->pcap == NULL) {
        say(text, size, "the capture library is not installed");
        return TOA_LIVE_NO_PCAP;
    }
    toa_live_error error = open_handle(capture, interface->name, options, text, size);
    if (error != TOA_LIVE_OK) {
        toa_ring_close(capture);
    }
    return error;
}

int toa_ring_read(toa_ring *capture, int max, pcap_handler take, void *context)
{
    int n = capture->pcap->dispatch(capture->handle, max, take, context);
    if (n > 0) {
        capture->n_read += (uint64_t)n;
    }
    return n;
}

void toa_ring_count(toa_ring *capture)
{
    uint32_t queued = 0;
    uint32_t dropped = 0;
    capture->counted =
        capture->handle != NULL && toa_kernel_counts(capture->descriptor, &queued, &dropped);
    capture->n_queued += queued;
    capture->n_dropped += dropped;
    if (capture->n_read > capture->n_queued) { /* one was on its way when counting began */
        capture->n_queued = capture->n_read;
    }
}
