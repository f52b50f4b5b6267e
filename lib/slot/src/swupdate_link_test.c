// SWUpdate's end of its sockets is played here by another process, which does what the real one was
// seen to do (tests/scenario/swupdate.sh asks the real one), and what it does not.
#include "swupdate_wire.h"

#include <base/fd.h>
#include <base/test.h>
#include <poll.h>
#include <signal.h>
#include <slot/swupdate.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum { IMAGE_BYTES = 300000, STEPS = 40 };

static const char MARK[] = "selvedge 07";

/// What it does when it is asked.
typedef struct play {
    unsigned busy;       ///< so many requests are refused, because it is at something
    bool knows_no_such;  ///< selection
    bool other_ended;    ///< an installation of somebody else, just before
    const char *mark;    ///< of what begins; NULL: nothing is told of its beginning
    bool closes_early;   ///< the stream, after a few bytes
    bool orphans;        ///< it does not read it, because it was told of another one
    bool in_pieces;      ///< its progress
    int end;             ///< what is told of the end; -1: it dies; 0: nothing, and it is idle
    size_t answer_bytes; ///< 0: as many as they are
    int answer_kind;     ///< 0: as it is
    bool bad_magic;
    bool deaf; ///< it takes connections, and says nothing
    const char *reason;
} play;

/// What both processes see.
typedef struct seen {
    unsigned asked;
    swu_request request;
    size_t bytes;
    uint8_t image[IMAGE_BYTES];
} seen;

static seen *SEEN;
static uint8_t IMAGE[IMAGE_BYTES];
static char FOLDER[] = "/tmp/sv-swupdate-XXXXXX";

static int listen_at(const char *name) {
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    (void) snprintf(at.sun_path, sizeof at.sun_path, "%s/%s", FOLDER, name);
    (void) unlink(at.sun_path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (const struct sockaddr *) &at, sizeof at), 0);
    assert_int_equal(listen(fd, 8), 0);
    return fd;
}

static void send_all(int fd, const void *bytes, size_t len, bool in_pieces) {
    const char *at = bytes;
    while (len > 0) {
        size_t piece = in_pieces && len > 700 ? 700 : len;
        ssize_t sent = send(fd, at, piece, MSG_NOSIGNAL);
        if (sent <= 0) {
            return;
        }
        at += sent;
        len -= (size_t) sent;
    }
}

static void tell(const play *p, int fd, int status, unsigned percent, const char *mark) {
    swu_progress message;
    memset(&message, 0, sizeof message);
    message.status = status;
    message.steps = 1;
    message.step = status == SWU_START ? 0 : 1;
    message.percent = percent;
    message.info_len = (unsigned) strlen(mark);
    (void) snprintf(message.info, sizeof message.info, "%s", mark);
    (void) snprintf(message.image, sizeof message.image, "rootfs.img");
    send_all(fd, &message, sizeof message, p->in_pieces);
}

static void take_stream(const play *p, int control, int progress) {
    char more[4096];
    ssize_t got = 0;
    unsigned told = 0;
    while ((got = recv(control, more, sizeof more, 0)) > 0) {
        size_t fits =
            IMAGE_BYTES - SEEN->bytes < (size_t) got ? IMAGE_BYTES - SEEN->bytes : (size_t) got;
        memcpy(SEEN->image + SEEN->bytes, more, fits);
        SEEN->bytes += (size_t) got;
        if (told == 0 && p->mark != NULL) {
            tell(p, progress, SWU_START, 0, p->mark);
        }
        if (told++ < STEPS) { // more than fits into a socket's room, where nobody reads
            tell(p, progress, SWU_RUN, told, "");
        }
        if (p->closes_early) {
            return;
        }
    }
}

static void answer(const play *p, int control, swu_message *message, int kind) {
    static char more[2 * sizeof *message];
    message->kind = p->answer_kind != 0 ? p->answer_kind : kind;
    message->magic = p->bad_magic ? 7 : message->magic;
    memcpy(more, message, sizeof *message);
    send_all(control, more, p->answer_bytes != 0 ? p->answer_bytes : sizeof *message, false);
}

static void tell_notices(const play *p, int control) {
    static const int LEVELS[] = { 4, SWU_LEVEL_ERROR, SWU_LEVEL_ERROR };
    swu_message notice;
    for (size_t i = 0; i < SV_COUNT(LEVELS); i++) {
        memset(&notice, 0, sizeof notice);
        notice.magic = SWU_MAGIC;
        notice.kind = SWU_NOTIFY;
        notice.of.notice.status = i == 0 ? SWU_RUN : SWU_FAILURE;
        notice.of.notice.level = LEVELS[i];
        (void) snprintf(notice.of.notice.text, sizeof notice.of.notice.text, "%s",
                        i == 0   ? "[extract] : Found file"
                        : i == 1 ? p->reason
                                 : "Image invalid or corrupted. Not installing ...");
        send_all(control, &notice, sizeof notice, false);
    }
}

static void install(play *p, int control, int progress, swu_message *asked) {
    SEEN->asked++;
    SEEN->request = asked->of.install.request;
    memset(&asked->of, 0, sizeof asked->of);
    if (p->busy > 0 || p->knows_no_such) {
        if (p->busy > 0) {
            p->busy--;
            (void) snprintf(asked->of.text, sizeof asked->of.text, "Installation in progress");
        }
        answer(p, control, asked, SWU_NACK);
        return;
    }
    swu_progress other;
    memset(&other, 0, sizeof other);
    other.status = SWU_SUCCESS;
    if (p->other_ended) {
        tell(p, progress, SWU_SUCCESS, 0, "");
        send_all(progress, &other, 1000, false); // and half of what it says of one more
    }
    answer(p, control, asked, SWU_ACK);
    struct pollfd given = { .fd = control, .events = POLLIN };
    (void) poll(&given, 1, -1); // what begins to come before that is not ours, for sure
    if (p->other_ended) {
        send_all(progress, (const char *) &other + 1000, sizeof other - 1000, false);
    }
    if (p->orphans) {
        tell(p, progress, p->end, 0, "");
        (void) pause();
    }
    take_stream(p, control, progress);
    (void) shutdown(control, SHUT_RDWR);
    if (p->end < 0) {
        _exit(0);
    }
    if (p->end > 0) {
        tell(p, progress, p->end, 0, "");
    }
}

static void serve(play *p, int control_door, int progress_door) {
    int progress = -1;
    for (;;) {
        struct pollfd doors[] = { { .fd = progress_door, .events = POLLIN },
                                  { .fd = control_door, .events = POLLIN } };
        swu_message asked;
        (void) poll(doors, SV_COUNT(doors), -1);
        if (doors[0].revents != 0) {
            sv_fd_drop(&progress);
            progress = accept(progress_door, NULL, NULL);
            continue;
        }
        int control = accept(control_door, NULL, NULL);
        if (p->deaf) {
            continue;
        }
        if (recv(control, &asked, sizeof asked, MSG_WAITALL) == (ssize_t) sizeof asked) {
            if (asked.kind == SWU_INSTALL) {
                install(p, control, progress, &asked);
            } else {
                int kind = asked.kind;
                memset(&asked.of, 0, sizeof asked.of);
                answer(p, control, &asked, SWU_ACK);
                if (kind == SWU_NOTIFY && p->reason != NULL) {
                    tell_notices(p, control);
                }
            }
        }
        sv_fd_drop(&control);
    }
}

static pid_t begin(play p) {
    int control = listen_at("sockinstctrl");
    int progress = listen_at("swupdateprog");
    memset(SEEN, 0, sizeof *SEEN);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        serve(&p, control, progress);
    }
    sv_fd_drop(&control);
    sv_fd_drop(&progress);
    return pid;
}

static void end(pid_t pid) {
    (void) kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static sv_err read_image(void *arg, uint64_t at, uint8_t *out, size_t bytes, sv_why *why) {
    (void) arg;
    (void) why;
    assert_true(at + bytes <= IMAGE_BYTES);
    memcpy(out, IMAGE + at, bytes);
    return SV_OK;
}

static sv_swupdate_link link_of(void) {
    sv_swupdate_link link = { .placing = { .who = "SWUpdate" } };
    (void) snprintf(link.folder, sizeof link.folder, "%s", FOLDER);
    return link;
}

static sv_err installs(play p, sv_why *why) {
    const sv_image_bytes image = { .length = IMAGE_BYTES, .read = read_image };
    sv_swupdate_link link = link_of();
    const sv_swupdate_daemon daemon = sv_swupdate_link_daemon(&link);
    pid_t pid = begin(p);
    sv_err err = daemon.install(daemon.arg, "stable,slot-b", MARK, &image, why);
    end(pid);
    return err;
}

static void an_image_is_handed_over_whole(void **state) { // [swupdate-3]
    (void) state;
    for (unsigned way = 0; way < 2; way++) {
        sv_why why = { 0 };
        sv_err err =
            installs((play){ .mark = MARK, .end = SWU_SUCCESS, .in_pieces = way == 1 }, &why);
        assert_string_equal(why.text, "");
        assert_int_equal(err, SV_OK);
        assert_int_equal(SEEN->bytes, IMAGE_BYTES);
        assert_memory_equal(SEEN->image, IMAGE, IMAGE_BYTES);
        assert_string_equal(SEEN->request.mode, "slot-b");
    }
}

/// SWUpdate took the connection that it is heard by when it had begun already. [swupdate-3]
static void a_beginning_that_was_not_heard_is_no_harm(void **state) {
    (void) state;
    assert_int_equal(installs((play){ .mark = NULL, .end = SWU_SUCCESS }, NULL), SV_OK);
}

static void what_it_refuses_has_its_reason(void **state) { // [swupdate-3]
    (void) state;
    sv_why why = { 0 };
    play p = { .closes_early = true,
               .end = SWU_FAILURE,
               .reason = "ERROR : Authentication of all signatures failed" };
    assert_int_equal(installs(p, &why), SV_ERR_UNTRUSTED);
    assert_string_equal(why.text, "SWUpdate does not install the image: Authentication of all "
                                  "signatures failed");
    p.reason = NULL;
    assert_int_equal(installs(p, &why), SV_ERR_UNTRUSTED);
    assert_non_null(strstr(why.text, "it says no reason"));
}

static void one_that_ends_in_the_middle_is_asked_again(void **state) { // [swupdate-3]
    (void) state;
    sv_why why = { 0 };
    assert_int_equal(installs((play){ .mark = MARK, .end = -1 }, &why), SV_ERR_UNAVAILABLE);
    assert_string_equal(why.text, "SWUpdate ended in the middle of the installation");
    assert_int_equal(installs((play){ .mark = MARK, .closes_early = true, .end = -1 }, &why),
                     SV_ERR_UNAVAILABLE);
}

static void what_it_is_at_is_waited_for(void **state) { // [swupdate-3]
    (void) state;
    assert_int_equal(installs((play){ .busy = 2, .mark = MARK, .end = SWU_SUCCESS }, NULL), SV_OK);
    assert_int_equal(SEEN->asked, 3);
    assert_int_equal(SEEN->bytes, IMAGE_BYTES);
}

static void another_ones_end_is_not_ours(void **state) { // [swupdate-3]
    (void) state;
    sv_why why = { 0 };
    play p = { .other_ended = true, .mark = MARK, .end = SWU_FAILURE, .reason = "no" };
    assert_int_equal(installs(p, &why), SV_ERR_UNTRUSTED);
    p = (play){ .mark = "somebody else's", .end = SWU_SUCCESS };
    assert_int_equal(installs(p, &why), SV_ERR_UNAVAILABLE);
    assert_non_null(strstr(why.text, "not what it was given here"));
    p = (play){ .orphans = true, .end = SWU_SUCCESS };
    assert_int_equal(installs(p, &why), SV_ERR_UNAVAILABLE);
    p = (play){ .closes_early = true, .end = SWU_SUCCESS };
    assert_int_equal(installs(p, &why), SV_ERR_UNAVAILABLE);
}

static void an_end_that_was_not_heard_is_not_waited_for(void **state) { // [swupdate-3]
    (void) state;
    sv_why why = { 0 };
    assert_int_equal(installs((play){ .mark = MARK, .end = 0 }, &why), SV_ERR_UNAVAILABLE);
    assert_string_equal(why.text, "SWUpdate is done, and how it ended was not heard");
}

static void a_selection_that_it_does_not_take_is_said(void **state) { // [swupdate-5]
    (void) state;
    sv_why why = { 0 };
    assert_int_equal(installs((play){ .knows_no_such = true }, &why), SV_ERR_UNAVAILABLE);
    assert_non_null(strstr(why.text, "start it with -q stable,slot-b"));
    assert_int_equal(SEEN->bytes, 0);
}

static void a_daemon_that_is_not_there_is_said(void **state) { // [swupdate-7]
    (void) state;
    sv_why why = { 0 };
    sv_swupdate_link link = link_of();
    end(begin((play){ .busy = 0 }));
    assert_int_equal(sv_swupdate_probe(&link, &why), SV_ERR_UNAVAILABLE);
    assert_non_null(strstr(why.text, "SWUpdate does not answer at '"));
    memset(link.folder, 'x', 200);
    link.folder[200] = '\0';
    assert_int_equal(sv_swupdate_probe(&link, NULL), SV_ERR_INVALID);
}

static sv_err probe(play p, sv_why *why) {
    const sv_swupdate_link link = link_of();
    pid_t pid = begin(p);
    sv_err err = sv_swupdate_probe(&link, why);
    end(pid);
    return err;
}

static void another_version_is_known_by_its_answer(void **state) { // [swupdate-1]
    (void) state;
    sv_why why = { 0 };
    assert_int_equal(probe((play){ .busy = 0 }, NULL), SV_OK);
    static const size_t BYTES[] = { 1, sizeof(swu_message) - 8, sizeof(swu_message) + 1,
                                    2 * sizeof(swu_message) };
    for (size_t i = 0; i < SV_COUNT(BYTES); i++) {
        assert_int_equal(probe((play){ .answer_bytes = BYTES[i] }, &why), SV_ERR_INVALID);
        assert_non_null(strstr(why.text, "2022.12"));
    }
    assert_int_equal(probe((play){ .bad_magic = true }, NULL), SV_ERR_INVALID);
    assert_int_equal(probe((play){ .answer_kind = SWU_NOTIFY }, NULL), SV_ERR_INVALID);
}

static void one_that_is_deaf_is_not_waited_for(void **state) { // [swupdate-7]
    (void) state;
    sv_why why = { 0 };
    assert_int_equal(probe((play){ .deaf = true }, &why), SV_ERR_UNAVAILABLE);
    assert_non_null(strstr(why.text, "answers 0 bytes"));
}

/// Whoever may make files in its folder could listen in its place. [swupdate-5]
static void another_user_is_not_asked(void **state) {
    (void) state;
    const sv_swupdate_link link = link_of();
    sv_why why = { 0 };
    int ready[2];
    char go = 0;
    if (geteuid() != 0) {
        skip();
    }
    assert_int_equal(pipe(ready), 0);
    assert_int_equal(chmod(FOLDER, 0777), 0);
    end(begin((play){ .busy = 0 }));
    pid_t pid = fork();
    if (pid == 0) {
        assert_int_equal(setresuid(65534, 65534, 65534), 0);
        int fd = listen_at("other");
        (void) !write(ready[1], "x", 1);
        for (;;) {
            (void) accept(fd, NULL, NULL);
        }
    }
    assert_int_equal(read(ready[0], &go, 1), 1);
    char from[64];
    char to[64];
    (void) snprintf(from, sizeof from, "%s/other", FOLDER);
    (void) snprintf(to, sizeof to, "%s/sockinstctrl", FOLDER);
    assert_int_equal(rename(from, to), 0);
    assert_int_equal(sv_swupdate_probe(&link, &why), SV_ERR_UNTRUSTED);
    assert_non_null(strstr(why.text, "user 65534 listens at"));
    end(pid);
    assert_int_equal(chmod(FOLDER, 0700), 0);
    sv_fd_drop(&ready[0]);
    sv_fd_drop(&ready[1]);
}

static int clean_up(void **state) {
    (void) state;
    char path[64];
    static const char *const NAMES[] = { "sockinstctrl", "swupdateprog" };
    for (size_t i = 0; i < SV_COUNT(NAMES); i++) {
        (void) snprintf(path, sizeof path, "%s/%s", FOLDER, NAMES[i]);
        (void) unlink(path);
    }
    return rmdir(FOLDER);
}

int main(void) {
    SEEN = mmap(NULL, sizeof *SEEN, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, 0, 0);
    if (SEEN == MAP_FAILED || mkdtemp(FOLDER) == NULL) {
        return 1;
    }
    for (size_t i = 0; i < IMAGE_BYTES; i++) {
        IMAGE[i] = (uint8_t) (i * 2654435761U >> 13);
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_image_is_handed_over_whole),
        cmocka_unit_test(a_beginning_that_was_not_heard_is_no_harm),
        cmocka_unit_test(what_it_refuses_has_its_reason),
        cmocka_unit_test(one_that_ends_in_the_middle_is_asked_again),
        cmocka_unit_test(what_it_is_at_is_waited_for),
        cmocka_unit_test(another_ones_end_is_not_ours),
        cmocka_unit_test(an_end_that_was_not_heard_is_not_waited_for),
        cmocka_unit_test(a_selection_that_it_does_not_take_is_said),
        cmocka_unit_test(a_daemon_that_is_not_there_is_said),
        cmocka_unit_test(another_version_is_known_by_its_answer),
        cmocka_unit_test(one_that_is_deaf_is_not_waited_for),
        cmocka_unit_test(another_user_is_not_asked),
    };
    return cmocka_run_group_tests(tests, NULL, clean_up);
}
