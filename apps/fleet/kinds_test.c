#include "kinds.h"

#include <base/test.h>
#include <stdio.h>
#include <string.h>

static uint16_t number(sv_kinds *kinds, const char *product, const char *version) {
    return sv_kinds_number(kinds, sv_text_of(product), sv_text_of(version));
}

// [running-9]
static void a_kind_keeps_its_number_and_is_no_others(void **state) {
    (void) state;
    static const char *const WORDS[] = { "", "a", "aa", "1.0", "1.1" };
    uint16_t numbers[SV_COUNT(WORDS)][SV_COUNT(WORDS)];
    sv_kinds *kinds = sv_kinds_new();
    bool taken[SV_COUNT(WORDS) * SV_COUNT(WORDS) + 1] = { [SV_KIND_UNKNOWN] = true };
    for (size_t i = 0; i < SV_COUNT(WORDS) * SV_COUNT(WORDS); i++) {
        uint16_t *one = &numbers[i / SV_COUNT(WORDS)][i % SV_COUNT(WORDS)];
        *one = number(kinds, WORDS[i / SV_COUNT(WORDS)], WORDS[i % SV_COUNT(WORDS)]);
        assert_true(*one < SV_COUNT(taken) && !taken[*one]);
        taken[*one] = true;
    }
    for (size_t i = 0; i < SV_COUNT(WORDS) * SV_COUNT(WORDS); i++) {
        const char *product = WORDS[i / SV_COUNT(WORDS)];
        const char *version = WORDS[i % SV_COUNT(WORDS)];
        uint16_t one = number(kinds, product, version);
        assert_int_equal(one, numbers[i / SV_COUNT(WORDS)][i % SV_COUNT(WORDS)]);
        assert_string_equal(sv_kinds_at(kinds, one)->product, product);
        assert_string_equal(sv_kinds_at(kinds, one)->version, version);
    }
    sv_kinds_drop(&kinds);
}

/// Attack: devices that say another version each time. [running-9]
static void there_are_only_so_many(void **state) {
    (void) state;
    char version[32];
    char longest[2 * SV_RUNNING_WORD_ROOM];
    sv_kinds *kinds = sv_kinds_new();
    for (int i = SV_KIND_UNKNOWN + 1; i < SV_KINDS_MAX + 100; i++) {
        (void) snprintf(version, sizeof version, "1.%d", i);
        assert_int_equal(number(kinds, "lathe", version), i < SV_KINDS_MAX ? i : SV_KIND_UNKNOWN);
    }
    assert_int_equal(number(kinds, "lathe", "1.77"), 77);
    memset(longest, 'v', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    assert_int_equal(number(kinds, "", longest), SV_KIND_UNKNOWN);
    assert_int_equal(number(kinds, "lathe\n1", "77"), SV_KIND_UNKNOWN);
    sv_kinds_drop(&kinds);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_kind_keeps_its_number_and_is_no_others),
        cmocka_unit_test(there_are_only_so_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
