#include <ctype.h>
#include <string.h>

#include "pages.h"

/* Text as mdoc takes it, wherever a line of it begins. */
static void put_text(FILE *out, const char *text)
{
    bool line_begins = true;
    for (; *text != '\0'; text++) {
        if (line_begins && (*text == '.' || *text == '\'')) {
            (void)fputs("\\&", out);
        }
        line_begins = *text == '\n';
        switch (*text) {
        case '\\':
            (void)fputs("\\e", out);
            break;
        case '\'':
            (void)fputs("\\(aq", out);
            break;
        case '-':
            (void)fputs("\\-", out);
            break;
        default:
            (void)fputc(*text, out);
        }
    }
}

/* Sentences in lines: a line for each. */
static void put_sentences(FILE *out, const char *text)
{
    char line[1024];
    size_t n = 0;
    for (; *text != '\0' && n + 1 < sizeof line; text++) {
        line[n++] = *text;
        if (text[0] == ' ' && n > 1 && line[n - 2] == '.') {
            line[n - 1] = '\n';
        }
    }
    line[n] = '\0';
    put_text(out, line);
}

static void put_upper(FILE *out, const char *text)
{
    for (; *text != '\0'; text++) {
        (void)fputc(toupper((unsigned char)*text), out);
    }
}

/* "Fl f , Fl -filter Ar EXPRESSION" */
static void put_option(FILE *out, const cli_option *option)
{
    if (option->letter != 0) {
        (void)fprintf(out, "Fl %c , ", option->letter);
    }
    (void)fprintf(out, "Fl \\-");
    put_text(out, option->name);
    if (option->argument != NULL) {
        (void)fputs(" Ar ", out);
        put_text(out, option->argument);
    }
}

static void put_head(FILE *out, const char *page, int section, const char *date, const char *about)
{
    (void)fprintf(out, ".\\\" Made by tools/pages_man.c from tools/commands.c.\n.Dd %s\n.Dt ",
                  date);
    put_upper(out, page);
    (void)fprintf(out, " %d\n.Os toa %s\n.Sh NAME\n.Nm %s\n.Nd ", section, TOA_VERSION, page);
    put_text(out, about);
    (void)fputs("\n.Sh SYNOPSIS\n", out);
}

static void put_options(FILE *out, const cli_command *command)
{
    for (int group = 0; group < N_GROUPS; group++) {
        bool titled = false;
        for (size_t i = 0; i < cli_n_options; i++) {
            const cli_option *option = &cli_options[i];
            if (option->group != (cli_group)group || !cli_command_takes(command, option)) {
                continue;
            }
            if (!titled) {
                (void)fprintf(out, ".Ss %s\n.Bl -tag -width Ds\n", cli_group_titles[group]);
            }
            titled = true;
            (void)fputs(".It ", out);
            put_option(out, option);
            (void)fputs("\n", out);
            put_text(out, option->help);
            (void)fputs("\n", out);
        }
        if (titled) {
            (void)fputs(".El\n", out);
        }
    }
}

static void put_statuses(FILE *out)
{
    (void)fputs(".Sh EXIT STATUS\n.Bl -tag -width Ds\n", out);
    for (int i = 0; i < N_STATUSES; i++) {
        (void)fprintf(out, ".It %d\n%s\n", i, cli_statuses[i]);
    }
    (void)fputs(".El\n", out);
}

/* The command of this section whose name comes next behind `before`; NULL: none does. */
static const cli_command *next_by_name(int section, const char *before)
{
    const cli_command *next = NULL;
    for (int i = 0; i < N_COMMANDS; i++) {
        const cli_command *one = &cli_commands[i];
        if (one->section == section && cli_command_built((cli_command_id)i) &&
            strcmp(one->name, before) > 0 && (next == NULL || strcmp(one->name, next->name) < 0)) {
            next = one;
        }
    }
    return next;
}

/* All pages but that of `self`; NULL: that of the program. */
static void put_see_also(FILE *out, const cli_command *self)
{
    const char *between = "";
    (void)fputs(".Sh SEE ALSO\n", out);
    if (self != NULL) {
        (void)fputs(".Xr toa 1", out);
        between = " ,\n";
    }
    for (int section = 1; section <= 8; section++) {
        const cli_command *one = next_by_name(section, "");
        for (; one != NULL; one = next_by_name(section, one->name)) {
            if (one != self) {
                (void)fprintf(out, "%s.Xr toa-%s %d", between, one->name, section);
                between = " ,\n";
            }
        }
    }
    (void)fputs("\n", out);
}

/* What was written by hand, with the statuses where it wants them, or first, or its own. */
static void put_rest(FILE *out, const char *part, const cli_command *self)
{
    static const char mark[] = ".Sh EXIT STATUS\n";
    const char *behind = part == NULL ? "" : part;
    const char *marked = strstr(behind, mark);
    if (marked != NULL) {
        (void)fwrite(behind, 1, (size_t)(marked - behind), out);
        behind = marked + sizeof mark - 1;
    }
    if (marked == NULL || strncmp(behind, ".Sh", 3) == 0) {
        put_statuses(out);
    } else {
        (void)fputs(mark, out);
    }
    (void)fputs(behind, out);
    if (strstr(behind, ".Sh SEE ALSO") == NULL) {
        put_see_also(out, self);
    }
}

void pages_command(FILE *out, const cli_command *command, const char *date, const char *part)
{
    char page[64];
    (void)snprintf(page, sizeof page, "toa-%s", command->name);
    put_head(out, page, command->section, date, command->about);
    (void)fprintf(out, ".Nm toa %s\n.Op Ar OPTION ...\n", command->name);
    if (command->operands[0] != '\0') {
        (void)fputs(".Ar ", out);
        put_text(out, command->operands);
        (void)fputs("\n", out);
    }
    (void)fputs(".Sh DESCRIPTION\n", out);
    if (command->more[0] != '\0') {
        put_sentences(out, command->more);
    } else {
        (void)fputs("To ", out);
        put_text(out, command->about);
        (void)fputs(".\n", out);
    }
    put_options(out, command);
    put_rest(out, part, command);
}

void pages_program(FILE *out, const char *date, const char *part)
{
    put_head(out, "toa", 1, date, "who is behind this connection?");
    (void)fputs(".Nm\n.Ar COMMAND\n.Op Ar OPTION ...\n.Op Ar OPERAND ...\n.Sh DESCRIPTION\n"
                "Load balancers on layer 4 replace the client\\(aqs address, and put the real one "
                "into a TCP option, the TOA.\n.Nm\nreads it from captured segments, and answers "
                "who the client is, or why that is not known.\nThe commands are:\n"
                ".Bl -tag -width toa-capture(1)\n",
                out);
    for (int i = 0; i < N_COMMANDS; i++) {
        const cli_command *command = &cli_commands[i];
        if (cli_command_built((cli_command_id)i)) {
            (void)fprintf(out, ".It Xr toa-%s %d\n", command->name, command->section);
            put_text(out, command->about);
            (void)fputs("\n", out);
        }
    }
    (void)fputs(".El\n.Pp\nEach tells its options when it is called with\n.Fl \\-help .\n", out);
    put_rest(out, part, NULL);
}
