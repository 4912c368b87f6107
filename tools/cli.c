#include "cli.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "progress.h"

enum { OPTIONS_MAX = 64, HELP_COLUMN = 30 };

/* getopt_long returns the option's place in the table, above every letter. */
enum { FIRST_LONG = 256 };

void cli_message(const char *format, ...)
{
    va_list args;
    progress_clear();
    va_start(args, format);
    (void)vfprintf(stderr, format, args);
    va_end(args);
}

void cli_write(const char *text, size_t len)
{
    progress_clear();
    if (len != 0 && fwrite(text, 1, len, stdout) != len) {
        cli_message("toa: cannot write standard output: %s\n", strerror(errno));
        exit(EXIT_FAILED);
    }
}

void cli_flush(void)
{
    if (fflush(stdout) != 0 || ferror(stdout) != 0) {
        cli_message("toa: cannot write standard output: %s\n", strerror(errno));
        exit(EXIT_FAILED);
    }
}

static void print_option(const cli_option *option)
{
    char left[64];
    char letter[8] = "    ";
    if (option->letter != 0) {
        (void)snprintf(letter, sizeof letter, "-%c, ", option->letter);
    }
    (void)snprintf(left, sizeof left, "  %s--%s%s%s", letter, option->name,
                   option->argument == NULL ? "" : " ",
                   option->argument == NULL ? "" : option->argument);
    (void)printf("%-*s  %s\n", HELP_COLUMN, left, option->help);
}

static void print_group(const cli_command *command, cli_group group)
{
    bool titled = false;
    for (size_t i = 0; i < cli_n_options; i++) {
        const cli_option *option = &cli_options[i];
        if (option->group == group && cli_command_takes(command, option)) {
            if (!titled) {
                (void)printf("\n%s:\n", cli_group_titles[group]);
            }
            titled = true;
            print_option(option);
        }
    }
}

static void print_help(const cli_command *command)
{
    (void)printf("toa %s: %s\n\nusage: toa %s [OPTION]...%s%s\n", command->name, command->about,
                 command->name, command->operands[0] == '\0' ? "" : " ", command->operands);
    for (int group = 0; group < N_GROUPS; group++) {
        print_group(command, (cli_group)group);
    }
    (void)printf("%s%s", command->more[0] == '\0' ? "" : "\n", command->more);
    cli_flush();
}

cli_call cli_begin(const cli_command *command, int argc, char **argv)
{
    optind = 1;
    opterr = 0;
    return (cli_call){.command = command, .argc = argc, .argv = argv};
}

/* What getopt_long returns for an operand. */
enum { OPERAND = 1 };

/*
 * What getopt_long wants, made from the table. It gives operands as they come, so that options may
 * stand behind them whether POSIXLY_CORRECT is set or not.
 */
static void getopt_tables(const cli_command *command, struct option *longs, char *shorts)
{
    size_t n = 0;
    *shorts++ = strcmp(command->offer, OFFER_PROGRAMS) == 0 ? '+' : '-';
    *shorts++ = ':';
    for (size_t i = 0; i < cli_n_options && n < OPTIONS_MAX; i++) {
        const cli_option *option = &cli_options[i];
        bool takes = option->argument != NULL;
        if (!cli_command_takes(command, option)) {
            continue;
        }
        longs[n++] = (struct option){option->name, takes ? required_argument : no_argument, NULL,
                                     FIRST_LONG + (int)i};
        if (option->letter != 0) {
            *shorts++ = option->letter;
            if (takes) {
                *shorts++ = ':';
            }
        }
    }
    longs[n] = (struct option){NULL, 0, NULL, 0};
    *shorts = '\0';
}

/* How many long options begin with a word's name: "--s" and "--s=1" mean the same. */
static size_t count_beginning(const struct option *longs, const char *word)
{
    size_t n = 0;
    const char *name = word + strspn(word, "-");
    size_t len = strcspn(name, "=");
    for (; longs->name != NULL; longs++) {
        n += strncmp(longs->name, name, len) == 0;
    }
    return n;
}

/* `letter` is getopt's optopt: an option's letter or its place in the table, or 0. */
static cli_result wrong_option(const cli_call *call, const struct option *longs, int found,
                               int letter)
{
    const char *word = call->argv[optind - 1]; /* when it is a long option */
    const char short_word[] = {'-', (char)letter, '\0'};
    const char *what = "no such option:";
    if (found == ':') {
        what = "a value is missing behind";
    } else if (letter >= FIRST_LONG) {
        what = "no value belongs to";
    } else if (letter == 0 && count_beginning(longs, word) > 1) {
        what = "several options begin with";
    }
    if (letter != 0 && letter < FIRST_LONG) {
        word = short_word;
    }
    cli_message("toa %s: %s '%s'\nTry 'toa %s --help'.\n", call->command->name, what, word,
                call->command->name);
    return CLI_WRONG;
}

/* Operands are kept at the front, where argv has been read, and go to the end at the end. */
static void operands_end(cli_call *call)
{
    call->operands = optind - call->n_kept;
    memmove(&call->argv[call->operands], &call->argv[1],
            (size_t)call->n_kept * sizeof call->argv[0]);
}

static const cli_option *option_found(const cli_command *command, int found)
{
    for (size_t i = 0; i < cli_n_options; i++) {
        const cli_option *known = &cli_options[i];
        if (cli_command_takes(command, known) &&
            (found == FIRST_LONG + (int)i || (known->letter != 0 && found == known->letter))) {
            return known;
        }
    }
    return NULL;
}

cli_result cli_next(cli_call *call, const cli_option **option, const char **value)
{
    struct option longs[OPTIONS_MAX + 1];
    char shorts[2 * OPTIONS_MAX + 4];
    int found = 0;
    getopt_tables(call->command, longs, shorts);
    while ((found = getopt_long(call->argc, call->argv, shorts, longs, NULL)) == OPERAND) {
        call->argv[++call->n_kept] = optarg;
    }
    if (found == -1) {
        operands_end(call);
        return CLI_END;
    }
    const cli_option *known = option_found(call->command, found);
    if (known == NULL) {
        return wrong_option(call, longs, found, optopt);
    }
    if (strcmp(known->name, "help") == 0) {
        print_help(call->command);
        return CLI_HELP;
    }
    *option = known;
    *value = optarg == NULL ? "" : optarg;
    return CLI_OPTION;
}

int cli_wrong_value(const cli_command *command, const char *option, const char *value,
                    const char *why)
{
    cli_message("toa %s: --%s '%s': %s\n", command->name, option, value, why);
    return EXIT_USAGE;
}

int cli_wrong(const cli_command *command, const char *what)
{
    cli_message("toa %s: %s\nTry 'toa %s --help'.\n", command->name, what, command->name);
    return EXIT_USAGE;
}
