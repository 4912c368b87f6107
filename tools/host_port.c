#include "host_port.h"

#include <string.h>

bool host_port_split(const char *text, char *host, size_t size, const char **port)
{
    bool bracketed = text[0] == '[';
    const char *begin = text + bracketed;
    size_t len = strcspn(begin, bracketed ? "]" : ":");
    const char *behind = begin + len + (bracketed && begin[len] == ']');
    if (len == 0 || len >= size || (bracketed && begin[len] != ']') ||
        (behind[0] != '\0' && behind[0] != ':')) {
        return false;
    }
    memcpy(host, begin, len);
    host[len] = '\0';
    *port = behind[0] == ':' ? behind + 1 : "9999";
    return strchr(*port, ':') == NULL && **port != '\0';
}
