#include "reach.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

enum { PATH_LEN = 4096, SCRIPTS_MAX = 4 };

/* A file's bytes; none when it cannot be read. */
typedef struct image {
    void *bytes;
    size_t len;
} image;

static image open_image(const char *path)
{
    struct stat info;
    image out = {.bytes = NULL};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0 && fstat(fd, &info) == 0 && info.st_size > 0) {
        void *at = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (at != MAP_FAILED) {
            out = (image){at, (size_t)info.st_size};
        }
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    return out;
}

static void close_image(image file)
{
    if (file.bytes != NULL) {
        (void)munmap(file.bytes, file.len);
    }
}

/* A copy of `len` bytes; false: they are not all there. */
static bool read_at(image file, uint64_t offset, void *out, size_t len)
{
    if (offset > file.len || file.len - offset < len) {
        return false;
    }
    memcpy(out, (const uint8_t *)file.bytes + offset, len);
    return true;
}

static const char no_such[] = "no such program";

static const char *wrong_file(const char *path)
{
    struct stat info;
    if (stat(path, &info) != 0) {
        return errno == EACCES ? "in a directory that may not be searched" : no_such;
    }
    if (!S_ISREG(info.st_mode)) {
        return S_ISDIR(info.st_mode) ? "a directory" : "not a file";
    }
    return access(path, X_OK) == 0 ? NULL : "not executable";
}

const char *reach_find(const char *name, char *path, size_t size)
{
    const char *list = getenv("PATH");
    const char *first = NULL; /* that was wrong with one of this name */
    if (strchr(name, '/') != NULL) {
        return snprintf(path, size, "%s", name) < (int)size ? wrong_file(path) : no_such;
    }
    list = list == NULL ? "/usr/local/bin:/usr/bin:/bin" : list;
    for (;; list++) {
        size_t len = strcspn(list, ":");
        int written =
            snprintf(path, size, "%.*s/%s", len == 0 ? 1 : (int)len, len == 0 ? "." : list, name);
        const char *wrong = written < (int)size ? wrong_file(path) : no_such;
        if (wrong == NULL) {
            return NULL;
        }
        first = first == NULL && wrong != no_such ? wrong : first;
        list += len;
        if (*list == '\0') {
            return first == NULL ? no_such : first;
        }
    }
}

/* ---- ELF ------------------------------------------------------------------------------------- */

static bool has_interpreter(image file, const ElfW(Ehdr) * header)
{
    for (unsigned i = 0; i < header->e_phnum; i++) {
        ElfW(Phdr) part;
        if (read_at(file, header->e_phoff + (uint64_t)i * header->e_phentsize, &part,
                    sizeof part) &&
            part.p_type == PT_INTERP) {
            return true;
        }
    }
    return false;
}

/* Go's linker leaves this section in all that it makes. */
static bool is_go(image file, const ElfW(Ehdr) * header)
{
    static const char name[] = ".go.buildinfo";
    ElfW(Shdr) names;
    ElfW(Shdr) section;
    char found[sizeof name];
    uint64_t size = header->e_shentsize;
    if (!read_at(file, header->e_shoff + header->e_shstrndx * size, &names, sizeof names)) {
        return false;
    }
    for (unsigned i = 0; i < header->e_shnum; i++) {
        if (read_at(file, header->e_shoff + i * size, &section, sizeof section) &&
            read_at(file, names.sh_offset + section.sh_name, found, sizeof found) &&
            memcmp(found, name, sizeof name) == 0) {
            return true;
        }
    }
    return false;
}

static const char *wrong_elf(image file, const ElfW(Ehdr) * header)
{
    ElfW(Ehdr) own;
    image self = open_image("/proc/self/exe");
    bool same =
        !read_at(self, 0, &own, sizeof own) ||
        (own.e_ident[EI_CLASS] == header->e_ident[EI_CLASS] && own.e_machine == header->e_machine);
    close_image(self);
    if (!same) {
        return "made for another architecture than this libtoa-preload.so";
    }
    if (is_go(file, header)) {
        return "a Go program asks the kernel itself, past every library: compat/go has a listener "
               "for it";
    }
    return has_interpreter(file, header) ? NULL
                                         : "statically linked: no library can be loaded into it";
}

static const char *wrong_rights(const char *path)
{
    struct stat info;
    bool more = stat(path, &info) == 0 && (info.st_mode & (S_ISUID | S_ISGID)) != 0;
    more = more || getxattr(path, "security.capability", NULL, 0) > 0;
    return more && getuid() != 0 ? "has rights of its own (setuid, setgid or capabilities), with "
                                   "which LD_PRELOAD is not obeyed"
                                 : NULL;
}

/* The interpreter of a script; with env, the program that it looks for. */
static bool interpreter_of(image file, char *path, size_t size)
{
    char line[PATH_LEN];
    char *rest = NULL;
    size_t len = file.len < sizeof line ? file.len : sizeof line - 1;
    memcpy(line, file.bytes, len);
    line[len] = '\0';
    line[strcspn(line, "\n")] = '\0';
    const char *first = strtok_r(line + 2, " \t", &rest);
    const char *second = strtok_r(NULL, " \t", &rest);
    if (first != NULL && strcmp(first, "/usr/bin/env") == 0 && second != NULL && *second != '-') {
        return reach_find(second, path, size) == NULL;
    }
    return first != NULL && snprintf(path, size, "%s", first) < (int)size;
}

const char *reach_wrong(const char *path)
{
    char next[PATH_LEN];
    const char *wrong = wrong_rights(path);
    (void)snprintf(next, sizeof next, "%s", path);
    for (int i = 0; i < SCRIPTS_MAX && wrong == NULL; i++) {
        ElfW(Ehdr) header;
        image file = open_image(next);
        bool script = file.len > 2 && memcmp(file.bytes, "#!", 2) == 0 &&
                      interpreter_of(file, next, sizeof next);
        if (!script && read_at(file, 0, &header, sizeof header) &&
            memcmp(header.e_ident, ELFMAG, SELFMAG) == 0) {
            wrong = wrong_elf(file, &header);
        }
        close_image(file);
        if (!script) {
            break;
        }
    }
    return wrong;
}
