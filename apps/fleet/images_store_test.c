#include "images_fixture.h"

#include "images_name.h"

#include <sys/clock.h>

static void put_refused(sv_fleet *fleet, const char *sha256, const char *name, uint64_t offset,
                        sv_text bytes, sv_err wanted, const char *sentence) {
    sv_images_part part;
    sv_why why = { 0 };
    uint64_t now = 0;
    sv_err err = sv_images_part_read(sv_text_of(sha256), sv_text_of(name), &part, &why);
    if (err == SV_OK) {
        err = sv_images_put(fleet, &part, offset, bytes, &now, &why);
    }
    assert_int_equal(err, wanted);
    if (strstr(why.text, sentence) == NULL) {
        fail_msg("'%s' is not in '%s'", sentence, why.text);
    }
}

static void publish_refused(sv_fleet *fleet, sv_err wanted, const char *sentence) {
    sv_images_progress progress;
    sv_why why = { 0 };
    int64_t before = sv_images_set(fleet->images);
    assert_int_equal(sv_images_publish(fleet, "ann", &progress, &why), wanted);
    if (strstr(why.text, sentence) == NULL) {
        fail_msg("'%s' is not in '%s'", sentence, why.text);
    }
    assert_int_equal(sv_images_set(fleet->images), before);
}

static bool has_file(const sv_fleet *fleet, const char *sub, const char *a, const char *b) {
    char path[SV_PATH_MAX];
    assert_int_equal(sv_images_path(sv_images_folder_of(fleet->images)->dir, sub, a, b, path, NULL),
                     SV_OK);
    return sv_disk_exists(path);
}

// [images-3] [images-4] [images-5]
static void what_is_signed_and_whole_is_served(void **state) {
    fixture *f = *state;
    SV_DEFER(repo_drop) repo *r = repo_new(true, 1);
    sv_image_row row;
    repo_upload(&f->fleet, r);
    assert_int_equal(sv_images_find(&f->fleet, SV_TEXT("lathe/1.img"), &row, NULL), SV_OK);
    assert_true(row.complete && row.sealed && row.kind == SV_IMAGE_SELVEDGE);
    assert_string_equal(row.sha256, r->sha256);
    assert_string_equal(row.product, "lathe");
    assert_string_equal(row.version, "1.0");
    assert_string_equal(row.slot, "rootfs");
    assert_string_equal(row.hardware[1], "rev-b");
    assert_true(row.counter == 7 && row.length == REPO_IMAGE_BYTES);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM image WHERE signed_by LIKE"
                                      " '[{\"keyid\":\"%\",\"role\":\"targets\"}]'"),
                     1);
    assert_int_equal(sv_images_set(f->fleet.images), 1);
    assert_true(has_file(&f->fleet, "sets/1/metadata", "timestamp.json", ""));
    assert_true(has_file(&f->fleet, "sets/1/metadata", "1.root.json", ""));
    assert_true(has_file(&f->fleet, "sets/1/metadata", "1.targets.json", ""));
    assert_true(has_file(&f->fleet, "artifacts", r->sha256, "zstd.index"));
    assert_false(has_file(&f->fleet, "artifacts", r->sha256, "raw.part"));
    assert_false(has_file(&f->fleet, "metadata", "timestamp.json", ""));
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM event_log WHERE what ="
                                      " 'images.publish' AND who = 'ann' AND about = 'set 1'"
                                      " AND detail LIKE '%believed from now on%'"),
                     1);
}

// [images-5]
static void a_restart_serves_what_was_served(void **state) {
    fixture *f = *state;
    SV_DEFER(repo_drop) repo *r = repo_new(false, 1);
    sv_image_row row;
    repo_upload(&f->fleet, r);
    sv_fleet_drop(&f->fleet);
    fixture_start(f);
    assert_int_equal(sv_images_set(f->fleet.images), 1);
    assert_int_equal(sv_images_find(&f->fleet, SV_TEXT("lathe/1.img"), &row, NULL), SV_OK);
    // A timestamp of the same name is another each time.
    sv_images_part part;
    uint64_t bytes = 1;
    bool judged = true;
    assert_int_equal(sv_images_part_read(SV_TEXT(""), SV_TEXT("timestamp.json"), &part, NULL),
                     SV_OK);
    assert_int_equal(
        sv_images_part_state(sv_images_folder_of(f->fleet.images), 1, &part, &bytes, &judged, NULL),
        SV_OK);
    assert_true(bytes == 0 && !judged);
    // Published again, nothing being staged: it stays.
    sv_images_progress progress;
    assert_int_equal(sv_images_publish(&f->fleet, "ann", &progress, NULL), SV_OK);
    assert_int_equal(sv_images_set(f->fleet.images), 1);
}

// [images-5]
static void a_database_without_its_folder_serves_nothing_and_begins_anew(void **state) {
    fixture *f = *state;
    SV_DEFER(repo_drop) repo *r = repo_new(false, 1);
    SV_DEFER(repo_drop) repo *other = repo_new(false, 2);
    char path[SV_PATH_MAX];
    repo_upload(&f->fleet, r);
    sv_fleet_drop(&f->fleet);
    assert_int_equal(sv_disk_join(path, sizeof path, f->dir, "images"), SV_OK);
    assert_int_equal(sv_disk_remove_tree(path, NULL), SV_OK);
    fixture_start(f);
    assert_int_equal(sv_images_set(f->fleet.images), 0);
    repo_upload(&f->fleet, other);
    assert_int_equal(sv_images_set(f->fleet.images), 2);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM event_log WHERE what ="
                                      " 'images.publish' AND detail LIKE '%believed from now on%'"),
                     2);
}

// [images-3] attack: rollback
static void an_older_repository_is_refused(void **state) {
    fixture *f = *state;
    SV_DEFER(repo_drop) repo *r = repo_new(false, 1);
    r->version = 3;
    repo_publish(r);
    repo_upload(&f->fleet, r);
    r->version = 2;
    repo_publish(r);
    repo_stage_metadata(&f->fleet, r);
    publish_refused(&f->fleet, SV_ERR_UNTRUSTED, "version 2 is before 3");
    r->version = 4;
    repo_publish(r);
    repo_upload(&f->fleet, r);
    assert_int_equal(sv_images_set(f->fleet.images), 2);
    // What a device had begun to read is there to the end, roots for good.
    assert_true(has_file(&f->fleet, "sets/2/metadata", "3.targets.json", ""));
    assert_true(has_file(&f->fleet, "sets/2/metadata", "1.root.json", ""));
    r->version = 5;
    repo_publish(r);
    repo_upload(&f->fleet, r);
    assert_false(has_file(&f->fleet, "sets/3/metadata", "3.targets.json", ""));
    assert_false(has_file(&f->fleet, "sets/2/metadata", "timestamp.json", ""));
}

// [images-3] attack: another root, other keys
static void a_repository_of_somebody_else_is_refused(void **state) {
    fixture *f = *state;
    SV_DEFER(repo_drop) repo *r = repo_new(false, 1);
    SV_DEFER(repo_drop) repo *other = repo_new(false, 2);
    repo_upload(&f->fleet, r);
    other->version = 9;
    repo_publish(other);
    repo_stage_metadata(&f->fleet, other);
    repo_stage_bytes(&f->fleet, other);
    publish_refused(&f->fleet, SV_ERR_UNTRUSTED, "timestamp");
    assert_int_equal(sv_images_set(f->fleet.images), 1);
    assert_false(has_file(&f->fleet, "artifacts", other->sha256, "raw"));
}

// [images-3] attack: changed on its way
static void changed_metadata_is_refused(void **state) {
    fixture *f = *state;
    SV_DEFER(repo_drop) repo *r = repo_new(false, 1);
    char *at = strstr(r->targets.at, "\"counter\":7");
    assert_non_null(at);
    at[10] = '8';
    repo_stage_metadata(&f->fleet, r);
    repo_stage_bytes(&f->fleet, r);
    publish_refused(&f->fleet, SV_ERR_UNTRUSTED, "targets");
    assert_int_equal(sv_images_find(&f->fleet, SV_TEXT("lathe/1.img"), &(sv_image_row){ 0 }, NULL),
                     SV_ERR_NOT_FOUND);
}

// [images-3]
static void a_repository_whose_time_is_over_is_refused(void **state) {
    fixture *f = *state;
    SV_DEFER(repo_drop) repo *r = repo_new(false, 1);
    r->expires_us = fixture_now_us - SV_TIME_DAY_US;
    repo_publish(r);
    repo_stage_metadata(&f->fleet, r);
    publish_refused(&f->fleet, SV_ERR_UNTRUSTED, "timestamp");
}

// [images-4] attack: other bytes under a name that is signed
static void changed_bytes_are_thrown_away(void **state) {
    fixture *f = *state;
    SV_DEFER(repo_drop) repo *r = repo_new(true, 1);
    r->stored[1].at[r->stored[1].len - 1] ^= 1;
    repo_stage_metadata(&f->fleet, r);
    repo_stage_bytes(&f->fleet, r);
    publish_refused(&f->fleet, SV_ERR_UNTRUSTED, "zstd");
    assert_false(has_file(&f->fleet, "artifacts", r->sha256, "zstd.part"));
    // What was right stays, and the rest is uploaded once more.
    assert_true(has_file(&f->fleet, "artifacts", r->sha256, "raw"));
    r->stored[1].at[r->stored[1].len - 1] ^= 1;
    repo_put(&f->fleet, r->sha256, "zstd", sv_textbuf_text(&r->stored[1]));
    repo_put(&f->fleet, r->sha256, "zstd.index",
             (sv_text){ r->index[1].at, (size_t) sv_image_index_bytes(REPO_IMAGE_BYTES) });
    sv_images_progress progress;
    sv_why why = { 0 };
    if (sv_images_publish(&f->fleet, "ann", &progress, &why) != SV_OK) {
        fail_msg("%s", why.text);
    }
    assert_int_equal(sv_images_set(f->fleet.images), 1);
}

// [images-4] attack: an index that fits its bytes and is not the signed one
static void another_index_is_refused(void **state) {
    fixture *f = *state;
    SV_DEFER(repo_drop) repo *r = repo_new(false, 1);
    r->index[0].at[30] ^= 1;
    repo_stage_metadata(&f->fleet, r);
    repo_stage_bytes(&f->fleet, r);
    publish_refused(&f->fleet, SV_ERR_UNTRUSTED, "raw");
}

// [images-4]
static void an_image_of_which_bytes_are_missing_is_not_complete(void **state) {
    fixture *f = *state;
    SV_DEFER(repo_drop) repo *r = repo_new(false, 1);
    sv_image_row row;
    sv_images_progress progress;
    repo_stage_metadata(&f->fleet, r);
    repo_put(&f->fleet, r->sha256, "raw", (sv_text){ r->stored[0].at, r->stored[0].len - 1 });
    assert_int_equal(sv_images_publish(&f->fleet, "ann", &progress, NULL), SV_OK);
    assert_int_equal(sv_images_find(&f->fleet, SV_TEXT("lathe/1.img"), &row, NULL), SV_OK);
    assert_false(row.complete);
    repo_upload(&f->fleet, r);
    assert_int_equal(sv_images_find(&f->fleet, SV_TEXT("lathe/1.img"), &row, NULL), SV_OK);
    assert_true(row.complete);
}

// [images-2]
static void an_upload_goes_on_where_it_was(void **state) {
    fixture *f = *state;
    SV_DEFER(repo_drop) repo *r = repo_new(false, 1);
    sv_images_part part;
    uint64_t now = 0;
    sv_text raw = sv_textbuf_text(&r->stored[0]);
    assert_int_equal(sv_images_part_read(sv_text_of(r->sha256), SV_TEXT("raw"), &part, NULL),
                     SV_OK);
    put_refused(&f->fleet, r->sha256, "raw", 5, SV_TEXT("x"), SV_ERR_STATE, "begin at offset 0");
    assert_int_equal(sv_images_put(&f->fleet, &part, 0, (sv_text){ raw.at, 60000 }, &now, NULL),
                     SV_OK);
    put_refused(&f->fleet, r->sha256, "raw", 60001, SV_TEXT("x"), SV_ERR_STATE,
                "60000 bytes of it are here");
    sv_fleet_drop(&f->fleet);
    fixture_start(f);
    bool judged = true;
    assert_int_equal(
        sv_images_part_state(sv_images_folder_of(f->fleet.images), 0, &part, &now, &judged, NULL),
        SV_OK);
    assert_true(now == 60000 && !judged);
    // What was sent twice, because its answer was lost, stands once.
    assert_int_equal(sv_images_put(&f->fleet, &part, 50000,
                                   (sv_text){ raw.at + 50000, raw.len - 50000 }, &now, NULL),
                     SV_OK);
    assert_int_equal(now, raw.len);
    repo_upload(&f->fleet, r);
    put_refused(&f->fleet, r->sha256, "raw", 0, SV_TEXT("x"), SV_ERR_STATE, "judged");
}

// [images-1] attack: names that lead elsewhere
static void odd_names_never_reach_the_disk(void **state) {
    fixture *f = *state;
    static const char HASH[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    static const struct {
        const char *sha256, *name;
    } ODD[] = {
        { "", "../timestamp.json" },
        { "", "root.json" },
        { "", "0.root.json" },
        { "", "1..json" },
        { "", "1.a/b.json" },
        { "", "1.-x.json" },
        { "", ".json" },
        { "", "1.root.json.new" },
        { HASH, ".." },
        { HASH, "raw/x" },
        { HASH, "delta-12" },
        { HASH, "zstd.index.index" },
        { HASH, "x.swu.index" },
        { HASH, "x.part" },
        { HASH, "raw.part" },
        { HASH, ".swu" },
        { HASH, "noending" },
        { "..", "raw" },
        { "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "raw" },
    };
    for (size_t i = 0; i < SV_COUNT(ODD); i++) {
        put_refused(&f->fleet, ODD[i].sha256, ODD[i].name, 0, SV_TEXT("x"), SV_ERR_INVALID,
                    "no file of a repository");
    }
    assert_true(sv_images_is_file(SV_TEXT("lathe_1.0+b2.swu")));
    assert_true(sv_images_is_metadata(SV_TEXT("12.bin-0f.json")));
    assert_true(sv_images_is_artifact(SV_TEXT("zstd.index")));
}

// [images-2]
static void a_full_folder_refuses_the_next_byte_alone(void **state) {
    fixture *f = *state;
    char many[1000];
    memset(many, 'x', sizeof many);
    sv_images_folder small;
    sv_images_part part;
    uint64_t now = 0;
    sv_why why = { 0 };
    char dir[SV_PATH_MAX];
    assert_int_equal(sv_disk_join(dir, sizeof dir, f->dir, "small"), SV_OK);
    assert_int_equal(sv_images_folder_open(dir, 2500, &small, NULL), SV_OK);
    assert_int_equal(sv_images_part_read(SV_TEXT("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
                                                 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
                                         SV_TEXT("raw"), &part, NULL),
                     SV_OK);
    sv_text piece = { many, sizeof many };
    assert_int_equal(sv_images_part_put(&small, &part, 0, piece, &now, NULL), SV_OK);
    assert_int_equal(sv_images_part_put(&small, &part, 1000, piece, &now, NULL), SV_OK);
    assert_int_equal(sv_images_part_put(&small, &part, 2000, piece, &now, &why), SV_ERR_NO_SPACE);
    assert_non_null(strstr(why.text, "remove images, or set images: {room"));
    assert_int_equal(now, 2000);
    // Metadata is small by itself.
    assert_int_equal(sv_images_part_read(SV_TEXT(""), SV_TEXT("timestamp.json"), &part, NULL),
                     SV_OK);
    assert_int_equal(sv_images_part_put(&small, &part, SV_TUF_TARGETS_MAX, piece, &now, NULL),
                     SV_ERR_INVALID);
}

// [images-2]
static void an_upload_that_rests_for_a_week_is_dropped(void **state) {
    fixture *f = *state;
    static const char HASH[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    repo_put(&f->fleet, HASH, "raw", SV_TEXT("half"));
    fixture_now_us = sv_clock_wall_us() + 6 * SV_TIME_DAY_US;
    sv_images_turn(&f->fleet);
    assert_true(has_file(&f->fleet, "artifacts", HASH, "raw.part"));
    fixture_now_us += 2 * SV_TIME_DAY_US;
    sv_images_turn(&f->fleet);
    assert_false(has_file(&f->fleet, "artifacts", HASH, "raw.part"));
    assert_false(has_file(&f->fleet, "artifacts", HASH, ""));
    assert_true(has_file(&f->fleet, "artifacts", "", ""));
    fixture_now_us = INT64_C(1800000000000000);
}

// ---- files --------------------------------------------------------------------------------------

static sv_images_file file_of(const char *sha256) {
    sv_images_file file = { .product = "lathe", .version = "2.0", .hardware = { "rev-a" } };
    file.hardware_count = 1;
    assert_int_equal(
        sv_images_part_read(sv_text_of(sha256), SV_TEXT("lathe.swu"), &file.part, NULL), SV_OK);
    return file;
}

// "abc"
#define ABC "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

// [images-7]
static void a_file_of_others_is_known_by_its_hashes(void **state) {
    fixture *f = *state;
    const sv_images_file file = file_of(ABC);
    char path[SV_IMAGE_PATH_ROOM];
    sv_images_progress progress;
    sv_image_row row;
    sv_why why = { 0 };
    assert_int_equal(sv_images_add_file(&f->fleet, &file, "ann", path, &progress, &why),
                     SV_ERR_STATE);
    repo_put(&f->fleet, ABC, "lathe.swu", SV_TEXT("abd"));
    assert_int_equal(sv_images_add_file(&f->fleet, &file, "ann", path, &progress, &why),
                     SV_ERR_INVALID);
    assert_non_null(strstr(why.text, "thrown away"));
    repo_put(&f->fleet, ABC, "lathe.swu", SV_TEXT("abc"));
    assert_int_equal(sv_images_add_file(&f->fleet, &file, "ann", path, &progress, &why), SV_OK);
    assert_string_equal(path, "files/lathe/2.0/lathe.swu");
    assert_int_equal(sv_images_find(&f->fleet, sv_text_of(path), &row, NULL), SV_OK);
    assert_true(row.kind == SV_IMAGE_FILE && row.complete && row.length == 3);
    assert_string_equal(row.sha256, ABC);
    assert_string_equal(row.sha1, "a9993e364706816aba3e25717850c26c9cd0d89d");
    assert_string_equal(row.md5, "900150983cd24fb0d6963f7d28e17f72");
    assert_string_equal(row.file, "lathe.swu");
    // Said once more, nothing happens; other bytes are another version.
    assert_int_equal(sv_images_add_file(&f->fleet, &file, "ann", path, &progress, &why), SV_OK);
    const sv_images_file other =
        file_of("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
    assert_int_equal(sv_images_add_file(&f->fleet, &other, "ann", path, &progress, &why),
                     SV_ERR_STATE);
    assert_non_null(strstr(why.text, "say another version"));
    // A publication leaves it alone.
    SV_DEFER(repo_drop) repo *r = repo_new(false, 1);
    repo_upload(&f->fleet, r);
    assert_int_equal(sv_images_find(&f->fleet, sv_text_of(path), &row, NULL), SV_OK);
}

/// Its path.
static void add(fixture *f, const char *version, const char *name, const char *bytes,
                const char *sha256) {
    sv_images_file file = file_of(sha256);
    char path[SV_IMAGE_PATH_ROOM];
    sv_images_progress progress;
    assert_int_equal(sv_text_copy(sv_text_of(name), file.part.name, sizeof file.part.name), SV_OK);
    assert_int_equal(sv_text_copy(sv_text_of(version), file.version, sizeof file.version), SV_OK);
    repo_put(&f->fleet, sha256, name, sv_text_of(bytes));
    assert_int_equal(sv_images_add_file(&f->fleet, &file, "ann", path, &progress, NULL), SV_OK);
}

static void assign_file(fixture *f, const char *path, const char *sha256) {
    char sql[512];
    (void) snprintf(sql, sizeof sql,
                    "INSERT INTO action (device, path, version, sha256, state, attempt, forced,"
                    " user, created_us, updated_us) VALUES ('press-1', '%s', '1', '%s', 0, 1, 0,"
                    " 'x', 0, 0)",
                    path, sha256);
    assert_int_equal(sv_db_exec(f->fleet.db, sql, NULL), SV_OK);
}

static void drop(fixture *f, const char *path) {
    sv_why why = { 0 };
    if (sv_images_remove(&f->fleet, sv_text_of(path), "ann", &why) != SV_OK) {
        fail_msg("%s: %s", path, why.text);
    }
}

// [images-14]
static void bytes_that_images_share_go_with_the_last_that_is_served_from_them(void **state) {
    fixture *f = *state;
    add(f, "1", "a.swu", "abc", ABC);
    add(f, "2", "a.swu", "abc", ABC); // the same bytes, once
    add(f, "3", "b.swu", "abc", ABC); // and under another name
    uint64_t used = sv_images_folder_of(f->fleet.images)->used;
    assign_file(f, "files/lathe/3/b.swu", ABC);
    drop(f, "files/lathe/1/a.swu"); // nobody needs that one
    assert_true(has_file(&f->fleet, "artifacts", ABC, "a.swu"));
    assert_int_equal(sv_images_folder_of(f->fleet.images)->used, used);
    drop(f, "files/lathe/2/a.swu");
    assert_false(has_file(&f->fleet, "artifacts", ABC, "a.swu"));
    assert_true(has_file(&f->fleet, "artifacts", ABC, "b.swu"));
    assert_int_equal(sv_images_folder_of(f->fleet.images)->used, used - 3);
    assert_int_equal(sv_images_remove(&f->fleet, SV_TEXT("files/lathe/3/b.swu"), "ann", NULL),
                     SV_ERR_STATE);
    assert_int_equal(sv_db_exec(f->fleet.db, "DELETE FROM action", NULL), SV_OK);
    drop(f, "files/lathe/3/b.swu");
    assert_false(has_file(&f->fleet, "artifacts", ABC, ""));
}

// [images-14] an image of ours whose bytes are somebody else's file too
static void an_image_that_goes_leaves_a_file_of_the_same_bytes(void **state) {
    fixture *f = *state;
    SV_DEFER(repo_drop) repo *r = repo_new(false, 1);
    char copy[REPO_IMAGE_BYTES + 1] = { 0 };
    sv_images_file file = file_of(r->sha256);
    char path[SV_IMAGE_PATH_ROOM];
    sv_images_progress progress;
    memcpy(copy, r->image, REPO_IMAGE_BYTES);
    repo_upload(&f->fleet, r);
    repo_put(&f->fleet, r->sha256, "lathe.swu", (sv_text){ .at = copy, .len = REPO_IMAGE_BYTES });
    assert_int_equal(sv_images_add_file(&f->fleet, &file, "ann", path, &progress, NULL), SV_OK);
    assign_file(f, path, r->sha256);
    drop(f, "lathe/1.img"); // a device needs the file, and not the image
    assert_true(has_file(&f->fleet, "artifacts", r->sha256, "lathe.swu"));
    assert_false(has_file(&f->fleet, "artifacts", r->sha256, "raw"));
    assert_false(has_file(&f->fleet, "artifacts", r->sha256, "zstd.index"));
}

// [images-8]
static void what_nobody_is_to_install_can_be_removed(void **state) {
    fixture *f = *state;
    SV_DEFER(repo_drop) repo *r = repo_new(false, 1);
    const sv_images_file file = file_of(ABC);
    char path[SV_IMAGE_PATH_ROOM];
    char sql[512];
    sv_images_progress progress;
    sv_image_row row;
    sv_why why = { 0 };
    repo_put(&f->fleet, ABC, "lathe.swu", SV_TEXT("abc"));
    assert_int_equal(sv_images_add_file(&f->fleet, &file, "ann", path, &progress, &why), SV_OK);
    repo_upload(&f->fleet, r);
    (void) snprintf(sql, sizeof sql,
                    "INSERT INTO action (device, path, version, sha256, state, attempt, forced,"
                    " user, created_us, updated_us) VALUES ('press-1', 'lathe/1.img', '1', '%s', 0,"
                    " 1, 0, 'x', 0, 0)",
                    r->sha256);
    assert_int_equal(sv_db_exec(f->fleet.db, sql, NULL), SV_OK);
    assert_int_equal(sv_images_remove(&f->fleet, SV_TEXT("lathe/1.img"), "ann", &why),
                     SV_ERR_STATE);
    assert_non_null(strstr(why.text, "1 devices and 0 campaigns"));
    assert_int_equal(sv_db_exec(f->fleet.db, "DELETE FROM action", NULL), SV_OK);
    (void) snprintf(sql, sizeof sql,
                    "INSERT INTO campaign (name, image, product, version, sha256, plan, sites,"
                    " priority, state, user, created_ms) VALUES ('c', 'lathe/1.img', '', '', '%s',"
                    " '', '', 0, 3, 'x', 0)",
                    r->sha256);
    assert_int_equal(sv_db_exec(f->fleet.db, sql, NULL), SV_OK);
    assert_int_equal(sv_images_remove(&f->fleet, SV_TEXT("lathe/1.img"), "ann", &why),
                     SV_ERR_STATE);
    assert_int_equal(sv_db_exec(f->fleet.db, "UPDATE campaign SET state = 4, closing = 2", NULL),
                     SV_OK);
    assert_int_equal(sv_images_remove(&f->fleet, SV_TEXT("lathe/1.img"), "ann", &why),
                     SV_ERR_STATE); // it stays for who comes later
    assert_int_equal(sv_db_exec(f->fleet.db, "UPDATE campaign SET closing = 0", NULL), SV_OK);
    assert_int_equal(sv_images_remove(&f->fleet, SV_TEXT("lathe/1.img"), "ann", &why), SV_OK);
    assert_int_equal(sv_images_find(&f->fleet, SV_TEXT("lathe/1.img"), &row, NULL), SV_OK);
    assert_false(row.complete || has_file(&f->fleet, "artifacts", r->sha256, ""));
    assert_int_equal(sv_images_remove(&f->fleet, sv_text_of(path), "ann", &why), SV_OK);
    assert_int_equal(sv_images_find(&f->fleet, sv_text_of(path), &row, NULL), SV_ERR_NOT_FOUND);
    assert_false(has_file(&f->fleet, "artifacts", ABC, "lathe.swu"));
    assert_int_equal(sv_images_remove(&f->fleet, sv_text_of(path), "ann", &why), SV_ERR_NOT_FOUND);
    // Uploaded again it is whole again.
    r->version++;
    repo_publish(r);
    repo_upload(&f->fleet, r);
    assert_int_equal(sv_images_find(&f->fleet, SV_TEXT("lathe/1.img"), &row, NULL), SV_OK);
    assert_true(row.complete);
}

// [images-6]
static void one_upload_is_judged_beside_everything_else(void **state) {
    fixture *f = *state;
    SV_DEFER(repo_drop) repo *r = repo_new(true, 1);
    sv_images_progress progress;
    sv_loop *loop = NULL;
    const sv_images_file file = file_of(ABC);
    char path[SV_IMAGE_PATH_ROOM];
    sv_images_drop(&f->fleet.images);
    assert_int_equal(sv_loop_open(&loop, NULL), SV_OK);
    f->fleet.loop = loop;
    assert_int_equal(sv_images_open(&f->fleet, &f->fleet.images, NULL), SV_OK);
    repo_stage_metadata(&f->fleet, r);
    repo_stage_bytes(&f->fleet, r);
    assert_int_equal(sv_images_publish(&f->fleet, "ann", &progress, NULL), SV_OK);
    assert_true(progress.busy);
    assert_int_equal(sv_images_set(f->fleet.images), 0);
    put_refused(&f->fleet, "", "timestamp.json", 0, SV_TEXT("x"), SV_ERR_UNAVAILABLE,
                "being judged");
    assert_int_equal(sv_images_add_file(&f->fleet, &file, "ann", path, &progress, NULL),
                     SV_ERR_UNAVAILABLE);
    int64_t end_us = sv_clock_monotonic_us() + 20 * SV_TIME_SECOND_US;
    while (progress.busy) {
        sv_loop_turn(loop, 1000);
        assert_true(sv_clock_monotonic_us() < end_us);
        assert_int_equal(sv_images_publish(&f->fleet, "ann", &progress, NULL), SV_OK);
    }
    assert_int_equal(sv_images_set(f->fleet.images), 1);
    sv_images_drop(&f->fleet.images);
    sv_loop_drop(&loop);
    f->fleet.loop = NULL;
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, fixture_setup, fixture_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(what_is_signed_and_whole_is_served),
        TEST(a_restart_serves_what_was_served),
        TEST(a_database_without_its_folder_serves_nothing_and_begins_anew),
        TEST(an_older_repository_is_refused),
        TEST(a_repository_of_somebody_else_is_refused),
        TEST(changed_metadata_is_refused),
        TEST(a_repository_whose_time_is_over_is_refused),
        TEST(changed_bytes_are_thrown_away),
        TEST(another_index_is_refused),
        TEST(an_image_of_which_bytes_are_missing_is_not_complete),
        TEST(an_upload_goes_on_where_it_was),
        TEST(odd_names_never_reach_the_disk),
        TEST(a_full_folder_refuses_the_next_byte_alone),
        TEST(an_upload_that_rests_for_a_week_is_dropped),
        TEST(a_file_of_others_is_known_by_its_hashes),
        TEST(what_nobody_is_to_install_can_be_removed),
        TEST(bytes_that_images_share_go_with_the_last_that_is_served_from_them),
        TEST(an_image_that_goes_leaves_a_file_of_the_same_bytes),
        TEST(one_upload_is_judged_beside_everything_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
