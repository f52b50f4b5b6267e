#include "guess.h"

#include "own_alert.h"

#include <crypto/random.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/log.h>

bool sv_guess_allows(const sv_fleet *fleet, const sv_guess *guess, const char *key) {
    return sv_throttle_allows(&guess->throttle, key, fleet->mono_us());
}

static void tell(sv_fleet *fleet, sv_guess *guess, sv_alert_event event, const char *message) {
    sv_why why = { 0 };
    bool told =
        sv_own_alert_tell(fleet, guess->alert, SV_GUESS_RULE, event, message, &why) == SV_OK;
    if (!told) {
        SV_LOG(error, "enrolment.unalerted", "%s", why.text);
    }
    if (!told || event == SV_ALERT_CLEARED) {
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
    return sv_own_alert_find(fleet, SV_GUESS_RULE, guess->alert, why);
}
