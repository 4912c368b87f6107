/* junit.h - results of cases as JUnit XML, the form that CI systems read. */
#ifndef TOA_JUNIT_H
#define TOA_JUNIT_H

#include <toa/check.h>

/* The path that is standard output. */
#define JUNIT_STDOUT "-"

/* False with errno set when the file cannot be written. */
bool junit_write(const char *path, char *const *cases, const toa_check_result *results, size_t n);

#endif
