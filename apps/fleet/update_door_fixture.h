// What devices and gateways fetch, asked over a socket, with a signer of the test's own, for tests.
#ifndef SV_FLEET_UPDATE_DOOR_FIXTURE_H
#define SV_FLEET_UPDATE_DOOR_FIXTURE_H

#include "director.h"
#include "images_fixture.h"
#include "signer.h"
#include "update_door.h"

#include <crypto/signing.h>
#include <net/test.h>
#include <sys/un.h>
#include <update/director_make.h>

enum { ANSWER_MAX = 1 << 20, HEAD_MAX = 8192, TURN_US = 300 };
#define PATIENCE_US INT64_C(20000000)

/// A signer that signs whatever it is asked.
typedef struct fake {
    char path[SV_PATH_MAX];
    int listener, peer;
    sv_watch *on_listener, *on_peer;
    struct evp_pkey_st *key;
    sv_tuf_public who;
    sv_textbuf root, before; ///< before: the one that `root` follows, or nothing

    int asked; ///< for documents
    bool mute; ///< nothing is signed
    sv_direct last;
} fake;

typedef struct door {
    fixture f;
    sv_loop *loop;
    sv_http_server *server;
    sv_asker asker; ///< who asks
    fake signer;
    repo *image;
    sv_textbuf answer;
} door;

// ---- the signer ---------------------------------------------------------------------------------

typedef struct signing {
    fake *signer;
    sv_textbuf *out;
} signing;

static inline sv_err sign(void *arg, sv_text message, sv_textbuf *hex, sv_why *why) {
    const signing *s = arg;
    size_t before = hex->len;
    SV_TRY(sv_signing_add(s->signer->key, message, hex, why));
    sv_textbuf_add(s->out, (sv_text){ .at = hex->at + before, .len = hex->len - before });
    sv_textbuf_add_char(s->out, '\n');
    return SV_OK;
}

static inline void answer_direct(fake *signer, const sv_direct *direct, sv_signer_answer *answer) {
    SV_DEFER(sv_director_documents_drop) sv_director_documents made = { 0 };
    sv_textbuf out = { .at = (char *) answer->data, .cap = sizeof answer->data };
    signing s = { .signer = signer, .out = &out };
    signer->asked++;
    signer->last = *direct;
    if (signer->mute) {
        answer->err = SV_ERR_UNAVAILABLE;
        (void) snprintf(answer->sentence, sizeof answer->sentence, "not now");
        return;
    }
    assert_int_equal(sv_director_compose(direct, signer->who.id, sign, &s, &made, NULL), SV_OK);
    answer->bytes = (uint32_t) out.len;
}

/// The newest, or the one before it.
static inline void answer_root(const fake *signer, uint64_t version, sv_signer_answer *answer) {
    const sv_textbuf *root =
        signer->before.len > 0 && version == 1 ? &signer->before : &signer->root;
    if (version > (signer->before.len > 0 ? 2 : 1)) {
        return; // none has followed
    }
    memcpy(answer->data, root->at, root->len);
    answer->bytes = (uint32_t) root->len;
}

static inline void on_peer(void *arg) {
    fake *signer = arg;
    static sv_signer_request request;
    static sv_signer_answer answer;
    if (recv(signer->peer, &request, sizeof request, MSG_DONTWAIT) != sizeof request) {
        return;
    }
    memset(&answer, 0, sizeof answer);
    answer.head = request.head;
    if (request.head.verb == SV_SIGNER_DIRECTOR_ROOT) {
        answer_root(signer, request.offset, &answer);
    } else {
        assert_int_equal(request.head.verb, SV_SIGNER_DIRECT);
        answer_direct(signer, &request.direct, &answer);
    }
    answer.total = answer.bytes;
    assert_int_equal(send(signer->peer, &answer, sizeof answer, 0), sizeof answer);
}

static inline void on_listener(void *arg) {
    door *d = arg;
    d->signer.peer = accept4(d->signer.listener, NULL, NULL, SOCK_CLOEXEC);
    assert_true(d->signer.peer >= 0);
    d->signer.on_peer = sv_watch_readable(d->loop, d->signer.peer, on_peer, &d->signer);
}

static inline void new_root(fake *signer, const char *dir, const char *name) {
    char place[SV_PATH_MAX];
    assert_int_equal(sv_disk_join(place, sizeof place, dir, name), SV_OK);
    sv_key_drop(&signer->key);
    sv_textbuf_drop(&signer->root);
    signer->root = SV_TEXTBUF_HEAP(SV_DIRECTOR_DOCUMENT_MAX);
    assert_int_equal(sv_key_make(place, SV_KEY_EC, &signer->key, NULL), SV_OK);
    assert_int_equal(sv_tuf_public_of(signer->key, &signer->who, NULL), SV_OK);
    assert_int_equal(sv_director_root_make(signer->key, fixture_now_us, &signer->root, NULL),
                     SV_OK);
}

static inline void open_signer(door *d) {
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    fake *signer = &d->signer;
    (void) snprintf(signer->path, sizeof signer->path, "%s/signer.sock", d->f.dir);
    assert_int_equal(
        sv_text_copy(sv_text_of(signer->path), address.sun_path, sizeof address.sun_path), SV_OK);
    signer->peer = -1;
    signer->listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_int_equal(bind(signer->listener, (const struct sockaddr *) &address, sizeof address), 0);
    assert_int_equal(listen(signer->listener, 4), 0);
    signer->on_listener = sv_watch_readable(d->loop, signer->listener, on_listener, d);
    d->f.fleet.signer = sv_signer_open(d->loop, signer->path, fixture_clock);
}

static inline void close_signer(door *d) {
    sv_signer_drop(&d->f.fleet.signer);
    sv_watch_drop(&d->signer.on_peer);
    sv_watch_drop(&d->signer.on_listener);
    sv_fd_drop(&d->signer.peer);
    sv_fd_drop(&d->signer.listener);
    (void) unlink(d->signer.path);
}

/// The root has come, or is known to be wrong.
static inline void wait_for_root(door *d) {
    int64_t end_us = sv_clock_monotonic_us() + PATIENCE_US;
    sv_text root;
    while (sv_director_root(&d->f.fleet, &root, NULL) == SV_ERR_UNAVAILABLE) {
        assert_true(sv_clock_monotonic_us() < end_us);
        sv_director_turn(&d->f.fleet);
        sv_loop_turn(d->loop, TURN_US);
    }
}

// ---- the door -----------------------------------------------------------------------------------

static inline void handle(sv_http_request *request, void *arg) {
    door *d = arg;
    if (!sv_update_door(request, &d->f.fleet, &d->asker)) {
        sv_http_problem(request, 599, "Not ours", "it is of nothing here");
    }
}

static inline int setup(void **state) {
    door *d = sv_mem_new(sizeof *d);
    const sv_http_server_options options = { .bind = "127.0.0.1", .connections_max = 8 };
    (void) snprintf(d->f.dir, sizeof d->f.dir, "/tmp/selvedge-fleet-test-XXXXXX");
    assert_non_null(mkdtemp(d->f.dir));
    fixture_start(&d->f);
    assert_int_equal(sv_loop_open(&d->loop, NULL), SV_OK);
    assert_int_equal(sv_http_server_open(d->loop, &options, handle, d, &d->server, NULL), SV_OK);
    new_root(&d->signer, d->f.dir, "director.key");
    open_signer(d);
    d->answer = SV_TEXTBUF_HEAP(ANSWER_MAX);
    d->asker.who = (sv_identity){ .id = "press-1", .role = SV_ROLE_DEVICE };
    d->image = repo_new(true, 1);
    repo_upload(&d->f.fleet, d->image);
    *state = d;
    return 0;
}

static inline int teardown(void **state) {
    door *d = *state;
    close_signer(d);
    sv_http_server_drop(&d->server);
    sv_fleet_drop(&d->f.fleet);
    sv_loop_drop(&d->loop);
    sv_key_drop(&d->signer.key);
    sv_textbuf_drop(&d->signer.root);
    sv_textbuf_drop(&d->answer);
    repo_drop(&d->image);
    assert_int_equal(sv_disk_remove_tree(d->f.dir, NULL), SV_OK);
    free(d);
    return 0;
}

static inline int ask(door *d, const char *path, const char *headers) {
    static char request[HEAD_MAX];
    struct sockaddr_in to = sv_test_address(INADDR_LOOPBACK, sv_http_server_port(d->server));
    SV_DEFER(sv_fd_drop) int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int64_t end_us = sv_clock_monotonic_us() + PATIENCE_US;
    assert_int_equal(connect(fd, (const struct sockaddr *) &to, sizeof to), 0);
    (void) snprintf(request, sizeof request,
                    "GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n%s\r\n", path, headers);
    sv_text rest = sv_text_of(request);
    sv_textbuf_clear(&d->answer);
    do {
        sv_test_send(fd, &rest);
        sv_loop_turn(d->loop, TURN_US);
        assert_true(sv_clock_monotonic_us() < end_us);
    } while (sv_test_receive(fd, &d->answer));
    assert_int_equal(sv_textbuf_end(&d->answer), SV_OK);
    assert_true(d->answer.len > 12);
    return (int) strtol(d->answer.at + 9, NULL, 10);
}

static inline bool says(const door *d, const char *what) {
    return memmem(d->answer.at, d->answer.len, what, strlen(what)) != NULL;
}

static inline sv_text body(const door *d) {
    const char *at = strstr(d->answer.at, "\r\n\r\n");
    assert_non_null(at);
    return (sv_text){ .at = at + 4, .len = d->answer.len - (size_t) (at + 4 - d->answer.at) };
}

static inline void assign(door *d, const char *device, const char *sha256) {
    char sql[512];
    (void) snprintf(sql, sizeof sql,
                    "INSERT INTO action (device, path, version, sha256, state, attempt, forced,"
                    " user, created_us, updated_us) VALUES ('%s', 'lathe/1.img', '1.0', '%s', 0, 1,"
                    " 0, 'x', 0, 0)",
                    device, sha256);
    assert_int_equal(sv_db_exec(d->f.fleet.db, sql, NULL), SV_OK);
    assert_int_equal(sv_director_changed(&d->f.fleet, device, NULL), SV_OK);
}

static inline int ask_artifact(door *d, const char *file, const char *headers) {
    char path[256];
    (void) snprintf(path, sizeof path, "/artifacts/%s/%s", d->image->sha256, file);
    return ask(d, path, headers);
}

static inline int64_t version_of(const door *d) {
    const char *at = strstr(d->answer.at, "\"snapshot.json\"");
    assert_non_null(at);
    at = strstr(at, "\"version\":");
    assert_non_null(at);
    return strtoll(at + strlen("\"version\":"), NULL, 10);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

#endif
