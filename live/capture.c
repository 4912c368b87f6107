#include "capture.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "filter.h"
#include "kernel_filter.h"

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

void toa_capture_init(toa_capture *capture)
{
    *capture = (toa_capture){.pcap = toa_pcap_functions_get(), .descriptor = -1};
}

void toa_ring_close(toa_capture *capture)
{
    if (capture->handle != NULL) {
        capture->dropped_before = toa_capture_dropped(capture);
        capture->pcap->close(capture->handle);
    }
    capture->handle = NULL;
    capture->descriptor = -1;
}

static uint32_t snap_len_of(const toa_config *config)
{
    return config->open_tunnels ? SNAP_LEN_TUNNELS : SNAP_LEN;
}

static void set_up(const toa_capture *capture, const toa_live_options *options)
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

static toa_live_error activate(const toa_capture *capture, const char *name, char *text,
                               size_t size)
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

/* The narrowest program that the kernel takes; the widest if it takes none, which libpcap then runs
 * itself. */
static bool build(const toa_capture *capture, const toa_live_options *options,
                  struct bpf_program *program, toa_filter_width *width)
{
    toa_filter_options wanted = {
        .config = options->config,
        .link_type = capture->link_type,
        .snap_len = snap_len_of(options->config),
        .acks = options->acks,
    };
    bool built = false;
    for (int i = 0; i < TOA_N_FILTER_WIDTHS; i++) {
        size_t n = 0;
        wanted.width = (toa_filter_width)i;
        if (!toa_filter_build(&wanted, program->bf_insns, &n)) {
            continue;
        }
        built = true;
        *width = wanted.width;
        program->bf_len = (unsigned)n;
        if (toa_kernel_filter_fits(program)) {
            break;
        }
    }
    return built;
}

static toa_live_error install(toa_capture *capture, const char *name,
                              const toa_live_options *options, char *text, size_t size)
{
    struct bpf_program program = {.bf_insns = calloc(TOA_FILTER_MAX, sizeof(struct bpf_insn))};
    toa_filter_width width = TOA_FILTER_EXACT;
    toa_live_error error = TOA_LIVE_OK;

    if (program.bf_insns == NULL) {
        say(text, size, "no memory for the filter");
        return TOA_LIVE_NO_MEMORY;
    }
    if (!build(capture, options, &program, &width)) {
        say(text, size, "the filter cannot be made");
        error = TOA_LIVE_BAD_FILTER;
    } else if (capture->pcap->setfilter(capture->handle, &program) != 0) {
        say(text, size, "%s: the filter cannot be installed: %s", name,
            capture->pcap->geterr(capture->handle));
        error = TOA_LIVE_NO_FILTER;
    } else if (width != TOA_FILTER_EXACT) {
        say(text, size, "%s: the servers do not fit into a filter of the kernel's; it passes %s up",
            name, toa_filter_width_text(width));
    }
    free(program.bf_insns);
    return error;
}

static toa_live_error open_handle(toa_capture *capture, const char *name,
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
    if (!options->no_filter) {
        error = install(capture, name, options, text, size);
        if (error != TOA_LIVE_OK) {
            return error;
        }
    }
    if (pcap->setnonblock(capture->handle, 1, why) != 0) {
        say(text, size, "%s cannot be read without waiting: %s", name, why);
        return TOA_LIVE_NO_START;
    }
    capture->descriptor = pcap->get_selectable_fd(capture->handle);
    return TOA_LIVE_OK;
}

toa_live_error toa_ring_open(toa_capture *capture, const toa_interface *interface,
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

int toa_capture_read(toa_capture *capture, int max, pcap_handler take, void *context)
{
    return capture->pcap->dispatch(capture->handle, max, take, context);
}

const char *toa_ring_error(const toa_capture *capture)
{
    return capture->pcap->geterr(capture->handle);
}

uint64_t toa_capture_dropped(toa_capture *capture)
{
    struct pcap_stat stats = {0};
    if (capture->handle == NULL || capture->pcap->stats(capture->handle, &stats) != 0) {
        return capture->dropped_before;
    }
    return capture->dropped_before + stats.ps_drop;
}
