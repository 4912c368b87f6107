/* namespace.h - a network namespace for this process, and commands in it. */
#ifndef TOA_TESTS_NAMESPACE_H
#define TOA_TESTS_NAMESPACE_H

#include <stdbool.h>

/* What ctest takes for "skipped". */
enum { EXIT_SKIPPED = 77 };

/* Moves this process, single-threaded still, to a network namespace of its own, with lo up; as root
 * or, without rights, in a user namespace. Whether it could, and may capture there. */
bool namespace_enter(void);

/* Prints why, for everybody to see, and ends with EXIT_SKIPPED. */
_Noreturn void namespace_skip(const char *what, const char *why);

/* Runs a command line. Whether its status is 0; its output goes to stderr. */
__attribute__((format(printf, 1, 2))) bool command(const char *format, ...);

#endif
