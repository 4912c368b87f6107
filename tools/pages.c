/*
 * Writes the man pages of the program and its completions.
 * Call: toa_pages OUT PARTS DATE   OUT/man/..., OUT/bash, OUT/zsh, OUT/fish; PARTS is docs/man
 */
#include "pages.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { PATH_LEN = 4096, PART_MAX = 65536 };

static void end(const char *path)
{
    (void)fprintf(stderr, "toa_pages: %s: %s\n", path, strerror(errno));
    exit(1);
}

static void make_directory(const char *path)
{
    if (mkdir(path, 0777) != 0 && errno != EEXIST) {
        end(path);
    }
}

static FILE *create(const char *path)
{
    FILE *file = fopen(path, "w");
    if (file == NULL) {
        end(path);
    }
    return file;
}

static void finish(FILE *file, const char *path)
{
    if (ferror(file) != 0 || fclose(file) != 0) {
        end(path);
    }
}

/* What was written by hand for a page; NULL: nothing was. */
static const char *read_part(const char *directory, const char *page)
{
    static char text[PART_MAX];
    char path[PATH_LEN];
    (void)snprintf(path, sizeof path, "%s/%s.part", directory, page);
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        return NULL;
    }
    size_t len = fread(text, 1, sizeof text - 1, file);
    if (ferror(file) != 0 || feof(file) == 0) {
        end(path);
    }
    text[len] = '\0';
    (void)fclose(file);
    return text;
}

static void write_command(const char *out, const cli_command *command, const char *parts,
                          const char *date)
{
    char name[64];
    char path[PATH_LEN];
    (void)snprintf(path, sizeof path, "%s/man/man%d", out, command->section);
    make_directory(path);
    (void)snprintf(name, sizeof name, "toa-%s", command->name);
    (void)snprintf(path, sizeof path, "%s/man/man%d/%s.%d", out, command->section, name,
                   command->section);
    FILE *file = create(path);
    pages_command(file, command, date, read_part(parts, name));
    finish(file, path);
}

static void write_shell(const char *out, const char *name, void (*write)(FILE *out))
{
    char path[PATH_LEN];
    (void)snprintf(path, sizeof path, "%s/%s", out, name);
    FILE *file = create(path);
    write(file);
    finish(file, path);
}

int main(int argc, char **argv)
{
    char path[PATH_LEN];
    if (argc != 4) {
        (void)fprintf(stderr, "usage: toa_pages OUT PARTS DATE\n");
        return 2;
    }
    make_directory(argv[1]);
    (void)snprintf(path, sizeof path, "%s/man", argv[1]);
    make_directory(path);
    for (int i = 0; i < N_COMMANDS; i++) {
        if (cli_command_built((cli_command_id)i)) {
            write_command(argv[1], &cli_commands[i], argv[2], argv[3]);
        }
    }
    (void)snprintf(path, sizeof path, "%s/man/man1/toa.1", argv[1]);
    FILE *file = create(path);
    pages_program(file, argv[3], read_part(argv[2], "toa"));
    finish(file, path);
    write_shell(argv[1], "bash", pages_bash);
    write_shell(argv[1], "zsh", pages_zsh);
    write_shell(argv[1], "fish", pages_fish);
    return 0;
}
