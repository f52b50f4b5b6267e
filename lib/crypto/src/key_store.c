#include "key_store_internal.h"

sv_err sv_key_open(const char *where, EVP_PKEY **out, sv_why *why) {
    return sv_key_file_open(where, out, why);
}

sv_err sv_key_make(const char *where, sv_key_kind kind, EVP_PKEY **out, sv_why *why) {
    return sv_key_file_make(where, kind, out, why);
}
