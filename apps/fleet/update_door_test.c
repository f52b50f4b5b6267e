// What devices and gateways fetch, asked over a socket, with a signer of the test's own.
#include "director.h"
#include "image_keys.h"
#include "images_fixture.h"
#include "savings.h"
#include "signer.h"
#include "update_door.h"

#include <crypto/pki.h>
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

static sv_err sign(void *arg, sv_text message, sv_textbuf *hex, sv_why *why) {
    const signing *s = arg;
    size_t before = hex->len;
    SV_TRY(sv_signing_add(s->signer->key, message, hex, why));
    sv_textbuf_add(s->out, (sv_text){ .at = hex->at + before, .len = hex->len - before });
    sv_textbuf_add_char(s->out, '\n');
    return SV_OK;
}

static void answer_direct(fake *signer, const sv_direct *direct, sv_signer_answer *answer) {
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
static void answer_root(const fake *signer, uint64_t version, sv_signer_answer *answer) {
    const sv_textbuf *root =
        signer->before.len > 0 && version == 1 ? &signer->before : &signer->root;
    if (version > (signer->before.len > 0 ? 2 : 1)) {
        return; // none has followed
    }
    memcpy(answer->data, root->at, root->len);
    answer->bytes = (uint32_t) root->len;
}

static void on_peer(void *arg) {
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

static void on_listener(void *arg) {
    door *d = arg;
    d->signer.peer = accept4(d->signer.listener, NULL, NULL, SOCK_CLOEXEC);
    assert_true(d->signer.peer >= 0);
    d->signer.on_peer = sv_watch_readable(d->loop, d->signer.peer, on_peer, &d->signer);
}

static void new_root(fake *signer, const char *dir, const char *name) {
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

static void open_signer(door *d) {
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

static void close_signer(door *d) {
    sv_signer_drop(&d->f.fleet.signer);
    sv_watch_drop(&d->signer.on_peer);
    sv_watch_drop(&d->signer.on_listener);
    sv_fd_drop(&d->signer.peer);
    sv_fd_drop(&d->signer.listener);
    (void) unlink(d->signer.path);
}

/// The root has come, or is known to be wrong.
static void wait_for_root(door *d) {
    int64_t end_us = sv_clock_monotonic_us() + PATIENCE_US;
    sv_text root;
    while (sv_director_root(&d->f.fleet, &root, NULL) == SV_ERR_UNAVAILABLE) {
        assert_true(sv_clock_monotonic_us() < end_us);
        sv_director_turn(&d->f.fleet);
        sv_loop_turn(d->loop, TURN_US);
    }
}

// ---- the door -----------------------------------------------------------------------------------

static void handle(sv_http_request *request, void *arg) {
    door *d = arg;
    if (!sv_update_door(request, &d->f.fleet, &d->asker)) {
        sv_http_problem(request, 599, "Not ours", "it is of nothing here");
    }
}

static int setup(void **state) {
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

static int teardown(void **state) {
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

static int ask(door *d, const char *path, const char *headers) {
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

static bool says(const door *d, const char *what) {
    return memmem(d->answer.at, d->answer.len, what, strlen(what)) != NULL;
}

static sv_text body(const door *d) {
    const char *at = strstr(d->answer.at, "\r\n\r\n");
    assert_non_null(at);
    return (sv_text){ .at = at + 4, .len = d->answer.len - (size_t) (at + 4 - d->answer.at) };
}

static void assign(door *d, const char *device, const char *sha256) {
    char sql[512];
    (void) snprintf(sql, sizeof sql,
                    "INSERT INTO action (device, path, version, sha256, state, attempt, forced,"
                    " user, created_us, updated_us) VALUES ('%s', 'lathe/1.img', '1.0', '%s', 0, 1,"
                    " 0, 'x', 0, 0)",
                    device, sha256);
    assert_int_equal(sv_db_exec(d->f.fleet.db, sql, NULL), SV_OK);
    assert_int_equal(sv_director_changed(&d->f.fleet, device, NULL), SV_OK);
}

static int ask_artifact(door *d, const char *file, const char *headers) {
    char path[256];
    (void) snprintf(path, sizeof path, "/artifacts/%s/%s", d->image->sha256, file);
    return ask(d, path, headers);
}

static int64_t version_of(const door *d) {
    const char *at = strstr(d->answer.at, "\"snapshot.json\"");
    assert_non_null(at);
    at = strstr(at, "\"version\":");
    assert_non_null(at);
    return strtoll(at + strlen("\"version\":"), NULL, 10);
}

// ---- images -------------------------------------------------------------------------------------

// [images-10]
static void the_metadata_of_images_is_for_everybody_who_is_let_in(void **state) {
    door *d = *state;
    assert_int_equal(ask(d, "/tuf/image/metadata/timestamp.json", ""), 200);
    assert_true(sv_text_eq(body(d), sv_textbuf_text(&d->image->timestamp)));
    assert_true(says(d, "Cache-Control: no-store"));
    assert_int_equal(ask(d, "/tuf/image/metadata/1.root.json", ""), 200);
    assert_int_equal(ask(d, "/tuf/image/metadata/2.root.json", ""), 404);
    assert_int_equal(ask(d, "/tuf/image/metadata/..%2f..%2ffleet.db", ""), 404);
    assert_int_equal(ask(d, "/tuf/image/metadata/", ""), 404);
    assert_int_equal(ask(d, "/tuf/other", ""), 599);
}

// [images-10] attack: another device's image
static void bytes_are_for_who_is_to_install_them_and_for_gateways(void **state) {
    door *d = *state;
    assert_int_equal(ask_artifact(d, "raw", ""), 404);
    assign(d, "press-1", d->image->sha256);
    assert_int_equal(ask_artifact(d, "zstd", ""), 200);
    assert_true(sv_text_eq(body(d), sv_textbuf_text(&d->image->stored[1])));
    assert_true(says(d, "immutable") && says(d, "ETag: \""));
    assert_int_equal(ask_artifact(d, "raw", "Range: bytes=65536-131071\r\n"), 206);
    assert_true(sv_text_eq(body(d), (sv_text){ d->image->stored[0].at + 65536, 65536 }));
    assert_int_equal(ask_artifact(d, "raw.index", ""), 200);
    assert_int_equal(ask_artifact(d, "delta-0", ""), 404);
    assert_int_equal(ask_artifact(d, "../../fleet.db", ""), 404);
    (void) snprintf(d->asker.who.id, sizeof d->asker.who.id, "press-2");
    assert_int_equal(ask_artifact(d, "zstd", ""), 404);
    assert_true(says(d, "no-store"));
    d->asker.who = (sv_identity){ .id = "gw-a", .role = SV_ROLE_GATEWAY };
    assert_int_equal(ask_artifact(d, "zstd", ""), 200);
}

// [campaign-41]
static void what_goes_out_of_an_image_is_counted_and_metadata_is_not(void **state) {
    door *d = *state;
    assign(d, "press-1", d->image->sha256);
    assert_int_equal(sv_db_exec(d->f.fleet.db, "UPDATE action SET campaign = 9", NULL), SV_OK);
    assert_int_equal(ask_artifact(d, "raw", "Range: bytes=0-65535\r\n"), 206);
    assert_int_equal(ask_artifact(d, "raw", "Range: bytes=10-19\r\n"), 206);
    assert_int_equal(ask_artifact(d, "raw", "Range: bytes=900000-\r\n"), 416);
    assert_int_equal(ask(d, "/tuf/image/metadata/timestamp.json", ""), 200);
    sv_savings_turn(&d->f.fleet);
    assert_int_equal(fixture_count(&d->f, "SELECT sum(sent) FROM saving"), 65546);
    assert_int_equal(fixture_count(&d->f, "SELECT sent FROM saving WHERE campaign = 9"), 65546);
}

// ---- the director -------------------------------------------------------------------------------

// [images-11] attack: another device's assignment
static void what_the_director_says_is_for_that_device_alone(void **state) {
    door *d = *state;
    wait_for_root(d);
    assert_int_equal(ask(d, "/tuf/director/press-2/metadata/timestamp.json", ""), 403);
    assert_int_equal(ask(d, "/tuf/director/press-2/metadata/1.root.json", ""), 403);
    assert_int_equal(ask(d, "/tuf/director/press-10/metadata/timestamp.json", ""), 403);
    assert_int_equal(ask(d, "/tuf/director//metadata/timestamp.json", ""), 403);
    assert_int_equal(ask(d, "/tuf/director/press-1/metadata/timestamp.json", ""), 200);
    assert_int_equal(ask(d, "/tuf/director/press-1/other/x", ""), 404);
    d->asker.who.role = SV_ROLE_GATEWAY;
    assert_int_equal(ask(d, "/tuf/director/press-1/metadata/timestamp.json", ""), 403);
    assert_int_equal(d->signer.asked, 1);
}

// [images-12]
static void documents_are_made_when_they_are_asked_for_and_say_something_new(void **state) {
    door *d = *state;
    char path[128];
    wait_for_root(d);
    static const char TIMESTAMP[] = "/tuf/director/press-1/metadata/timestamp.json";
    assert_int_equal(ask(d, TIMESTAMP, ""), 200);
    int64_t first = version_of(d);
    assert_int_equal(first, fixture_now_us / 1000000);
    assert_string_equal(d->signer.last.path, "");
    assert_int_equal(ask(d, TIMESTAMP, ""), 200);
    assert_int_equal(d->signer.asked, 1);
    assign(d, "press-1", d->image->sha256);
    assert_int_equal(ask(d, TIMESTAMP, ""), 200);
    int64_t second = version_of(d);
    assert_int_equal(second, first + 1); // though not a second has gone by
    assert_string_equal(d->signer.last.path, "lathe/1.img");
    assert_true(d->signer.last.counter == 7 && d->signer.last.length == REPO_IMAGE_BYTES);
    (void) snprintf(path, sizeof path, "/tuf/director/press-1/metadata/%lld.targets.json",
                    (long long) second);
    assert_int_equal(ask(d, path, ""), 200);
    assert_true(says(d, d->image->sha256) && says(d, "\"device\":\"press-1\""));
    // Who has begun with those of before reads them to the end.
    (void) snprintf(path, sizeof path, "/tuf/director/press-1/metadata/%lld.targets.json",
                    (long long) first);
    assert_int_equal(ask(d, path, ""), 200);
    assert_false(says(d, d->image->sha256));
    assert_int_equal(ask(d, "/tuf/director/press-1/metadata/7.targets.json", ""), 404);
    assert_int_equal(ask(d, "/tuf/director/press-1/metadata/0.targets.json", ""), 404);
    int64_t before_us = fixture_now_us;
    fixture_now_us += SV_DIRECTOR_AGE_US;
    assert_int_equal(ask(d, TIMESTAMP, ""), 200);
    assert_int_equal(version_of(d), fixture_now_us / 1000000);
    fixture_now_us = before_us;
}

// [images-12] attack: what has gone back is no way back
static void versions_never_go_back(void **state) {
    door *d = *state;
    wait_for_root(d);
    static const char TIMESTAMP[] = "/tuf/director/press-1/metadata/timestamp.json";
    assert_int_equal(ask(d, TIMESTAMP, ""), 200);
    int64_t first = version_of(d);
    int64_t before_us = fixture_now_us;
    fixture_now_us -= 10 * SV_TIME_DAY_US;
    assert_int_equal(ask(d, TIMESTAMP, ""), 200);
    assert_int_equal(version_of(d), first + 1);
    fixture_now_us = before_us;
}

// [images-12]
static void without_the_signer_what_is_true_is_said_still(void **state) {
    door *d = *state;
    wait_for_root(d);
    static const char TIMESTAMP[] = "/tuf/director/press-1/metadata/timestamp.json";
    assert_int_equal(ask(d, TIMESTAMP, ""), 200);
    int64_t first = version_of(d);
    int64_t before_us = fixture_now_us;
    d->signer.mute = true;
    fixture_now_us += 2 * SV_DIRECTOR_AGE_US;
    assert_int_equal(ask(d, TIMESTAMP, ""), 200);
    assert_int_equal(version_of(d), first);
    assert_int_equal(d->signer.asked, 2);
    close_signer(d);
    assert_int_equal(ask(d, TIMESTAMP, ""), 200);
    assert_int_equal(version_of(d), first);
    fixture_now_us += SV_DIRECTOR_VALID_US;
    assert_int_equal(ask(d, TIMESTAMP, ""), 503);
    fixture_now_us -= SV_DIRECTOR_VALID_US;
    assign(d, "press-1", d->image->sha256);
    assert_int_equal(ask(d, TIMESTAMP, ""), 503);
    assert_true(says(d, "no signer") && says(d, "Retry-After"));
    fixture_now_us = before_us;
    open_signer(d);
}

// [images-13]
static void another_root_than_devices_were_given_is_not_served(void **state) {
    door *d = *state;
    sv_text root;
    sv_why why = { 0 };
    wait_for_root(d);
    assert_int_equal(ask(d, "/tuf/director/press-1/metadata/1.root.json", ""), 200);
    assert_true(sv_text_eq(body(d), sv_textbuf_text(&d->signer.root)));
    // The server is started again, and the signer has lost its folder.
    close_signer(d);
    sv_fleet_drop(&d->f.fleet);
    fixture_start(&d->f);
    assert_int_equal(sv_director_root(&d->f.fleet, &root, NULL), SV_OK);
    new_root(&d->signer, d->f.dir, "other.key");
    open_signer(d);
    for (int i = 0; i < 50 && sv_director_root(&d->f.fleet, &root, &why) == SV_OK; i++) {
        sv_director_turn(&d->f.fleet);
        sv_loop_turn(d->loop, 10000);
    }
    assert_int_equal(sv_director_root(&d->f.fleet, &root, &why), SV_ERR_STATE);
    assert_non_null(strstr(why.text, "is another than"));
    assert_int_equal(ask(d, "/tuf/director/press-1/metadata/1.root.json", ""), 503);
}

// [director-8] The key was stolen: the file of its root is moved away, and the signer's is taken.
static void what_another_key_signed_is_signed_anew(void **state) {
    door *d = *state;
    static const char TIMESTAMP[] = "/tuf/director/press-1/metadata/timestamp.json";
    char path[SV_PATH_MAX];
    wait_for_root(d);
    assign(d, "press-1", d->image->sha256);
    assert_int_equal(ask(d, TIMESTAMP, ""), 200);
    close_signer(d);
    sv_fleet_drop(&d->f.fleet);
    assert_int_equal(sv_disk_join(path, sizeof path, d->f.dir, SV_DIRECTOR_ROOT_FILE), SV_OK);
    assert_int_equal(unlink(path), 0);
    fixture_start(&d->f);
    new_root(&d->signer, d->f.dir, "other.key");
    open_signer(d);
    wait_for_root(d);
    SV_DEFER(sv_tuf_drop) sv_tuf_metadata *root = NULL;
    SV_DEFER(sv_tuf_drop) sv_tuf_metadata *said = NULL;
    assert_int_equal(ask(d, "/tuf/director/press-1/metadata/1.root.json", ""), 200);
    assert_int_equal(sv_tuf_read(body(d), SV_TUF_ROOT, &root, NULL), SV_OK);
    assert_int_equal(ask(d, TIMESTAMP, ""), 200);
    assert_int_equal(sv_tuf_read(body(d), SV_TUF_TIMESTAMP, &said, NULL), SV_OK);
    const sv_tuf_voucher by = sv_tuf_root_names(root, SV_TUF_TIMESTAMP);
    assert_int_equal(sv_tuf_check(said, &by, NULL), SV_OK);
}

/// The signer has another key, and root 2.
static void rotate_signer(door *d) {
    fake *signer = &d->signer;
    char place[SV_PATH_MAX];
    struct evp_pkey_st *next = NULL;
    assert_int_equal(sv_disk_join(place, sizeof place, d->f.dir, "second.key"), SV_OK);
    assert_int_equal(sv_key_make(place, SV_KEY_EC, &next, NULL), SV_OK);
    signer->before = signer->root;
    signer->root = SV_TEXTBUF_HEAP(SV_DIRECTOR_DOCUMENT_MAX);
    assert_int_equal(sv_director_root_next(sv_textbuf_text(&signer->before), signer->key, next,
                                           fixture_now_us, &signer->root, NULL),
                     SV_OK);
    sv_key_drop(&signer->key);
    signer->key = next;
    assert_int_equal(sv_tuf_public_of(next, &signer->who, NULL), SV_OK);
}

static int64_t newest_root(door *d) {
    sv_text root;
    int64_t version = 0;
    assert_int_equal(sv_director_root(&d->f.fleet, &root, NULL), SV_OK);
    assert_int_equal(sv_director_root_version(root, &version, NULL), SV_OK);
    return version;
}

static void wait_for_version(door *d, int64_t version) {
    int64_t end_us = sv_clock_monotonic_us() + PATIENCE_US;
    while (newest_root(d) != version) {
        assert_true(sv_clock_monotonic_us() < end_us);
        fixture_now_us += SV_TIME_SECOND_US;
        sv_director_turn(&d->f.fleet);
        sv_loop_turn(d->loop, TURN_US);
    }
}

/// Does `document` count for who trusts root `version`?
static sv_err vouched(door *d, int version, const char *document) {
    SV_DEFER(sv_tuf_drop) sv_tuf_metadata *root = NULL;
    SV_DEFER(sv_tuf_drop) sv_tuf_metadata *said = NULL;
    char path[128];
    (void) snprintf(path, sizeof path, "/tuf/director/press-1/metadata/%d.root.json", version);
    assert_int_equal(ask(d, path, ""), 200);
    assert_int_equal(sv_tuf_read(body(d), SV_TUF_ROOT, &root, NULL), SV_OK);
    assert_int_equal(ask(d, document, ""), 200);
    assert_int_equal(sv_tuf_read(body(d), SV_TUF_TIMESTAMP, &said, NULL), SV_OK);
    const sv_tuf_voucher by = sv_tuf_root_names(root, SV_TUF_TIMESTAMP);
    return sv_tuf_check(said, &by, NULL);
}

// [director-9]
static void a_new_root_is_served_after_the_old_and_documents_are_signed_anew(void **state) {
    door *d = *state;
    static const char TIMESTAMP[] = "/tuf/director/press-1/metadata/timestamp.json";
    char path[SV_PATH_MAX];
    SV_DEFER(sv_textbuf_drop) sv_textbuf file = SV_TEXTBUF_HEAP(SV_DIRECTOR_DOCUMENT_MAX);
    wait_for_root(d);
    assign(d, "press-1", d->image->sha256);
    assert_int_equal(vouched(d, 1, TIMESTAMP), SV_OK);
    assert_int_equal(ask(d, "/tuf/director/press-1/metadata/2.root.json", ""), 404);
    rotate_signer(d);
    wait_for_version(d, 2);
    assert_int_equal(vouched(d, 2, TIMESTAMP), SV_OK);
    int asked = d->signer.asked;
    assert_int_equal(vouched(d, 1, TIMESTAMP), SV_ERR_UNTRUSTED);
    assert_int_equal(d->signer.asked, asked); // once is enough
    assert_int_equal(ask(d, "/tuf/director/press-1/metadata/3.root.json", ""), 404);
    assert_int_equal(fixture_count(&d->f, "SELECT count(*) FROM event_log WHERE what ="
                                          " 'director.root' AND detail LIKE 'root 2, key %'"),
                     1);
    // Who provisions is given the newest, after a start that found it missing too.
    assert_int_equal(sv_disk_join(path, sizeof path, d->f.dir, SV_DIRECTOR_ROOT_FILE), SV_OK);
    assert_int_equal(sv_disk_read(path, &file, NULL), SV_OK);
    assert_true(sv_text_eq(sv_textbuf_text(&file), sv_textbuf_text(&d->signer.root)));
    assert_int_equal(sv_disk_replace(path, sv_textbuf_text(&d->signer.before), 0644, NULL), SV_OK);
    close_signer(d);
    sv_fleet_drop(&d->f.fleet);
    fixture_start(&d->f);
    open_signer(d);
    assert_int_equal(newest_root(d), 2);
    sv_textbuf_clear(&file);
    assert_int_equal(sv_disk_read(path, &file, NULL), SV_OK);
    assert_true(sv_text_eq(sv_textbuf_text(&file), sv_textbuf_text(&d->signer.root)));
    assert_int_equal(vouched(d, 2, TIMESTAMP), SV_OK);
    sv_textbuf_drop(&d->signer.before);
}

// [images-13]
static void without_a_signer_it_is_said_what_is_missing(void **state) {
    door *d = *state;
    sv_text root;
    sv_why why = { 0 };
    close_signer(d);
    assert_int_equal(sv_director_root(&d->f.fleet, &root, &why), SV_ERR_UNAVAILABLE);
    assert_non_null(strstr(why.text, "signer: {socket: PATH}"));
    open_signer(d);
}

// ---- content keys -------------------------------------------------------------------------------

/// A certificate of that kind, as a gateway passes it on.
static void make_client(const door *d, sv_key_kind kind, char headers[HEAD_MAX], sv_textbuf *pem) {
    char pki[SV_PATH_MAX];
    char path[SV_PATH_MAX];
    assert_int_equal(sv_disk_join(pki, sizeof pki, d->f.dir, "pki"), SV_OK);
    assert_int_equal(
        sv_pki_init(&(sv_pki_setup){ .dir = pki, .domain = "plant.example", .key = kind }, NULL),
        SV_OK);
    const sv_pki_leaf leaf = {
        .id = "press-1", .role = SV_ROLE_DEVICE, .key = kind, .out = d->f.dir
    };
    assert_int_equal(sv_pki_issue(pki, &leaf, NULL), SV_OK);
    assert_int_equal(sv_disk_join(path, sizeof path, d->f.dir, "press-1.crt"), SV_OK);
    assert_int_equal(sv_disk_read(path, pem, NULL), SV_OK);
    sv_textbuf header = { .at = headers, .cap = HEAD_MAX };
    sv_textbuf_add_str(&header, "Client-Cert: :");
    sv_text rest = sv_textbuf_text(pem);
    for (sv_text line = sv_text_cut(&rest, '\n'); !sv_text_starts(line, SV_TEXT("-----END"));
         line = sv_text_cut(&rest, '\n')) {
        sv_textbuf_add(&header, line.at[0] == '-' ? SV_TEXT("") : line);
    }
    sv_textbuf_add_str(&header, ":\r\n");
    assert_int_equal(sv_textbuf_end(&header), SV_OK);
}

static int ask_key(door *d, const char *headers) {
    char path[256];
    (void) snprintf(path, sizeof path, "/tuf/director/press-1/key/%s.cms", d->image->sha256);
    return ask(d, path, headers);
}

// [images-9] [images-11] attack: another device's content key
static void a_content_key_is_wrapped_for_the_certificate_that_asks(void **state) {
    door *d = *state;
    char headers[HEAD_MAX];
    char place[SV_PATH_MAX];
    uint8_t opened[SV_CONTENT_KEY_BYTES];
    SV_DEFER(sv_textbuf_drop) sv_textbuf pem = SV_TEXTBUF_HEAP(HEAD_MAX);
    SV_DEFER(sv_key_drop) struct evp_pkey_st *key = NULL;
    make_client(d, SV_KEY_EC, headers, &pem);
    assert_int_equal(ask_key(d, headers), 404); // assigned nothing
    assign(d, "press-1", d->image->sha256);
    assert_int_equal(ask_key(d, headers), 404); // no key is here
    assert_int_equal(sv_image_key_put(&d->f.fleet, sv_text_of(d->image->sha256),
                                      d->image->content_key.bytes, "ann", NULL),
                     SV_OK);
    assert_int_equal(ask_key(d, headers), 200);
    assert_int_equal(sv_disk_join(place, sizeof place, d->f.dir, "press-1.key"), SV_OK);
    assert_int_equal(sv_key_open(place, &key, NULL), SV_OK);
    assert_int_equal(sv_content_unwrap(body(d), sv_textbuf_text(&pem), key, opened, NULL), SV_OK);
    assert_memory_equal(opened, d->image->content_key.bytes, sizeof opened);
    assert_int_equal(ask(d, "/tuf/director/press-2/key/x.cms", headers), 403);
    assert_int_equal(ask(d, "/tuf/director/press-1/key/.cms", headers), 404);
    assert_int_equal(ask(d, "/tuf/director/press-1/key/", headers), 404);
    (void) snprintf(d->asker.who.id, sizeof d->asker.who.id, "press-2");
    assert_int_equal(ask_key(d, headers), 403);
}

// [images-11]
static void a_certificate_that_cannot_receive_a_key_is_told_so(void **state) {
    door *d = *state;
    char headers[HEAD_MAX];
    SV_DEFER(sv_textbuf_drop) sv_textbuf pem = SV_TEXTBUF_HEAP(HEAD_MAX);
    make_client(d, SV_KEY_ED25519, headers, &pem);
    assign(d, "press-1", d->image->sha256);
    assert_int_equal(sv_image_key_put(&d->f.fleet, sv_text_of(d->image->sha256),
                                      d->image->content_key.bytes, "ann", NULL),
                     SV_OK);
    assert_int_equal(ask_key(d, headers), 409);
    assert_true(says(d, "Ed25519") || says(d, "ED25519"));
}

// [images-9]
static void a_key_that_does_not_open_the_image_is_refused_and_none_lies_open(void **state) {
    door *d = *state;
    sv_why why = { 0 };
    uint8_t wrong[SV_CONTENT_KEY_BYTES] = { 1 };
    SV_DEFER(sv_textbuf_drop) sv_textbuf file = SV_TEXTBUF_HEAP(1 << 24);
    char path[SV_PATH_MAX];
    assert_int_equal(
        sv_image_key_put(&d->f.fleet, sv_text_of(d->image->sha256), wrong, "ann", &why),
        SV_ERR_INVALID);
    assert_non_null(strstr(why.text, "does not open"));
    assert_int_equal(sv_image_key_put(&d->f.fleet, SV_TEXT("00"), wrong, "ann", &why),
                     SV_ERR_NOT_FOUND);
    const uint8_t *key = d->image->content_key.bytes;
    assert_int_equal(sv_image_key_put(&d->f.fleet, sv_text_of(d->image->sha256), key, "ann", NULL),
                     SV_OK);
    assert_int_equal(sv_db_exec(d->f.fleet.db, "PRAGMA wal_checkpoint(TRUNCATE)", NULL), SV_OK);
    assert_int_equal(sv_disk_join(path, sizeof path, d->f.dir, "fleet.db"), SV_OK);
    assert_int_equal(sv_disk_read(path, &file, NULL), SV_OK);
    assert_null(memmem(file.at, file.len, key, SV_CONTENT_KEY_BYTES));
    assert_int_equal(fixture_count(&d->f, "SELECT count(*) FROM image_key"), 1);
    // A database without the key beside it opens none.
    sv_aead_drop(&d->f.fleet.image_keys);
    d->f.fleet.image_keys = sv_aead_new(wrong);
    char room[SV_CONTENT_CMS_MAX];
    sv_textbuf cms = SV_TEXTBUF(room);
    assert_int_equal(
        sv_image_key_wrap(&d->f.fleet, sv_text_of(d->image->sha256), SV_TEXT("x"), &cms, &why),
        SV_ERR_IO);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(the_metadata_of_images_is_for_everybody_who_is_let_in),
        TEST(bytes_are_for_who_is_to_install_them_and_for_gateways),
        TEST(what_goes_out_of_an_image_is_counted_and_metadata_is_not),
        TEST(what_the_director_says_is_for_that_device_alone),
        TEST(documents_are_made_when_they_are_asked_for_and_say_something_new),
        TEST(versions_never_go_back),
        TEST(without_the_signer_what_is_true_is_said_still),
        TEST(another_root_than_devices_were_given_is_not_served),
        TEST(what_another_key_signed_is_signed_anew),
        TEST(a_new_root_is_served_after_the_old_and_documents_are_signed_anew),
        TEST(without_a_signer_it_is_said_what_is_missing),
        TEST(a_content_key_is_wrapped_for_the_certificate_that_asks),
        TEST(a_certificate_that_cannot_receive_a_key_is_told_so),
        TEST(a_key_that_does_not_open_the_image_is_refused_and_none_lies_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
