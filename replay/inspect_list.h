/* inspect_list.h - one list of options, given as hexadecimal digits, read by all dialects. */
#ifndef TOA_INSPECT_LIST_H
#define TOA_INSPECT_LIST_H

#include "buffer.h"
#include "report.h"

/* The most bytes of a list given by hand. A TCP header holds TOA_OPTIONS_MAX. */
#define TOA_INSPECT_HEX_MAX 1024

/*
 * Bytes from hexadecimal digits; blanks, colons, commas and 0x may stand between bytes. Returns
 * NULL with their number in *n, or what is wrong, static.
 */
const char *toa_inspect_hex(const char *text, uint8_t out[TOA_INSPECT_HEX_MAX], size_t *n);

/* Prints a list of options, up to where it breaks. docs/INSPECT.md tells the forms. */
void toa_inspect_list(toa_buffer *out, toa_report_form form, const uint8_t *bytes, size_t len);

#endif
