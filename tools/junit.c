#include "junit.h"

#include <errno.h>
#include <stdio.h>

#include "buffer.h"

/* Text inside an attribute or an element. Bytes that XML 1.0 cannot hold become '?'. */
static void put_escaped(toa_buffer *out, const char *text)
{
    for (; *text != '\0'; text++) {
        switch (*text) {
        case '&':
            toa_buffer_text(out, "&amp;");
            break;
        case '<':
            toa_buffer_text(out, "&lt;");
            break;
        case '>':
            toa_buffer_text(out, "&gt;");
            break;
        case '"':
            toa_buffer_text(out, "&quot;");
            break;
        case '\n':
            toa_buffer_text(out, "&#10;");
            break;
        default:
            toa_buffer_put(out, (unsigned char)*text < 0x20 ? "?" : text, 1);
            break;
        }
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

    FILE *file = xml.failed ? NULL : fopen(path, "wb");
    if (xml.failed) {
        errno = ENOMEM;
    }
    bool right = file != NULL && fwrite(xml.text, 1, xml.len, file) == xml.len;
    right = (file == NULL || fclose(file) == 0) && right;
    toa_buffer_free(&xml);
    return right;
}
