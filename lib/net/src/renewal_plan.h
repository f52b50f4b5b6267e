// When a certificate is renewed: the decision, without a clock, a network or a file of its own.
//
// A machine's clock may be wrong: as long as it lies within the certificate's time it is believed;
// where it says that the certificate has not begun or has ended, the server is asked for the time
// before anything is done, and once a server has told it, that time counts, carried on by the
// uptime. So a board that woke in 1970 or in 2099 does not renew in panic. [renewal-4]
#ifndef SV_NET_RENEWAL_PLAN_H
#define SV_NET_RENEWAL_PLAN_H

#include <base/time.h>
#include <crypto/identity.h>
#include <net/renewal.h>

typedef struct renewal_plan {
    sv_validity validity;
    double chance;     ///< in [0, 1): this certificate's place in the spread
    bool told;         ///< a server has said what time it is
    bool in_doubt;     ///< somebody refused the certificate: the server is asked for the time
    int64_t offset_us; ///< its clock minus our uptime
    unsigned failures; ///< in a row
} renewal_plan;

typedef enum renewal_need {
    RENEWAL_REST,
    RENEWAL_ASK_TIME, ///< the server's clock first
    RENEWAL_RENEW,
    RENEWAL_GRACE, ///< it has ended: the same key, while the server still takes it
} renewal_need;

/// As far as anybody knows.
int64_t renewal_now_us(const renewal_plan *plan, const sv_instant *now);
renewal_need renewal_what(const renewal_plan *plan, const sv_instant *now);
/// Two thirds of the lifetime, give or take SV_RENEWAL_SPREAD of it. [renewal-2]
int64_t renewal_due_us(const renewal_plan *plan);
/// How often the plan is looked at.
int64_t renewal_look_us(const renewal_plan *plan);
/// How long to wait after failure number `plan->failures`; `seldom`: nobody offers renewal there.
/// Half of it is chance. [renewal-5]
int64_t renewal_wait_us(const renewal_plan *plan, bool seldom, double chance);
/// `wait_us`, or what a server asked for (Retry-After) where that is longer; never more than a
/// twentieth of the lifetime for it. [renewal-5]
int64_t renewal_asked_us(const renewal_plan *plan, int64_t wait_us, int64_t asked_us);

#endif
