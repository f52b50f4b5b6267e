#include <base/test.h>
#include <codec/mqtt_packet.h>

static void filters_match_as_in_section_4_7(void **state) {
    (void) state;
    static const struct {
        const char *filter, *topic;
        bool matches;
    } CASES[] = {
        { "sensors/+/+", "sensors/a/b", true },
        { "sensors/+/+", "sensors/a", false },
        { "sensors/+", "sensors/a/b", false },
        { "a/#", "a", true },
        { "a/#", "a/b/c", true },
        { "#", "a/b", true },
        { "#", "$SYS/x", false },
        { "+/x", "$SYS/x", false },
        { "$SYS/#", "$SYS/x", true },
        { "+", "/a", false },
        { "+/+", "/a", true },
        { "/+", "/a", true },
        { "a/b", "a/b", true },
        { "a/b", "a/bc", false },
        { "a", "a/", false },
        { "a/+", "a/", true },
        { "a/b/#", "a", false },
        // The examples of §4.7.1.2 and §4.7.1.3.
        { "sport/tennis/player1/#", "sport/tennis/player1", true },
        { "sport/tennis/player1/#", "sport/tennis/player1/ranking", true },
        { "sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon", true },
        { "sport/tennis/+", "sport/tennis/player1", true },
        { "sport/tennis/+", "sport/tennis/player1/ranking", false },
        { "sport/+", "sport", false },
        { "sport/+", "sport/", true },
        { "+/+", "/finance", true },
        { "/+", "/finance", true },
        { "+", "/finance", false },
        { "+/monitor/Clients", "$SYS/monitor/Clients", false },
        { "$SYS/monitor/+", "$SYS/monitor/Clients", true },
        { "ACCOUNTS", "Accounts", false },
    };
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        assert_int_equal(
            sv_mqtt_topic_matches(sv_text_of(CASES[i].filter), sv_text_of(CASES[i].topic)),
            CASES[i].matches);
    }
}

static void a_wildcard_stands_alone_in_its_level_and_the_hash_last(void **state) {
    (void) state;
    static const struct {
        const char *filter;
        bool valid;
    } CASES[] = {
        { "", false },
        { "/", true },
        { "a", true },
        { "#", true },
        { "+", true },
        { "+/+/#", true },
        { "sport/tennis/#", true },
        { "sport/tennis#", false },
        { "sport/tennis/#/ranking", false },
        { "#/", false },
        { "+/tennis/#", true },
        { "sport+", false },
        { "sport/+/player1", true },
        { "++", false },
        { "a/+b/c", false },
        { "a/#b", false },
        { "a//#", true },
    };
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        assert_int_equal(sv_mqtt_filter_is_valid(sv_text_of(CASES[i].filter)), CASES[i].valid);
    }
}

static void a_filter_has_a_bounded_number_of_levels(void **state) {
    (void) state;
    char text[SV_MQTT_LEVELS_MAX + 1];
    memset(text, '/', sizeof text);
    sv_text most = { .at = text, .len = SV_MQTT_LEVELS_MAX - 1 };
    sv_text more = { .at = text, .len = SV_MQTT_LEVELS_MAX };
    assert_true(sv_mqtt_filter_is_valid(most));
    assert_false(sv_mqtt_filter_is_valid(more));
}

static void a_shared_filter_comes_apart(void **state) {
    (void) state;
    static const struct {
        const char *filter, *name, *rest; ///< name NULL: not shared; rest "": broken
    } CASES[] = {
        { "$share/g/a/+", "g", "a/+" },
        { "$share/consumer1//finance", "consumer1", "/finance" },
        { "$share/consumer1/+/finance/#", "consumer1", "+/finance/#" },
        { "$share/g/", "g", "" },
        { "$share/g", "g", "" },
        { "$share/", "", "" },
        { "$share//a", "", "" },
        { "$share/g+/a", "g+", "" },
        { "$share/#/a", "#", "" },
        { "$share/g/a#", "g", "" },
        { "$share/g/#/a", "g", "" },
        { "$share", NULL, NULL },
        { "$shared/g/a", NULL, NULL },
        { "a/$share/g/a", NULL, NULL },
        { "", NULL, NULL },
    };
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        sv_text name = SV_TEXT("");
        sv_text rest = SV_TEXT("");
        bool shared = sv_mqtt_filter_shared(sv_text_of(CASES[i].filter), &name, &rest);
        assert_int_equal(shared, CASES[i].name != NULL);
        assert_true(!shared
                    || (sv_text_is(name, CASES[i].name) && sv_text_is(rest, CASES[i].rest)));
    }
}

static void a_name_to_publish_on_is_text_without_wildcards(void **state) {
    (void) state;
    static const struct {
        sv_text topic;
        bool valid;
    } CASES[] = {
        { SV_TEXT(""), false },
        { SV_TEXT("a"), true },
        { SV_TEXT("/"), true },
        { SV_TEXT("$SYS/a"), true },
        { SV_TEXT("Accounts payable"), true },
        { SV_TEXT("a/+"), false },
        { SV_TEXT("a\0b"), false },
        { SV_TEXT("\xed\xbf\xbf"), false },     // U+DFFF
        { SV_TEXT("A\xf0\xaa\x9b\x94"), true }, // §1.5.4.1: A, U+2A6D4
        { SV_TEXT("\xef\xbb\xbf"
                  "a"),
          true }, // §1.5.4: U+FEFF is kept
        { SV_TEXT("01234567\xc3\xbc/01234567"), true },
        { SV_TEXT("01234567\xc3\xbc/01234567#"), false },
        { SV_TEXT("0123456\x7f"), true },
        { SV_TEXT("01234567\xc3"), false },
    };
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        assert_int_equal(sv_mqtt_topic_is_valid(CASES[i].topic), CASES[i].valid);
    }
    static char longest[65536];
    memset(longest, 'x', sizeof longest);
    assert_true(sv_mqtt_topic_is_valid((sv_text){ .at = longest, .len = 65535 }));
    assert_false(sv_mqtt_topic_is_valid((sv_text){ .at = longest, .len = 65536 }));
}

/// Words of eight bytes must see what single bytes see, wherever it stands.
static void a_bad_byte_is_seen_at_every_place(void **state) {
    (void) state;
    static const char BAD[] = { '\0', '+', '#', '\x80', '\xff', '\xc3' };
    for (size_t len = 1; len <= 40; len++) {
        for (size_t at = 0; at < len; at++) {
            for (size_t i = 0; i < sizeof BAD; i++) {
                char text[40];
                memset(text, '\x01', sizeof text);
                assert_true(sv_mqtt_topic_is_valid((sv_text){ .at = text, .len = len }));
                text[at] = BAD[i];
                assert_false(sv_mqtt_topic_is_valid((sv_text){ .at = text, .len = len }));
            }
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(filters_match_as_in_section_4_7),
        cmocka_unit_test(a_wildcard_stands_alone_in_its_level_and_the_hash_last),
        cmocka_unit_test(a_filter_has_a_bounded_number_of_levels),
        cmocka_unit_test(a_shared_filter_comes_apart),
        cmocka_unit_test(a_name_to_publish_on_is_text_without_wildcards),
        cmocka_unit_test(a_bad_byte_is_seen_at_every_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
