// What compilers and Debian's build of BearSSL call without being asked. A board that has a C
// library, or builds BearSSL itself, brings its own.
#include <stddef.h>
#include <stdint.h>

void *memcpy(void *restrict to, const void *restrict from, size_t len);
void *memmove(void *to, const void *from, size_t len);
void *memset(void *at, int value, size_t len);
int memcmp(const void *left, const void *right, size_t len);
void *memcpy_checked(void *to, const void *from, size_t len, size_t room) __asm__("__memcpy_chk");
void *memset_checked(void *at, int value, size_t len, size_t room) __asm__("__memset_chk");
_Noreturn void stop(void) __asm__("__stack_chk_fail");

_Noreturn void stop(void) {
    for (;;) {
    }
}

void *memmove(void *to, const void *from, size_t len) {
    volatile uint8_t *out = to;
    const uint8_t *in = from;
    if ((uintptr_t) to < (uintptr_t) from) {
        for (size_t i = 0; i < len; i++) {
            out[i] = in[i];
        }
    } else {
        while (len-- > 0) {
            out[len] = in[len];
        }
    }
    return to;
}

void *memcpy(void *restrict to, const void *restrict from, size_t len) {
    return memmove(to, from, len);
}

void *memset(void *at, int value, size_t len) {
    volatile uint8_t *out = at;
    for (size_t i = 0; i < len; i++) {
        out[i] = (uint8_t) value;
    }
    return at;
}

int memcmp(const void *left, const void *right, size_t len) {
    const uint8_t *a = left;
    const uint8_t *b = right;
    for (size_t i = 0; i < len; i++) {
        if (a[i] != b[i]) {
            return a[i] < b[i] ? -1 : 1;
        }
    }
    return 0;
}

void *memcpy_checked(void *to, const void *from, size_t len, size_t room) {
    if (len > room) {
        stop();
    }
    return memmove(to, from, len);
}

void *memset_checked(void *at, int value, size_t len, size_t room) {
    if (len > room) {
        stop();
    }
    return memset(at, value, len);
}
