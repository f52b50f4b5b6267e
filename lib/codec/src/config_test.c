#include <base/test.h>
#include <codec/config.h>

typedef struct sample {
    char name[8];
    bool on;
    int64_t port, wait_us, room_bytes;
    double ratio;
    int colour;
    struct {
        char path[16];
    } store;
} sample;

static const char *const COLOURS[] = { "red", "green", NULL };
static const sv_config_key STORE_KEYS[] = {
    { .name = "path",
      .type = SV_CONFIG_TEXT,
      .offset = 0,
      .size = 16,
      .fallback = "here",
      .help = "where" },
    { .name = NULL },
};
static const sv_config_key KEYS[] = {
    { .name = "name",
      .type = SV_CONFIG_TEXT,
      .offset = offsetof(sample, name),
      .size = 8,
      .help = "who it is" },
    { .name = "on",
      .type = SV_CONFIG_BOOL,
      .offset = offsetof(sample, on),
      .fallback = "true",
      .help = "whether" },
    { .name = "port",
      .type = SV_CONFIG_INT,
      .offset = offsetof(sample, port),
      .fallback = "8883",
      .min = 1,
      .max = 65535,
      .help = "TCP" },
    { .name = "wait",
      .type = SV_CONFIG_DURATION,
      .offset = offsetof(sample, wait_us),
      .fallback = "30s",
      .help = "how long" },
    { .name = "room",
      .type = SV_CONFIG_BYTES,
      .offset = offsetof(sample, room_bytes),
      .fallback = "1MiB",
      .help = "how much" },
    { .name = "ratio",
      .type = SV_CONFIG_NUMBER,
      .offset = offsetof(sample, ratio),
      .fallback = "",
      .help = "part" },
    { .name = "colour",
      .type = SV_CONFIG_CHOICE,
      .offset = offsetof(sample, colour),
      .fallback = "green",
      .choices = COLOURS,
      .help = "hue" },
    { .name = "store",
      .type = SV_CONFIG_SECTION,
      .offset = offsetof(sample, store),
      .fallback = "",
      .keys = STORE_KEYS,
      .help = "disk" },
    { .name = NULL },
};

static sv_err read_sample(const char *yaml, sample *out, sv_config_faults *faults) {
    SV_DEFER(sv_config_node_drop) sv_config_node *root = NULL;
    SV_TRY(sv_config_parse(sv_text_of(yaml), &root, faults));
    return sv_config_read(root, KEYS, out, faults);
}

static void a_file_fills_its_struct_and_the_rest_has_defaults(void **state) {
    (void) state;
    sample out = { .on = false };
    SV_DEFER(sv_config_faults_drop) sv_config_faults faults = { .file = "x.yaml" };
    assert_int_equal(
        read_sample("name: lathe\nport: 1883\nratio: 0.5\nstore: {path: /tmp/a}\n", &out, &faults),
        SV_OK);
    assert_string_equal(out.name, "lathe");
    assert_true(out.on);
    assert_int_equal(out.port, 1883);
    assert_int_equal(out.wait_us, 30000000);
    assert_int_equal(out.room_bytes, 1048576);
    assert_true(out.ratio == 0.5);
    assert_int_equal(out.colour, 1);
    assert_string_equal(out.store.path, "/tmp/a");
}

static void every_fault_is_told_with_its_place(void **state) {
    (void) state;
    static const struct {
        const char *yaml;
        const char *told;
    } CASES[] = {
        { "", "x.yaml:1:1: \"name:\" is missing: who it is\n" },
        { "name: a\nprot: 1\n",
          "x.yaml:2:7: \"prot\" is not a key here; did you mean \"port\"?\n" },
        { "name: a\nport: 8o\n", "x.yaml:2:7: port: \"8o\" is not a whole number\n" },
        { "name: a\nport: 70000\n", "x.yaml:2:7: port: 70000 is outside 1 to 65535\n" },
        { "name: a\nname: b\n", "x.yaml:2:1: \"name\" stands here twice\n" },
        { "name: &x a\n", "x.yaml:1:7: anchors and tags are not allowed; write the value out\n" },
        { "name: *x\n", "x.yaml:1:7: aliases are not allowed; write the value out\n" },
        { "name: a\n---\nname: b\n",
          "x.yaml:2:1: a second document starts here; only one is allowed\n" },
        { "name: a\ncolour: blue\n", "x.yaml:2:9: colour: \"blue\" is not one of red, green\n" },
        { "name: a\nwait: 5\n",
          "x.yaml:2:7: wait: \"5\" is not a length of time such as 500ms, 30s, 5m, 2h, 7d\n" },
        { "name: a\nroom: 1TiB\n",
          "x.yaml:2:7: room: \"1TiB\" is not a size such as 4096, 64KiB, 10MiB\n" },
        { "name: [a]\n", "x.yaml:1:7: name: a single value is wanted here\n" },
        { "name: toolongname\n", "x.yaml:1:7: name: longer than 7 bytes\n" },
        { "name: a\non: maybe\nratio: .nan\n",
          "x.yaml:2:5: on: \"maybe\" is not true or false\nx.yaml:3:8: ratio: \".nan\" is not a "
          "number\n" },
    };
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        sample out = { .on = false };
        SV_DEFER(sv_config_faults_drop) sv_config_faults faults = { .file = "x.yaml" };
        assert_int_equal(read_sample(CASES[i].yaml, &out, &faults), SV_ERR_INVALID);
        assert_string_equal(faults.text.at, CASES[i].told);
    }
}

static void a_fault_inside_a_text_has_the_column_of_its_letter(void **state) {
    (void) state;
    static const struct {
        const char *yaml, *told;
    } CASES[] = {
        { "when: a < b", "x.yaml:1:9: here\n" },
        { "when: 'a < b'", "x.yaml:1:10: here\n" },
        { "when: \"a < b\"", "x.yaml:1:10: here\n" },
        { "when:   a < b   # why", "x.yaml:1:11: here\n" },
        { "when: \"a \\x3c b\"", "x.yaml:1:7: here\n" },
        { "when: >\n  a <\n  b\n", "x.yaml:1:7: here\n" },
        { "when: a\n  < b", "x.yaml:1:7: here\n" },
        { "when: \"\u00fc < b\"", "x.yaml:1:7: here\n" },
    };
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        SV_DEFER(sv_config_faults_drop) sv_config_faults faults = { .file = "x.yaml" };
        SV_DEFER(sv_config_node_drop) sv_config_node *root = NULL;
        assert_int_equal(sv_config_parse(sv_text_of(CASES[i].yaml), &root, &faults), SV_OK);
        sv_config_fault_inside(&faults, sv_config_node_get(root, "when"), 2, "here");
        assert_string_equal(faults.text.at, CASES[i].told);
    }
}

static void a_fault_can_be_shown_at_its_place(void **state) {
    (void) state;
    sample out = { .on = false };
    SV_DEFER(sv_config_faults_drop) sv_config_faults faults = { .file = "x.yaml" };
    assert_int_equal(read_sample("name: a\non: maybe\nratio: .nan\n", &out, &faults),
                     SV_ERR_INVALID);
    sv_config_fault(&faults, NULL, "too %s", "long");
    assert_int_equal(sv_config_faults_told(&faults), 3);
    assert_int_equal(faults.places[1].line, 3);
    assert_int_equal(faults.places[1].column, 8);
    assert_true(
        sv_text_is(sv_config_faults_sentence(&faults, 1), "ratio: \".nan\" is not a number"));
    assert_int_equal(faults.places[2].line, 0);
    assert_true(sv_text_is(sv_config_faults_sentence(&faults, 2), "too long"));
    for (int i = 0; i < 2 * SV_CONFIG_FAULTS_MAX; i++) {
        sv_config_fault(&faults, NULL, "%d", i);
    }
    assert_int_equal(faults.count, 3 + 2 * SV_CONFIG_FAULTS_MAX);
    assert_int_equal(sv_config_faults_told(&faults), SV_CONFIG_FAULTS_MAX);
    assert_true(sv_text_is(sv_config_faults_sentence(&faults, SV_CONFIG_FAULTS_MAX - 1), "16"));
}

static void of_many_keys_the_first_that_comes_again_is_named(void **state) {
    (void) state;
    sample out = { .on = false };
    SV_DEFER(sv_textbuf_drop) sv_textbuf yaml = SV_TEXTBUF_HEAP(SV_CONFIG_BYTES_MAX);
    SV_DEFER(sv_config_faults_drop) sv_config_faults faults = { .file = "x.yaml" };
    SV_DEFER(sv_config_node_drop) sv_config_node *root = NULL;
    for (int i = 0; i < 100000; i++) {
        sv_textbuf_addf(&yaml, "k%d: 1\n", i);
    }
    assert_int_equal(sv_config_parse(sv_textbuf_text(&yaml), &root, &faults), SV_OK);
    assert_int_equal(sv_config_node_count(root), 100000);
    sv_textbuf_add_str(&yaml, "k99999: 2\nk7: 2\nk7: 3\n");
    assert_int_equal(sv_textbuf_end(&yaml), SV_OK);
    assert_int_equal(read_sample(yaml.at, &out, &faults), SV_ERR_INVALID);
    assert_string_equal(faults.text.at, "x.yaml:100001:1: \"k99999\" stands here twice\n");
}

static void a_deep_or_endless_file_is_refused(void **state) {
    (void) state;
    static char yaml[4000];
    memset(yaml, '[', sizeof yaml - 1);
    sample out = { .on = false };
    SV_DEFER(sv_config_faults_drop) sv_config_faults faults = { .file = "x.yaml" };
    assert_int_equal(read_sample(yaml, &out, &faults), SV_ERR_INVALID);
    assert_non_null(strstr(faults.text.at, "nested too deeply"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_fills_its_struct_and_the_rest_has_defaults),
        cmocka_unit_test(every_fault_is_told_with_its_place),
        cmocka_unit_test(a_fault_inside_a_text_has_the_column_of_its_letter),
        cmocka_unit_test(a_fault_can_be_shown_at_its_place),
        cmocka_unit_test(of_many_keys_the_first_that_comes_again_is_named),
        cmocka_unit_test(a_deep_or_endless_file_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
