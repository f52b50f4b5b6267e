// Models at the fleet server: put, run at sites, given to gateways, and what these say.
#include "fleet_fixture.h"

#include "life_note.h"
#include "models.h"
#include "uplink.h"
#include <detect/machine_life.h>

static char bytes_room[16 * 1024];

static sv_text a_model(sv_model_task task, sv_text fine) {
    static uint8_t trees[14];
    static sv_model model;
    sv_textbuf out = SV_TEXTBUF(bytes_room);
    const sv_tree tree = { .splits = { { .feature = 0, .below = 1 } }, .leaves = { 60, 2 } };
    model = (sv_model){ .task = task, .card = SV_TEXT("machines: 3\n"), .cap = 125, .knots = 1 };
    if (task == SV_MODEL_CLASS) {
        model = (sv_model){ .task = task,
                            .within = 10,
                            .classes = 2,
                            .class_name = { fine, SV_TEXT("failing") },
                            .slope = 1,
                            .threshold = 0.5F };
    }
    model.columns[0].name = SV_TEXT("heat");
    model.recipe = (sv_recipe){ .kind = SV_RECIPE_LIFE, .sensors = 1, .regimes = 1 };
    model.recipe.regime[0].spread[0] = 1;
    model.knot[0] = (sv_model_knot){ .at = 0, .offset = { -3, -2, -1, -0.5F, 0, 0.5F, 1, 2, 3 } };
    model.forest = (sv_forest){ .trees = trees,
                                .count = 1,
                                .depth = 1,
                                .outputs = 1,
                                .features = SV_RECIPE_SENSOR_FEATURES + 1 };
    sv_tree_put(&tree, 1, trees);
    assert_int_equal(sv_model_write(&model, &out, NULL), SV_OK);
    return sv_textbuf_text(&out);
}

static sv_model_draft a_draft(void) {
    return (sv_model_draft){ .name = SV_TEXT("press"),
                             .bytes = a_model(SV_MODEL_RUL, SV_TEXT("")),
                             .signature = SV_TEXT("signed"),
                             .row_s = 3600,
                             .horizon_s = 36000,
                             .confidence = 0.3,
                             .user = "ada" };
}

static int64_t put(fixture *f, const char *name) {
    sv_model_draft draft = a_draft();
    int64_t version = 0;
    draft.name = sv_text_of(name);
    assert_int_equal(sv_models_put(&f->fleet, &draft, &version, NULL), SV_OK);
    return version;
}

static sv_err act(fixture *f, const char *name, sv_model_act what, int64_t version) {
    const sv_site *north = sv_registry_site(f->fleet.registry, SV_TEXT("north"));
    const sv_model_deed deed = { .act = what, .version = version, .user = "ada" };
    return sv_models_act(&f->fleet, north, sv_text_of(name), &deed, NULL);
}

static const char *of_site(fixture *f, bool given) {
    static char room[16 * 1024];
    sv_textbuf text = SV_TEXTBUF(room);
    sv_json_out out = SV_JSON_OUT(&text);
    const sv_site *north = sv_registry_site(f->fleet.registry, SV_TEXT("north"));
    if (given) {
        assert_int_equal(sv_models_give(&f->fleet, north, &out, NULL), SV_OK);
    } else {
        sv_json_open_object(&out);
        assert_int_equal(sv_models_of_site(&f->fleet, north, &out, NULL), SV_OK);
        sv_json_close_object(&out);
    }
    assert_int_equal(sv_textbuf_end(&text), SV_OK);
    return room;
}

static void must_say(const char *text, const char *part) {
    if (strstr(text, part) == NULL) {
        fail_msg("no %s in %s", part, text);
    }
}

// [model-40]
static void what_no_gateway_could_run_is_refused(void **state) {
    fixture *f = *state;
    int64_t version = 0;
    for (int i = 0; i < 6; i++) {
        sv_model_draft draft = a_draft();
        draft.name = i == 0 ? SV_TEXT("a/b") : draft.name;
        draft.bytes.len -= i == 1 ? 1 : 0;
        draft.signature.len = i == 2 ? 0 : draft.signature.len;
        draft.row_s = i == 3 ? 0 : draft.row_s;
        draft.horizon_s = i == 4 ? 0 : draft.horizon_s;
        draft.confidence = i == 5 ? 1.5 : draft.confidence;
        assert_int_equal(sv_models_put(&f->fleet, &draft, &version, NULL), SV_ERR_INVALID);
    }
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM model"), 0);
}

// [model-40]
static void a_model_of_classes_is_put_with_the_horizon_that_it_has_learnt(void **state) {
    fixture *f = *state;
    int64_t version = 0;
    sv_model_draft draft = a_draft();
    draft.bytes = a_model(SV_MODEL_CLASS, SV_TEXT("healthy"));
    assert_int_equal(sv_models_put(&f->fleet, &draft, &version, NULL), SV_OK);
    assert_int_equal(act(f, "press", SV_MODEL_LIVE, 0), SV_OK);
    must_say(of_site(f, true), "\"mode\":\"live\",\"row_s\":3600,\"horizon\":10,");
    draft.horizon_s = 72000;
    assert_int_equal(sv_models_put(&f->fleet, &draft, &version, NULL), SV_ERR_INVALID);
    draft = a_draft();
    draft.bytes = a_model(SV_MODEL_CLASS, SV_TEXT("no \xff text"));
    assert_int_equal(sv_models_put(&f->fleet, &draft, &version, NULL), SV_ERR_INVALID);
}

// [model-40]
static void versions_are_kept_and_the_oldest_that_run_nowhere_go(void **state) {
    fixture *f = *state;
    assert_int_equal(put(f, "press"), 1);
    assert_int_equal(act(f, "press", SV_MODEL_LIVE, 0), SV_OK);
    for (int i = 0; i < SV_MODELS_VERSIONS_MAX + 3; i++) {
        (void) put(f, "press");
    }
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM model"), SV_MODELS_VERSIONS_MAX + 1);
    assert_int_equal(fixture_count(f, "SELECT min(version) FROM model"), 1);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM event_log WHERE what = 'model.put'"),
                     SV_MODELS_VERSIONS_MAX + 4);
}

// [model-41]
static void from_shadow_to_live_and_back(void **state) {
    fixture *f = *state;
    assert_int_equal(act(f, "press", SV_MODEL_SHADOW, 0), SV_ERR_NOT_FOUND);
    (void) put(f, "press");
    (void) put(f, "press");
    assert_int_equal(act(f, "press", SV_MODEL_SHADOW, 7), SV_ERR_NOT_FOUND);
    assert_int_equal(act(f, "press", SV_MODEL_ROLLBACK, 0), SV_ERR_STATE);
    assert_int_equal(act(f, "press", SV_MODEL_LIVE, 1), SV_OK);
    assert_int_equal(act(f, "press", SV_MODEL_SHADOW, 0), SV_OK);
    must_say(of_site(f, false), "{\"name\":\"press\",\"live\":1,\"shadow\":2,\"before\":0,");
    must_say(of_site(f, true), "\"version\":1,\"mode\":\"live\",\"row_s\":3600,\"horizon\":10,");
    must_say(of_site(f, true), "\"version\":2,\"mode\":\"shadow\"");
    must_say(of_site(f, true), "\"signature\":\"c2lnbmVk\"");
    assert_int_equal(act(f, "press", SV_MODEL_LIVE, 0), SV_OK);
    must_say(of_site(f, false), "\"live\":2,\"shadow\":0,\"before\":1,");
    assert_int_equal(act(f, "press", SV_MODEL_ROLLBACK, 0), SV_OK);
    must_say(of_site(f, false), "\"live\":1,\"shadow\":2,\"before\":0,");
    assert_int_equal(act(f, "press", SV_MODEL_OFF, 0), SV_OK);
    must_say(of_site(f, true), "{\"models\":[]}");
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM push WHERE name = 'models'"), 5);
}

#define TOLD                                                                                       \
    "[{\"name\":\"press\",\"version\":2,\"mode\":\"withdrawn\",\"machines\":7,\"alarms\":3,"       \
    "\"strange\":0.31,\"ended\":4,\"wrong\":1}]"

static void post(fixture *f, const char *models, const char *life) {
    char room[2048];
    char answer_room[256];
    sv_textbuf body = SV_TEXTBUF(room);
    sv_textbuf answer = SV_TEXTBUF(answer_room);
    sv_textbuf_addf(&body,
                    "{\"gateway\":{\"models\":%s},\"devices\":[{\"device_id\":\"press-1\","
                    "\"online\":true,\"life\":%s}]}",
                    models, life);
    assert_int_equal(sv_uplink_health(&f->fleet, fixture_gateway(f, "gw-a"), sv_textbuf_text(&body),
                                      &answer, NULL),
                     SV_OK);
}

static const char *everywhere(fixture *f, const char *sites) {
    static char room[16 * 1024];
    sv_textbuf text = SV_TEXTBUF(room);
    sv_json_out out = SV_JSON_OUT(&text);
    sv_person who = { .role = SV_PERSON_VIEWER };
    (void) snprintf(who.sites, sizeof who.sites, "%s", sites);
    sv_json_open_object(&out);
    assert_int_equal(sv_models_everywhere(&f->fleet, &who, &out, NULL), SV_OK);
    sv_json_close_object(&out);
    assert_int_equal(sv_textbuf_end(&text), SV_OK);
    return room;
}

// [model-41] [model-42]
static void where_models_run_is_seen_by_who_sees_the_site(void **state) {
    fixture *f = *state;
    (void) put(f, "press");
    assert_string_equal(everywhere(f, ""), "{\"places\":[],\"gateways\":[]}");
    assert_int_equal(act(f, "press", SV_MODEL_LIVE, 0), SV_OK);
    post(f, TOLD, "null");
    must_say(everywhere(f, ""), "{\"places\":[{\"site\":\"north\",\"name\":\"press\",\"live\":1,");
    must_say(everywhere(f, "[\"north\"]"),
             "\"gateways\":[{\"id\":\"gw-a\",\"site\":\"north\",\"models\":" TOLD);
    assert_string_equal(everywhere(f, "[\"south\"]"), "{\"places\":[],\"gateways\":[]}");
}

// [model-41]
static void at_most_four_run_at_a_site(void **state) {
    fixture *f = *state;
    static const char *const NAMES[] = { "a", "b", "c", "d", "e" };
    for (size_t i = 0; i < SV_COUNT(NAMES); i++) {
        (void) put(f, NAMES[i]);
        assert_int_equal(act(f, NAMES[i], SV_MODEL_SHADOW, 0),
                         i < SV_MODELS_MAX ? SV_OK : SV_ERR_STATE);
    }
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM model_place"), SV_MODELS_MAX);
}

static const char *life_of(fixture *f) {
    static char room[512];
    sv_textbuf text = SV_TEXTBUF(room);
    sv_json_out out = SV_JSON_OUT(&text);
    sv_life_write(sv_registry_device(f->fleet.registry, SV_TEXT("press-1")), &out);
    assert_int_equal(sv_textbuf_end(&text), SV_OK);
    return room;
}

#define LIFE                                                                                       \
    "{\"model\":\"press\",\"version\":2,\"left_s\":7200,\"low_s\":3600,\"high_s\":9000,\"risk\":"  \
    "0.42,\"horizon_s\":36000"

// [model-42] [uplink-21]
static void what_gateways_say_is_shown_and_what_breaks_its_format_is_passed_over(void **state) {
    fixture *f = *state;
    post(f, TOLD, LIFE "}");
    must_say(of_site(f, false), "{\"id\":\"gw-a\",\"models\":" TOLD "}");
    must_say(life_of(f), LIFE ",\"at\":1800000000000}");
    post(f, "[{\"name\":\"press\"}]",
         "{\"model\":\"press\",\"version\":2,\"left_s\":1,\"low_s\":2,"
         "\"high_s\":3,\"risk\":0,\"horizon_s\":1}");
    must_say(of_site(f, false), TOLD);
    must_say(life_of(f), LIFE);
    sv_fleet_drop(&f->fleet);
    fixture_start(f);
    must_say(life_of(f), LIFE ",\"at\":1800000000000}");
    post(f, "[]", "null");
    must_say(of_site(f, false), "{\"id\":\"gw-a\",\"models\":[]}");
    must_say(life_of(f), "null");
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM life"), 0);
}

// [model-35]
static void a_repair_is_told_to_the_gateways_of_the_site(void **state) {
    fixture *f = *state;
    post(f, "[]", "null");
    const sv_device *device = sv_registry_device(f->fleet.registry, SV_TEXT("press-1"));
    const sv_life_over over = { .failed = true, .at_ms = 1700000000000, .user = "ada" };
    const sv_life_over later = { .at_ms = f->fleet.wall_us() / 1000 + 1, .user = "ada" };
    assert_int_equal(sv_models_renewed(&f->fleet, device, &over, NULL), SV_OK);
    assert_int_equal(sv_models_renewed(&f->fleet, device, &later, NULL), SV_ERR_INVALID);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM push WHERE name = 'renewed' AND data = "
                                      "'{\"device\":\"press-1\",\"failed\":true,\"at\":"
                                      "1700000000000}'"),
                     1);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM event_log WHERE what = 'device.renewed'"
                                      " AND detail LIKE 'had failed%'"),
                     1);
}

/// Two versions were put, the second is live; gw-a says this of it.
static void withdraw(fixture *f, const char *mode) {
    char room[256];
    (void) snprintf(room, sizeof room,
                    "[{\"name\":\"press\",\"version\":2,\"mode\":\"%s\",\"machines\":7,"
                    "\"alarms\":3,\"strange\":0.31,\"why\":\"31 %% is far from all\"}]",
                    mode);
    post(f, room, "null");
}

// [model-43]
static void what_a_gateway_has_withdrawn_goes_back_at_the_whole_site(void **state) {
    fixture *f = *state;
    (void) put(f, "press");
    (void) put(f, "press");
    (void) put(f, "press");
    assert_int_equal(act(f, "press", SV_MODEL_LIVE, 1), SV_OK);
    assert_int_equal(act(f, "press", SV_MODEL_LIVE, 2), SV_OK);
    assert_int_equal(act(f, "press", SV_MODEL_SHADOW, 3), SV_OK);
    withdraw(f, "live");
    must_say(of_site(f, false), "\"live\":2,\"shadow\":3,\"before\":1,");
    withdraw(f, "withdrawn");
    must_say(of_site(f, false), "\"live\":1,\"shadow\":3,\"before\":0,");
    must_say(of_site(f, false), "\"by\":\"fleet\",\"why\":\"gw-a withdrew version 2: 31 % is far "
                                "from all\"");
    withdraw(f, "withdrawn"); // it has not heard yet
    must_say(of_site(f, false), "\"live\":1,\"shadow\":3,\"before\":0,");
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM event_log WHERE what = 'model.rollback'"
                                      " AND who = 'fleet' AND detail LIKE '%gw-a withdrew%'"),
                     1);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM push WHERE name = 'models'"), 4);
    assert_int_equal(act(f, "press", SV_MODEL_LIVE, 2), SV_OK); // a person decides anew
    assert_null(strstr(of_site(f, false), "\"by\":\"fleet\""));
}

// [model-43]
static void what_is_live_again_is_in_shadow_no_more(void **state) {
    fixture *f = *state;
    (void) put(f, "press");
    (void) put(f, "press");
    assert_int_equal(act(f, "press", SV_MODEL_LIVE, 1), SV_OK);
    assert_int_equal(act(f, "press", SV_MODEL_LIVE, 2), SV_OK);
    assert_int_equal(act(f, "press", SV_MODEL_SHADOW, 1), SV_OK);
    withdraw(f, "withdrawn");
    must_say(of_site(f, false), "\"live\":1,\"shadow\":0,\"before\":0,");
}

// [model-40]
static void no_version_is_hidden_however_many_there_are(void **state) {
    fixture *f = *state;
    SV_DEFER(sv_textbuf_drop) sv_textbuf text = SV_TEXTBUF_HEAP(1 << 20);
    sv_json_out out = SV_JSON_OUT(&text);
    char name[16];
    for (int i = 0; i < 250; i++) {
        (void) snprintf(name, sizeof name, "m%02d", i % 25);
        (void) put(f, name);
    }
    assert_int_equal(sv_models_list(&f->fleet, &out, NULL), SV_OK);
    assert_int_equal(sv_textbuf_end(&text), SV_OK);
    must_say(text.at, "{\"name\":\"m24\",\"version\":1,");
    must_say(text.at, "[{\"name\":\"m00\",\"version\":10,");
}

// [model-43]
static void with_nothing_to_go_back_to_it_stays_for_a_person_to_decide(void **state) {
    fixture *f = *state;
    (void) put(f, "press");
    (void) put(f, "press");
    assert_int_equal(act(f, "press", SV_MODEL_LIVE, 2), SV_OK);
    withdraw(f, "withdrawn");
    must_say(of_site(f, false), "\"live\":2,\"shadow\":0,\"before\":0,");
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(what_no_gateway_could_run_is_refused),
        TEST(a_model_of_classes_is_put_with_the_horizon_that_it_has_learnt),
        TEST(versions_are_kept_and_the_oldest_that_run_nowhere_go),
        TEST(from_shadow_to_live_and_back),
        TEST(where_models_run_is_seen_by_who_sees_the_site),
        TEST(at_most_four_run_at_a_site),
        TEST(what_gateways_say_is_shown_and_what_breaks_its_format_is_passed_over),
        TEST(a_repair_is_told_to_the_gateways_of_the_site),
        TEST(what_a_gateway_has_withdrawn_goes_back_at_the_whole_site),
        TEST(what_is_live_again_is_in_shadow_no_more),
        TEST(no_version_is_hidden_however_many_there_are),
        TEST(with_nothing_to_go_back_to_it_stays_for_a_person_to_decide),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
