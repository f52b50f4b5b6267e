// This test's own program is read, then broken in one place and read again.
#include "elf_facts.h"

#include <base/test.h>
#include <elf.h>
#include <stdlib.h>
#include <sys/disk.h>

enum { PROGRAM_MAX = 256 * 1024 * 1024 };

static sv_textbuf program = SV_TEXTBUF_HEAP(PROGRAM_MAX);

static int setup(void **state) {
    (void) state;
    sv_textbuf_clear(&program);
    return sv_disk_read("/proc/self/exe", &program, NULL) == SV_OK ? 0 : -1;
}

static int teardown(void **state) {
    (void) state;
    sv_textbuf_drop(&program);
    program = (sv_textbuf) SV_TEXTBUF_HEAP(PROGRAM_MAX);
    return 0;
}

static sv_elf_facts read_it(void) {
    sv_elf_facts facts;
    assert_int_equal(sv_elf_read(sv_textbuf_text(&program), &facts, NULL), SV_OK);
    return facts;
}

/// The first segment of this type, and where it stands.
static Elf64_Phdr segment(uint32_t type, size_t *at) {
    Elf64_Ehdr head;
    Elf64_Phdr found;
    memcpy(&head, program.at, sizeof head);
    *at = head.e_phoff;
    for (size_t i = 0; i < head.e_phnum; i++) {
        *at = head.e_phoff + i * sizeof found;
        memcpy(&found, program.at + *at, sizeof found);
        if (found.p_type == type) {
            return found;
        }
    }
    fail_msg("no segment of type %#x", type);
    return (Elf64_Phdr){ 0 };
}

static void set_segment(size_t at, Elf64_Phdr value) {
    memcpy(program.at + at, &value, sizeof value);
}

/// Every dynamic entry of this tag gets another tag and value.
static void set_dynamic(int64_t tag, int64_t new_tag, uint64_t value) {
    size_t at;
    Elf64_Phdr dynamic = segment(PT_DYNAMIC, &at);
    for (size_t i = 0; i < dynamic.p_filesz / sizeof(Elf64_Dyn); i++) {
        Elf64_Dyn entry;
        char *place = program.at + dynamic.p_offset + i * sizeof entry;
        memcpy(&entry, place, sizeof entry);
        if (entry.d_tag == tag) {
            entry.d_tag = new_tag;
            entry.d_un.d_val = value;
            memcpy(place, &entry, sizeof entry);
        }
    }
}

// [checklist-5]
static void this_program_is_hardened(void **state) {
    (void) state;
    sv_elf_facts facts = read_it();
    assert_true(facts.pie && facts.relro && facts.now && facts.stack_data_only);
    assert_true(facts.stack_protector);
    assert_false(facts.writable_code || facts.search_path || facts.is_static);
}

// [checklist-5]
static void what_is_taken_away_is_seen(void **state) {
    (void) state;
    size_t at;
    Elf64_Phdr relro = segment(PT_GNU_RELRO, &at);
    relro.p_type = PT_NULL;
    set_segment(at, relro);
    assert_false(read_it().relro);
    Elf64_Phdr stack = segment(PT_GNU_STACK, &at);
    stack.p_flags |= PF_X;
    set_segment(at, stack);
    assert_false(read_it().stack_data_only);
    set_dynamic(DT_FLAGS, DT_FLAGS, 0);
    set_dynamic(DT_BIND_NOW, DT_DEBUG, 0);
    set_dynamic(DT_FLAGS_1, DT_FLAGS_1, 0);
    assert_false(read_it().now);
    assert_false(read_it().pie);
    set_dynamic(DT_FLAGS_1, DT_RUNPATH, 0);
    assert_true(read_it().search_path);
    assert_false(read_it().writable_code);
    Elf64_Phdr load = segment(PT_LOAD, &at);
    load.p_flags = PF_R | PF_W | PF_X;
    set_segment(at, load);
    assert_true(read_it().writable_code);
}

static void rename_symbol(const char *from, char first) {
    char *at = program.at;
    size_t len = strlen(from) + 1;
    for (char *end = program.at + program.len - len; at != NULL && at <= end; at++) {
        at = memmem(at, (size_t) (program.at + program.len - at), from, len);
        if (at == NULL) {
            return;
        }
        at[0] = first;
    }
}

// [checklist-5]
static void symbols_are_what_the_loader_sees(void **state) {
    (void) state;
    rename_symbol("__stack_chk_fail", 'x');
    assert_false(read_it().stack_protector);
    bool fortified = read_it().fortified;
    rename_symbol("__stack_chk_fail", 'x');
    assert_true(read_it().fortified == fortified);
}

// [checklist-5]
static void a_broken_file_is_refused_and_never_followed(void **state) {
    (void) state;
    sv_elf_facts facts;
    sv_why why;
    for (size_t len = 0; len < 4096; len++) { // cut anywhere in its headers
        sv_err err = sv_elf_read((sv_text){ .at = program.at, .len = len }, &facts, &why);
        assert_true(err == SV_OK || err == SV_ERR_INVALID);
    }
    Elf64_Ehdr head;
    memcpy(&head, program.at, sizeof head);
    head.e_phoff = UINT64_MAX - 8;
    memcpy(program.at, &head, sizeof head);
    assert_int_equal(sv_elf_read(sv_textbuf_text(&program), &facts, &why), SV_ERR_INVALID);
    assert_string_equal(why.text, "its segments lie outside the file");
    program.at[EI_CLASS] = ELFCLASS32;
    assert_int_equal(sv_elf_read(sv_textbuf_text(&program), &facts, &why), SV_ERR_INVALID);
    assert_int_equal(sv_elf_read(SV_TEXT("#!/bin/sh\n"), &facts, &why), SV_ERR_INVALID);
    assert_string_equal(why.text, "it is no ELF file");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(this_program_is_hardened, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_taken_away_is_seen, setup, teardown),
        cmocka_unit_test_setup_teardown(symbols_are_what_the_loader_sees, setup, teardown),
        cmocka_unit_test_setup_teardown(a_broken_file_is_refused_and_never_followed, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
