#include "elf_facts.h"

#include <elf.h>
#include <string.h>

/// What is known of the file while it is read.
typedef struct elf {
    sv_text file;
    Elf64_Ehdr head;
    uint64_t dynamic_at, dynamic_count;
    sv_text symbols, names; ///< of the dynamic symbols
} elf;

static bool inside(const elf *e, uint64_t at, uint64_t bytes) {
    return at <= e->file.len && bytes <= e->file.len - at;
}

/// Headers may stand at odd places: they are copied out.
static bool take(const elf *e, uint64_t at, void *out, size_t bytes) {
    if (!inside(e, at, bytes)) {
        return false;
    }
    memcpy(out, e->file.at + at, bytes);
    return true;
}

static sv_err read_head(elf *e, sv_why *why) {
    if (!take(e, 0, &e->head, sizeof e->head) || memcmp(e->head.e_ident, ELFMAG, SELFMAG) != 0) {
        return sv_fail(why, SV_ERR_INVALID, "it is no ELF file");
    }
    if (e->head.e_ident[EI_CLASS] != ELFCLASS64 || e->head.e_ident[EI_DATA] != ELFDATA2LSB) {
        return sv_fail(why, SV_ERR_INVALID, "it is not of a 64-bit little-endian machine");
    }
    if (e->head.e_phentsize != sizeof(Elf64_Phdr) || e->head.e_phnum > SV_ELF_SEGMENTS_MAX) {
        return sv_fail(why, SV_ERR_INVALID, "it has %u segments of %u bytes", e->head.e_phnum,
                       e->head.e_phentsize);
    }
    return SV_OK;
}

static void judge_segment(elf *e, const Elf64_Phdr *segment, sv_elf_facts *out) {
    switch (segment->p_type) {
    case PT_LOAD:
        out->writable_code |= (segment->p_flags & (PF_W | PF_X)) == (PF_W | PF_X);
        break;
    case PT_INTERP:
        out->is_static = false;
        break;
    case PT_GNU_STACK:
        out->stack_data_only = (segment->p_flags & PF_X) == 0;
        break;
    case PT_GNU_RELRO:
        out->relro = true;
        break;
    case PT_DYNAMIC:
        e->dynamic_at = segment->p_offset;
        e->dynamic_count = segment->p_filesz / sizeof(Elf64_Dyn);
        break;
    default:
        break;
    }
}

static sv_err read_segments(elf *e, sv_elf_facts *out, sv_why *why) {
    for (uint64_t i = 0; i < e->head.e_phnum; i++) {
        Elf64_Phdr segment;
        if (!inside(e, e->head.e_phoff, 0)
            || !take(e, e->head.e_phoff + i * sizeof segment, &segment, sizeof segment)) {
            return sv_fail(why, SV_ERR_INVALID, "its segments lie outside the file");
        }
        judge_segment(e, &segment, out);
    }
    if (e->dynamic_count > SV_ELF_DYNAMIC_MAX
        || !inside(e, e->dynamic_at, e->dynamic_count * sizeof(Elf64_Dyn))) {
        return sv_fail(why, SV_ERR_INVALID, "its dynamic section lies outside the file");
    }
    return SV_OK;
}

static void read_dynamic(const elf *e, sv_elf_facts *out) {
    for (uint64_t i = 0; i < e->dynamic_count; i++) {
        Elf64_Dyn entry;
        if (!take(e, e->dynamic_at + i * sizeof entry, &entry, sizeof entry)
            || entry.d_tag == DT_NULL) {
            return;
        }
        out->now |= entry.d_tag == DT_BIND_NOW
                    || (entry.d_tag == DT_FLAGS && (entry.d_un.d_val & DF_BIND_NOW) != 0)
                    || (entry.d_tag == DT_FLAGS_1 && (entry.d_un.d_val & DF_1_NOW) != 0);
        out->pie |= entry.d_tag == DT_FLAGS_1 && (entry.d_un.d_val & DF_1_PIE) != 0;
        out->writable_code |= entry.d_tag == DT_TEXTREL
                              || (entry.d_tag == DT_FLAGS && (entry.d_un.d_val & DF_TEXTREL) != 0);
        out->search_path |= entry.d_tag == DT_RPATH || entry.d_tag == DT_RUNPATH;
    }
}

/// A section's bytes; empty when it lies outside.
static sv_text section(const elf *e, uint64_t index, Elf64_Shdr *out) {
    if (index >= e->head.e_shnum || !inside(e, e->head.e_shoff, 0)
        || !take(e, e->head.e_shoff + index * sizeof *out, out, sizeof *out)
        || out->sh_type == SHT_NOBITS || !inside(e, out->sh_offset, out->sh_size)) {
        return SV_TEXT("");
    }
    return (sv_text){ .at = e->file.at + out->sh_offset, .len = out->sh_size };
}

/// Those that the loader sees, or, in a static program that is not stripped, all there are.
static void find_symbols(elf *e, bool is_static) {
    uint32_t wanted = is_static ? SHT_SYMTAB : SHT_DYNSYM;
    if (e->head.e_shentsize != sizeof(Elf64_Shdr)) {
        return;
    }
    for (uint64_t i = 0; i < e->head.e_shnum; i++) {
        Elf64_Shdr head;
        Elf64_Shdr names;
        sv_text bytes = section(e, i, &head);
        if (bytes.len > 0 && head.sh_type == wanted) {
            e->symbols = bytes;
            e->names = section(e, head.sh_link, &names);
        }
    }
}

static bool is_checked_form(sv_text name) {
    return name.len > 6 && sv_text_starts(name, SV_TEXT("__"))
           && memcmp(name.at + name.len - 4, "_chk", 4) == 0
           && !sv_text_is(name, "__stack_chk_fail");
}

static bool is_of_sanitizer(sv_text name) {
    return sv_text_starts(name, SV_TEXT("__asan_")) || sv_text_starts(name, SV_TEXT("__ubsan_"))
           || sv_text_starts(name, SV_TEXT("__tsan_")) || sv_text_starts(name, SV_TEXT("__msan_"));
}

static void judge_symbols(const elf *e, sv_elf_facts *out) {
    size_t count = e->symbols.len / sizeof(Elf64_Sym);
    for (size_t i = 0; i < count && i < SV_ELF_SYMBOLS_MAX; i++) {
        Elf64_Sym symbol;
        memcpy(&symbol, e->symbols.at + i * sizeof symbol, sizeof symbol);
        if (symbol.st_name >= e->names.len) {
            continue;
        }
        const char *at = e->names.at + symbol.st_name;
        sv_text name = { .at = at, .len = strnlen(at, e->names.len - symbol.st_name) };
        out->stack_protector |= sv_text_is(name, "__stack_chk_fail");
        out->fortified |= is_checked_form(name);
        out->sanitized |= is_of_sanitizer(name);
    }
}

sv_err sv_elf_read(sv_text file, sv_elf_facts *out, sv_why *why) {
    elf e = { .file = file, .symbols = SV_TEXT(""), .names = SV_TEXT("") };
    sv_elf_facts facts = { .is_static = true };
    SV_TRY(read_head(&e, why));
    SV_TRY(read_segments(&e, &facts, why));
    read_dynamic(&e, &facts);
    find_symbols(&e, facts.is_static);
    judge_symbols(&e, &facts);
    *out = facts;
    return SV_OK;
}
