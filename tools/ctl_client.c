#include "ctl_client.h"

#include <stdio.h>
#include <string.h>

#include "ctl_channel.h"

static ctl_result wrong(toa_buffer *answer, ctl_result result, const char *path, const char *why)
{
    toa_buffer_clear(answer);
    toa_buffer_format(answer, "%s: %s", path, why);
    return result;
}

bool ctl_is_whole(const toa_buffer *answer)
{
    size_t len = answer->len;
    return !answer->failed && len >= 2 && memcmp(answer->text + len - 2, ".\n", 2) == 0 &&
           (len == 2 || answer->text[len - 3] == '\n');
}

ctl_result ctl_ask(const char *socket_path, const char *line, int patience_ms, toa_buffer *answer)
{
    static const char error[] = "error: ";
    char text[300];
    int len = snprintf(text, sizeof text, "%s\n", line);
    toa_buffer_clear(answer);
    if (len <= 0 || (size_t)len >= sizeof text) {
        return wrong(answer, CTL_UNREACHED, socket_path, "too long a line");
    }
    const char *why = NULL;
    ctl_result result = ctl_exchange(socket_path, text, (size_t)len, patience_ms, answer, &why);
    if (result != CTL_ANSWERED) {
        return wrong(answer, result, socket_path, why);
    }
    if (!ctl_is_whole(answer)) {
        return wrong(answer, CTL_SILENT, socket_path,
                     "the answer is cut: the service has ended, or is busy");
    }
    answer->len -= 2;
    answer->text[answer->len] = '\0';
    if (strncmp(answer->text, error, sizeof error - 1) == 0) {
        answer->text[answer->len - 1] = '\0';
        memmove(answer->text, answer->text + sizeof error - 1, answer->len - sizeof error + 1);
        answer->len -= sizeof error;
        return CTL_WRONG;
    }
    return CTL_ANSWERED;
}
