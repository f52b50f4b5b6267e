#include "service_asked.h"

#include <crypto/audit.h>
#include <crypto/standing.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct search {
    const char *id;
    int count;
} search;

static void look(void *arg, const sv_pki_record *record) {
    search *s = arg;
    s->count += strcmp(record->id, s->id) == 0;
}

/// How often the folder's list names `id`.
static int recorded(const char *id) {
    search s = { .id = id };
    assert_int_equal(sv_pki_list(f.dir, look, &s, NULL), SV_OK);
    return s.count;
}

// [signer-3]
static void what_is_made_stands_in_the_folders_list_before_it_is_answered(void **state) {
    (void) state;
    sv_signer_request window[3] = { issue_of("press-1", SV_ROLE_DEVICE),
                                    issue_of("ca", SV_ROLE_DEVICE),
                                    issue_of("gw-1", SV_ROLE_GATEWAY) };
    sv_signer_answer answers[3];
    assert_int_equal(service_answer(&f.service, &f.draft, window, 3, answers, NULL), SV_OK);
    assert_int_equal(answers[0].err, SV_OK);
    assert_true(answers[0].bytes > 200 && answers[0].data[0] == 0x30);
    assert_int_equal(answers[1].err, SV_ERR_INVALID);
    assert_int_equal(answers[2].err, SV_OK);
    assert_int_equal(recorded("press-1"), 1);
    assert_int_equal(recorded("gw-1"), 1);
    assert_int_equal(recorded("ca"), 0);
    // One role for good, whoever issues.
    sv_why why = { 0 };
    const sv_pki_leaf leaf = { .id = "PRESS-1", .role = SV_ROLE_GATEWAY, .out = f.dir };
    assert_int_equal(sv_pki_issue(f.dir, &leaf, &why), SV_ERR_INVALID);
    assert_non_null(strstr(why.text, "is a device already"));
}

typedef struct tally {
    int count;
    char last[SV_ID_ROOM];
} tally;

static void add(void *arg, const sv_pki_record *record) {
    tally *t = arg;
    t->count++;
    (void) snprintf(t->last, sizeof t->last, "%s", record->id);
}

// [signer-3]
static void whoever_follows_the_journal_reads_what_is_new_alone(void **state) {
    (void) state;
    int64_t from = 0;
    tally all = { 0 }, fresh = { 0 }, none = { 0 };
    assert_int_equal(sv_pki_list_from(f.dir, &from, add, &all, NULL), SV_OK);
    assert_true(all.count >= 2 && from > 0);
    const sv_signer_request request = issue_of("press-20", SV_ROLE_DEVICE);
    assert_int_equal(answered(&request).err, SV_OK);
    assert_int_equal(sv_pki_list_from(f.dir, &from, add, &fresh, NULL), SV_OK);
    assert_int_equal(fresh.count, 1);
    assert_string_equal(fresh.last, "press-20");
    // A line that is being written is not there yet.
    char path[64];
    (void) snprintf(path, sizeof path, "%s/signer/journal.ndjson", f.dir);
    const int64_t before = from;
    assert_int_equal(sv_disk_append(path, SV_TEXT("{\"id\":\"press-2"), 0644, NULL), SV_OK);
    assert_int_equal(sv_pki_list_from(f.dir, &from, add, &none, NULL), SV_OK);
    assert_true(none.count == 0 && from == before);
    assert_int_equal(truncate(path, before), 0);
}

// [signer-4]
static void the_signer_has_a_policy_of_its_own(void **state) {
    (void) state;
    sv_signer_request request = issue_of("fleet", SV_ROLE_SERVER);
    refused(&request, SV_ERR_UNTRUSTED, "no certificates for a server");
    request = issue_of("viewer", SV_ROLE_APP);
    refused(&request, SV_ERR_UNTRUSTED, "no certificates for a app");
    request = issue_of("press-2", SV_ROLE_DEVICE);
    request.issue.lifetime_s = 100 * INT64_C(86400) + 1;
    refused(&request, SV_ERR_UNTRUSTED, "lifetime_max");
    request.issue.lifetime_s = 100 * INT64_C(86400);
    request.issue.role = UINT32_MAX;
    refused(&request, SV_ERR_INVALID, "no role");
    request = issue_of("a/b", SV_ROLE_DEVICE);
    refused(&request, SV_ERR_INVALID, "a/b");
    request = issue_of("press-2", SV_ROLE_DEVICE);
    request.issue.key.raw[31] = 0xFF;
    memset(request.issue.key.raw, 0xFF, 31);
    refused(&request, SV_ERR_INVALID, "anybody can sign");
    request = asked((sv_signer_verb) 99);
    refused(&request, SV_ERR_INVALID, "99 is nothing");
    assert_int_equal(recorded("press-2"), 0);
}

static int64_t in_1970(void) {
    return 60 * SV_TIME_SECOND_US;
}

// [signer-4]
static void nothing_is_issued_by_a_clock_that_is_before_the_issuing_certificate(void **state) {
    (void) state;
    f.service.now_us = in_1970;
    const sv_signer_request request = issue_of("press-3", SV_ROLE_DEVICE);
    refused(&request, SV_ERR_STATE, "this clock is before");
    f.service.now_us = sv_clock_wall_us;
    assert_int_equal(recorded("press-3"), 0);
}

// [signer-3]
static void on_a_full_disk_nothing_is_issued_and_no_half_line_stays(void **state) {
    (void) state;
    char path[64];
    (void) snprintf(path, sizeof path, "%s/signer/journal.ndjson", f.dir);
    struct stat before, after;
    assert_int_equal(stat(path, &before), 0);
    struct rlimit whole;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &whole), 0);
    const struct rlimit tight = { .rlim_cur = (rlim_t) before.st_size + 10,
                                  .rlim_max = whole.rlim_max };
    (void) signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &tight), 0);
    const sv_signer_request request = issue_of("press-4", SV_ROLE_DEVICE);
    sv_signer_answer answer = answered(&request);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &whole), 0);
    assert_int_equal(answer.err, SV_ERR_IO);
    assert_non_null(strstr(answer.sentence, "nothing is issued that is not recorded"));
    assert_true(answer.bytes == 0 && answer.data[0] == 0);
    assert_int_equal(stat(path, &after), 0);
    assert_true(after.st_size == before.st_size);
    assert_int_equal(recorded("press-4"), 0);
    answer = answered(&request);
    assert_int_equal(answer.err, SV_OK);
    assert_int_equal(recorded("press-4"), 1);
}

// [signer-3]
static void a_line_that_a_power_cut_left_half_written_is_cut_off(void **state) {
    (void) state;
    char path[64];
    (void) snprintf(path, sizeof path, "%s/signer/journal.ndjson", f.dir);
    signer_journal second = JOURNAL_CLOSED;
    sv_why why = { 0 };
    assert_int_equal(journal_open(f.dir, &second, &why), SV_ERR_STATE);
    assert_non_null(strstr(why.text, "another signer"));
    journal_drop(&f.service.journal);
    struct stat before, after;
    assert_int_equal(stat(path, &before), 0);
    assert_int_equal(sv_disk_append(path, SV_TEXT("{\"id\":\"half"), 0644, NULL), SV_OK);
    assert_int_equal(journal_open(f.dir, &f.service.journal, NULL), SV_OK);
    assert_int_equal(stat(path, &after), 0);
    assert_true(after.st_size == before.st_size);
    assert_int_equal(recorded("press-1"), 1);
}

// [signer-6]
static void the_signature_of_a_head_is_the_issuing_keys(void **state) {
    (void) state;
    sv_signer_request request = asked(SV_SIGNER_STANDING);
    request.standing.version = 7;
    request.standing.at_us = sv_clock_wall_us();
    memset(request.standing.hash, 0xAB, sizeof request.standing.hash);
    sv_signer_answer answer = answered(&request);
    assert_int_equal(answer.err, SV_OK);
    sv_standing_head head = { .version = 7,
                              .at_us = request.standing.at_us,
                              .signature_bytes = answer.bytes };
    memset(head.hash, 0xAB, sizeof head.hash);
    memcpy(head.signature, answer.data, answer.bytes);

    const sv_pki_leaf leaf = { .id = "reader", .role = SV_ROLE_GATEWAY, .out = f.dir };
    assert_int_equal(sv_pki_issue(f.dir, &leaf, NULL), SV_OK);
    char ca[64], own[64];
    (void) snprintf(ca, sizeof ca, "%s/ca.crt", f.dir);
    (void) snprintf(own, sizeof own, "%s/reader.crt", f.dir);
    sv_standing_trust *trust = NULL;
    assert_int_equal(sv_standing_trust_open(ca, own, &trust, NULL), SV_OK);
    assert_int_equal(sv_standing_verify(trust, &head, request.standing.at_us, NULL), SV_OK);
    head.version = 8;
    assert_int_equal(sv_standing_verify(trust, &head, request.standing.at_us, NULL),
                     SV_ERR_UNTRUSTED);
    sv_standing_trust_drop(&trust);
    request.standing.version = -1;
    refused(&request, SV_ERR_INVALID, "version -1");
}

// [signer-7]
static void a_revocation_list_is_made_in_parts_and_its_number_rises(void **state) {
    (void) state;
    sv_signer_request records = asked(SV_SIGNER_CRL_RECORDS), end = asked(SV_SIGNER_CRL_END);
    refused(&records, SV_ERR_STATE, "before the list was begun");
    refused(&end, SV_ERR_STATE, "before it was begun");
    uint64_t last = 0;
    for (int round = 0; round < 2; round++) {
        sv_signer_request begin = asked(SV_SIGNER_CRL_BEGIN);
        assert_int_equal(answered(&begin).err, SV_OK);
        records.records.count = SV_SIGNER_RECORDS_MAX;
        for (int i = 0; i < SV_SIGNER_RECORDS_MAX; i++) {
            records.records.at[i] = (sv_signer_record){ .revoked_at_s = 1800000000, .bytes = 16 };
            memset(records.records.at[i].serial, 0x41 + i % 32, 16);
        }
        assert_int_equal(answered(&records).err, SV_OK);
        records.records.at[3].bytes = 21;
        refused(&records, SV_ERR_INVALID, "serial number");
        records.records.count = UINT64_MAX;
        refused(&records, SV_ERR_INVALID, "at most 200");
        sv_signer_answer part = answered(&end);
        assert_int_equal(part.err, SV_OK);
        size_t have = part.bytes;
        assert_true(part.total > (uint64_t) SV_SIGNER_RECORDS_MAX * 35);
        while (have < part.total) {
            sv_signer_request more = asked(SV_SIGNER_CRL_PART);
            more.offset = have;
            part = answered(&more);
            assert_int_equal(part.err, SV_OK);
            assert_true(part.bytes > 0);
            have += part.bytes;
        }
        sv_signer_request beyond = asked(SV_SIGNER_CRL_PART);
        beyond.offset = part.total;
        refused(&beyond, SV_ERR_INVALID, "none at");
        uint64_t number = 0;
        assert_int_equal(journal_next_crl(&f.service.journal, 0, &number, NULL), SV_OK);
        assert_true(number > last + 1);
        last = number;
    }
}

static sv_signer_request audit_of(int64_t first, int64_t last) {
    sv_signer_request request = asked(SV_SIGNER_AUDIT);
    request.audit = (sv_signer_statement){
        .first = first, .last = last, .at_us = sv_clock_wall_us(), .prev = { 1 }, .hash = { 2 }
    };
    return request;
}

static sv_audit_seal seal_of(const sv_signer_answer *answer, int64_t at_us) {
    sv_text signature = { (const char *) answer->data, answer->bytes };
    sv_text domain = sv_text_cut(&signature, '\n');
    sv_audit_seal seal = { .at_us = at_us, .signature_bytes = signature.len };
    assert_true(sv_text_is(domain, "plant.example"));
    assert_true(signature.len > 0 && signature.len <= sizeof seal.signature);
    memcpy(seal.domain, "plant.example", sizeof "plant.example");
    memcpy(seal.signature, signature.at, signature.len);
    return seal;
}

// [signer-11] [audit-7]
static void the_audit_log_is_vouched_for_and_the_last_checkpoint_is_kept_here_too(void **state) {
    (void) state;
    char path[SV_PATH_MAX];
    SV_DEFER(sv_audit_trust_drop) sv_audit_trust *trust = NULL;
    assert_int_equal(sv_disk_join(path, sizeof path, f.dir, "ca.crt"), SV_OK);
    assert_int_equal(sv_audit_trust_open(path, &trust, NULL), SV_OK);
    sv_signer_request request = audit_of(0, 7);
    sv_signer_answer answer = answered(&request);
    assert_int_equal(answer.err, SV_OK);
    sv_audit_checkpoint checkpoint = { .seq = 7,
                                       .hash = { 2 },
                                       .seal = seal_of(&answer, request.audit.at_us) };
    assert_int_equal(sv_audit_checkpoint_verify(trust, &checkpoint, NULL), SV_OK);
    SV_DEFER(sv_textbuf_drop) sv_textbuf kept = SV_TEXTBUF_HEAP(4096);
    SV_DEFER(sv_json_drop) sv_json *root = NULL;
    sv_audit_record record;
    assert_int_equal(sv_disk_read(f.service.journal.checkpoint, &kept, NULL), SV_OK);
    assert_int_equal(
        sv_audit_record_parse(sv_text_trim(sv_textbuf_text(&kept)), &root, &record, NULL), SV_OK);
    assert_int_equal(record.checkpoint.seq, 7);

    request = audit_of(3, 7);
    answer = answered(&request);
    sv_audit_gap gap = { .first = 3,
                         .last = 7,
                         .prev = { 1 },
                         .hash = { 2 },
                         .seal = seal_of(&answer, request.audit.at_us) };
    assert_int_equal(sv_audit_gap_verify(trust, &gap, NULL), SV_OK);
    // The one is not the other.
    checkpoint.seal = gap.seal;
    assert_int_equal(sv_audit_checkpoint_verify(trust, &checkpoint, NULL), SV_ERR_UNTRUSTED);
    request = audit_of(8, 7);
    refused(&request, SV_ERR_INVALID, "lines 8 to 7");
    request = audit_of(0, 0);
    refused(&request, SV_ERR_INVALID, "are none");
}

// [signer-11]
static void who_asks_about_the_audit_log_all_the_time_has_to_wait(void **state) {
    (void) state;
    int64_t (*clock)(void) = f.service.now_us;
    f.service.now_us = still;
    sv_signer_request request;
    for (int i = 0; i < AUDIT_A_MINUTE; i++) {
        request = audit_of(0, i + 1);
        assert_int_equal(answered(&request).err, SV_OK);
    }
    request = audit_of(0, AUDIT_A_MINUTE + 1);
    refused(&request, SV_ERR_UNAVAILABLE, "ask again in the next");
    still_us += SV_TIME_MINUTE_US;
    request = audit_of(0, AUDIT_A_MINUTE + 1);
    assert_int_equal(answered(&request).err, SV_OK);
    f.service.now_us = clock;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_audit_log_is_vouched_for_and_the_last_checkpoint_is_kept_here_too),
        cmocka_unit_test(who_asks_about_the_audit_log_all_the_time_has_to_wait),
        cmocka_unit_test(what_is_made_stands_in_the_folders_list_before_it_is_answered),
        cmocka_unit_test(whoever_follows_the_journal_reads_what_is_new_alone),
        cmocka_unit_test(the_signer_has_a_policy_of_its_own),
        cmocka_unit_test(nothing_is_issued_by_a_clock_that_is_before_the_issuing_certificate),
        cmocka_unit_test(on_a_full_disk_nothing_is_issued_and_no_half_line_stays),
        cmocka_unit_test(a_line_that_a_power_cut_left_half_written_is_cut_off),
        cmocka_unit_test(the_signature_of_a_head_is_the_issuing_keys),
        cmocka_unit_test(a_revocation_list_is_made_in_parts_and_its_number_rises),
    };
    return cmocka_run_group_tests(tests, make, drop);
}
