#include "pcap_functions.h"

const toa_pcap_functions *toa_pcap_functions_get(void)
{
    static const toa_pcap_functions linked = {
        .create = pcap_create,
        .set_snaplen = pcap_set_snaplen,
        .set_promisc = pcap_set_promisc,
        .set_timeout = pcap_set_timeout,
        .set_immediate_mode = pcap_set_immediate_mode,
        .set_buffer_size = pcap_set_buffer_size,
        .activate = pcap_activate,
        .setnonblock = pcap_setnonblock,
        .datalink = pcap_datalink,
        .datalink_val_to_name = pcap_datalink_val_to_name,
        .get_selectable_fd = pcap_get_selectable_fd,
        .dispatch = pcap_dispatch,
        .geterr = pcap_geterr,
        .statustostr = pcap_statustostr,
        .close = pcap_close,
    };
    return &linked;
}

const char *toa_pcap_functions_missing(void)
{
    return "the system's interfaces cannot be read";
}

const char *toa_pcap_functions_rights(void)
{
    return "run as root, or give the program CAP_NET_RAW (setcap cap_net_raw+ep PROGRAM; systemd: "
           "AmbientCapabilities=CAP_NET_RAW)";
}

const char *toa_pcap_functions_name(size_t i)
{
    (void)i; /* the linker finds them */
    return NULL;
}
