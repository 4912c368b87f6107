#include "cases.h"

#include <errno.h>
#include <fts.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

/* Who asks for cases. */
typedef struct search {
    case_taker *take;
    void *context;
} search;

/* By bytes, so that the order does not depend on the system. */
static int compare_names(const FTSENT **a, const FTSENT **b)
{
    return strcmp((*a)->fts_name, (*b)->fts_name);
}

/* What is named on the command line is a case by any name and of any type: a pipe can be one. */
static int add_named(const search *search, const FTSENT *entry)
{
    if (entry->fts_info == FTS_SLNONE) {
        cli_message("toa check: %s: %s\n", entry->fts_path, strerror(ENOENT));
        return EXIT_UNREADABLE;
    }
    return search->take(search->context, entry->fts_path) ? EXIT_DONE : EXIT_FAILED;
}

/* What a directory has in it. */
static int add_found(const search *search, const FTSENT *entry)
{
    if (entry->fts_name[0] == '.' || !case_named(entry->fts_name)) {
        return EXIT_DONE;
    }
    if (entry->fts_info != FTS_F) {
        cli_message("toa check: %s: %s\n", entry->fts_path,
                    entry->fts_info == FTS_SLNONE ? "a link to nothing" : "not a file");
        return EXIT_UNREADABLE;
    }
    return search->take(search->context, entry->fts_path) ? EXIT_DONE : EXIT_FAILED;
}

/* What one entry of a tree adds. */
static int add_entry(const search *search, FTS *tree, FTSENT *entry)
{
    bool named = entry->fts_level == FTS_ROOTLEVEL; /* on the command line */
    switch (entry->fts_info) {
    case FTS_D:
        if (!named && entry->fts_name[0] == '.') {
            (void)fts_set(tree, entry, FTS_SKIP);
        }
        return EXIT_DONE;
    case FTS_F:
    case FTS_DEFAULT:
    case FTS_SLNONE:
        return named ? add_named(search, entry) : add_found(search, entry);
    case FTS_DC:
        cli_message("toa check: %s: a link back to a directory above it, not followed\n",
                    entry->fts_path);
        return EXIT_DONE;
    case FTS_DNR:
    case FTS_ERR:
    case FTS_NS:
        cli_message("toa check: %s: %s\n", entry->fts_path, strerror(entry->fts_errno));
        return EXIT_UNREADABLE;
    default: /* a directory left again */
        return EXIT_DONE;
    }
}

int cases_find(const char *path, case_taker *take, void *context)
{
    const search search = {take, context};
    char *root = strdup(path);
    char *const roots[] = {root, NULL};
    int status = EXIT_DONE;
    FTSENT *entry = NULL;
    FTS *tree = root == NULL ? NULL : fts_open(roots, FTS_LOGICAL | FTS_NOCHDIR, compare_names);
    free(root);
    if (tree == NULL) {
        cli_message("toa check: %s: %s\n", path, strerror(errno));
        return EXIT_UNREADABLE;
    }
    while (status == EXIT_DONE && (entry = fts_read(tree)) != NULL) {
        status = add_entry(&search, tree, entry);
    }
    (void)fts_close(tree);
    return status;
}
