#include "rauc_bus.h"

#include <base/mem.h>
#include <slot/rauc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char SERVICE[] = "de.pengutronix.rauc";
static const char OBJECT[] = "/";
static const char INSTALLER[] = "de.pengutronix.rauc.Installer";

enum { TURN_US = 100000, US_PER_MS = 1000 };

struct sv_rauc_link {
    const rauc_calls *call;
    sd_bus *bus;
    const char *names[SV_BOOT_SLOTS];
    sv_rauc_bus table;
    sv_placing placing;
    bool completed; ///< since it was last set false
    int result;     ///< of that
};

// ---- calls --------------------------------------------------------------------------------------

/// An answer, and the error in its place.
typedef struct answer {
    const rauc_calls *call;
    sd_bus_error error;
    sd_bus_message *message;
} answer;

static void drop_answer(answer *got) {
    got->call->sd_bus_error_free(&got->error);
    (void) got->call->sd_bus_message_unref(got->message);
}

static sv_err fail(const answer *got, int code, const char *what, sv_why *why) {
    char text[128];
    const char *says = got->error.message;
    if (says == NULL) { // strerror_r of GNU may answer with a text of its own
        says = strerror_r(-code, text, sizeof text);
    }
    return sv_fail(why, SV_ERR_UNAVAILABLE, "RAUC does not say %s: %.250s", what, says);
}

static sv_err fail_to_read(int code, const char *what, sv_why *why) {
    (void) code;
    return sv_fail(why, SV_ERR_INVALID, "what RAUC says of %s cannot be read", what);
}

static void take(char *room, size_t bytes, const char *text) {
    (void) snprintf(room, bytes, "%s", text);
}

// ---- what it does -------------------------------------------------------------------------------

/// What RAUC does now.
typedef struct doing {
    bool nothing;
    int percent;
    char says[SV_PLACING_SAYS_ROOM];
} doing;

static sv_err ask_progress(sv_rauc_link *link, doing *out, sv_why *why) {
    const char *says = NULL;
    int depth = 0;
    SV_DEFER(drop_answer) answer got = { .call = link->call };
    int code = link->call->sd_bus_get_property(link->bus, SERVICE, OBJECT, INSTALLER, "Progress",
                                               &got.error, &got.message, "(isi)");
    if (code < 0) {
        return fail(&got, code, "how far it is", why);
    }
    code = link->call->sd_bus_message_read(got.message, "(isi)", &out->percent, &says, &depth);
    if (code < 0) {
        return fail_to_read(code, "how far it is", why);
    }
    take(out->says, sizeof out->says, says);
    return SV_OK;
}

/// A property that is a text, at most `bytes` of it.
static sv_err ask_text(sv_rauc_link *link, const char *name, char *room, size_t bytes,
                       sv_why *why) {
    char *text = NULL;
    SV_DEFER(drop_answer) answer got = { .call = link->call };
    int code = link->call->sd_bus_get_property_string(link->bus, SERVICE, OBJECT, INSTALLER, name,
                                                      &got.error, &text);
    if (code < 0) {
        return fail(&got, code, strcmp(name, "LastError") == 0 ? "why" : "what it does", why);
    }
    take(room, bytes, text);
    free(text);
    return SV_OK;
}

static sv_err ask_doing(sv_rauc_link *link, doing *out, sv_why *why) {
    char operation[16];
    *out = (doing){ .nothing = false };
    SV_TRY(ask_text(link, "Operation", operation, sizeof operation, why));
    out->nothing = strcmp(operation, "idle") == 0;
    return ask_progress(link, out, why);
}

static int note_completed(sd_bus_message *m, void *arg, sd_bus_error *error) {
    sv_rauc_link *link = arg;
    (void) error;
    link->completed = link->call->sd_bus_message_read(m, "i", &link->result) >= 0;
    return 0;
}

/// What came is looked at; then, while nothing comes, a moment passes.
static sv_err turn(sv_rauc_link *link, sv_why *why) {
    int code = 0;
    while ((code = link->call->sd_bus_process(link->bus, NULL)) > 0) {
    }
    code = code < 0 ? code : link->call->sd_bus_wait(link->bus, TURN_US);
    return code >= 0 ? SV_OK
                     : sv_fail(why, SV_ERR_UNAVAILABLE, "the connection to the system bus is gone");
}

static sv_err look(sv_rauc_link *link, doing *now, sv_why *why) {
    sv_placing_tick(&link->placing);
    SV_TRY(turn(link, why));
    SV_TRY(ask_doing(link, now, why));
    return sv_placing_look(&link->placing, now->percent, now->says, why);
}

/// Somebody else's installation, or one that was begun before this program was started.
static sv_err wait_until_idle(sv_rauc_link *link, sv_why *why) {
    doing now;
    SV_TRY(ask_doing(link, &now, why));
    sv_placing_begin(&link->placing);
    while (!now.nothing) {
        SV_TRY(look(link, &now, why));
    }
    while (link->call->sd_bus_process(link->bus, NULL) > 0) { // the end of that one is not ours
    }
    link->completed = false;
    return SV_OK;
}

// ---- slots --------------------------------------------------------------------------------------

static void note_text(sv_rauc_slot *slot, const char *key, const char *value) {
    if (strcmp(key, "state") == 0) {
        slot->booted = strcmp(value, "booted") == 0;
    } else if (strcmp(key, "boot-status") == 0) {
        slot->good = strcmp(value, "good") == 0;
    } else if (strcmp(key, "status") == 0) {
        slot->whole = strcmp(value, "ok") == 0;
    } else if (strcmp(key, "installed.timestamp") == 0) {
        take(slot->at, sizeof slot->at, value);
    } else if (strcmp(key, "sha256") == 0) {
        take(slot->digest, sizeof slot->digest, value);
    }
}

/// One member of a{sv}; negative: it cannot be read.
static int read_member(const rauc_calls *call, sd_bus_message *m, sv_rauc_slot *slot) {
    const char *key = NULL;
    const char *text = NULL;
    int code = call->sd_bus_message_read(m, "s", &key);
    if (code < 0) {
        return code;
    }
    bool count = strcmp(key, "installed.count") == 0;
    if (count) {
        return call->sd_bus_message_read(m, "v", "u", &slot->count);
    }
    static const char *const TEXTS[] = { "state", "boot-status", "status", "installed.timestamp",
                                         "sha256" };
    for (size_t i = 0; i < SV_COUNT(TEXTS); i++) {
        if (strcmp(key, TEXTS[i]) == 0) {
            code = call->sd_bus_message_read(m, "v", "s", &text);
            if (code >= 0) {
                note_text(slot, key, text);
            }
            return code;
        }
    }
    return call->sd_bus_message_skip(m, "v");
}

/// What is between `enter` and the end of a container, again and again.
static int read_members(const rauc_calls *call, sd_bus_message *m, sv_rauc_slot *slot) {
    int code = call->sd_bus_message_enter_container(m, 'a', "{sv}");
    while (code >= 0 && (code = call->sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
        code = read_member(call, m, slot);
        code = code < 0 ? code : call->sd_bus_message_exit_container(m);
    }
    return code < 0 ? code : call->sd_bus_message_exit_container(m);
}

static unsigned find_slot(const sv_rauc_link *link, const char *name) {
    return strcmp(name, link->names[0]) == 0   ? 0
           : strcmp(name, link->names[1]) == 0 ? 1
                                               : SV_BOOT_NO_SLOT;
}

/// a(sa{sv}); `found` has a bit for each of ours.
static int read_slots(const sv_rauc_link *link, sd_bus_message *m, sv_rauc_slot *out,
                      unsigned *found) {
    const rauc_calls *call = link->call;
    sv_rauc_slot other = { .booted = false };
    int code = call->sd_bus_message_enter_container(m, 'a', "(sa{sv})");
    while (code >= 0 && (code = call->sd_bus_message_enter_container(m, 'r', "sa{sv}")) > 0) {
        const char *name = NULL;
        code = call->sd_bus_message_read(m, "s", &name);
        if (code < 0) {
            return code;
        }
        unsigned slot = find_slot(link, name);
        sv_rauc_slot *to = slot < SV_BOOT_SLOTS ? &out[slot] : &other;
        *to = (sv_rauc_slot){ .booted = false };
        *found |= slot < SV_BOOT_SLOTS ? 1U << slot : 0;
        code = read_members(call, m, to);
        code = code < 0 ? code : call->sd_bus_message_exit_container(m);
    }
    return code;
}

static sv_err slots(void *arg, sv_rauc_slot out[SV_BOOT_SLOTS], sv_why *why) {
    sv_rauc_link *link = arg;
    unsigned found = 0;
    SV_DEFER(drop_answer) answer got = { .call = link->call };
    SV_TRY(wait_until_idle(link, why));
    int code = link->call->sd_bus_call_method(link->bus, SERVICE, OBJECT, INSTALLER,
                                              "GetSlotStatus", &got.error, &got.message, "");
    if (code < 0) {
        return fail(&got, code, "how its slots are", why);
    }
    code = read_slots(link, got.message, out, &found);
    if (code < 0) {
        return fail_to_read(code, "its slots", why);
    }
    for (unsigned i = 0; i < SV_BOOT_SLOTS; i++) {
        if ((found >> i & 1U) == 0) {
            return sv_fail(why, SV_ERR_NOT_FOUND, "RAUC has no slot '%.60s' (see `rauc status`)",
                           link->names[i]);
        }
    }
    return SV_OK;
}

static sv_err primary(void *arg, unsigned *slot, sv_why *why) {
    sv_rauc_link *link = arg;
    const char *name = NULL;
    SV_DEFER(drop_answer) answer got = { .call = link->call };
    SV_TRY(wait_until_idle(link, why));
    int code = link->call->sd_bus_call_method(link->bus, SERVICE, OBJECT, INSTALLER, "GetPrimary",
                                              &got.error, &got.message, "");
    if (code < 0) {
        return fail(&got, code, "which slot starts next", why);
    }
    code = link->call->sd_bus_message_read(got.message, "s", &name);
    if (code < 0) {
        return fail_to_read(code, "which slot starts next", why);
    }
    *slot = find_slot(link, name);
    return SV_OK;
}

static sv_err mark(void *arg, unsigned slot, sv_rauc_mark how, sv_why *why) {
    static const char *const HOW[] = { "active", "good", "bad" };
    char what[SV_RAUC_NAME_ROOM + 32];
    sv_rauc_link *link = arg;
    SV_DEFER(drop_answer) answer got = { .call = link->call };
    int code =
        link->call->sd_bus_call_method(link->bus, SERVICE, OBJECT, INSTALLER, "Mark", &got.error,
                                       &got.message, "ss", HOW[how], link->names[slot]);
    if (code < 0) {
        (void) snprintf(what, sizeof what, "that %.60s is %s now", link->names[slot], HOW[how]);
        return fail(&got, code, what, why);
    }
    return SV_OK;
}

// ---- an installation ----------------------------------------------------------------------------

/// RAUC tells the end before it is idle; idle without that, it was started anew.
static sv_err follow(sv_rauc_link *link, sv_why *why) {
    doing now = { .nothing = false };
    sv_placing_begin(&link->placing);
    while (!now.nothing) {
        SV_TRY(look(link, &now, why));
    }
    while (link->call->sd_bus_process(link->bus, NULL) > 0) {
    }
    return link->completed ? SV_OK
                           : sv_fail(why, SV_ERR_UNAVAILABLE,
                                     "RAUC ended in the middle of the installation and was "
                                     "started again");
}

static sv_err install(void *arg, const char *bundle, sv_why *why) {
    sv_rauc_link *link = arg;
    char reason[SV_PLACING_SAYS_ROOM];
    SV_DEFER(drop_answer) answer got = { .call = link->call };
    SV_TRY(wait_until_idle(link, why));
    int code =
        link->call->sd_bus_call_method(link->bus, SERVICE, OBJECT, INSTALLER, "InstallBundle",
                                       &got.error, &got.message, "sa{sv}", bundle, 0);
    if (code < 0) {
        return fail(&got, code, "that it installs the bundle", why);
    }
    SV_TRY(follow(link, why));
    if (link->result == 0) {
        return SV_OK;
    }
    SV_TRY(ask_text(link, "LastError", reason, sizeof reason, why));
    return sv_fail(why, SV_ERR_UNTRUSTED, "RAUC does not install the bundle: %.150s", reason);
}

// ---- the connection -----------------------------------------------------------------------------

static void set_watch(void *arg, const sv_placing_watch *watch) {
    sv_rauc_link *link = arg;
    link->placing.watch = watch;
}

static sv_err listen(sv_rauc_link *link, sv_why *why) {
    int code = link->call->sd_bus_open_system(&link->bus);
    if (code >= 0) {
        code = link->call->sd_bus_set_method_call_timeout(link->bus,
                                                          (uint64_t) SV_RAUC_CALL_MS * US_PER_MS);
    }
    if (code >= 0) {
        code = link->call->sd_bus_match_signal(link->bus, NULL, SERVICE, OBJECT, INSTALLER,
                                               "Completed", note_completed, link);
    }
    const answer none = { .call = link->call };
    return code >= 0 ? SV_OK : fail(&none, code, "anything on the system bus", why);
}

sv_err sv_rauc_link_open(const char *const names[SV_BOOT_SLOTS], sv_rauc_link **out, sv_why *why) {
    sv_rauc_slot seen[SV_BOOT_SLOTS];
    unsigned next = SV_BOOT_NO_SLOT;
    doing now;
    SV_DEFER(sv_rauc_link_drop) sv_rauc_link *link = sv_mem_new(sizeof *link);
    link->names[0] = names[0];
    link->names[1] = names[1];
    link->placing.who = "RAUC";
    link->table = (sv_rauc_bus){ .arg = link,
                                 .slots = slots,
                                 .primary = primary,
                                 .mark = mark,
                                 .install = install,
                                 .watch = set_watch };
    SV_TRY(rauc_calls_load(&link->call, why));
    SV_TRY(listen(link, why));
    SV_TRY(ask_doing(link, &now, why)); // starts it, where it is not running
    if (now.nothing) {                  // it knows these names, and its boot loader
        SV_TRY(slots(link, seen, why));
        SV_TRY(primary(link, &next, why));
    }
    *out = link;
    link = NULL;
    return SV_OK;
}

void sv_rauc_link_drop(sv_rauc_link **link) {
    if (*link != NULL) {
        if ((*link)->bus != NULL) {
            (void) (*link)->call->sd_bus_flush_close_unref((*link)->bus);
        }
        free(*link);
        *link = NULL;
    }
}

bool sv_rauc_link_is_gone(const sv_rauc_link *link) {
    return link != NULL && link->call->sd_bus_is_open(link->bus) <= 0;
}

const sv_rauc_bus *sv_rauc_link_bus(sv_rauc_link *link) {
    return &link->table;
}
