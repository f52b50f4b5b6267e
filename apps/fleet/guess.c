#include "guess.h"

#include "inbox.h"

#include <crypto/random.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/log.h>

bool sv_guess_allows(const sv_fleet *fleet, const sv_guess *guess, const char *key) {
    return sv_throttle_allows(&guess->throttle, key, fleet->mono_us());
}

static sv_err store(sv_fleet *fleet, const sv_alert *alert, sv_why *why) {
    SV_TRY(sv_db_begin(fleet->db, why));
    sv_err err = sv_inbox_take(fleet->db, alert, "", "", why);
    if (err != SV_OK) {
        sv_db_rollback(fleet->db);
        return err;
    }
    return sv_db_commit(fleet->db, why);
}

/// About this server itself: nobody else is there to be named.
static void tell(sv_fleet *fleet, sv_guess *guess, sv_alert_event event, const char *message) {
    sv_alert alert = { .type = SV_ALERT_SECURITY,
                       .severity = SV_SEVERITY_WARNING,
                       .event = event,
                       .value = (double) NAN,
                       .raw = (double) NAN,
                       .at_us = fleet->wall_us() };
    sv_why why = { 0 };
    (void) snprintf(alert.id, sizeof alert.id, "%s", guess->alert);
    (void) snprintf(alert.device_id, sizeof alert.device_id, "%s", fleet->config.id);
    (void) snprintf(alert.rule, sizeof alert.rule, "%s", SV_GUESS_RULE);
    (void) snprintf(alert.message, sizeof alert.message, "%s", message);
    if (store(fleet, &alert, &why) != SV_OK) {
        SV_LOG(error, "enrolment.unalerted", "%s", why.text);
        guess->alert[0] = '\0';
        return;
    }
    sv_fleet_tell_alert(fleet, sv_text_of(alert.id));
    if (event == SV_ALERT_CLEARED) {
        guess->alert[0] = '\0';
    }
}

static void say(const sv_guess *guess, const char *from, char message[SV_ALERT_MESSAGE_MAX]) {
    (void) snprintf(message, SV_ALERT_MESSAGE_MAX,
                    "Somebody guesses enrolment tokens: %" PRId64
                    " wrong ones, the last from %.100s. Find out who sends them; tokens "
                    "cannot be guessed",
                    guess->count, from);
}

void sv_guess_failed(sv_fleet *fleet, sv_guess *guess, const char *key, const char *from) {
    sv_throttle_failed(&guess->throttle, key, fleet->mono_us());
    bool calm = guess->alert[0] == '\0';
    guess->last_mono_us = fleet->mono_us();
    guess->count++;
    if (!calm || sv_guess_allows(fleet, guess, key)) {
        return;
    }
    char message[SV_ALERT_MESSAGE_MAX];
    sv_random_hex(guess->alert);
    say(guess, from, message);
    SV_LOG(warn, "security.guessing", "too many wrong enrolment tokens from %s", from);
    tell(fleet, guess, SV_ALERT_RAISED, message);
}

void sv_guess_turn(sv_fleet *fleet, sv_guess *guess) {
    if (guess->last_mono_us == 0) {
        guess->last_mono_us = fleet->mono_us(); // from here it counts for an alert from before
    }
    if (fleet->mono_us() - guess->last_mono_us < SV_GUESS_CALM_US) {
        return;
    }
    if (guess->alert[0] != '\0') {
        char message[SV_ALERT_MESSAGE_MAX];
        (void) snprintf(message, sizeof message,
                        "Nobody guesses enrolment tokens any more; %" PRId64 " were wrong",
                        guess->count);
        tell(fleet, guess, SV_ALERT_CLEARED, message);
    }
    guess->count = 0;
}

sv_err sv_guess_load(sv_fleet *fleet, sv_guess *guess, sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(fleet->db,
                      "SELECT id FROM alert WHERE type = 'SECURITY' AND device = ?1 AND rule = ?2"
                      " AND state < 2",
                      &stmt, why));
    sv_stmt_bind_str(stmt, 1, fleet->config.id);
    sv_stmt_bind_str(stmt, 2, SV_GUESS_RULE);
    sv_err err = sv_stmt_next(stmt, why);
    if (err == SV_OK) {
        err = sv_text_copy(sv_stmt_text(stmt, 0), guess->alert, sizeof guess->alert);
    }
    sv_stmt_reset(stmt);
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}
