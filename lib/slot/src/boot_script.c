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

static sv_err set_good(void *arg, unsigned slot, bool good, sv_why *why) {
    const sv_boot_script *script = arg;
    char answer[SV_BOOT_SCRIPT_ANSWER_MAX];
    return ask(script, "set-state", script->names[slot], good ? "good" : "bad", answer, why);
}

static sv_err set_primary(void *arg, unsigned slot, sv_why *why) {
    const sv_boot_script *script = arg;
    char answer[SV_BOOT_SCRIPT_ANSWER_MAX];
    return ask(script, "set-primary", script->names[slot], NULL, answer, why);
}

static sv_err current(void *arg, unsigned *slot, sv_why *why) {
    return ask_slot(arg, "get-current", slot, why);
}

static sv_err ask_all(void *arg, sv_boot_said *out, sv_why *why) {
    const sv_boot_script *script = arg;
    SV_TRY(ask_slot(script, "get-primary", &out->primary, why));
    SV_TRY(ask_slot(script, "get-current", &out->running, why));
    for (unsigned i = 0; i < SV_BOOT_SLOTS; i++) {
        SV_TRY(ask_good(script, i, &out->good[i], why));
    }
    return SV_OK;
}

sv_boot_control sv_boot_script_control(sv_boot_script *script) {
    script->verbs = (sv_boot_verbs){ .arg = script,
                                     .file = &script->file,
                                     .current = current,
                                     .ask = ask_all,
                                     .set_good = set_good,
                                     .set_primary = set_primary };
    return sv_boot_verbs_control(&script->verbs);
}
