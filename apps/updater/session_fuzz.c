// A device's life as the input says: checks whose wants are answered in any way, verdicts, starts,
// ways back, disks that fail. Whatever happened, something good starts, and nothing that was not
// signed.
#include "session_fixture.h"

#include <sys/log.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct script {
    const uint8_t *at;
    size_t left;
} script;

static uint8_t next(script *s) {
    if (s->left == 0) {
        return 0;
    }
    s->left--;
    return *s->at++;
}

/// One byte says how the next want is answered; 0 to 199: as it should be.
static bool answer_somehow(void *arg, fixture *f, sv_updater_message *out, sv_err *err) {
    static char room[SV_UPDATER_PIECE_MAX];
    script *s = arg;
    uint8_t how = next(s);
    sv_text all = fixture_wanted(f);
    size_t left = all.len - (size_t) f->given;
    size_t take = left < sizeof room ? left : sizeof room;
    if (how < 200) {
        return false;
    }
    if (how < 210) {
        *err = how < 205 ? SV_ERR_UNAVAILABLE : SV_ERR_INVALID;
        return true;
    }
    if (how < 220) { // whatever packet the input has
        size_t len = next(s);
        len = len < s->left ? len : s->left;
        sv_err read = sv_updater_read(s->at, len, out, NULL);
        s->at += len;
        s->left -= len;
        if (read != SV_OK) {
            *err = SV_ERR_INVALID;
        }
        return true;
    }
    if (all.at != NULL && take > 0) {
        memcpy(room, all.at + f->given, take);
        room[((size_t) next(s) << 8 | next(s)) % take] ^= (char) next(s);
    }
    out->verb = how < 225 ? SV_UPDATER_ABSENT : SV_UPDATER_GIVE;
    if (out->verb == SV_UPDATER_GIVE) {
        size_t len = how < 240 ? take : take * next(s) / 255;
        out->give = (sv_updater_give){ .offset = f->given, .last = len == left || how > 250 };
        out->give.bytes = (sv_text){ .at = room, .len = len };
        f->given += len;
    }
    return true;
}

static void act(fixture *f, script *s) {
    sv_updater_message asked = { .number = 1 };
    sv_updater_message answer;
    uint8_t what = next(s);
    switch (what % 8) {
    case 0:
    case 1:
        asked.verb = SV_UPDATER_CHECK;
        asked.check.hold = what >= 128;
        break;
    case 2:
        asked.verb = SV_UPDATER_HEALTH;
        asked.health.healthy = what >= 64;
        break;
    case 3:
        asked.verb = SV_UPDATER_ROLLBACK;
        break;
    case 4:
        asked.verb = SV_UPDATER_FORGIVE;
        memcpy(asked.forgive, f->door->targets[what >= 128].digest, sizeof asked.forgive);
        break;
    case 5:
        fixture_start(f);
        return;
    case 6:
        f->state.calls = 0;
        f->state.fail_at = next(s);
        f->slots.calls = 0;
        f->slots.fail_at = next(s);
        return;
    default:
        asked.verb = SV_UPDATER_DELIVERED;
        asked.delivered = what;
        break;
    }
    fixture_do(f, &asked, &answer);
    f->state.fail_at = 0;
    f->slots.fail_at = 0;
    if (answer.verb == SV_UPDATER_REBOOT) {
        fixture_start(f);
    } else if (answer.verb == SV_UPDATER_REFUSED && answer.refused.why[0] == '\0') {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static fixture f;
    if (door.key == NULL) {
        sv_log_open("fuzz", SV_LOG_error);
        fixture_door_make(&door);
    }
    script s = { .at = data, .left = size };
    fixture_begin(&f, &door);
    f.instead = answer_somehow;
    f.instead_arg = &s;
    for (int i = 0; i < 16 && s.left > 0; i++) {
        act(&f, &s);
        fixture_holds(&f);
    }
    fixture_end(&f);
    return 0;
}
