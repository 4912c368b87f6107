/* privileges.h - the rights of the process, given away for good. */
#ifndef TOA_SERVICE_PRIVILEGES_H
#define TOA_SERVICE_PRIVILEGES_H

#include <stdbool.h>
#include <stddef.h>

/* Whose rights the service goes on with: `user`, or nobody when that is "" and this is root; root,
 * without capabilities, where a user namespace knows no nobody; "" when nothing is to be changed.
 */
const char *toa_privileges_user(const char *user);

/* Whether there is such a user; "" is no matter. */
bool toa_privileges_known(const char *user);

/*
 * Changes to the user, when started as root, and gives all capabilities away; with `capture`,
 * CAP_NET_RAW alone is kept, which opening the interface anew takes. Nothing can be gained back,
 * neither by this process nor by a program that it starts. To be called before threads are started.
 * False: `error` says why.
 */
bool toa_privileges_drop(const char *user, bool capture, char *error, size_t size);

#endif
