/*
 * pages.h - what is written from the table of commands and options: man pages, and completions of
 * three shells. Only the build uses it.
 */
#ifndef TOA_PAGES_H
#define TOA_PAGES_H

#include <stdio.h>

#include "commands.h"

/*
 * The page of a subcommand, in mdoc. `part` is what was written by hand (examples and the like),
 * NULL if there is nothing: it goes behind EXIT STATUS, or around it when a line of it is ".Sh EXIT
 * STATUS", which is then filled in unless it says something itself. `date` is the page's, as
 * "November 22, 2026".
 */
void pages_command(FILE *out, const cli_command *command, const char *date, const char *part);

/* toa(1): it lists the subcommands. */
void pages_program(FILE *out, const char *date, const char *part);

void pages_bash(FILE *out);
void pages_zsh(FILE *out);
void pages_fish(FILE *out);

#endif
