#include "test_tar.h"

#include <slot/tar.h>

static archive A;
static char SAID[16384];
static sv_textbuf LIST;

static sv_err note_entry(void *arg, const sv_tar_entry *entry, sv_why *why) {
    (void) arg;
    (void) why;
    sv_textbuf_addf(&LIST, "%c%s %s", "dfl"[entry->kind], entry -> executable ? "x" : "",
                    entry->path);
    if (entry->kind == SV_TAR_LINK) {
        sv_textbuf_addf(&LIST, " > %s", entry->target);
    } else if (entry->kind == SV_TAR_FILE) {
        sv_textbuf_addf(&LIST, " %llu ", (unsigned long long) entry->bytes);
    }
    return SV_OK;
}

static sv_err note_bytes(void *arg, sv_text bytes, sv_why *why) {
    (void) arg;
    (void) why;
    sv_textbuf_add(&LIST, bytes);
    return SV_OK;
}

static sv_err note_end(void *arg, sv_why *why) {
    (void) arg;
    (void) why;
    sv_textbuf_add_char(&LIST, '\n');
    return SV_OK;
}

/// What is read of the archive goes to SAID.
static sv_err read_by(size_t step, uint64_t most, sv_why *why) {
    static sv_tar tar;
    sv_text rest = tar_text(&A);
    LIST = (sv_textbuf){ .at = SAID, .cap = sizeof SAID };
    sv_tar_begin(&tar, (sv_tar_taker){ .entry = note_entry, .bytes = note_bytes, .end = note_end },
                 most);
    while (rest.len > 0) {
        sv_text piece = { .at = rest.at, .len = rest.len < step ? rest.len : step };
        SV_TRY(sv_tar_push(&tar, piece, why));
        rest.at += piece.len;
        rest.len -= piece.len;
    }
    assert_int_equal(sv_textbuf_end(&LIST), SV_OK);
    return sv_tar_end(&tar, why);
}

static void refused(const char *sentence) {
    sv_why why = { 0 };
    assert_int_equal(read_by(700, TAR_ROOM, &why), SV_ERR_INVALID);
    if (strstr(why.text, sentence) == NULL) {
        fail_msg("'%s' is not said, but: %s", sentence, why.text);
    }
}

static void begin(void) {
    A.len = 0;
}

static void folders_files_and_links_are_read_whatever_the_pieces(void **state) { // [slot-30]
    (void) state;
    begin();
    tar_folder(&A, "./");
    tar_folder(&A, "./bin/");
    (void) tar_add(&A, '0', "./bin/run", 0700, "", SV_TEXT("#!/bin/sh\n"));
    tar_file(&A, "empty", "");
    tar_link(&A, "bin/again", "run");
    tar_link(&A, "bin/up", "../empty");
    tar_close(&A);
    const size_t steps[] = { 1, 511, 512, 513, 4096, TAR_ROOM };
    for (size_t i = 0; i < SV_COUNT(steps); i++) {
        assert_int_equal(read_by(steps[i], 100, NULL), SV_OK);
        assert_string_equal(SAID, "d bin\nfx bin/run 10 #!/bin/sh\n\nf empty 0 \n"
                                  "l bin/again > run\nl bin/up > ../empty\n");
    }
}

static void long_names_come_before_their_entry(void **state) { // [slot-30]
    (void) state;
    char name[300];
    char pax[400];
    memset(name, 'n', 200);
    name[200] = '\0';
    begin();
    (void) tar_add(&A, 'g', "pax_global_header", 0644, "", SV_TEXT("20 comment=abcdefgh\n"));
    (void) snprintf(pax, sizeof pax, "210 path=%s\n", name);
    (void) tar_add(&A, 'x', "x", 0644, "", sv_text_of(pax));
    tar_file(&A, "short", "1");
    (void) tar_add(&A, 'x', "x", 0644, "", SV_TEXT("14 linkpath=a\n9 size=0\n"));
    tar_link(&A, "l", "");
    name[120] = '\0';
    (void) tar_add(&A, 'L', "././@LongLink", 0, "", (sv_text){ .at = name, .len = 121 });
    tar_file(&A, "short", "2");
    tar_file(&A, "last", "3");
    tar_close(&A);
    assert_int_equal(read_by(100, 100, NULL), SV_OK);
    assert_int_equal(strlen(SAID), 2 + 200 + 5 + 8 + 2 + 120 + 5 + 11);
    assert_non_null(strstr(SAID, "n 1 1\nl l > a\nf nnn"));
    assert_non_null(strstr(SAID, "n 1 2\nf last 1 3\n"));
    begin();
    size_t header = tar_add(&A, '0', "name", 0644, "", SV_TEXT("1"));
    memcpy(A.at + header + 345, "some/where", 10);
    tar_sum(&A, header);
    tar_close(&A);
    assert_int_equal(read_by(100, 100, NULL), SV_OK);
    assert_string_equal(SAID, "f some/where/name 1 1\n");
}

static void paths_that_lead_out_are_refused(void **state) { // [slot-30]
    (void) state;
    const char *const paths[] = { "/etc/passwd", "../x",  "a/../../x", "a/..", "a//b", "a/./b",
                                  "..",          "a/b//", "/",         ".//x", "./.." };
    for (size_t i = 0; i < SV_COUNT(paths); i++) {
        begin();
        tar_file(&A, paths[i], "");
        tar_close(&A);
        refused("is no path within a tree");
    }
    begin();
    tar_file(&A, "a\nb", "");
    tar_close(&A);
    refused("control character");
    begin();
    tar_file(&A, ".", "x");
    tar_close(&A);
    refused("without a name");
    begin();
    tar_file(&A,
             "1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17/18/19/20/21/22/23/24/25/26/27/28/29/30/"
             "31/32/33",
             "");
    tar_close(&A);
    refused("more than 32 parts");
}

static void links_end_in_the_tree(void **state) { // [slot-30]
    (void) state;
    const struct {
        const char *path, *target;
        bool good;
    } cases[] = {
        { "l", "a", true },          { "l", "a/b", true },       { "d/l", "..", true },
        { "d/l", "../a", true },     { "d/e/l", "../..", true }, { "d/e/l", "../../d/x", true },
        { "l", "/etc", false },      { "l", "..", false },       { "l", "../x", false },
        { "d/l", "../../x", false }, { "l", "a/..", false },     { "d/l", "a/../..", false },
        { "l", ".", false },         { "l", "./a", false },      { "d/l", ".././..", false },
        { "l", "", false },          { "l", "a//b", false },     { "d/l", "...", true },
    };
    for (size_t i = 0; i < SV_COUNT(cases); i++) {
        begin();
        tar_link(&A, cases[i].path, cases[i].target);
        tar_close(&A);
        if (cases[i].good) {
            assert_int_equal(read_by(512, 0, NULL), SV_OK);
        } else {
            refused("the link");
        }
    }
}

static void what_no_tree_of_a_release_needs_is_refused(void **state) { // [slot-30]
    (void) state;
    const struct {
        char type;
        unsigned mode;
        const char *sentence;
    } cases[] = {
        { '1', 0644, "'it' is a hard link" },
        { '3', 0644, "'it' is a device" },
        { '4', 0644, "'it' is a device" },
        { '6', 0644, "'it' is a pipe" },
        { 'S', 0644, "'it' is a sparse file" },
        { '7', 0644, "not known" },
        { 'V', 0644, "not known" },
        { '0', 04755, "set-user-ID" },
        { '0', 02755, "set-group-ID" },
        { '5', 02755, "set-group-ID" },
    };
    for (size_t i = 0; i < SV_COUNT(cases); i++) {
        begin();
        (void) tar_add(&A, cases[i].type, "it", cases[i].mode, "to", SV_TEXT(""));
        tar_close(&A);
        refused(cases[i].sentence);
    }
    begin();
    (void) tar_add(&A, '5', "d", 0755, "", SV_TEXT("x"));
    tar_close(&A);
    refused("no file and has bytes");
    begin();
    (void) tar_add(&A, 'x', "x", 0644, "", SV_TEXT("22 GNU.sparse.major=1\n"));
    tar_close(&A);
    refused("sparse");
}

static void what_is_bent_is_refused(void **state) { // [slot-30]
    (void) state;
    const struct {
        char type;
        const char *content, *sentence;
    } extended[] = {
        { 'x', "", "1 to 8192" },
        { 'x', "9 path=a", "is none" },
        { 'x', "99 path=a\n", "is none" },
        { 'x', "1 \n", "is none" },
        { 'x', "x path=a\n", "is none" },
        { 'x', "8 size=\n", "a size that is none" },
        { 'x', "10 size=x\n", "a size that is none" },
        { 'x', "9 path=a\n", "where an entry was due" },
        { 'x', "29 size=99999999999999999999\n", "a size that is none" },
    };
    for (size_t i = 0; i < SV_COUNT(extended); i++) {
        begin();
        (void) tar_add(&A, extended[i].type, "x", 0644, "", sv_text_of(extended[i].content));
        tar_close(&A);
        refused(extended[i].sentence);
    }
    const struct {
        size_t at;
        const char *bytes, *sentence;
        bool summed;
    } bent[] = {
        { 0, "j", "wrong checksum", false },       { 257, "x", "no tar archive", true },
        { 124, "\x80", "--format=pax", true },     { 124, "9", "--format=pax", true },
        { 100, "8", "a mode that is none", true }, { 148, "x", "wrong checksum", false },
        { 124, "777", "have more than", true },
    };
    for (size_t i = 0; i < SV_COUNT(bent); i++) {
        begin();
        tar_file(&A, "it", "12");
        tar_close(&A);
        memcpy(A.at + bent[i].at, bent[i].bytes, strlen(bent[i].bytes));
        if (bent[i].summed) {
            tar_sum(&A, 0);
        }
        refused(bent[i].sentence);
    }
}

static void an_archive_ends_with_two_blocks_of_zeros_and_nothing_else(void **state) { // [slot-30]
    (void) state;
    begin();
    tar_file(&A, "it", "12");
    size_t whole = A.len;
    for (size_t len = 0; len < whole + 1024; len++) {
        begin();
        tar_file(&A, "it", "12");
        tar_zeros(&A, 1024);
        A.len = len;
        refused("ends too soon");
    }
    begin();
    tar_close(&A);
    tar_close(&A);
    assert_int_equal(read_by(512, 0, NULL), SV_OK); // nothing at all, and padding
    tar_file(&A, "it", "12");
    refused("follows the end");
    begin();
    tar_zeros(&A, 512);
    tar_file(&A, "it", "12");
    refused("among its entries");
}

static void what_is_larger_than_may_be_is_refused(void **state) { // [slot-30]
    (void) state;
    sv_why why = { 0 };
    begin();
    tar_file(&A, "a", "12345");
    tar_file(&A, "b", "12345");
    tar_close(&A);
    assert_int_equal(read_by(512, 10, NULL), SV_OK);
    assert_int_equal(read_by(512, 9, &why), SV_ERR_INVALID);
    assert_non_null(strstr(why.text, "more than 9 bytes"));
}

static void there_are_as_many_entries_as_may_be(void **state) { // [slot-30]
    (void) state;
    static sv_tar tar;
    begin();
    tar_folder(&A, "d");
    LIST = (sv_textbuf){ .at = SAID, .cap = sizeof SAID };
    sv_tar_begin(&tar, (sv_tar_taker){ .entry = note_entry, .bytes = note_bytes, .end = note_end },
                 0);
    for (int i = 0; i < SV_TAR_ENTRIES_MAX; i++) {
        LIST.len = 0;
        assert_int_equal(sv_tar_push(&tar, tar_text(&A), NULL), SV_OK);
    }
    assert_int_equal(sv_tar_push(&tar, tar_text(&A), NULL), SV_ERR_INVALID);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(folders_files_and_links_are_read_whatever_the_pieces),
        cmocka_unit_test(long_names_come_before_their_entry),
        cmocka_unit_test(paths_that_lead_out_are_refused),
        cmocka_unit_test(links_end_in_the_tree),
        cmocka_unit_test(what_no_tree_of_a_release_needs_is_refused),
        cmocka_unit_test(what_is_bent_is_refused),
        cmocka_unit_test(an_archive_ends_with_two_blocks_of_zeros_and_nothing_else),
        cmocka_unit_test(what_is_larger_than_may_be_is_refused),
        cmocka_unit_test(there_are_as_many_entries_as_may_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
