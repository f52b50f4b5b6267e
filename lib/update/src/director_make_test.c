#include <base/test.h>
#include <crypto/key_store.h>
#include <crypto/signing.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/disk.h>
#include <update/director.h>
#include <update/director_make.h>
#include <update/trust.h>

#define NOW_US INT64_C(1800000000000000)

typedef struct ends {
    char dir[32];
    struct evp_pkey_st *key; ///< the signer's
    sv_tuf_public who;
    sv_textbuf root;
} ends;

static int setup(void **state) {
    ends *e = calloc(1, sizeof *e);
    char path[SV_PATH_MAX];
    assert_non_null(e);
    (void) snprintf(e->dir, sizeof e->dir, "/tmp/sv-direct-XXXXXX");
    assert_non_null(mkdtemp(e->dir));
    assert_int_equal(sv_disk_join(path, sizeof path, e->dir, "director.key"), SV_OK);
    assert_int_equal(sv_key_make(path, SV_KEY_EC, &e->key, NULL), SV_OK);
    assert_int_equal(sv_tuf_public_of(e->key, &e->who, NULL), SV_OK);
    e->root = SV_TEXTBUF_HEAP(SV_DIRECTOR_DOCUMENT_MAX);
    assert_int_equal(sv_director_root_make(e->key, NOW_US, &e->root, NULL), SV_OK);
    *state = e;
    return 0;
}

static int teardown(void **state) {
    ends *e = *state;
    sv_key_drop(&e->key);
    sv_textbuf_drop(&e->root);
    assert_int_equal(sv_disk_remove_tree(e->dir, NULL), SV_OK);
    free(e);
    return 0;
}

static sv_direct order(void) {
    sv_direct direct = { .device = "press-17",
                         .path = "lathe/2.1.img",
                         .length = 1000,
                         .counter = 7,
                         .version = 1800000000,
                         .now_us = NOW_US };
    memset(direct.sha256, 0xab, sizeof direct.sha256);
    return direct;
}

/// The signer's end: signs, and notes what it gave.
typedef struct signing {
    struct evp_pkey_st *key;
    char given[3][2 * SV_SIGNING_BYTES_MAX + 1];
    size_t count;
} signing;

static sv_err sign(void *arg, sv_text message, sv_textbuf *hex, sv_why *why) {
    signing *s = arg;
    sv_textbuf note = SV_TEXTBUF(s->given[s->count]);
    s->count++;
    SV_TRY(sv_signing_add(s->key, message, &note, why));
    sv_textbuf_add(hex, sv_textbuf_text(&note));
    return sv_textbuf_end(&note);
}

/// The server's end: has the signatures alone.
static sv_err repeat(void *arg, sv_text message, sv_textbuf *hex, sv_why *why) {
    signing *s = arg;
    (void) message;
    (void) why;
    sv_textbuf_add_str(hex, s->given[s->count++]);
    return SV_OK;
}

static sv_err make(const ends *e, const sv_direct *direct, sv_director_documents *out) {
    signing s = { .key = e->key };
    return sv_director_compose(direct, e->who.id, sign, &s, out, NULL);
}

static void check_same(const sv_textbuf *left, const sv_textbuf *right) {
    assert_true(sv_text_eq(sv_textbuf_text(left), sv_textbuf_text(right)));
}

// [director-5]
static void both_ends_compose_the_same_documents(void **state) {
    const ends *e = *state;
    SV_DEFER(sv_director_documents_drop) sv_director_documents signer = { 0 };
    SV_DEFER(sv_director_documents_drop) sv_director_documents server = { 0 };
    const sv_direct direct = order();
    signing s = { .key = e->key };
    assert_int_equal(sv_director_compose(&direct, e->who.id, sign, &s, &signer, NULL), SV_OK);
    assert_int_equal(s.count, 3);
    s.count = 0;
    assert_int_equal(sv_director_compose(&direct, e->who.id, repeat, &s, &server, NULL), SV_OK);
    check_same(&signer.targets, &server.targets);
    check_same(&signer.snapshot, &server.snapshot);
    check_same(&signer.timestamp, &server.timestamp);
}

/// A device that follows it.
typedef struct device {
    const ends *e;
    const sv_director_documents *documents;
    int64_t version;
    sv_textbuf kept[4];
} device;

static const char *const KEPT[] = { "root.json", "timestamp.json", "snapshot.json",
                                    "targets.json" };

static sv_err fetch(void *arg, const char *name, size_t bytes_max, sv_textbuf *out, sv_why *why) {
    const device *d = arg;
    char snapshot[64];
    char targets[64];
    (void) bytes_max;
    (void) snprintf(snapshot, sizeof snapshot, "%lld.snapshot.json", (long long) d->version);
    (void) snprintf(targets, sizeof targets, "%lld.targets.json", (long long) d->version);
    const sv_textbuf *found = strcmp(name, "timestamp.json") == 0 ? &d->documents->timestamp
                              : strcmp(name, snapshot) == 0       ? &d->documents->snapshot
                              : strcmp(name, targets) == 0        ? &d->documents->targets
                                                                  : NULL;
    if (found == NULL) {
        return sv_fail(why, SV_ERR_NOT_FOUND, "no %s", name);
    }
    sv_textbuf_add(out, sv_textbuf_text(found));
    return SV_OK;
}

static sv_textbuf *kept_as(device *d, const char *name) {
    for (size_t i = 0; i < SV_COUNT(KEPT); i++) {
        if (strcmp(KEPT[i], name) == 0) {
            return &d->kept[i];
        }
    }
    return NULL;
}

static sv_err load(void *arg, const char *name, sv_textbuf *out, sv_why *why) {
    const sv_textbuf *kept = kept_as(arg, name);
    if (kept == NULL || kept->len == 0) {
        return sv_fail(why, SV_ERR_NOT_FOUND, "no %s", name);
    }
    sv_textbuf_add(out, sv_textbuf_text(kept));
    return SV_OK;
}

static sv_err keep(void *arg, const char *name, sv_text bytes, sv_why *why) {
    sv_textbuf *kept = kept_as(arg, name);
    (void) why;
    sv_textbuf_clear(kept);
    sv_textbuf_add(kept, bytes);
    return SV_OK;
}

static void begin(device *d, const ends *e) {
    *d = (device){ .e = e };
    for (size_t i = 0; i < SV_COUNT(d->kept); i++) {
        d->kept[i] = SV_TEXTBUF_HEAP(SV_DIRECTOR_DOCUMENT_MAX);
    }
    sv_textbuf_add(&d->kept[0], sv_textbuf_text(&e->root));
}

static void end(device *d) {
    for (size_t i = 0; i < SV_COUNT(d->kept); i++) {
        sv_textbuf_drop(&d->kept[i]);
    }
}

/// SV_OK when it believes what it is given at that moment.
static sv_err follow(device *d, const sv_director_documents *documents, int64_t version,
                     int64_t now_us, sv_why *why) {
    SV_DEFER(sv_trust_drop) sv_trust *trust = NULL;
    const sv_trust_io io = { .arg = d, .fetch = fetch, .load = load, .keep = keep };
    d->documents = documents;
    d->version = version;
    SV_TRY(sv_trust_open(&io, now_us, &trust, why));
    return sv_trust_refresh(trust, why);
}

// [director-6]
static void a_device_follows_from_the_root_for_seven_days(void **state) {
    const ends *e = *state;
    SV_DEFER(sv_director_documents_drop) sv_director_documents made = { 0 };
    SV_DEFER(sv_director_documents_drop) sv_director_documents next = { 0 };
    sv_direct direct = order();
    sv_why why = { 0 };
    device d;
    begin(&d, e);
    assert_int_equal(make(e, &direct, &made), SV_OK);
    assert_int_equal(follow(&d, &made, direct.version, NOW_US, &why), SV_OK);
    assert_int_equal(
        follow(&d, &made, direct.version, NOW_US + SV_DIRECTOR_VALID_US - 1000000, &why), SV_OK);
    assert_int_equal(follow(&d, &made, direct.version, NOW_US + SV_DIRECTOR_VALID_US, &why),
                     SV_ERR_UNTRUSTED);
    direct.version++;
    direct.path[0] = '\0';
    assert_int_equal(make(e, &direct, &next), SV_OK);
    assert_int_equal(follow(&d, &next, direct.version, NOW_US, &why), SV_OK);
    // attack: what was said before is not said again
    assert_int_equal(follow(&d, &made, direct.version - 1, NOW_US, &why), SV_ERR_UNTRUSTED);
    end(&d);
}

static sv_err find_nothing(void *arg, sv_text path, sv_tuf_file *out, sv_why *why) {
    (void) arg;
    (void) path;
    (void) out;
    return sv_fail(why, SV_ERR_NOT_FOUND, "the image repository has no such image");
}

// [director-5] [director-1]
static void what_is_assigned_is_one_image_for_one_device_or_none(void **state) {
    const ends *e = *state;
    SV_DEFER(sv_director_documents_drop) sv_director_documents made = { 0 };
    SV_DEFER(sv_director_documents_drop) sv_director_documents none = { 0 };
    SV_DEFER(sv_tuf_drop) sv_tuf_metadata *targets = NULL;
    SV_DEFER(sv_tuf_drop) sv_tuf_metadata *empty = NULL;
    const sv_director_slot slot = { .name = "rootfs" };
    const sv_director_device asks = { "press-17", "lathe", "rev-b", &slot, 1 };
    sv_assignment plan[SV_DIRECTOR_SLOTS_MAX];
    size_t count = 9;
    sv_direct direct = order();
    sv_why why = { 0 };
    assert_int_equal(make(e, &direct, &made), SV_OK);
    assert_non_null(strstr(made.targets.at, "\"device\":\"press-17\""));
    assert_non_null(strstr(made.targets.at, "\"counter\":7"));
    assert_int_equal(sv_tuf_read(sv_textbuf_text(&made.targets), SV_TUF_TARGETS, &targets, &why),
                     SV_OK);
    // the director alone makes no image
    assert_int_not_equal(sv_director_plan(targets, find_nothing, NULL, &asks, plan, &count, &why),
                         SV_OK);
    direct.path[0] = '\0';
    assert_int_equal(make(e, &direct, &none), SV_OK);
    assert_int_equal(sv_tuf_read(sv_textbuf_text(&none.targets), SV_TUF_TARGETS, &empty, &why),
                     SV_OK);
    assert_int_equal(sv_director_plan(empty, find_nothing, NULL, &asks, plan, &count, &why), SV_OK);
    assert_int_equal(count, 0);
    direct.version = 0;
    assert_int_equal(make(e, &direct, &none), SV_ERR_INVALID);
}

/// The image repository, signed offline: it knows one image.
static const char IMAGE[] =
    "{\"length\":1000,\"hashes\":{\"sha256\":"
    "\"abababababababababababababababababababababababababababababababab\"},\"custom\":{"
    "\"selvedge\":{\"product\":\"lathe\",\"version\":\"2.1\",\"hardware\":[\"rev-b\"],"
    "\"counter\":7,\"slot\":\"rootfs\",\"sealed\":false,\"encodings\":[{\"name\":\"raw\","
    "\"length\":1000,\"root\":"
    "\"abababababababababababababababababababababababababababababababab\"}]}}}";

static sv_err find_image(void *arg, sv_text path, sv_tuf_file *out, sv_why *why) {
    if (!sv_text_is(path, "lathe/2.1.img")) {
        return sv_fail(why, SV_ERR_NOT_FOUND, "the image repository has no such image");
    }
    assert_true(sv_tuf_file_read(arg, out));
    return SV_OK;
}

/// What press-17 would install of what the director's key signs.
static sv_err plan_of(const ends *e, const sv_direct *direct, uint32_t confirmed,
                      const char *hardware, size_t *count, sv_why *why) {
    SV_DEFER(sv_director_documents_drop) sv_director_documents made = { 0 };
    SV_DEFER(sv_tuf_drop) sv_tuf_metadata *targets = NULL;
    SV_DEFER(sv_json_drop) sv_json *image = NULL;
    const sv_director_slot slot = { .name = "rootfs", .counter = confirmed };
    const sv_director_device asks = { "press-17", "lathe", hardware, &slot, 1 };
    sv_assignment plan[SV_DIRECTOR_SLOTS_MAX];
    assert_int_equal(make(e, direct, &made), SV_OK);
    assert_int_equal(sv_json_parse(sv_text_of(IMAGE), &image, NULL, why), SV_OK);
    assert_int_equal(sv_tuf_read(sv_textbuf_text(&made.targets), SV_TUF_TARGETS, &targets, why),
                     SV_OK);
    return sv_director_plan(targets, find_image, image, &asks, plan, count, why);
}

static void stolen_and_refused(const ends *e, const sv_direct *direct, uint32_t confirmed,
                               const char *hardware) {
    sv_why why = { 0 };
    size_t count = 0;
    assert_int_not_equal(plan_of(e, direct, confirmed, hardware, &count, &why), SV_OK);
    assert_true(why.text[0] != '\0');
}

// [director-1] [director-2] [director-3] attack: the server and the director's key are stolen
static void
who_has_the_server_and_its_keys_makes_no_device_install_what_is_not_for_it(void **state) {
    const ends *e = *state;
    sv_direct direct = order();
    size_t count = 0;
    assert_int_equal(plan_of(e, &direct, 7, "rev-b", &count, NULL), SV_OK);
    assert_int_equal(count, 1);
    stolen_and_refused(e, &direct, 8, "rev-b"); // older than what it has
    stolen_and_refused(e, &direct, 7, "rev-c"); // for other hardware
    direct.counter = 9;                         // called newer than it is
    stolen_and_refused(e, &direct, 8, "rev-b");
    direct = order();
    direct.sha256[0] ^= 1; // other bytes
    stolen_and_refused(e, &direct, 7, "rev-b");
    direct = order();
    direct.length++;
    stolen_and_refused(e, &direct, 7, "rev-b");
    direct = order();
    (void) snprintf(direct.path, sizeof direct.path, "lathe/9.9.img"); // signed by nobody
    stolen_and_refused(e, &direct, 7, "rev-b");
    direct = order();
    (void) snprintf(direct.device, sizeof direct.device, "press-18"); // another device's
    stolen_and_refused(e, &direct, 7, "rev-b");
}

// [director-6]
static void the_root_names_one_key_and_vouches_for_itself(void **state) {
    const ends *e = *state;
    sv_tuf_public found;
    sv_why why = { 0 };
    assert_int_equal(sv_trust_root_check(sv_textbuf_text(&e->root), &why), SV_OK);
    assert_int_equal(sv_director_root_key(sv_textbuf_text(&e->root), &found, &why), SV_OK);
    assert_string_equal(found.id, e->who.id);
    assert_non_null(strstr(e->root.at, "\"version\":1"));
    char *at = strstr(e->root.at, "\"sig\":\"3");
    assert_non_null(at);
    at[20] = at[20] == '0' ? '1' : '0';
    assert_int_not_equal(sv_director_root_key(sv_textbuf_text(&e->root), &found, &why), SV_OK);
}

static void make_key(const ends *e, const char *name, struct evp_pkey_st **key) {
    char path[SV_PATH_MAX];
    assert_int_equal(sv_disk_join(path, sizeof path, e->dir, name), SV_OK);
    assert_int_equal(sv_key_make(path, SV_KEY_EC, key, NULL), SV_OK);
}

/// Is what `key` signs true for who trusts `root`?
static sv_err counts(const sv_textbuf *root, struct evp_pkey_st *key) {
    SV_DEFER(sv_director_documents_drop) sv_director_documents made = { 0 };
    SV_DEFER(sv_tuf_drop) sv_tuf_metadata *trusted = NULL;
    SV_DEFER(sv_tuf_drop) sv_tuf_metadata *targets = NULL;
    signing s = { .key = key };
    sv_tuf_public who;
    const sv_direct direct = order();
    assert_int_equal(sv_tuf_public_of(key, &who, NULL), SV_OK);
    assert_int_equal(sv_director_compose(&direct, who.id, sign, &s, &made, NULL), SV_OK);
    assert_int_equal(sv_tuf_read(sv_textbuf_text(root), SV_TUF_ROOT, &trusted, NULL), SV_OK);
    assert_int_equal(sv_tuf_read(sv_textbuf_text(&made.targets), SV_TUF_TARGETS, &targets, NULL),
                     SV_OK);
    const sv_tuf_voucher by = sv_tuf_root_names(trusted, SV_TUF_TARGETS);
    return sv_tuf_check(targets, &by, NULL);
}

// [director-9] attack: a stolen key that was replaced
static void a_root_follows_when_both_keys_have_signed_it(void **state) {
    const ends *e = *state;
    SV_DEFER(sv_key_drop) struct evp_pkey_st *second = NULL;
    SV_DEFER(sv_key_drop) struct evp_pkey_st *third = NULL;
    SV_DEFER(sv_textbuf_drop) sv_textbuf two = SV_TEXTBUF_HEAP(SV_DIRECTOR_DOCUMENT_MAX);
    SV_DEFER(sv_textbuf_drop) sv_textbuf three = SV_TEXTBUF_HEAP(SV_DIRECTOR_DOCUMENT_MAX);
    SV_DEFER(sv_textbuf_drop) sv_textbuf forged = SV_TEXTBUF_HEAP(SV_DIRECTOR_DOCUMENT_MAX);
    sv_tuf_public named;
    sv_tuf_public own;
    int64_t version = 0;
    sv_text one = sv_textbuf_text(&e->root);
    make_key(e, "second.key", &second);
    make_key(e, "third.key", &third);
    assert_int_equal(sv_director_root_next(one, e->key, second, NOW_US, &two, NULL), SV_OK);
    assert_int_equal(
        sv_director_root_next(sv_textbuf_text(&two), second, third, NOW_US, &three, NULL), SV_OK);
    assert_int_equal(sv_director_root_version(sv_textbuf_text(&three), &version, NULL), SV_OK);
    assert_int_equal(version, 3);
    assert_int_equal(sv_director_root_key(sv_textbuf_text(&two), &named, NULL), SV_OK);
    assert_int_equal(sv_tuf_public_of(second, &own, NULL), SV_OK);
    assert_string_equal(named.id, own.id);
    assert_int_equal(sv_director_root_follows(one, sv_textbuf_text(&two), NULL), SV_OK);
    // Step by step, and never back.
    assert_int_equal(sv_director_root_follows(one, sv_textbuf_text(&three), NULL), SV_ERR_INVALID);
    assert_int_equal(sv_director_root_follows(sv_textbuf_text(&two), one, NULL), SV_ERR_INVALID);
    // What the old key signs counts no more, a root neither.
    assert_int_equal(counts(&e->root, e->key), SV_OK);
    assert_int_equal(counts(&two, second), SV_OK);
    assert_int_equal(counts(&two, e->key), SV_ERR_UNTRUSTED);
    assert_int_equal(
        sv_director_root_next(sv_textbuf_text(&two), e->key, third, NOW_US, &forged, NULL),
        SV_ERR_UNTRUSTED);
    assert_int_equal(
        sv_director_root_follows(sv_textbuf_text(&two), sv_textbuf_text(&forged), NULL),
        SV_ERR_UNTRUSTED);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(both_ends_compose_the_same_documents, setup, teardown),
        cmocka_unit_test_setup_teardown(a_root_follows_when_both_keys_have_signed_it, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_device_follows_from_the_root_for_seven_days, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(what_is_assigned_is_one_image_for_one_device_or_none, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(
            who_has_the_server_and_its_keys_makes_no_device_install_what_is_not_for_it, setup,
            teardown),
        cmocka_unit_test_setup_teardown(the_root_names_one_key_and_vouches_for_itself, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
