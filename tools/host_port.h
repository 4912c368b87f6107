/* host_port.h - how the command line names a service. */
#ifndef TOA_HOST_PORT_H
#define TOA_HOST_PORT_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Splits "HOST:PORT" and "[IP6]:PORT". *port points into `text`; or it is "9999", where none
 * stands. False: it is neither.
 */
bool host_port_split(const char *text, char *host, size_t size, const char **port);

#endif
