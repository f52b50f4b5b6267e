// An image that lies apart from its header, in a file that is made for it, and what a placer makes
// of it before its slot is armed.
#include "test_device.h"

static medium M;
static release R[4];

typedef struct placed {
    unsigned calls, slot;
    sv_err says;
    const sv_boot_control
        *arms;  ///< as RAUC does: what it has placed starts next; NULL: it does not
    bool whole; ///< the image it was given was the header's
} placed;

static placed P;

static sv_err place(void *arg, unsigned slot, const sv_boot_header *header,
                    const sv_image_bytes *image, sv_why *why) {
    placed *p = arg;
    uint8_t digest[SV_BOOT_DIGEST_BYTES];
    p->calls++;
    p->slot = slot;
    SV_TRY(sv_image_digest(image, digest, why));
    p->whole = memcmp(digest, header->digest, sizeof digest) == 0;
    if (p->arms != NULL) {
        SV_TRY(p->arms->arm(p->arms->arg, slot, 1, why));
    }
    return p->says == SV_OK ? SV_OK : sv_fail(why, p->says, "it cannot be placed");
}

static sv_err check(void *arg, unsigned slot, const sv_boot_header *header, sv_why *why) {
    (void) arg;
    (void) slot;
    (void) header;
    (void) why;
    return SV_OK;
}

static sv_placer PLACER = { .arg = &P, .place = place, .check = check };

static void wire(device *d) {
    d->native.apart = true;
    d->native.image_max = IMAGE_BYTES;
    d->installer.placer = &PLACER;
}

/// Nothing lies in its slots.
static void new_device(device *d, bool keeps) {
    static platter empty;
    medium_begin(&M, &empty);
    device_on(d, &M);
    wire(d);
    P = (placed){ .slot = 9 };
    PLACER.keeps_image = keeps;
    assert_int_equal(sv_engine_wake(&d->engine, NULL), SV_OK);
}

static int file_called(const char *name) {
    return platter_find(&M.now, name);
}

static void an_image_apart_is_a_file_of_its_own_and_its_header_another(void **state) { // [slot-24]
    (void) state;
    device d;
    sv_slot_image image = { .disk = NULL };
    uint8_t header[SV_BOOT_HEADER_BYTES];
    new_device(&d, true);
    assert_int_equal(install(&d.engine, &R[1], NULL), SV_OK);
    int slot = file_called("slot-a");
    int beside = file_called("slot-a.boot");
    assert_true(slot >= 0 && beside >= 0);
    assert_int_equal(M.now.files[slot].bytes, IMAGE_BYTES);
    assert_memory_equal(M.now.files[slot].data, R[1].image, IMAGE_BYTES);
    assert_int_equal(M.now.files[beside].bytes, SV_BOOT_HEADER_BYTES);
    assert_int_equal(d.installer.header(&d.native, 0, header, NULL), SV_OK);
    assert_memory_equal(header, R[1].header, sizeof header);
    assert_int_equal(d.installer.image(&d.native, 0, &image, NULL), SV_OK);
    assert_int_equal(image.bytes.length, IMAGE_BYTES);
    sv_slot_image_drop(&image);
    assert_int_equal(d.installer.image(&d.native, 1, &image, NULL), SV_ERR_NOT_FOUND);
}

static void it_is_placed_before_it_is_armed_and_makes_room_after(void **state) { // [slot-23]
    (void) state;
    device d;
    sv_boot_state boot;
    new_device(&d, false);
    assert_int_equal(sv_engine_offer(&d.engine, R[1].header, sizeof R[1].header, "", NULL), SV_OK);
    assert_int_equal(push_image(&d.engine, R[1].image, NULL), SV_OK);
    assert_int_equal(sv_engine_prepare(&d.engine, NULL), SV_OK);
    assert_int_equal(P.calls, 0); // held: nothing is placed
    P.says = SV_ERR_UNAVAILABLE;
    assert_int_equal(sv_engine_install(&d.engine, NULL), SV_ERR_UNAVAILABLE);
    assert_int_equal(d.boot.state(&d.file, &boot, NULL), SV_OK);
    assert_int_equal(boot.slots[0].state, SV_BOOT_SLOT_IDLE);
    assert_int_equal(d.engine.journal.trial.state, SV_TRIAL_VERIFIED);
    device again; // after a cut nobody has offered anything
    device_on(&again, &M);
    wire(&again);
    P.says = SV_OK;
    assert_int_equal(sv_engine_wake(&again.engine, NULL), SV_OK);
    assert_int_equal(sv_engine_install(&again.engine, NULL), SV_OK);
    assert_int_equal(P.calls, 2);
    assert_int_equal(P.slot, 0);
    assert_true(P.whole);
    assert_int_equal(again.boot.state(&again.file, &boot, NULL), SV_OK);
    assert_int_equal(boot.slots[0].state, SV_BOOT_SLOT_TRIAL);
    assert_int_equal(file_called("slot-a"), -1);
    assert_true(file_called("slot-a.boot") >= 0);
}

static void what_can_never_be_placed_has_failed_with_the_reason(void **state) { // [slot-23]
    (void) state;
    const sv_err never[] = { SV_ERR_UNTRUSTED, SV_ERR_INVALID };
    for (size_t i = 0; i < SV_COUNT(never); i++) {
        device d;
        sv_boot_state boot;
        sv_why why = { 0 };
        new_device(&d, true);
        P.says = never[i];
        assert_int_equal(install(&d.engine, &R[1], &why), never[i]);
        assert_string_equal(why.text, "it cannot be placed");
        assert_int_equal(d.engine.journal.trial.state, SV_TRIAL_FAILED);
        assert_string_equal(d.engine.journal.trial.why, "it cannot be placed");
        assert_int_equal(d.boot.state(&d.file, &boot, NULL), SV_OK);
        assert_int_equal(boot.slots[0].state, SV_BOOT_SLOT_IDLE);
    }
}

static unsigned remembered(device *d) {
    sv_boot_state boot;
    assert_int_equal(d->boot.state(d->boot.arg, &boot, NULL), SV_OK);
    return boot.slots[0].state;
}

static sv_err is_not_wanted(void *arg, sv_why *why) {
    assert_int_equal(((placed *) arg)->calls, 1); // asked when it is placed
    return sv_fail(why, SV_ERR_UNAVAILABLE, "nobody wants it");
}

static void
what_nobody_wants_when_it_is_placed_is_not_armed(void **state) { // [updater-2] [slot-23]
    (void) state;
    device d;
    sv_why why = { 0 };
    new_device(&d, false);
    P.arms = &d.boot;
    d.engine.wanted = is_not_wanted;
    d.engine.wanted_arg = &P;
    assert_int_equal(install(&d.engine, &R[1], &why), SV_ERR_UNAVAILABLE);
    assert_string_equal(why.text, "nobody wants it");
    assert_int_equal(remembered(&d), SV_BOOT_SLOT_IDLE);
    assert_int_equal(d.engine.journal.trial.state, SV_TRIAL_VERIFIED);
    d.engine.wanted = NULL; // what was written stays
    assert_int_equal(sv_engine_install(&d.engine, NULL), SV_OK);
    assert_int_equal(remembered(&d), SV_BOOT_SLOT_TRIAL);
}

static void what_is_withdrawn_does_not_start_though_it_was_placed(void **state) { // [updater-19]
    (void) state;
    device d;
    new_device(&d, false);
    P.arms = &d.boot;
    P.says = SV_ERR_UNAVAILABLE; // its end is seen by nobody
    assert_int_equal(install(&d.engine, &R[1], NULL), SV_ERR_UNAVAILABLE);
    assert_int_equal(remembered(&d), SV_BOOT_SLOT_TRIAL);
    M.fail_at = M.calls + 1;
    M.fail_for = 100;
    M.fault = SV_ERR_IO; // where that cannot be kept it is not withdrawn
    assert_int_equal(sv_engine_withdraw(&d.engine, "canceled", NULL), SV_ERR_IO);
    assert_int_equal(d.engine.journal.trial.state, SV_TRIAL_VERIFIED);
    M.fail_at = 0;
    assert_int_equal(sv_engine_withdraw(&d.engine, "canceled", NULL), SV_OK);
    assert_int_equal(d.engine.journal.trial.state, SV_TRIAL_FAILED);
    assert_int_equal(remembered(&d), SV_BOOT_SLOT_IDLE);
}

static void what_was_read_back_and_is_gone_has_failed(void **state) { // [slot-23]
    (void) state;
    const char *const names[] = { "slot-a", "slot-a.boot" };
    for (size_t i = 0; i < SV_COUNT(names); i++) {
        device d;
        new_device(&d, true);
        P.says = SV_ERR_UNAVAILABLE;
        assert_int_equal(install(&d.engine, &R[1], NULL), SV_ERR_UNAVAILABLE);
        assert_int_equal(M.disk.unlink(&M, names[i], NULL), SV_OK);
        assert_int_equal(sv_engine_install(&d.engine, NULL), SV_ERR_UNTRUSTED);
        assert_int_equal(d.engine.journal.trial.state, SV_TRIAL_FAILED);
        assert_int_equal(P.calls, 1);
    }
}

static void an_image_larger_than_may_be_kept_changes_nothing(void **state) { // [slot-24]
    (void) state;
    device d;
    sv_why why = { 0 };
    new_device(&d, true);
    d.native.image_max = IMAGE_BYTES - 1;
    assert_int_equal(install(&d.engine, &R[1], &why), SV_ERR_NO_SPACE);
    assert_non_null(strstr(why.text, "2500 bytes is larger than the 2499"));
    assert_int_equal(file_called("slot-a"), -1);
}

/// Every call fails once: it is said, and what is done again ends well. [slot-13]
static void any_call_to_the_storage_may_fail(void **state) {
    (void) state;
    bool over = false;
    for (size_t at = 1; !over; at++) {
        device d;
        new_device(&d, at % 2 == 0);
        M.calls = 0;
        M.fail_at = at;
        M.fail_for = 1;
        M.fault = SV_ERR_NO_SPACE;
        sv_err err = install(&d.engine, &R[1], NULL);
        over = M.calls < at;
        M.fail_at = 0;
        if (err != SV_OK) {
            assert_int_equal(err, SV_ERR_NO_SPACE);
            assert_int_equal(sv_engine_wake(&d.engine, NULL), SV_OK);
            if (d.engine.journal.trial.state < SV_TRIAL_INSTALLED) {
                assert_int_equal(install(&d.engine, &R[1], NULL), SV_OK);
            }
        }
        assert_true(P.whole);
        assert_int_equal(d.engine.journal.trial.state, SV_TRIAL_INSTALLED);
        assert_true(at < 1000);
    }
}

/// With another image in it, another length. [slot-24]
static void the_next_image_takes_the_place_of_the_one_before(void **state) {
    (void) state;
    device d;
    new_device(&d, true);
    assert_int_equal(M.disk.open(&M, "slot-a", SV_SLOT_WRITE | SV_SLOT_MAKE, &(int){ 0 }, NULL),
                     SV_OK);
    M.now.files[file_called("slot-a")].bytes = MEDIUM_FILE_MAX;
    assert_int_equal(install(&d.engine, &R[1], NULL), SV_OK);
    assert_int_equal(M.now.files[file_called("slot-a")].bytes, IMAGE_BYTES);
    M.now.files[file_called("slot-a.boot")].data[0] ^= 1; // a header that is none is no image
    sv_slot_image image = { .disk = NULL };
    assert_int_equal(d.installer.image(&d.native, 0, &image, NULL), SV_ERR_NOT_FOUND);
}

int main(void) {
    struct evp_pkey_st *key = make_boot_key();
    make_release(key, 1, &R[1]);
    sv_key_drop(&key);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_image_apart_is_a_file_of_its_own_and_its_header_another),
        cmocka_unit_test(it_is_placed_before_it_is_armed_and_makes_room_after),
        cmocka_unit_test(what_can_never_be_placed_has_failed_with_the_reason),
        cmocka_unit_test(what_nobody_wants_when_it_is_placed_is_not_armed),
        cmocka_unit_test(what_is_withdrawn_does_not_start_though_it_was_placed),
        cmocka_unit_test(what_was_read_back_and_is_gone_has_failed),
        cmocka_unit_test(an_image_larger_than_may_be_kept_changes_nothing),
        cmocka_unit_test(any_call_to_the_storage_may_fail),
        cmocka_unit_test(the_next_image_takes_the_place_of_the_one_before),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
