#define _DEFAULT_SOURCE

#include "kernel_filter.h"

#include <linux/filter.h> /* struct sock_filter, BPF_MAXINSNS */
#include <stddef.h>
#include <sys/socket.h>
#include <unistd.h>

_Static_assert(sizeof(struct sock_filter) == sizeof(struct bpf_insn) &&
                   offsetof(struct sock_filter, jf) == offsetof(struct bpf_insn, jf) &&
                   offsetof(struct sock_filter, k) == offsetof(struct bpf_insn, k),
               "the kernel's instructions are libpcap's");

bool toa_kernel_filter_fits(const struct bpf_program *program)
{
    struct sock_fprog attached = {
        .len = (unsigned short)program->bf_len,
        .filter = (struct sock_filter *)program->bf_insns,
    };
    if (program->bf_len > BPF_MAXINSNS) {
        return false;
    }
    int probe = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (probe < 0) {
        return true;
    }
    bool fits = setsockopt(probe, SOL_SOCKET, SO_ATTACH_FILTER, &attached, sizeof attached) == 0;
    (void)close(probe);
    return fits;
}
