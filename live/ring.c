#include "ring.h"

#include "kernel.h"
#include "thread.h"

void toa_ring_init(toa_ring *capture)
{
    *capture = (toa_ring){.handle = {.pcap = toa_pcap_functions_get()}, .descriptor = -1};
}

void toa_ring_close(toa_ring *capture)
{
    if (toa_ring_is_open(capture)) {
        toa_ring_count(capture);
        capture->n_read = capture->n_queued;
    }
    toa_handle_close(&capture->handle);
    capture->descriptor = -1;
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
    while (capture->handle.pcap->dispatch(capture->handle.native, -1, ignore, NULL) > 0) {
    }
    uint64_t dropped = capture->n_dropped;
    toa_ring_count(capture);
    capture->n_read = capture->n_queued;
    capture->n_dropped = dropped;
}

static bool install(const toa_handle *handle, struct bpf_program *program)
{
    return toa_kernel_filter(handle->pcap->get_selectable_fd(handle->native), program);
}

toa_live_error toa_ring_open(toa_ring *capture, const toa_interface *interface,
                             const toa_live_options *options, char *text, size_t size)
{
    const toa_handle_filter to = {
        .in_kernel = true, .loopback = toa_kernel_loopback(), .install = install};
    toa_handle_say(text, size, "%s", "");
    if (capture->handle.pcap == NULL) {
        toa_handle_say(text, size, "%s", toa_pcap_functions_missing());
        return TOA_LIVE_NO_PCAP;
    }
    toa_live_error error = toa_handle_open(&capture->handle, interface->name, options, text, size);
    if (error != TOA_LIVE_OK) {
        return error;
    }
    capture->link_type = capture->handle.link_type;
    capture->descriptor = capture->handle.pcap->get_selectable_fd(capture->handle.native);
    begin_counting(capture);
    error = toa_handle_install(&capture->handle, interface->name, options, &to, text, size);
    if (error != TOA_LIVE_OK) {
        toa_ring_close(capture);
    }
    return error;
}

int toa_ring_read(toa_ring *capture, int max, pcap_handler take, void *context)
{
    int n = capture->handle.pcap->dispatch(capture->handle.native, max, take, context);
    if (n > 0) {
        capture->n_read += (uint64_t)n;
    }
    return n;
}

/* It is one packet socket, for "any", too. */
bool toa_ring_news(toa_ring *capture, char *text, size_t size)
{
    (void)capture;
    (void)text;
    (void)size;
    return false;
}

void toa_ring_count(toa_ring *capture)
{
    uint32_t queued = 0;
    uint32_t dropped = 0;
    capture->counted =
        toa_ring_is_open(capture) && toa_kernel_counts(capture->descriptor, &queued, &dropped);
    capture->n_queued += queued;
    capture->n_dropped += dropped;
    if (capture->n_read > capture->n_queued) { /* one was on its way when counting began */
        capture->n_queued = capture->n_read;
    }
}
