#include "privileges.h"

#include <cap-ng.h>
#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

/* Whether a user namespace knows this number; true where nobody can tell. */
static bool is_mapped(const char *map, unsigned long id)
{
    char line[128];
    bool mapped = false;
    FILE *file = fopen(map, "re");
    if (file == NULL) {
        return true;
    }
    while (!mapped && fgets(line, sizeof line, file) != NULL) {
        char *end = line;
        unsigned long first = strtoul(line, &end, 10);
        (void)strtoul(end, &end, 10); /* what it is outside */
        unsigned long n = strtoul(end, NULL, 10);
        mapped = id >= first && id - first < n;
    }
    (void)fclose(file);
    return mapped;
}

/* In a user namespace of one user, as containers without root have it, there is nobody else. */
static bool has_nobody(void)
{
    const struct passwd *nobody = getpwnam("nobody");
    return nobody == NULL || (is_mapped("/proc/self/uid_map", nobody->pw_uid) &&
                              is_mapped("/proc/self/gid_map", nobody->pw_gid));
}

const char *toa_privileges_user(const char *user)
{
    if (geteuid() != 0) {
        return "";
    }
    return user[0] != '\0' ? user : has_nobody() ? "nobody" : "root";
}

bool toa_privileges_known(const char *user)
{
    return user[0] == '\0' || getpwnam(user) != NULL;
}

static bool wrong(char *error, size_t size, const char *what, const char *why)
{
    (void)snprintf(error, size, "cannot give up privileges: %s: %s", what, why);
    return false;
}

/* The set that is kept, in libcap-ng's own state. */
static bool choose(bool capture)
{
    capng_clear(CAPNG_SELECT_BOTH);
    return !capture || capng_update(CAPNG_ADD, (capng_type_t)(CAPNG_EFFECTIVE | CAPNG_PERMITTED),
                                    CAP_NET_RAW) == 0;
}

static bool change_user(const char *user, bool capture, char *error, size_t size)
{
    const struct passwd *to = getpwnam(user);
    if (to == NULL) {
        return wrong(error, size, user, "no such user");
    }
    if (!choose(capture)) {
        return wrong(error, size, "capabilities", "libcap-ng refuses");
    }
    if (to->pw_uid == 0) {
        return capng_apply(CAPNG_SELECT_BOTH) == 0 ||
               wrong(error, size, "capabilities", strerror(errno));
    }
    int result = capng_change_id((int)to->pw_uid, (int)to->pw_gid,
                                 (capng_flags_t)(CAPNG_DROP_SUPP_GRP | CAPNG_CLEAR_BOUNDING));
    return result == 0 || wrong(error, size, user, strerror(errno));
}

/* What is effective or ambient is permitted, too. */
static bool has_any(void)
{
    bool found = false;
    for (unsigned i = 0; i <= CAP_LAST_CAP && !found; i++) {
        found = capng_have_capability(CAPNG_PERMITTED, i) != 0 ||
                capng_have_capability(CAPNG_INHERITABLE, i) != 0;
    }
    return found;
}

/* Without root: what is not there cannot be kept, and is no error here; the capture will say so. */
static bool give_up(bool capture, char *error, size_t size)
{
    capng_get_caps_process();
    if (!has_any()) {
        return true; /* behind the walls of a unit, capset would not be allowed either */
    }
    bool has_raw = capng_have_capability(CAPNG_PERMITTED, CAP_NET_RAW) != 0;
    if (!choose(capture && has_raw) || capng_apply(CAPNG_SELECT_CAPS) != 0) {
        return wrong(error, size, "capabilities", strerror(errno));
    }
    return true;
}

bool toa_privileges_drop(const char *user, bool capture, char *error, size_t size)
{
    const char *to = toa_privileges_user(user);
    bool right =
        to[0] != '\0' ? change_user(to, capture, error, size) : give_up(capture, error, size);
    if (right && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
        return wrong(error, size, "no_new_privs", strerror(errno));
    }
    return right;
}
