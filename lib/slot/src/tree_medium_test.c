// Trees on a medium that keeps other bytes than were written, or has no room for two.
#include "test_tree_medium.h"
#include "test_trees.h"

static char LIES_DIR[64];
static tree_device D;

/// As it leaves the factory, started: release 1 runs from tree-a.
static void started_device(void) {
    static tree_platter factory;
    unsigned slot = SV_BOOT_NO_SLOT;
    sv_why why = { 0 };
    factory = (tree_platter){ .made = 1 };
    factory.nodes[ROOT].mode = S_IFDIR | 0700;
    add_file(&factory, "slot-a", OF[1].at, OF[1].len);
    add_file(&factory, "slot-a.boot", SIGNED[1].header, sizeof SIGNED[1].header);
    record_from(&factory, LIES_DIR);
    (void) snprintf(DIR_NAME, sizeof DIR_NAME, "%s", LIES_DIR);
    open_device(&D);
    const sv_slot_disk *disk = noted_disk(sv_slot_folder_disk(D.folder), D.files.folder);
    D.native.disk = disk;
    D.file.disk = disk;
    D.engine.disk = disk;
    if (start_trees(&D, &slot, &why) != SV_OK) {
        fail_msg("%s", why.text);
    }
    assert_int_equal(slot, 0);
}

static void end_device(void) {
    REC.flips = 0;
    REC.full_beside = NULL;
    close_device(&D);
}

/// Read back and held against its archive; written again, three times at most. [slot-31]
static void a_tree_that_keeps_other_bytes_is_unpacked_again_and_given_up(void **state) {
    (void) state;
    sv_why why = { 0 };
    for (unsigned flips = 0; flips <= SV_FILES_TRIES; flips++) {
        started_device();
        assert_int_equal(
            sv_engine_offer(&D.engine, SIGNED[2].header, sizeof SIGNED[2].header, "raw", NULL),
            SV_OK);
        assert_int_equal(sv_engine_write(&D.engine, (const uint8_t *) OF[2].at, OF[2].len, NULL),
                         SV_OK);
        assert_int_equal(sv_engine_prepare(&D.engine, NULL), SV_OK);
        REC.flips = 2 * flips; // of two files
        sv_err err = sv_engine_install(&D.engine, &why);
        assert_int_equal(err, flips < SV_FILES_TRIES ? SV_OK : SV_ERR_UNTRUSTED);
        assert_int_equal(D.engine.journal.trial.state,
                         flips < SV_FILES_TRIES ? SV_TRIAL_INSTALLED : SV_TRIAL_FAILED);
        if (err != SV_OK) {
            assert_non_null(strstr(why.text, "is not what the archive has"));
            assert_int_equal(node_at(&REC.now, ROOT, "tree-b"), NO_NODE);
            assert_int_equal(node_at(&REC.now, ROOT, "tree-b.new"), NO_NODE);
        }
        end_device();
    }
}

/// It is made anew in its own place, then. [slot-32]
static void a_damaged_tree_is_made_anew_where_there_is_room_for_one_alone(void **state) {
    (void) state;
    unsigned slot = SV_BOOT_NO_SLOT;
    sv_why why = { 0 };
    char path[SV_PATH_MAX];
    started_device();
    assert_int_equal(sv_disk_join(path, sizeof path, LIES_DIR, "tree-a/etc/release"), SV_OK);
    assert_int_equal(truncate(path, 0), 0);
    REC.full_beside = "tree-a";
    if (start_trees(&D, &slot, &why) != SV_OK) {
        fail_msg("%s", why.text);
    }
    assert_int_equal(slot, 0);
    assert_non_null(strstr(TOLD, "is made anew"));
    REC.full_beside = NULL;
    assert_true(node_at(&REC.now, ROOT, "tree-a") >= 0);
    const sv_placer *placer = D.installer.placer;
    assert_int_equal(placer->check(placer->arg, 0, &SIGNED[1].said, NULL), SV_OK);
    end_device();
}

static int make_all(void **state) {
    (void) state;
    KEY = make_boot_key();
    make_trees();
    (void) snprintf(LIES_DIR, sizeof LIES_DIR, "/tmp/selvedge-lies-XXXXXX");
    assert_non_null(mkdtemp(LIES_DIR));
    return 0;
}

static int drop_all(void **state) {
    (void) state;
    REC.on = false;
    forget_tree_events();
    sv_key_drop(&KEY);
    return sv_disk_remove_tree(LIES_DIR, NULL) == SV_OK ? 0 : -1;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tree_that_keeps_other_bytes_is_unpacked_again_and_given_up),
        cmocka_unit_test(a_damaged_tree_is_made_anew_where_there_is_room_for_one_alone),
    };
    return cmocka_run_group_tests(tests, make_all, drop_all);
}
