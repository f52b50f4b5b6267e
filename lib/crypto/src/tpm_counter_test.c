// A counter in a real TPM's code (swtpm): what is in it outlives connections and starts of the TPM.
#include "key_tpm.h"
#include <base/test.h>
#include <crypto/test_tpm.h>
#include <crypto/tpm_counter.h>
#include <string.h>
#include <sys/disk.h>
#include <sys/stat.h>

static char folder[] = "/tmp/sv-counter-XXXXXX";
static sv_test_tpm tpm;
static char secret_file[64];

static int make(void **state) {
    (void) state;
    if (!sv_test_has("/usr/bin/swtpm")) {
        exit(0);
    }
    assert_non_null(mkdtemp(folder));
    (void) snprintf(secret_file, sizeof secret_file, "%s/tpm-counter", folder);
    sv_test_tpm_start(&tpm, folder);
    return 0;
}

static int drop(void **state) {
    (void) state;
    sv_test_tpm_stop(&tpm);
    return sv_disk_remove_tree(folder, NULL) == SV_OK ? 0 : -1;
}

static sv_tpm_counter *opened(uint32_t index) {
    sv_tpm_counter *counter = NULL;
    sv_why why = { 0 };
    if (sv_tpm_counter_open(index, secret_file, &counter, &why) != SV_OK) {
        fail_msg("%s", why.text);
    }
    return counter;
}

static void is_at(const sv_tpm_counter *counter, uint32_t value) {
    uint32_t now = 0;
    sv_why why = { 0 };
    if (sv_tpm_counter_read(counter, &now, &why) != SV_OK) {
        fail_msg("%s", why.text);
    }
    assert_int_equal(now, value);
}

static void count(void *arg) {
    ++*(unsigned *) arg;
}

/// Half of what one raise may take.
static void dawdle(void *arg) {
    count(arg);
    (void) usleep(SV_TPM_COUNTER_RAISE_US / 2 + 1000);
}

static void it_begins_at_nothing_and_is_raised_and_never_lowered(void **state) { // [keys-30]
    (void) state;
    SV_DEFER(sv_tpm_counter_drop) sv_tpm_counter *counter = opened(SV_TPM_COUNTER_INDEX);
    is_at(counter, 0);
    assert_int_equal(sv_tpm_counter_raise(counter, 7, NULL, NULL), SV_OK);
    is_at(counter, 7);
    assert_int_equal(sv_tpm_counter_raise(counter, 3, NULL, NULL), SV_OK);
    is_at(counter, 7);
}

static void it_outlives_the_connection_and_a_start_of_the_tpm(void **state) { // [keys-30]
    (void) state;
    sv_tpm_counter *counter = opened(SV_TPM_COUNTER_INDEX);
    is_at(counter, 7);
    sv_tpm_counter_drop(&counter);
    sv_test_tpm_stop(&tpm);
    sv_test_tpm_start(&tpm, folder);
    counter = opened(SV_TPM_COUNTER_INDEX);
    is_at(counter, 7);
    sv_tpm_counter_drop(&counter);
}

/// A TPM begins a new counter where the highest one ever was.
static void another_one_begins_at_nothing_too(void **state) { // [keys-30]
    (void) state;
    SV_DEFER(sv_tpm_counter_drop) sv_tpm_counter *counter = opened(SV_TPM_COUNTER_INDEX + 16);
    is_at(counter, 0);
    assert_int_equal(sv_tpm_counter_raise(counter, 2, NULL, NULL), SV_OK);
    is_at(counter, 2);
}

/// A number that is a date would take the TPM for days, and wear it.
static void a_number_far_away_is_said_and_not_gone_to(void **state) { // [keys-30]
    (void) state;
    sv_why why = { 0 };
    unsigned ticks = 0;
    const sv_tpm_pace pace = { .tick = count, .arg = &ticks };
    SV_DEFER(sv_tpm_counter_drop) sv_tpm_counter *counter = opened(SV_TPM_COUNTER_INDEX + 32);
    assert_int_equal(sv_tpm_counter_raise(counter, 2, NULL, NULL), SV_OK);
    assert_int_equal(sv_tpm_counter_raise(counter, 20261129, &pace, &why), SV_ERR_STATE);
    assert_non_null(
        strstr(why.text, "stays at 2: release counter 20261129 is more than 1000 above"));
    assert_non_null(strstr(why.text, "go up by one (no dates, no build numbers)"));
    assert_int_equal(sv_tpm_counter_raise(counter, 1003, &pace, &why), SV_ERR_STATE);
    is_at(counter, 2);
    assert_int_equal(ticks, 0);
    SV_DEFER(sv_tpm_counter_drop) sv_tpm_counter *other = opened(SV_TPM_COUNTER_INDEX + 48);
    assert_int_not_equal(sv_tpm_counter_raise(other, 1000, &pace, &why), SV_ERR_STATE);
    assert_true(ticks > 0); // gone to, as far as its time goes
}

static void who_keeps_the_watchdog_is_called_before_each_step(void **state) { // [keys-30]
    (void) state;
    unsigned ticks = 0;
    const sv_tpm_pace pace = { .tick = count, .arg = &ticks };
    SV_DEFER(sv_tpm_counter_drop) sv_tpm_counter *counter = opened(SV_TPM_COUNTER_INDEX + 32);
    assert_int_equal(sv_tpm_counter_raise(counter, 7, &pace, NULL), SV_OK);
    assert_int_equal(ticks, 5);
    is_at(counter, 7);
}

/// A TPM that takes its time: what is left is for the next start.
static void a_raise_ends_after_its_time_and_the_next_one_goes_on(void **state) { // [keys-30]
    (void) state;
    sv_why why = { 0 };
    unsigned ticks = 0;
    uint32_t now = 0;
    const sv_tpm_pace slow = { .tick = dawdle, .arg = &ticks };
    SV_DEFER(sv_tpm_counter_drop) sv_tpm_counter *counter = opened(SV_TPM_COUNTER_INDEX + 32);
    assert_int_equal(sv_tpm_counter_raise(counter, 27, &slow, &why), SV_ERR_UNAVAILABLE);
    assert_non_null(strstr(why.text, "and goes on to 27 at the next start"));
    assert_int_equal(sv_tpm_counter_read(counter, &now, NULL), SV_OK);
    assert_in_range(now, 8, 9);
    assert_int_equal(ticks, now - 7);
    assert_int_equal(sv_tpm_counter_raise(counter, 27, NULL, &why), SV_OK);
    is_at(counter, 27);
}

/// As somebody else's software would.
static void define_with(const TPM2B_AUTH *secret, TPM2_HANDLE at, TPMA_NV attributes,
                        uint16_t bytes) {
    const TPM2B_NV_PUBLIC open = { .nvPublic = { .nvIndex = at,
                                                 .nameAlg = TPM2_ALG_SHA256,
                                                 .attributes = attributes,
                                                 .dataSize = bytes } };
    ESYS_TR made = ESYS_TR_NONE;
    sv_tpm t = { 0 };
    assert_int_equal(sv_tpm_connect(&t, NULL), SV_OK);
    assert_int_equal(t.call->Esys_NV_DefineSpace(t.esys, ESYS_TR_RH_OWNER, ESYS_TR_PASSWORD,
                                                 ESYS_TR_NONE, ESYS_TR_NONE, secret, &open, &made),
                     TSS2_RC_SUCCESS);
    sv_tpm_hang_up(&t);
}

static void define(TPM2_HANDLE at, TPMA_NV attributes, uint16_t bytes) {
    static const TPM2B_AUTH NO_PASSWORD;
    define_with(&NO_PASSWORD, at, attributes, bytes);
}

static void what_others_have_there_is_left_alone(void **state) { // [keys-30]
    (void) state;
    sv_tpm_counter *counter = NULL;
    sv_why why = { 0 };
    define(0x01800100, TPMA_NV_OWNERREAD | TPMA_NV_OWNERWRITE, 32);
    assert_int_equal(sv_tpm_counter_open(0x01800100, secret_file, &counter, &why), SV_ERR_STATE);
    assert_non_null(strstr(why.text, "something else than the updater's counter is at the TPM's "
                                     "NV index 0x01800100: name another one"));
    // Behind it as well.
    define(0x01800201, TPMA_NV_OWNERREAD | TPMA_NV_OWNERWRITE, 8);
    assert_int_equal(sv_tpm_counter_open(0x01800200, secret_file, &counter, &why), SV_ERR_STATE);
    assert_non_null(strstr(why.text, "NV index 0x01800201"));
    assert_null(counter);
}

/// Each step of defining it is one in which power may go.
static void what_was_begun_and_not_ended_is_ended(void **state) { // [keys-30]
    (void) state;
    const TPMA_NV open = TPMA_NV_AUTHREAD | TPMA_NV_AUTHWRITE | TPMA_NV_OWNERREAD | TPMA_NV_NO_DA;
    define(0x01800300, open | TPM2_NT_COUNTER << TPMA_NV_TPM2_NT_SHIFT, 8);
    SV_DEFER(sv_tpm_counter_drop) sv_tpm_counter *one = opened(0x01800300);
    is_at(one, 0);
    sv_tpm_counter_drop(&one);
    define(0x01800401, open | TPMA_NV_WRITEDEFINE, 8);
    SV_DEFER(sv_tpm_counter_drop) sv_tpm_counter *two = opened(0x01800400);
    is_at(two, 0);
    assert_int_equal(sv_tpm_counter_raise(two, 4, NULL, NULL), SV_OK);
    sv_tpm_counter_drop(&two);
    two = opened(0x01800400);
    is_at(two, 4);
}

static void
one_with_its_secret_that_was_cut_before_its_first_step_is_ended(void **state) { // [keys-30]
    (void) state;
    const TPMA_NV open = TPMA_NV_AUTHREAD | TPMA_NV_AUTHWRITE | TPMA_NV_OWNERREAD | TPMA_NV_NO_DA;
    TPM2B_AUTH secret = { .size = 32 };
    char digits[33] = "";
    sv_textbuf text = SV_TEXTBUF(digits);
    assert_int_equal(sv_disk_read(secret_file, &text, NULL), SV_OK);
    memcpy(secret.buffer, digits, 32);
    define_with(&secret, 0x01800700, open | TPM2_NT_COUNTER << TPMA_NV_TPM2_NT_SHIFT, 8);
    SV_DEFER(sv_tpm_counter_drop) sv_tpm_counter *counter = opened(0x01800700);
    assert_int_equal(sv_tpm_counter_warning(counter)->code, SV_OK);
    assert_int_equal(sv_tpm_counter_raise(counter, 2, NULL, NULL), SV_OK);
    is_at(counter, 2);
}

/// Where it began is locked: nobody writes another number there.
static void where_it_began_cannot_be_written_again(void **state) { // [keys-30]
    (void) state;
    ESYS_TR index = ESYS_TR_NONE;
    sv_tpm t = { 0 };
    const TPM2B_MAX_NV_BUFFER bytes = { .size = 8, .buffer = { 0xff } };
    sv_tpm_counter *counter = opened(SV_TPM_COUNTER_INDEX);
    sv_tpm_counter_drop(&counter);
    assert_int_equal(sv_tpm_connect(&t, NULL), SV_OK);
    assert_int_equal(t.call->Esys_TR_FromTPMPublic(t.esys, SV_TPM_COUNTER_INDEX + 1, ESYS_TR_NONE,
                                                   ESYS_TR_NONE, ESYS_TR_NONE, &index),
                     TSS2_RC_SUCCESS);
    assert_int_equal(t.call->Esys_NV_Write(t.esys, index, index, ESYS_TR_PASSWORD, ESYS_TR_NONE,
                                           ESYS_TR_NONE, &bytes, 0),
                     TPM2_RC_NV_LOCKED);
    sv_tpm_hang_up(&t);
}

/// What a program does that may use the TPM and knows nothing.
static TSS2_RC increment(TPM2_HANDLE at) {
    ESYS_TR index = ESYS_TR_NONE;
    sv_tpm t = { 0 };
    assert_int_equal(sv_tpm_connect(&t, NULL), SV_OK);
    assert_int_equal(
        t.call->Esys_TR_FromTPMPublic(t.esys, at, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &index),
        TSS2_RC_SUCCESS);
    TSS2_RC code = t.call->Esys_NV_Increment(t.esys, index, index, ESYS_TR_PASSWORD, ESYS_TR_NONE,
                                             ESYS_TR_NONE);
    sv_tpm_hang_up(&t);
    return code;
}

static void nobody_raises_it_without_the_secret_of_its_file(void **state) { // [keys-30]
    (void) state;
    struct stat file;
    SV_DEFER(sv_tpm_counter_drop) sv_tpm_counter *counter = opened(SV_TPM_COUNTER_INDEX);
    assert_int_equal(sv_tpm_counter_warning(counter)->code, SV_OK);
    assert_int_equal(stat(secret_file, &file), 0);
    assert_int_equal(file.st_mode & 07777, 0600);
    for (int i = 0; i < 40; i++) { // and whoever tries locks nothing
        assert_int_equal(increment(SV_TPM_COUNTER_INDEX) & 0xff & ~TPM2_RC_FMT1,
                         TPM2_RC_BAD_AUTH & 0xff & ~TPM2_RC_FMT1);
    }
    is_at(counter, 7);
}

static void one_from_before_there_was_a_secret_goes_on_and_is_said(void **state) { // [keys-30]
    (void) state;
    const TPMA_NV open = TPMA_NV_AUTHREAD | TPMA_NV_AUTHWRITE | TPMA_NV_OWNERREAD | TPMA_NV_NO_DA;
    define(0x01800600, open | TPM2_NT_COUNTER << TPMA_NV_TPM2_NT_SHIFT, 8);
    assert_int_equal(increment(0x01800600), TSS2_RC_SUCCESS);
    SV_DEFER(sv_tpm_counter_drop) sv_tpm_counter *counter = opened(0x01800600);
    assert_non_null(strstr(sv_tpm_counter_warning(counter)->text,
                           "the TPM's counter at 0x01800600 has no secret: whoever"));
    assert_int_equal(sv_tpm_counter_raise(counter, 3, NULL, NULL), SV_OK);
    is_at(counter, 3);
}

/// The disk was made anew, say: releases are judged by it as before, and it stays.
static void without_its_file_it_is_read_and_what_to_do_is_said(void **state) { // [keys-30]
    (void) state;
    static const char *const OTHERS[] = { "", "0123456789abcdef0123456789abcdef",
                                          "too long for a secret of 32 digits" };
    char kept[33] = "";
    sv_textbuf text = SV_TEXTBUF(kept);
    sv_why why = { 0 };
    assert_int_equal(sv_disk_read(secret_file, &text, NULL), SV_OK);
    const sv_text was = { .at = kept, .len = 32 };
    for (size_t i = 0; i <= SV_COUNT(OTHERS); i++) {
        assert_int_equal(unlink(secret_file), 0);
        if (i < SV_COUNT(OTHERS)) {
            assert_int_equal(sv_disk_replace(secret_file, sv_text_of(OTHERS[i]), 0600, NULL),
                             SV_OK);
        }
        sv_tpm_counter *counter = opened(SV_TPM_COUNTER_INDEX);
        is_at(counter, 7);
        assert_int_equal(sv_tpm_counter_raise(counter, 7, NULL, NULL), SV_OK);
        assert_int_equal(sv_tpm_counter_raise(counter, 8, NULL, &why), SV_ERR_UNTRUSTED);
        assert_non_null(strstr(why.text, "is not in '/tmp/sv-counter-"));
        assert_non_null(strstr(why.text, "(tpm2_nvundefine 0x01805e1a, then 0x01805e1b)"));
        assert_string_equal(sv_tpm_counter_warning(counter)->text, why.text);
        is_at(counter, 7);
        sv_tpm_counter_drop(&counter);
    }
    assert_int_equal(sv_disk_replace(secret_file, was, 0600, NULL), SV_OK);
}

static void a_tpm_with_an_owners_password_is_said(void **state) { // [keys-30]
    (void) state;
    sv_tpm_counter *counter = NULL;
    sv_why why = { 0 };
    sv_tpm t = { 0 };
    const TPM2B_AUTH secret = { .size = 3, .buffer = "abc" };
    assert_int_equal(sv_tpm_connect(&t, NULL), SV_OK);
    assert_int_equal(t.call->Esys_HierarchyChangeAuth(t.esys, ESYS_TR_RH_OWNER, ESYS_TR_PASSWORD,
                                                      ESYS_TR_NONE, ESYS_TR_NONE, &secret),
                     TSS2_RC_SUCCESS);
    sv_tpm_hang_up(&t);
    assert_int_equal(sv_tpm_counter_open(0x01800500, secret_file, &counter, &why),
                     SV_ERR_UNTRUSTED);
    assert_non_null(strstr(why.text, "does not define the counter at 0x01800500 without a "
                                     "password"));
    // One that is there needs none, but without its file it cannot even be read.
    assert_int_equal(sv_tpm_counter_open(SV_TPM_COUNTER_INDEX, "/tmp/no/such", &counter, &why),
                     SV_ERR_UNTRUSTED);
    assert_non_null(strstr(why.text, "is not in '/tmp/no/such': put that file back, or have"));
    counter = opened(SV_TPM_COUNTER_INDEX);
    assert_int_equal(sv_tpm_counter_raise(counter, 8, NULL, NULL), SV_OK);
    sv_tpm_counter_drop(&counter);
}

static void a_tpm_that_is_away_or_goes_away_is_said(void **state) { // [keys-30]
    (void) state;
    uint32_t now = 0;
    sv_why why = { 0 };
    sv_tpm_counter *none = NULL;
    SV_DEFER(sv_tpm_counter_drop) sv_tpm_counter *counter = opened(SV_TPM_COUNTER_INDEX);
    sv_test_tpm_stop(&tpm);
    assert_int_equal(sv_tpm_counter_read(counter, &now, &why), SV_ERR_UNAVAILABLE);
    assert_non_null(strstr(why.text, "went away: it did not read the counter"));
    assert_int_equal(sv_tpm_counter_raise(counter, 9, NULL, &why), SV_ERR_UNAVAILABLE);
    assert_int_equal(sv_tpm_counter_open(SV_TPM_COUNTER_INDEX, secret_file, &none, &why),
                     SV_ERR_UNAVAILABLE);
    assert_non_null(strstr(why.text, "no TPM answers at"));
    sv_test_tpm_start(&tpm, folder);
    sv_tpm_counter_drop(&counter);
    counter = opened(SV_TPM_COUNTER_INDEX);
    is_at(counter, 8);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_begins_at_nothing_and_is_raised_and_never_lowered),
        cmocka_unit_test(it_outlives_the_connection_and_a_start_of_the_tpm),
        cmocka_unit_test(another_one_begins_at_nothing_too),
        cmocka_unit_test(a_number_far_away_is_said_and_not_gone_to),
        cmocka_unit_test(who_keeps_the_watchdog_is_called_before_each_step),
        cmocka_unit_test(a_raise_ends_after_its_time_and_the_next_one_goes_on),
        cmocka_unit_test(what_others_have_there_is_left_alone),
        cmocka_unit_test(what_was_begun_and_not_ended_is_ended),
        cmocka_unit_test(where_it_began_cannot_be_written_again),
        cmocka_unit_test(one_with_its_secret_that_was_cut_before_its_first_step_is_ended),
        cmocka_unit_test(nobody_raises_it_without_the_secret_of_its_file),
        cmocka_unit_test(one_from_before_there_was_a_secret_goes_on_and_is_said),
        cmocka_unit_test(without_its_file_it_is_read_and_what_to_do_is_said),
        cmocka_unit_test(a_tpm_with_an_owners_password_is_said),
        cmocka_unit_test(a_tpm_that_is_away_or_goes_away_is_said),
    };
    return cmocka_run_group_tests(tests, make, drop);
}
