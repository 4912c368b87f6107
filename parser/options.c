#include <toa/parser.h>

#include "walk.h"

toa_options toa_options_begin(const uint8_t *bytes, size_t there, size_t announced)
{
    size_t left = there < announced ? there : announced;
    return (toa_options){.at = bytes, .left = left, .missing = announced - left};
}

toa_word toa_options_next(toa_options *walk, toa_option *out)
{
    return toa_walk_step_(walk, out);
}

toa_word toa_options_read(const toa_dialects *dialects, toa_duplicates policy, bool syn,
                          toa_options options, toa_sighting *out)
{
    /* Nearly every segment. What needs registers and a loop is called only for the others. */
    if (options.missing == 0 &&
        (options.left == 0 || toa_walk_is_common_(dialects, options.at, options.left))) {
        return TOA_NO_OPTION;
    }
    return toa_sighting_read_(dialects, policy, syn, options, out);
}
