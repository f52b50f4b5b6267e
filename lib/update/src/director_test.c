#include <base/test.h>
#include <stdio.h>
#include <update/director.h>

#define HASH "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define OTHER "00000000000000000000000000000000000000000000000000000000000000ff"
#define HASHES "{\"sha256\":\"" HASH "\"}"
#define TWO_HASHES "{\"sha256\":\"" HASH "\",\"sha512\":\"" HASH HASH "\"}"
#define IMAGE_OF(length, hashes, product, hardware, counter, slot)                                 \
    "{\"length\":" length ",\"hashes\":" hashes                                                    \
    ",\"custom\":{\"selvedge\":{\"product\":\"" product                                            \
    "\",\"version\":\"2.1.0\",\"hardware\":[" hardware "],\"counter\":" counter                    \
    ",\"slot\":\"" slot "\",\"sealed\":false,\"encodings\":[{\"name\":\"raw\",\"length\":" length  \
    ",\"root\":\"" OTHER "\"}]}}}"
#define IMAGE IMAGE_OF("1000", HASHES, "lathe-ctl", "\"rev-b\",\"rev-c\"", "7", "rootfs")
#define ASSIGN_OF(length, hashes, ours)                                                            \
    "{\"length\":" length ",\"hashes\":" hashes ",\"custom\":{\"selvedge\":{" ours "}}}"
#define OURS "\"device\":\"press-17\""
#define ASSIGN ASSIGN_OF("1000", HASHES, OURS)

static const sv_director_slot SLOTS[] = { { "rootfs", 7 }, { "kernel", 3 } };
static const sv_director_device DEVICE = { "press-17", "lathe-ctl", "rev-b", SLOTS, 2 };

static sv_target target;

/// Both say it of the same path, but for `path` of the director's.
static sv_err agree_at(const char *image, const char *director, const char *path, sv_why *why) {
    SV_DEFER(sv_json_drop) sv_json *left = NULL;
    SV_DEFER(sv_json_drop) sv_json *right = NULL;
    sv_director_entry of_image = { .path = SV_TEXT("lathe-ctl/2.1.0.img") };
    sv_director_entry of_director = { .path = sv_text_of(path) };
    assert_int_equal(sv_json_parse(sv_text_of(image), &left, NULL, why), SV_OK);
    assert_int_equal(sv_json_parse(sv_text_of(director), &right, NULL, why), SV_OK);
    assert_true(sv_tuf_file_read(left, &of_image.file));
    assert_true(sv_tuf_file_read(right, &of_director.file));
    return sv_director_agree(&of_image, &of_director, &DEVICE, &target, why);
}

static sv_err agree(const char *image, const char *director, sv_why *why) {
    return agree_at(image, director, "lathe-ctl/2.1.0.img", why);
}

static void refused(const char *image, const char *director, const char *sentence) {
    sv_why why = { 0 };
    assert_int_equal(agree(image, director, &why), SV_ERR_UNTRUSTED);
    if (strstr(why.text, sentence) == NULL) {
        fail_msg("'%s' is not in '%s'", sentence, why.text);
    }
}

static void what_both_say_is_agreed_on(void **state) { // [director-1] [director-2] [director-3]
    (void) state;
    static const char *const ASSIGNMENTS[] = {
        ASSIGN,
        ASSIGN_OF("1000", HASHES, OURS ",\"counter\":7"),
        ASSIGN_OF("1000", HASHES,
                  OURS ",\"product\":\"what it says of that does not count\",\"new\":[1]"),
    };
    for (size_t i = 0; i < SV_COUNT(ASSIGNMENTS); i++) {
        assert_int_equal(agree(IMAGE, ASSIGNMENTS[i], NULL), SV_OK);
        assert_string_equal(target.product, "lathe-ctl");
        assert_int_equal(target.counter, 7);
    }
    assert_int_equal(
        agree(IMAGE_OF("1000", TWO_HASHES, "lathe-ctl", "\"rev-b\"", "4000000000", "kernel"),
              ASSIGN_OF("1000", TWO_HASHES, OURS), NULL),
        SV_OK);
}

static void another_device_s_assignment_is_not_taken(void **state) { // [director-1] attack: replay
    (void) state;
    refused(IMAGE, ASSIGN_OF("1000", HASHES, "\"device\":\"press-18\""),
            "is for device \"press-18\", not for press-17");
    refused(IMAGE, ASSIGN_OF("1000", HASHES, "\"device\":\"press-1\""),
            "is for device \"press-1\"");
    refused(IMAGE, ASSIGN_OF("1000", HASHES, "\"device\":\"press-170\""), "is for device");
    refused(IMAGE, ASSIGN_OF("1000", HASHES, "\"device\":\"PRESS-17\""), "is for device");
    refused(IMAGE, ASSIGN_OF("1000", HASHES, "\"device\":\"*\""), "is for device");
}

static void
an_assignment_without_a_device_is_for_nobody(void **state) { // [director-1] attack: wrong recipient
    (void) state;
    static const char *const NOBODY[] = {
        ASSIGN_OF("1000", HASHES, ""),
        ASSIGN_OF("1000", HASHES, "\"device\":null"),
        ASSIGN_OF("1000", HASHES, "\"device\":[\"press-17\"]"),
        "{\"length\":1000,\"hashes\":" HASHES "}",
        "{\"length\":1000,\"hashes\":" HASHES ",\"custom\":{\"device\":\"press-17\"}}",
        "{\"length\":1000,\"hashes\":" HASHES ",\"custom\":\"press-17\"}",
        IMAGE, // the image repository's own entry
    };
    for (size_t i = 0; i < SV_COUNT(NOBODY); i++) {
        refused(IMAGE, NOBODY[i], "the director names no device");
    }
}

static void
image_and_director_have_to_mean_the_same_file(void **state) { // [director-2] attack: mix and match
    (void) state;
    refused(IMAGE, ASSIGN_OF("999", HASHES, OURS),
            "the director says 999 bytes, the image repository 1000");
    refused(IMAGE, "{\"hashes\":" HASHES ",\"custom\":{\"selvedge\":{" OURS "}}}",
            "the director says -1 bytes");
    refused(IMAGE, ASSIGN_OF("1000", "{\"sha256\":\"" OTHER "\"}", OURS),
            "do not agree on hash sha256");
    refused(IMAGE, ASSIGN_OF("1000", "{\"sha512\":\"" HASH HASH "\"}", OURS),
            "do not agree on hash sha256");
    refused(IMAGE, ASSIGN_OF("1000", "{}", OURS), "do not agree on hash sha256");
    refused(IMAGE, ASSIGN_OF("1000", "{\"sha256\":7}", OURS), "do not agree on hash sha256");
    // one of them names a hash more, or another one for it
    refused(IMAGE, ASSIGN_OF("1000", TWO_HASHES, OURS), "do not agree on hash sha512");
    refused(IMAGE_OF("1000", TWO_HASHES, "lathe-ctl", "\"rev-b\"", "7", "rootfs"), ASSIGN,
            "do not agree on hash sha512");
    refused(IMAGE_OF("1000", TWO_HASHES, "lathe-ctl", "\"rev-b\"", "7", "rootfs"),
            ASSIGN_OF("1000", "{\"sha256\":\"" HASH "\",\"sha512\":\"" HASH OTHER "\"}", OURS),
            "do not agree on hash sha512");
    sv_why why = { 0 };
    assert_int_equal(agree_at(IMAGE, ASSIGN, "lathe-ctl/2.0.9.img", &why), SV_ERR_UNTRUSTED);
    assert_string_equal(
        why.text,
        "the director means \"lathe-ctl/2.0.9.img\", which is not \"lathe-ctl/2.1.0.img\"");
}

static void the_director_cannot_relabel_a_release(void **state) { // [director-2]
    (void) state;
    refused(IMAGE, ASSIGN_OF("1000", HASHES, OURS ",\"counter\":8"), "its counter is not 7");
    refused(IMAGE, ASSIGN_OF("1000", HASHES, OURS ",\"counter\":\"7\""), "its counter is not 7");
    refused(IMAGE, ASSIGN_OF("1000", HASHES, OURS ",\"counter\":4294967303"),
            "its counter is not 7");
}

static void an_older_release_is_not_installed(void **state) { // [director-3] attack: downgrade
    (void) state;
    refused(IMAGE_OF("1000", HASHES, "lathe-ctl", "\"rev-b\"", "6", "rootfs"), ASSIGN,
            "counter is 6, and 7 was confirmed already");
    refused(IMAGE_OF("1000", HASHES, "lathe-ctl", "\"rev-b\"", "1", "kernel"), ASSIGN,
            "counter is 1, and 3 was confirmed");
    // and the counter of one class is not that of another
    assert_int_equal(
        agree(IMAGE_OF("1000", HASHES, "lathe-ctl", "\"rev-b\"", "3", "kernel"), ASSIGN, NULL),
        SV_OK);
}

static void
an_image_for_something_else_is_not_installed(void **state) { // [director-3] attack: wrong recipient
    (void) state;
    refused(IMAGE_OF("1000", HASHES, "mill-ctl", "\"rev-b\"", "7", "rootfs"), ASSIGN,
            "for product mill-ctl, not for lathe-ctl");
    refused(IMAGE_OF("1000", HASHES, "lathe-ctl", "\"rev-a\"", "7", "rootfs"), ASSIGN,
            "not for hardware rev-b (rev-a)");
    refused(IMAGE_OF("1000", HASHES, "lathe-ctl", "\"rev-bb\",\"rev-\"", "7", "rootfs"), ASSIGN,
            "not for hardware rev-b (rev-bb and others)");
    refused(IMAGE_OF("1000", HASHES, "lathe-ctl", "\"rev-b\"", "7", "app"), ASSIGN,
            "a slot of class app, which the device has not");
}

static void an_image_of_somebody_else_s_is_not_installed(void **state) { // [director-2]
    (void) state;
    sv_why why = { 0 };
    assert_int_equal(agree("{\"length\":1000,\"hashes\":" HASHES "}", ASSIGN, &why),
                     SV_ERR_NOT_FOUND);
    assert_int_equal(agree(IMAGE_OF("0", HASHES, "lathe-ctl", "\"rev-b\"", "7", "rootfs"),
                           ASSIGN_OF("0", HASHES, OURS), &why),
                     SV_ERR_INVALID);
}

// ---- all of them
// ----------------------------------------------------------------------------------------

/// The image repository of these tests: what it has, by path.
typedef struct shelf {
    const sv_json *images;
} shelf;

static sv_err find(void *arg, sv_text path, sv_tuf_file *out, sv_why *why) {
    const shelf *s = arg;
    char name[64];
    assert_int_equal(sv_text_copy(path, name, sizeof name), SV_OK);
    return sv_tuf_file_read(sv_json_get(s->images, name), out)
               ? SV_OK
               : sv_fail(why, SV_ERR_NOT_FOUND, "nobody knows it");
}

#define KERNEL IMAGE_OF("1000", HASHES, "lathe-ctl", "\"rev-b\"", "7", "kernel")
#define IMAGES                                                                                     \
    "{\"a\":" IMAGE ",\"b\":" KERNEL ",\"c\":" IMAGE ",\"d\":{\"length\":1000,\"hashes\":" HASHES  \
    "}}"

static sv_assignment plan_of[SV_DIRECTOR_SLOTS_MAX];
static size_t plan_count; ///< 99: nothing was said

static sv_err plan(const char *images, const char *assignments, const sv_director_device *device,
                   sv_why *why) {
    char text[8192];
    SV_DEFER(sv_json_drop) sv_json *parsed = NULL;
    SV_DEFER(sv_tuf_drop) sv_tuf_metadata *targets = NULL;
    (void) snprintf(text, sizeof text,
                    "{\"signatures\":[],\"signed\":{\"_type\":\"targets\",\"spec_version\":\"1.0\","
                    "\"version\":1,"
                    "\"expires\":\"2044-08-10T10:05:04Z\",\"targets\":{%s}}}",
                    assignments);
    assert_int_equal(sv_json_parse(sv_text_of(images), &parsed, NULL, why), SV_OK);
    assert_int_equal(sv_tuf_read(sv_text_of(text), SV_TUF_TARGETS, &targets, why), SV_OK);
    shelf s = { .images = parsed };
    plan_count = 99;
    return sv_director_plan(targets, find, &s, device, plan_of, &plan_count, why);
}

static void each_class_of_slots_gets_its_image(void **state) { // [director-4]
    (void) state;
    assert_int_equal(plan(IMAGES, "", &DEVICE, NULL), SV_OK);
    assert_int_equal(plan_count, 0);
    assert_int_equal(plan(IMAGES, "\"a\":" ASSIGN ",\"b\":" ASSIGN, &DEVICE, NULL), SV_OK);
    assert_int_equal(plan_count, 2);
    assert_string_not_equal(plan_of[0].image.slot, plan_of[1].image.slot);
}

static void one_assignment_that_is_refused_refuses_all(void **state) { // [director-4] attacks
    (void) state;
    static const struct {
        const char *assignments, *sentence;
    } CASES[] = {
        { "\"a\":" ASSIGN ",\"c\":" ASSIGN, "assigns two images for slot class rootfs" },
        { "\"a\":" ASSIGN ",\"z\":" ASSIGN,
          "assigns \"z\", which the image repository does not have" },
        { "\"a\":" ASSIGN ",\"b\":" ASSIGN_OF("1000", HASHES, "\"device\":\"press-18\""),
          "is for device \"press-18\"" },
        { "\"a\":" ASSIGN ",\"b\":" ASSIGN_OF("1000", HASHES, ""), "names no device" },
        { "\"a\":" ASSIGN ",\"b\":" ASSIGN_OF("1001", HASHES, OURS), "1001 bytes" },
    };
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        sv_why why = { 0 };
        assert_int_equal(plan(IMAGES, CASES[i].assignments, &DEVICE, &why), SV_ERR_UNTRUSTED);
        assert_non_null(strstr(why.text, CASES[i].sentence));
        assert_int_equal(plan_count, 99);
    }
    assert_int_equal(plan(IMAGES, "\"a\":" ASSIGN ",\"d\":" ASSIGN, &DEVICE, NULL),
                     SV_ERR_NOT_FOUND); // somebody else's image
}

static void a_director_assigns_no_more_than_a_device_has_slots(
    void **state) { // [director-4] attack: endless data
    (void) state;
    static const sv_director_slot NINE[] = { { "s0", 0 }, { "s1", 0 }, { "s2", 0 },
                                             { "s3", 0 }, { "s4", 0 }, { "s5", 0 },
                                             { "s6", 0 }, { "s7", 0 }, { "s8", 0 } };
    const sv_director_device device = { "press-17", "lathe-ctl", "rev-b", NINE, SV_COUNT(NINE) };
    char images[8192] = "";
    char assignments[8192] = "";
    sv_textbuf left = SV_TEXTBUF(images);
    sv_textbuf right = SV_TEXTBUF(assignments);
    sv_why why = { 0 };
    for (size_t i = 0; i < SV_COUNT(NINE); i++) {
        sv_textbuf_addf(
            &left, "%s\"%zu\":" IMAGE_OF("1000", HASHES, "lathe-ctl", "\"rev-b\"", "7", "s%zu"),
            i == 0 ? "{" : ",", i, i);
        sv_textbuf_addf(&right, "%s\"%zu\":" ASSIGN, i == 0 ? "" : ",", i);
        if (i + 1 < SV_DIRECTOR_SLOTS_MAX) {
            continue;
        }
        sv_textbuf whole = left; // with what is there so far
        sv_textbuf_add_char(&whole, '}');
        assert_int_equal(sv_textbuf_end(&whole), SV_OK);
        assert_int_equal(sv_textbuf_end(&right), SV_OK);
        bool fits = i < SV_DIRECTOR_SLOTS_MAX;
        assert_int_equal(plan(images, assignments, &device, &why), fits ? SV_OK : SV_ERR_UNTRUSTED);
        assert_int_equal(plan_count, fits ? SV_DIRECTOR_SLOTS_MAX : 99);
    }
    assert_string_equal(why.text, "the director assigns more than 8 images");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_both_say_is_agreed_on),
        cmocka_unit_test(another_device_s_assignment_is_not_taken),
        cmocka_unit_test(an_assignment_without_a_device_is_for_nobody),
        cmocka_unit_test(image_and_director_have_to_mean_the_same_file),
        cmocka_unit_test(the_director_cannot_relabel_a_release),
        cmocka_unit_test(an_older_release_is_not_installed),
        cmocka_unit_test(an_image_for_something_else_is_not_installed),
        cmocka_unit_test(an_image_of_somebody_else_s_is_not_installed),
        cmocka_unit_test(each_class_of_slots_gets_its_image),
        cmocka_unit_test(one_assignment_that_is_refused_refuses_all),
        cmocka_unit_test(a_director_assigns_no_more_than_a_device_has_slots),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
