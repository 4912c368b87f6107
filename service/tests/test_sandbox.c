/*
 * The sandbox, from inside: each row is a process of its own that enters it and tries one thing.
 * That everything the daemon does still works in it is shown by the tests of the daemon, which run
 * in it; that its list has nothing more, by tools/tests/sandbox.sh.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sandbox.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { SANITIZED = 1 };
#else
enum { SANITIZED = 0 };
#endif

/* What a row tries: 0, or an error number. */
static int start_a_program(void)
{
    char *const none[] = {NULL};
    return execve("/bin/true", none, none) == 0 ? 0 : errno;
}

static int start_a_process(void)
{
    long pid = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
    if (pid == 0) {
        _exit(0);
    }
    return pid < 0 ? errno : 0;
}

static int start_a_new_clone(void)
{
    return syscall(SYS_clone3, NULL, 0) == 0 ? 0 : errno;
}

static void *nothing(void *context)
{
    return context;
}

static int start_a_thread(void)
{
    pthread_t thread;
    int wrong = pthread_create(&thread, NULL, nothing, NULL);
    return wrong != 0 ? wrong : pthread_join(thread, NULL);
}

static int become_root(void)
{
    return setuid(0) == 0 ? 0 : errno;
}

static int end_another(void)
{
    return kill(getppid(), SIGTERM) == 0 ? 0 : errno;
}

static int abort_itself(void)
{
    abort();
}

static int look_into_another(void)
{
    return syscall(SYS_process_vm_writev, 1, NULL, 0, NULL, 0, 0) == 0 ? 0 : errno;
}

static int load_bpf(void)
{
    return syscall(SYS_bpf, 0, NULL, 0) == 0 ? 0 : errno;
}

static int make_a_namespace(void)
{
    return syscall(SYS_unshare, 0) == 0 ? 0 : errno;
}

static int connect_out(void)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(9)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    return connect(fd, (const struct sockaddr *)&to, sizeof to) == 0 ? 0 : errno;
}

static int map(int protection)
{
    void *at = mmap(NULL, 4096, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return at != MAP_FAILED ? 0 : errno;
}

static int map_memory(void)
{
    return map(PROT_READ | PROT_WRITE);
}

static int map_code(void)
{
    return map(PROT_READ | PROT_EXEC);
}

static int make_code(void)
{
    void *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return mprotect(at, 4096, PROT_READ | PROT_EXEC) == 0 ? 0 : errno;
}

static int open_socket(int family, int type)
{
    return socket(family, type, 0) >= 0 ? 0 : errno;
}

static int open_udp(void)
{
    return open_socket(AF_INET, SOCK_DGRAM);
}

static int open_netlink(void)
{
    return open_socket(AF_NETLINK, SOCK_RAW);
}

static int open_vsock(void)
{
    return open_socket(AF_VSOCK, SOCK_STREAM);
}

static int open_unix(void)
{
    return open_socket(AF_UNIX, SOCK_STREAM);
}

static int read_a_file(void)
{
    char byte;
    int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
    return fd >= 0 && read(fd, &byte, 1) == 1 ? 0 : errno;
}

static int push_into_a_terminal(void)
{
    return ioctl(0, 0x5412, "x") == 0 ? 0 : errno; /* TIOCSTI */
}

static int make_a_directory(void)
{
    return mkdirat(AT_FDCWD, "/tmp/toa-test-sandbox", 0700) == 0 ? 0 : errno;
}

static int change_a_mode(void)
{
    return fchmodat(AT_FDCWD, "/nowhere", 04755, 0) == 0 ? 0 : errno;
}

enum { WORKS = 0, ENDS = 1000, ENDS_BY_ABORT = 1001 };

static const struct row {
    const char *sentence;
    int (*try)(void);
    bool capture;
    bool not_sanitized;
    int wanted; /* an error number, or the above */
} rows[] = {
    {"a program is not started", start_a_program, true, false, ENDS},
    {"a process is not started", start_a_process, true, true, ENOSYS},
    {"the newer clone, whose flags cannot be seen, is not there", start_a_new_clone, true, true,
     ENOSYS},
    {"a thread is started", start_a_thread, true, false, WORKS},
    {"without a capture, no thread is", start_a_thread, false, true, ENOSYS},
    {"nobody becomes root", become_root, true, false, ENDS},
    {"no other process is ended", end_another, true, false, ENDS},
    {"abort() is one", abort_itself, true, true, ENDS_BY_ABORT},
    {"no other process is looked into", look_into_another, true, false, ENDS},
    {"no BPF program is loaded", load_bpf, true, false, ENDS},
    {"no namespace is made", make_a_namespace, true, false, ENDS},
    {"nothing is connected to", connect_out, true, false, ENDS},
    {"memory is mapped", map_memory, true, false, WORKS},
    {"code is not mapped", map_code, true, false, ENOSYS},
    {"memory does not become code", make_code, true, true, ENOSYS},
    {"UDP sockets are opened", open_udp, false, false, WORKS},
    {"netlink is, for a capture", open_netlink, true, false, WORKS},
    {"and for none it is not", open_netlink, false, false, ENOSYS},
    {"other families are not", open_vsock, true, false, ENOSYS},
    {"nor is another program's socket", open_unix, true, false, ENOSYS},
    {"files are read", read_a_file, false, false, WORKS},
    {"nothing is typed into a terminal", push_into_a_terminal, true, false, ENOSYS},
    {"no directory is made", make_a_directory, true, false, ENOSYS},
    {"no mode is changed", change_a_mode, true, false, ENOSYS},
};

static int outcome(const struct row *row)
{
    char error[256];
    int status = 0;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        const struct rlimit no_core = {0, 0};
        (void)setrlimit(RLIMIT_CORE, &no_core);
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
            !toa_sandbox_enter(row->capture, error, sizeof error)) {
            _exit(255);
        }
        _exit(row->try());
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (WIFSIGNALED(status)) {
        return WTERMSIG(status) == SIGSYS    ? ENDS
               : WTERMSIG(status) == SIGABRT ? ENDS_BY_ABORT
                                             : 2000 + WTERMSIG(status);
    }
    return WEXITSTATUS(status);
}

static void keeps_in(void **state)
{
    int n_wrong = 0;
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (rows[i].not_sanitized && SANITIZED != 0) {
            continue;
        }
        int got = outcome(&rows[i]);
        if (got != rows[i].wanted) {
            print_error("%s: wanted %d, got %d\n", rows[i].sentence, rows[i].wanted, got);
            n_wrong++;
        }
    }
    assert_int_equal(n_wrong, 0);
}

/* Inside, nobody makes another sandbox. */
static void says_why_not(void **state)
{
    int status = 0;
    (void)state;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        char error[256] = "";
        bool entered = toa_sandbox_enter(true, error, sizeof error);
        bool again = toa_sandbox_enter(true, error, sizeof error);
        bool said = strstr(error, "cannot enter the sandbox: seccomp: ") != NULL;
        _exit(entered && !again && said ? 0 : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_in),
        cmocka_unit_test(says_why_not),
    };
    return cmocka_run_group_tests_name("sandbox", tests, NULL, NULL);
}
