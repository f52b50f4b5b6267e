#include "service_asked.h"

#include <crypto/key_store.h>
#include <sys/stat.h>
#include <unistd.h>

static sv_signer_request direct_of(const char *device, const char *path) {
    sv_signer_request request = asked(SV_SIGNER_DIRECT);
    request.direct = (sv_direct){ .length = 1000, .counter = 7, .now_us = sv_clock_wall_us() };
    request.direct.version = request.direct.now_us / SV_TIME_SECOND_US;
    (void) snprintf(request.direct.device, sizeof request.direct.device, "%s", device);
    (void) snprintf(request.direct.path, sizeof request.direct.path, "%s", path);
    return request;
}

/// A signature that the answer has.
static sv_err take_line(void *arg, sv_text message, sv_textbuf *hex, sv_why *why) {
    (void) message;
    (void) why;
    sv_textbuf_add(hex, sv_text_cut(arg, '\n'));
    return SV_OK;
}

// [signer-12] [signer-13]
static void the_directors_documents_are_signed_with_a_key_of_their_own(void **state) {
    (void) state;
    SV_DEFER(sv_director_documents_drop) sv_director_documents made = { 0 };
    SV_DEFER(sv_tuf_drop) sv_tuf_metadata *root = NULL;
    SV_DEFER(sv_tuf_drop) sv_tuf_metadata *targets = NULL;
    sv_tuf_public who;
    sv_signer_request ask = asked(SV_SIGNER_DIRECTOR_ROOT);
    sv_signer_answer given = answered(&ask);
    assert_int_equal(given.err, SV_OK);
    sv_text bytes = { (const char *) given.data, given.bytes };
    assert_int_equal(sv_director_root_key(bytes, &who, NULL), SV_OK);
    assert_int_equal(sv_tuf_read(bytes, SV_TUF_ROOT, &root, NULL), SV_OK);

    ask = direct_of("press-1", "lathe/2.img");
    sv_signer_answer answer = answered(&ask);
    assert_int_equal(answer.err, SV_OK);
    sv_text lines = { (const char *) answer.data, answer.bytes };
    assert_int_equal(sv_director_compose(&ask.direct, who.id, take_line, &lines, &made, NULL),
                     SV_OK);
    const sv_tuf_voucher by = sv_tuf_root_names(root, SV_TUF_TARGETS);
    assert_int_equal(sv_tuf_read(sv_textbuf_text(&made.targets), SV_TUF_TARGETS, &targets, NULL),
                     SV_OK);
    assert_int_equal(sv_tuf_check(targets, &by, NULL), SV_OK);
}

// [signer-12]
static void key_and_root_of_the_director_stay_and_belong_together(void **state) {
    (void) state;
    char path[SV_PATH_MAX];
    struct stat info;
    sv_signer_request ask = asked(SV_SIGNER_DIRECTOR_ROOT);
    sv_signer_answer before = answered(&ask);
    director_drop(&f.service.director);
    assert_int_equal(director_open(f.dir, sv_clock_wall_us(), &f.service.director, NULL), SV_OK);
    sv_signer_answer after = answered(&ask);
    assert_int_equal(after.bytes, before.bytes);
    assert_memory_equal(after.data, before.data, before.bytes);
    (void) snprintf(path, sizeof path, "%s/signer/director.key", f.dir);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    // attack: another key under the root that devices trust
    sv_why why = { 0 };
    signer_director *other = NULL;
    assert_int_equal(unlink(path), 0);
    assert_int_equal(director_open(f.dir, sv_clock_wall_us(), &other, &why), SV_ERR_INVALID);
    assert_non_null(strstr(why.text, "is of another key"));
}

static void path_in_signer(const char *name, char path[SV_PATH_MAX]) {
    (void) snprintf(path, SV_PATH_MAX, "%s/signer/%s", f.dir, name);
}

/// As `selvedge director rotate` leaves it when it is cut off just before the last step.
static void rotate_without_end(int version) {
    char path[SV_PATH_MAX];
    char name[64];
    SV_DEFER(sv_key_drop) struct evp_pkey_st *next = NULL;
    SV_DEFER(sv_textbuf_drop) sv_textbuf made = SV_TEXTBUF_HEAP(SV_DIRECTOR_DOCUMENT_MAX);
    const signer_director *old = f.service.director;
    path_in_signer(SV_DIRECTOR_NEXT_KEY_FILE, path);
    assert_int_equal(sv_key_make(path, SV_KEY_EC, &next, NULL), SV_OK);
    assert_int_equal(sv_director_root_next(sv_textbuf_text(&old->root), old->key, next,
                                           sv_clock_wall_us(), &made, NULL),
                     SV_OK);
    (void) snprintf(name, sizeof name, "director.%d.root.json", version);
    path_in_signer(name, path);
    assert_int_equal(sv_disk_replace(path, sv_textbuf_text(&made), 0644, NULL), SV_OK);
}

static void open_again(void) {
    director_drop(&f.service.director);
    assert_int_equal(director_open(f.dir, sv_clock_wall_us(), &f.service.director, NULL), SV_OK);
}

// [director-9] [signer-12]
static void a_change_of_the_directors_key_is_brought_to_its_end(void **state) {
    (void) state;
    char path[SV_PATH_MAX];
    char first[SV_TUF_KEYID_ROOM];
    sv_signer_request ask = asked(SV_SIGNER_DIRECTOR_ROOT);
    open_again();
    memcpy(first, f.service.director->who.id, sizeof first);
    const sv_signer_answer one = answered(&ask);
    rotate_without_end(2);
    open_again();
    assert_string_not_equal(f.service.director->who.id, first);
    path_in_signer(SV_DIRECTOR_NEXT_KEY_FILE, path);
    assert_false(sv_disk_exists(path));
    rotate_without_end(3);
    open_again();
    assert_int_equal(f.service.director->version, 3);
    // Each root is there to be asked for; without a number it is the first.
    const sv_signer_answer again = answered(&ask);
    assert_memory_equal(again.data, one.data, one.bytes);
    for (uint64_t version = 1; version <= 3; version++) {
        int64_t said = 0;
        ask.offset = version;
        const sv_signer_answer root = answered(&ask);
        assert_int_equal(sv_director_root_version((sv_text){ (const char *) root.data, root.bytes },
                                                  &said, NULL),
                         SV_OK);
        assert_int_equal(said, version);
    }
    ask.offset = 4;
    assert_int_equal(answered(&ask).bytes, 0); // none has followed
    ask.offset = 5;
    refused(&ask, SV_ERR_NOT_FOUND, "no root 5");
    ask.offset = UINT64_MAX;
    refused(&ask, SV_ERR_NOT_FOUND, "no root");
    // A next key without its root is of a try that never was.
    SV_DEFER(sv_key_drop) struct evp_pkey_st *stray = NULL;
    assert_int_equal(sv_key_make(path, SV_KEY_EC, &stray, NULL), SV_OK);
    memcpy(first, f.service.director->who.id, sizeof first);
    open_again();
    assert_string_equal(f.service.director->who.id, first);
    assert_int_equal(unlink(path), 0);
}

// attack: a root that the key of before has not signed [director-9]
static void a_root_that_does_not_follow_stops_the_signer(void **state) {
    (void) state;
    char path[SV_PATH_MAX];
    sv_why why = { 0 };
    signer_director *other = NULL;
    SV_DEFER(sv_textbuf_drop) sv_textbuf first = SV_TEXTBUF_HEAP(SV_DIRECTOR_DOCUMENT_MAX);
    open_again();
    path_in_signer(SV_DIRECTOR_FIRST_ROOT_FILE, path);
    assert_int_equal(sv_disk_read(path, &first, NULL), SV_OK);
    path_in_signer("director.4.root.json", path);
    assert_int_equal(sv_disk_replace(path, sv_textbuf_text(&first), 0644, NULL), SV_OK);
    assert_int_equal(director_open(f.dir, sv_clock_wall_us(), &other, &why), SV_ERR_INVALID);
    assert_non_null(strstr(why.text, "does not follow"));
    assert_int_equal(unlink(path), 0);
    open_again();
}

// [signer-13]
static void an_assignment_of_another_time_or_shape_is_not_signed(void **state) {
    (void) state;
    sv_signer_request ask = direct_of("press-1", "lathe/2.img");
    ask.direct.version += 2 * SV_TIME_DAY_US / SV_TIME_SECOND_US;
    refused(&ask, SV_ERR_INVALID, "ahead of its time");
    ask = direct_of("press-1", "lathe/2.img");
    ask.direct.now_us += SV_TIME_HOUR_US;
    refused(&ask, SV_ERR_INVALID, "set the clock right");
    ask.direct.now_us -= 2 * SV_TIME_HOUR_US;
    refused(&ask, SV_ERR_INVALID, "set the clock right");
    ask = direct_of("press 1", "lathe/2.img");
    refused(&ask, SV_ERR_INVALID, "device id");
    ask = direct_of("press-1", "../2.img");
    refused(&ask, SV_ERR_INVALID, "no path of an image");
    ask = direct_of("press-1", "");
    memset(ask.direct.path, 'a', sizeof ask.direct.path);
    refused(&ask, SV_ERR_INVALID, "does not end");
}

// [signer-13]
static void nobody_keeps_the_directors_key_busy(void **state) {
    (void) state;
    sv_signer_request ask = direct_of("press-1", "");
    int64_t (*clock)(void) = f.service.now_us;
    still_us = ask.direct.now_us;
    f.service.now_us = still;
    assert_int_equal(answered(&ask).err, SV_OK);
    f.service.director->count = DIRECT_A_MINUTE;
    refused(&ask, SV_ERR_UNAVAILABLE, "ask again in the next");
    still_us += SV_TIME_MINUTE_US;
    assert_int_equal(answered(&ask).err, SV_OK);
    f.service.now_us = clock;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_directors_documents_are_signed_with_a_key_of_their_own),
        cmocka_unit_test(an_assignment_of_another_time_or_shape_is_not_signed),
        cmocka_unit_test(nobody_keeps_the_directors_key_busy),
        cmocka_unit_test(a_change_of_the_directors_key_is_brought_to_its_end),
        cmocka_unit_test(a_root_that_does_not_follow_stops_the_signer),
        cmocka_unit_test(key_and_root_of_the_director_stay_and_belong_together),
    };
    return cmocka_run_group_tests(tests, make, drop);
}
