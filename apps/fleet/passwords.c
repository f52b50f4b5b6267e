#include "passwords.h"

#include <base/mem.h>
#include <stdlib.h>
#include <string.h>
#include <sys/worker.h>

struct sv_passwords {
    sv_worker *workers[SV_PASSWORD_THREADS];
    uint64_t judged;
};

sv_err sv_passwords_open(sv_loop *loop, sv_passwords **out, sv_why *why) {
    sv_passwords *passwords = sv_mem_new(sizeof *passwords);
    for (size_t i = 0; i < SV_PASSWORD_THREADS; i++) {
        sv_err err = sv_worker_open(loop, SV_PASSWORD_JOBS / SV_PASSWORD_THREADS,
                                    &passwords->workers[i], why);
        if (err != SV_OK) {
            sv_passwords_drop(&passwords);
            return err;
        }
    }
    *out = passwords;
    return SV_OK;
}

void sv_passwords_drop(sv_passwords **passwords) {
    sv_passwords *old = *passwords;
    if (old == NULL) {
        return;
    }
    for (size_t i = 0; i < SV_PASSWORD_THREADS; i++) {
        if (old->workers[i] != NULL) {
            sv_worker_drop(&old->workers[i]);
        }
    }
    free(old);
    *passwords = NULL;
}

void sv_password_give(char room[SV_PASSWORD_MAX + 1], size_t *bytes, sv_text password) {
    *bytes = password.len <= SV_PASSWORD_MAX ? password.len : SV_PASSWORD_MAX + 1;
    memcpy(room, password.len > 0 ? password.at : "", *bytes);
}

// On a worker's thread: the job is its own.
static void run(void *arg) {
    sv_password_job *job = arg;
    sv_text given = { .at = job->given, .len = job->given_bytes };
    sv_text wanted = { .at = job->wanted, .len = job->wanted_bytes };
    job->verdict = SV_OK;
    if (job->check) {
        job->verdict = sv_password_check(given, job->kept, &job->why);
    }
    if (job->make && job->verdict == SV_OK) {
        job->verdict = sv_password_hash(wanted, job->made, &job->why);
    }
    explicit_bzero(job->given, sizeof job->given);
    explicit_bzero(job->wanted, sizeof job->wanted);
}

static void done(void *arg) {
    sv_password_job *job = arg;
    job->done(job);
}

sv_err sv_passwords_submit(sv_passwords *passwords, sv_password_job *job, sv_why *why) {
    sv_worker *least = NULL;
    for (size_t i = 0; passwords != NULL && i < SV_PASSWORD_THREADS; i++) {
        sv_worker *worker = passwords->workers[i];
        if (least == NULL || sv_worker_waiting(worker) < sv_worker_waiting(least)) {
            least = worker;
        }
    }
    if (least == NULL || sv_worker_submit(least, run, done, job) != SV_OK) {
        return sv_fail(why, SV_ERR_NO_SPACE, "%d passwords wait to be judged; try again soon",
                       SV_PASSWORD_JOBS);
    }
    passwords->judged += job->check;
    return SV_OK;
}

uint64_t sv_passwords_judged(const sv_passwords *passwords) {
    return passwords != NULL ? passwords->judged : 0;
}
