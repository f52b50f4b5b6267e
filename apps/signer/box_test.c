#include "box.h"
#include "service_asked.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/// 0 or the errno of what was tried in the signer's box; -SIGSYS when the process died of it.
static int tried(int (*probe)(void)) {
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        if (signer_box_enter(&f.config, NULL) != SV_OK) {
            _exit(200);
        }
        errno = 0;
        _exit(probe() < 0 ? errno : 0);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

static int read_own_key(void) {
    sv_authority *again = NULL;
    return sv_authority_open(f.dir, NULL, &again, NULL) == SV_OK ? 0 : -1;
}
static int issue_one(void) {
    const sv_signer_request request = issue_of("boxed-1", SV_ROLE_DEVICE);
    sv_signer_answer answer;
    return service_answer(&f.service, &f.draft, &request, 1, &answer, NULL) == SV_OK
                   && answer.err == SV_OK
               ? 0
               : -1;
}
static int number_a_crl(void) {
    uint64_t number = 0;
    return journal_next_crl(&f.service.journal, 0, &number, NULL) == SV_OK ? 0 : -1;
}
static int open_passwd(void) {
    return open("/etc/passwd", O_RDONLY | O_CLOEXEC);
}
static int write_into_the_folder(void) {
    char path[64];
    (void) snprintf(path, sizeof path, "%s/ca.key", f.dir);
    return open(path, O_WRONLY | O_CLOEXEC);
}
static int write_elsewhere(void) {
    return open("/tmp/sv-signer-elsewhere", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
}
static int make_socket(void) {
    return socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
}
static int execute(void) {
    char name[] = "/bin/true";
    char *const arguments[] = { name, NULL };
    return execv(name, arguments);
}
static int trace(void) {
    return (int) ptrace(PTRACE_TRACEME, 0, NULL, NULL);
}

// [signer-5]
static void in_its_box_the_signer_signs_and_does_nothing_else(void **state) {
    (void) state;
    if (tried(open_passwd) == 0) {
        skip(); // a kernel without landlock
    }
    assert_int_equal(tried(read_own_key), 0);
    assert_int_equal(tried(issue_one), 0);
    assert_int_equal(tried(number_a_crl), 0);
    assert_int_equal(tried(open_passwd), EACCES);
    assert_int_equal(tried(write_into_the_folder), EACCES);
    assert_int_equal(tried(write_elsewhere), EACCES);
    assert_int_equal(tried(make_socket), EPERM);
    assert_int_equal(tried(execute), -SIGSYS);
    assert_int_equal(tried(trace), -SIGSYS);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_its_box_the_signer_signs_and_does_nothing_else),
    };
    return cmocka_run_group_tests(tests, make, drop);
}
