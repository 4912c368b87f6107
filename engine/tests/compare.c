#include "compare.h"

bool compare_mappings(const toa_mapping *a, const toa_mapping *b)
{
    return toa_endpoint_equal(&a->client, &b->client) && toa_endpoint_equal(&a->vip, &b->vip) &&
           a->kind == b->kind && a->carrier == b->carrier;
}

bool compare_events(const toa_event *a, const toa_event *b)
{
    return a->verdict == b->verdict && toa_endpoint_equal(&a->fake, &b->fake) &&
           toa_endpoint_equal(&a->server, &b->server) &&
           compare_mappings(&a->mapping, &b->mapping) && compare_mappings(&a->former, &b->former) &&
           a->replaced == b->replaced;
}

bool compare_answers(const toa_answer *a, const toa_answer *b)
{
    return a->word == b->word && compare_mappings(&a->mapping, &b->mapping) &&
           compare_mappings(&a->former, &b->former) && toa_endpoint_equal(&a->server, &b->server) &&
           a->age == b->age && a->options_free == b->options_free && a->ambiguous == b->ambiguous;
}

void compare_show_endpoint(FILE *to, const char *name, const toa_endpoint *endpoint)
{
    char text[TOA_ENDPOINT_TEXT];
    if (endpoint->version != 0) {
        (void)toa_endpoint_format(endpoint, text);
        (void)fprintf(to, " %s=%s", name, text);
    }
}

static void show_mapping(FILE *to, const char *name, const toa_mapping *mapping)
{
    if (mapping->client.version != 0 || mapping->carrier != TOA_CARRIER_NONE) {
        compare_show_endpoint(to, name, &mapping->client);
        compare_show_endpoint(to, "vip", &mapping->vip);
        (void)fprintf(to, " (%d %s)", mapping->kind,
                      toa_carrier_name((toa_carrier)mapping->carrier));
    }
}

void compare_show_event(FILE *to, const char *whose, const toa_event *event)
{
    (void)fprintf(to, "  %s: %s%s", whose, event->replaced ? "replace, " : "",
                  toa_word_name(event->verdict));
    compare_show_endpoint(to, "fake", &event->fake);
    compare_show_endpoint(to, "server", &event->server);
    show_mapping(to, "mapping", &event->mapping);
    show_mapping(to, "former", &event->former);
    (void)fprintf(to, "\n");
}

void compare_show_answer(FILE *to, const char *whose, const toa_answer *answer)
{
    (void)fprintf(to, "  %s: %s%s age %lld free %d", whose, toa_word_name(answer->word),
                  answer->ambiguous ? " (ambiguous)" : "", (long long)answer->age,
                  answer->options_free);
    compare_show_endpoint(to, "server", &answer->server);
    show_mapping(to, "mapping", &answer->mapping);
    show_mapping(to, "former", &answer->former);
    (void)fprintf(to, "\n");
}
