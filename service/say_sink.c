#include "say_sink.h"

#include <unistd.h>

/* Nobody is left to tell when stderr is gone. */
void toa_say_put(const char *line, size_t len)
{
    ssize_t written = write(STDERR_FILENO, line, len);
    (void)written;
}
