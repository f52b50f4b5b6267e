// What the director tells devices, and the roots that they follow.
#include "update_door_fixture.h"

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

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(what_the_director_says_is_for_that_device_alone),
        TEST(documents_are_made_when_they_are_asked_for_and_say_something_new),
        TEST(versions_never_go_back),
        TEST(without_the_signer_what_is_true_is_said_still),
        TEST(another_root_than_devices_were_given_is_not_served),
        TEST(what_another_key_signed_is_signed_anew),
        TEST(a_new_root_is_served_after_the_old_and_documents_are_signed_anew),
        TEST(without_a_signer_it_is_said_what_is_missing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
