#include "settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef const char *set_value(preload_settings *settings, const char *text, size_t len);

static bool is(const char *text, size_t len, const char *word)
{
    return strlen(word) == len && memcmp(text, word, len) == 0;
}

static const char *add_source(preload_settings *settings, const char *text, size_t len)
{
    bool syn = is(text, len, "syn");
    if (!syn && !is(text, len, "service")) {
        return "there are syn and service";
    }
    const preload_source source = syn ? PRELOAD_SYN : PRELOAD_SERVICE;
    for (size_t i = 0; i < settings->n_sources; i++) {
        if (settings->sources[i] == source) {
            return "each source stands once";
        }
    }
    settings->sources[settings->n_sources++] = source;
    return NULL;
}

static const char *set_service(preload_settings *settings, const char *text, size_t len)
{
    return toa_endpoint_parse(text, len, &settings->service);
}

static const char *set_wait(preload_settings *settings, const char *text, size_t len)
{
    return toa_number_parse(text, len, PRELOAD_WAIT_MAX, &settings->wait_ms);
}

static const char *add_dialect(preload_settings *settings, const char *text, size_t len)
{
    toa_row row;
    if (len < 5 || memcmp(text, "kind=", 5) != 0) {
        return toa_dialects_add(&settings->dialects, text, len);
    }
    const char *wrong = toa_row_parse(text, len, &row);
    return wrong == NULL ? toa_dialects_add_row(&settings->dialects, &row) : wrong;
}

static const char *add_trust(preload_settings *settings, const char *text, size_t len)
{
    if (settings->n_trust == PRELOAD_PREFIXES) {
        return "too many prefixes";
    }
    const char *wrong = toa_prefix_parse(text, len, &settings->trust[settings->n_trust]);
    settings->n_trust += wrong == NULL;
    return wrong;
}

static const char *set_duplicates(preload_settings *settings, const char *text, size_t len)
{
    static const char *const names[] = {"first", "last", "reject"};
    for (int i = 0; i < 3; i++) {
        if (is(text, len, names[i])) {
            settings->duplicates = (toa_duplicates)i;
            return NULL;
        }
    }
    return "duplicates is first, last or reject";
}

static const char *set_log(preload_settings *settings, const char *text, size_t len)
{
    settings->log = is(text, len, "1");
    return settings->log || is(text, len, "0") ? NULL : "log is 1 or 0";
}

static const struct {
    const char *name;
    char between; /* of a list; 0: it is none */
    set_value *set;
} table[] = {
    {"SOURCES", ',', add_source}, {"SERVICE", 0, set_service},
    {"WAIT", 0, set_wait},        {"DIALECTS", ';', add_dialect},
    {"TRUST", ';', add_trust},    {"DUPLICATES", 0, set_duplicates},
    {"LOG", 0, set_log},
};
enum { N_SETTINGS = sizeof table / sizeof table[0] };

void preload_settings_init(preload_settings *settings)
{
    memset(settings, 0, sizeof *settings);
    settings->sources[0] = PRELOAD_SYN;
    settings->sources[1] = PRELOAD_SERVICE;
    settings->n_sources = 2;
    settings->service =
        (toa_endpoint){.ip = {127, 0, 0, 1}, .port = 9999, .version = 4, .has_port = 1};
    toa_dialects_default(&settings->dialects);
}

/* What a list adds to is not the default. */
static void clear_list(preload_settings *settings, set_value *set)
{
    if (set == add_source) {
        settings->n_sources = 0;
    } else if (set == add_dialect) {
        toa_dialects_clear(&settings->dialects);
    } else {
        settings->n_trust = 0;
    }
}

static const char *set_list(preload_settings *settings, set_value *set, char between,
                            const char *value)
{
    const char stops[] = {between, '\0'};
    clear_list(settings, set);
    for (;;) {
        size_t len = strcspn(value, stops);
        const char *wrong = set(settings, value, len);
        if (wrong != NULL || value[len] == '\0') {
            return wrong;
        }
        value += len + 1;
    }
}

const char *preload_settings_set(preload_settings *settings, const char *name, const char *value)
{
    for (size_t i = 0; i < N_SETTINGS; i++) {
        if (strcmp(table[i].name, name) == 0) {
            return table[i].between == 0
                       ? table[i].set(settings, value, strlen(value))
                       : set_list(settings, table[i].set, table[i].between, value);
        }
    }
    return "no such setting";
}

const char *preload_settings_read(preload_settings *settings, const char **name)
{
    static char variable[64];
    preload_settings_init(settings);
    for (size_t i = 0; i < N_SETTINGS; i++) {
        (void)snprintf(variable, sizeof variable, "TOA_PRELOAD_%s", table[i].name);
        const char *value = getenv(variable);
        const char *wrong =
            value == NULL ? NULL : preload_settings_set(settings, table[i].name, value);
        if (wrong != NULL) {
            *name = variable;
            return wrong;
        }
    }
    return NULL;
}
