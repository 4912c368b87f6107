/* beside_windows.h - the program's own directory, which may have a name that the code page has not.
 */
#ifndef TOA_SERVICE_BESIDE_WINDOWS_H
#define TOA_SERVICE_BESIDE_WINDOWS_H

#include <stdbool.h>

/* Makes it the current one, so that what has no whole path lies beside the program. */
bool toa_go_beside(void);

#endif
