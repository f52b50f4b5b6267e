// The work of judging passwords, away from the loop: two threads, and a bounded number of jobs
// that wait for them. [people-7]
#ifndef SV_FLEET_PASSWORDS_H
#define SV_FLEET_PASSWORDS_H

#include <base/err.h>
#include <crypto/password.h>
#include <sys/loop.h>

enum {
    SV_PASSWORD_THREADS = 2,
    SV_PASSWORD_JOBS = 64,   ///< that wait or run
    SV_PASSWORD_RETRY_S = 5, ///< who comes when they are too many
};

typedef struct sv_passwords sv_passwords;

/// One password to judge, one to hash, or both: then the new one only if the old one fits.
typedef struct sv_password_job {
    bool check, make;
    char kept[SV_PASSWORD_HASH_ROOM]; ///< what is in the database; from sv_password_nobody for
                                      ///< who has none
    char given[SV_PASSWORD_MAX + 1];  ///< wiped when it has run
    size_t given_bytes;
    char wanted[SV_PASSWORD_MAX + 1]; ///< so
    size_t wanted_bytes;
    char made[SV_PASSWORD_HASH_ROOM]; ///< of what is wanted
    sv_err verdict;                   ///< SV_ERR_UNTRUSTED: another password
    sv_why why;
    void (*done)(struct sv_password_job *job); ///< on the loop's thread
} sv_password_job;

sv_err sv_passwords_open(sv_loop *loop, sv_passwords **out, sv_why *why);
/// Finishes what was accepted.
void sv_passwords_drop(sv_passwords **passwords);

/// `given` is cut at SV_PASSWORD_MAX + 1 bytes, which no password has.
void sv_password_give(char room[SV_PASSWORD_MAX + 1], size_t *bytes, sv_text password);

/// SV_ERR_NO_SPACE when too many wait; the job stays the caller's then.
sv_err sv_passwords_submit(sv_passwords *passwords, sv_password_job *job, sv_why *why);
/// How many have been judged: each costs the same.
uint64_t sv_passwords_judged(const sv_passwords *passwords);

#endif
