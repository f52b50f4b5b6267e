// Running programs, as /proc shows them.
#include "checklist_gather.h"

#include <base/fd.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PROC_TEXT_MAX = 64 * 1024, EXE_BYTES_MAX = 256 * 1024 * 1024, OTHERS_WRITE = 0022 };

static const struct {
    const char *file;
    sv_program_kind kind;
} KINDS[] = {
    { "selvedge-fleet", SV_PROGRAM_FLEET },
    { "selvedge-gateway", SV_PROGRAM_GATEWAY },
    { "selvedge-agent", SV_PROGRAM_AGENT },
    { "selvedge-signer", SV_PROGRAM_SIGNER },
};

static sv_err read_proc(const char *proc, int64_t pid, const char *name, sv_textbuf *out,
                        sv_why *why) {
    char path[SV_PATH_MAX];
    (void) snprintf(path, sizeof path, "%.200s/%lld/%s", proc, (long long) pid, name);
    SV_TRY(sv_disk_read(path, out, why));
    return sv_textbuf_end(out);
}

/// What stands behind `Name:` at the beginning of a line; empty when there is none.
static sv_text field(sv_text text, const char *name) {
    size_t len = strlen(name);
    while (text.len > 0) {
        sv_text line = sv_text_cut(&text, '\n');
        if (line.len > len && memcmp(line.at, name, len) == 0 && line.at[len] == ':') {
            return sv_text_trim((sv_text){ .at = line.at + len + 1, .len = line.len - len - 1 });
        }
    }
    return SV_TEXT("");
}

/// The n-th word of a field as a number of that base; -1 when it is none.
static int64_t word(sv_text words, size_t n, int base) {
    char room[32];
    for (size_t i = 0; i < n; i++) {
        (void) sv_text_cut(&words, '\t');
    }
    sv_text one = sv_text_cut(&words, '\t');
    if (one.len == 0 || sv_text_copy(one, room, sizeof room) != SV_OK) {
        return -1;
    }
    return (int64_t) strtoull(room, NULL, base);
}

// ---- the file -----------------------------------------------------------------------------------

static sv_err judge_elf(int fd, size_t bytes, sv_elf_facts *out, sv_why *why) {
    void *at = mmap(NULL, bytes, PROT_READ, MAP_PRIVATE, fd, 0);
    if (at == MAP_FAILED) {
        return sv_fail(why, SV_ERR_IO, "cannot be read: %m");
    }
    sv_err err = sv_elf_read((sv_text){ .at = at, .len = bytes }, out, why);
    (void) munmap(at, bytes);
    return err;
}

static void read_elf(const char *proc, sv_fact_program *program) {
    char path[SV_PATH_MAX];
    struct stat info;
    (void) snprintf(path, sizeof path, "%.200s/%lld/exe", proc, (long long) program->pid);
    SV_DEFER(sv_fd_drop) int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &info) != 0) {
        (void) sv_fail(&program->elf_missing, SV_ERR_IO, "cannot be read: %m");
        return;
    }
    if (info.st_size <= 0 || info.st_size > EXE_BYTES_MAX) {
        (void) sv_fail(&program->elf_missing, SV_ERR_INVALID, "has %lld bytes",
                       (long long) info.st_size);
        return;
    }
    if (judge_elf(fd, (size_t) info.st_size, &program->elf, &program->elf_missing) == SV_OK) {
        program->elf_missing.text[0] = '\0';
    }
}

/// In a folder that everybody may write, as /tmp, a file is safe if the folder is sticky.
static bool may_be_swapped(const char *path) {
    char folder[SV_PATH_MAX];
    struct stat info;
    char *slash = strrchr(path, '/');
    size_t len = slash != NULL ? (size_t) (slash - path) : 0;
    if (sv_text_copy((sv_text){ .at = path, .len = len }, folder, sizeof folder) != SV_OK
        || stat(len == 0 ? "/" : folder, &info) != 0) {
        return false;
    }
    return (info.st_mode & OTHERS_WRITE) != 0 && (info.st_mode & S_ISVTX) == 0;
}

static void read_exe_file(const char *proc, sv_fact_program *program) {
    struct stat info;
    if (!program->exe_replaced && stat(program->exe, &info) == 0) {
        program->exe_uid = info.st_uid;
        program->exe_open = (info.st_mode & OTHERS_WRITE) != 0 || may_be_swapped(program->exe);
    }
    read_elf(proc, program);
}

static sv_err read_exe(const char *proc, int64_t pid, char exe[SV_PATH_MAX], bool *replaced,
                       sv_why *why) {
    static const char GONE[] = " (deleted)";
    char path[SV_PATH_MAX];
    (void) snprintf(path, sizeof path, "%.200s/%lld/exe", proc, (long long) pid);
    ssize_t len = readlink(path, exe, SV_PATH_MAX - 1);
    if (len < 0) {
        return sv_fail(why, SV_ERR_IO, "which file process %lld runs cannot be seen: %m",
                       (long long) pid);
    }
    exe[len] = '\0';
    size_t gone = sizeof GONE - 1;
    *replaced = (size_t) len > gone && strcmp(exe + (size_t) len - gone, GONE) == 0;
    if (*replaced) {
        exe[(size_t) len - gone] = '\0';
    }
    return SV_OK;
}

/// By its file, or, where that was renamed under it, by what the kernel calls it.
static sv_program_kind kind_of(const char *proc, int64_t pid, const char *exe) {
    enum { KERNEL_LETTERS = 15 };
    SV_DEFER(sv_textbuf_drop) sv_textbuf comm = SV_TEXTBUF_HEAP(PROC_TEXT_MAX);
    const char *slash = strrchr(exe, '/');
    const char *file = slash != NULL ? slash + 1 : exe;
    bool named = read_proc(proc, pid, "comm", &comm, NULL) == SV_OK;
    sv_text name = named ? sv_text_trim(sv_textbuf_text(&comm)) : SV_TEXT("");
    for (size_t i = 0; i < SV_COUNT(KINDS); i++) {
        sv_text own = sv_text_of(KINDS[i].file);
        own.len = own.len < KERNEL_LETTERS ? own.len : KERNEL_LETTERS;
        if (strcmp(file, KINDS[i].file) == 0 || sv_text_eq(name, own)) {
            return KINDS[i].kind;
        }
    }
    return SV_PROGRAM_OTHER;
}

// ---- what it may do -----------------------------------------------------------------------------

static sv_err read_status(const char *proc, sv_fact_program *program, sv_why *why) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf text = SV_TEXTBUF_HEAP(PROC_TEXT_MAX);
    SV_TRY(read_proc(proc, program->pid, "status", &text, why));
    sv_text status = sv_textbuf_text(&text);
    int64_t permitted = word(field(status, "CapPrm"), 0, 16);
    int64_t effective = word(field(status, "CapEff"), 0, 16);
    int64_t no_new = word(field(status, "NoNewPrivs"), 0, 10);
    program->uid = word(field(status, "Uid"), 1, 10);
    program->seccomp = word(field(status, "Seccomp"), 0, 10);
    if (program->uid < 0 || permitted < 0 || effective < 0 || no_new < 0 || program->seccomp < 0) {
        return sv_fail(why, SV_ERR_INVALID, "the kernel does not say what process %lld may do",
                       (long long) program->pid);
    }
    program->capabilities = (uint64_t) permitted | (uint64_t) effective;
    program->no_new_privs = no_new == 1;
    return SV_OK;
}

/// The bound that a crash meets.
static sv_err read_core(const char *proc, sv_fact_program *program, sv_why *why) {
    static const char LINE[] = "\nMax core file size";
    SV_DEFER(sv_textbuf_drop) sv_textbuf text = SV_TEXTBUF_HEAP(PROC_TEXT_MAX);
    SV_TRY(read_proc(proc, program->pid, "limits", &text, why));
    const char *at = strstr(text.at, LINE);
    char soft[24];
    if (at == NULL || sscanf(at + sizeof LINE - 1, "%23s", soft) != 1) {
        return sv_fail(why, SV_ERR_INVALID, "the kernel does not say how large a core dump may be");
    }
    program->core_bytes = strcmp(soft, "unlimited") == 0 ? -1 : strtoll(soft, NULL, 10);
    return SV_OK;
}

/// Of a process that may not be dumped the kernel gives all in /proc to root.
static void read_dumpable(const char *proc, sv_fact_program *program) {
    char path[SV_PATH_MAX];
    struct stat info;
    (void) snprintf(path, sizeof path, "%.200s/%lld/status", proc, (long long) program->pid);
    program->undumpable = program->uid != 0 && stat(path, &info) == 0 && info.st_uid == 0;
}

static void look_at(const char *proc, sv_fact_program *program) {
    sv_why *missing = &program->missing;
    sv_err err = read_status(proc, program, missing);
    if (err == SV_OK) {
        err = read_core(proc, program, missing);
    }
    if (err == SV_OK) {
        missing->text[0] = '\0';
        read_dumpable(proc, program);
        read_exe_file(proc, program);
    }
}

// ---- which there are ----------------------------------------------------------------------------

static sv_fact_program *add_program(int64_t pid, sv_text name, sv_facts *facts) {
    if (facts->program_count == SV_FACT_PROGRAMS_MAX) {
        (void) sv_fail(&facts->programs_missing, SV_ERR_NO_SPACE, "more than %d programs run here",
                       SV_FACT_PROGRAMS_MAX);
        return NULL;
    }
    sv_fact_program *program = &facts->programs[facts->program_count++];
    program->pid = pid;
    (void) snprintf(program->name, sizeof program->name, SV_TEXT_FMT, SV_TEXT_ARG(name));
    return program;
}

static void add_listed(const char *proc, const sv_json *item, sv_facts *facts) {
    sv_text name;
    int64_t pid;
    if (!sv_json_text(sv_json_get(item, "name"), &name)
        || !sv_json_int(sv_json_get(item, "pid"), &pid)) {
        (void) sv_fail(&facts->programs_missing, SV_ERR_INVALID,
                       "the description of the pilot lists a program without name and pid");
        return;
    }
    sv_fact_program *program = add_program(pid, name, facts);
    if (program == NULL) {
        return;
    }
    if (read_exe(proc, pid, program->exe, &program->exe_replaced, &program->missing) != SV_OK) {
        // It was ours when the pilot wrote it down; which it is cannot be told any more.
        program->kind = SV_PROGRAM_AGENT;
        return;
    }
    program->kind = kind_of(proc, pid, program->exe);
}

static void add_found(const char *proc, int64_t pid, sv_facts *facts) {
    char exe[SV_PATH_MAX];
    char name[SV_FACT_NAME_ROOM];
    bool replaced;
    if (read_exe(proc, pid, exe, &replaced, NULL) != SV_OK) {
        return;
    }
    sv_program_kind kind = kind_of(proc, pid, exe);
    if (kind == SV_PROGRAM_OTHER) {
        return;
    }
    (void) snprintf(name, sizeof name, "%.60s (process %lld)", strrchr(exe, '/') + 1,
                    (long long) pid);
    sv_fact_program *program = add_program(pid, sv_text_of(name), facts);
    if (program != NULL) {
        memcpy(program->exe, exe, sizeof program->exe);
        program->exe_replaced = replaced;
        program->kind = kind;
    }
}

static void find_programs(const char *proc, sv_facts *facts) {
    DIR *folder = opendir(proc);
    if (folder == NULL) {
        (void) sv_fail(&facts->programs_missing, SV_ERR_IO, "cannot read '%s': %m", proc);
        return;
    }
    for (struct dirent *item = readdir(folder); item != NULL; item = readdir(folder)) {
        uint64_t pid;
        if (sv_text_u64(sv_text_of(item->d_name), INT32_MAX, &pid) == SV_OK) {
            add_found(proc, (int64_t) pid, facts);
        }
    }
    (void) closedir(folder);
    if (facts->program_count == 0) {
        (void) sv_fail(&facts->programs_missing, SV_ERR_NOT_FOUND,
                       "no program of Selvedge whose file could be seen runs on this machine (as "
                       "root all are seen)");
    }
}

void sv_gather_programs(const char *proc, const sv_json *description, sv_facts *facts) {
    if (description == NULL) {
        find_programs(proc, facts);
    } else {
        const sv_json *listed = sv_json_get(description, "programs");
        for (size_t i = 0; i < sv_json_count(listed); i++) {
            add_listed(proc, sv_json_at(listed, i), facts);
        }
    }
    for (size_t i = 0; i < facts->program_count; i++) {
        sv_fact_program *program = &facts->programs[i];
        if (program->kind != SV_PROGRAM_OTHER && sv_fact_known(&program->missing)) {
            look_at(proc, program);
            sv_gather_settings(proc, program, facts);
            sv_gather_doors(proc, program, facts);
        }
    }
}
