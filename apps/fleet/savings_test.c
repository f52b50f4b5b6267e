#include "savings.h"

#include "images_fixture.h"

enum { ID = 7, CAMPAIGN = 3 };

typedef struct story {
    fixture *f;
    repo *image;
} story;

static void sql(story *s, const char *text) {
    sv_why why = { 0 };
    if (sv_db_exec(s->f->fleet.db, text, &why) != SV_OK) {
        fail_msg("%s: %s", text, why.text);
    }
}

/// An action of the image for press-1, in a campaign that runs; another for press-2, by hand.
static void assign(story *s) {
    char text[1024];
    (void) snprintf(text, sizeof text,
                    "INSERT INTO campaign (id, name, image, product, version, sha256, plan, sites,"
                    " priority, state, user, created_ms) VALUES (%d, '', 'lathe/1.img', 'lathe',"
                    " '1.0', '%s', '{}', '[\"north\"]', 5, 2, 'ann', 1);"
                    "INSERT INTO action (id, device, path, version, sha256, campaign, state,"
                    " attempt, forced, user, created_us, updated_us) VALUES"
                    " (%d, 'press-1', 'lathe/1.img', '1.0', '%s', %d, 2, 1, 0, 'x', 0, 0),"
                    " (%d, 'press-2', 'lathe/1.img', '1.0', '%s', NULL, 2, 1, 0, 'x', 0, 0)",
                    CAMPAIGN, s->image->sha256, ID, s->image->sha256, CAMPAIGN, ID + 1,
                    s->image->sha256);
    sql(s, text);
}

static int setup(void **state) {
    story *s = sv_mem_new(sizeof *s);
    assert_int_equal(fixture_setup((void **) &s->f), 0);
    s->image = repo_new(false, 1);
    repo_upload(&s->f->fleet, s->image);
    assign(s);
    *state = s;
    return 0;
}

static int teardown(void **state) {
    story *s = *state;
    repo_drop(&s->image);
    void *f = s->f;
    assert_int_equal(fixture_teardown(&f), 0);
    free(s);
    return 0;
}

static void tell(story *s, int64_t action, const char *encoding, int64_t fetched) {
    const sv_savings_word word = { .ours = true,
                                   .encoding = sv_text_of(encoding),
                                   .fetched = fetched };
    assert_int_equal(sv_savings_hear(&s->f->fleet, action, &word, NULL), SV_OK);
}

static void check(story *s, int64_t campaign, int64_t image, int64_t fetched, int64_t sent) {
    char wanted[128];
    char room[128];
    sv_textbuf text = SV_TEXTBUF(room);
    sv_json_out out = SV_JSON_OUT(&text);
    (void) snprintf(wanted, sizeof wanted, "{\"image\":%lld,\"fetched\":%lld,\"sent\":%lld}",
                    (long long) image, (long long) fetched, (long long) sent);
    assert_int_equal(sv_savings_write(&s->f->fleet, campaign, &out, NULL), SV_OK);
    assert_int_equal(sv_textbuf_end(&text), SV_OK);
    assert_string_equal(room, wanted);
}

static int64_t packed(const story *s) {
    return (int64_t) s->image->target.encodings[1].length;
}

// [campaign-40]
static void what_came_stands_for_as_much_of_the_image_as_its_encoding_makes_of_it(void **state) {
    story *s = *state;
    int64_t half = packed(s) / 2;
    int64_t of_half = (int64_t) ((double) half * REPO_IMAGE_BYTES / (double) packed(s));
    tell(s, ID, "zstd", half);
    check(s, CAMPAIGN, of_half, half, 0);
    tell(s, ID, "zstd", half); // once more
    check(s, CAMPAIGN, of_half, half, 0);
    tell(s, ID, "zstd", 2 * half);
    check(s, CAMPAIGN, 2 * of_half, 2 * half, 0);
    tell(s, ID, "zstd", 10); // its agent was started again, and counts from its beginning
    tell(s, ID, "zstd", 30);
    assert_int_equal(fixture_count(s->f, "SELECT fetched FROM action WHERE id = 7"), 2 * half + 30);
    tell(s, ID + 1, "raw", 1000); // given by hand
    check(s, 0, 1000, 1000, 0);
}

// [campaign-40] attack: a device tells what cannot be
static void what_no_device_can_have_fetched_is_not_counted(void **state) {
    story *s = *state;
    tell(s, ID, "zstd", INT64_MAX);
    check(s, CAMPAIGN, SV_SAVINGS_TIMES_MAX * (int64_t) REPO_IMAGE_BYTES,
          SV_SAVINGS_TIMES_MAX * packed(s), 0);
    tell(s, ID, "zstd", 5);
    tell(s, ID, "zstd", INT64_MAX);
    check(s, CAMPAIGN, SV_SAVINGS_TIMES_MAX * (int64_t) REPO_IMAGE_BYTES,
          SV_SAVINGS_TIMES_MAX * packed(s), 0);
    tell(s, ID + 1, "delta:00", 5);
    tell(s, ID + 1, "", 5);
    tell(s, ID + 1, "raw", -1);
    tell(s, ID + 1, "raw", 0);
    check(s, 0, 0, 0, 0);
    sql(s, "DELETE FROM image");
    tell(s, ID + 1, "raw", 5);
    check(s, 0, 0, 0, 0);
}

// [campaign-40]
static void anothers_client_has_fetched_all_of_it_once_it_is_there(void **state) {
    story *s = *state;
    const sv_savings_word word = { .ours = false, .fetched = -1 };
    assert_int_equal(sv_savings_hear(&s->f->fleet, ID, &word, NULL), SV_OK);
    check(s, CAMPAIGN, 0, 0, 0);
    sql(s, "UPDATE action SET state = 4");
    for (int i = 0; i < 3; i++) {
        assert_int_equal(sv_savings_hear(&s->f->fleet, ID, &word, NULL), SV_OK);
    }
    check(s, CAMPAIGN, REPO_IMAGE_BYTES, REPO_IMAGE_BYTES, 0);
    sql(s, "UPDATE action SET state = 7"); // it failed before anything was there
    assert_int_equal(sv_savings_hear(&s->f->fleet, ID + 1, &word, NULL), SV_OK);
    check(s, 0, 0, 0, 0);
}

static int64_t campaign_of(story *s, const char *id, sv_role role) {
    sv_asker asker = { .who = { .role = role } };
    assert_int_equal(sv_text_copy(sv_text_of(id), asker.who.id, sizeof asker.who.id), SV_OK);
    return sv_savings_campaign(&s->f->fleet, &asker, sv_text_of(s->image->sha256));
}

// [campaign-41]
static void what_goes_out_is_for_the_campaign_that_wants_it(void **state) {
    story *s = *state;
    assert_int_equal(campaign_of(s, "press-1", SV_ROLE_DEVICE), CAMPAIGN);
    assert_int_equal(campaign_of(s, "press-2", SV_ROLE_DEVICE), 0);
    assert_int_equal(campaign_of(s, "press-3", SV_ROLE_DEVICE), 0);
    assert_int_equal(campaign_of(s, "gw-a", SV_ROLE_GATEWAY), CAMPAIGN);
    sql(s, "UPDATE campaign SET state = 5");
    assert_int_equal(campaign_of(s, "gw-a", SV_ROLE_GATEWAY), 0);
}

// [campaign-41]
static void what_went_out_is_known_after_a_restart(void **state) {
    story *s = *state;
    sv_savings_sent(s->f->fleet.savings, CAMPAIGN, 100);
    sv_savings_sent(s->f->fleet.savings, 0, 7);
    sv_savings_turn(&s->f->fleet);
    sv_savings_sent(s->f->fleet.savings, CAMPAIGN, 20);
    sv_fleet_drop(&s->f->fleet); // which keeps the rest
    fixture_start(s->f);
    check(s, CAMPAIGN, 0, 0, 120);
    check(s, 0, 0, 0, 7);
    sv_savings_turn(&s->f->fleet);
    check(s, CAMPAIGN, 0, 0, 120);
}

// [campaign-41]
static void more_campaigns_than_there_is_room_for_lose_no_byte(void **state) {
    story *s = *state;
    for (int64_t i = 1; i <= (int64_t) 2 * SV_SAVINGS_OPEN_MAX; i++) {
        sv_savings_sent(s->f->fleet.savings, i, 10);
    }
    sv_savings_turn(&s->f->fleet);
    check(s, SV_SAVINGS_OPEN_MAX, 0, 0, 10);
    check(s, 0, 0, 0, (int64_t) 10 * SV_SAVINGS_OPEN_MAX);
}

static void check_all(story *s, const char *sites, const char *wanted) {
    char room[128];
    sv_textbuf text = SV_TEXTBUF(room);
    sv_json_out out = SV_JSON_OUT(&text);
    assert_int_equal(sv_savings_write_all(&s->f->fleet, sites, &out, NULL), SV_OK);
    assert_int_equal(sv_textbuf_end(&text), SV_OK);
    assert_string_equal(room, wanted);
}

// [campaign-42]
static void the_sum_is_of_what_somebody_sees(void **state) {
    story *s = *state;
    sv_savings_sent(s->f->fleet.savings, CAMPAIGN, 100);
    sv_savings_sent(s->f->fleet.savings, 0, 7);
    sv_savings_turn(&s->f->fleet);
    check_all(s, "", "{\"image\":0,\"fetched\":0,\"sent\":107}");
    check_all(s, "[\"north\"]", "{\"image\":0,\"fetched\":0,\"sent\":100}");
    check_all(s, "[\"south\"]", "{\"image\":0,\"fetched\":0,\"sent\":0}");
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(what_came_stands_for_as_much_of_the_image_as_its_encoding_makes_of_it),
        TEST(what_no_device_can_have_fetched_is_not_counted),
        TEST(anothers_client_has_fetched_all_of_it_once_it_is_there),
        TEST(what_goes_out_is_for_the_campaign_that_wants_it),
        TEST(what_went_out_is_known_after_a_restart),
        TEST(more_campaigns_than_there_is_room_for_lose_no_byte),
        TEST(the_sum_is_of_what_somebody_sees),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
