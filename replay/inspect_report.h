/*
 * inspect_report.h - what `toa inspect` prints about captures: tallies and advice, as text and as
 * JSON lines. docs/INSPECT.md tells both forms.
 */
#ifndef TOA_INSPECT_REPORT_H
#define TOA_INSPECT_REPORT_H

#include "advice.h"
#include "buffer.h"
#include "report.h"

/* `command` is what the advised options are put behind: "toa replay FILE". */
void toa_inspect_report(toa_buffer *out, toa_report_form form, const toa_tallies *tallies,
                        const toa_advice *advice, const char *command);

/* The names of a reading's dialects: "tencent, ucloud"; and as a JSON list "dialects". */
void toa_inspect_put_dialects(toa_buffer *out, uint32_t dialects);
void toa_inspect_json_dialects(toa_buffer *out, uint32_t dialects);

void toa_inspect_put_endpoint(toa_buffer *out, const toa_endpoint *endpoint);
void toa_inspect_put_hex(toa_buffer *out, const uint8_t *bytes, size_t len);

#endif
