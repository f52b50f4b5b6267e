#include "rights.h"
#include <base/test.h>
#include <codec/mqtt_packet.h>
#include <string.h>

static gw_app_right rights[] = { { .id = "hmi-1", .filter = "alerts/#" },
                                 { .id = "hmi-1", .filter = "sensors/+/pressure" },
                                 { .id = "hmi-2", .filter = "sensors/#" } };
static char deny[][GW_FILTER_ROOM] = { "test/nosubscribe", "secret/#" };
static const gw_config SITE = {
    .apps = rights, .app_count = SV_COUNT(rights), .deny = deny, .deny_count = SV_COUNT(deny)
};

typedef struct wish {
    const char *id; ///< NULL: a local program
    sv_role role;
    const char *topic;
    bool granted;
} wish;

static void judge(const wish *wishes, size_t count,
                  bool (*may)(const gw_config *config, const sv_identity *who, sv_text topic)) {
    for (size_t i = 0; i < count; i++) {
        const wish *w = &wishes[i];
        sv_identity who = { .role = w->role };
        if (w->id != NULL) {
            assert_int_equal(sv_text_copy(sv_text_of(w->id), who.id, sizeof who.id), SV_OK);
        }
        bool granted = may(&SITE, w->id == NULL ? NULL : &who, sv_text_of(w->topic));
        if (granted != w->granted) {
            fail_msg("%s %s %s", w->id == NULL ? "local" : w->id,
                     granted ? "may use" : "may not use", w->topic);
        }
    }
}

static void nobody_publishes_for_another(void **state) {
    (void) state;
    static const wish WISHES[] = {
        { "press-1", SV_ROLE_DEVICE, "sensors/press-1/temperature", true },
        { "press-1", SV_ROLE_DEVICE, "health/press-1", true },
        { "press-1", SV_ROLE_DEVICE, "presence/press-1", true },
        { "press-1", SV_ROLE_DEVICE, "results/press-1/stop", true },
        { "press-1", SV_ROLE_DEVICE, "sensors/press-2/temperature", false },
        { "press-1", SV_ROLE_DEVICE, "sensors/press-10/temperature", false },
        { "press-1", SV_ROLE_DEVICE, "sensors/press-/1", false },
        { "press-1", SV_ROLE_DEVICE, "sensors//press-1", false },
        { "press-1", SV_ROLE_DEVICE, "/sensors/press-1/temperature", false },
        { "press-1", SV_ROLE_DEVICE, "sensors", false },
        { "press-1", SV_ROLE_DEVICE, "alerts/press-1", false },
        { "press-1", SV_ROLE_DEVICE, "commands/press-1/stop", false },
        { "press-1", SV_ROLE_DEVICE, "acks/press-1", false },
        { "press-1", SV_ROLE_DEVICE, "press-1", false },
        { "press-1", SV_ROLE_DEVICE, "$SYS/press-1", false },
        { "press-1", SV_ROLE_APP, "sensors/press-1/temperature", false },
        { "press-1", SV_ROLE_GATEWAY, "sensors/press-1/temperature", false },
        { "press-1", SV_ROLE_SERVER, "sensors/press-1/temperature", false },
        { NULL, SV_ROLE_DEVICE, "commands/press-1/stop", true },
        { NULL, SV_ROLE_DEVICE, "anything/else", true },
        { NULL, SV_ROLE_DEVICE, "sensors/press-1/temperature", false },
        { NULL, SV_ROLE_DEVICE, "alerts/press-1", false },
        { NULL, SV_ROLE_DEVICE, "secret", false },
        { NULL, SV_ROLE_DEVICE, "secret/of/mine", false },
    };
    judge(WISHES, SV_COUNT(WISHES), gw_may_publish);
}

static void nobody_hears_what_is_not_his(void **state) {
    (void) state;
    static const wish WISHES[] = {
        { "press-1", SV_ROLE_DEVICE, "commands/press-1/#", true },
        { "press-1", SV_ROLE_DEVICE, "commands/press-1/+", true },
        { "press-1", SV_ROLE_DEVICE, "updates/press-1", true },
        { "press-1", SV_ROLE_DEVICE, "alerts/press-1", true },
        { "press-1", SV_ROLE_DEVICE, "commands/press-1#", false },
        { "press-1", SV_ROLE_DEVICE, "commands/+/stop", false },
        { "press-1", SV_ROLE_DEVICE, "commands/#", false },
        { "press-1", SV_ROLE_DEVICE, "#", false },
        { "press-1", SV_ROLE_DEVICE, "+/press-1", false },
        { "press-1", SV_ROLE_DEVICE, "$SYS/#", false },
        { "press-1", SV_ROLE_DEVICE, "sensors/press-2/#", false },
        { "hmi-1", SV_ROLE_APP, "alerts/#", true },
        { "hmi-1", SV_ROLE_APP, "alerts/press-1", true },
        { "hmi-1", SV_ROLE_APP, "sensors/press-1/pressure", true },
        { "hmi-1", SV_ROLE_APP, "sensors/+/pressure", true },
        { "hmi-1", SV_ROLE_APP, "sensors/#", false },
        { "hmi-1", SV_ROLE_APP, "sensors/+/+", false },
        { "hmi-1", SV_ROLE_APP, "#", false },
        { "hmi-2", SV_ROLE_APP, "alerts/press-1", false },
        { "hmi-1", SV_ROLE_DEVICE, "alerts/press-1", false },
        { "gw-1", SV_ROLE_GATEWAY, "sensors/gw-1/#", false },
        { NULL, SV_ROLE_DEVICE, "#", true },
        { NULL, SV_ROLE_DEVICE, "test/nosubscribe", false },
        { NULL, SV_ROLE_DEVICE, "secret/#", false },
        { NULL, SV_ROLE_DEVICE, "secret/+", false },
    };
    judge(WISHES, SV_COUNT(WISHES), gw_may_subscribe);
}

/// The property itself, over every filter and topic of three levels of a small alphabet.
static void what_is_covered_matches_nothing_else(void **state) {
    (void) state;
    static const char *const FILTERS[] = { "a",     "b",     "+",    "#",   "a/b",   "a/+",
                                           "a/#",   "+/b",   "+/+",  "+/#", "a/b/c", "a/+/c",
                                           "a/b/#", "+/+/#", "a//c", "/",   "+/",    "a/" };
    static const char *const TOPICS[] = { "a",    "b",   "c",     "a/b",   "a/c",
                                          "b/b",  "c/c", "a/b/c", "a/c/c", "b/b/c",
                                          "a//c", "/",   "a/",    "b/",    "a/b/c/d" };
    for (size_t w = 0; w < SV_COUNT(FILTERS); w++) {
        for (size_t n = 0; n < SV_COUNT(FILTERS); n++) {
            sv_text wide = sv_text_of(FILTERS[w]);
            sv_text narrow = sv_text_of(FILTERS[n]);
            if (!gw_filter_covers(wide, narrow)) {
                continue;
            }
            for (size_t t = 0; t < SV_COUNT(TOPICS); t++) {
                sv_text topic = sv_text_of(TOPICS[t]);
                if (sv_mqtt_topic_matches(narrow, topic) && !sv_mqtt_topic_matches(wide, topic)) {
                    fail_msg("%s does not cover %s: %s", FILTERS[w], FILTERS[n], TOPICS[t]);
                }
            }
        }
        assert_true(gw_filter_covers(SV_TEXT("#"), sv_text_of(FILTERS[w])));
        assert_true(gw_filter_covers(sv_text_of(FILTERS[w]), sv_text_of(FILTERS[w])));
    }
    assert_true(gw_filter_covers(SV_TEXT("a/#"), SV_TEXT("a")));
    assert_true(gw_filter_covers(SV_TEXT("a/+"), SV_TEXT("a/b")));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_publishes_for_another),
        cmocka_unit_test(nobody_hears_what_is_not_his),
        cmocka_unit_test(what_is_covered_matches_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
