#include <string.h>

#include "pages.h"

typedef void each_option(FILE *out, const cli_command *command, const cli_option *option);

static void for_each_option(FILE *out, const cli_command *command, each_option *put)
{
    for (size_t i = 0; i < cli_n_options; i++) {
        if (cli_command_takes(command, &cli_options[i])) {
            put(out, command, &cli_options[i]);
        }
    }
}

typedef void each_command(FILE *out, const cli_command *command);

static void for_each_command(FILE *out, each_command *put)
{
    for (int i = 0; i < N_COMMANDS; i++) {
        if (cli_command_built((cli_command_id)i)) {
            put(out, &cli_commands[i]);
        }
    }
}

/* For a place between single quotes; `escaped` are characters that want a backslash besides. */
static void put_quoted(FILE *out, const char *text, const char *escaped)
{
    for (; *text != '\0'; text++) {
        if (*text == '\'') {
            (void)fputs("'\\''", out);
            continue;
        }
        if (strchr(escaped, *text) != NULL) {
            (void)fputc('\\', out);
        }
        (void)fputc(*text, out);
    }
}

static bool is(const char *a, const char *b)
{
    return strcmp(a, b) == 0;
}

static void put_name(FILE *out, const cli_command *command)
{
    (void)fprintf(out, " %s", command->name);
}

/* ---- bash ------------------------------------------------------------------------------------ */

static void bash_value(FILE *out, const cli_command *command, const cli_option *option)
{
    if (option->argument == NULL) {
        return;
    }
    (void)fprintf(out, "    '%s --%s'", command->name, option->name);
    if (option->letter != 0) {
        (void)fprintf(out, " | '%s -%c'", command->name, option->letter);
    }
    (void)fprintf(out, ") offer='%s' ;;\n", option->offer);
}

static void bash_values(FILE *out, const cli_command *command)
{
    for_each_option(out, command, bash_value);
}

static void bash_option(FILE *out, const cli_command *command, const cli_option *option)
{
    (void)command;
    (void)fprintf(out, " --%s", option->name);
    if (option->letter != 0) {
        (void)fprintf(out, " -%c", option->letter);
    }
}

static void bash_command(FILE *out, const cli_command *command)
{
    (void)fprintf(out, "    %s) offer='%s' options='", command->name, command->offer);
    for_each_option(out, command, bash_option);
    (void)fputs("' ;;\n", out);
}

static const char bash_programs[] =
    "_toa_programs() { # BEGINNING: what PATH has; compgen -c has functions and words of the shell "
    "too\n"
    "    local IFS=: directory file\n"
    "    for directory in $PATH; do\n"
    "        for file in \"$directory/$1\"*; do\n"
    "            [[ ! -f $file || ! -x $file ]] || printf '%s\\n' \"${file##*/}\"\n"
    "        done\n"
    "    done\n"
    "}\n\n"
    "_toa_program() { # COMMAND: where the program stands that it starts; false: not before this "
    "word\n"
    "    local at=2 option\n"
    "    while ((at < COMP_CWORD)) && [[ ${COMP_WORDS[at]} == -* ]]; do\n"
    "        option=${COMP_WORDS[at++]}\n"
    "        [[ $option != -- ]] || break\n"
    "        [[ ${COMP_WORDS[at]} != = ]] || ((at++))\n"
    "        ! _toa_value \"$1\" \"$option\" || ((at++))\n"
    "    done\n"
    "    ((at < COMP_CWORD)) && echo \"$at\"\n"
    "}\n\n";

static const char bash_toa[] =
    "_toa() {\n"
    "    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}\n"
    "    local command=${COMP_WORDS[1]} offer='' options='' flags=(-W) program\n"
    "    if [[ $word == = ]]; then # --option=\n"
    "        word=\n"
    "    elif [[ $before == = ]]; then\n"
    "        before=${COMP_WORDS[COMP_CWORD - 2]}\n"
    "    fi\n"
    "    _toa_command \"$command\"\n"
    "    if ((COMP_CWORD == 1)); then\n"
    "        offer=$_toa_commands\n"
    "    elif [[ $offer == @programs ]] && program=$(_toa_program \"$command\"); then\n"
    "        if declare -F _command_offset >/dev/null; then # of bash-completion\n"
    "            _command_offset \"$program\"\n"
    "            return\n"
    "        fi\n"
    "        offer=@files\n"
    "    elif ! _toa_value \"$command\" \"$before\"; then\n"
    "        [[ $word != -* || $before == -- ]] || offer=$options\n"
    "    fi\n"
    "    case $offer in\n"
    "    @files) flags=(-f) ;;\n"
    "    @directories) flags=(-d) ;;\n"
    "    @programs) [[ $word == */* ]] && flags=(-f) || flags=(-d -W \"$(_toa_programs "
    "\"$word\")\") "
    ";;\n"
    "    @interfaces) flags=(-W \"any $(cd /sys/class/net 2>/dev/null && echo *)\") ;;\n"
    "    *) flags=(-W \"$offer\") ;;\n"
    "    esac\n"
    "    [[ ${flags[0]} == -W ]] || compopt -o filenames 2>/dev/null\n"
    "    mapfile -t COMPREPLY < <(compgen \"${flags[@]}\" -- \"$word\")\n"
    "}\n"
    "complete -F _toa toa\n";

void pages_bash(FILE *out)
{
    (void)fputs("# bash completion of toa; made by tools/pages_shell.c from tools/commands.c\n"
                "_toa_value() { # COMMAND OPTION: what its value can be; false: it has none\n"
                "    case \"$1 $2\" in\n",
                out);
    for_each_command(out, bash_values);
    (void)fputs("    *) return 1 ;;\n    esac\n}\n\n"
                "_toa_command() { # COMMAND: its options, and what its operands can be\n"
                "    case $1 in\n",
                out);
    for_each_command(out, bash_command);
    (void)fputs("    esac\n}\n\n_toa_commands='", out);
    for_each_command(out, put_name);
    (void)fputs(" --help --version'\n\n", out);
    (void)fputs(bash_programs, out);
    (void)fputs(bash_toa, out);
}

/* ---- zsh ------------------------------------------------------------------------------------- */

static const char *zsh_action(const char *offer)
{
    return is(offer, OFFER_FILES)         ? "_files"
           : is(offer, OFFER_DIRECTORIES) ? "_files -/"
           : is(offer, OFFER_PROGRAMS)    ? "_command_names -e"
           : is(offer, OFFER_INTERFACES)  ? "_net_interfaces"
                                          : NULL;
}

static void zsh_value(FILE *out, const char *what, const char *offer)
{
    const char *action = zsh_action(offer);
    (void)fputs(":", out);
    put_quoted(out, what, ":\\");
    if (action != NULL) {
        (void)fprintf(out, ":%s", action);
    } else if (is(offer, OFFER_NOTHING)) {
        (void)fputs(": ", out);
    } else {
        (void)fprintf(out, ":(%s)", offer);
    }
}

static void zsh_spec(FILE *out, const cli_option *option, const char *head)
{
    (void)fprintf(out, " \\\n            '%s[", head);
    put_quoted(out, option->help, "[]:\\");
    (void)fputs("]", out);
    if (option->argument != NULL) {
        zsh_value(out, option->argument, option->offer);
    }
    (void)fputs("'", out);
}

static void zsh_option(FILE *out, const cli_command *command, const cli_option *option)
{
    char head[64];
    bool takes = option->argument != NULL;
    (void)command;
    (void)snprintf(head, sizeof head, "*--%s%s", option->name, takes ? "=" : "");
    zsh_spec(out, option, head);
    if (option->letter != 0) {
        (void)snprintf(head, sizeof head, "*-%c%s", option->letter, takes ? "+" : "");
        zsh_spec(out, option, head);
    }
}

static void zsh_name(FILE *out, const cli_command *command)
{
    (void)fprintf(out, "            '%s:", command->name);
    put_quoted(out, command->about, ":\\");
    (void)fputs("'\n", out);
}

static void zsh_command(FILE *out, const cli_command *command)
{
    bool starts = is(command->offer, OFFER_PROGRAMS);
    (void)fprintf(out, "    %s)\n        _arguments -S%s", command->name, starts ? " -A '-*'" : "");
    for_each_option(out, command, zsh_option);
    if (starts) {
        (void)fputs(" \\\n            '*::program:_toa_program'", out);
    } else if (!is(command->offer, OFFER_NOTHING)) {
        (void)fputs(" \\\n            '*", out);
        zsh_value(out, command->operands, command->offer);
        (void)fputs("'", out);
    }
    (void)fputs("\n        ;;\n", out);
}

void pages_zsh(FILE *out)
{
    (void)fputs("#compdef toa\n"
                "# zsh completion of toa; made by tools/pages_shell.c from tools/commands.c\n"
                "_toa_program() { # and behind it what is its own\n"
                "    if [[ $words[1] == -- ]]; then shift words; ((CURRENT--)); fi\n"
                "    if ((CURRENT == 1)); then _command_names -e; else _normal; fi\n"
                "}\n"
                "_toa() {\n"
                "    if ((CURRENT == 2)); then\n"
                "        local -a commands=(\n",
                out);
    for_each_command(out, zsh_name);
    (void)fputs("        )\n"
                "        _describe command commands\n"
                "        return\n"
                "    fi\n"
                "    shift words\n"
                "    ((CURRENT--))\n"
                "    case $words[1] in\n",
                out);
    for_each_command(out, zsh_command);
    (void)fputs("    esac\n}\n_toa \"$@\"\n", out);
}

/* ---- fish ------------------------------------------------------------------------------------ */

static void fish_taker(FILE *out, const cli_command *command, const cli_option *option)
{
    (void)command;
    if (option->argument != NULL) {
        (void)fprintf(out, " --%s", option->name);
    }
}

/* Whether the program that the command starts is named before. */
static void fish_named(FILE *out, const cli_command *command, const char *whether)
{
    (void)fprintf(out, "; and %s__toa_program", whether);
    for_each_option(out, command, fish_taker);
}

static void fish_offer(FILE *out, const char *offer)
{
    if (is(offer, OFFER_FILES)) {
        (void)fputs(" -r -F", out);
    } else if (is(offer, OFFER_DIRECTORIES)) {
        (void)fputs(" -x -a '(__fish_complete_directories)'", out);
    } else if (is(offer, OFFER_INTERFACES)) {
        (void)fputs(" -x -a 'any (path basename /sys/class/net/*)'", out);
    } else {
        (void)fprintf(out, " -x -a '%s'", offer);
    }
}

static void fish_option(FILE *out, const cli_command *command, const cli_option *option)
{
    (void)fprintf(out, "complete -c toa -n '__fish_seen_subcommand_from %s", command->name);
    if (is(command->offer, OFFER_PROGRAMS)) {
        fish_named(out, command, "not ");
    }
    (void)fprintf(out, "' -l %s", option->name);
    if (option->letter != 0) {
        (void)fprintf(out, " -s %c", option->letter);
    }
    if (option->argument != NULL) {
        fish_offer(out, option->offer);
    }
    (void)fputs(" -d '", out);
    put_quoted(out, option->help, "\\");
    (void)fputs("'\n", out);
}

/* What PATH has, and files; behind it what is offered for that program. */
static void fish_program(FILE *out, const cli_command *command)
{
    (void)fprintf(out, "complete -c toa -n '__fish_seen_subcommand_from %s", command->name);
    fish_named(out, command, "not ");
    (void)fputs("' -F -a '(path basename (path filter -fx -- $PATH/*))'\n", out);
    (void)fprintf(out, "complete -c toa -n '__fish_seen_subcommand_from %s", command->name);
    fish_named(out, command, "");
    /* "-": fish looks for long options of its own before it. */
    (void)fputs("' -x -a '(__fish_complete_subcommand --fcs-skip=2 -", out);
    for_each_option(out, command, fish_taker);
    (void)fputs(")'\n", out);
}

static void fish_command(FILE *out, const cli_command *command)
{
    (void)fprintf(out, "complete -c toa -n __fish_use_subcommand -a %s -d '", command->name);
    put_quoted(out, command->about, "\\");
    (void)fputs("'\n", out);
    for_each_option(out, command, fish_option);
    if (is(command->offer, OFFER_FILES)) {
        (void)fprintf(out, "complete -c toa -n '__fish_seen_subcommand_from %s' -F\n",
                      command->name);
    } else if (is(command->offer, OFFER_PROGRAMS)) {
        fish_program(out, command);
    } else if (!is(command->offer, OFFER_NOTHING)) {
        (void)fprintf(out, "complete -c toa -n '__fish_seen_subcommand_from %s'", command->name);
        fish_offer(out, command->offer);
        (void)fputs("\n", out);
    }
}

void pages_fish(FILE *out)
{
    (void)fputs("# fish completion of toa; made by tools/pages_shell.c from tools/commands.c\n"
                "complete -c toa -f\n"
                "function __toa_program # OPTIONS with a value: whether a program is named before\n"
                "    set -l words (commandline -opc)[3..]\n"
                "    while string match -q -- '-*' $words[1]\n"
                "        set -l option $words[1]\n"
                "        set -e words[1]\n"
                "        test $option != --; or break\n"
                "        contains -- $option $argv; and set -e words[1]\n"
                "    end\n"
                "    set -q words[1]\n"
                "end\n",
                out);
    for_each_command(out, fish_command);
}
