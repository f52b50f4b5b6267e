#include "rauc_bus.h"

#include <dlfcn.h>
#include <stdbool.h>

static rauc_calls calls;
static bool loaded;

static sv_err find(void *from, const char *name, void *out, sv_why *why) {
    void *found = dlsym(from, name);
    if (found == NULL) {
        return sv_fail(why, SV_ERR_UNAVAILABLE,
                       "libsystemd on this machine is too old: it has no %s; 252 is known to do",
                       name);
    }
    *(void **) out = found;
    return SV_OK;
}

sv_err rauc_calls_load(const rauc_calls **out, sv_why *why) {
    if (!loaded) {
        void *library = dlopen("libsystemd.so.0", RTLD_NOW | RTLD_LOCAL);
        if (library == NULL) {
            return sv_fail(why, SV_ERR_UNAVAILABLE,
                           "RAUC is spoken to by the library libsystemd.so.0; install libsystemd0");
        }
#define FIND(name) SV_TRY(find(library, #name, (void *) &calls.name, why));
        SV_RAUC_CALLS(FIND)
#undef FIND
        loaded = true;
    }
    *out = &calls;
    return SV_OK;
}
