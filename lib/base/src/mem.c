#include <base/mem.h>
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FRUGAL_BYTES = 64 * 1024 }; ///< that are no longer kept for what is asked for next

static void *checked(void *memory, size_t bytes) {
    if (memory == NULL) {
        (void) fprintf(stderr, "out of memory: %zu bytes were refused\n", bytes);
        abort();
    }
    return memory;
}

void *sv_mem_new(size_t bytes) {
    size_t room = bytes == 0 ? 1 : bytes;
    return checked(calloc(1, room), room);
}

void *sv_mem_array(size_t count, size_t item_bytes) {
    size_t items = count == 0 ? 1 : count;
    return checked(calloc(items, item_bytes), items);
}

void *sv_mem_resize(void *old, size_t bytes) {
    size_t room = bytes == 0 ? 1 : bytes;
    return checked(realloc(old, room), room);
}

char *sv_mem_copy_str(const char *at, size_t len) {
    char *copy = sv_mem_new(len + 1);
    if (len > 0) {
        memcpy(copy, at, len);
    }
    return copy;
}

void sv_mem_frugal(void) {
    // Left alone, libc keeps pieces as large as the largest that was ever freed.
    (void) mallopt(M_MMAP_THRESHOLD, FRUGAL_BYTES);
    (void) mallopt(M_TRIM_THRESHOLD, FRUGAL_BYTES);
    (void) mallopt(M_TOP_PAD, FRUGAL_BYTES);
}

void sv_mem_drop(void *pointer_variable) {
    void **owner = pointer_variable;
    free(*owner);
    *owner = NULL;
}
