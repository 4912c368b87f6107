#include "cli.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "progress.h"

enum { OPTIONS_MAX = 32, HELP_COLUMN = 28 };

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

static void print_help(const cli_command *command)
{
    static const cli_option help = {"help", 'h', NULL, "this text"};
    (void)printf("toa %s: %s\n\nusage: toa %s%s %s\n\n", command->name, command->about,
                 command->name, command->n_options == 0 ? "" : " [OPTION]...", command->operands);
    for (size_t i = 0; i < command->n_options; i++) {
        print_option(&command->options[i]);
    }
    print_option(&help);
    (void)printf("%s", command->more);
    cli_flush();
}

cli_call cli_begin(const cli_command *command, int argc, char **argv)
{
    optind = 1;
    opterr = 0;
    return (cli_call){.command = command, .argc = argc, .argv = argv};
}

/* What getopt_long wants, made from the table. */
static void getopt_tables(const cli_command *command, struct option *longs, char *shorts)
{
    size_t n = 0;
    *shorts++ = ':';
    *shorts++ = 'h';
    for (; n < command->n_options && n < OPTIONS_MAX; n++) {
        const cli_option *option = &command->options[n];
        bool takes = option->argument != NULL;
        longs[n] = (struct option){option->name, takes ? required_argument : no_argument, NULL,
                                   FIRST_LONG + (int)n};
        if (option->letter != 0) {
            *shorts++ = option->letter;
            if (takes) {
                *shorts++ = ':';
            }
        }
    }
    longs[n] = (struct option){"help", no_argument, NULL, 'h'};
    longs[n + 1] = (struct option){NULL, 0, NULL, 0};
    *shorts = '\0';
}

static cli_result wrong_option(const cli_call *call, int found)
{
    const char *given = call->argv[optind - 1];
    cli_message("toa %s: %s '%s'\nTry 'toa %s --help'.\n", call->command->name,
                found == ':' ? "a value is missing behind" : "no such option:", given,
                call->command->name);
    return CLI_WRONG;
}

cli_result cli_next(cli_call *call, const cli_option **option, const char **value)
{
    struct option longs[OPTIONS_MAX + 2];
    char shorts[2 * OPTIONS_MAX + 3];
    getopt_tables(call->command, longs, shorts);
    int found = getopt_long(call->argc, call->argv, shorts, longs, NULL);
    if (found == -1) {
        call->operands = optind;
        return CLI_END;
    }
    if (found == 'h') {
        print_help(call->command);
        return CLI_HELP;
    }
    for (size_t i = 0; i < call->command->n_options; i++) {
        const cli_option *known = &call->command->options[i];
        if (found == FIRST_LONG + (int)i || (known->letter != 0 && found == known->letter)) {
            *option = known;
            *value = optarg == NULL ? "" : optarg;
            return CLI_OPTION;
        }
    }
    return wrong_option(call, found);
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
