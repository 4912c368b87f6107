#include "junit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "buffer.h"
#include "utf8.h"

/* Text inside an attribute. What is no UTF-8, or no character of XML 1.0 (section 2.2), becomes
 * '?'; blanks that an attribute would lose (section 3.3.3) become references. */
static void put_character(toa_buffer *out, const char *text, size_t len, uint32_t code)
{
    if (code == '&' || code == '<' || code == '>' || code == '"' || code == '\t' || code == '\n' ||
        code == '\r') {
        toa_buffer_format(out, "&#%u;", (unsigned)code);
    } else if (len == 0 || code < 0x20 || code == 0xfffe || code == 0xffff) {
        toa_buffer_text(out, "?");
    } else {
        toa_buffer_put(out, text, len);
    }
}

static void put_escaped(toa_buffer *out, const char *text)
{
    while (*text != '\0') {
        uint32_t code = 0;
        size_t len = toa_utf8_next(text, &code);
        put_character(out, text, len, code);
        text += len == 0 ? 1 : len;
    }
}

static void put_case(toa_buffer *out, const char *path, const toa_check_result *result)
{
    const char *element = result->status == TOA_CHECK_FAILED ? "failure" : "error";
    toa_buffer_text(out, "  <testcase classname=\"toa\" name=\"");
    put_escaped(out, path);
    if (result->status == TOA_CHECK_PASSED) {
        toa_buffer_text(out, "\"/>\n");
        return;
    }
    toa_buffer_format(out, "\">\n    <%s message=\"", element);
    put_escaped(out, result->messages == NULL ? "out of memory" : result->messages);
    toa_buffer_text(out, "\"/>\n  </testcase>\n");
}

static bool write_file(const char *path, const toa_buffer *xml)
{
    FILE *file = fopen(path, "wb");
    bool right = file != NULL && fwrite(xml->text, 1, xml->len, file) == xml->len;
    return (file == NULL || fclose(file) == 0) && right;
}

bool junit_write(const char *path, char *const *cases, const toa_check_result *results, size_t n)
{
    toa_buffer xml = {.text = NULL};
    size_t n_failures = 0;
    size_t n_errors = 0;
    for (size_t i = 0; i < n; i++) {
        n_failures += results[i].status == TOA_CHECK_FAILED;
        n_errors += results[i].status > TOA_CHECK_FAILED;
    }
    toa_buffer_text(&xml, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    toa_buffer_format(&xml,
                      "<testsuite name=\"toa check\" tests=\"%zu\" failures=\"%zu\" "
                      "errors=\"%zu\">\n",
                      n, n_failures, n_errors);
    for (size_t i = 0; i < n; i++) {
        put_case(&xml, cases[i], &results[i]);
    }
    toa_buffer_text(&xml, "</testsuite>\n");

    bool right = !xml.failed;
    if (xml.failed) {
        errno = ENOMEM;
    } else if (strcmp(path, JUNIT_STDOUT) == 0) {
        right = fwrite(xml.text, 1, xml.len, stdout) == xml.len && fflush(stdout) == 0;
    } else {
        right = write_file(path, &xml);
    }
    toa_buffer_free(&xml);
    return right;
}
