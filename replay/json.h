/* json.h - JSON, written piece by piece into a text. */
#ifndef TOA_JSON_H
#define TOA_JSON_H

#include <toa/text.h>

#include "buffer.h"

/* Every function puts a comma first unless a brace or a bracket was opened just before. With `key`
 * NULL what follows is an element of a list. */
void toa_json_open(toa_buffer *out, const char *key, const char *bracket);
void toa_json_string(toa_buffer *out, const char *key, const char *text);
void toa_json_number(toa_buffer *out, const char *key, uint64_t value);
void toa_json_true(toa_buffer *out, const char *key);
void toa_json_endpoint(toa_buffer *out, const char *key, const toa_endpoint *endpoint);
void toa_json_hex(toa_buffer *out, const char *key, const uint8_t *bytes, size_t len);

/* Closes what toa_json_open opened, and begins no line. */
void toa_json_close(toa_buffer *out, const char *bracket);

#endif
