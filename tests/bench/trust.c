// What it costs to believe a TUF repository:
//   bench-trust judge METADATA NAMES   refreshes from a folder of metadata and looks up each line
//   of NAMES bench-trust run PROGRAM ARG...     the same figures of a program, whole
// Prints JSON: CPU in ms, memory above what a client has that has judged one signature, and peak.
#include <base/mem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/disk.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <update/trust.h>

enum { NAMES_MAX = 1024 * 1024 };

static void must(bool done, const char *what) {
    if (!done) {
        (void) fprintf(stderr, "bench-trust: %s\n", what);
        exit(2);
    }
}

static double cpu_ms(void) {
    struct timespec now;
    (void) clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double) now.tv_sec * 1e3 + (double) now.tv_nsec / 1e6;
}

/// "VmRSS:" or "VmHWM:" of this process, in KiB.
static double memory_kb(const char *which) {
    char line[256];
    double kb = 0;
    FILE *file = fopen("/proc/self/status", "re");
    must(file != NULL, "/proc/self/status is not there");
    while (fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, which, strlen(which)) == 0) {
            kb = strtod(line + strlen(which), NULL);
        }
    }
    (void) fclose(file);
    return kb;
}

// ---- a repository that is a folder, and a client that forgets what it trusted -------------------

static sv_err fetch(void *arg, const char *name, size_t bytes_max, sv_textbuf *out, sv_why *why) {
    char path[SV_PATH_MAX];
    size_t before = out->len;
    SV_TRY(sv_disk_join(path, sizeof path, arg, name));
    SV_TRY(sv_disk_read(path, out, why));
    return out->len - before <= bytes_max ? SV_OK : SV_ERR_INVALID;
}

static sv_err load(void *arg, const char *name, sv_textbuf *out, sv_why *why) {
    return strcmp(name, "root.json") == 0 ? fetch(arg, "1.root.json", SV_TUF_ROOT_MAX, out, why)
                                          : SV_ERR_NOT_FOUND;
}

static sv_err keep(void *arg, const char *name, sv_text bytes, sv_why *why) {
    (void) arg, (void) name, (void) bytes, (void) why;
    return SV_OK;
}

/// OpenSSL is loaded, and has checked a signature once.
static void warm_up(char *folder) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf root = SV_TEXTBUF_HEAP(SV_TUF_ROOT_MAX + 1);
    sv_why why = { 0 };
    must(load(folder, "root.json", &root, &why) == SV_OK, why.text);
    must(sv_trust_root_check(sv_textbuf_text(&root), &why) == SV_OK, why.text);
}

static size_t look_up(sv_trust *trust, sv_text names) {
    size_t found = 0;
    while (names.len > 0) {
        sv_text name = sv_text_cut(&names, '\n');
        sv_trust_target target;
        sv_why why = { 0 };
        must(sv_trust_find(trust, name, &target, &why) == SV_OK, why.text);
        found++;
    }
    return found;
}

static void judge(char *folder, const char *list) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf names = SV_TEXTBUF_HEAP(NAMES_MAX);
    SV_DEFER(sv_trust_drop) sv_trust *trust = NULL;
    const sv_trust_io io = { .arg = folder, .fetch = fetch, .load = load, .keep = keep };
    sv_why why = { 0 };
    must(sv_disk_read(list, &names, &why) == SV_OK, why.text);
    warm_up(folder);
    double idle = memory_kb("VmRSS:");
    double before = cpu_ms();
    must(sv_trust_open(&io, (int64_t) time(NULL) * 1000000, &trust, &why) == SV_OK, why.text);
    must(sv_trust_refresh(trust, &why) == SV_OK, why.text);
    size_t found = look_up(trust, sv_textbuf_text(&names));
    double after = cpu_ms();
    double peak = memory_kb("VmHWM:");
    (void) printf("{\"cpu_ms\":%.3f,\"above_idle_kb\":%.0f,\"peak_kb\":%.0f,\"found\":%zu}\n",
                  after - before, peak - idle, peak, found);
}

// ---- a program ----------------------------------------------------------------------------------

static double ms_of(struct timeval time) {
    return (double) time.tv_sec * 1e3 + (double) time.tv_usec / 1e3;
}

/// Forked from here, since a process is said to have had at least the memory of its parent.
static void run(char **args) {
    struct rusage usage;
    int status = 0;
    pid_t child = fork();
    must(child >= 0, "cannot fork");
    if (child == 0) {
        must(freopen("/dev/null", "we", stdout) != NULL, "there is no /dev/null");
        (void) execv(args[0], args);
        _exit(127);
    }
    must(wait4(child, &status, 0, &usage) == child && status == 0, "the program failed");
    (void) printf("{\"cpu_ms\":%.3f,\"peak_kb\":%ld}\n",
                  ms_of(usage.ru_utime) + ms_of(usage.ru_stime), usage.ru_maxrss);
}

int main(int count, char **args) {
    if (count == 4 && strcmp(args[1], "judge") == 0) {
        judge(args[2], args[3]);
    } else {
        must(count > 2 && strcmp(args[1], "run") == 0,
             "usage: bench-trust judge METADATA NAMES | run PROGRAM ARG...");
        run(args + 2);
    }
    return 0;
}
