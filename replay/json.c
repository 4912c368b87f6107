#include "json.h"

#include <inttypes.h>
#include <string.h>

#include "utf8.h"

/* What is no UTF-8 becomes U+FFFD: JSON has no other bytes. */
static void put_escaped(toa_buffer *out, const char *text)
{
    toa_buffer_text(out, "\"");
    while (*text != '\0') {
        uint32_t code = 0xfffd;
        size_t len = toa_utf8_next(text, &code);
        if (len == 0) {
            toa_buffer_text(out, "\xef\xbf\xbd");
        } else if (code < 0x20) {
            toa_buffer_format(out, "\\u%04x", (unsigned)code);
        } else {
            toa_buffer_text(out, code == '"' || code == '\\' ? "\\" : "");
            toa_buffer_put(out, text, len);
        }
        text += len == 0 ? 1 : len;
    }
    toa_buffer_text(out, "\"");
}

static void put_key(toa_buffer *out, const char *key)
{
    if (out->len != 0 && strchr("{[\n", out->text[out->len - 1]) == NULL) {
        toa_buffer_text(out, ",");
    }
    if (key != NULL) {
        put_escaped(out, key);
        toa_buffer_text(out, ":");
    }
}

void toa_json_open(toa_buffer *out, const char *key, const char *bracket)
{
    put_key(out, key);
    toa_buffer_text(out, bracket);
}

void toa_json_close(toa_buffer *out, const char *bracket)
{
    toa_buffer_text(out, bracket);
}

void toa_json_string(toa_buffer *out, const char *key, const char *text)
{
    put_key(out, key);
    put_escaped(out, text);
}

void toa_json_number(toa_buffer *out, const char *key, uint64_t value)
{
    put_key(out, key);
    toa_buffer_format(out, "%" PRIu64, value);
}

void toa_json_true(toa_buffer *out, const char *key)
{
    put_key(out, key);
    toa_buffer_text(out, "true");
}

void toa_json_endpoint(toa_buffer *out, const char *key, const toa_endpoint *endpoint)
{
    char text[TOA_ENDPOINT_TEXT];
    (void)toa_endpoint_format(endpoint, text);
    toa_json_string(out, key, text);
}

void toa_json_hex(toa_buffer *out, const char *key, const uint8_t *bytes, size_t len)
{
    put_key(out, key);
    toa_buffer_text(out, "\"");
    for (size_t i = 0; i < len; i++) {
        toa_buffer_format(out, "%02x", bytes[i]);
    }
    toa_buffer_text(out, "\"");
}
