#include <base/belief.h>

#include <stdlib.h>

static int64_t later(int64_t left_us, int64_t right_us) {
    return left_us > right_us ? left_us : right_us;
}

/// The last signed moment, carried on.
static int64_t floor_at(const sv_belief *belief, int64_t uptime_us) {
    return belief->floor_us == 0 ? 0 : belief->floor_us + (uptime_us - belief->floor_at_us);
}

/// What time it should be by the uptime alone.
static int64_t expected(const sv_belief *belief, int64_t uptime_us) {
    return later(belief->believed_us + (uptime_us - belief->at_us), floor_at(belief, uptime_us));
}

static int64_t keep(sv_belief *belief, int64_t uptime_us, int64_t wall_us, int64_t believed_us) {
    belief->known = true;
    belief->believed_us = believed_us;
    belief->wall_us = wall_us;
    belief->at_us = uptime_us;
    return believed_us;
}

static int64_t believe(sv_belief *belief, int64_t uptime_us, int64_t wall_us) {
    belief->doubted = false;
    belief->carried_us = 0;
    return keep(belief, uptime_us, wall_us, later(wall_us, floor_at(belief, uptime_us)));
}

void sv_belief_resume(sv_belief *belief, int64_t uptime_us, int64_t believed_us,
                      int64_t signed_us) {
    int64_t last_us = later(believed_us, signed_us);
    if (last_us < SV_CLOCK_PAST_US) {
        *belief = (sv_belief){ 0 };
        return;
    }
    *belief = (sv_belief){ .resumed = true, .floor_us = signed_us, .floor_at_us = uptime_us };
    (void) keep(belief, uptime_us, last_us, last_us);
}

void sv_belief_carry(sv_belief *belief, int64_t doubted_us) {
    bool sane = belief->resumed && doubted_us > 0;
    belief->carried_us = !sane                             ? 0
                         : doubted_us < SV_BELIEF_DOUBT_US ? doubted_us
                                                           : SV_BELIEF_DOUBT_US;
}

int64_t sv_belief_now(sv_belief *belief, int64_t uptime_us, int64_t wall_us) {
    int64_t expected_us = expected(belief, uptime_us);
    int64_t most_us = belief->resumed ? SV_BELIEF_ABSENT_US : SV_BELIEF_LEAP_US;
    bool stays = belief->doubted && uptime_us - belief->doubted_at_us >= SV_BELIEF_DOUBT_US;
    if (!belief->known || expected_us < SV_CLOCK_PAST_US) {
        return believe(belief, uptime_us, wall_us);
    }
    if (wall_us < SV_CLOCK_PAST_US && expected_us >= SV_CLOCK_PAST_US) {
        return keep(belief, uptime_us, wall_us, expected_us); // it woke in 1970
    }
    belief->resumed = false;
    if (stays || wall_us - expected_us <= most_us) {
        return believe(belief, uptime_us, wall_us);
    }
    if (!belief->doubted) {
        belief->doubted = true;
        belief->doubted_at_us = uptime_us - belief->carried_us;
    }
    return keep(belief, uptime_us, wall_us, expected_us);
}

int64_t sv_belief_doubted_us(const sv_belief *belief) {
    return belief->doubted ? belief->at_us - belief->doubted_at_us : belief->carried_us;
}

void sv_belief_signed(sv_belief *belief, int64_t signed_us) {
    if (belief->doubted && llabs(belief->wall_us - signed_us) <= SV_BELIEF_LEAP_US) {
        (void) believe(belief, belief->at_us, belief->wall_us);
    } else if (belief->doubted) {
        belief->doubted_at_us = belief->at_us;
    }
    bool lost = belief->believed_us < SV_CLOCK_PAST_US;
    bool ahead = !lost && signed_us - belief->believed_us > SV_BELIEF_LEAP_US;
    if (!ahead && signed_us > floor_at(belief, belief->at_us)) {
        belief->floor_us = signed_us;
        belief->floor_at_us = belief->at_us;
        belief->believed_us = later(belief->believed_us, signed_us);
    }
}
