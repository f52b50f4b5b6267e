#include <slot/boot_control.h>
#include <string.h>
#include <sys/child.h>

/// Run `program verb name value`; its answer on one line.
static sv_err ask(const sv_boot_script *script, const char *verb, const char *name,
                  const char *value, char answer[SV_BOOT_SCRIPT_ANSWER_MAX], sv_why *why) {
    const char *const argv[] = { script->program, verb, name, name != NULL ? value : NULL, NULL };
    sv_textbuf out = { .at = answer, .cap = SV_BOOT_SCRIPT_ANSWER_MAX };
    int deadline_ms = script->deadline_ms == 0 ? (int) SV_BOOT_SCRIPT_MS : script->deadline_ms;
    sv_why fault = { 0 };
    sv_err err = sv_child_run(argv, deadline_ms, &out, &fault);
    if (err != SV_OK) {
        // Whatever it ends with, it is the boot loader that does not do what is asked.
        return sv_fail(why, err == SV_ERR_STATE ? SV_ERR_UNAVAILABLE : err, "%s %s: %.250s", verb,
                       name != NULL ? name : "", fault.text);
    }
    sv_text line = sv_text_trim(sv_textbuf_text(&out));
    memmove(answer, line.at, line.len);
    answer[line.len] = '\0';
    return SV_OK;
}

/// Which slot it names; SV_BOOT_NO_SLOT when it names none.
static sv_err ask_slot(const sv_boot_script *script, const char *verb, unsigned *slot,
                       sv_why *why) {
    char answer[SV_BOOT_SCRIPT_ANSWER_MAX];
    SV_TRY(ask(script, verb, NULL, NULL, answer, why));
    *slot = strcmp(answer, script->names[0]) == 0   ? 0
            : strcmp(answer, script->names[1]) == 0 ? 1
                                                    : SV_BOOT_NO_SLOT;
    return *slot < SV_BOOT_SLOTS || answer[0] == '\0'
               ? SV_OK
               : sv_fail(why, SV_ERR_INVALID, "'%.200s %s' names a slot that is none: '%.80s'",
                         script->program, verb, answer);
}

static sv_err ask_good(const sv_boot_script *script, unsigned slot, bool *good, sv_why *why) {
    char answer[SV_BOOT_SCRIPT_ANSWER_MAX];
    SV_TRY(ask(script, "get-state", script->names[slot], NULL, answer, why));
    *good = strcmp(answer, "good") == 0;
    return *good || strcmp(answer, "bad") == 0
               ? SV_OK
               : sv_fail(why, SV_ERR_INVALID,
                         "'%.200s get-state %s' says neither good nor bad: "
                         "'%.80s'",
                         script->program, script->names[slot], answer);
}

static sv_err set_good(const sv_boot_script *script, unsigned slot, bool good, sv_why *why) {
    char answer[SV_BOOT_SCRIPT_ANSWER_MAX];
    return ask(script, "set-state", script->names[slot], good ? "good" : "bad", answer, why);
}

static sv_err set_primary(const sv_boot_script *script, unsigned slot, sv_why *why) {
    char answer[SV_BOOT_SCRIPT_ANSWER_MAX];
    return ask(script, "set-primary", script->names[slot], NULL, answer, why);
}

static sv_err current(void *arg, unsigned *slot, sv_why *why) {
    return ask_slot(arg, "get-current", slot, why);
}

/// One slot as the file has it, and what the program says of it.
static sv_boot_slot merge(sv_boot_slot kept, bool good, bool primary, bool running) {
    const sv_boot_slot unnoted = { .state = SV_BOOT_SLOT_TRIAL };
    const sv_boot_slot bad = { .state = SV_BOOT_SLOT_BAD };
    if (running) { // its last start may count as bad already
        return kept.state == SV_BOOT_SLOT_IDLE ? unnoted : kept;
    }
    bool over = kept.state == SV_BOOT_SLOT_TRIAL && (!good || !primary);
    bool spoilt = kept.state == SV_BOOT_SLOT_CONFIRMED && !good;
    return over || spoilt ? bad : kept;
}

static sv_err read_state(void *arg, sv_boot_state *out, sv_why *why) {
    const sv_boot_script *script = arg;
    unsigned primary = SV_BOOT_NO_SLOT;
    unsigned running = SV_BOOT_NO_SLOT;
    sv_boot_state state;
    SV_TRY(sv_boot_file_read(&script->file, &state, NULL, why));
    SV_TRY(ask_slot(script, "get-primary", &primary, why));
    SV_TRY(ask_slot(script, "get-current", &running, why));
    for (unsigned i = 0; i < SV_BOOT_SLOTS; i++) {
        bool good = false;
        SV_TRY(ask_good(script, i, &good, why));
        state.slots[i] = merge(state.slots[i], good, i == primary, i == running);
    }
    *out = state;
    return SV_OK;
}

static sv_err refuse(unsigned slot, const char *what, sv_why *why) {
    return sv_fail(why, SV_ERR_STATE,
                   "slot %s cannot be %s: it is the way back, or is not on trial",
                   sv_slot_letter(slot), what);
}

/// The program first, which decides what is started; then what it does not keep.
static sv_err release(void *arg, unsigned slot, sv_why *why) {
    sv_boot_script *script = arg;
    sv_boot_state state;
    unsigned primary = SV_BOOT_NO_SLOT;
    SV_TRY(read_state(script, &state, why));
    if (!sv_boot_release(&state, slot)) {
        return refuse(slot, "given up", why);
    }
    SV_TRY(ask_slot(script, "get-primary", &primary, why));
    if (primary == slot) {
        SV_TRY(set_primary(script, 1 - slot, why));
    }
    SV_TRY(set_good(script, slot, false, why));
    return sv_boot_file_keep(&script->file, &state, why);
}

static sv_err arm(void *arg, unsigned slot, unsigned tries, sv_why *why) {
    sv_boot_script *script = arg;
    sv_boot_state state;
    SV_TRY(read_state(script, &state, why));
    if (!sv_boot_arm(&state, slot, tries)) {
        return refuse(slot, "armed", why);
    }
    SV_TRY(set_primary(script, slot, why));
    return sv_boot_file_keep(&script->file, &state, why);
}

static sv_err confirm(void *arg, unsigned slot, uint32_t counter, sv_why *why) {
    sv_boot_script *script = arg;
    sv_boot_state state;
    SV_TRY(read_state(script, &state, why));
    if (!sv_boot_confirm(&state, slot, counter)) {
        return refuse(slot, "confirmed", why);
    }
    SV_TRY(set_good(script, slot, true, why));
    return sv_boot_file_keep(&script->file, &state, why);
}

static sv_err fail(void *arg, unsigned slot, sv_why *why) {
    sv_boot_script *script = arg;
    sv_boot_state state;
    SV_TRY(read_state(script, &state, why));
    if (!sv_boot_fail(&state, slot)) {
        return refuse(slot, "called bad", why);
    }
    SV_TRY(set_good(script, slot, false, why));
    SV_TRY(set_primary(script, 1 - slot, why));
    return sv_boot_file_keep(&script->file, &state, why);
}

sv_boot_control sv_boot_script_control(sv_boot_script *script) {
    return (sv_boot_control){ .arg = script,
                              .current = current,
                              .state = read_state,
                              .release = release,
                              .arm = arm,
                              .confirm = confirm,
                              .fail = fail };
}
