// How a program was built, read from its own ELF headers: what makes a fault in it hard to use.
// Only 64-bit little-endian programs, as Debian's amd64 and arm64 have them. The file is a
// stranger's: every offset and count in it is judged before it is followed.
#ifndef SELVEDGE_ELF_FACTS_H
#define SELVEDGE_ELF_FACTS_H

#include <base/err.h>
#include <base/text.h>

enum {
    SV_ELF_SEGMENTS_MAX = 64,
    SV_ELF_DYNAMIC_MAX = 4096,
    SV_ELF_SYMBOLS_MAX = 65536,
};

typedef struct sv_elf_facts {
    bool pie;             ///< loaded wherever the kernel likes
    bool relro, now;      ///< its tables are filled at start, and locked
    bool stack_data_only; ///< nothing on the stack can be run
    bool writable_code;   ///< a segment that is both, or text relocations
    bool search_path;     ///< looks for libraries in folders of its own
    bool is_static;       ///< needs no loader
    bool stack_protector; ///< functions notice that their frame was written over
    bool fortified;       ///< libc's checked functions are used
    bool sanitized;       ///< a build for tests
} sv_elf_facts;

/// SV_ERR_INVALID when it is no such file, or is broken, with what is.
sv_err sv_elf_read(sv_text file, sv_elf_facts *out, sv_why *why);

#endif
