/*
 * Command lines: the first byte chooses the subcommand, the rest is words, one a line. Opinions:
 *   - the same options and operands come out when they are written in one way alone, "--name=value"
 *     and operands last;
 *   - a value of --server or --trust is right for `toa replay` exactly when it is right for
 *     `toa serve`, and means the same; so are words (--hold, --duplicates), but that `toa serve`
 *     takes them in capitals, too, as toa_win.conf does;
 *   - what --ask takes is taken again as it is written, and means the same.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <toa/replay.h>

#include "../tools/cli.h"
#include "config.h"

enum { WORDS_MAX = 40, TEXT_MAX = 2048 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static FILE *said; /* the real stderr */

static void must(bool holds, const char *what)
{
    if (!holds) {
        (void)fprintf(said, "fuzz_command: %s\n", what);
        abort();
    }
}

/* What a command line came to. */
typedef struct parsed {
    cli_result result;
    const cli_option *options[WORDS_MAX];
    char values[WORDS_MAX][TEXT_MAX];
    size_t n_options;
    const char *operands[WORDS_MAX];
    size_t n_operands;
} parsed;

/* The operands are words of the line, in its order. */
static void check_operands(const parsed *line, int argc, char *const words[])
{
    int at = 1;
    for (size_t i = 0; i < line->n_operands; i++) {
        while (at < argc && words[at] != line->operands[i]) {
            at++;
        }
        must(at++ < argc, "an operand that was not given, or not there");
    }
}

static void parse(const cli_command *command, int argc, char **argv, parsed *out)
{
    const cli_option *option = NULL;
    const char *value = NULL;
    char *words[2 * WORDS_MAX + 3]; /* argv is put into another order */
    memcpy(words, argv, (size_t)argc * sizeof words[0]);
    cli_call call = cli_begin(command, argc, argv);
    optind = 0; /* makes getopt_long forget the line before */
    out->n_options = 0;
    out->n_operands = 0;
    while ((out->result = cli_next(&call, &option, &value)) == CLI_OPTION) {
        must(out->n_options < WORDS_MAX * 2, "more options than words");
        must(cli_command_takes(command, option), "an option of another command");
        if (out->n_options == WORDS_MAX) {
            out->result = CLI_WRONG; /* "-mmmm...": more than this target looks at */
            return;
        }
        out->options[out->n_options] = option;
        (void)snprintf(out->values[out->n_options++], TEXT_MAX, "%s", value);
    }
    if (out->result == CLI_END) {
        must(call.operands >= 1 && call.operands <= argc, "operands outside the words");
        for (int i = call.operands; i < argc; i++) {
            out->operands[out->n_operands++] = argv[i];
        }
        check_operands(out, argc, words);
    }
}

static void check_one_way(const cli_command *command, const parsed *first)
{
    static char words[WORDS_MAX][TEXT_MAX + 64];
    static parsed second;
    char *argv[2 * WORDS_MAX + 3];
    char name[] = "toa";
    char end[] = "--";
    int argc = 0;
    argv[argc++] = name;
    for (size_t i = 0; i < first->n_options; i++) {
        const cli_option *option = first->options[i];
        (void)snprintf(words[i], sizeof words[i], "--%s%s%s", option->name,
                       option->argument == NULL ? "" : "=", first->values[i]);
        argv[argc++] = words[i];
    }
    argv[argc++] = end;
    for (size_t i = 0; i < first->n_operands; i++) {
        argv[argc++] = strdup(first->operands[i]);
    }
    argv[argc] = NULL;
    int begin = argc - (int)first->n_operands;
    char *copies[WORDS_MAX];
    memcpy(copies, &argv[begin], first->n_operands * sizeof copies[0]);
    parse(command, argc, argv, &second);
    must(second.result == CLI_END && second.n_options == first->n_options &&
             second.n_operands == first->n_operands,
         "another number of options or operands, written in one way");
    for (size_t i = 0; i < first->n_options; i++) {
        must(second.options[i] == first->options[i] &&
                 strcmp(second.values[i], first->values[i]) == 0,
             "another option, written in one way");
    }
    for (size_t i = 0; i < first->n_operands; i++) {
        must(strcmp(second.operands[i], first->operands[i]) == 0,
             "another operand, written in one way");
        free(copies[i]);
    }
}

/* ---- Values ---------------------------------------------------------------------------------- */

static void check_shared(const char *name, const char *value)
{
    static toa_config_maker maker;
    toa_settings settings;
    toa_settings_init(&settings);
    toa_config_begin(&maker);
    const char *replay = toa_settings_set(&settings, name, value, strlen(value));
    const char *serve = toa_config_flag(&maker, name, value);
    const toa_capture_config *made = &maker.made.capture;
    bool word = strcmp(name, "hold") == 0 || strcmp(name, "duplicates") == 0;
    bool agree = word ? replay != NULL || serve == NULL : (replay == NULL) == (serve == NULL);
    if (!agree) {
        (void)fprintf(said, "--%s '%s': replay: %s; serve: %s\n", name, value,
                      replay == NULL ? "right" : replay, serve == NULL ? "right" : serve);
        must(false, "right for one command, and wrong for the other");
    }
    if (replay == NULL) {
        must(settings.n_servers == made->n_servers && settings.n_trust == made->n_trust &&
                 settings.hold == made->hold && settings.duplicates == made->duplicates,
             "another meaning");
        must(settings.n_servers == 0 || memcmp(settings.servers, made->servers,
                                               settings.n_servers * sizeof made->servers[0]) == 0,
             "other servers");
        must(settings.n_trust == 0 ||
                 memcmp(settings.trust, made->trust, settings.n_trust * sizeof made->trust[0]) == 0,
             "other prefixes");
    }
    toa_settings_free(&settings);
}

static void check_ask(const char *value)
{
    char text[2 * TOA_ENDPOINT_TEXT + 1];
    toa_ask ask = {.at = 1};
    toa_ask again = {.at = 1};
    if (toa_ask_parse(value, strlen(value), &ask) != NULL) {
        must(ask.fake.version == 0, "written though it is wrong");
        return;
    }
    size_t len = toa_endpoint_format(&ask.fake, text);
    if (ask.server.version != 0) {
        text[len++] = '>';
        len += toa_endpoint_format(&ask.server, text + len);
    }
    must(toa_ask_parse(text, len, &again) == NULL && memcmp(&ask, &again, sizeof ask) == 0,
         "a question means another when it is written again");
}

static void check_values(const parsed *line)
{
    static const char *const shared[] = {"server", "trust", "hold", "duplicates"};
    for (size_t i = 0; i < line->n_options; i++) {
        const char *name = line->options[i]->name;
        for (size_t s = 0; s < sizeof shared / sizeof shared[0]; s++) {
            if (strcmp(name, shared[s]) == 0) {
                check_shared(name, line->values[i]);
            }
        }
        if (strcmp(name, "ask") == 0) {
            const char *comma = strchr(line->values[i], ',');
            check_ask(comma == NULL ? line->values[i] : comma + 1);
        }
    }
    for (size_t i = 0; i < line->n_operands; i++) {
        check_ask(line->operands[i]); /* as toa query has it */
    }
}

/* ---- Input ----------------------------------------------------------------------------------- */

/* Words of a line each; a zero byte ends one, too. Returns how many. */
static int split(char *text, char *argv[WORDS_MAX + 2])
{
    static char name[] = "toa";
    int argc = 0;
    argv[argc++] = name;
    for (char *word = strtok(text, "\n"); word != NULL && argc <= WORDS_MAX - 1;
         word = strtok(NULL, "\n")) {
        argv[argc++] = word;
    }
    argv[argc] = NULL;
    return argc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static FILE *nowhere;
    static parsed line;
    char text[TEXT_MAX];
    char *argv[WORDS_MAX + 2];
    if (nowhere == NULL) {
        nowhere = fopen("/dev/null", "w");
        said = stderr;
    }
    if (nowhere == NULL || size == 0 || size >= sizeof text) {
        return 0;
    }
    memcpy(text, data + 1, size - 1);
    text[size - 1] = '\0';
    const cli_command *command = &cli_commands[data[0] % N_COMMANDS];
    FILE *out = stdout;
    stdout = nowhere; /* what the program says is not looked at here */
    stderr = nowhere;
    int argc = split(text, argv);
    parse(command, argc, argv, &line);
    if (line.result == CLI_END) {
        check_one_way(command, &line);
    }
    check_values(&line);
    stdout = out;
    stderr = said;
    return 0;
}
