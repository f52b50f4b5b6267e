#include "update_command.h"

#include <base/time.h>
#include <boot/choose.h>
#include <codec/encode.h>
#include <codec/json.h>

enum { HEX_ROOM = 2 * SV_BOOT_DIGEST_BYTES + 1, DIGITS_SHOWN = 12 };

static const char *slot_name(unsigned slot) {
    return slot == 0 ? "a" : slot == 1 ? "b" : "unknown";
}

static const char *boot_name(unsigned state) {
    static const char *const NAMES[] = { "idle", "trial", "confirmed", "bad" };
    return state < SV_COUNT(NAMES) ? NAMES[state] : "bad";
}

static const char *state_name(unsigned state) {
    return sv_trial_state_name((sv_trial_state) state);
}

static sv_text hex_of(const uint8_t *digest, char room[HEX_ROOM]) {
    sv_textbuf hex = { .at = room, .cap = HEX_ROOM };
    sv_hex_add(&hex, digest, SV_BOOT_DIGEST_BYTES);
    return sv_textbuf_text(&hex);
}

// ---- for people ---------------------------------------------------------------------------------

static void add_release(sv_textbuf *out, const char *name, const sv_updater_release *release,
                        const char *rest) {
    char room[HEX_ROOM];
    sv_text hex = hex_of(release->digest, room);
    if (release->known) {
        sv_textbuf_addf(out, "%-10s%s %s, release %u, sha256 %.*s…%s\n", name, release->product,
                        release->version, release->counter, DIGITS_SHOWN, hex.at, rest);
    } else {
        sv_textbuf_addf(out, "%-10snothing that is known%s\n", name, rest);
    }
}

static bool is_under_way(const sv_updater_status *status) {
    return status->state > SV_TRIAL_IDLE && status->state < SV_TRIAL_CONFIRMED;
}

static void add_progress(const sv_updater_status *status, sv_textbuf *out) {
    uint64_t of = status->update.image_bytes;
    if (status->state == SV_TRIAL_DOWNLOADING && of > 0) {
        sv_textbuf_addf(out, "%-10s%llu of %llu bytes, %llu %%%s%s\n", "written",
                        (unsigned long long) status->written, (unsigned long long) of,
                        (unsigned long long) (status->written / (of / 100 + 1)),
                        status->encoding[0] != '\0' ? ", as " : "", status->encoding);
    }
    if (status->health_ms > 0) {
        sv_textbuf_addf(out, "%-10s%u s left to prove itself\n", "trial", status->health_ms / 1000);
    }
}

void sv_agent_status_table(const sv_updater_status *status, sv_textbuf *out) {
    char rest[64] = "";
    sv_textbuf text = SV_TEXTBUF(rest);
    if (status->running < SV_BOOT_SLOTS) {
        sv_textbuf_addf(&text, " (slot %s, %s)", slot_name(status->running),
                        boot_name(status->boot[status->running]));
        (void) sv_textbuf_end(&text);
    }
    sv_textbuf_addf(out, "%-10s%s (%s, %s)\n", "device", status->id, status->product,
                    status->hardware);
    add_release(out, "runs", &status->runs, rest);
    add_release(out, "other", &status->other, "");
    sv_textbuf_addf(out, "%-10s%s%s%s%s%s\n", "update", state_name(status->state),
                    status->update.known ? " " : "",
                    status->update.known ? status->update.version : "",
                    status->why[0] != '\0' ? ": " : "", status->why);
    if (is_under_way(status)) {
        add_progress(status, out);
    }
    if (status->report_count > 0) {
        sv_textbuf_addf(out, "%-10s%u not delivered to the fleet server\n", "reports",
                        status->report_count);
    }
}

static bool is_delivered(const sv_updater_status *status, const sv_journal_report *report) {
    for (unsigned i = 0; i < status->report_count; i++) {
        if (status->reports[i].number == report->number
            && status->reports[i].state == report->state) {
            return false;
        }
    }
    return true;
}

static void add_entry(const sv_updater_status *status, const sv_history_entry *entry,
                      sv_textbuf *out) {
    const sv_journal_report *report = &entry->report;
    if (entry->at_us > 0) {
        sv_time_add(out, entry->at_us / SV_TIME_SECOND_US * SV_TIME_SECOND_US);
    } else {
        sv_textbuf_addf(out, "%-20s", "at an unknown time");
    }
    if (report->action != 0) {
        sv_textbuf_addf(out, "  action %u", report->action);
    } else {
        sv_textbuf_add_str(out, "  no action");
    }
    sv_textbuf_addf(out, "  %s %s, slot %s%s%s%s\n", report->version, state_name(report->state),
                    slot_name(report->slot), report->why[0] != '\0' ? ": " : "", report->why,
                    is_delivered(status, report) ? "" : " (not delivered)");
}

void sv_agent_history_table(const sv_updater_status *status, const sv_agent_history *history,
                            sv_textbuf *out) {
    char room[HEX_ROOM];
    for (size_t i = 0; i < history->count; i++) {
        add_entry(status, &history->entries[i], out);
    }
    for (unsigned i = status->bad_count; i > 0; i--) {
        sv_text hex = hex_of(status->bad[i - 1], room);
        sv_textbuf_addf(out, "does not prove itself here: sha256 " SV_TEXT_FMT "\n",
                        SV_TEXT_ARG(hex));
    }
}

// ---- for programs -------------------------------------------------------------------------------

static void put_release(sv_json_out *json, const char *name, const sv_updater_release *release) {
    char room[HEX_ROOM];
    sv_json_key(json, name);
    if (!release->known) {
        sv_json_put_null(json);
        return;
    }
    sv_json_open_object(json);
    sv_json_add_str(json, "product", release->product);
    sv_json_add_str(json, "version", release->version);
    sv_json_add_int(json, "counter", release->counter);
    sv_json_add_text(json, "sha256", hex_of(release->digest, room));
    sv_json_add_int(json, "bytes", (int64_t) release->image_bytes);
    sv_json_close_object(json);
}

static void put_update(sv_json_out *json, const sv_updater_status *status) {
    put_release(json, "update", &status->update);
    sv_json_add_str(json, "state", state_name(status->state));
    sv_json_add_str(json, "why", status->why);
    sv_json_add_str(json, "update_slot", slot_name(status->slot));
    sv_json_add_str(json, "encoding", status->encoding);
    sv_json_add_int(json, "written", (int64_t) status->written);
    sv_json_add_bool(json, "busy", status->busy);
    sv_json_add_int(json, "health_ms", status->health_ms);
}

void sv_agent_status_json(const sv_updater_status *status, sv_textbuf *out) {
    sv_json_out json = SV_JSON_OUT(out);
    sv_json_open_object(&json);
    sv_json_add_str(&json, "device", status->id);
    sv_json_add_str(&json, "product", status->product);
    sv_json_add_str(&json, "hardware", status->hardware);
    sv_json_add_str(&json, "slot", slot_name(status->running));
    sv_json_add_str(&json, "boot",
                    status->running < SV_BOOT_SLOTS ? boot_name(status->boot[status->running])
                                                    : "unknown");
    sv_json_add_int(&json, "counter", status->counter);
    put_release(&json, "runs", &status->runs);
    put_release(&json, "other", &status->other);
    put_update(&json, status);
    sv_json_add_int(&json, "reports", status->report_count);
    sv_json_add_int(&json, "reports_lost", (int64_t) status->reports_lost);
    sv_json_close_object(&json);
    sv_textbuf_add_char(out, '\n');
}

static void put_entry(sv_json_out *json, const sv_updater_status *status,
                      const sv_history_entry *entry) {
    const sv_journal_report *report = &entry->report;
    char room[HEX_ROOM];
    char at[40];
    sv_textbuf time = SV_TEXTBUF(at);
    sv_json_open_object(json);
    sv_json_key(json, "at");
    if (entry->at_us > 0) {
        sv_time_add(&time, entry->at_us);
        sv_json_put_text(json, sv_textbuf_text(&time));
    } else {
        sv_json_put_null(json);
    }
    sv_json_key(json, "action");
    if (report->action != 0) {
        sv_json_put_int(json, report->action);
    } else {
        sv_json_put_null(json);
    }
    sv_json_add_int(json, "number", (int64_t) report->number);
    sv_json_add_str(json, "state", state_name(report->state));
    sv_json_add_str(json, "version", report->version);
    sv_json_add_int(json, "counter", report->counter);
    sv_json_add_text(json, "sha256", hex_of(report->digest, room));
    sv_json_add_str(json, "slot", slot_name(report->slot));
    sv_json_add_str(json, "why", report->why);
    sv_json_add_bool(json, "delivered", is_delivered(status, report));
    sv_json_close_object(json);
}

void sv_agent_history_json(const sv_updater_status *status, const sv_agent_history *history,
                           sv_textbuf *out) {
    char room[HEX_ROOM];
    sv_json_out json = SV_JSON_OUT(out);
    sv_json_open_array(&json);
    for (size_t i = 0; i < history->count; i++) {
        put_entry(&json, status, &history->entries[i]);
    }
    for (unsigned i = status->bad_count; i > 0; i--) {
        sv_json_open_object(&json);
        sv_json_add_str(&json, "state", "bad");
        sv_json_add_text(&json, "sha256", hex_of(status->bad[i - 1], room));
        sv_json_close_object(&json);
    }
    sv_json_close_array(&json);
    sv_textbuf_add_char(out, '\n');
}
