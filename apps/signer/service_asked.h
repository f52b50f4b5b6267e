// What tests ask a signer that has no socket, and what it answers.
#ifndef SV_SIGNER_SERVICE_ASKED_H
#define SV_SIGNER_SERVICE_ASKED_H

#include "service_fixture.h"

#include <base/test.h>
#include <string.h>

static fixture f;

static inline int make(void **state) {
    (void) state;
    return fixture_begin(&f) ? 0 : -1;
}

static inline int drop(void **state) {
    (void) state;
    fixture_end(&f);
    return 0;
}

static inline sv_signer_request asked(sv_signer_verb verb) {
    static uint64_t number;
    number++;
    return (sv_signer_request){ .head = { .magic = SV_SIGNER_MAGIC,
                                          .version = SV_SIGNER_VERSION,
                                          .verb = (uint16_t) verb,
                                          .number = number } };
}

/// The Ed25519 key of RFC 8032, test 1.
static inline sv_signer_request issue_of(const char *id, sv_role role) {
    static const uint8_t raw[32] = { 0xd7, 0x5a, 0x98, 0x01, 0x82, 0xb1, 0x0a, 0xb7,
                                     0xd5, 0x4b, 0xfe, 0xd3, 0xc9, 0x64, 0x07, 0x3a,
                                     0x0e, 0xe1, 0x72, 0xf3, 0xda, 0xa6, 0x23, 0x25,
                                     0xaf, 0x02, 0x1a, 0x68, 0xf7, 0x07, 0x51, 0x1a };
    sv_signer_request request = asked(SV_SIGNER_ISSUE);
    request.issue = (sv_issue){ .lifetime_s = 600, .role = role };
    request.issue.key = (sv_public_key){ .kind = SV_PUBLIC_ED25519, .bytes = 32 };
    memcpy(request.issue.key.raw, raw, sizeof raw);
    (void) snprintf(request.issue.id, sizeof request.issue.id, "%s", id);
    return request;
}

static inline sv_signer_answer answered(const sv_signer_request *request) {
    sv_signer_answer answer;
    assert_int_equal(service_answer(&f.service, &f.draft, request, 1, &answer, NULL), SV_OK);
    assert_true(answer.head.number == request->head.number);
    return answer;
}

static inline void refused(const sv_signer_request *request, sv_err err, const char *reason) {
    sv_signer_answer answer = answered(request);
    assert_int_equal(answer.err, err);
    assert_true(answer.bytes == 0 && answer.total == 0);
    if (strstr(answer.sentence, reason) == NULL) {
        fail_msg("'%s' does not say '%s'", answer.sentence, reason);
    }
}

/// A clock that goes on when `still_us` does.
static int64_t still_us = 60 * SV_TIME_SECOND_US;

static inline int64_t still(void) {
    return still_us;
}

#endif
