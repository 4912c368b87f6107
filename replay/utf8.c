#include "utf8.h"

/* By length: which first bytes there are, and the smallest number that needs so many. */
static const struct {
    uint8_t mask;
    uint8_t lead;
    uint32_t least;
} forms[] = {{0x80, 0x00, 1}, {0xe0, 0xc0, 0x80}, {0xf0, 0xe0, 0x800}, {0xf8, 0xf0, 0x10000}};

size_t toa_utf8_next(const char *text, uint32_t *code)
{
    const uint8_t *bytes = (const uint8_t *)text;
    size_t form = 0;
    while (form < 4 && (bytes[0] & forms[form].mask) != forms[form].lead) {
        form++;
    }
    if (form == 4) {
        return 0;
    }
    uint32_t made = bytes[0] & ~(uint32_t)forms[form].mask;
    for (size_t i = 1; i <= form; i++) { /* the zero at the end is none of these */
        if ((bytes[i] & 0xc0) != 0x80) {
            return 0;
        }
        made = made << 6 | (bytes[i] & 0x3fU);
    }
    if (made < forms[form].least || made > 0x10ffff || (made >= 0xd800 && made <= 0xdfff)) {
        return 0;
    }
    *code = made;
    return form + 1;
}
