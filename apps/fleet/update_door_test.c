#include "image_keys.h"
#include "savings.h"
#include "update_door_fixture.h"

#include <crypto/pki.h>

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

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(the_metadata_of_images_is_for_everybody_who_is_let_in),
        TEST(bytes_are_for_who_is_to_install_them_and_for_gateways),
        TEST(what_goes_out_of_an_image_is_counted_and_metadata_is_not),
        TEST(a_content_key_is_wrapped_for_the_certificate_that_asks),
        TEST(a_certificate_that_cannot_receive_a_key_is_told_so),
        TEST(a_key_that_does_not_open_the_image_is_refused_and_none_lies_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
