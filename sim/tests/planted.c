/* An engine whose mappings answer one nanosecond too long: the simulator must find that. Linked
 * with --wrap=toa_engine_lookup. */
#include <toa/engine.h>

toa_word __real_toa_engine_lookup(const toa_engine *engine, const toa_endpoint *fake,
                                  const toa_endpoint *server, toa_time now, toa_answer *answer);
toa_word __wrap_toa_engine_lookup(const toa_engine *engine, const toa_endpoint *fake,
                                  const toa_endpoint *server, toa_time now, toa_answer *answer);

toa_word __wrap_toa_engine_lookup(const toa_engine *engine, const toa_endpoint *fake,
                                  const toa_endpoint *server, toa_time now, toa_answer *answer)
{
    toa_word word = __real_toa_engine_lookup(engine, fake, server, now, answer);
    if (word == TOA_EXPIRED && answer->age == 0) {
        answer->word = TOA_FOUND;
        answer->mapping = answer->former;
        return TOA_FOUND;
    }
    return word;
}
