#define _DEFAULT_SOURCE

#include "kernel.h"

#include <linux/filter.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <stddef.h>
#include <sys/socket.h>

_Static_assert(sizeof(struct sock_filter) == sizeof(struct bpf_insn) &&
                   offsetof(struct sock_filter, jf) == offsetof(struct bpf_insn, jf) &&
                   offsetof(struct sock_filter, k) == offsetof(struct bpf_insn, k),
               "the kernel's instructions are libpcap's");

bool toa_kernel_filter(int socket, const struct bpf_program *program)
{
    struct sock_fprog attached = {
        .len = (unsigned short)program->bf_len,
        .filter = (struct sock_filter *)program->bf_insns,
    };
    return program->bf_len <= BPF_MAXINSNS &&
           setsockopt(socket, SOL_SOCKET, SO_ATTACH_FILTER, &attached, sizeof attached) == 0;
}

unsigned toa_kernel_filter_len(int socket)
{
    socklen_t n = 0; /* of instructions, not of bytes */
    return getsockopt(socket, SOL_SOCKET, SO_GET_FILTER, NULL, &n) == 0 ? n : 0;
}

bool toa_kernel_counts(int socket, uint32_t *queued, uint32_t *dropped)
{
    struct tpacket_stats stats;
    socklen_t len = sizeof stats;
    if (getsockopt(socket, SOL_PACKET, PACKET_STATISTICS, &stats, &len) != 0) {
        return false;
    }
    *queued = stats.tp_packets - stats.tp_drops; /* the kernel adds them up */
    *dropped = stats.tp_drops;
    return true;
}

unsigned toa_kernel_loopback(void)
{
    return if_nametoindex("lo");
}
