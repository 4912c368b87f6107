#include "landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/landlock.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* What the headers of Debian 12 do not have. */
#define FS_TRUNCATE  (UINT64_C(1) << 14) /* from version 3 on */
#define FS_IOCTL_DEV (UINT64_C(1) << 15) /* 5 */
#define NET_ALL      UINT64_C(3)         /* 4: TCP, bind and connect */
#define SCOPE_ALL    UINT64_C(3)         /* 6: abstract Unix sockets, signals */

#define FS_FIRST (LANDLOCK_ACCESS_FS_MAKE_SYM * UINT64_C(2) - 1) /* all of version 1 */
#define FS_READ  ((uint64_t)LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define FS_RECORD                                                                                  \
    (FS_READ | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG |                       \
     LANDLOCK_ACCESS_FS_REMOVE_FILE | FS_TRUNCATE)

/* struct landlock_ruleset_attr, as long as it is today; an older kernel wants zeros behind its own.
 */
typedef struct ruleset {
    uint64_t fs;
    uint64_t net;
    uint64_t scoped;
} ruleset;

/* The sanitizers of the tests' builds read /proc and the program. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { SANITIZED = 1 };
#else
enum { SANITIZED = 0 };
#endif

static ruleset all_of(long version)
{
    ruleset all = {.fs = FS_FIRST};
    all.fs |= version >= 2 ? (uint64_t)LANDLOCK_ACCESS_FS_REFER : 0;
    all.fs |= version >= 3 ? FS_TRUNCATE : 0;
    all.net = version >= 4 ? NET_ALL : 0;
    all.fs |= version >= 5 ? FS_IOCTL_DEV : 0;
    all.scoped = version >= 6 ? SCOPE_ALL : 0;
    return all;
}

/* Nothing that this process could use later. */
static bool is_out_of_reach(int why)
{
    return why == ENOENT || why == ENOTDIR || why == EACCES || why == ELOOP;
}

/* Allows this much in a directory and below. */
static int allow(int fd, const ruleset *all, const char *directory, uint64_t access)
{
    struct landlock_path_beneath_attr rule = {.allowed_access = access & all->fs};
    rule.parent_fd = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (rule.parent_fd < 0) {
        return is_out_of_reach(errno) ? 0 : -errno;
    }
    long wrong = syscall(SYS_landlock_add_rule, fd, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
    int why = wrong == 0 ? 0 : -errno;
    (void)close(rule.parent_fd);
    return why;
}

/* The directory that a file is in. */
static int allow_beside(int fd, const ruleset *all, const char *file, uint64_t access)
{
    char directory[PATH_MAX];
    const char *slash = strrchr(file, '/');
    int len = slash == NULL ? 0 : (int)(slash - file) + 1;
    if (len >= PATH_MAX) {
        return -ENAMETOOLONG;
    }
    (void)snprintf(directory, sizeof directory, "%.*s", len, file);
    return allow(fd, all, len == 0 ? "." : directory, access);
}

static bool is_given(const char *path)
{
    return path != NULL && path[0] != '\0';
}

/* Beside its name, and beside the file itself, when that is a symbolic link. */
static int allow_config(int fd, const ruleset *all, const char *path)
{
    char resolved[PATH_MAX];
    int wrong = allow_beside(fd, all, path, LANDLOCK_ACCESS_FS_READ_FILE);
    if (wrong == 0 && realpath(path, resolved) != NULL) {
        wrong = allow_beside(fd, all, resolved, LANDLOCK_ACCESS_FS_READ_FILE);
    }
    return wrong;
}

static int allow_needs(int fd, const ruleset *all, const toa_sandbox_needs *needs)
{
    int wrong = 0;
    if (SANITIZED != 0) {
        wrong = allow(fd, all, "/", LANDLOCK_ACCESS_FS_READ_FILE);
        wrong = wrong == 0 ? allow(fd, all, "/proc", FS_READ) : wrong;
    }
    if (wrong == 0 && is_given(needs->config)) {
        wrong = allow_config(fd, all, needs->config);
    }
    if (wrong == 0 && is_given(needs->record)) {
        wrong = allow(fd, all, needs->record, FS_RECORD);
    }
    if (wrong == 0 && is_given(needs->control)) {
        wrong = allow_beside(fd, all, needs->control, LANDLOCK_ACCESS_FS_REMOVE_FILE);
    }
    return wrong;
}

int toa_landlock_enter(const toa_sandbox_needs *needs, bool *there)
{
    long version = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    *there = version > 0;
    if (!*there) { /* EOPNOTSUPP: switched off; EPERM: a container's filter, or a unit's */
        return errno == ENOSYS || errno == EOPNOTSUPP || errno == EPERM ? 0 : -errno;
    }
    ruleset all = all_of(version);
    int fd = (int)syscall(SYS_landlock_create_ruleset, &all, sizeof all, 0);
    if (fd < 0) {
        return -errno;
    }
    int wrong = allow_needs(fd, &all, needs);
    if (wrong == 0 && syscall(SYS_landlock_restrict_self, fd, 0) != 0) {
        wrong = -errno;
    }
    (void)close(fd);
    return wrong;
}
