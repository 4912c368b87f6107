#include "classic.h"

#include <string.h>

enum { KIND_END = 0, KIND_NO_OPERATION = 1, KIND_TOA = 254, LEN_TOA = 8 };

uint64_t classic_read(const uint8_t *options, int length)
{
    const uint8_t *ptr = options;
    uint64_t found = 0;
    while (length > 0) {
        int opcode = *ptr++;
        int opsize;
        switch (opcode) {
        case KIND_END:
            return 0;
        case KIND_NO_OPERATION:
            length--;
            continue;
        default:
            opsize = *ptr++;
            if (opsize < 2 || opsize > length) {
                return 0;
            }
            if (opcode == KIND_TOA && opsize == LEN_TOA) {
                memcpy(&found, ptr - 2, sizeof found);
                return found;
            }
            ptr += opsize - 2;
            length -= opsize;
        }
    }
    return 0;
}

void classic_nothing(const uint8_t *options, int length)
{
    (void)options;
    (void)length;
}
