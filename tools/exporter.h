/* exporter.h - the metrics of a service over HTTP, for Prometheus. */
#ifndef TOA_EXPORTER_H
#define TOA_EXPORTER_H

#include <toa/text.h>

/*
 * Answers GET /metrics until it is ended, from `socket_path`: OpenMetrics to who asks for it, the
 * older text format to others. When the service does not answer, toa_up is 0. Needs no rights but
 * to connect. Returns the exit status; a message was printed.
 */
int exporter_run(const toa_endpoint *listen, const char *socket_path);

#endif
