#include <base/prng.h>
#include <base/test.h>
#include <fleet/query.h>
#include <stdio.h>

static sv_query parsed(const char *text) {
    sv_query query = { 0 };
    sv_why why = { 0 };
    if (sv_query_read(sv_text_of(text), &query, &why) != SV_OK) {
        fail_msg("'%s': %s", text, why.text);
    }
    return query;
}

static bool in_canary(const sv_query_device *device, sv_query_field field, sv_text name) {
    (void) device;
    return sv_text_is(name, field == SV_QUERY_GROUP ? "canary" : "pilot");
}

static sv_query_device press_1(void) {
    return (sv_query_device){ .field = { [SV_QUERY_ID] = SV_TEXT("press-1"),
                                         [SV_QUERY_SITE] = SV_TEXT("plant-1"),
                                         [SV_QUERY_TYPE] = SV_TEXT("press"),
                                         [SV_QUERY_PRODUCT] = SV_TEXT("lathe"),
                                         [SV_QUERY_VERSION] = SV_TEXT("1.9"),
                                         [SV_QUERY_HEALTH] = SV_TEXT("healthy") },
                              .diverges = true,
                              .has = in_canary };
}

static void a_query_says_which_devices_are_meant(void **state) { // [campaign-1] [campaign-3]
    static const struct {
        const char *text;
        bool fits;
    } CASES[] = {
        { "all", true },
        { "site = plant-1", true },
        { "site = \"plant-1\"", true },
        { "site = plant-2", false },
        { "site != plant-2", true },
        { "version < 1.10", true },
        { "version < 1.9", false },
        { "version <= 1.9", true },
        { "version > 1.8", true },
        { "version >= 2", false },
        { "id ~ press-*", true },
        { "id !~ press-*", false },
        { "health != critical", true },
        { "online", false },
        { "not online", true },
        { "diverges", true },
        { "not diverges or online", false },
        { "site = plant-1 and diverges", true },
        { "not not online", false },
        { "group = canary and tag = pilot", true },
        { "group = canary and tag != pilot", false },
        { "group = pilot", false },
        { "site = x or site = plant-1 and not online", true },
        { "(site = x or site = plant-1) and online", false },
        { "not (site = x or online)", true },
        { "site = plant-1 and version < 1.10 and id ~ press-* and tag = pilot and health != "
          "critical "
          "and (product = lathe or group = canary) and not online",
          true },
        // What is not known fits nothing but != and !~.
        { "hardware = x", false },
        { "hardware != x", true },
        { "hardware ~ *", false },
        { "hardware !~ *", true },
    };
    sv_query_device device = press_1();
    (void) state;
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        sv_query query = parsed(CASES[i].text);
        if (sv_query_fits(&query, &device) != CASES[i].fits) {
            fail_msg("'%s' gives %d", CASES[i].text, !CASES[i].fits);
        }
        sv_query_device blank = { .online = device.online, .diverges = device.diverges };
        if (!sv_query_compares(&query) && sv_query_fits(&query, &blank) != CASES[i].fits) {
            fail_msg("'%s' compares", CASES[i].text);
        }
    }
    device.field[SV_QUERY_VERSION] = SV_TEXT("");
    sv_query below = parsed("version < 9 or version >= 0");
    assert_false(sv_query_fits(&below, &device));
}

static void a_query_of_flags_alone_compares_nothing(void **state) { // [campaign-3]
    static const char *const FLAGS[] = { "all", "online", "not diverges or online and all" };
    static const char *const OTHERS[] = { "id = x",           "id != x",     "version < 1",
                                          "version <= 1",     "version > 1", "version >= 1",
                                          "online or id ~ *", "not id !~ *" };
    (void) state;
    for (size_t i = 0; i < SV_COUNT(FLAGS); i++) {
        sv_query query = parsed(FLAGS[i]);
        assert_false(sv_query_compares(&query));
    }
    for (size_t i = 0; i < SV_COUNT(OTHERS); i++) {
        sv_query query = parsed(OTHERS[i]);
        assert_true(sv_query_compares(&query));
    }
}

static void a_mistake_is_named_with_its_place_and_the_nearest_word(void **state) { // [campaign-2]
    static const struct {
        const char *text, *why;
    } CASES[] = {
        { "", "query, line 1, column 1: the text ends where a condition such as site = plant-1 is "
              "wanted" },
        { "sit = north", "query, line 1, column 1: 'sit' is nothing that can be asked of a device; "
                         "did you mean site?" },
        { "site = a and\n  verson < 2", "query, line 2, column 3: 'verson' is nothing that can be "
                                        "asked of a device; did you mean version?" },
        { "health = warn", "query, line 1, column 10: 'warn' is no health (healthy, warning, "
                           "critical, unknown)" },
        { "health = critcal", "query, line 1, column 10: 'critcal' is no health (healthy, warning, "
                              "critical, unknown); did you mean critical?" },
        { "site < a", "query, line 1, column 6: site has no order; < <= > >= compare versions" },
        { "site = a nad online",
          "query, line 1, column 10: 'nad' stands where and, or, or the end is wanted; did you "
          "mean and?" },
        { "site =", "query, line 1, column 7: the text ends where a value is wanted" },
        { "site = \"a", "query, line 1, column 8: the quotation mark here is not closed" },
        { "site = \"\"", "query, line 1, column 8: a value has 1 to 128 bytes, this one 0" },
        { "site a", "query, line 1, column 6: 'a' stands where a comparison such as = is wanted" },
        { "site ! a", "query, line 1, column 6: '!' alone compares nothing; != is \"is not\"" },
        { "(site = a", "query, line 1, column 10: the text ends where and, or, or ) is wanted" },
        { "site = a)", "query, line 1, column 9: ')' stands where and, or, or the end is wanted" },
        { "group ~ c*", "query, line 1, column 7: a group is named whole, with = or !=" },
        { "site = a;", "query, line 1, column 9: ';' must stand inside quotation marks" },
        { "site = \xc3\xa9",
          "query, line 1, column 8: byte 0xc3 must stand inside quotation marks" },
        { "not not not not not not not not not not not not not not not not online",
          "query, line 1, column 65: nested more than 16 deep" },
    };
    (void) state;
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        sv_query query = { 0 };
        sv_why why = { 0 };
        assert_int_equal(sv_query_read(sv_text_of(CASES[i].text), &query, &why), SV_ERR_INVALID);
        assert_string_equal(why.text, CASES[i].why);
        assert_int_equal(query.step_count, 0);
    }
}

static void what_is_too_long_is_refused(void **state) {
    char text[2000];
    sv_query query;
    sv_query_fault fault;
    (void) state;
    memset(text, ' ', sizeof text);
    assert_int_equal(sv_query_parse((sv_text){ text, SV_QUERY_BYTES_MAX + 1 }, &query, &fault),
                     SV_ERR_INVALID);
    assert_non_null(strstr(fault.text, "longer than 1000 bytes"));
    size_t len = 0;
    for (int i = 0; i < 40; i++) {
        len += (size_t) snprintf(text + len, sizeof text - len, "%sid=a", i > 0 ? " or " : "");
    }
    assert_int_equal(sv_query_parse((sv_text){ text, len }, &query, &fault), SV_ERR_INVALID);
    assert_non_null(strstr(fault.text, "more than 64 steps"));
}

// ---- a property: what is written is what is meant
// ------------------------------------------------

enum { TREES = 4000, NODES_MAX = 25 };

typedef struct node {
    int op; ///< 0: a test of bit `bit`; 1: not; 2: and; 3: or
    unsigned bit;
    int left, right;
} node;

typedef struct tree {
    node nodes[NODES_MAX];
    int count;
} tree;

static int grow(tree *t, sv_prng *prng, unsigned depth) {
    int at = t->count++;
    unsigned what =
        depth == 0 || t->count > NODES_MAX - 6 ? 0 : (unsigned) (sv_prng_next(prng) % 4);
    t->nodes[at] = (node){ .op = (int) what, .bit = (unsigned) (sv_prng_next(prng) % 6) };
    if (what >= 1) {
        t->nodes[at].left = grow(t, prng, depth - 1);
    }
    if (what >= 2) {
        t->nodes[at].right = grow(t, prng, depth - 1);
    }
    return at;
}

/// All of it in parentheses, so that nothing hangs on how closely words hold.
static void write_tree(const tree *t, int at, sv_textbuf *out) {
    const node *n = &t->nodes[at];
    if (n->op == 0) {
        sv_textbuf_addf(out, "tag=b%u", n->bit);
        return;
    }
    sv_textbuf_add_str(out, n->op == 1 ? "not(" : "((");
    write_tree(t, n->left, out);
    if (n->op >= 2) {
        sv_textbuf_add_str(out, n->op == 2 ? ")and(" : ")or(");
        write_tree(t, n->right, out);
        sv_textbuf_add_char(out, ')');
    }
    sv_textbuf_add_char(out, ')');
}

static bool judge_tree(const tree *t, int at, unsigned bits) {
    const node *n = &t->nodes[at];
    return n->op == 0   ? (bits >> n->bit & 1) != 0
           : n->op == 1 ? !judge_tree(t, n->left, bits)
           : n->op == 2 ? judge_tree(t, n->left, bits) && judge_tree(t, n->right, bits)
                        : judge_tree(t, n->left, bits) || judge_tree(t, n->right, bits);
}

static bool has_bit(const sv_query_device *device, sv_query_field field, sv_text name) {
    const unsigned *bits = device->of;
    (void) field;
    return (*bits >> (unsigned) (name.at[1] - '0') & 1) != 0;
}

static void what_is_written_is_what_is_meant_also_in_its_usual_form(void **state) {
    sv_prng prng = { .state = 9 };
    (void) state;
    for (int i = 0; i < TREES; i++) {
        tree t = { 0 };
        char room[SV_QUERY_BYTES_MAX];
        char usual_room[SV_QUERY_BYTES_MAX];
        sv_textbuf text = SV_TEXTBUF(room);
        sv_textbuf usual = SV_TEXTBUF(usual_room);
        (void) grow(&t, &prng, 5);
        write_tree(&t, 0, &text);
        assert_int_equal(sv_textbuf_end(&text), SV_OK);
        sv_query query = parsed(room);
        sv_query_format(&query, &usual);
        assert_int_equal(sv_textbuf_end(&usual), SV_OK);
        assert_true(usual.len <= text.len + 4 * (size_t) t.count);
        sv_query again = parsed(usual_room);
        for (unsigned bits = 0; bits < 64; bits++) {
            sv_query_device device = { .has = has_bit, .of = &bits };
            bool meant = judge_tree(&t, 0, bits);
            if (sv_query_fits(&query, &device) != meant
                || sv_query_fits(&again, &device) != meant) {
                fail_msg("%s (usually %s) with %x", room, usual_room, bits);
            }
        }
    }
}

/// Two of the bits are what a kind of device is known by.
static void write_kind_tree(const tree *t, sv_textbuf *out) {
    char room[SV_QUERY_BYTES_MAX] = "";
    sv_textbuf text = SV_TEXTBUF(room);
    write_tree(t, 0, &text);
    assert_int_equal(sv_textbuf_end(&text), SV_OK);
    for (const char *at = room; *at != '\0'; at++) {
        if (strncmp(at, "tag=b0", 6) == 0 || strncmp(at, "tag=b1", 6) == 0) {
            sv_textbuf_add_str(out, at[5] == '0' ? "version=v1" : "product=p1");
            at += 5;
        } else {
            sv_textbuf_add_char(out, *at);
        }
    }
}

static void a_kind_that_cannot_fit_has_no_device_that_does(void **state) { // [running-9]
    sv_prng prng = { .state = 10 };
    int64_t passed_over = 0;
    (void) state;
    for (int i = 0; i < TREES; i++) {
        tree t = { 0 };
        char room[SV_QUERY_BYTES_MAX];
        sv_textbuf text = SV_TEXTBUF(room);
        (void) grow(&t, &prng, 4);
        write_kind_tree(&t, &text);
        if (sv_textbuf_end(&text) != SV_OK) {
            continue;
        }
        sv_query query = parsed(room);
        bool is_exact = strstr(room, "tag") == NULL;
        for (unsigned kind = 0; kind < 4; kind++) {
            sv_text version = (kind & 1) != 0 ? SV_TEXT("v1") : SV_TEXT("");
            sv_text product = (kind & 2) != 0 ? SV_TEXT("p1") : SV_TEXT("p0");
            bool may = sv_query_may_fit(&query, product, version);
            bool any = false;
            for (unsigned bits = kind; bits < 64; bits += 4) {
                sv_query_device device = { .has = has_bit, .of = &bits };
                device.field[SV_QUERY_VERSION] = version;
                device.field[SV_QUERY_PRODUCT] = product;
                any |= sv_query_fits(&query, &device);
            }
            passed_over += !may;
            if ((any && !may) || (is_exact && may != any)) {
                fail_msg("%s of kind %u: %d, and %d", room, kind, may, any);
            }
        }
    }
    assert_true(passed_over > TREES / 4);
}

static void the_usual_form_has_no_needless_parentheses(void **state) {
    static const char *const SAME[] = {
        "site = a or site = b and not online",
        "(site = a or site = b) and online",
        "site = a and (site = b and site = c)",
        "id = \"a \\\"b\\\" \\\\\"",
        "not (all or online)",
    };
    (void) state;
    for (size_t i = 0; i < SV_COUNT(SAME); i++) {
        char room[SV_QUERY_BYTES_MAX];
        sv_textbuf usual = SV_TEXTBUF(room);
        sv_query query = parsed(SAME[i]);
        sv_query_format(&query, &usual);
        assert_int_equal(sv_textbuf_end(&usual), SV_OK);
        assert_string_equal(room, SAME[i]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_query_says_which_devices_are_meant),
        cmocka_unit_test(a_query_of_flags_alone_compares_nothing),
        cmocka_unit_test(a_mistake_is_named_with_its_place_and_the_nearest_word),
        cmocka_unit_test(what_is_too_long_is_refused),
        cmocka_unit_test(what_is_written_is_what_is_meant_also_in_its_usual_form),
        cmocka_unit_test(a_kind_that_cannot_fit_has_no_device_that_does),
        cmocka_unit_test(the_usual_form_has_no_needless_parentheses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
