#include "sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/ethtool.h>
#include <linux/netlink.h>
#include <linux/sockios.h>
#include <sched.h>
#include <seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "landlock.h"

/* Who needs a call. */
typedef enum need {
    EVERY,  /* sockets, signals, memory, reading the configuration */
    CAPTURE /* opening an interface, the capture thread, the record */
} need;

/* What an argument must be, for the call to be allowed: (argument & mask) == value. */
typedef struct limit {
    unsigned argument;
    unsigned long mask; /* 0: there is no limit */
    unsigned long value;
} limit;

enum { LIMITS = 3 };

#define ALL  ULONG_MAX
#define KIND 15UL /* a socket's type, without the flags that are with it */

typedef struct rule {
    int call;
    need need;
    limit limits[LIMITS]; /* all of them */
} rule;

#define THREAD ((unsigned long)(CLONE_THREAD | CLONE_VM))
/* All by which a file could be made or changed. */
#define OPENING ((unsigned long)(O_ACCMODE | O_CREAT | O_EXCL))

/*
 * What the tests of the daemon are seen to do; tools/tests/sandbox.sh watches them, and finds a
 * line that nobody needs.
 */
static const rule allowed[] = {
    /* Datagrams and what was learned: the loop. Fast Open would connect */
    {.call = SCMP_SYS(poll)},
    {.call = SCMP_SYS(restart_syscall)}, /* poll, behind SIGSTOP and SIGCONT */
    {.call = SCMP_SYS(recvmmsg)},
    {SCMP_SYS(sendmmsg), EVERY, {{3, MSG_FASTOPEN, 0}}},
    {SCMP_SYS(sendmsg), EVERY, {{2, MSG_FASTOPEN, 0}}},
    {.call = SCMP_SYS(read)},
    {.call = SCMP_SYS(write)},
    {.call = SCMP_SYS(close)},
    {.call = SCMP_SYS(futex)},
    /* toa ctl: its socket was opened before */
    {.call = SCMP_SYS(accept4)},
    {.call = SCMP_SYS(getsockopt)},
    {.call = SCMP_SYS(recvfrom)},
    {SCMP_SYS(sendto), EVERY, {{3, MSG_FASTOPEN, 0}}},
    {.call = SCMP_SYS(unlink)},
    /* Reading the configuration anew, other addresses to listen on */
    {SCMP_SYS(openat), EVERY, {{2, OPENING | O_TRUNC, 0}}},
    {.call = SCMP_SYS(newfstatat)},
    {SCMP_SYS(socket), EVERY, {{0, ALL, AF_INET}, {1, KIND, SOCK_DGRAM}, {2, ALL, 0}}},
    {SCMP_SYS(socket), EVERY, {{0, ALL, AF_INET6}, {1, KIND, SOCK_DGRAM}, {2, ALL, 0}}},
    {.call = SCMP_SYS(bind)},
    {.call = SCMP_SYS(getsockname)},
    {.call = SCMP_SYS(setsockopt)},
    /* Memory: never executable */
    {SCMP_SYS(mmap), EVERY, {{2, PROT_EXEC, 0}}},
    {.call = SCMP_SYS(munmap)},
    {.call = SCMP_SYS(brk)},
    /* The end */
    {.call = SCMP_SYS(exit_group)},
    /* The hash key */
    {.call = SCMP_SYS(getrandom)},
    /* Names of netlink sockets; abort() */
    {.call = SCMP_SYS(getpid)},
    /* Opening an interface anew */
    {SCMP_SYS(socket), CAPTURE, {{0, ALL, AF_PACKET}}},
    {SCMP_SYS(socket), CAPTURE, {{0, ALL, AF_NETLINK}, {2, ALL, NETLINK_ROUTE}}},
    {SCMP_SYS(socket), CAPTURE, {{0, ALL, AF_NETLINK}, {2, ALL, NETLINK_GENERIC}}},
    {SCMP_SYS(ioctl), CAPTURE, {{1, ALL, SIOCGIFINDEX}}},
    {SCMP_SYS(ioctl), CAPTURE, {{1, ALL, SIOCGIFNAME}}},
    {SCMP_SYS(ioctl), CAPTURE, {{1, ALL, SIOCGIFHWADDR}}},
    {SCMP_SYS(ioctl), CAPTURE, {{1, ALL, SIOCGIFFLAGS}}},
    {SCMP_SYS(ioctl), CAPTURE, {{1, ALL, SIOCGIFMTU}}},
    {SCMP_SYS(ioctl), CAPTURE, {{1, ALL, SIOCETHTOOL}}},
    {SCMP_SYS(fcntl), CAPTURE, {{1, ALL, F_GETFL}}},
    {SCMP_SYS(fcntl), CAPTURE, {{1, ALL, F_SETFL}}},
    {.call = SCMP_SYS(eventfd2), .need = CAPTURE},
    {.call = SCMP_SYS(uname), .need = CAPTURE},
    {.call = SCMP_SYS(recvmsg), .need = CAPTURE},
    {.call = SCMP_SYS(clock_nanosleep), .need = CAPTURE},
    /* Threads, and no processes */
    {.call = SCMP_SYS(rt_sigprocmask), .need = CAPTURE},
    {SCMP_SYS(clone), CAPTURE, {{0, THREAD, THREAD}}},
    {SCMP_SYS(mprotect), CAPTURE, {{2, PROT_EXEC, 0}}},
    {.call = SCMP_SYS(madvise), .need = CAPTURE},
    {.call = SCMP_SYS(rseq), .need = CAPTURE},
    {.call = SCMP_SYS(set_robust_list), .need = CAPTURE},
    {.call = SCMP_SYS(rt_sigaction), .need = CAPTURE},
    {.call = SCMP_SYS(exit), .need = CAPTURE},
    /* The record */
    {SCMP_SYS(openat), CAPTURE, {{2, OPENING, O_WRONLY | O_CREAT | O_EXCL}}},
    {SCMP_SYS(openat), CAPTURE, {{2, OPENING | O_TRUNC, O_RDWR}}},
    {.call = SCMP_SYS(access), .need = CAPTURE},
    {.call = SCMP_SYS(lseek), .need = CAPTURE},
    {.call = SCMP_SYS(ftruncate), .need = CAPTURE},
    {.call = SCMP_SYS(getdents64), .need = CAPTURE},
    {.call = SCMP_SYS(sysinfo), .need = CAPTURE},
};

/* What the tests cannot bring about, besides abort()'s tgkill; tools/tests/sandbox.sh has this
 * list, too. */
static const rule rare[] = {
    {.call = SCMP_SYS(clock_gettime)}, /* where the clock is no matter of the vdso */
    {.call = SCMP_SYS(mremap)},        /* realloc of much */
    {.call = SCMP_SYS(fstat)},         /* newfstatat, of another C library */
    {.call = SCMP_SYS(ppoll)},         /* of processors that have no poll, access and unlink */
    {.call = SCMP_SYS(faccessat)},     {.call = SCMP_SYS(unlinkat)},
    {.call = SCMP_SYS(gettid)}, /* abort(), with tgkill: stack protector, _FORTIFY_SOURCE */
    {.call = SCMP_SYS(rt_sigreturn)},
};

/* What nobody has a reason to try. */
static const int fatal[] = {
    SCMP_SYS(execve),
    SCMP_SYS(execveat),
    SCMP_SYS(fork),
    SCMP_SYS(vfork),
    SCMP_SYS(ptrace),
    SCMP_SYS(process_vm_readv),
    SCMP_SYS(process_vm_writev),
    SCMP_SYS(setuid),
    SCMP_SYS(setgid),
    SCMP_SYS(setreuid),
    SCMP_SYS(setregid),
    SCMP_SYS(setresuid),
    SCMP_SYS(setresgid),
    SCMP_SYS(setgroups),
    SCMP_SYS(capset),
    SCMP_SYS(unshare),
    SCMP_SYS(setns),
    SCMP_SYS(mount),
    SCMP_SYS(umount2),
    SCMP_SYS(pivot_root),
    SCMP_SYS(chroot),
    SCMP_SYS(init_module),
    SCMP_SYS(finit_module),
    SCMP_SYS(delete_module),
    SCMP_SYS(kexec_load),
    SCMP_SYS(bpf),
    SCMP_SYS(perf_event_open),
    SCMP_SYS(userfaultfd),
    SCMP_SYS(keyctl),
    SCMP_SYS(add_key),
    SCMP_SYS(request_key),
    SCMP_SYS(io_uring_setup),
    SCMP_SYS(open_by_handle_at),
    SCMP_SYS(kill),
    SCMP_SYS(tkill),
    SCMP_SYS(rt_sigqueueinfo),
    SCMP_SYS(listen),
    SCMP_SYS(connect),
};

/* The sanitizers of the tests' builds end with a search for leaks, which stops all threads. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { SANITIZED = 1 };
#else
enum { SANITIZED = 0 };
#endif
static const int sanitizers[] = {
    SCMP_SYS(clone),
    SCMP_SYS(clone3),
    SCMP_SYS(ptrace),
    SCMP_SYS(wait4),
    SCMP_SYS(prctl),
    SCMP_SYS(readlink),
    SCMP_SYS(sigaltstack),
    SCMP_SYS(sched_yield),
    SCMP_SYS(getppid),
    SCMP_SYS(open),
    SCMP_SYS(fcntl),
    SCMP_SYS(getrlimit),
    SCMP_SYS(prlimit64),
    SCMP_SYS(mprotect),
    SCMP_SYS(madvise),
    SCMP_SYS(nanosleep),
    SCMP_SYS(tgkill),
    SCMP_SYS(getdents),
    SCMP_SYS(lseek),
    SCMP_SYS(exit),
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(getdents64),
    SCMP_SYS(process_vm_readv),
    SCMP_SYS(sched_getaffinity),
};

static int allow(scmp_filter_ctx filter, const rule *rule)
{
    struct scmp_arg_cmp arguments[LIMITS];
    unsigned n = 0;
    while (n < LIMITS && rule->limits[n].mask != 0) {
        arguments[n] = (struct scmp_arg_cmp){.arg = rule->limits[n].argument,
                                             .op = SCMP_CMP_MASKED_EQ,
                                             .datum_a = rule->limits[n].mask,
                                             .datum_b = rule->limits[n].value};
        n++;
    }
    return seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, rule->call, n, arguments);
}

static int allow_all(scmp_filter_ctx filter, const rule *rules, size_t n, bool capture)
{
    int wrong = 0;
    for (size_t i = 0; i < n && wrong == 0; i++) {
        if (rules[i].need == EVERY || capture) {
            wrong = allow(filter, &rules[i]);
        }
    }
    return wrong;
}

static bool is_sanitizers(int call)
{
    bool found = false;
    for (size_t i = 0; i < sizeof sanitizers / sizeof sanitizers[0]; i++) {
        found = found || sanitizers[i] == call;
    }
    return found && SANITIZED != 0;
}

static int forbid(scmp_filter_ctx filter)
{
    int wrong = 0;
    for (size_t i = 0; i < sizeof fatal / sizeof fatal[0] && wrong == 0; i++) {
        if (!is_sanitizers(fatal[i])) {
            wrong = seccomp_rule_add_array(filter, SCMP_ACT_KILL_PROCESS, fatal[i], 0, NULL);
        }
    }
    for (size_t i = 0; i < sizeof sanitizers / sizeof sanitizers[0] && wrong == 0; i++) {
        if (SANITIZED != 0) {
            wrong = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, sanitizers[i], 0, NULL);
        }
    }
    return wrong;
}

/* 0, or an error number below 0. */
static int fill(scmp_filter_ctx filter, bool capture)
{
    /* abort() of this process and of no other */
    struct scmp_arg_cmp itself = {.arg = 0, .op = SCMP_CMP_EQ, .datum_a = (scmp_datum_t)getpid()};
    int wrong = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
    if (wrong == 0 && SANITIZED == 0) {
        wrong = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1, &itself);
    }
    if (wrong == 0) {
        wrong = forbid(filter);
    }
    if (wrong == 0) {
        wrong = allow_all(filter, allowed, sizeof allowed / sizeof allowed[0], capture);
    }
    if (wrong == 0) {
        wrong = allow_all(filter, rare, sizeof rare / sizeof rare[0], capture);
    }
    return wrong;
}

static bool refused(const char *by, int wrong, char *text, size_t size)
{
    (void)snprintf(text, size, "cannot enter the sandbox: %s: %s (sandbox = no goes on without it)",
                   by, strerror(-wrong));
    return false;
}

static int load_filter(bool capture)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
    int wrong = filter == NULL ? -ENOMEM : fill(filter, capture);
    if (wrong == 0) {
        wrong = seccomp_load(filter);
    }
    if (filter != NULL) {
        seccomp_release(filter);
    }
    return wrong;
}

bool toa_sandbox_enter(const toa_sandbox_needs *needs, char *text, size_t size)
{
    bool walled = false;
    int wrong = toa_landlock_enter(needs, &walled);
    if (wrong != 0) {
        return refused("landlock", wrong, text, size);
    }
    wrong = load_filter(needs->capture);
    if (wrong != 0) {
        return refused("seccomp", wrong, text, size);
    }
    (void)snprintf(text, size, "%s",
                   walled ? ""
                          : "sandbox: this system has no landlock: files and other processes are "
                            "guarded by their owner's rights alone");
    return true;
}
