#include "handle.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "filter.h"

/* Bytes of a frame that are captured: the headers, with room for tags and extension headers. */
enum { SNAP_LEN = 256, SNAP_LEN_TUNNELS = 512 };

/* Where libpcap has no immediate mode, frames come this much later, at most. */
enum { TIMEOUT_MILLISECONDS = 1 };

void toa_handle_say(char *text, size_t size, const char *format, ...)
{
    va_list arguments;
    if (text == NULL || size == 0) {
        return;
    }
    va_start(arguments, format);
    (void)vsnprintf(text, size, format, arguments);
    va_end(arguments);
}

void toa_handle_close(toa_handle *handle)
{
    if (handle->native != NULL) {
        handle->pcap->close(handle->native);
        handle->native = NULL;
    }
}

static uint32_t snap_len_of(const toa_config *config)
{
    return config->open_tunnels ? SNAP_LEN_TUNNELS : SNAP_LEN;
}

static void set_up(const toa_handle *handle, const toa_live_options *options)
{
    const toa_pcap_functions *pcap = handle->pcap;
    size_t buffer = options->buffer_size == 0 ? TOA_LIVE_BUFFER_DEFAULT : options->buffer_size;

    (void)pcap->set_snaplen(handle->native, (int)snap_len_of(options->config));
    (void)pcap->set_promisc(handle->native, options->promiscuous ? 1 : 0);
    (void)pcap->set_timeout(handle->native, TIMEOUT_MILLISECONDS);
    (void)pcap->set_buffer_size(handle->native, buffer > INT32_MAX ? INT32_MAX : (int)buffer);
    if (pcap->set_immediate_mode != NULL) {
        (void)pcap->set_immediate_mode(handle->native, 1);
    }
}

static toa_live_error activate(const toa_handle *handle, const char *name, char *text, size_t size)
{
    const toa_pcap_functions *pcap = handle->pcap;
    int status = pcap->activate(handle->native);
    switch (status) {
    case PCAP_ERROR_PERM_DENIED:
    case PCAP_ERROR_PROMISC_PERM_DENIED:
        toa_handle_say(text, size, "%s cannot be opened without the right to capture: %s", name,
                       toa_pcap_functions_rights());
        return TOA_LIVE_NO_OPEN;
    case PCAP_ERROR_NO_SUCH_DEVICE:
        toa_handle_say(text, size, "there is no interface %s to capture from", name);
        return TOA_LIVE_NO_INTERFACE;
    case PCAP_ERROR_IFACE_NOT_UP:
        toa_handle_say(text, size, "interface %s is down (ip link set %s up)", name, name);
        return TOA_LIVE_NO_START;
    default:
        break;
    }
    if (status < 0) {
        const char *detail = pcap->geterr(handle->native);
        toa_handle_say(text, size, "%s: %s%s%s", name, pcap->statustostr(status),
                       *detail == '\0' ? "" : ": ", detail);
        return TOA_LIVE_NO_START;
    }
    return TOA_LIVE_OK;
}

/* Installs the narrowest program that the kernel takes; if it takes none, one that passes all. */
static toa_live_error install_narrowest(const toa_handle *handle, const toa_handle_filter *to,
                                        toa_filter_options *wanted, struct bpf_program *program)
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
        if (to->install(handle, program)) {
            return TOA_LIVE_OK;
        }
        error = TOA_LIVE_NO_FILTER;
    }
    return error;
}

toa_live_error toa_handle_install(const toa_handle *handle, const char *name,
                                  const toa_live_options *options, const toa_handle_filter *to,
                                  char *text, size_t size)
{
    struct bpf_program program = {.bf_insns = calloc(TOA_FILTER_MAX, sizeof(struct bpf_insn))};
    toa_filter_options wanted = {
        .config = options->config,
        .link_type = handle->link_type,
        .snap_len = snap_len_of(options->config),
        .acks = options->acks,
        .all = options->no_filter,
        .in_kernel = to->in_kernel,
        .loopback = to->loopback,
    };
    if (program.bf_insns == NULL) {
        toa_handle_say(text, size, "no memory for the filter");
        return TOA_LIVE_NO_MEMORY;
    }
    toa_live_error error = install_narrowest(handle, to, &wanted, &program);
    if (error != TOA_LIVE_OK) {
        toa_handle_say(text, size, "%s: the filter cannot be %s", name,
                       error == TOA_LIVE_BAD_FILTER ? "made" : "installed");
    } else if (wanted.width != TOA_FILTER_EXACT) {
        toa_handle_say(text, size,
                       "%s: the servers do not fit into a filter of the kernel's, which passes %s",
                       name, toa_filter_width_text(wanted.width));
    }
    free(program.bf_insns);
    return error;
}

static toa_live_error open_native(toa_handle *handle, const char *name,
                                  const toa_live_options *options, char *text, size_t size)
{
    const toa_pcap_functions *pcap = handle->pcap;
    char why[PCAP_ERRBUF_SIZE] = "";

    handle->native = pcap->create(name, why);
    if (handle->native == NULL) {
        toa_handle_say(text, size, "%s cannot be opened: %s", name, why);
        return TOA_LIVE_NO_OPEN;
    }
    set_up(handle, options);
    toa_live_error error = activate(handle, name, text, size);
    if (error != TOA_LIVE_OK) {
        return error;
    }
    handle->link_type = pcap->datalink(handle->native);
    if (!toa_link_known(handle->link_type)) {
        const char *type = pcap->datalink_val_to_name(handle->link_type);
        toa_handle_say(text, size,
                       "%s: frames of link type %s (%d) carry no TCP that can be read here", name,
                       type == NULL ? "?" : type, handle->link_type);
        return TOA_LIVE_BAD_FILTER;
    }
    if (pcap->setnonblock(handle->native, 1, why) != 0) {
        toa_handle_say(text, size, "%s cannot be read without waiting: %s", name, why);
        return TOA_LIVE_NO_START;
    }
    return TOA_LIVE_OK;
}

toa_live_error toa_handle_open(toa_handle *handle, const char *name,
                               const toa_live_options *options, char *text, size_t size)
{
    toa_live_error error = open_native(handle, name, options, text, size);
    if (error != TOA_LIVE_OK) {
        toa_handle_close(handle);
    }
    return error;
}
