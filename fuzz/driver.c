/*
 * Runs a fuzz target without a fuzzer: over files, and over the files of directories.
 *
 * Each input ends where an unmapped page begins, so that a read past its end crashes in every
 * build. Prints how many inputs ran. Status 2: usage; 1: something cannot be read, or a directory
 * holds no file; a finding ends the program as the target ends it.
 */
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void die(const char *path, const char *why)
{
    fprintf(stderr, "%s: %s\n", path, why);
    exit(1);
}

static void run_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    struct stat info;
    if (file == NULL || fstat(fileno(file), &info) != 0)
        die(path, strerror(errno));

    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t len = (size_t)info.st_size;
    size_t room = (len + page - 1) / page * page;
    uint8_t *map =
        mmap(NULL, room + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (map == MAP_FAILED || mprotect(map + room, page, PROT_NONE) != 0)
        die(path, strerror(errno));
    uint8_t *data = map + room - len;
    if (fread(data, 1, len, file) != len)
        die(path, "cannot be read to its end");
    fclose(file);

    LLVMFuzzerTestOneInput(data, len);
    munmap(map, room + page);
}

static int visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static unsigned run_directory(const char *path)
{
    struct dirent **entries;
    int n = scandir(path, &entries, visible, alphasort);
    if (n < 0)
        die(path, strerror(errno));
    if (n == 0)
        die(path, "no inputs in this directory");
    for (int i = 0; i < n; i++) {
        char file[4096];
        int len = snprintf(file, sizeof file, "%s/%s", path, entries[i]->d_name);
        if (len < 0 || (size_t)len >= sizeof file)
            die(path, "path too long");
        run_file(file);
        free(entries[i]);
    }
    free(entries);
    return (unsigned)n;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "usage: %s FILE|DIRECTORY...\n", argv[0]);
        return 2;
    }
    unsigned n_inputs = 0;
    for (int i = 1; i < argc; i++) {
        struct stat info;
        if (stat(argv[i], &info) != 0)
            die(argv[i], strerror(errno));
        if (S_ISDIR(info.st_mode)) {
            n_inputs += run_directory(argv[i]);
        } else {
            run_file(argv[i]);
            n_inputs++;
        }
    }
    printf("%u inputs\n", n_inputs);
    return 0;
}
