#include "doctor.h"

#include <cap-ng.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

const char doctor_interfaces[] = "ip link";

const char *doctor_config_default(void)
{
    static const char path[] = DOCTOR_CONFIG_DEFAULT;
    return access(path, R_OK) == 0 ? path : NULL;
}

/* A counter of /proc/net/netstat, which has names in one line and numbers in the next. */
static bool netstat_counter(const char *name, uint64_t *out)
{
    char names[8192];
    char numbers[8192];
    bool found = false;
    FILE *file = fopen("/proc/net/netstat", "re");
    while (file != NULL && !found && fgets(names, sizeof names, file) != NULL &&
           fgets(numbers, sizeof numbers, file) != NULL) {
        char *rest[2] = {NULL, NULL};
        char *word = strtok_r(names, " \n", &rest[0]);
        char *number = strtok_r(numbers, " \n", &rest[1]);
        while (word != NULL && number != NULL && strcmp(word, name) != 0) {
            word = strtok_r(NULL, " \n", &rest[0]);
            number = strtok_r(NULL, " \n", &rest[1]);
        }
        found = word != NULL && number != NULL &&
                toa_number_parse(number, strlen(number), UINT64_MAX, out) == NULL;
    }
    if (file != NULL) {
        (void)fclose(file);
    }
    return found;
}

void doctor_system(doctor_report *report)
{
    uint64_t cookies = 0;
    bool may =
        capng_get_caps_process() == 0 && capng_have_capability(CAPNG_EFFECTIVE, CAP_NET_RAW) != 0;
    if (may) {
        doctor_tell(report, "rights", DOCTOR_OK, "this program may capture (CAP_NET_RAW)");
    } else {
        doctor_tell(
            report, "rights", DOCTOR_FAILURE,
            "this program may not capture|run it as root, or setcap cap_net_raw+ep toa; in a unit: "
            "AmbientCapabilities=CAP_NET_RAW");
    }
    if (!netstat_counter("SyncookiesSent", &cookies)) {
        doctor_tell(report, "syn_cookies", DOCTOR_SKIPPED,
                    "/proc/net/netstat has no SyncookiesSent");
    } else if (cookies != 0) {
        doctor_tell(
            report, "syn_cookies", DOCTOR_WARNING,
            "%" PRIu64 " SYNs were answered with a cookie since the system began|a flood, or a "
            "backlog that is too short; what is captured is not affected, but such connections "
            "have no saved SYN (toa run, TCP_SAVED_SYN)",
            cookies);
    } else {
        doctor_tell(report, "syn_cookies", DOCTOR_OK, "no SYN was answered with a cookie");
    }
}
