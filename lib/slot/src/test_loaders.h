// For tests: the boot loaders that a device may have. One that chooses as boot/choose.h says and
// keeps a file; U-Boot with a boot script and its environment, changed by libubootenv; and one
// behind RAUC's verbs, which keeps an order and the starts that are left, as RAUC's own backends
// do. The verbs are answered in this process, at the place where the program would be started, and
// what they keep is on the same medium.
#ifndef SV_SLOT_TEST_LOADERS_H
#define SV_SLOT_TEST_LOADERS_H

#include "test_life.h"
#include "test_uboot.h"
#include <sys/child.h>

// ---- what boot scripts have in common -----------------------------------------------------------

enum { SCRIPT_STARTS = 3 };

typedef struct order {
    unsigned first;
    unsigned left[SV_BOOT_SLOTS];
} order;

/// Is what lies in a slot signed, whole, and not below this counter?
static inline bool may_run(const platter *p, unsigned slot, uint32_t counter) {
    uint8_t block[512];
    sv_boot_header said;
    const sv_boot_device who = {
        .product = "lathe-ctl", .hardware = "rev-b", .slot = "rootfs", .counter = counter
    };
    uint8_t *data = (uint8_t *) (uintptr_t) p->files[slot].data;
    const sv_boot_source image = { data, read_slot };
    return sv_boot_header_judge(data + SLOT_BYTES - SV_BOOT_TRAILER_BYTES, SV_BOOT_HEADER_BYTES,
                                &BOOT_KEYS, &who, &said)
               == SV_BOOT_GOOD
           && sv_boot_image_judge(&said, &image, block, sizeof block) == SV_BOOT_GOOD;
}

/// The first one in the order that has a start left. SV_BOOT_NO_SLOT: none has.
static inline unsigned first_of(const order *o) {
    for (unsigned k = 0; k < SV_BOOT_SLOTS; k++) {
        unsigned slot = (o->first + k) % SV_BOOT_SLOTS;
        if (o->left[slot] > 0) {
            return slot;
        }
    }
    return SV_BOOT_NO_SLOT;
}

/// The same, and it can be started: what cannot loses its starts one by one.
static inline unsigned would_run(const platter *p, const order *o, uint32_t counter) {
    order rest = *o;
    unsigned slot = first_of(&rest);
    while (slot != SV_BOOT_NO_SLOT && !may_run(p, slot, counter)) {
        rest.left[slot] = 0;
        slot = first_of(&rest);
    }
    return slot;
}

// ---- file ---------------------------------------------------------------------------------------

static inline void file_attach(life *l) {
    (void) l; // as device_on has it
}

static inline sv_err file_start(life *l, bool forgets, sv_why *why) {
    return device_start(&l->d, forgets, why);
}

static inline unsigned file_would_start(life *l, bool can_keep) {
    sv_boot_state state;
    sv_boot_choice choice;
    if (sv_boot_file_read(&l->d.file, &state, NULL, NULL) != SV_OK) {
        return SV_BOOT_NO_SLOT;
    }
    pick_on(&l->m.now, &state, can_keep, &choice);
    return choice.slot;
}

static inline sv_err file_raise(life *l, uint32_t counter, sv_why *why) {
    sv_boot_state state;
    SV_TRY(sv_boot_file_read(&l->d.file, &state, NULL, why));
    state.counter = counter;
    return sv_boot_file_keep(&l->d.file, &state, why);
}

static inline void nothing_more(platter *p) {
    (void) p;
}

// ---- u-boot -------------------------------------------------------------------------------------

static inline void uboot_attach(life *l) {
    ENV_MEDIUM = &l->m;
    l->uboot = (sv_boot_uboot){ .config = ENV_CONFIG, .running = l->d.file.running };
    l->d.boot = sv_boot_uboot_control(&l->uboot);
}

static inline uint32_t uboot_read(env_words *env, order *out, unsigned *primary) {
    static const char *const LEFT[] = { "BOOT_A_LEFT", "BOOT_B_LEFT" };
    char value[16];
    env_get(env, "BOOT_ORDER", "A B", value);
    out->first = value[0] == 'A' ? 0 : 1;
    for (size_t i = 0; i < SV_BOOT_SLOTS; i++) {
        env_get(env, LEFT[i], "3", value);
        out->left[i] = (unsigned) strtoul(value, NULL, 10);
    }
    env_get(env, "selvedge_primary", "0", value);
    *primary = value[0] == '1' ? 1 : 0;
    env_get(env, "selvedge_counter", "0", value);
    return (uint32_t) strtoul(value, NULL, 10);
}

/// Where no slot has a start left: the one that was confirmed last, and of a device that remembers
/// nothing whichever can be started.
static inline unsigned uboot_last(const platter *p, env_words *env, unsigned primary,
                                  uint32_t counter) {
    char slots[16];
    env_get(env, "selvedge_slots", "", slots);
    return may_run(p, primary, counter)                           ? primary
           : slots[0] == '\0' && may_run(p, 1 - primary, counter) ? 1 - primary
                                                                  : (unsigned) SV_BOOT_NO_SLOT;
}

/// The boot script: the first one with a start left, which loses one before it is started.
static inline sv_err uboot_start(life *l, bool forgets, sv_why *why) {
    env_words env = { .place = -1 };
    order o;
    unsigned primary = 0;
    if (!env_load(&l->m, &env)) {
        return sv_fail(why, SV_ERR_STATE, "no copy of the environment is whole");
    }
    uint32_t counter = uboot_read(&env, &o, &primary);
    unsigned slot = would_run(&l->m.now, &o, counter);
    if (slot != SV_BOOT_NO_SLOT && !forgets) {
        char left[16];
        (void) snprintf(left, sizeof left, "%u", o.left[slot] - 1);
        env_set(&env, slot == 0 ? "BOOT_A_LEFT" : "BOOT_B_LEFT", left);
        SV_TRY(env_save(&l->m, &env, why));
    }
    if (slot == SV_BOOT_NO_SLOT) {
        slot = uboot_last(&l->m.now, &env, primary, counter);
    }
    l->d.file.running = slot;
    l->uboot.running = slot;
    return slot != SV_BOOT_NO_SLOT ? SV_OK : sv_fail(why, SV_ERR_STATE, "nothing may be started");
}

static inline unsigned uboot_would_start(life *l, bool can_keep) {
    env_words env = { .place = -1 };
    order o;
    unsigned primary = 0;
    if (!env_load(&l->m, &env)) {
        return SV_BOOT_NO_SLOT;
    }
    uint32_t counter = uboot_read(&env, &o, &primary);
    unsigned slot = can_keep ? would_run(&l->m.now, &o, counter) : SV_BOOT_NO_SLOT;
    return slot == SV_BOOT_NO_SLOT ? uboot_last(&l->m.now, &env, primary, counter) : slot;
}

static inline sv_err uboot_raise(life *l, uint32_t counter, sv_why *why) {
    env_words env = { .place = -1 };
    char value[16];
    if (!env_load(&l->m, &env)) {
        return sv_fail(why, SV_ERR_STATE, "no copy of the environment is whole");
    }
    (void) snprintf(value, sizeof value, "%u", counter);
    env_set(&env, "selvedge_counter", value);
    return env_save(&l->m, &env, why);
}

// ---- script -------------------------------------------------------------------------------------

enum { ORDER_BYTES = 3 };

static const char *const SCRIPT_NAMES[] = { "system0", "system1" };
static life *SCRIPT_LIFE;

static inline sv_twin order_twin(const life *l) {
    return (sv_twin){ .disk = &l->m.disk, .name = "loader", .kind = "SvLd", .bytes = ORDER_BYTES };
}

static inline sv_err order_read(const life *l, order *out, sv_why *why) {
    const sv_twin twin = order_twin(l);
    uint8_t bytes[ORDER_BYTES];
    SV_TRY(sv_twin_read(&twin, bytes, why));
    *out = (order){ .first = bytes[0], .left = { bytes[1], bytes[2] } };
    return SV_OK;
}

static inline sv_err order_keep(const life *l, const order *o, sv_why *why) {
    const sv_twin twin = order_twin(l);
    const uint8_t bytes[ORDER_BYTES] = { (uint8_t) o->first, (uint8_t) o->left[0],
                                         (uint8_t) o->left[1] };
    return sv_twin_write(&twin, bytes, why);
}

static inline void script_factory(platter *p) {
    static const uint8_t BYTES[ORDER_BYTES] = { 0, SCRIPT_STARTS, 0 };
    platter_add(p, "loader", SV_TWIN_FILE_BYTES);
    sv_twin_copy_write(p->files[p->made - 1].data, "SvLd", 1, BYTES, sizeof BYTES);
}

static inline void script_attach(life *l) {
    SCRIPT_LIFE = l;
    l->script = (sv_boot_script){ .program = "/loader",
                                  .names = { SCRIPT_NAMES[0], SCRIPT_NAMES[1] },
                                  .file = { .disk = &l->m.disk } };
    l->d.boot = sv_boot_script_control(&l->script);
}

/// As RAUC's backends: where nobody has a start left, all have theirs again.
static inline unsigned script_choose(const platter *p, order *o) {
    unsigned slot = would_run(p, o, 0);
    if (slot == SV_BOOT_NO_SLOT) {
        o->left[0] = SCRIPT_STARTS;
        o->left[1] = SCRIPT_STARTS;
        slot = would_run(p, o, 0);
    }
    return slot;
}

static inline sv_err script_start(life *l, bool forgets, sv_why *why) {
    order o;
    SV_TRY(order_read(l, &o, why));
    unsigned slot = script_choose(&l->m.now, &o);
    l->d.file.running = slot;
    if (slot == SV_BOOT_NO_SLOT) {
        return sv_fail(why, SV_ERR_STATE, "nothing may be started");
    }
    o.left[slot] -= forgets ? 0 : 1;
    return order_keep(l, &o, why);
}

static inline unsigned script_would_start(life *l, bool can_keep) {
    order o;
    (void) can_keep; // it keeps what it keeps
    return order_read(l, &o, NULL) == SV_OK ? script_choose(&l->m.now, &o) : SV_BOOT_NO_SLOT;
}

/// One verb, whole or an error.
static inline sv_err run_verb(const life *l, const char *verb, const char *name, const char *value,
                              sv_textbuf *out, sv_why *why) {
    order o;
    unsigned slot = name != NULL && strcmp(name, SCRIPT_NAMES[1]) == 0 ? 1 : 0;
    SV_TRY(order_read(l, &o, why));
    if (strcmp(verb, "get-primary") == 0 || strcmp(verb, "get-current") == 0) {
        unsigned says = verb[4] == 'p' ? first_of(&o) : l->d.file.running;
        sv_textbuf_add(out, sv_text_of(says < SV_BOOT_SLOTS ? SCRIPT_NAMES[says] : ""));
        return SV_OK;
    }
    if (strcmp(verb, "get-state") == 0) {
        sv_textbuf_add(out, sv_text_of(o.left[slot] > 0 ? "good" : "bad"));
        return SV_OK;
    }
    if (strcmp(verb, "set-primary") == 0) {
        o.first = slot;
        o.left[slot] = SCRIPT_STARTS;
    } else {
        o.left[slot] = strcmp(value, "good") == 0 ? (unsigned) SCRIPT_STARTS : 0;
    }
    return order_keep(l, &o, why);
}

/// `used`: an optimiser of the whole program does not see that the linker means it.
__attribute__((used)) sv_err run_in_this_process(const char *const *argv, int deadline_ms,
                                                 sv_textbuf *out,
                                                 sv_why *why) __asm__("__wrap_sv_child_run");

sv_err run_in_this_process(const char *const *argv, int deadline_ms, sv_textbuf *out, sv_why *why) {
    (void) deadline_ms;
    return run_verb(SCRIPT_LIFE, argv[1], argv[2], argv[2] != NULL ? argv[3] : NULL, out, why);
}

static const loader LOADERS[] = {
    { "file", nothing_more, file_attach, file_start, file_would_start, file_raise },
    { "u-boot", env_factory, uboot_attach, uboot_start, uboot_would_start, uboot_raise },
    { "script", script_factory, script_attach, script_start, script_would_start, file_raise },
};

#endif
