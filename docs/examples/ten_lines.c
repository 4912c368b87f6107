#include <stdio.h>
#include <toa/engine.h>

static const uint8_t syn[] = /* a captured SYN: Alibaba's load balancer, kind 254 first */
    "\x45\x00\x00\x38\x7a\xb7\x40\x00\x64\x06\xf1\x47\x21\x1a\xef\xbb\x0b\x00\x8c\xeb\xaa\xbb\x00"
    "\x50\x11\x18\x7b\xaf\x00\x00\x00\x00\x90\x02\x13\x88\x99\xeb\x00\x00\xfe\x08\x6c\xa4\x3b\x52"
    "\x2f\x24\x02\x04\x05\xa0\x01\x01\x04\x02";
static unsigned char memory[10 << 20]; /* all that the engine will ever use */

int main(void)
{
    toa_dialects dialects;
    toa_endpoint peer; /* what accept() gave */
    toa_answer answer;
    char client[TOA_ENDPOINT_TEXT] = "-";

    toa_dialects_default(&dialects);
    const toa_config config = {.dialects = &dialects, .ttl = TOA_TTL_DEFAULT};
    toa_engine *engine = toa_engine_init(memory, sizeof memory, &config);
    toa_engine_feed(engine, syn, sizeof syn - 1, TOA_LINK_IPV4, 0, NULL);
    toa_endpoint_parse("33.26.239.187:43707", 19, &peer);
    if (toa_engine_lookup(engine, &peer, NULL, 1 * TOA_SECOND, &answer) == TOA_FOUND) {
        toa_endpoint_format(&answer.mapping.client, client);
    }
    printf("%s: %s\n", toa_word_name(answer.word), client);
    return 0;
}
