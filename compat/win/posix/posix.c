/* See sys/mman.h beside this. */
#include <winsock2.h>
#include <ws2tcpip.h>

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

/* As sys/mman.h and the other headers here have them. */
enum { PROT_NONE = 0, PROT_WRITE = 2 };
#define MAP_FAILED ((void *)-1)
void *mmap(void *at, size_t len, int protection, int flags, int file, long offset);
int mprotect(void *at, size_t len, int protection);
int munmap(void *at, size_t len);
long sysconf(int name);
void *toa_posix_aligned_alloc(size_t alignment, size_t size);
void toa_posix_free(void *memory);
int toa_posix_pton(int family, const char *text, void *out);
const char *toa_posix_ntop(int family, const void *ip, char *out, size_t size);
int alphasort(const struct dirent **a, const struct dirent **b);
int scandir(const char *path, struct dirent ***out, int (*wanted)(const struct dirent *),
            int (*compare)(const struct dirent **, const struct dirent **));

static DWORD protection_of(int protection)
{
    return (protection & PROT_WRITE) != 0 ? PAGE_READWRITE
           : protection != PROT_NONE      ? PAGE_READONLY
                                          : PAGE_NOACCESS;
}

void *mmap(void *at, size_t len, int protection, int flags, int file, long offset)
{
    (void)at;
    (void)flags;
    (void)file;
    (void)offset;
    void *map = VirtualAlloc(NULL, len, MEM_RESERVE | MEM_COMMIT, protection_of(protection));
    return map == NULL ? MAP_FAILED : map;
}

int mprotect(void *at, size_t len, int protection)
{
    DWORD before = 0;
    return len == 0 || VirtualProtect(at, len, protection_of(protection), &before) ? 0 : -1;
}

int munmap(void *at, size_t len)
{
    (void)len;
    return VirtualFree(at, 0, MEM_RELEASE) ? 0 : -1;
}

long sysconf(int name)
{
    SYSTEM_INFO info;
    (void)name;
    GetSystemInfo(&info);
    return (long)info.dwPageSize;
}

void *toa_posix_aligned_alloc(size_t alignment, size_t size)
{
    (void)alignment;
    return VirtualAlloc(NULL, size == 0 ? 1 : size, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
}

/* malloc's memory never begins an allocation of pages: its own header does. */
void toa_posix_free(void *memory)
{
    MEMORY_BASIC_INFORMATION info;
    if (memory != NULL && VirtualQuery(memory, &info, sizeof info) == sizeof info &&
        info.AllocationBase == memory) {
        (void)VirtualFree(memory, 0, MEM_RELEASE);
        return;
    }
    free(memory);
}

int toa_posix_pton(int family, const char *text, void *out)
{
    return inet_pton(family, text, out);
}

const char *toa_posix_ntop(int family, const void *ip, char *out, size_t size)
{
    return inet_ntop(family, (void *)(size_t)ip, out, size);
}

int alphasort(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

int scandir(const char *path, struct dirent ***out, int (*wanted)(const struct dirent *),
            int (*compare)(const struct dirent **, const struct dirent **))
{
    struct dirent **all = NULL;
    int n = 0;
    DIR *directory = opendir(path);
    if (directory == NULL) {
        return -1;
    }
    for (struct dirent *one = readdir(directory); one != NULL; one = readdir(directory)) {
        if (wanted(one) != 0) {
            all = realloc(all, ((size_t)n + 1) * sizeof all[0]);
            all[n] = malloc(sizeof *one);
            *all[n++] = *one;
        }
    }
    closedir(directory);
    qsort(all, (size_t)n, sizeof all[0], (int (*)(const void *, const void *))compare);
    *out = all;
    return n;
}
