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
#include <limits.h>
#include <linux/landlock.h>
#include <linux/netlink.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <seccomp.h>
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

/* A directory of the test's own, with what its setup puts there. */
static char scratch[] = "/tmp/toa-test-sandbox-XXXXXX";
static int tcp = -1;     /* was there before the sandbox */
static pid_t other = -1; /* another process, of the same user and program */
static char word[] = "it";

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

static int send_fast_open(void)
{
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(9), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    return sendto(tcp, "x", 1, MSG_FASTOPEN, (const struct sockaddr *)&to, sizeof to) == 1 ? 0
                                                                                           : errno;
}

static int send_message_fast_open(void)
{
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(9), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    struct iovec part = {word, 1};
    struct mmsghdr one = {
        .msg_hdr = {.msg_name = &to, .msg_namelen = sizeof to, .msg_iov = &part, .msg_iovlen = 1}};
    int first = sendmsg(tcp, &one.msg_hdr, MSG_FASTOPEN) == 1 ? 0 : errno;
    int second = sendmmsg(tcp, &one, 1, MSG_FASTOPEN) == 1 ? 0 : errno;
    return first == second ? first : 999;
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

static int open_tcp(void)
{
    return open_socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC);
}

static int open_tcp_6(void)
{
    return open_socket(AF_INET6, SOCK_STREAM);
}

static int open_ping(void)
{
    return socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP) >= 0 ? 0 : errno;
}

static int open_netlink(void)
{
    return open_socket(AF_NETLINK, SOCK_RAW);
}

static int open_audit(void)
{
    return socket(AF_NETLINK, SOCK_RAW, NETLINK_AUDIT) >= 0 ? 0 : errno;
}

static int open_vsock(void)
{
    return open_socket(AF_VSOCK, SOCK_STREAM);
}

static int open_unix(void)
{
    return open_socket(AF_UNIX, SOCK_STREAM);
}

/* ---- Files ----------------------------------------------------------------------------------- */

static const char *path_of(const char *name)
{
    static char path[PATH_MAX];
    (void)snprintf(path, sizeof path, "%s/%s", scratch, name);
    return path;
}

static int open_file(const char *path, int flags)
{
    int fd = open(path, flags | O_CLOEXEC, 0600);
    return fd < 0 ? errno : close(fd);
}

static int read_the_configuration(void)
{
    return open_file(path_of("conf/toa.conf"), O_RDONLY);
}

static int read_its_target(void)
{
    return open_file(path_of("conf/link.conf"), O_RDONLY);
}

static int write_the_configuration(void)
{
    return open_file(path_of("conf/toa.conf"), O_RDWR);
}

static int read_another_file(void)
{
    return open_file(path_of("other/file"), O_RDONLY);
}

static int read_passwords(void)
{
    return open_file("/etc/passwd", O_RDONLY);
}

static int make_a_file(void)
{
    return open_file(path_of("other/new"), O_WRONLY | O_CREAT | O_EXCL);
}

static int make_a_file_in_conf(void)
{
    return open_file(path_of("conf/new"), O_WRONLY | O_CREAT | O_EXCL);
}

static int remove_a_file(void)
{
    return unlink(path_of("other/file")) == 0 ? 0 : errno;
}

static int remove_the_configuration(void)
{
    return unlink(path_of("conf/toa.conf")) == 0 ? 0 : errno;
}

static int list_a_directory(void)
{
    return open_file(path_of("other"), O_RDONLY | O_DIRECTORY);
}

static int remove_the_control(void)
{
    return unlink(path_of("run/control")) == 0 ? 0 : errno;
}

/* All that the record does, in its order. */
static int keep_a_record(void)
{
    int wrong = open_file(path_of("record"), O_RDONLY | O_DIRECTORY);
    int fd = open(path_of("record/old.pcap"), O_RDWR | O_CLOEXEC);
    wrong = wrong == 0 && (fd < 0 || ftruncate(fd, 1) != 0 || close(fd) != 0) ? errno : wrong;
    wrong = wrong == 0 && unlink(path_of("record/old.pcap")) != 0 ? errno : wrong;
    fd = open(path_of("record/new.case"), O_WRONLY | O_CREAT | O_EXCL | O_TRUNC | O_CLOEXEC, 0600);
    wrong = wrong == 0 && (fd < 0 || write(fd, "x", 1) != 1 || close(fd) != 0) ? errno : wrong;
    return wrong == 0 && unlink(path_of("record/new.case")) != 0 ? errno : wrong;
}

/* ---- Other processes ------------------------------------------------------------------------- */

static int open_memory(const char *whose, int flags)
{
    char path[64];
    (void)snprintf(path, sizeof path, "/proc/%s/mem", whose);
    return open_file(path, flags);
}

static int open_memory_of_another(int flags)
{
    char number[16];
    (void)snprintf(number, sizeof number, "%d", (int)other);
    return open_memory(number, flags);
}

static int change_another(void)
{
    return open_memory_of_another(O_RDWR);
}

static int read_another(void)
{
    return open_memory_of_another(O_RDONLY);
}

static int change_its_code(void)
{
    return open_memory("self", O_RDWR);
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
    int wanted;                                    /* an error number, or the above */
    enum { ANYWHERE, FILES, FILES_OF_ROOT } where; /* FILES: takes landlock */
} rows[] = {
    {"a program is not started", start_a_program, true, false, ENDS, ANYWHERE},
    {"a process is not started", start_a_process, true, true, ENOSYS, ANYWHERE},
    {"the newer clone, whose flags cannot be seen, is not there", start_a_new_clone, true, true,
     ENOSYS, ANYWHERE},
    {"a thread is started", start_a_thread, true, false, WORKS, ANYWHERE},
    {"without a capture, no thread is", start_a_thread, false, true, ENOSYS, ANYWHERE},
    {"nobody becomes root", become_root, true, false, ENDS, ANYWHERE},
    {"no other process is ended", end_another, true, false, ENDS, ANYWHERE},
    {"abort() is one", abort_itself, true, true, ENDS_BY_ABORT, ANYWHERE},
    {"no other process is looked into", look_into_another, true, false, ENDS, ANYWHERE},
    {"no BPF program is loaded", load_bpf, true, false, ENDS, ANYWHERE},
    {"no namespace is made", make_a_namespace, true, false, ENDS, ANYWHERE},
    {"nothing is connected to", connect_out, true, false, ENDS, ANYWHERE},
    {"nor by the first datagram", send_fast_open, true, false, ENOSYS, ANYWHERE},
    {"nor so for a file", send_fast_open, false, false, ENOSYS, ANYWHERE},
    {"nor by a message", send_message_fast_open, true, false, ENOSYS, ANYWHERE},
    {"memory is mapped", map_memory, true, false, WORKS, ANYWHERE},
    {"code is not mapped", map_code, true, false, ENOSYS, ANYWHERE},
    {"memory does not become code", make_code, true, true, ENOSYS, ANYWHERE},
    {"UDP sockets are opened", open_udp, false, false, WORKS, ANYWHERE},
    {"TCP sockets are not", open_tcp, true, false, ENOSYS, ANYWHERE},
    {"of no family", open_tcp_6, false, false, ENOSYS, ANYWHERE},
    {"nor those of ping", open_ping, true, false, ENOSYS, ANYWHERE},
    {"netlink is, for a capture", open_netlink, true, false, WORKS, ANYWHERE},
    {"and for none it is not", open_netlink, false, false, ENOSYS, ANYWHERE},
    {"nor for anything but interfaces", open_audit, true, false, ENOSYS, ANYWHERE},
    {"other families are not", open_vsock, true, false, ENOSYS, ANYWHERE},
    {"nor is another program's socket", open_unix, true, false, ENOSYS, ANYWHERE},
    {"the configuration is read", read_the_configuration, false, false, WORKS, FILES},
    {"also where a link leads", read_its_target, false, false, WORKS, FILES},
    {"and not written", write_the_configuration, true, false, EACCES, FILES},
    {"nor removed", remove_the_configuration, true, false, EACCES, FILES},
    {"nothing is made beside it", make_a_file_in_conf, true, false, EACCES, FILES},
    {"no other file is read", read_another_file, true, true, EACCES, FILES},
    {"not even one that everybody may read", read_passwords, false, true, EACCES, FILES},
    {"no directory is listed", list_a_directory, true, false, EACCES, FILES},
    {"no file is made", make_a_file, true, false, EACCES, FILES},
    {"without a capture, there is no call for it", make_a_file, false, false, ENOSYS, ANYWHERE},
    {"no file is removed", remove_a_file, true, false, EACCES, FILES},
    {"the socket of toa ctl is", remove_the_control, false, false, WORKS, FILES},
    {"a record is kept", keep_a_record, true, false, WORKS, FILES},
    {"no other process is changed", change_another, true, false, EACCES, FILES},
    {"nor read", read_another, true, false, EACCES, FILES},
    {"not even with a configuration in /", read_another, true, false, EACCES, FILES_OF_ROOT},
    {"its own code stays as it is", change_its_code, true, false, EACCES, FILES},
    {"also without a capture", change_its_code, false, false, ENOSYS, ANYWHERE},
    {"nothing is typed into a terminal", push_into_a_terminal, true, false, ENOSYS, ANYWHERE},
    {"no directory is made", make_a_directory, true, false, ENOSYS, ANYWHERE},
    {"no mode is changed", change_a_mode, true, false, ENOSYS, ANYWHERE},
};

static bool has_landlock(void)
{
    return syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION) > 0;
}

static bool enter(const struct row *row, char *text, size_t size)
{
    char config[PATH_MAX];
    char record[PATH_MAX];
    char control[PATH_MAX];
    (void)snprintf(config, sizeof config, "%s", path_of("conf/link.conf"));
    (void)snprintf(record, sizeof record, "%s", path_of("record"));
    (void)snprintf(control, sizeof control, "%s", path_of("run/control"));
    const toa_sandbox_needs needs = {.capture = row->capture,
                                     .config = row->where == FILES_OF_ROOT ? "/toa.conf" : config,
                                     .record = record,
                                     .control = control};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && toa_sandbox_enter(&needs, text, size);
}

static int outcome(const struct row *row)
{
    char text[256];
    int status = 0;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        const struct rlimit no_core = {0, 0};
        (void)setrlimit(RLIMIT_CORE, &no_core);
        if (!enter(row, text, sizeof text)) {
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
        if (rows[i].where != ANYWHERE && !has_landlock()) {
            print_message("NOT TESTED, this kernel has no landlock: %s\n", rows[i].sentence);
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

/* Runs in a process of its own, which may shut itself in. */
static void apart(bool (*try)(void))
{
    int status = 0;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        _exit(try() ? 0 : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

/* As editors save a file: under another name, which then becomes the file's. */
static bool reads_its_successor(void)
{
    const struct row row = {.capture = true};
    char text[256] = "";
    char fresh[PATH_MAX];
    int entered[2];
    int saved[2];
    int status = 1;
    char byte = 0;
    (void)snprintf(fresh, sizeof fresh, "%s", path_of("conf/fresh"));
    if (pipe(entered) != 0 || pipe(saved) != 0) {
        return false;
    }
    pid_t pid = fork();
    if (pid == 0) {
        bool right = enter(&row, text, sizeof text) && write(entered[1], "x", 1) == 1 &&
                     read(saved[0], &byte, 1) == 1;
        _exit(right && read_the_configuration() == 0 ? 0 : 1);
    }
    (void)close(entered[1]);
    bool done = read(entered[0], &byte, 1) == 1 && open_file(fresh, O_WRONLY | O_CREAT) == 0 &&
                rename(fresh, path_of("conf/toa.conf")) == 0 && write(saved[1], "x", 1) == 1;
    (void)close(saved[1]);
    return waitpid(pid, &status, 0) == pid && done && status == 0;
}

static void reads_a_configuration_that_was_replaced(void **state)
{
    (void)state;
    apart(reads_its_successor);
}

/* Inside, nobody makes another sandbox. */
static bool is_refused_inside(void)
{
    const struct row row = {.capture = true};
    char text[256] = "";
    bool entered = enter(&row, text, sizeof text) && text[0] == '\0';
    bool again = toa_sandbox_enter(&(toa_sandbox_needs){.capture = true}, text, sizeof text);
    return entered && !again && strstr(text, "cannot enter the sandbox: seccomp: ") != NULL;
}

static void says_why_not(void **state)
{
    (void)state;
    apart(is_refused_inside);
}

/* As behind a kernel, or a container's list of system calls, that has no landlock. */
static bool goes_on(int why)
{
    const struct row row = {.capture = true};
    char text[256] = "";
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    bool made = seccomp_rule_add(filter, SCMP_ACT_ERRNO((unsigned)why),
                                 SCMP_SYS(landlock_create_ruleset), 0) == 0 &&
                seccomp_load(filter) == 0;
    seccomp_release(filter);
    return made && enter(&row, text, sizeof text) && strstr(text, "no landlock") != NULL &&
           open_tcp() == ENOSYS && read_passwords() == 0;
}

static bool goes_on_without(void)
{
    return goes_on(ENOSYS);
}

static bool goes_on_when_switched_off(void)
{
    return goes_on(EOPNOTSUPP);
}

static bool goes_on_when_refused(void)
{
    return goes_on(EPERM);
}

static void says_what_is_not_there(void **state)
{
    (void)state;
    apart(goes_on_without);
    apart(goes_on_when_switched_off);
    apart(goes_on_when_refused);
}

/* One descriptor is left, for the rules, and none for what they are about. */
static bool is_not_half_shut_in(void)
{
    const struct row row = {.capture = true};
    char text[256] = "";
    int next = dup(STDERR_FILENO);
    const struct rlimit limit = {.rlim_cur = (rlim_t)next + 1, .rlim_max = (rlim_t)next + 1};
    (void)close(next);
    return setrlimit(RLIMIT_NOFILE, &limit) == 0 && !enter(&row, text, sizeof text) &&
           strstr(text, "cannot enter the sandbox: landlock: Too many open files") != NULL;
}

static void says_that_descriptors_are_short(void **state)
{
    (void)state;
    if (has_landlock()) {
        apart(is_not_half_shut_in);
    }
}

/* ---- What is there --------------------------------------------------------------------------- */

static const char *const directories[] = {"conf", "target", "other", "record", "run"};
static const char *const files[] = {"conf/toa.conf", "target/link.conf", "other/file",
                                    "record/old.pcap", "run/control"};
enum { N_DIRECTORIES = sizeof directories / sizeof directories[0] };
enum { N_FILES = sizeof files / sizeof files[0] };

static int setup(void **state)
{
    char target[PATH_MAX];
    (void)state;
    assert_non_null(mkdtemp(scratch));
    for (size_t i = 0; i < N_DIRECTORIES; i++) {
        assert_int_equal(mkdir(path_of(directories[i]), 0700), 0);
        assert_int_equal(open_file(path_of(files[i]), O_WRONLY | O_CREAT), 0);
    }
    (void)snprintf(target, sizeof target, "%s", path_of("target/link.conf"));
    assert_int_equal(symlink(target, path_of("conf/link.conf")), 0);
    tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(tcp >= 0);
    other = fork();
    assert_true(other >= 0);
    if (other == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (;;) {
            (void)pause();
        }
    }
    return 0;
}

static int teardown(void **state)
{
    int status = 0;
    (void)state;
    (void)kill(other, SIGKILL);
    (void)waitpid(other, &status, 0);
    (void)close(tcp);
    (void)unlink(path_of("conf/link.conf"));
    (void)unlink(path_of("other/new"));
    for (size_t i = 0; i < N_FILES; i++) {
        (void)unlink(path_of(files[i]));
    }
    for (size_t i = 0; i < N_DIRECTORIES; i++) {
        (void)rmdir(path_of(directories[i]));
    }
    return rmdir(scratch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_in),
        cmocka_unit_test(reads_a_configuration_that_was_replaced),
        cmocka_unit_test(says_why_not),
        cmocka_unit_test(says_what_is_not_there),
        cmocka_unit_test(says_that_descriptors_are_short),
    };
    return cmocka_run_group_tests_name("sandbox", tests, setup, teardown);
}
