#include "cases.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "buffer.h"
#include "cli.h"

/* The names in a directory, sorted. */
typedef struct names {
    char **all;
    size_t n;
} names;

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int fail(const char *path, int why)
{
    cli_message("toa check: %s: %s\n", path, strerror(why));
    return why == ENOMEM ? EXIT_FAILED : EXIT_UNREADABLE;
}

static bool names_add(names *to, const char *name)
{
    char **all = realloc(to->all, (to->n + 1) * sizeof all[0]);
    if (all == NULL) {
        return false;
    }
    to->all = all;
    all[to->n] = strdup(name);
    to->n += all[to->n] != NULL;
    return all[to->n - 1] != NULL;
}

static void names_free(names *these)
{
    for (size_t i = 0; i < these->n; i++) {
        free(these->all[i]);
    }
    free(these->all);
}

static int names_read(const char *path, names *out)
{
    int status = EXIT_DONE;
    DIR *directory = opendir(path);
    if (directory == NULL) {
        return fail(path, errno);
    }
    for (struct dirent *one = readdir(directory); one != NULL; one = readdir(directory)) {
        if (one->d_name[0] != '.' && !names_add(out, one->d_name)) {
            status = fail(path, ENOMEM);
            break;
        }
    }
    (void)closedir(directory);
    if (out->n != 0) {
        qsort(out->all, out->n, sizeof out->all[0], compare_names);
    }
    return status;
}

static int find_in(const char *path, case_taker *take, void *context);

static int find_one(const char *path, const char *name, case_taker *take, void *context)
{
    struct stat info;
    if (stat(path, &info) != 0) {
        return fail(path, errno);
    }
    if (S_ISDIR(info.st_mode)) {
        return find_in(path, take, context);
    }
    if (!case_named(name)) {
        return EXIT_DONE;
    }
    if (!S_ISREG(info.st_mode)) {
        cli_message("toa check: %s: not a file\n", path);
        return EXIT_UNREADABLE;
    }
    return take(context, path) ? EXIT_DONE : EXIT_FAILED;
}

/* Windows follows links as deep as it allows, so that a circle ends as an error of its own. */
static int find_in(const char *path, case_taker *take, void *context)
{
    names found = {.n = 0};
    size_t len = strlen(path);
    const char *between = len != 0 && (path[len - 1] == '/' || path[len - 1] == '\\') ? "" : "/";
    int status = names_read(path, &found);
    for (size_t i = 0; i < found.n && status == EXIT_DONE; i++) {
        toa_buffer below = {.text = NULL};
        toa_buffer_format(&below, "%s%s%s", path, between, found.all[i]);
        status =
            below.failed ? fail(path, ENOMEM) : find_one(below.text, found.all[i], take, context);
        toa_buffer_free(&below);
    }
    names_free(&found);
    return status;
}

int cases_find(const char *path, case_taker *take, void *context)
{
    struct stat info;
    if (stat(path, &info) != 0) {
        return fail(path, errno);
    }
    if (S_ISDIR(info.st_mode)) {
        return find_in(path, take, context);
    }
    return take(context, path) ? EXIT_DONE : EXIT_FAILED;
}
