#include "config.h"

#include <base/test.h>
#include <base/time.h>
#include <stdio.h>

#define DEVICE "id: press-17\nproduct: lathe-ctl\nhardware: rev-b\n"
#define REST                                                                                       \
    "keys: [/etc/boot.pub]\nimage_root: /etc/image.json\ndirector_root: /etc/director.json\n"      \
    "state: /var/lib/updater\n"

static void what_is_not_said_has_its_value(void **state) {
    (void) state;
    updater_config config;
    SV_DEFER(sv_config_faults_drop) sv_config_faults faults = { .file = "updater.yaml" };
    assert_int_equal(updater_config_read(SV_TEXT(DEVICE "slots: /slots\n" REST), &config, &faults),
                     SV_OK);
    assert_string_equal(config.slots.dir, "/slots");
    assert_string_equal(config.slot, "rootfs");
    assert_string_equal(config.socket, "/run/selvedge/updater.sock");
    assert_string_equal(config.keys.at[0], "/etc/boot.pub");
    assert_int_equal(config.keys.count, 1);
    assert_int_equal(config.boot.kind, UPDATER_BOOT_FILE);
    assert_int_equal(config.reboot, UPDATER_REBOOT_SYSTEM);
    assert_int_equal(config.allow_uid, -1);
    assert_true(config.trial_deadline_us == 10 * SV_TIME_MINUTE_US);
}

static void slots_and_boot_loaders_have_their_kinds(void **state) {
    (void) state;
    updater_config config;
    SV_DEFER(sv_config_faults_drop) sv_config_faults faults = { .file = "updater.yaml" };
    assert_int_equal(
        updater_config_read(SV_TEXT(DEVICE "slots: {a: /dev/a, b: /dev/b}\n"
                                           "boot: {u-boot: /etc/fw_env.config}\n" REST),
                            &config, &faults),
        SV_OK);
    assert_string_equal(config.slots.dir, "");
    assert_string_equal(config.slots.b, "/dev/b");
    assert_int_equal(config.boot.kind, UPDATER_BOOT_UBOOT);
    assert_int_equal(
        updater_config_read(SV_TEXT(DEVICE "slots: /s\nreboot: exit\nallow_uid: root\n"
                                           "boot: {script: /usr/bin/boot, a: A, b: B}\n" REST),
                            &config, &faults),
        SV_OK);
    assert_int_equal(config.boot.kind, UPDATER_BOOT_SCRIPT);
    assert_string_equal(config.boot.b, "B");
    assert_int_equal(config.allow_uid, 0);
    assert_int_equal(config.reboot, UPDATER_REBOOT_EXIT);
}

static void rauc_s_slots_have_names(void **state) { // [rauc-1]
    (void) state;
    updater_config config;
    SV_DEFER(sv_config_faults_drop) sv_config_faults faults = { .file = "updater.yaml" };
    assert_int_equal(
        updater_config_read(SV_TEXT(DEVICE "slots: /s\nroom: 20MiB\n"
                                           "installer: {rauc: [rootfs.0, rootfs.1]}\n" REST),
                            &config, &faults),
        SV_OK);
    assert_int_equal(config.installer, UPDATER_RAUC);
    assert_string_equal(config.rauc[0], "rootfs.0");
    assert_string_equal(config.rauc[1], "rootfs.1");
    assert_true(config.room == INT64_C(20) * 1024 * 1024);
}

static void swupdate_has_a_selection_for_each_slot(void **state) { // [swupdate-2]
    (void) state;
    updater_config config;
    SV_DEFER(sv_config_faults_drop) sv_config_faults faults = { .file = "updater.yaml" };
    assert_int_equal(
        updater_config_read(SV_TEXT(DEVICE "slots: {a: /dev/a, b: /dev/b}\n"
                                           "installer: {swupdate: ['stable,a', 'stable,b']}\n"
                                           "boot: {u-boot: /etc/fw_env.config}\n" REST),
                            &config, &faults),
        SV_OK);
    assert_int_equal(config.installer, UPDATER_SWUPDATE);
    assert_string_equal(config.swupdate.selections[1], "stable,b");
    assert_string_equal(config.swupdate.sockets, "/run/swupdate");
    assert_string_equal(config.swupdate.release, "/etc/os-release");
    assert_int_equal(
        updater_config_read(SV_TEXT(DEVICE "slots: /s\nboot: {script: /b, a: A, b: B}\n"
                                           "installer: {swupdate: ['s,a', 's,b'], sockets: /r,\n"
                                           "            release: /o}\n" REST),
                            &config, &faults),
        SV_OK);
    assert_string_equal(config.swupdate.sockets, "/r");
    assert_string_equal(config.swupdate.release, "/o");
}

static void trees_have_their_room(void **state) {
    (void) state;
    updater_config config;
    SV_DEFER(sv_config_faults_drop) sv_config_faults faults = { .file = "updater.yaml" };
    assert_int_equal(updater_config_read(SV_TEXT(DEVICE "slots: /s\ninstaller: native\n" REST),
                                         &config, &faults),
                     SV_OK);
    assert_int_equal(config.installer, UPDATER_NATIVE);
    assert_int_equal(updater_config_read(SV_TEXT(DEVICE "slots: /s\ninstaller: files\n"
                                                        "room: 20MiB\nboot: file\n" REST),
                                         &config, &faults),
                     SV_OK);
    assert_int_equal(config.installer, UPDATER_FILES);
    assert_true(config.room == INT64_C(20) * 1024 * 1024);
}

static void a_counter_in_the_tpm_has_its_place(void **state) { // [updater-30]
    (void) state;
    updater_config config;
    SV_DEFER(sv_config_faults_drop) sv_config_faults faults = { .file = "updater.yaml" };
    const struct {
        const char *line;
        uint32_t index;
    } cases[] = { { "", 0 },
                  { "counter: tpm\n", 0x01805e1a },
                  { "counter: {tpm: 0x01800040}\n", 0x01800040 } };
    for (size_t i = 0; i < SV_COUNT(cases); i++) {
        char yaml[1024];
        (void) snprintf(yaml, sizeof yaml, DEVICE "slots: /s\n%s" REST, cases[i].line);
        assert_int_equal(updater_config_read(sv_text_of(yaml), &config, &faults), SV_OK);
        assert_int_equal(config.counter_index, cases[i].index);
    }
}

static void what_is_wrong_is_named(void **state) {
    (void) state;
    const struct {
        const char *yaml, *sentence;
    } cases[] = {
        { "slots: slots\n", "does not begin with '/'" },
        { "slots: /s\ncounter: tpm2\n", "counter: write tpm, or {tpm: 0x" },
        { "slots: /s\ncounter: {tpm: 0x01c00000}\n", "from 0x01800000 to 0x01bffffe" },
        { "slots: /s\ncounter: {tpm: 0x0180005g}\n", "from 0x01800000 to 0x01bffffe" },
        { "slots: /s\ncounter: {tpm: 25165824}\n", "from 0x01800000 to 0x01bffffe" },
        { "slots: /s\ncounter: {nv: 0x01800000}\n", "'nv' is not known" },
        { "slots: /s\ncounter: [tpm]\n", "counter: write tpm" },
        { "slots: {a: /dev/a}\n", "two block devices" },
        { "slots: {a: /dev/a, b: /dev/a}\n", "the same device" },
        { "slots: {a: /dev/a, b: /dev/b, c: /dev/c}\n", "'c' is not known" },
        { "slots: [/a, /b]\n", "two block devices" },
        { "", "slots" },
        { "slots: /s\nboot: grub\n", "boot: write file" },
        { "slots: /s\nboot: {u-boot: /a, script: /b, a: A, b: B}\n", "boot: write file" },
        { "slots: /s\nboot: {script: /b, a: A}\n", "boot: write file" },
        { "slots: /s\nboot: {u-boot: a}\n", "does not begin with '/'" },
        { "slots: /s\nrevoked_keys: a\n", "write a list" },
        { "slots: /s\nreboot: never\n", "reboot" },
        { "slots: /s\ntrial_deadline: 0\n", "trial_deadline" },
        { "slots: /s\nallow_uid: no-one-here\n", "no user 'no-one-here'" },
        { "slots: /s\nsocket: run/x\n", "does not begin with '/'" },
        { "slots: /s\nslot: a b\n", "is no name" },
        { "slots: /s\ninstaller: rauc\n", "{rauc: [NAME, NAME]}" },
        { "slots: /s\ninstaller: {rauc: rootfs}\n", "{rauc: [NAME, NAME]}" },
        { "slots: /s\ninstaller: {rauc: [a]}\n", "{rauc: [NAME, NAME]}" },
        { "slots: /s\ninstaller: {rauc: [a, a]}\n", "are the same: 'a'" },
        { "slots: /s\ninstaller: {rauc: [a, [b]]}\n", "a slot's name" },
        { "slots: {a: /dev/a, b: /dev/b}\ninstaller: {rauc: [a, b]}\n", "rauc needs a folder" },
        { "slots: /s\ninstaller: {rauc: [a, b], swupdate: ['s,a', 's,b']}\n", "write native" },
        { "slots: /s\ninstaller: {rauc: [a, b], sockets: /r}\n", "write native" },
        { "slots: /s\ninstaller: {sockets: /r}\n", "write native" },
        { "slots: /s\ninstaller: {swupdate: 's,a'}\n", "write native" },
        { "slots: /s\ninstaller: {swupdate: ['s,a']}\n", "write native" },
        { "slots: /s\ninstaller: {swupdate: ['s,a', 's,a']}\n", "are the same: 's,a'" },
        { "slots: /s\ninstaller: {swupdate: ['s,a', b]}\n", "'b' is no selection" },
        { "slots: /s\ninstaller: {swupdate: ['s,a', 's,b,c']}\n", "'s,b,c' is no selection" },
        { "slots: /s\ninstaller: {swupdate: ['s,a', [b]]}\n", "a selection" },
        { "slots: /s\ninstaller: {swupdate: ['s,a', 's,b'], sockets: r}\n", "begin with '/'" },
        { "slots: /s\ninstaller: {swupdate: ['s,a', 's,b'], release: r}\n", "begin with '/'" },
        { "slots: /s\ninstaller: {swupdate: ['s,a', 's,b']}\n", "swupdate needs boot:" },
        { "slots: /s\ninstaller: {rauc: [a, b]}\nboot: {u-boot: /etc/e}\n", "no boot:" },
        { "slots: /s\ninstaller: tar\n", "write native, files, " },
        { "slots: /s\ninstaller: [files]\n", "write native, files, " },
        { "slots: /s\nroom: 1\n", "room" },
        { "slots: {a: /dev/a, b: /dev/b}\ninstaller: files\n", "files needs a folder" },
        { "slots: /s\ninstaller: files\nboot: {u-boot: /etc/fw_env.config}\n", "and boot: file" },
    };
    for (size_t i = 0; i < SV_COUNT(cases); i++) {
        char yaml[2048];
        updater_config config;
        SV_DEFER(sv_config_faults_drop) sv_config_faults faults = { .file = "updater.yaml" };
        sv_textbuf text = SV_TEXTBUF(yaml);
        sv_textbuf_add_str(&text, DEVICE REST);
        sv_textbuf_add_str(&text, cases[i].yaml);
        assert_int_equal(updater_config_read(sv_textbuf_text(&text), &config, &faults),
                         SV_ERR_INVALID);
        assert_int_equal(sv_textbuf_end(&faults.text), SV_OK);
        if (strstr(faults.text.at, cases[i].sentence) == NULL) {
            fail_msg("'%s' is not said of: %s: %s", cases[i].sentence, cases[i].yaml,
                     faults.text.at);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_not_said_has_its_value),
        cmocka_unit_test(slots_and_boot_loaders_have_their_kinds),
        cmocka_unit_test(rauc_s_slots_have_names),
        cmocka_unit_test(swupdate_has_a_selection_for_each_slot),
        cmocka_unit_test(trees_have_their_room),
        cmocka_unit_test(a_counter_in_the_tpm_has_its_place),
        cmocka_unit_test(what_is_wrong_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
