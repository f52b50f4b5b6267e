// Statements about the programs that run: what they may do, and how they were built.
#include "checklist.h"

#include <inttypes.h>

enum { SECCOMP_FILTER = 2 };

/// What a statement says of one program.
typedef void judge_program(const sv_fact_program *program, sv_finding *f);

/// Every program that is ours, as far as it could be looked at.
static void each_program(const sv_facts *facts, sv_finding *f, judge_program *judge) {
    if (!sv_fact_known(&facts->programs_missing)) {
        sv_finding_unknown(f, "%s", facts->programs_missing.text);
    }
    for (size_t i = 0; i < facts->program_count; i++) {
        const sv_fact_program *program = &facts->programs[i];
        if (program->kind == SV_PROGRAM_OTHER) {
            continue;
        }
        if (!sv_fact_known(&program->missing)) {
            sv_finding_unknown(f, "%s: %s", program->name, program->missing.text);
            continue;
        }
        judge(program, f);
    }
}

static void judge_rights(const sv_fact_program *program, sv_finding *f) {
    if (program->uid == 0) {
        sv_finding_broken(f, "%s runs as root", program->name);
    } else if (program->capabilities != 0) {
        sv_finding_broken(f, "%s runs as user %lld with the capabilities %#" PRIx64, program->name,
                          (long long) program->uid, program->capabilities);
    } else {
        sv_finding_holds(f, "%s runs as user %lld without capabilities", program->name,
                         (long long) program->uid);
    }
}

static void check_unprivileged(const sv_facts *facts, sv_finding *f) {
    each_program(facts, f, judge_rights);
}

static void judge_sandbox(const sv_fact_program *program, sv_finding *f) {
    if (program->seccomp != SECCOMP_FILTER) {
        sv_finding_broken(f, "%s: Seccomp %lld, so any system call is open to it", program->name,
                          (long long) program->seccomp);
    } else if (!program->no_new_privs) {
        sv_finding_broken(f, "%s: NoNewPrivs 0, so what it starts may get more rights",
                          program->name);
    } else {
        sv_finding_holds(f, "%s: Seccomp 2, a filter; NoNewPrivs 1", program->name);
    }
}

static void check_sandboxed(const sv_facts *facts, sv_finding *f) {
    each_program(facts, f, judge_sandbox);
}

/// The two that hold what the others must not reach: the issuing key, and everything of the fleet.
static void check_own_user(const sv_facts *facts, sv_finding *f) {
    if (facts->pilot) {
        sv_finding_not_applicable(f, "a pilot is one person's, and runs as that person");
        return;
    }
    if (!sv_fact_known(&facts->programs_missing)) {
        sv_finding_unknown(f, "%s", facts->programs_missing.text);
    }
    for (size_t i = 0; i < facts->program_count; i++) {
        const sv_fact_program *one = &facts->programs[i];
        for (size_t k = 0; one->kind != SV_PROGRAM_OTHER && k < i; k++) {
            const sv_fact_program *other = &facts->programs[k];
            if (other->kind != SV_PROGRAM_OTHER && other->kind != one->kind
                && other->uid == one->uid) {
                sv_finding_broken(f, "%s and %s both run as user %lld", other->name, one->name,
                                  (long long) one->uid);
            }
        }
        if (one->kind != SV_PROGRAM_OTHER) {
            sv_finding_holds(f, "%s runs as user %lld", one->name, (long long) one->uid);
        }
    }
}

static void judge_core(const sv_fact_program *program, sv_finding *f) {
    if (program->undumpable) {
        sv_finding_holds(f, "%s has forbidden it", program->name);
    } else if (program->core_bytes == 0) {
        sv_finding_holds(f, "%s: a core dump may have 0 bytes", program->name);
    } else {
        sv_finding_broken(f, "%s: a core dump may have %s bytes, and its keys are in it",
                          program->name, program->core_bytes < 0 ? "any number of" : "some");
    }
}

static void check_no_core_dumps(const sv_facts *facts, sv_finding *f) {
    each_program(facts, f, judge_core);
}

static void judge_build(const sv_fact_program *program, sv_finding *f) {
    const sv_elf_facts *elf = &program->elf;
    const struct {
        bool good;
        const char *fault;
    } signs[] = {
        { elf->pie || elf->is_static, "no PIE" },
        { elf->relro, "no RELRO" },
        { elf->now || elf->is_static, "no BIND_NOW" },
        { elf->stack_data_only, "its stack may be executed" },
        { !elf->writable_code, "its code may be written" },
        { !elf->search_path, "a search path of its own (RPATH)" },
        { elf->stack_protector, "no stack protector" },
        { !elf->sanitized, "sanitizers, whose options anybody may set" },
        { elf->fortified, "no fortify (_FORTIFY_SOURCE)" },
    };
    if (!sv_fact_known(&program->elf_missing)) {
        sv_finding_unknown(f, "%s: %s", program->exe, program->elf_missing.text);
        return;
    }
    char faults[SV_FINDING_LINE_ROOM];
    sv_textbuf list = SV_TEXTBUF(faults);
    for (size_t i = 0; i < SV_COUNT(signs); i++) {
        if (!signs[i].good) {
            sv_textbuf_addf(&list, "%s%s", list.len > 0 ? "; " : "", signs[i].fault);
        }
    }
    (void) sv_textbuf_end(&list);
    if (list.len > 0) {
        sv_finding_broken(f, "%s: %s", program->exe, faults);
    } else {
        sv_finding_holds(f,
                         "%s: PIE, RELRO, BIND_NOW, stack for data only, stack protector, fortify",
                         program->exe);
    }
}

static void check_hardened(const sv_facts *facts, sv_finding *f) {
    each_program(facts, f, judge_build);
}

static void judge_installed(const sv_fact_program *program, sv_finding *f) {
    if (program->exe_replaced) {
        sv_finding_broken(f, "%s runs what %s was before it was replaced", program->name,
                          program->exe);
    } else if (program->exe_open) {
        sv_finding_broken(f, "%s, or its folder, may be written by others than its owner",
                          program->exe);
    } else if (program->exe_uid != 0 && program->exe_uid == program->uid && program->uid != 0) {
        sv_finding_broken(f, "%s belongs to user %lld, as which it runs: it could change itself",
                          program->exe, (long long) program->uid);
    } else {
        sv_finding_holds(f, "%s is what runs, and user %lld alone may write it", program->exe,
                         (long long) program->exe_uid);
    }
}

static void check_as_installed(const sv_facts *facts, sv_finding *f) {
    each_program(facts, f, judge_installed);
}

const sv_statement SV_STATEMENTS_HOST[] = {
    { .id = "programs-unprivileged",
      .title = "No program runs as root or with a capability.",
      .looks = "Uid, CapPrm and CapEff of each running program in /proc",
      .answers = "EN 303 645 5.6-7; IEC 62443-4-2 CR 7.7; CRA Annex I Part I (2)(j)",
      .remedy = "Start each program as a user of its own, without capabilities (`User=` in its "
                "systemd unit); a pilot as yourself.",
      .check = check_unprivileged },
    { .id = "programs-sandboxed",
      .title = "Each program is confined to the system calls it needs, for good.",
      .looks = "Seccomp and NoNewPrivs of each running program in /proc",
      .answers = "EN 303 645 5.6-7; IEC 62443-4-2 CR 7.7; CRA Annex I Part I (2)(k)",
      .remedy =
          "Look for the program's own words about its sandbox in its log, and for what in its "
          "unit or container forbids seccomp.",
      .check = check_sandboxed },
    { .id = "own-users",
      .title = "Programs of different kinds run as different users.",
      .looks = "Uid of each running program in /proc, compared",
      .answers = "EN 303 645 5.6-7; IEC 62443-4-2 CR 2.1",
      .remedy = "Give each program its own user (`User=` in its systemd unit).",
      .check = check_own_user },
    { .id = "no-core-dumps",
      .title = "A crash writes no key to a disk.",
      .looks = "the bound of core dumps of each running program in /proc",
      .answers = "EN 303 645 5.4-1; IEC 62443-4-2 CR 4.1; OWASP I7",
      .remedy = "Set LimitCORE=0 in the unit, or `ulimit -c 0` where they are started by hand.",
      .check = check_no_core_dumps },
    { .id = "programs-hardened",
      .title = "Each program is a release build, in which a fault is hard to use.",
      .looks = "the ELF headers and symbols of each program that runs",
      .answers = "CRA Annex I Part I (2)(j) and (2)(k); EN 303 645 5.6-9; IEC 62443-4-2 EDR 2.13",
      .remedy = "Run the release build (`./dev build`), not one of your own flags.",
      .check = check_hardened },
    { .id = "programs-as-installed",
      .title = "What runs is what is installed, and only an administrator can change it.",
      .looks = "/proc/PID/exe of each running program, and who may write that file and its folder",
      .answers = "IEC 62443-4-2 CR 3.4; CRA Annex I Part I (2)(f)",
      .remedy = "Restart what was updated; let root own the programs, and nobody else write them.",
      .check = check_as_installed },
};
const size_t SV_STATEMENTS_HOST_COUNT = SV_COUNT(SV_STATEMENTS_HOST);
