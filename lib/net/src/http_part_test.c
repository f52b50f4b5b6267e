// Bodies that are taken as they come.
#include "http_fixture.h"

typedef struct basket {
    answer got; ///< first: `answered` takes it
    size_t bytes, parts, bytes_max;
} basket;

static sv_err take(void *arg, sv_text part, sv_why *why) {
    basket *b = arg;
    b->parts++;
    b->bytes += part.len;
    return b->bytes <= b->bytes_max ? SV_OK : sv_fail(why, SV_ERR_INVALID, "enough of it");
}

static basket get(site *s, const char *path, size_t body_bytes, size_t bytes_max) {
    static char body[BODY_MAX];
    basket b = { .bytes_max = bytes_max };
    memset(body, 'x', sizeof body);
    const sv_http_errand errand = {
        .method = "POST", .path = path, .body = { .at = body, .len = body_bytes }, .part = take
    };
    assert_int_equal(sv_http_client_ask(s->client, &errand, answered, &b), SV_OK);
    turn_until(s, &b.got.done);
    return b;
}

static void a_body_in_parts_is_not_held(void **state) {
    (void) state;
    SV_DEFER(site_drop) site *s = site_open();
    sv_http_client_reply_max(s->client, 100); // of what is held
    basket b = get(s, "/echo", BODY_MAX, BODY_MAX);
    assert_int_equal(b.got.status, 201);
    assert_int_equal(b.bytes, BODY_MAX);
    assert_string_equal(b.got.body, "");
    b = get(s, "/echo", 0, 0);
    assert_int_equal(b.got.status, 201);
    assert_int_equal(b.parts, 0);
    assert_int_equal(fetch(s, "POST", "/echo", SV_TEXT("held")).status, 201);
}

static void who_takes_it_may_have_enough(void **state) {
    (void) state;
    SV_DEFER(site_drop) site *s = site_open();
    basket b = get(s, "/echo", 1000, 999);
    assert_int_equal(b.got.status, 0);
    assert_string_equal(b.got.why, "enough of it");
    assert_int_equal(fetch(s, "POST", "/echo", SV_TEXT("next")).status, 201);
}

static void what_a_refusal_says_is_no_part(void **state) {
    (void) state;
    SV_DEFER(site_drop) site *s = site_open();
    basket b = get(s, "/nothing", 0, 0);
    assert_int_equal(b.got.status, 404);
    assert_int_equal(b.parts, 0);
    assert_non_null(strstr(b.got.body, "there is no"));
    sv_http_client_reply_max(s->client, 10);
    b = get(s, "/nothing", 0, 0);
    assert_int_equal(b.got.status, 0);
    assert_non_null(strstr(b.got.why, "larger than 10 bytes"));
}

static void one_status_may_be_the_only_one_that_comes_in_parts(void **state) {
    (void) state;
    SV_DEFER(site_drop) site *s = site_open();
    for (int status = 200; status < 202; status++) {
        basket b = { .bytes_max = BODY_MAX };
        const sv_http_errand errand = { .method = "POST",
                                        .path = "/echo",
                                        .body = SV_TEXT("body"),
                                        .part = take,
                                        .part_status = status };
        assert_int_equal(sv_http_client_ask(s->client, &errand, answered, &b), SV_OK);
        turn_until(s, &b.got.done);
        assert_int_equal(b.got.status, 201);
        assert_int_equal(b.bytes, status == 201 ? 4 : 0);
        assert_string_equal(b.got.body, status == 201 ? "" : "body");
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_body_in_parts_is_not_held),
        cmocka_unit_test(who_takes_it_may_have_enough),
        cmocka_unit_test(what_a_refusal_says_is_no_part),
        cmocka_unit_test(one_status_may_be_the_only_one_that_comes_in_parts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
