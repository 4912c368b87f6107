/* aligned_alloc, and a free that knows its memory: see sys/mman.h. */
#include_next <stdlib.h>

#ifndef TOA_POSIX_STDLIB_H
#define TOA_POSIX_STDLIB_H

void *toa_posix_aligned_alloc(size_t alignment, size_t size); /* on a page */
void toa_posix_free(void *memory);
#define aligned_alloc toa_posix_aligned_alloc
#define free          toa_posix_free

#endif
