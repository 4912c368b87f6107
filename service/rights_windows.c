/*
 * On Windows the rights are those of who starts the program, or of the service's account: there is
 * no other user to become, and no filter over system calls.
 */
#include <stdio.h>

#include "privileges.h"
#include "sandbox.h"

const char *toa_privileges_user(const char *user)
{
    (void)user;
    return "";
}

bool toa_privileges_known(const char *user)
{
    return user[0] == '\0';
}

bool toa_privileges_drop(const char *user, bool capture, char *error, size_t size)
{
    (void)capture;
    if (user[0] != '\0') {
        (void)snprintf(error, size, "User is not there on Windows");
    }
    return user[0] == '\0';
}

bool toa_sandbox_enter(const toa_sandbox_needs *needs, char *text, size_t size)
{
    (void)needs;
    (void)snprintf(text, size, "%s", "");
    return true;
}
