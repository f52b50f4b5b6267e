#include "door_fixture.h"

#include "factor.h"

#include <sys/stat.h>

#define TOTP "/api/v1/session/totp"
#define PASSWORD "a long enough password"

/// The secret of the last answer's URL.
static void read_secret(const door *d, uint8_t secret[SV_TOTP_SECRET_BYTES]) {
    static const char ALPHABET[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    char text[64];
    uint64_t held = 0;
    unsigned bits = 0;
    size_t count = 0;
    door_cut(d, "secret=", '&', text, sizeof text);
    for (const char *c = text; *c != '\0' && count < SV_TOTP_SECRET_BYTES; c++) {
        held = held << 5 | (uint64_t) (strchr(ALPHABET, *c) - ALPHABET);
        bits += 5;
        if (bits >= 8) {
            bits -= 8;
            secret[count++] = (uint8_t) (held >> bits);
        }
    }
    assert_int_equal(count, SV_TOTP_SECRET_BYTES);
}

static int sign_in(door *d, const char *code) {
    char body[256];
    (void) snprintf(body, sizeof body, "{\"user\":\"ada\",\"password\":\"" PASSWORD "\"%s%s%s}",
                    code != NULL ? ",\"totp\":\"" : "", code != NULL ? code : "",
                    code != NULL ? "\"" : "");
    return door_ask(d, "POST", "/api/v1/session", "", body);
}

static int confirm(door *d, const char *cookie, const char *code) {
    char body[64];
    (void) snprintf(body, sizeof body, "{\"code\":\"%s\"}", code);
    return door_ask(d, "POST", TOTP, cookie, body);
}

static void code_now(const uint8_t secret[SV_TOTP_SECRET_BYTES], char code[SV_TOTP_DIGITS + 1]) {
    sv_totp_code(secret, fixture_now_us / SV_TOTP_STEP_US, code);
}

/// ada with a password and a second factor that waits.
static void begin(door *d, char cookie[DOOR_HEAD_MAX], uint8_t secret[SV_TOTP_SECRET_BYTES]) {
    door_user(d, "ada", "viewer", "null", cookie);
    assert_int_equal(
        door_ask(d, "POST", "/api/v1/session/password", cookie, "{\"password\":\"" PASSWORD "\"}"),
        204);
    door_keep_cookie(d, cookie);
    assert_int_equal(door_ask(d, "POST", TOTP, cookie, "{}"), 200);
    assert_true(door_says(d, "{\"url\":\"otpauth://totp/Selvedge:ada?secret="));
    read_secret(d, secret);
}

// [people-10]
static void a_code_is_asked_for_once_the_first_one_was_shown(void **state) {
    door *d = *state;
    char cookie[DOOR_HEAD_MAX];
    char code[SV_TOTP_DIGITS + 1];
    char again[DOOR_HEAD_MAX];
    uint8_t secret[SV_TOTP_SECRET_BYTES];
    int64_t start_us = fixture_now_us;
    begin(d, cookie, secret);
    assert_int_equal(sign_in(d, NULL), 204); // not yet
    assert_int_equal(confirm(d, cookie, "000000"), 400);
    code_now(secret, code);
    assert_int_equal(confirm(d, cookie, code), 204);
    assert_int_equal(door_ask(d, "POST", TOTP, cookie, "{}"), 409); // it is never shown again
    assert_int_equal(sign_in(d, NULL), 401);
    assert_true(door_says(d, "the user name, the password or the code is wrong"));
    assert_int_equal(sign_in(d, "000000"), 401);
    assert_int_equal(sign_in(d, code), 401); // was shown before
    fixture_now_us += SV_TOTP_STEP_US;
    code_now(secret, code);
    assert_int_equal(sign_in(d, code), 204);
    door_keep_cookie(d, again);
    assert_int_equal(door_ask(d, "GET", "/api/v1/session", again, ""), 200);
    assert_true(door_says(d, "\"password\":true,\"totp\":true"));
    assert_int_equal(sign_in(d, code), 401);
    assert_int_equal(fixture_count(&d->f, "SELECT count(*) FROM event_log WHERE about = 'ada' AND"
                                          " detail = 'a wrong code' AND outcome = 'refused'"),
                     4);
    fixture_now_us = start_us;
}

// [people-10]
static void it_is_taken_away_with_a_code_alone(void **state) {
    door *d = *state;
    char cookie[DOOR_HEAD_MAX];
    char headers[DOOR_HEAD_MAX * 2];
    char code[SV_TOTP_DIGITS + 1];
    uint8_t secret[SV_TOTP_SECRET_BYTES];
    int64_t start_us = fixture_now_us;
    begin(d, cookie, secret);
    code_now(secret, code);
    assert_int_equal(confirm(d, cookie, code), 204);
    assert_int_equal(door_ask(d, "DELETE", TOTP, cookie, ""), 403);
    for (int i = 1; i < SV_THROTTLE_USER_FAILURES; i++) {
        (void) snprintf(headers, sizeof headers, "%sX-Selvedge-Code: %s\r\n", cookie, code);
        assert_int_equal(door_ask(d, "DELETE", TOTP, headers, ""), 403); // it was shown before
    }
    fixture_now_us += SV_TOTP_STEP_US;
    code_now(secret, code);
    (void) snprintf(headers, sizeof headers, "%sX-Selvedge-Code: %s\r\n", cookie, code);
    assert_int_equal(door_ask(d, "DELETE", TOTP, headers, ""), 429); // guessing is no way
    fixture_now_us += 2 * SV_TIME_MINUTE_US;
    code_now(secret, code);
    (void) snprintf(headers, sizeof headers, "%sX-Selvedge-Code: %s\r\n", cookie, code);
    assert_int_equal(door_ask(d, "DELETE", TOTP, headers, ""), 204);
    assert_int_equal(sign_in(d, NULL), 204);
    fixture_now_us = start_us;
}

// [people-10]
static void the_database_alone_does_not_tell_the_secret(void **state) {
    door *d = *state;
    char cookie[DOOR_HEAD_MAX];
    char path[SV_PATH_MAX];
    char code[SV_TOTP_DIGITS + 1];
    uint8_t secret[SV_TOTP_SECRET_BYTES];
    struct stat info;
    sv_why why;
    begin(d, cookie, secret);
    code_now(secret, code);
    assert_int_equal(confirm(d, cookie, code), 204);
    sv_stmt *row;
    assert_int_equal(sv_db_stmt(d->f.fleet.db, "SELECT totp_secret FROM user", &row, NULL), SV_OK);
    assert_int_equal(sv_stmt_next(row, NULL), SV_OK);
    sv_text sealed = sv_stmt_bytes(row, 0);
    assert_int_equal(sealed.len, SV_AEAD_NONCE_BYTES + sizeof secret + SV_AEAD_TAG_BYTES);
    assert_null(memmem(sealed.at, sealed.len, secret, sizeof secret));
    sv_stmt_reset(row);
    assert_int_equal(sv_people_beside(d->f.fleet.config.store.path, SV_FACTOR_KEY_FILE, path, NULL),
                     SV_OK);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    assert_int_equal(info.st_size, SV_AEAD_KEY_BYTES);

    sv_aead_drop(&d->f.fleet.factor_key); // another key beside a copy of the database
    assert_int_equal(sv_disk_remove_tree(path, NULL), SV_OK);
    assert_int_equal(sv_factor_open(d->f.fleet.config.store.path, &d->f.fleet.factor_key, NULL),
                     SV_OK);
    assert_int_equal(sv_factor_check(d->f.fleet.db, d->f.fleet.factor_key, "ada", sv_text_of(code),
                                     fixture_now_us + SV_TOTP_STEP_US, &why),
                     SV_ERR_IO);
    assert_string_equal(why.text, "the second factor of ada is sealed with another key than "
                                  "'people.key' holds: recover the user");
    assert_int_equal(sign_in(d, code), 503);
    assert_int_equal(sv_disk_replace(path, SV_TEXT("short"), 0600, NULL), SV_OK);
    sv_aead *none = NULL;
    assert_int_equal(sv_factor_open(d->f.fleet.config.store.path, &none, &why), SV_ERR_INVALID);
    assert_null(none);
}

// [people-5] [people-10]
static void recovering_takes_it_away(void **state) {
    door *d = *state;
    char cookie[DOOR_HEAD_MAX];
    char code[SV_TOTP_DIGITS + 1];
    uint8_t secret[SV_TOTP_SECRET_BYTES];
    begin(d, cookie, secret);
    code_now(secret, code);
    assert_int_equal(confirm(d, cookie, code), 204);
    assert_int_equal(door_admin(d, "POST", "/api/v1/users/ada/link", "{\"kind\":\"recover\"}"),
                     201);
    door_use_link(d, cookie);
    assert_int_equal(door_ask(d, "GET", "/api/v1/session", cookie, ""), 200);
    assert_true(door_says(d, "\"password\":false,\"totp\":false"));
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, door_setup, door_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_code_is_asked_for_once_the_first_one_was_shown),
        TEST(it_is_taken_away_with_a_code_alone),
        TEST(the_database_alone_does_not_tell_the_secret),
        TEST(recovering_takes_it_away),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
