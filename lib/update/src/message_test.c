#include <base/test.h>
#include <update/message.h>

enum { MESSAGES_MAX = 20 };

static sv_updater_message a_status(void) {
    sv_updater_message message = { .verb = SV_UPDATER_STATUS, .number = 7 };
    sv_updater_status *status = &message.status;
    *status = (sv_updater_status){ .id = "press-17",
                                   .product = "lathe-ctl",
                                   .hardware = "rev-b",
                                   .slot_class = "rootfs",
                                   .running = 1,
                                   .boot = { SV_BOOT_SLOT_TRIAL, SV_BOOT_SLOT_CONFIRMED },
                                   .counter = 6,
                                   .runs = { .known = true,
                                             .counter = 6,
                                             .image_bytes = 100000,
                                             .digest = { 1, 2 },
                                             .product = "lathe-ctl",
                                             .version = "2.0.0" },
                                   .state = SV_TRIAL_INSTALLED,
                                   .next = SV_TRIAL_REBOOT,
                                   .action = 70002,
                                   .update = { .known = true, .version = "2.1.0" },
                                   .encoding = "zstd",
                                   .written = 65536,
                                   .why = "because",
                                   .busy = true,
                                   .start = 3,
                                   .start_ms = 1234,
                                   .health_ms = 600000,
                                   .report_count = SV_JOURNAL_REPORTS_MAX,
                                   .bad_count = SV_JOURNAL_BAD_MAX };
    for (size_t i = 0; i < SV_JOURNAL_REPORTS_MAX; i++) {
        status->reports[i] = (sv_journal_report){ .number = i + 1,
                                                  .state = SV_TRIAL_ROLLED_BACK,
                                                  .action = 70000,
                                                  .version = "2.0.1",
                                                  .why = "the script says no" };
        status->bad[i][0] = (uint8_t) i;
    }
    return message;
}

static const uint8_t *two_entries(void) {
    static uint8_t bytes[2 * SV_HISTORY_ENTRY_BYTES];
    const sv_history_entry entry = { .at_us = 5,
                                     .report = { .number = 3, .version = "2.0.0", .why = "no" } };
    sv_history_entry_write(&entry, bytes);
    sv_history_entry_write(&entry, bytes + SV_HISTORY_ENTRY_BYTES);
    return bytes;
}

static const char DIGEST[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// One of each verb.
static size_t all(sv_updater_message out[MESSAGES_MAX]) {
    const sv_updater_message messages[] = {
        { .verb = SV_UPDATER_ASK, .number = 1 },
        { .verb = SV_UPDATER_CHECK, .number = 2, .check = { 5, true, 70001 } },
        { .verb = SV_UPDATER_GIVE, .give = { .offset = 65536, .bytes = SV_TEXT("abc") } },
        { .verb = SV_UPDATER_ABSENT, .number = UINT64_MAX },
        { .verb = SV_UPDATER_FAILED, .failed = { .err = SV_ERR_UNAVAILABLE, .why = "no route" } },
        { .verb = SV_UPDATER_HEALTH, .health = { .why = "cpu is hot" } },
        { .verb = SV_UPDATER_DELIVERED, .delivered = 12 },
        { .verb = SV_UPDATER_ROLLBACK },
        { .verb = SV_UPDATER_FORGIVE, .forgive = { 1, 2, 3 } },
        { .verb = SV_UPDATER_WITHDRAW },
        { .verb = SV_UPDATER_HISTORY },
        { .verb = SV_UPDATER_ENTRIES, .entries = { 2, two_entries() } },
        a_status(),
        { .verb = SV_UPDATER_WANT, .want = { .kind = SV_UPDATER_INDEX, .bytes = 9, .path = "/a" } },
        { .verb = SV_UPDATER_PROGRESS, .progress = { .bytes = 1, .of = 2, .encoding = "raw" } },
        { .verb = SV_UPDATER_IDLE, .idle = SV_UPDATER_HELD },
        { .verb = SV_UPDATER_REBOOT },
        { .verb = SV_UPDATER_REFUSED, .refused = { .err = SV_ERR_STATE, .why = "not now" } },
    };
    memcpy(out, messages, sizeof messages);
    return SV_COUNT(messages);
}

static void a_packet_reads_back_as_it_was_written(void **state) { // [updater-1]
    (void) state;
    static uint8_t packet[SV_UPDATER_PACKET_MAX];
    static uint8_t again[SV_UPDATER_PACKET_MAX];
    sv_updater_message messages[MESSAGES_MAX];
    size_t count = all(messages);
    for (size_t i = 0; i < count; i++) {
        sv_updater_message read;
        sv_why why = { 0 };
        size_t bytes = sv_updater_write(&messages[i], packet);
        assert_int_equal(sv_updater_read(packet, bytes, &read, &why), SV_OK);
        assert_int_equal(read.verb, messages[i].verb);
        assert_int_equal(read.number, messages[i].number);
        assert_int_equal(sv_updater_write(&read, again), bytes);
        assert_memory_equal(packet, again, bytes);
        assert_string_not_equal(sv_updater_verb_name(read.verb), "unknown");
        assert_int_equal(sv_updater_verb_is_agents(read.verb), read.verb < SV_UPDATER_STATUS);
    }
    sv_updater_message read;
    const sv_updater_message status = a_status();
    assert_int_equal(sv_updater_read(packet, sv_updater_write(&status, packet), &read, NULL),
                     SV_OK);
    assert_string_equal(read.status.reports[7].why, "the script says no");
    assert_int_equal(read.status.bad[7][0], 7);
    assert_int_equal(read.status.health_ms, 600000);
    assert_int_equal(read.status.start, 3);
    assert_int_equal(read.status.start_ms, 1234);
    assert_int_equal(read.status.action, 70002);
    assert_int_equal(read.status.reports[7].action, 70000);
    assert_int_equal(sv_updater_read(packet, sv_updater_write(&messages[1], packet), &read, NULL),
                     SV_OK);
    assert_int_equal(read.check.action, 70001);
}

static void a_packet_that_is_longer_or_shorter_is_refused(void **state) { // [updater-1]
    (void) state;
    static uint8_t packet[SV_UPDATER_PACKET_MAX + 1];
    sv_updater_message messages[MESSAGES_MAX];
    size_t count = all(messages);
    for (size_t i = 0; i < count; i++) {
        sv_updater_message read;
        size_t bytes = sv_updater_write(&messages[i], packet);
        assert_int_equal(sv_updater_read(packet, bytes + 1, &read, NULL), SV_ERR_INVALID);
        for (size_t cut = 0; cut < bytes; cut++) {
            assert_int_equal(sv_updater_read(packet, cut, &read, NULL), SV_ERR_INVALID);
        }
        // Cut, and says so: the shape itself is too short.
        for (size_t cut = SV_UPDATER_HEAD_BYTES; cut < bytes; cut++) {
            uint32_t announced = (uint32_t) (cut - SV_UPDATER_HEAD_BYTES);
            sv_updater_write(&messages[i], packet);
            memcpy(packet + 16, &announced, sizeof announced);
            assert_int_equal(sv_updater_read(packet, cut, &read, NULL), SV_ERR_INVALID);
        }
    }
}

static void what_no_packet_says_is_refused(void **state) { // [updater-1]
    (void) state;
    const size_t body = SV_UPDATER_HEAD_BYTES;
    const struct {
        const char *what;
        uint8_t verb;
        size_t at;
        uint8_t value;
    } cases[] = {
        { "another magic number", SV_UPDATER_ASK, 0, 's' },
        { "another format", SV_UPDATER_ASK, 4, 2 },
        { "a verb that is none", SV_UPDATER_ASK, 5, 0 },
        { "a verb behind the last", SV_UPDATER_ASK, 5, SV_UPDATER_HISTORY + 1 },
        { "a verb behind the updater's last", SV_UPDATER_ASK, 5, SV_UPDATER_ENTRIES + 1 },
        { "bytes that are not used", SV_UPDATER_ASK, 6, 1 },
        { "a time before 1970", SV_UPDATER_CHECK, body + 7, 0x80 },
        { "a yes that is none", SV_UPDATER_CHECK, body + 8, 2 },
        { "a piece beyond 2^63", SV_UPDATER_GIVE, body + 7, 0x80 },
        { "a refusal without an error", SV_UPDATER_REFUSED, body, 0 },
        { "an error that is none", SV_UPDATER_REFUSED, body, SV_ERR__COUNT },
        { "a line feed in a sentence", SV_UPDATER_REFUSED, body + 3, '\n' },
        { "a reason that is none", SV_UPDATER_IDLE, body, SV_UPDATER_IDLE__COUNT },
        { "a kind that is none", SV_UPDATER_WANT, body, SV_UPDATER_WANT_KIND__COUNT },
        { "more entries than a history has", SV_UPDATER_ENTRIES, body, 200 },
        { "an entry in a state that is none", SV_UPDATER_ENTRIES, body + 2 + 24, 200 },
        { "a text longer than its room", SV_UPDATER_STATUS, body + 1, 1 },
    };
    static uint8_t packet[SV_UPDATER_PACKET_MAX];
    sv_updater_message messages[MESSAGES_MAX];
    size_t count = all(messages);
    for (size_t i = 0; i < SV_COUNT(cases); i++) {
        for (size_t k = 0; k < count; k++) {
            if (messages[k].verb != cases[i].verb) {
                continue;
            }
            sv_updater_message read = { .number = 99 };
            sv_why why = { 0 };
            size_t bytes = sv_updater_write(&messages[k], packet);
            packet[cases[i].at] = cases[i].value;
            if (sv_updater_read(packet, bytes, &read, &why) != SV_ERR_INVALID
                || why.text[0] == '\0') {
                fail_msg("taken: %s", cases[i].what);
            }
            assert_int_equal(read.number, 99);
        }
    }
}

static void a_piece_is_bounded_and_not_empty_unless_it_is_the_last(void **state) { // [updater-1]
    (void) state;
    static uint8_t packet[SV_UPDATER_PACKET_MAX];
    static char bytes[SV_UPDATER_PIECE_MAX];
    sv_updater_message read;
    sv_updater_message give = { .verb = SV_UPDATER_GIVE,
                                .give = { .bytes = { .at = bytes, .len = sizeof bytes } } };
    size_t len = sv_updater_write(&give, packet);
    assert_int_equal(sv_updater_read(packet, len, &read, NULL), SV_OK);
    assert_int_equal(read.give.bytes.len, sizeof bytes);
    give.give.bytes.len = 0;
    len = sv_updater_write(&give, packet);
    assert_int_equal(sv_updater_read(packet, len, &read, NULL), SV_ERR_INVALID);
    give.give.last = true;
    len = sv_updater_write(&give, packet);
    assert_int_equal(sv_updater_read(packet, len, &read, NULL), SV_OK);
}

static void texts_go_out_printable(void **state) { // [updater-1]
    (void) state;
    static uint8_t packet[SV_UPDATER_PACKET_MAX];
    sv_updater_message read;
    const sv_updater_message message = { .verb = SV_UPDATER_HEALTH,
                                         .health = { .why = "a\n\x1b[31mb\xc3\xa4" } };
    size_t bytes = sv_updater_write(&message, packet);
    assert_int_equal(sv_updater_read(packet, bytes, &read, NULL), SV_OK);
    assert_string_equal(read.health.why, "a??[31mb??");
}

// ---- what the updater may want ------------------------------------------------------------------

typedef struct wanted {
    const char *what;
    sv_updater_want_kind kind;
    uint64_t offset, bytes;
    const char *path; ///< a '#' stands for a digest
} wanted;

static sv_err judge(const wanted *w) {
    sv_updater_want want = { .kind = (uint8_t) w->kind, .offset = w->offset, .bytes = w->bytes };
    sv_textbuf path = SV_TEXTBUF(want.path);
    for (const char *c = w->path; *c != '\0'; c++) {
        if (*c == '#') {
            sv_textbuf_add_str(&path, DIGEST);
        } else {
            sv_textbuf_add_char(&path, *c);
        }
    }
    assert_int_equal(sv_textbuf_end(&path), SV_OK);
    return sv_updater_want_check(&want, SV_TEXT("press-17"), NULL);
}

static void the_updater_wants_metadata_artifacts_and_its_keys(void **state) { // [updater-5]
    (void) state;
    const wanted good[] = {
        { "", SV_UPDATER_METADATA, 0, 5242880, "/tuf/image/metadata/timestamp.json" },
        { "", SV_UPDATER_METADATA, 0, 1, "/tuf/image/metadata/7.bin-3f.json" },
        { "", SV_UPDATER_METADATA, 0, 9, "/tuf/image/metadata/7.a%2Fb.json" },
        { "", SV_UPDATER_METADATA, 0, 9, "/tuf/director/press-17/metadata/2.root.json" },
        { "", SV_UPDATER_INDEX, 0, 52, "/artifacts/#/raw.index" },
        { "", SV_UPDATER_INDEX, 0, 52, "/artifacts/#/delta-#.index" },
        { "", SV_UPDATER_KEY, 0, 32, "/tuf/director/press-17/key/#.cms" },
        { "", SV_UPDATER_CHUNKS, 65536, 4194304, "/artifacts/#/zstd" },
        { "", SV_UPDATER_CHUNKS, 0, 1, "/artifacts/#/delta-#" },
    };
    for (size_t i = 0; i < SV_COUNT(good); i++) {
        if (judge(&good[i]) != SV_OK) {
            fail_msg("refused: %s", good[i].path);
        }
    }
}

static void the_updater_gets_nothing_else_fetched(void **state) { // [updater-5]
    (void) state;
    const wanted bad[] = {
        { "another device's", SV_UPDATER_METADATA, 0, 9, "/tuf/director/press-18/metadata/a.json" },
        { "a longer id", SV_UPDATER_METADATA, 0, 9, "/tuf/director/press-171/metadata/a.json" },
        { "another folder", SV_UPDATER_METADATA, 0, 9, "/tuf/image/metadata/a/b.json" },
        { "a folder up", SV_UPDATER_METADATA, 0, 9, "/tuf/image/metadata/../x.json" },
        { "a hidden name", SV_UPDATER_METADATA, 0, 9, "/tuf/image/metadata/.json" },
        { "no metadata", SV_UPDATER_METADATA, 0, 9, "/tuf/image/metadata/key" },
        { "a query", SV_UPDATER_METADATA, 0, 9, "/tuf/image/metadata/a.json?x=.json" },
        { "the id alone", SV_UPDATER_METADATA, 0, 9, "/tuf/director/press-17" },
        { "too much", SV_UPDATER_METADATA, 0, 5242881, "/tuf/image/metadata/a.json" },
        { "nothing of it", SV_UPDATER_METADATA, 0, 0, "/tuf/image/metadata/a.json" },
        { "a part of metadata", SV_UPDATER_METADATA, 1, 9, "/tuf/image/metadata/a.json" },
        { "another door", SV_UPDATER_METADATA, 0, 9, "http://h/tuf/image/metadata/a.json" },
        { "enrolment", SV_UPDATER_METADATA, 0, 9, "/.well-known/est/cacerts" },
        { "an index as chunks", SV_UPDATER_CHUNKS, 0, 9, "/artifacts/#/raw.index" },
        { "chunks as an index", SV_UPDATER_INDEX, 0, 9, "/artifacts/#/raw" },
        { "another encoding", SV_UPDATER_CHUNKS, 0, 9, "/artifacts/#/gzip" },
        { "a short digest", SV_UPDATER_CHUNKS, 0, 9, "/artifacts/0123/raw" },
        { "capitals", SV_UPDATER_CHUNKS, 0, 9,
          "/artifacts/A123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef/raw" },
        { "too long a range", SV_UPDATER_CHUNKS, 0, 4194305, "/artifacts/#/raw" },
        { "a short key", SV_UPDATER_KEY, 0, 31, "/tuf/director/press-17/key/#.cms" },
        { "another's key", SV_UPDATER_KEY, 0, 32, "/tuf/director/press-18/key/#.cms" },
        { "a key as metadata", SV_UPDATER_METADATA, 0, 32, "/tuf/director/press-17/key/#.cms" },
        { "a kind that is none", SV_UPDATER_WANT_KIND__COUNT, 0, 9, "/artifacts/#/raw" },
    };
    for (size_t i = 0; i < SV_COUNT(bad); i++) {
        if (judge(&bad[i]) != SV_ERR_INVALID) {
            fail_msg("taken: %s", bad[i].what);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_packet_reads_back_as_it_was_written),
        cmocka_unit_test(a_packet_that_is_longer_or_shorter_is_refused),
        cmocka_unit_test(what_no_packet_says_is_refused),
        cmocka_unit_test(a_piece_is_bounded_and_not_empty_unless_it_is_the_last),
        cmocka_unit_test(texts_go_out_printable),
        cmocka_unit_test(the_updater_wants_metadata_artifacts_and_its_keys),
        cmocka_unit_test(the_updater_gets_nothing_else_fetched),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
