// A device whose slots SWUpdate writes: SWUpdate itself is one in memory here, that does what the
// real one was seen to do (tests/scenario/swupdate.sh asks the real one).
#include "test_device.h"
#include <slot/swupdate.h>

static struct evp_pkey_st *KEY;
static release R[4];
static medium M;
static device D;
static sv_swupdate SWUPDATE;
static sv_slot_disk DEVICES;

/// SWUpdate, and the slots that it writes, which are "device-a" and "device-b" of the medium.
typedef struct other_side {
    sv_err says;       ///< of the next installation
    bool dies;         ///< in its middle: half is written
    bool arms;         ///< it changes what starts
    bool medium_flips; ///< of the slot that was written
    unsigned installs;
    char selection[64]; ///< the last
    char mark[128];
} other_side;

static other_side O;

static void put(const char *name, const sv_image_bytes *image, size_t bytes) {
    uint8_t all[IMAGE_BYTES];
    int file = -1;
    const size_t fail_at = M.fail_at; // these calls are SWUpdate's
    const size_t before = M.calls;
    M.fail_at = 0;
    assert_int_equal(image->read(image->arg, 0, all, image->length, NULL), SV_OK);
    for (size_t i = 0; i < bytes; i++) {
        all[i] ^= 0xff; // it is no copy of the .swu
    }
    assert_int_equal(M.disk.open(&M, name, SV_SLOT_WRITE, &file, NULL), SV_OK);
    assert_int_equal(M.disk.write(&M, file, 0, all, bytes, NULL), SV_OK);
    M.disk.close(&M, file);
    M.fail_at = fail_at != 0 ? fail_at + M.calls - before : 0;
}

static sv_err take(void *arg, const char *selection, const char *mark, const sv_image_bytes *image,
                   sv_why *why) {
    (void) arg;
    unsigned slot = strcmp(selection, "stable,slot-b") == 0 ? 1 : 0;
    const char *name = slot == 1 ? "device-b" : "device-a";
    O.installs++;
    (void) snprintf(O.selection, sizeof O.selection, "%s", selection);
    (void) snprintf(O.mark, sizeof O.mark, "%s", mark);
    assert_int_equal(D.engine.journal.trial.state, SV_TRIAL_VERIFIED); // and not armed
    if (O.says != SV_OK) {
        return sv_fail(why, O.says, "SWUpdate does not install the image: HASH mismatch");
    }
    put(name, image, O.dies ? IMAGE_BYTES / 2 : IMAGE_BYTES);
    if (O.arms) {
        assert_int_equal(D.boot.arm(D.boot.arg, slot, 3, NULL), SV_OK);
    }
    return O.dies ? sv_fail(why, SV_ERR_UNAVAILABLE, "SWUpdate ended in the middle") : SV_OK;
}

static const sv_swupdate_daemon DAEMON = { .install = take };

static sv_err forget(void *arg, int file, sv_why *why) {
    SV_TRY(M.disk.forget(arg, file, why));
    if (O.medium_flips) {
        M.now.files[platter_find(&M.now, "device-b")].data[99] ^= 1;
    }
    return SV_OK;
}

static unsigned ticks;

static void tick(void *arg) {
    (void) arg;
    ticks++;
}

static void wire(unsigned running, const char *version) {
    device_on(&D, &M);
    D.file.running = running;
    DEVICES = M.disk;
    DEVICES.forget = forget;
    SWUPDATE = (sv_swupdate){ .native = D.native,
                              .daemon = &DAEMON,
                              .selections = { "stable,slot-a", "stable,slot-b" },
                              .boot = &D.boot,
                              .disk = &DEVICES,
                              .names = { "device-a", "device-b" } };
    SWUPDATE.native.apart = true;
    SWUPDATE.native.image_max = IMAGE_BYTES;
    SWUPDATE.native.tick = tick;
    (void) snprintf(SWUPDATE.version, sizeof SWUPDATE.version, "%s", version);
    D.installer = sv_swupdate_installer(&SWUPDATE);
    sv_why why = { 0 };
    if (sv_engine_wake(&D.engine, &why) != SV_OK) {
        fail_msg("%s", why.text);
    }
}

static sv_boot_state state_now(void) {
    sv_boot_state state;
    assert_int_equal(D.boot.state(D.boot.arg, &state, NULL), SV_OK);
    return state;
}

/// The machine starts, by what the boot loader remembers; the system in slot b says that it is
/// `version`, the one in slot a that it is 1.0.
static unsigned start(const char *version) {
    sv_boot_state state = state_now();
    unsigned other = 1U - state.primary;
    bool trial =
        state.slots[other].state == SV_BOOT_SLOT_TRIAL && state.slots[other].tries_left > 0;
    unsigned slot = trial ? other : state.primary;
    if (trial) {
        state.slots[slot].tries_left--;
        assert_int_equal(sv_boot_file_keep(&D.file, &state, NULL), SV_OK);
    }
    wire(slot, slot == 1 ? version : "1.0");
    return slot;
}

/// As it leaves the factory: release 1 in slot a, its header beside.
static void factory_device(void) {
    static platter p;
    memset(&p, 0, sizeof p);
    platter_add(&p, "device-a", IMAGE_BYTES);
    platter_add(&p, "device-b", IMAGE_BYTES);
    platter_add(&p, "slot-a.boot", SV_BOOT_HEADER_BYTES);
    memcpy(p.files[2].data, R[1].header, sizeof R[1].header);
    medium_begin(&M, &p);
    O = (other_side){ .installs = 0 };
    device_on(&D, &M);
    const sv_boot_state made = { .slots = { { .state = SV_BOOT_SLOT_CONFIRMED } }, .counter = 1 };
    assert_int_equal(sv_boot_file_keep(&D.file, &made, NULL), SV_OK);
    wire(0, "1.0");
    assert_int_equal(state_now().slots[0].state, SV_BOOT_SLOT_CONFIRMED);
}

static bool is_header_of(unsigned slot, const release *r) {
    uint8_t header[SV_BOOT_HEADER_BYTES];
    assert_int_equal(D.installer.header(D.installer.arg, slot, header, NULL), SV_OK);
    return memcmp(header, r->header, sizeof header) == 0;
}

/// SWUpdate has written all of it there.
static bool is_in(const char *name, const release *r) {
    const uint8_t *data = M.now.files[platter_find(&M.now, name)].data;
    size_t same = 0;
    while (same < IMAGE_BYTES && (data[same] ^ r->image[same]) == 0xff) {
        same++;
    }
    return same == IMAGE_BYTES;
}

static void an_image_is_handed_over_and_confirmed_after_its_start(void **state) {
    (void) state; // [swupdate-3] [swupdate-6]
    factory_device();
    assert_true(is_header_of(0, &R[1]));
    ticks = 0;
    assert_int_equal(install(&D.engine, &R[2], NULL), SV_OK);
    assert_int_equal(O.installs, 1);
    assert_string_equal(O.selection, "stable,slot-b");
    assert_int_equal(strlen(O.mark), 9 + 64);
    assert_true(is_in("device-b", &R[2]) && ticks > 2);
    assert_int_equal(platter_find(&M.now, "slot-b"), -1); // its room is given back
    assert_int_equal(state_now().slots[1].state, SV_BOOT_SLOT_TRIAL);
    assert_int_equal(start("2.0"), 1);
    assert_true(is_header_of(1, &R[2]));
    assert_int_equal(sv_engine_health(&D.engine, true, "", NULL), SV_OK);
    assert_int_equal(state_now().slots[1].state, SV_BOOT_SLOT_CONFIRMED);
    assert_int_equal(state_now().counter, 2);
    const sv_placer *placer = D.installer.placer;
    assert_int_equal(placer->check(placer->arg, 0, &R[1].said, NULL), SV_OK); // [swupdate-8]
}

/// The last event of a kind with a file; -1: none.
static int last_event(medium_kind kind, const char *name) {
    int file = platter_find(&M.now, name);
    int found = -1;
    for (size_t i = 0; i < M.count; i++) {
        found = M.events[i].kind == kind && M.events[i].file == file ? (int) i : found;
    }
    return found;
}

static void the_slot_is_flushed_before_it_is_armed(void **state) { // [swupdate-4]
    (void) state;
    factory_device();
    assert_int_equal(install(&D.engine, &R[2], NULL), SV_OK);
    int written = last_event(MEDIUM_WRITE, "device-b");
    int flushed = last_event(MEDIUM_SYNC, "device-b");
    int armed = last_event(MEDIUM_WRITE, "boot-state");
    assert_true(written >= 0 && written < flushed && flushed < armed);
}

static void a_medium_that_gives_back_other_bytes_is_not_armed(void **state) { // [swupdate-4]
    (void) state;
    sv_why why = { 0 };
    factory_device();
    O.medium_flips = true;
    assert_int_equal(install(&D.engine, &R[2], &why), SV_ERR_UNTRUSTED);
    assert_string_equal(why.text, "'device-b' gives back other bytes than SWUpdate wrote to it");
    assert_int_equal(D.engine.journal.trial.state, SV_TRIAL_FAILED);
    assert_int_equal(state_now().slots[1].state, SV_BOOT_SLOT_IDLE);
}

static void another_image_than_was_signed_is_never_handed_over(void **state) { // [swupdate-2]
    (void) state;
    sv_why why = { 0 };
    factory_device();
    assert_int_equal(sv_engine_offer(&D.engine, R[2].header, sizeof R[2].header, "", NULL), SV_OK);
    assert_int_equal(push_image(&D.engine, R[2].image, NULL), SV_OK);
    assert_int_equal(sv_engine_prepare(&D.engine, NULL), SV_OK);
    M.now.files[platter_find(&M.now, "slot-b")].data[7] ^= 1;
    assert_int_equal(sv_engine_install(&D.engine, &why), SV_ERR_UNTRUSTED);
    assert_non_null(strstr(why.text, "image of lathe-ctl 2.0 is not the one that was signed"));
    assert_int_equal(O.installs, 0);
    assert_int_equal(D.engine.journal.trial.state, SV_TRIAL_FAILED);
}

static void what_swupdate_refuses_has_failed_with_its_reason(void **state) { // [swupdate-3]
    (void) state;
    factory_device();
    O.says = SV_ERR_UNTRUSTED;
    assert_int_equal(install(&D.engine, &R[2], NULL), SV_ERR_UNTRUSTED);
    assert_int_equal(D.engine.journal.trial.state, SV_TRIAL_FAILED);
    assert_non_null(strstr(D.engine.journal.trial.why, "HASH mismatch"));
    assert_int_equal(state_now().primary, 0);
    assert_int_equal(state_now().slots[1].state, SV_BOOT_SLOT_IDLE);
}

static void one_that_ends_in_the_middle_is_begun_anew(void **state) { // [swupdate-3]
    (void) state;
    factory_device();
    O.dies = true;
    assert_int_equal(install(&D.engine, &R[2], NULL), SV_ERR_UNAVAILABLE);
    assert_int_equal(D.engine.journal.trial.state, SV_TRIAL_VERIFIED);
    O.dies = false;
    assert_int_equal(start("2.0"), 0); // and the machine, too
    assert_int_equal(D.engine.journal.trial.state, SV_TRIAL_VERIFIED);
    assert_int_equal(sv_engine_install(&D.engine, NULL), SV_OK);
    assert_int_equal(O.installs, 2);
    assert_true(is_in("device-b", &R[2]));
}

static void what_an_installation_arms_is_undone(void **state) { // [swupdate-5]
    (void) state;
    sv_why why = { 0 };
    factory_device();
    O.arms = true;
    assert_int_equal(install(&D.engine, &R[2], &why), SV_ERR_UNTRUSTED);
    assert_non_null(strstr(why.text, "changed which slot starts"));
    assert_int_equal(state_now().slots[1].state, SV_BOOT_SLOT_IDLE);
    assert_int_equal(start("2.0"), 0);
    // One that ended before anybody looked: nothing counts there while it is written again.
    factory_device();
    O.arms = true;
    O.dies = true;
    assert_int_equal(install(&D.engine, &R[2], NULL), SV_ERR_UNAVAILABLE);
    assert_int_equal(state_now().slots[1].state, SV_BOOT_SLOT_TRIAL);
    O = (other_side){ .says = SV_ERR_UNAVAILABLE };
    assert_int_equal(sv_engine_install(&D.engine, NULL), SV_ERR_UNAVAILABLE);
    assert_int_equal(state_now().slots[1].state, SV_BOOT_SLOT_IDLE);
}

static void the_slot_that_runs_is_not_written(void **state) { // [swupdate-2]
    (void) state;
    factory_device();
    assert_int_equal(sv_engine_offer(&D.engine, R[2].header, sizeof R[2].header, "", NULL), SV_OK);
    assert_int_equal(push_image(&D.engine, R[2].image, NULL), SV_OK);
    assert_int_equal(sv_engine_prepare(&D.engine, NULL), SV_OK);
    D.file.running = 1;
    (void) snprintf(SWUPDATE.version, sizeof SWUPDATE.version, "2.0");
    assert_int_equal(sv_engine_install(&D.engine, NULL), SV_ERR_STATE);
    assert_int_equal(O.installs, 0);
}

static void what_runs_is_said_only_when_it_says_the_same(void **state) { // [swupdate-6]
    (void) state;
    factory_device();
    assert_int_equal(install(&D.engine, &R[2], NULL), SV_OK);
    assert_int_equal(start("2.1"), 1); // somebody has written another one there
    assert_false(is_header_of(1, &R[2]));
    wire(1, "");
    assert_false(is_header_of(1, &R[2]));
    wire(1, "2.0");
    assert_true(is_header_of(1, &R[2]));
    assert_true(is_header_of(0, &R[1])); // of the other one, its last
}

/// Before the start that was to prove it, or because it says nothing. [swupdate-6] [slot-43]
static void what_says_that_it_is_another_is_not_confirmed(void **state) {
    (void) state;
    factory_device();
    assert_int_equal(install(&D.engine, &R[2], NULL), SV_OK);
    assert_int_equal(start("2.1"), 1);
    assert_int_equal(D.engine.journal.trial.state, SV_TRIAL_FAILED);
    assert_string_equal(D.engine.journal.trial.why,
                        "the system in slot b says that it is 2.1, not 2.0");
    assert_false(sv_journal_is_bad(&D.engine.journal, R[2].said.digest));
    factory_device();
    assert_int_equal(install(&D.engine, &R[2], NULL), SV_OK);
    assert_int_equal(start(""), 1);
    assert_non_null(strstr(D.engine.journal.trial.why, "says no IMAGE_VERSION"));
    assert_int_equal(start("2.0"), 0);
    assert_int_equal(state_now().counter, 1);
    factory_device(); // and its header is exchanged
    assert_int_equal(install(&D.engine, &R[2], NULL), SV_OK);
    memcpy(M.now.files[platter_find(&M.now, "slot-b.boot")].data, R[3].header, sizeof R[3].header);
    assert_int_equal(start("2.0"), 1);
    assert_int_equal(D.engine.journal.trial.state, SV_TRIAL_FAILED);
}

static void a_release_that_is_ill_is_gone_back_from(void **state) { // [swupdate-3]
    (void) state;
    factory_device();
    assert_int_equal(install(&D.engine, &R[2], NULL), SV_OK);
    assert_int_equal(start("2.0"), 1);
    assert_int_equal(sv_engine_health(&D.engine, false, "it is ill", NULL), SV_OK);
    assert_int_equal(start("2.0"), 0);
    assert_int_equal(D.engine.journal.trial.state, SV_TRIAL_ROLLED_BACK);
    assert_int_equal(install(&D.engine, &R[2], NULL), SV_ERR_UNTRUSTED); // tried here
    assert_int_equal(install(&D.engine, &R[3], NULL), SV_OK);
    assert_int_equal(O.installs, 2);
}

/// Once, and then the machine starts: it goes on, and ends as it would have. [swupdate-3]
static void any_call_to_the_storage_may_fail(void **state) {
    (void) state;
    bool over = false;
    for (size_t at = 1; !over; at++) {
        factory_device();
        M.calls = 0;
        M.fail_at = at;
        M.fail_for = 1;
        M.fault = SV_ERR_IO;
        sv_err err = install(&D.engine, &R[2], NULL);
        over = M.calls < M.fail_at;
        M.fail_at = 0;
        bool runs = err != SV_OK && start("2.0") == 1; // it was armed, and that was not noted
        if (D.engine.journal.trial.state < SV_TRIAL_INSTALLED) {
            assert_int_equal(install(&D.engine, &R[2], NULL), SV_OK);
        }
        assert_int_equal(D.engine.journal.trial.state, runs ? SV_TRIAL_TRIAL : SV_TRIAL_INSTALLED);
        assert_true(is_in("device-b", &R[2]));
        assert_int_equal(state_now().slots[0].state, SV_BOOT_SLOT_CONFIRMED);
        assert_true(at < 1000);
    }
}

static void a_system_says_its_version_in_os_release(void **state) { // [swupdate-6]
    (void) state;
    static const struct {
        const char *text, *version;
    } CASES[] = {
        { "NAME=lathe\nIMAGE_VERSION=1.1\n", "1.1" },
        { "IMAGE_VERSION=\"2.0-rc\"", "2.0-rc" },
        { "IMAGE_VERSION='3'\r\nVERSION_ID=9\n", "3" },
        { "IMAGE_VERSION=1\nIMAGE_VERSION=2\n", "2" },
        { "XIMAGE_VERSION=1\n#IMAGE_VERSION=2\n", "" },
        { "IMAGE_VERSION=\n", "" },
        { "IMAGE_VERSION=\"\n", "\"" },
        { "", "" },
    };
    char out[SV_SWUPDATE_VERSION_ROOM];
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        sv_swupdate_version(sv_text_of(CASES[i].text), out);
        assert_string_equal(out, CASES[i].version);
    }
    char longer[200] = "IMAGE_VERSION=";
    memset(longer + 14, 'x', 100);
    sv_swupdate_version(sv_text_of(longer), out);
    assert_string_equal(out, "");
}

int main(void) {
    KEY = make_boot_key();
    for (uint32_t i = 1; i < SV_COUNT(R); i++) {
        make_release(KEY, i, &R[i]);
    }
    sv_key_drop(&KEY);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_image_is_handed_over_and_confirmed_after_its_start),
        cmocka_unit_test(the_slot_is_flushed_before_it_is_armed),
        cmocka_unit_test(a_medium_that_gives_back_other_bytes_is_not_armed),
        cmocka_unit_test(another_image_than_was_signed_is_never_handed_over),
        cmocka_unit_test(what_swupdate_refuses_has_failed_with_its_reason),
        cmocka_unit_test(one_that_ends_in_the_middle_is_begun_anew),
        cmocka_unit_test(what_an_installation_arms_is_undone),
        cmocka_unit_test(the_slot_that_runs_is_not_written),
        cmocka_unit_test(what_runs_is_said_only_when_it_says_the_same),
        cmocka_unit_test(what_says_that_it_is_another_is_not_confirmed),
        cmocka_unit_test(a_release_that_is_ill_is_gone_back_from),
        cmocka_unit_test(any_call_to_the_storage_may_fail),
        cmocka_unit_test(a_system_says_its_version_in_os_release),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
