// Bytes that wait in order: appended behind, taken from the front. Holds no memory while empty.
#ifndef SV_NET_LINK_BYTES_H
#define SV_NET_LINK_BYTES_H

#include <base/text.h>

typedef struct link_bytes {
    char *at;
    size_t from, len, cap;
} link_bytes;

void link_bytes_add(link_bytes *bytes, sv_text more);
sv_text link_bytes_text(const link_bytes *bytes);
void link_bytes_take(link_bytes *bytes, size_t len);
void link_bytes_drop(link_bytes *bytes);

#endif
