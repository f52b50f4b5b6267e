// A device whose releases are trees, in a real folder: installed, started, damaged, gone back from.
#include "test_trees.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *in(const char *name) {
    static char path[SV_PATH_MAX];
    assert_int_equal(sv_disk_join(path, sizeof path, DIR_NAME, name), SV_OK);
    return path;
}

/// What the tree says that runs.
static const char *running_text(void) {
    static char text[64];
    FILE *file = fopen(in("current/etc/release"), "re");
    assert_non_null(file);
    assert_non_null(fgets(text, sizeof text, file));
    assert_int_equal(fclose(file), 0);
    return text;
}

static void new_folder(void) {
    if (DIR_NAME[0] != '\0') {
        assert_int_equal(sv_disk_remove_tree(DIR_NAME, NULL), SV_OK);
    }
    (void) snprintf(DIR_NAME, sizeof DIR_NAME, "/tmp/selvedge-files-XXXXXX");
    assert_non_null(mkdtemp(DIR_NAME));
}

static void put(const char *name, const void *bytes, size_t len) {
    FILE *file = fopen(in(name), "we");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
}

/// As it leaves the factory: an archive and its header, copied there.
static void from_factory(tree_device *d) {
    new_folder();
    put("slot-a", OF[1].at, OF[1].len);
    put("slot-a.boot", SIGNED[1].header, sizeof SIGNED[1].header);
    open_device(d);
}

static void confirm(tree_device *d) {
    if (sv_engine_next(&d->engine) == SV_TRIAL_ASK_HEALTH) {
        assert_int_equal(sv_engine_health(&d->engine, true, "", NULL), SV_OK);
    }
}

static void what_is_copied_there_in_the_factory_is_unpacked_and_starts(void **state) { // [slot-32]
    (void) state;
    tree_device d;
    from_factory(&d);
    assert_int_equal(started(&d), 0);
    assert_non_null(strstr(TOLD, "tree-a is made anew"));
    assert_string_equal(running_text(), "release 1\n");
    assert_int_equal(d.engine.journal.trial.state, SV_TRIAL_CONFIRMED); // nothing to go back to
    assert_int_equal(started(&d), 0);
    assert_string_equal(TOLD, "");
    close_device(&d);
}

/// The running tree, as a whole: its inode and what is in it.
static ino_t inode_of(const char *name) {
    struct stat info;
    assert_int_equal(lstat(in(name), &info), 0);
    return info.st_ino;
}

static void a_release_is_unpacked_beside_the_one_that_runs_and_proves_itself(void **state) {
    (void) state; // [slot-31]
    tree_device d;
    from_factory(&d);
    assert_int_equal(started(&d), 0);
    ino_t link = inode_of("current");
    ino_t file = inode_of("tree-a/etc/release");
    assert_int_equal(install_tree(&d, 2, NULL), SV_OK);
    assert_int_equal(inode_of("current"), link);
    assert_int_equal(inode_of("tree-a/etc/release"), file);
    assert_string_equal(running_text(), "release 1\n");
    assert_int_equal(started(&d), 1);
    assert_string_equal(running_text(), "release 2\n");
    confirm(&d);
    assert_int_equal(started(&d), 1);
    assert_int_equal(install_tree(&d, 3, NULL), SV_OK); // in place of the first
    assert_int_equal(started(&d), 0);
    assert_string_equal(running_text(), "release 3\n");
    close_device(&d);
}

static void one_that_does_not_prove_itself_is_gone_back_from(void **state) { // [slot-32]
    (void) state;
    tree_device d;
    for (int silent = 0; silent < 2; silent++) {
        from_factory(&d);
        assert_int_equal(started(&d), 0);
        assert_int_equal(install_tree(&d, 2, NULL), SV_OK);
        assert_int_equal(started(&d), 1);
        if (silent == 0) {
            assert_int_equal(sv_engine_health(&d.engine, false, "no", NULL), SV_OK);
        } else { // three starts, and nobody said a word
            assert_int_equal(started(&d), 1);
            assert_int_equal(started(&d), 1);
        }
        assert_int_equal(started(&d), 0);
        assert_string_equal(running_text(), "release 1\n");
        assert_int_equal(d.engine.journal.trial.state, SV_TRIAL_ROLLED_BACK);
        close_device(&d);
    }
}

static void damage_tree(int what) {
    switch (what) {
    case 0:
        put("tree-b/etc/release", "release 9\n", 10);
        break;
    case 1:
        assert_int_equal(unlink(in("tree-b/bin/run")), 0);
        break;
    case 2:
        assert_int_equal(sv_disk_remove_tree(in("tree-b"), NULL), SV_OK);
        break;
    case 3:
        put("tree-b/more", "", 0);
        break;
    default:
        assert_int_equal(sv_disk_remove_tree(in("tree-b"), NULL), SV_OK);
        assert_int_equal(symlink("tree-a", in("tree-b")), 0);
        break;
    }
}

/// Whatever a power cut or a bad medium has left of the tree or its archive. [slot-32]
static void a_damaged_tree_is_made_anew_or_not_started(void **state) {
    (void) state;
    for (int what = 0; what < 5; what++) {
        for (int archive_too = 0; archive_too < 2; archive_too++) {
            tree_device d;
            from_factory(&d);
            assert_int_equal(started(&d), 0);
            assert_int_equal(install_tree(&d, 2, NULL), SV_OK);
            damage_tree(what);
            if (archive_too == 1) {
                put("slot-b", OF[3].at, OF[3].len);
            }
            assert_int_equal(started(&d), archive_too == 1 ? 0 : 1);
            assert_string_equal(running_text(), archive_too == 1 ? "release 1\n" : "release 2\n");
            close_device(&d);
        }
    }
}

static void a_tree_that_cannot_be_made_anew_is_passed_over(void **state) { // [slot-32]
    (void) state;
    tree_device d;
    from_factory(&d);
    assert_int_equal(started(&d), 0);
    assert_int_equal(install_tree(&d, 2, NULL), SV_OK);
    damage_tree(2);
    d.files.bytes_max = 10; // as on a full disk
    assert_int_equal(sv_disk_remove_tree(in("current"), NULL), SV_OK);
    unsigned slot = SV_BOOT_NO_SLOT;
    sv_why why = { 0 };
    ino_t whole = inode_of("tree-a/etc/release");
    assert_int_equal(start_trees(&d, &slot, &why), SV_ERR_INVALID);
    assert_non_null(strstr(why.text, "more than 10 bytes"));
    assert_int_equal(inode_of("tree-a/etc/release"), whole);
    d.files.bytes_max = 15; // enough for the first release alone
    assert_int_equal(started(&d), 0);
    sv_boot_state boot;
    assert_int_equal(sv_boot_file_read(&d.file, &boot, NULL, NULL), SV_OK);
    assert_int_equal(boot.slots[1].state, SV_BOOT_SLOT_BAD);
    close_device(&d);
}

/// No file can be opened from `AT` on, a piece or a sentence that was told, until `UNTIL` is told.
static const char *AT, *UNTIL;
static struct rlimit ENOUGH;

static void set_open_files(rlim_t most) {
    const struct rlimit limit = { .rlim_cur = most, .rlim_max = ENOUGH.rlim_max };
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

static void run_out_at_a_piece(void *arg) {
    int *pieces = arg;
    if (AT == NULL && (*pieces)++ == 0) {
        set_open_files(0);
    }
}

static void run_out_as_told(void *arg, const char *sentence) {
    (void) arg;
    if (AT != NULL && strstr(sentence, AT) != NULL) {
        set_open_files(0);
    } else if (UNTIL != NULL && strstr(sentence, UNTIL) != NULL) {
        set_open_files(ENOUGH.rlim_cur);
    }
}

/// Slot b is on trial and slot a confirmed, and the machine has no descriptors.
static sv_err start_in_need(tree_device *d, const char *at, const char *until, unsigned *slot) {
    int pieces = 0;
    AT = at;
    UNTIL = until;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &ENOUGH), 0);
    d->files.tell = run_out_as_told;
    d->files.tick = run_out_at_a_piece;
    d->files.tick_arg = &pieces;
    sv_err err = sv_files_start(&d->files, &d->file, &BOOT_KEYS, &WHO, slot, NULL);
    set_open_files(ENOUGH.rlim_cur);
    d->files.tell = hear;
    d->files.tick = NULL;
    return err;
}

static sv_boot_slot slot_b(const tree_device *d) {
    sv_boot_state boot;
    assert_int_equal(sv_boot_file_read(&d->file, &boot, NULL, NULL), SV_OK);
    return boot.slots[1];
}

static void a_fault_of_the_machine_takes_no_tree_and_calls_none_bad(void **state) { // [slot-32]
    (void) state;
    tree_device d;
    unsigned slot = SV_BOOT_NO_SLOT;
    for (int damaged = 0; damaged < 2; damaged++) {
        const char *at = damaged == 1 ? "tree-b is made anew" : NULL;
        from_factory(&d);
        assert_int_equal(started(&d), 0);
        assert_int_equal(install_tree(&d, 2, NULL), SV_OK);
        if (damaged == 1) {
            damage_tree(3);
        }
        ino_t trees[] = { inode_of("tree-a/etc/release"), inode_of("tree-b/etc/release") };
        // Neither can be looked at: nothing has changed.
        assert_int_equal(start_in_need(&d, at, NULL, &slot), SV_ERR_IO);
        assert_int_equal(slot_b(&d).tries_left, SV_BOOT_TRIES);
        // One cannot: the other one starts, and this one had a try.
        assert_int_equal(start_in_need(&d, at, "tree-b cannot be started", &slot), SV_OK);
        assert_int_equal(slot, 0);
        assert_int_equal(slot_b(&d).state, SV_BOOT_SLOT_TRIAL);
        assert_int_equal(slot_b(&d).tries_left, SV_BOOT_TRIES - 1);
        assert_int_equal(inode_of("tree-a/etc/release"), trees[0]);
        assert_int_equal(inode_of("tree-b/etc/release"), trees[1]);
        assert_int_equal(started(&d), 1);
        assert_string_equal(running_text(), "release 2\n");
        close_device(&d);
    }
}

static int pieces_told;

static void count_told(void *arg, const char *sentence) {
    (void) arg;
    pieces_told += strstr(sentence, "is made anew") != NULL ? 1 : 0;
}

static void a_disk_that_is_full_is_a_fault_of_the_machine(void **state) { // [slot-32]
    (void) state;
    const struct rlimit small = { .rlim_cur = 3, .rlim_max = RLIM_INFINITY };
    struct rlimit before;
    tree_device d;
    unsigned slot = SV_BOOT_NO_SLOT;
    from_factory(&d);
    assert_int_equal(started(&d), 0);
    assert_int_equal(install_tree(&d, 2, NULL), SV_OK);
    damage_tree(2);
    pieces_told = 0;
    d.files.tell = count_told;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    (void) signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    // The boot state cannot be kept either, and says so: the tree that runs stays.
    sv_err err = sv_files_start(&d.files, &d.file, &BOOT_KEYS, &WHO, &slot, NULL);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    d.files.tell = hear;
    assert_int_equal(err, SV_ERR_NO_SPACE);
    assert_int_equal(pieces_told, 1);
    assert_int_equal(slot_b(&d).state, SV_BOOT_SLOT_TRIAL);
    assert_int_equal(access(in("tree-b.new"), F_OK), -1);
    assert_string_equal(running_text(), "release 1\n");
    assert_int_equal(started(&d), 1);
    close_device(&d);
}

static void what_is_no_archive_has_failed_and_leaves_nothing_behind(void **state) { // [slot-31]
    (void) state;
    tree_device d;
    sv_why why = { 0 };
    from_factory(&d);
    assert_int_equal(started(&d), 0);
    d.files.bytes_max = 15;
    assert_int_equal(install_tree(&d, 2, &why), SV_ERR_INVALID);
    assert_non_null(strstr(why.text, "more than 15 bytes"));
    assert_int_equal(d.engine.journal.trial.state, SV_TRIAL_FAILED);
    assert_int_equal(access(in("tree-b.new"), F_OK), -1);
    assert_int_equal(access(in("tree-b"), F_OK), -1);
    assert_int_equal(started(&d), 0);
    close_device(&d);
}

static void a_tree_to_go_back_to_is_held_against_its_archive(void **state) { // [slot-31]
    (void) state;
    tree_device d;
    from_factory(&d);
    assert_int_equal(started(&d), 0);
    assert_int_equal(install_tree(&d, 2, NULL), SV_OK);
    assert_int_equal(d.placer.check(&d.files, 1, &SIGNED[2].said, NULL), SV_OK);
    damage_tree(0);
    assert_int_equal(d.placer.check(&d.files, 1, &SIGNED[2].said, NULL), SV_ERR_UNTRUSTED);
    close_device(&d);
}

static void the_link_is_a_link_and_leads_to_a_tree(void **state) { // [slot-31]
    (void) state;
    tree_device d;
    unsigned slot = 0;
    sv_why why = { 0 };
    from_factory(&d);
    assert_int_equal(sv_files_current(&d.files, &slot, NULL), SV_OK);
    assert_int_equal(slot, SV_BOOT_NO_SLOT);
    assert_int_equal(symlink("/etc", in("current")), 0);
    assert_int_equal(sv_files_current(&d.files, &slot, NULL), SV_OK);
    assert_int_equal(slot, SV_BOOT_NO_SLOT);
    assert_int_equal(started(&d), 0);
    assert_int_equal(unlink(in("current")), 0);
    assert_int_equal(mkdir(in("current"), 0755), 0);
    assert_int_equal(start_trees(&d, &slot, &why), SV_ERR_UNTRUSTED);
    assert_non_null(strstr(why.text, "is no link"));
    close_device(&d);
}

static int end(void **state) {
    (void) state;
    sv_key_drop(&KEY);
    return sv_disk_remove_tree(DIR_NAME, NULL) == SV_OK ? 0 : -1;
}

int main(void) {
    KEY = make_boot_key();
    make_trees();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_copied_there_in_the_factory_is_unpacked_and_starts),
        cmocka_unit_test(a_release_is_unpacked_beside_the_one_that_runs_and_proves_itself),
        cmocka_unit_test(one_that_does_not_prove_itself_is_gone_back_from),
        cmocka_unit_test(a_damaged_tree_is_made_anew_or_not_started),
        cmocka_unit_test(a_tree_that_cannot_be_made_anew_is_passed_over),
        cmocka_unit_test(a_fault_of_the_machine_takes_no_tree_and_calls_none_bad),
        cmocka_unit_test(a_disk_that_is_full_is_a_fault_of_the_machine),
        cmocka_unit_test(what_is_no_archive_has_failed_and_leaves_nothing_behind),
        cmocka_unit_test(a_tree_to_go_back_to_is_held_against_its_archive),
        cmocka_unit_test(the_link_is_a_link_and_leads_to_a_tree),
    };
    return cmocka_run_group_tests(tests, NULL, end);
}
