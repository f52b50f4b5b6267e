// A signer without a socket over a fresh PKI folder, for tests and the fuzzer.
#ifndef SV_SIGNER_SERVICE_FIXTURE_H
#define SV_SIGNER_SERVICE_FIXTURE_H

#include "service.h"

#include <base/time.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/clock.h>

typedef struct fixture {
    char dir[32];
    signer_config config;
    signer_service service;
    crl_draft draft;
} fixture;

static inline bool fixture_begin(fixture *f) {
    *f = (fixture){ .dir = "/tmp/sv-service-XXXXXX",
                    .config = { .allow_uid = -1,
                                .socket_group = -1,
                                .lifetime_max_us = 100 * SV_TIME_DAY_US,
                                .crl_valid_us = SV_TIME_DAY_US,
                                .roles = 1U << SV_ROLE_DEVICE | 1U << SV_ROLE_GATEWAY } };
    if (mkdtemp(f->dir) == NULL) {
        return false;
    }
    (void) snprintf(f->config.pki, sizeof f->config.pki, "%s", f->dir);
    f->service = (signer_service){ .config = &f->config,
                                   .journal = JOURNAL_CLOSED,
                                   .now_us = sv_clock_wall_us };
    f->draft = crl_draft_new();
    return sv_pki_init(&(sv_pki_setup){ .dir = f->dir, .domain = "plant.example" }, NULL) == SV_OK
           && sv_authority_open(f->dir, NULL, &f->service.authority, NULL) == SV_OK
           && journal_open(f->dir, &f->service.journal, NULL) == SV_OK
           && director_open(f->dir, sv_clock_wall_us(), &f->service.director, NULL) == SV_OK;
}

static inline void fixture_end(fixture *f) {
    crl_draft_drop(&f->draft);
    journal_drop(&f->service.journal);
    director_drop(&f->service.director);
    sv_authority_drop(&f->service.authority);
    (void) sv_disk_remove_tree(f->dir, NULL);
}

#endif
