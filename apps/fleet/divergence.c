#include "divergence.h"

#include "actions_own.h"

/// The newest that was carried out, whatever came of it.
static sv_err find_last(sv_fleet *fleet, const char *device, sv_action *out, sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(fleet->db,
                      "SELECT id FROM action WHERE device = ?1 AND state BETWEEN 6 AND 8"
                      " ORDER BY id DESC LIMIT 1",
                      &stmt, why));
    sv_stmt_bind_str(stmt, 1, device);
    SV_TRY(sv_stmt_next(stmt, why));
    int64_t id = sv_stmt_int(stmt, 0);
    sv_stmt_reset(stmt);
    return sv_actions_find(fleet, id, out, why);
}

/// By SHA-256 where both are known, else by version, as a success is proved.
static bool is_other(const char *version, const char *sha256, const sv_running *running) {
    const sv_action_target target = { .version = version, .sha256 = sha256 };
    const sv_action_running now = { .version = running->version, .sha256 = running->sha256 };
    bool unsaid = running->version[0] == '\0' && running->sha256[0] == '\0';
    return !unsaid && !sv_action_is_running(&target, &now);
}

/// Behind "1.1 was to be installed".
static const char *what_became(sv_action_class class) {
    static const char *const WORDS[SV_ACTION_CLASS__COUNT] = {
        [SV_ACTION_FINE] = "",
        [SV_ACTION_BY_DOWNLOAD] = ", and could not be fetched",
        [SV_ACTION_BY_INSTALL] = ", and could not be",
        [SV_ACTION_BY_ROLLBACK] = ", and was gone back from",
        [SV_ACTION_BY_SILENCE] = ", and nothing was heard of it since",
        [SV_ACTION_BY_REFUSAL] = ", and was refused there",
        [SV_ACTION_UNPROVED] = ", and was called a success without proof",
        [SV_ACTION_BY_WORSE] = ", and its health was worse with it",
    };
    return WORDS[class];
}

sv_err sv_divergence_say(sv_fleet *fleet, const char *device, const sv_running *running,
                         sv_textbuf *out, sv_why *why) {
    sv_action last;
    sv_err err = find_last(fleet, device, &last, why);
    if (err != SV_OK) {
        return err == SV_ERR_NOT_FOUND ? SV_OK : err;
    }
    if (!is_other(last.version, last.sha256, running)) {
        return SV_OK;
    }
    const char *runs = running->version[0] != '\0' ? running->version : "another image";
    if (last.stand.state == SV_ACTION_CONFIRMED) {
        sv_textbuf_addf(out, "it runs %s; %s was the last that was confirmed on it", runs,
                        last.version);
    } else {
        sv_textbuf_addf(out, "it runs %s; %s was to be installed%s", runs, last.version,
                        what_became(last.stand.class));
    }
    return SV_OK;
}

static sv_err say_of(sv_fleet *fleet, const char *device, char room[SV_ACTION_WHY_ROOM],
                     sv_why *why) {
    sv_running running;
    sv_textbuf sentence = { .at = room, .cap = SV_ACTION_WHY_ROOM };
    room[0] = '\0';
    sv_err err = sv_running_of(fleet, device, &running, why);
    if (err != SV_OK) {
        return err == SV_ERR_NOT_FOUND ? SV_OK : err;
    }
    SV_TRY(sv_divergence_say(fleet, device, &running, &sentence, why));
    return sv_textbuf_end(&sentence);
}

/// Each site knows how many of its devices do.
static void set(sv_device *device, bool diverges) {
    device->site->diverging += (int64_t) diverges - (int64_t) device->diverges;
    device->diverges = diverges;
}

sv_err sv_divergence_note(sv_fleet *fleet, const char *device, sv_why *why) {
    sv_device *known = sv_registry_device(fleet->registry, sv_text_of(device));
    char room[SV_ACTION_WHY_ROOM];
    SV_TRY(say_of(fleet, device, room, why));
    if (known != NULL) {
        set(known, room[0] != '\0');
    }
    return SV_OK;
}

sv_err sv_divergence_load(sv_fleet *fleet, sv_why *why) {
    sv_stmt *row;
    sv_err err;
    SV_TRY(sv_db_stmt(fleet->db,
                      "SELECT r.device, r.version, r.sha256, a.version, a.sha256 FROM running r"
                      " JOIN action a ON a.id = (SELECT id FROM action WHERE device = r.device"
                      " AND state BETWEEN 6 AND 8 ORDER BY id DESC LIMIT 1) WHERE r.at_us > 0",
                      &row, why));
    while ((err = sv_stmt_next(row, why)) == SV_OK) {
        sv_device *device = sv_registry_device(fleet->registry, sv_stmt_text(row, 0));
        sv_running running = { 0 };
        (void) sv_text_copy(sv_stmt_text(row, 1), running.version, sizeof running.version);
        (void) sv_text_copy(sv_stmt_text(row, 2), running.sha256, sizeof running.sha256);
        if (device != NULL) {
            set(device, is_other(sv_stmt_text(row, 3).at, sv_stmt_text(row, 4).at, &running));
        }
    }
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}

void sv_divergence_write(sv_fleet *fleet, const sv_device *device, sv_json_out *out) {
    char room[SV_ACTION_WHY_ROOM] = "";
    if (device->diverges && say_of(fleet, device->id, room, NULL) == SV_OK && room[0] != '\0') {
        sv_json_put_str(out, room);
    } else {
        sv_json_put_null(out);
    }
}
