#include <ddi/test.h>

#include <base/mem.h>
#include <ddi/updater.h>
#include <stdlib.h>
#include <sys/un.h>

enum { FILE_BYTES = 3000000 };

#define DIGEST "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define RAW "/artifacts/" DIGEST "/raw"

/// An updater of the test's, on the other end of a socket, and a door that has one file.
typedef struct story {
    sv_loop *loop;
    door door;
    char folder[64], path[96];
    int listener, peer;
    sv_ddi_updater *updater;
    char *file;
    int status; ///< of the door; 0: as it should be
    uint8_t packet[SV_UPDATER_PACKET_MAX];
    sv_updater_message heard;
    bool ended, answered;
    sv_updater_message answer;
    sv_why why;
    uint64_t progress;
    sv_err key;
} story;

static void answer(door *d) {
    story *s = d->arg;
    const char *range = strstr(d->ask, "Range: bytes=");
    if (s->status != 0) {
        door_say(d, s->status, "no");
    } else if (range != NULL) {
        char *rest = NULL;
        size_t from = strtoul(range + strlen("Range: bytes="), &rest, 10);
        size_t to = strtoul(rest + 1, NULL, 10);
        door_reply(d, 206, "", s->file + from, to - from + 1, to - from + 1);
    } else {
        door_say(d, 200, "{\"signed\":{}}");
    }
}

static void on_progress(void *arg, const sv_updater_progress *progress) {
    story *s = arg;
    s->progress = progress->bytes;
}

static sv_err on_key(void *arg, sv_text cms, uint8_t out[SV_UPDATER_KEY_BYTES], sv_why *why) {
    const story *s = arg;
    assert_true(sv_text_is(cms, "{\"signed\":{}}"));
    memset(out, 0x5A, SV_UPDATER_KEY_BYTES);
    return s->key == SV_OK ? SV_OK : sv_fail(why, s->key, "it is another certificate's");
}

static void on_ended(void *arg, const sv_updater_message *said, const sv_why *why) {
    story *s = arg;
    assert_false(s->ended);
    s->ended = true;
    s->answered = said != NULL;
    if (said != NULL) {
        s->answer = *said;
    } else {
        s->why = *why;
    }
}

static const sv_ddi_updater_events EVENTS = { .progress = on_progress,
                                              .open_key = on_key,
                                              .ended = on_ended };

static void listen_at(story *s) {
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    (void) snprintf(at.sun_path, sizeof at.sun_path, "%s", s->path);
    s->listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(s->listener, (const struct sockaddr *) &at, sizeof at), 0);
    assert_int_equal(listen(s->listener, 4), 0);
}

static story *begin(void) {
    story *s = sv_mem_new(sizeof *s);
    s->file = sv_mem_new(FILE_BYTES);
    s->peer = -1;
    for (size_t i = 0; i < FILE_BYTES; i++) {
        s->file[i] = (char) (i * 2654435761U >> 11);
    }
    (void) snprintf(s->folder, sizeof s->folder, "/tmp/sv-ddi-XXXXXX");
    assert_non_null(mkdtemp(s->folder));
    (void) snprintf(s->path, sizeof s->path, "%s/updater.sock", s->folder);
    listen_at(s);
    assert_int_equal(sv_loop_open(&s->loop, NULL), SV_OK);
    door_open(&s->door, s->loop, answer, s);
    const sv_ddi_updater_options options = { .socket = s->path,
                                             .id = "press-17",
                                             .origin = s->door.origin };
    assert_int_equal(sv_ddi_updater_open(s->loop, &options, &EVENTS, s, &s->updater, NULL), SV_OK);
    return s;
}

static void finish(story **s) {
    sv_ddi_updater_drop(&(*s)->updater);
    door_close(&(*s)->door);
    sv_loop_drop(&(*s)->loop);
    sv_fd_drop(&(*s)->peer);
    sv_fd_drop(&(*s)->listener);
    (void) unlink((*s)->path);
    (void) rmdir((*s)->folder);
    free((*s)->file);
    free(*s);
}

/// The next packet at the updater's end, with the loop turning until it is there.
static const sv_updater_message *hear(story *s) {
    int64_t end_us = sv_clock_monotonic_us() + DOOR_PATIENCE_US;
    for (;;) {
        ssize_t got = recv(s->peer, s->packet, sizeof s->packet, MSG_DONTWAIT);
        if (got > 0) {
            sv_why why = { 0 };
            assert_int_equal(sv_updater_read(s->packet, (size_t) got, &s->heard, &why), SV_OK);
            return &s->heard;
        }
        assert_true(got < 0 && sv_clock_monotonic_us() < end_us);
        sv_loop_turn(s->loop, 1000);
    }
}

static void say(story *s, const sv_updater_message *message) {
    static uint8_t packet[SV_UPDATER_PACKET_MAX];
    size_t bytes = sv_updater_write(message, packet);
    assert_int_equal(send(s->peer, packet, bytes, 0), bytes);
}

static void ask(story *s, sv_updater_verb verb) {
    const sv_updater_message question = { .verb = (uint8_t) verb, .number = 5 };
    s->ended = false;
    assert_int_equal(sv_ddi_updater_ask(s->updater, &question), SV_OK);
    sv_fd_drop(&s->peer);
    s->peer = accept(s->listener, NULL, NULL);
    assert_true(s->peer >= 0);
    const sv_updater_message *heard = hear(s);
    assert_int_equal(heard->verb, verb);
    assert_int_equal(heard->number, 5);
}

static void want(story *s, sv_updater_want_kind kind, const char *path, uint64_t offset,
                 uint64_t bytes) {
    sv_updater_message message = { .verb = SV_UPDATER_WANT, .number = 77 };
    message.want.kind = (uint8_t) kind;
    message.want.offset = offset;
    message.want.bytes = bytes;
    (void) snprintf(message.want.path, sizeof message.want.path, "%s", path);
    say(s, &message);
}

static void a_question_has_one_answer(void **state) {
    (void) state;
    SV_DEFER(finish) story *s = begin();
    for (int i = 0; i < 2; i++) {
        ask(s, SV_UPDATER_ASK);
        assert_int_equal(sv_ddi_updater_ask(s->updater, &s->heard), SV_ERR_STATE);
        say(s, &(sv_updater_message){ .verb = SV_UPDATER_REFUSED,
                                      .number = 5,
                                      .refused = { .err = SV_ERR_STATE, .why = "not now" } });
        turn_until(s->loop, &s->ended);
        assert_true(s->answered);
        assert_int_equal(s->answer.verb, SV_UPDATER_REFUSED);
        assert_string_equal(s->answer.refused.why, "not now");
        assert_false(sv_ddi_updater_is_busy(s->updater));
    }
}

static void what_is_wanted_is_given_whole_however_slowly_it_is_read(void **state) { // [ddid-4]
    (void) state;
    SV_DEFER(finish) story *s = begin();
    ask(s, SV_UPDATER_CHECK);
    want(s, SV_UPDATER_CHUNKS, RAW, 1000, FILE_BYTES - 5000);
    for (int i = 0; i < 50; i++) { // the socket fills
        sv_loop_turn(s->loop, 1000);
    }
    uint64_t got = 0;
    const sv_updater_message *heard = hear(s);
    while (!heard->give.last) {
        assert_int_equal(heard->verb, SV_UPDATER_GIVE);
        assert_int_equal(heard->number, 77);
        assert_int_equal(heard->give.offset, got);
        assert_memory_equal(heard->give.bytes.at, s->file + 1000 + got, heard->give.bytes.len);
        got += heard->give.bytes.len;
        heard = hear(s);
    }
    assert_int_equal(got, FILE_BYTES - 5000);
    say(s, &(sv_updater_message){
               .verb = SV_UPDATER_PROGRESS, .number = 5, .progress = { .bytes = 9, .of = 10 } });
    say(s, &(sv_updater_message){ .verb = SV_UPDATER_REBOOT, .number = 5 });
    turn_until(s->loop, &s->ended);
    assert_int_equal(s->progress, 9);
    assert_int_equal(s->answer.verb, SV_UPDATER_REBOOT);
}

static void metadata_comes_as_one_and_what_is_absent_is_said_to_be(void **state) { // [ddid-4]
    (void) state;
    SV_DEFER(finish) story *s = begin();
    ask(s, SV_UPDATER_CHECK);
    want(s, SV_UPDATER_METADATA, "/tuf/director/press-17/metadata/1.root.json", 0, 1000);
    const sv_updater_message *heard = hear(s);
    assert_true(sv_text_is(heard->give.bytes, "{\"signed\":{}}"));
    assert_true(heard->give.last || hear(s)->give.last);
    s->status = 404;
    want(s, SV_UPDATER_METADATA, "/tuf/image/metadata/2.root.json", 0, 1000);
    assert_int_equal(hear(s)->verb, SV_UPDATER_ABSENT);
    s->status = 400;
    want(s, SV_UPDATER_METADATA, "/tuf/image/metadata/2.root.json", 0, 1000);
    heard = hear(s);
    assert_int_equal(heard->verb, SV_UPDATER_FAILED);
    assert_non_null(strstr(heard->failed.why, "400"));
}

static void a_content_key_is_opened_and_given(void **state) { // [ddid-10]
    (void) state;
    SV_DEFER(finish) story *s = begin();
    ask(s, SV_UPDATER_CHECK);
    want(s, SV_UPDATER_KEY, "/tuf/director/press-17/key/" DIGEST ".cms", 0, SV_UPDATER_KEY_BYTES);
    const sv_updater_message *heard = hear(s);
    assert_int_equal(heard->verb, SV_UPDATER_GIVE);
    assert_int_equal(heard->give.bytes.len, SV_UPDATER_KEY_BYTES);
    assert_int_equal(heard->give.bytes.at[31], 0x5A);
    assert_true(heard->give.last);
    s->key = SV_ERR_NOT_FOUND; // a key that is not ours is none that is absent
    want(s, SV_UPDATER_KEY, "/tuf/director/press-17/key/" DIGEST ".cms", 0, SV_UPDATER_KEY_BYTES);
    heard = hear(s);
    assert_int_equal(heard->verb, SV_UPDATER_FAILED);
    assert_non_null(strstr(heard->failed.why, "another certificate"));
}

static void what_is_not_this_devices_is_not_asked_for(void **state) { // [ddid-4]
    (void) state;
    static const char *const PATHS[] = {
        "/tuf/director/press-18/metadata/targets.json",
        "/tuf/director/press-17/metadata/../../press-18/metadata/targets.json",
        "/default/controller/v1/press-17",
        "/.well-known/est/simpleenroll",
        "/tuf/image/metadata/x.json?y=1",
        "/tuf/image/metadata/x.json\r\nHost: other",
    };
    for (size_t i = 0; i < SV_COUNT(PATHS); i++) {
        SV_DEFER(finish) story *s = begin();
        ask(s, SV_UPDATER_CHECK);
        want(s, SV_UPDATER_METADATA, PATHS[i], 0, 1000);
        turn_until(s->loop, &s->ended);
        assert_false(s->answered);
        assert_int_equal(s->door.asked, 0);
    }
}

static void an_updater_that_is_not_there_goes_or_talks_nonsense_ends_it(void **state) {
    (void) state;
    SV_DEFER(finish) story *s = begin();
    ask(s, SV_UPDATER_CHECK);
    sv_fd_drop(&s->peer);
    turn_until(s->loop, &s->ended);
    assert_non_null(strstr(s->why.text, "hung up"));
    ask(s, SV_UPDATER_CHECK);
    assert_int_equal(send(s->peer, "nonsense", 8, 0), 8);
    turn_until(s->loop, &s->ended);
    assert_false(s->answered);
    ask(s, SV_UPDATER_CHECK);
    say(s, &(sv_updater_message){ .verb = SV_UPDATER_ROLLBACK });
    turn_until(s->loop, &s->ended);
    assert_non_null(strstr(s->why.text, "rollback"));
    sv_fd_drop(&s->listener);
    s->ended = false;
    assert_int_equal(
        sv_ddi_updater_ask(s->updater, &(sv_updater_message){ .verb = SV_UPDATER_ASK }), SV_OK);
    assert_false(s->ended);
    turn_until(s->loop, &s->ended);
    assert_non_null(strstr(s->why.text, s->path));
}

static void who_stops_hears_nothing_more(void **state) {
    (void) state;
    SV_DEFER(finish) story *s = begin();
    ask(s, SV_UPDATER_CHECK);
    want(s, SV_UPDATER_CHUNKS, RAW, 0, FILE_BYTES);
    (void) hear(s);
    sv_ddi_updater_stop(s->updater);
    for (int i = 0; i < 10; i++) {
        sv_loop_turn(s->loop, 1000);
    }
    assert_false(s->ended);
    ask(s, SV_UPDATER_ASK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_question_has_one_answer),
        cmocka_unit_test(what_is_wanted_is_given_whole_however_slowly_it_is_read),
        cmocka_unit_test(metadata_comes_as_one_and_what_is_absent_is_said_to_be),
        cmocka_unit_test(a_content_key_is_opened_and_given),
        cmocka_unit_test(what_is_not_this_devices_is_not_asked_for),
        cmocka_unit_test(an_updater_that_is_not_there_goes_or_talks_nonsense_ends_it),
        cmocka_unit_test(who_stops_hears_nothing_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
