/*
 * The reader of toa_win.conf. What it accepts must mean the same when it is written down anew and
 * read again; what it refuses must leave the configuration untouched and name a line that exists.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"

static void demand(bool holds, const char *what)
{
    if (!holds) {
        (void)fprintf(stderr, "fuzz_conf: %s\n", what);
        abort();
    }
}

/* The text goes into the file's place, flags stay empty. Messages begin with "conf:". */
static bool read_config(const char *text, size_t len, toa_service_config *out,
                        char error[TOA_CONFIG_ERROR])
{
    toa_config_maker *makers = calloc(2, sizeof *makers);
    demand(makers != NULL, "out of memory");
    toa_config_begin(&makers[0]);
    toa_config_begin(&makers[1]);
    bool right = toa_config_text(&makers[0], "conf", text, len, error);
    demand(right == (error[0] == '\0'), "a message and a result that differ");
    if (!right) {
        unsigned long n_lines = 1;
        for (size_t i = 0; i < len; i++) {
            n_lines += text[i] == '\n';
        }
        demand(strncmp(error, "conf:", 5) == 0, "no file named");
        char *behind = NULL;
        unsigned long line = strtoul(error + 5, &behind, 10);
        demand(strncmp(behind, ": ", 2) == 0, "no line named");
        demand(line >= 1 && line <= n_lines, "a line named that is not there");
    }
    right = right && toa_config_finish(&makers[0], &makers[1], out, error);
    free(makers);
    return right;
}

static void check_limits(const toa_service_config *config)
{
    static const uint8_t loopback6[16] = {[15] = 1};
    toa_dialects dialects;
    toa_config_dialects(&config->capture, &dialects);
    toa_config engine = toa_config_engine(&config->capture, &dialects);
    demand(engine.ttl > 0 && dialects.n_rows != 0, "an engine would refuse it");
    demand(config->n_listen != 0, "it listens nowhere");
    for (size_t i = 0; i < config->n_listen; i++) {
        const toa_endpoint *at = &config->listen[i];
        bool loopback = at->version == 4 ? at->ip[0] == 127 : memcmp(at->ip, loopback6, 16) == 0;
        demand(loopback || config->n_allow != 0, "everybody may ask from anywhere");
    }
}

static void write_and_read_again(const toa_service_config *config)
{
    char *text = malloc(2 * TOA_CONFIG_TEXT_MAX);
    char error[TOA_CONFIG_ERROR];
    toa_service_config again;
    demand(text != NULL, "out of memory");
    size_t len = toa_config_format(config, text);
    demand(len + 1 < TOA_CONFIG_TEXT_MAX, "the text does not fit");
    if (!read_config(text, len, &again, error)) {
        (void)fprintf(stderr, "%s\n%s\n", text, error);
        demand(false, "refused its own writing");
    }
    size_t again_len = toa_config_format(&again, text + TOA_CONFIG_TEXT_MAX);
    demand(again_len == len && memcmp(text, text + TOA_CONFIG_TEXT_MAX, len) == 0,
           "read its own writing as something else");
    demand(toa_config_same_capture(&config->capture, &again.capture), "another capture");
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char error[TOA_CONFIG_ERROR];
    toa_service_config config;
    toa_service_config untouched;
    memset(&config, 0x5a, sizeof config);
    memset(&untouched, 0x5a, sizeof untouched);
    if (read_config((const char *)data, size, &config, error)) {
        check_limits(&config);
        write_and_read_again(&config);
    } else {
        demand(memcmp(&config, &untouched, sizeof config) == 0, "refused, and written");
        demand(error[0] != '\0' && strchr(error, '\n') == NULL, "not one line");
    }
    return 0;
}
