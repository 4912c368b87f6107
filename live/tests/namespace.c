#define _GNU_SOURCE

#include "namespace.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <unistd.h>

static bool write_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0) {
        return false;
    }
    bool written = write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    return close(fd) == 0 && written;
}

static bool enter_as_nobody(void)
{
    char map[64];
    unsigned user = getuid();
    unsigned group = getgid();
    if (unshare(CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWNS) != 0) {
        return false;
    }
    (void)snprintf(map, sizeof map, "0 %u 1", user);
    bool mapped = write_file("/proc/self/uid_map", map);
    (void)snprintf(map, sizeof map, "0 %u 1", group);
    return mapped && write_file("/proc/self/setgroups", "deny") &&
           write_file("/proc/self/gid_map", map);
}

static bool may_capture(void)
{
    int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_ALL));
    if (fd < 0) {
        return false;
    }
    (void)close(fd);
    return true;
}

bool namespace_enter(void)
{
    if (unshare(CLONE_NEWNET | CLONE_NEWNS) != 0 && !enter_as_nobody()) {
        return false;
    }
    (void)mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL);
    (void)mount("none", "/sys", "sysfs", 0, NULL); /* this namespace's interfaces */
    return may_capture() && command("ip link set lo up");
}

_Noreturn void namespace_skip(const char *what, const char *why)
{
    fprintf(stderr, "\n*** SKIPPED: %s: %s ***\n\n", what, why);
    exit(EXIT_SKIPPED);
}

bool command(const char *format, ...)
{
    char line[512];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(line, sizeof line - 8, format, arguments);
    va_end(arguments);
    (void)strncat(line, " 1>&2", sizeof line - strlen(line) - 1);
    return system(line) == 0; // NOLINT(cert-env33-c): the tests' own words
}
