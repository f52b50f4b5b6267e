// U-Boot's environment in a file, two copies of it, as libubootenv writes them; the boot script is
// played by the test.
#include "test_device.h"
#include <fcntl.h>
#include <unistd.h>

enum { ENV_BYTES = 4096 };

static char FOLDER[64];
static char CONFIG[SV_PATH_MAX], ENV[SV_PATH_MAX];
static release R[4];
static platter FACTORY;
static medium M;
static device D;
static sv_boot_uboot UBOOT;

static void put(const char *path, sv_text text) {
    assert_int_equal(sv_disk_replace(path, text, 0600, NULL), SV_OK);
}

/// A copy of an environment as U-Boot writes it: CRC-32, flag, NAME=VALUE.
static void write_copy(unsigned place, uint8_t flag, const char *words, size_t len) {
    char copy[ENV_BYTES] = { 0 };
    copy[4] = (char) flag;
    memcpy(copy + 5, words, len);
    sv_little_put(sv_crc32((sv_text){ .at = copy + 5, .len = sizeof copy - 5 }), 4, copy);
    int fd = open(ENV, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, copy, sizeof copy, (off_t) place * ENV_BYTES), sizeof copy);
    assert_int_equal(close(fd), 0);
}

static int begin(void **state) {
    char text[3 * SV_PATH_MAX];
    (void) state;
    (void) snprintf(FOLDER, sizeof FOLDER, "/tmp/selvedge-uboot-XXXXXX");
    assert_non_null(mkdtemp(FOLDER));
    assert_int_equal(sv_disk_join(CONFIG, sizeof CONFIG, FOLDER, "fw_env.config"), SV_OK);
    assert_int_equal(sv_disk_join(ENV, sizeof ENV, FOLDER, "env"), SV_OK);
    (void) snprintf(text, sizeof text, "# two copies\n%s 0x0 0x%x\n%s 0x%x 0x%x\n", ENV, ENV_BYTES,
                    ENV, ENV_BYTES, ENV_BYTES);
    put(CONFIG, sv_text_of(text));
    write_copy(0, 1, "bootdelay=2\0", 12);
    write_copy(1, 0, "bootdelay=2\0", 12);
    medium_forget_events(&M);
    M = (medium){ .fault = SV_ERR_IO };
    medium_begin(&M, &FACTORY);
    device_on(&D, &M);
    UBOOT = (sv_boot_uboot){ .config = CONFIG };
    D.boot = sv_boot_uboot_control(&UBOOT);
    return 0;
}

static int end(void **state) {
    (void) state;
    medium_forget_events(&M);
    return sv_disk_remove_tree(FOLDER, NULL) == SV_OK ? 0 : -1;
}

static void wake(unsigned running) {
    sv_why why = { 0 };
    UBOOT.running = running;
    if (sv_engine_wake(&D.engine, &why) != SV_OK) {
        fail_msg("%s", why.text);
    }
}

static sv_boot_state now(void) {
    sv_boot_state s = { 0 };
    sv_why why = { 0 };
    if (D.boot.state(D.boot.arg, &s, &why) != SV_OK) {
        fail_msg("%s", why.text);
    }
    return s;
}

/// Does one of the copies say so?
static bool says(const char *word) {
    char room[2 * ENV_BYTES + 1];
    sv_textbuf out = SV_TEXTBUF(room);
    assert_int_equal(sv_disk_read(ENV, &out, NULL), SV_OK);
    return memmem(room, out.len, word, strlen(word)) != NULL;
}

static void an_update_goes_through_the_environment(void **state) { // [slot-21]
    (void) state;
    wake(0);
    assert_int_equal(now().slots[0].state, SV_BOOT_SLOT_CONFIRMED); // all there is
    assert_int_equal(install(&D.engine, &R[2], NULL), SV_OK);
    assert_true(says("BOOT_ORDER=B A") && says("BOOT_B_LEFT=3") && says("bootdelay=2"));
    assert_int_equal(now().slots[1].state, SV_BOOT_SLOT_TRIAL);
    assert_int_equal(now().slots[1].tries_left, 3);
    wake(1);
    assert_int_equal(sv_engine_next(&D.engine), SV_TRIAL_ASK_HEALTH);
    assert_int_equal(sv_engine_health(&D.engine, true, "", NULL), SV_OK);
    assert_int_equal(now().primary, 1);
    assert_int_equal(now().counter, 2);
    assert_int_equal(now().slots[0].state, SV_BOOT_SLOT_CONFIRMED);
}

static void a_slot_has_no_start_left_while_it_is_written(void **state) { // [slot-21] [slot-7]
    (void) state;
    wake(0);
    assert_int_equal(install(&D.engine, &R[2], NULL), SV_OK);
    wake(1);
    assert_int_equal(sv_engine_health(&D.engine, true, "", NULL), SV_OK);
    assert_int_equal(sv_engine_offer(&D.engine, R[3].header, sizeof R[3].header, "", NULL), SV_OK);
    assert_true(says("BOOT_A_LEFT=0"));
    assert_int_equal(now().slots[0].state, SV_BOOT_SLOT_IDLE);
    assert_int_equal(D.boot.release(D.boot.arg, 1, NULL), SV_ERR_STATE);
    assert_int_equal((D.boot.fail)(D.boot.arg, 1, NULL), SV_ERR_STATE);
}

static void a_boot_script_that_took_all_starts_is_believed(void **state) { // [slot-21]
    (void) state;
    static const char ENDS[] = "BOOT_A_LEFT=3\0BOOT_B_LEFT=0\0BOOT_ORDER=B A\0selvedge_counter=1\0"
                               "selvedge_primary=0\0selvedge_slots=ct\0";
    wake(0);
    assert_int_equal(install(&D.engine, &R[2], NULL), SV_OK);
    write_copy(0, 200, ENDS, sizeof ENDS);
    write_copy(1, 199, ENDS, sizeof ENDS);
    UBOOT.running = 1; // the last one of them
    assert_int_equal(now().slots[1].state, SV_BOOT_SLOT_TRIAL);
    wake(0);
    assert_int_equal(D.engine.journal.trial.state, SV_TRIAL_ROLLED_BACK);
    assert_true(sv_journal_is_bad(&D.engine.journal, R[2].said.digest));
}

static void a_store_that_is_cut_leaves_the_old_environment(void **state) { // [slot-21] [slot-5]
    (void) state;
    char before[2 * ENV_BYTES + 1] = { 0 };
    char after[2 * ENV_BYTES + 1] = { 0 };
    sv_textbuf old = SV_TEXTBUF(before);
    sv_textbuf new = SV_TEXTBUF(after);
    wake(0);
    assert_int_equal(sv_disk_read(ENV, &old, NULL), SV_OK);
    assert_int_equal(D.boot.arm(D.boot.arg, 1, 3, NULL), SV_OK);
    assert_int_equal(sv_disk_read(ENV, &new, NULL), SV_OK);
    for (size_t cut = 0; cut <= sizeof after - 1; cut += cut % 64 == 0 ? 1 : 63) {
        char mixed[2 * ENV_BYTES]; // the first bytes of what is new, the rest is old
        memcpy(mixed, before, sizeof mixed);
        memcpy(mixed, after, cut);
        put(ENV, (sv_text){ .at = mixed, .len = sizeof mixed });
        sv_boot_state s = now();
        assert_int_equal(s.slots[0].state, SV_BOOT_SLOT_CONFIRMED);
        assert_true(s.slots[1].state == SV_BOOT_SLOT_IDLE
                    || (s.slots[1].state == SV_BOOT_SLOT_TRIAL && s.slots[1].tries_left == 3));
    }
}

static void what_is_not_ours_is_refused(void **state) { // [slot-21]
    (void) state;
    const struct {
        const char *words;
        size_t len;
        const char *sentence;
    } cases[] = {
        { "selvedge_slots=cx\0", 18, "selvedge_slots is 'cx', not two letters of itcb" },
        { "selvedge_slots=c\0", 17, "not two letters" },
        { "selvedge_primary=2\0", 19, "selvedge_primary is '2', not 0 to 1" },
        { "selvedge_counter=4294967296\0", 28, "selvedge_counter is '4294967296'" },
        { "BOOT_A_LEFT=-1\0", 15, "BOOT_A_LEFT is '-1', not 0 to 15" },
    };
    sv_boot_state s;
    for (size_t i = 0; i < SV_COUNT(cases); i++) {
        sv_why why = { 0 };
        write_copy(0, 9, cases[i].words, cases[i].len);
        write_copy(1, 8, cases[i].words, cases[i].len);
        assert_int_equal(D.boot.state(D.boot.arg, &s, &why), SV_ERR_INVALID);
        assert_non_null(strstr(why.text, cases[i].sentence));
    }
}

static void an_environment_without_a_second_copy_is_refused(void **state) { // [slot-21]
    (void) state;
    char text[2 * SV_PATH_MAX];
    sv_boot_state s;
    sv_why why = { 0 };
    (void) snprintf(text, sizeof text, "# one\n\n%s 0x0 0x%x\n", ENV, ENV_BYTES);
    put(CONFIG, sv_text_of(text));
    assert_int_equal(D.boot.state(D.boot.arg, &s, &why), SV_ERR_INVALID);
    assert_non_null(strstr(why.text, "names 1 copies of the environment: two are wanted"));
    UBOOT.config = "/nowhere/fw_env.config";
    assert_int_equal(D.boot.state(D.boot.arg, &s, &why), SV_ERR_NOT_FOUND);
}

static int make_all(void **state) {
    (void) state;
    SV_DEFER(sv_key_drop) struct evp_pkey_st *key = make_boot_key();
    for (uint32_t i = 1; i < SV_COUNT(R); i++) {
        make_release(key, i, &R[i]);
    }
    factory(&FACTORY, &R[1]);
    return 0;
}

/// Which no boot script judges: it is started, proves nothing, and has its starts. [slot-43]
static void what_somebody_else_wrote_is_not_confirmed(void **state) {
    (void) state;
    wake(0);
    assert_int_equal(install(&D.engine, &R[2], NULL), SV_OK);
    write_over(&M, 1, NULL);
    wake(1);
    is_written_over(&D, &R[2]);
    assert_int_equal(sv_engine_next(&D.engine), SV_TRIAL_WAIT);
    assert_int_equal(now().slots[1].state, SV_BOOT_SLOT_TRIAL);
    assert_int_equal(now().counter, 1);
    wake(0); // the boot loader went back
    assert_int_equal(install(&D.engine, &R[2], NULL), SV_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_update_goes_through_the_environment, begin, end),
        cmocka_unit_test_setup_teardown(a_slot_has_no_start_left_while_it_is_written, begin, end),
        cmocka_unit_test_setup_teardown(a_boot_script_that_took_all_starts_is_believed, begin, end),
        cmocka_unit_test_setup_teardown(a_store_that_is_cut_leaves_the_old_environment, begin, end),
        cmocka_unit_test_setup_teardown(what_is_not_ours_is_refused, begin, end),
        cmocka_unit_test_setup_teardown(an_environment_without_a_second_copy_is_refused, begin,
                                        end),
        cmocka_unit_test_setup_teardown(what_somebody_else_wrote_is_not_confirmed, begin, end),
    };
    return cmocka_run_group_tests(tests, make_all, NULL);
}
