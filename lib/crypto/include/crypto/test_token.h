// For tests: PKCS#11 tokens of their own (SoftHSM), whose state is a folder.
#ifndef SV_CRYPTO_TEST_TOKEN_H
#define SV_CRYPTO_TEST_TOKEN_H

#include <stdio.h>
#include <stdlib.h>
#include <sys/disk.h>
#include <sys/wait.h>
#include <unistd.h>

#define SV_TEST_TOKEN_TOOL "/usr/bin/softhsm2-util"
#define SV_TEST_TOKEN_MODULE "/usr/lib/softhsm/libsofthsm2.so"

static inline void sv_test_token_check(bool done, const char *what) {
    if (!done) {
        (void) fprintf(stderr, "cannot %s\n", what);
        abort();
    }
}

/// The tokens of this process are in `folder` from now on, before any of them is asked.
static inline void sv_test_tokens_in(const char *folder) {
    char path[512];
    char conf[1024];
    (void) snprintf(path, sizeof path, "%s.conf", folder);
    int len = snprintf(conf, sizeof conf,
                       "directories.tokendir = %s\nobjectstore.backend = file\nlog.level = ERROR\n",
                       folder);
    sv_text text = { .at = conf, .len = (size_t) len };
    sv_test_token_check(sv_disk_replace(path, text, 0600, NULL) == SV_OK, "write softhsm2.conf");
    (void) setenv("SOFTHSM2_CONF", path, 1); // NOLINT(concurrency-mt-unsafe): one thread yet
}

static inline void sv_test_token_make(const char *label, const char *pin) {
    pid_t tool = fork();
    if (tool == 0) {
        sv_test_token_check(freopen("/dev/null", "w", stdout) != NULL, "open /dev/null");
        (void) execl(SV_TEST_TOKEN_TOOL, SV_TEST_TOKEN_TOOL, "--init-token", "--free", "--label",
                     label, "--so-pin", "12345678", "--pin", pin, (char *) NULL);
        _exit(127);
    }
    int status = 0;
    sv_test_token_check(waitpid(tool, &status, 0) == tool && status == 0, "make a token");
}

#endif
