/*
 * doctor.h - the checks of `toa doctor`: one at a time, each with a result and what to do.
 */
#ifndef TOA_DOCTOR_H
#define TOA_DOCTOR_H

#include "buffer.h"
#include "commands.h"
#include "config.h"

typedef enum doctor_result {
    DOCTOR_OK,
    DOCTOR_WARNING, /* works, and may not do what is wanted */
    DOCTOR_FAILURE, /* does not work */
    DOCTOR_SKIPPED, /* could not be checked */
    DOCTOR_N_RESULTS
} doctor_result;

/* "ok", "warning", "failure", "skipped". */
const char *doctor_result_name(doctor_result result);

/* A check that was made. */
typedef struct doctor_check {
    const char *name;
    doctor_result result;
    char text[400];  /* what was found */
    char to_do[400]; /* "": nothing */
} doctor_check;

typedef struct doctor_report {
    void (*tell)(void *context, const doctor_check *check);
    void *context;
    size_t n[DOCTOR_N_RESULTS];
} doctor_report;

/* Tells of a check: "what was found|what to do". */
#if defined(__GNUC__)
__attribute__((format(printf, 4, 5)))
#endif
void doctor_tell(doctor_report *report, const char *name, doctor_result result, const char *format, ...);

/* The configuration itself: whom it believes, what it watches. */
void doctor_config(doctor_report *report, const toa_service_config *config);

/* What the system says: rights; SYN cookies on Linux, Npcap on Windows. doctor_system.c, and
 * doctor_system_windows.c, as the next two. */
void doctor_system(doctor_report *report);

/* The file that is read when none is named; NULL: it is not there. */
const char *doctor_config_default(void);

/* The command that shows people what interfaces there are. */
extern const char doctor_interfaces[];

/* The service behind the control socket, by its metrics. `named`: somebody says that there is one.
 */
void doctor_service(doctor_report *report, const char *socket_path, bool named);

/* Captures for so many seconds, as `config` has it, but for all dialects that there are. To be
 * called last: it gives up rights. */
void doctor_capture(doctor_report *report, const toa_service_config *config, uint64_t seconds);

#endif
