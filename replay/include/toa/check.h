/*
 * toa/check.h - runs regression cases.
 *
 * A case is a text file beside a capture: what the capture must teach. docs/CASES.md tells the
 * form. Nothing here depends on locale, time zone or terminal; each call is independent of others
 * and may run beside them in other threads.
 */
#ifndef TOA_CHECK_H
#define TOA_CHECK_H

#include <toa/api.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum toa_check_status {
    TOA_CHECK_PASSED = 0,
    TOA_CHECK_FAILED = 1,     /* an ask, a recorded answer or a record line is not met */
    TOA_CHECK_BAD_CASE = 2,   /* the case file is not right */
    TOA_CHECK_UNREADABLE = 3, /* the case or its capture cannot be read, or is truncated */
    TOA_CHECK_UNWRITABLE = 4  /* the blessed case cannot be written; the old one is as it was */
} toa_check_status;

typedef struct toa_check_result {
    toa_check_status status;
    bool blessed; /* it has records, from before or from now */
    size_t n_asks;
    char *messages; /* lines, one for each thing that is wrong; "" when nothing is. free() it */
} toa_check_result;

typedef struct toa_check_options {
    bool bless;
    uint64_t hash_key; /* of the engine; nothing depends on it while no flow is pushed out */
} toa_check_options;

/*
 * Runs the case in the file at `path`. With `bless`, writes what each frame did below the "---",
 * unless an ask or a recorded answer is not met. *result is always written; messages is NULL when
 * memory is short.
 */
TOA_API toa_check_status toa_check_case(const char *path, const toa_check_options *options,
                                        toa_check_result *result);

#ifdef __cplusplus
}
#endif

#endif
