#include <base/fd.h>
#include <base/text.h> // libuboot.h wants size_t
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libuboot.h>
#include <slot/boot_control.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { VALUE_ROOM = 32, COPIES = 2, LINE_ROOM = 1024 };

/// An environment. The library does not say when the medium could not keep what it
/// wrote: what its copies lie on is open here too, to be flushed and asked. -1: has nothing to
/// flush.
typedef struct environment {
    struct uboot_ctx *ctx;
    int copies[COPIES];
} environment;

#define NO_ENVIRONMENT ((environment){ .copies = { -1, -1 } })

static void environment_drop(environment *env) {
    for (size_t i = 0; i < COPIES; i++) {
        sv_fd_drop(&env->copies[i]);
    }
    // Also when it could not be opened: it would keep its lock, and wait for itself the next time.
    if (env->ctx != NULL) {
        libuboot_close(env->ctx);
        libuboot_exit(env->ctx);
    }
}

/// Lines of the configuration that are neither empty nor a remark: how many, and what the first
/// ones lie on.
static sv_err open_copies(const char *config, environment *out, unsigned *count, sv_why *why) {
    char line[LINE_ROOM];
    FILE *file = fopen(config, "re");
    if (file == NULL) {
        return sv_fail(why, SV_ERR_NOT_FOUND, "cannot open '%.200s': %m", config);
    }
    *count = 0;
    while (fgets(line, sizeof line, file) != NULL) {
        char *word = line + strspn(line, " \t\r\n");
        if (*word == '\0' || *word == '#') {
            continue;
        }
        word[strcspn(word, " \t\r\n")] = '\0';
        if (*count < COPIES) {
            sv_fd_drop(&out->copies[*count]);
            out->copies[*count] = open(word, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        }
        ++*count;
    }
    (void) fclose(file);
    return SV_OK;
}

/// Flash behind a character device has nothing to flush, and says EINVAL.
static sv_err flush_copies(const environment *env, sv_why *why) {
    for (size_t i = 0; i < COPIES; i++) {
        if (env->copies[i] >= 0 && fsync(env->copies[i]) != 0 && errno != EINVAL) {
            return sv_fail(why, SV_ERR_IO, "the boot loader's environment cannot be flushed: %m");
        }
    }
    return SV_OK;
}

static sv_err environment_open(const sv_boot_uboot *uboot, environment *out, sv_why *why) {
    unsigned copies = 0;
    SV_TRY(open_copies(uboot->config, out, &copies, why));
    if (copies != COPIES) {
        return sv_fail(
            why, SV_ERR_INVALID,
            "'%.200s' names %u copies of the environment: two are wanted, or a power cut "
            "would leave none",
            uboot->config, copies);
    }
    if (libuboot_initialize(&out->ctx, NULL) != 0
        || libuboot_read_config(out->ctx, uboot->config) != 0 || libuboot_open(out->ctx) != 0) {
        return sv_fail(why, SV_ERR_IO, "the boot loader's environment of '%.200s' cannot be read",
                       uboot->config);
    }
    return SV_OK;
}

/// A variable's text; "" when it is not set.
static void get(const environment *env, const char *name, char out[VALUE_ROOM]) {
    char *value = libuboot_get_env(env->ctx, name);
    (void) snprintf(out, VALUE_ROOM, "%s", value != NULL ? value : "");
    free(value);
}

static sv_err get_number(const environment *env, const char *name, uint64_t max, uint64_t *out,
                         sv_why *why) {
    char value[VALUE_ROOM];
    get(env, name, value);
    *out = 0;
    return value[0] == '\0' || sv_text_u64(sv_text_of(value), max, out) == SV_OK
               ? SV_OK
               : sv_fail(why, SV_ERR_INVALID, "the boot loader's %s is '%s', not 0 to %" PRIu64,
                         name, value, max);
}

static const char LETTERS[] = "itcb"; ///< idle, trial, confirmed, bad

/// "ci": slot a is confirmed, b idle. Not set: nothing is remembered.
static sv_err get_slots(const environment *env, sv_boot_state *out, sv_why *why) {
    char slots[VALUE_ROOM];
    get(env, "selvedge_slots", slots);
    if (slots[0] == '\0') {
        return SV_OK;
    }
    for (size_t i = 0; i < SV_BOOT_SLOTS; i++) {
        const char *letter = strlen(slots) == SV_BOOT_SLOTS ? strchr(LETTERS, slots[i]) : NULL;
        if (letter == NULL) {
            return sv_fail(why, SV_ERR_INVALID,
                           "the boot loader's selvedge_slots is '%s', not two letters of %s", slots,
                           LETTERS);
        }
        out->slots[i].state = (uint8_t) (letter - LETTERS);
    }
    return SV_OK;
}

/// A trial that has no start left and does not run has been gone back from.
static void settle(sv_boot_slot *slot, uint64_t left, bool running) {
    if (slot->state == SV_BOOT_SLOT_TRIAL) {
        slot->tries_left = (uint8_t) left;
        slot->state = left == 0 && !running ? SV_BOOT_SLOT_BAD : SV_BOOT_SLOT_TRIAL;
    } else if (slot->state == SV_BOOT_SLOT_IDLE && running) {
        slot->state = SV_BOOT_SLOT_TRIAL; // it runs, and nobody knows why
    }
}

static const char *const LEFT[SV_BOOT_SLOTS] = { "BOOT_A_LEFT", "BOOT_B_LEFT" };

static sv_err read_env(const environment *env, unsigned running, sv_boot_state *out, sv_why *why) {
    sv_boot_state state = { 0 };
    uint64_t primary = 0;
    uint64_t counter = 0;
    uint64_t left[SV_BOOT_SLOTS];
    SV_TRY(get_slots(env, &state, why));
    SV_TRY(get_number(env, "selvedge_primary", SV_BOOT_SLOTS - 1, &primary, why));
    SV_TRY(get_number(env, "selvedge_counter", UINT32_MAX, &counter, why));
    for (size_t i = 0; i < SV_BOOT_SLOTS; i++) {
        SV_TRY(get_number(env, LEFT[i], SV_BOOT_TRIES_MAX, &left[i], why));
    }
    state.primary = (uint8_t) primary;
    state.counter = (uint32_t) counter;
    for (unsigned i = 0; i < SV_BOOT_SLOTS; i++) {
        settle(&state.slots[i], left[i], i == running);
    }
    *out = state;
    return SV_OK;
}

/// Starts that a boot script may take: none of what is not to be started.
static unsigned starts_of(const sv_boot_slot *slot) {
    return slot->state == SV_BOOT_SLOT_CONFIRMED ? (unsigned) SV_BOOT_UBOOT_STARTS
           : slot->state == SV_BOOT_SLOT_TRIAL   ? slot->tries_left
                                                 : 0;
}

static sv_err store(const environment *env, const sv_boot_state *state, sv_why *why) {
    char slots[SV_BOOT_SLOTS + 1] = { LETTERS[state->slots[0].state],
                                      LETTERS[state->slots[1].state] };
    char primary[VALUE_ROOM];
    char counter[VALUE_ROOM];
    char left[SV_BOOT_SLOTS][VALUE_ROOM];
    // A trial is tried first, then the one that was confirmed last.
    unsigned first = state->slots[1 - state->primary].state == SV_BOOT_SLOT_TRIAL
                         ? 1U - state->primary
                         : state->primary;
    (void) snprintf(primary, sizeof primary, "%u", state->primary);
    (void) snprintf(counter, sizeof counter, "%" PRIu32, state->counter);
    for (size_t i = 0; i < SV_BOOT_SLOTS; i++) {
        (void) snprintf(left[i], sizeof left[i], "%u", starts_of(&state->slots[i]));
    }
    const char *const values[][2] = {
        { "selvedge_slots", slots },
        { "selvedge_primary", primary },
        { "selvedge_counter", counter },
        { "BOOT_ORDER", first == 0 ? "A B" : "B A" },
        { LEFT[0], left[0] },
        { LEFT[1], left[1] },
    };
    for (size_t i = 0; i < SV_COUNT(values); i++) {
        if (libuboot_set_env(env->ctx, values[i][0], values[i][1]) != 0) {
            return sv_fail(why, SV_ERR_IO, "the boot loader's %s cannot be set", values[i][0]);
        }
    }
    return libuboot_env_store(env->ctx) == 0
               ? flush_copies(env, why)
               : sv_fail(why, SV_ERR_IO, "the boot loader's environment cannot be stored");
}

static sv_err current(void *arg, unsigned *slot, sv_why *why) {
    const sv_boot_uboot *uboot = arg;
    (void) why;
    *slot = uboot->running;
    return SV_OK;
}

static sv_err read_state(void *arg, sv_boot_state *out, sv_why *why) {
    const sv_boot_uboot *uboot = arg;
    SV_DEFER(environment_drop) environment env = NO_ENVIRONMENT;
    SV_TRY(environment_open(uboot, &env, why));
    return read_env(&env, uboot->running, out, why);
}

/// A boot script takes a start off a confirmed slot too.
static sv_err up(void *arg, sv_why *why) {
    const sv_boot_uboot *uboot = arg;
    sv_boot_state state;
    uint64_t left = 0;
    SV_DEFER(environment_drop) environment env = NO_ENVIRONMENT;
    SV_TRY(environment_open(uboot, &env, why));
    SV_TRY(flush_copies(&env, why));
    if (uboot->running >= SV_BOOT_SLOTS) {
        return SV_OK;
    }
    SV_TRY(read_env(&env, uboot->running, &state, why));
    SV_TRY(get_number(&env, LEFT[uboot->running], SV_BOOT_TRIES_MAX, &left, why));
    return state.slots[uboot->running].state == SV_BOOT_SLOT_CONFIRMED
                   && left < SV_BOOT_UBOOT_STARTS
               ? store(&env, &state, why)
               : SV_OK;
}

typedef struct change {
    enum { RELEASE, ARM, CONFIRM, FAIL } kind;
    unsigned slot, tries;
    uint32_t counter;
} change;

static bool apply(const change *c, sv_boot_state *state) {
    switch (c->kind) {
    case RELEASE:
        return sv_boot_release(state, c->slot);
    case ARM:
        return sv_boot_arm(state, c->slot, c->tries);
    case CONFIRM:
        return sv_boot_confirm(state, c->slot, c->counter);
    case FAIL:
        return sv_boot_fail(state, c->slot);
    }
    return false;
}

static sv_err make(const sv_boot_uboot *uboot, const change *c, sv_why *why) {
    sv_boot_state state;
    SV_DEFER(environment_drop) environment env = NO_ENVIRONMENT;
    SV_TRY(environment_open(uboot, &env, why));
    SV_TRY(read_env(&env, uboot->running, &state, why));
    if (!apply(c, &state)) {
        return sv_fail(why, SV_ERR_STATE,
                       "slot %s cannot be changed so: it is the way back, or is not on trial",
                       sv_slot_letter(c->slot));
    }
    return store(&env, &state, why);
}

static sv_err release(void *arg, unsigned slot, sv_why *why) {
    return make(arg, &(change){ .kind = RELEASE, .slot = slot }, why);
}

static sv_err arm(void *arg, unsigned slot, unsigned tries, sv_why *why) {
    return make(arg, &(change){ .kind = ARM, .slot = slot, .tries = tries }, why);
}

static sv_err confirm(void *arg, unsigned slot, uint32_t counter, sv_why *why) {
    return make(arg, &(change){ .kind = CONFIRM, .slot = slot, .counter = counter }, why);
}

static sv_err fail(void *arg, unsigned slot, sv_why *why) {
    return make(arg, &(change){ .kind = FAIL, .slot = slot }, why);
}

sv_boot_control sv_boot_uboot_control(sv_boot_uboot *uboot) {
    return (sv_boot_control){ .arg = uboot,
                              .current = current,
                              .state = read_state,
                              .up = up,
                              .release = release,
                              .arm = arm,
                              .confirm = confirm,
                              .fail = fail };
}
