#include <sys/descriptors.h>
#include <sys/resource.h>

uint64_t sv_descriptors_raise(void) {
    struct rlimit limit = { .rlim_cur = 0 };
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        return 0;
    }
    struct rlimit wider = { .rlim_cur = limit.rlim_max, .rlim_max = limit.rlim_max };
    return setrlimit(RLIMIT_NOFILE, &wider) == 0 ? wider.rlim_cur : limit.rlim_cur;
}
