#include "device_own.h"
#include "test_time.h"

#include <base/mem.h>
#include <codec/json.h>
#include <ddi/test.h>
#include <fcntl.h>
#include <sys/un.h>
#include <update/message.h>

enum { WORDS_MAX = 40, SAYS_MAX = 4096 };

#define PATIENCE_US (5 * SV_TIME_MINUTE_US)

/// A fleet server and an updater, both as the test wants them, and the agent's part between them.
typedef struct story {
    sv_loop *loop;
    door door;
    sv_ddi_device_options options;
    char socket[64];
    sv_ddi_device *device;
    bool connected;
    int64_t since_us; ///< that it was asked for
    const char *critical;
    // The server.
    int64_t action, cancel; ///< that it offers; 0: none
    const char *how;        ///< "forced" or "skip"
    bool polled;
    bool mute; ///< it is not there
    int polls;
    int refuses; ///< what is said, with this status; 0: nothing
    int gone;    ///< an action that it does not have any more
    char said[WORDS_MAX][SAYS_MAX];
    int said_count;
    // The updater.
    int listener, peer;
    sv_watch *at_listener, *at_peer;
    sv_updater_status status;
    sv_updater_message answer; ///< to a CHECK; its verb is 0: none
    sv_updater_message asked[WORDS_MAX];
    int asked_count;
    uint8_t packet[SV_UPDATER_PACKET_MAX];
} story;

static const uint8_t NEW_IMAGE[SV_BOOT_DIGEST_BYTES] = { 0xAB };
#define NEW_HEX "ab00000000000000000000000000000000000000000000000000000000000000"

// ---- the server ---------------------------------------------------------------------------------

static void say_deployment(door *d, const story *s) {
    char body[512];
    (void) snprintf(body, sizeof body,
                    "{\"id\":\"%lld\",\"deployment\":{\"download\":\"forced\",\"update\":\"%s\","
                    "\"chunks\":[{\"version\":\"1.1\",\"artifacts\":[{\"hashes\":{\"sha256\":"
                    "\"" NEW_HEX "\"}}]}]}}",
                    (long long) s->action, s->how);
    door_say(d, 200, body);
}

static void say_poll(door *d, story *s) {
    char body[512] = "";
    sv_textbuf text = SV_TEXTBUF(body);
    s->polled = true;
    s->polls++;
    sv_textbuf_add_str(&text, "{\"config\":{\"polling\":{\"sleep\":\"00:00:01\"}},\"_links\":{");
    if (s->action != 0) {
        sv_textbuf_addf(&text, "\"deploymentBase\":{\"href\":\"%lld\"}%s", (long long) s->action,
                        s->cancel != 0 ? "," : "");
    }
    if (s->cancel != 0) {
        sv_textbuf_addf(&text, "\"cancelAction\":{\"href\":\"%lld\"}", (long long) s->cancel);
    }
    sv_textbuf_add_str(&text, "}}");
    assert_int_equal(sv_textbuf_end(&text), SV_OK);
    door_say(d, 200, body);
}

static void keep_word(story *s, const char *ask) {
    assert_true(s->said_count < WORDS_MAX);
    const char *body = strstr(ask, "\r\n\r\n") + 4;
    (void) snprintf(s->said[s->said_count++], SAYS_MAX, "%.*s %s", (int) strcspn(ask, "\r"), ask,
                    body);
}

static void answer_door(door *d) {
    story *s = d->arg;
    char feedback[64];
    (void) snprintf(feedback, sizeof feedback, "/deploymentBase/%d/feedback", s->gone);
    if (s->mute || strstr(d->ask, feedback) != NULL) {
        door_say(d, s->mute ? 503 : 404, "");
    } else if (strncmp(d->ask, "GET", 3) != 0) {
        if (s->refuses == 0) {
            keep_word(s, d->ask);
        }
        door_say(d, s->refuses != 0 ? s->refuses : 200, "");
    } else if (strstr(d->ask, "/deploymentBase/") != NULL) {
        say_deployment(d, s);
    } else if (strstr(d->ask, "/cancelAction/") != NULL) {
        door_say(d, 200, "{\"id\":\"9\",\"cancelAction\":{\"stopId\":\"7\"}}");
    } else {
        say_poll(d, s);
    }
}

/// What was said last that has this text; NULL: nothing.
static const char *find_said(const story *s, const char *text) {
    for (int i = s->said_count - 1; i >= 0; i--) {
        if (strstr(s->said[i], text) != NULL) {
            return s->said[i];
        }
    }
    return NULL;
}

// ---- the updater --------------------------------------------------------------------------------

static void send_to_agent(story *s, const sv_updater_message *message) {
    static uint8_t packet[SV_UPDATER_PACKET_MAX];
    size_t bytes = sv_updater_write(message, packet);
    (void) send(s->peer, packet, bytes, MSG_NOSIGNAL);
}

static void take_delivered(story *s, uint64_t number) {
    sv_updater_status *status = &s->status;
    assert_int_equal(status->reports[0].number, number);
    status->report_count--;
    memmove(status->reports, status->reports + 1, status->report_count * sizeof status->reports[0]);
}

static void answer_agent(story *s, const sv_updater_message *m) {
    assert_true(s->asked_count < WORDS_MAX || m->verb == SV_UPDATER_ASK);
    if (m->verb != SV_UPDATER_ASK) {
        s->asked[s->asked_count++] = *m;
    }
    if (m->verb == SV_UPDATER_DELIVERED) {
        take_delivered(s, m->delivered);
    }
    if (m->verb == SV_UPDATER_HEALTH) {
        s->status.next = SV_TRIAL_WAIT;
    }
    if (m->verb == SV_UPDATER_FORGIVE) {
        s->status.bad_count = 0;
    }
    if (m->verb == SV_UPDATER_WITHDRAW) {
        s->status.state = SV_TRIAL_FAILED;
        s->status.next = SV_TRIAL_WAIT;
    }
    if (m->verb == SV_UPDATER_CHECK && s->answer.verb != 0) {
        send_to_agent(s, &s->answer);
    } else if (m->verb != SV_UPDATER_CHECK) {
        send_to_agent(s, &(sv_updater_message){ .verb = SV_UPDATER_STATUS, .status = s->status });
    }
}

static void on_packet(void *arg) {
    story *s = arg;
    sv_updater_message m;
    sv_why why = { 0 };
    ssize_t got = recv(s->peer, s->packet, sizeof s->packet, MSG_DONTWAIT);
    if (got <= 0) {
        sv_watch_drop(&s->at_peer);
        sv_fd_drop(&s->peer);
        return;
    }
    assert_int_equal(sv_updater_read(s->packet, (size_t) got, &m, &why), SV_OK);
    answer_agent(s, &m);
}

static void on_agent(void *arg) {
    story *s = arg;
    sv_watch_drop(&s->at_peer);
    sv_fd_drop(&s->peer);
    s->peer = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC);
    s->at_peer = sv_watch_readable(s->loop, s->peer, on_packet, s);
}

static void open_updater(story *s) {
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    assert_int_equal(sv_text_copy(sv_text_of(s->socket), at.sun_path, sizeof at.sun_path), SV_OK);
    (void) unlink(at.sun_path);
    s->listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(s->listener, (const struct sockaddr *) &at, sizeof at), 0);
    assert_int_equal(listen(s->listener, 4), 0);
    s->at_listener = sv_watch_readable(s->loop, s->listener, on_agent, s);
}

static int count_asked(const story *s, sv_updater_verb verb) {
    int count = 0;
    for (int i = 0; i < s->asked_count; i++) {
        count += s->asked[i].verb == verb;
    }
    return count;
}

// ---- the agent ----------------------------------------------------------------------------------

static void look(void *arg, int64_t since_us, sv_ddi_seen *out) {
    story *s = arg;
    s->since_us = since_us;
    *out = (sv_ddi_seen){
        .connected = s->connected, .critical = s->critical, .script_passed = true, .script = ""
    };
}

static void said(void *arg, bool good, const char *event, const char *sentence) {
    (void) arg;
    (void) good;
    assert_int_equal(strncmp(event, "update.", 7), 0);
    assert_true(sentence[0] != '\0');
}

static void start_device(story *s) {
    static const sv_ddi_device_events EVENTS = { look, said };
    assert_int_equal(sv_ddi_device_open(s->loop, &s->options, &EVENTS, s, &s->device, NULL), SV_OK);
}

static story *prepare(void) {
    story *s = sv_mem_new(sizeof *s);
    s->listener = s->peer = -1;
    s->how = "forced";
    s->connected = true;
    assert_int_equal(sv_loop_open(&s->loop, NULL), SV_OK);
    door_open(&s->door, s->loop, answer_door, s);
    (void) snprintf(s->socket, sizeof s->socket, "/tmp/sv-update-test-%d.sock", getpid());
    s->options = (sv_ddi_device_options){ .id = "press-17",
                                          .door = s->door.origin,
                                          .socket = s->socket,
                                          .hold = "",
                                          .version = "",
                                          .client = "selvedge-agent",
                                          .poll_us = SV_TIME_SECOND_US,
                                          .deadline_us = 2 * SV_TIME_SECOND_US };
    s->status = (sv_updater_status){ .id = "press-17",
                                     .product = "press",
                                     .hardware = "rev-b",
                                     .slot_class = "rootfs",
                                     .boot = { SV_BOOT_SLOT_CONFIRMED, SV_BOOT_SLOT_IDLE },
                                     .runs = { .known = true,
                                               .counter = 1,
                                               .image_bytes = 10,
                                               .product = "press",
                                               .version = "1.0" } };
    open_updater(s);
    return s;
}

static void finish(story **s) {
    sv_ddi_device_drop(&(*s)->device);
    door_close(&(*s)->door);
    sv_watch_drop(&(*s)->at_peer);
    sv_watch_drop(&(*s)->at_listener);
    sv_loop_drop(&(*s)->loop);
    sv_fd_drop(&(*s)->peer);
    sv_fd_drop(&(*s)->listener);
    (void) unlink((*s)->socket);
    free(*s);
}

static void add_report(story *s, uint64_t number, sv_trial_state state) {
    sv_journal_report *report = &s->status.reports[s->status.report_count++];
    *report = (sv_journal_report){ .number = number,
                                   .state = (uint8_t) state,
                                   .slot = 1,
                                   .counter = 2,
                                   .action = 7,
                                   .version = "1.1" };
    memcpy(report->digest, NEW_IMAGE, sizeof report->digest);
}

/// Until something was said that has this text.
static const char *hear(story *s, const char *text) {
    int64_t end_us = sv_clock_monotonic_us() + PATIENCE_US;
    while (find_said(s, text) == NULL) {
        assert_true(sv_clock_monotonic_us() < end_us);
        time_turn(s->loop);
    }
    return find_said(s, text);
}

static const sv_updater_message *hear_asked(story *s, sv_updater_verb verb, int count) {
    int64_t end_us = sv_clock_monotonic_us() + PATIENCE_US;
    while (count_asked(s, verb) < count) {
        assert_true(sv_clock_monotonic_us() < end_us);
        time_turn(s->loop);
    }
    int last = s->asked_count - 1;
    while (s->asked[last].verb != verb) {
        last--;
    }
    return &s->asked[last];
}

static void turn_polls(story *s, int polls) {
    for (int until = s->polls + polls; s->polls < until;) {
        sv_ddi_device_look(s->device);
        time_turn(s->loop);
    }
}

static void turn(story *s, int seconds) {
    for (int64_t end_us = sv_clock_monotonic_us() + seconds * SV_TIME_SECOND_US;
         sv_clock_monotonic_us() < end_us;) {
        time_turn(s->loop);
    }
}

/// It has another state than it told last.
static void look_at_updater(story *s) {
    s->device->stale = true;
    sv_ddi_device_judge(s->device);
}

static void arm(story *s) {
    s->status.state = SV_TRIAL_INSTALLED;
    s->status.next = SV_TRIAL_REBOOT;
    s->status.action = 7;
}

static void what_runs_is_told_before_anything_else(void **state) { // [ddid-13]
    (void) state;
    SV_DEFER(finish) story *s = prepare();
    add_report(s, 4, SV_TRIAL_CONFIRMED);
    s->status.running = 1;
    start_device(s);
    (void) hear(s, "configData");
    assert_non_null(strstr(s->said[0], "\"version\":\"1.0\""));
    assert_non_null(strstr(s->said[0], "\"slot\":\"b\""));
    sv_health_metrics metrics = { 0 };
    sv_ddi_device_tell(s->device, &metrics);
    assert_string_equal(metrics.firmware_version, "1.0");
    assert_string_equal(metrics.slot, "b");
    assert_string_equal(metrics.boot_state, "idle");
    turn_polls(s, 2);
    int before = s->said_count;
    turn_polls(s, 2);
    assert_int_equal(s->said_count, before); // what has not changed is not told again
}

static void an_offer_is_checked_and_what_runs_already_ends_it(void **state) {
    (void) state;
    SV_DEFER(finish) story *s = prepare();
    s->action = 7;
    s->answer = (sv_updater_message){ .verb = SV_UPDATER_IDLE, .idle = SV_UPDATER_CURRENT };
    start_device(s);
    const char *end = hear(s, "deploymentBase/7/feedback");
    assert_non_null(strstr(end, "\"finished\":\"success\""));
    assert_non_null(strstr(end, "\"state\":\"confirmed\""));
    assert_non_null(strstr(end, "\"version\":\"1.0\""));
    turn_polls(s, 2);
    assert_int_equal(count_asked(s, SV_UPDATER_CHECK), 1);
}

static void reports_go_in_order_and_count_as_delivered_when_they_were_taken(void **state) {
    (void) state; // [ddid-12]
    SV_DEFER(finish) story *s = prepare();
    s->action = 7;
    s->answer = (sv_updater_message){ .verb = SV_UPDATER_IDLE, .idle = SV_UPDATER_NOTHING };
    add_report(s, 3, SV_TRIAL_INSTALLED);
    add_report(s, 4, SV_TRIAL_TRIAL);
    add_report(s, 5, SV_TRIAL_ROLLED_BACK);
    s->refuses = 503;
    start_device(s);
    turn_polls(s, 3);
    assert_int_equal(count_asked(s, SV_UPDATER_DELIVERED), 0);
    assert_int_equal(s->status.report_count, 3);
    s->refuses = 0;
    assert_int_equal(count_asked(s, SV_UPDATER_CHECK), 0); // its end is in the journal
    (void) hear_asked(s, SV_UPDATER_DELIVERED, 3);
    const char *last = hear(s, "\"number\":5");
    assert_non_null(strstr(last, "\"execution\":\"closed\""));
    assert_non_null(strstr(last, "\"finished\":\"failure\""));
    assert_non_null(strstr(last, "\"state\":\"rolled-back\""));
    assert_true(find_said(s, "\"number\":3") < find_said(s, "\"number\":4"));
    assert_true(find_said(s, "\"number\":4") < last);
}

static void reports_of_no_action_or_of_one_that_is_gone_are_told_as_what_runs(void **state) {
    (void) state; // [ddid-12]
    for (int gone = 0; gone < 2; gone++) {
        SV_DEFER(finish) story *s = prepare();
        s->action = 8; // of the same image
        s->answer = (sv_updater_message){ .verb = SV_UPDATER_IDLE, .idle = SV_UPDATER_NOTHING };
        s->gone = gone != 0 ? 7 : 0;
        add_report(s, 4, SV_TRIAL_CONFIRMED);
        s->status.reports[0].action = gone != 0 ? 7 : 0;
        start_device(s);
        (void) hear_asked(s, SV_UPDATER_DELIVERED, 1);
        assert_null(find_said(s, "feedback"));
        assert_non_null(find_said(s, "configData"));
    }
}

/// The server has given up an attempt, and somebody has begun another one of the same image, before
/// the device can say how the first one ended.
static void a_late_report_of_one_attempt_does_not_end_the_next_one(void **state) { // [ddid-12]
    (void) state;
    const sv_trial_state ends[] = { SV_TRIAL_ROLLED_BACK, SV_TRIAL_FAILED, SV_TRIAL_CONFIRMED };
    for (size_t i = 0; i < SV_COUNT(ends); i++) {
        SV_DEFER(finish) story *s = prepare();
        s->action = 8;
        s->answer = (sv_updater_message){ .verb = SV_UPDATER_IDLE, .idle = SV_UPDATER_NOTHING };
        add_report(s, 4, SV_TRIAL_TRIAL);
        add_report(s, 5, ends[i]);
        start_device(s);
        (void) hear_asked(s, SV_UPDATER_DELIVERED, 2);
        const char *said = find_said(s, "\"number\":5");
        assert_non_null(strstr(said, "deploymentBase/7/feedback"));
        assert_null(find_said(s, "deploymentBase/8/feedback"));
        const sv_updater_message *check = hear_asked(s, SV_UPDATER_CHECK, 1); // and 8 begins
        assert_int_equal(check->check.action, 8);
    }
}

static void a_release_on_trial_is_judged_once(void **state) { // [ddid-11]
    (void) state;
    SV_DEFER(finish) story *s = prepare();
    s->status.state = SV_TRIAL_TRIAL;
    s->status.next = SV_TRIAL_ASK_HEALTH;
    s->connected = false;
    start_device(s);
    turn_polls(s, 1);
    assert_int_equal(count_asked(s, SV_UPDATER_HEALTH), 0);
    s->connected = true;
    const sv_updater_message *health = hear_asked(s, SV_UPDATER_HEALTH, 1);
    assert_true(health->health.healthy);
}

/// The agent may be older than what is on trial, and have been on good terms with everybody before
/// that was started.
static void what_was_seen_before_the_start_proves_nothing(void **state) { // [ddid-11]
    (void) state;
    SV_DEFER(finish) story *s = prepare();
    s->options.deadline_us = SV_TIME_HOUR_US;
    start_device(s);
    turn_polls(s, 2);
    for (uint64_t start = 1; start < 4; start++) { // each start has to prove itself
        int64_t began_us = sv_clock_monotonic_us();
        s->mute = true; // no poll is answered any more
        s->connected = true;
        s->status.start = start;
        s->status.state = SV_TRIAL_TRIAL;
        s->status.next = SV_TRIAL_ASK_HEALTH;
        look_at_updater(s);
        turn(s, 10);
        assert_int_equal(count_asked(s, SV_UPDATER_HEALTH), 0);
        assert_true(s->since_us >= began_us);
        s->connected = false;
        s->mute = false;
        turn_polls(s, 2);
    }
    s->connected = true;
    assert_true(hear_asked(s, SV_UPDATER_HEALTH, 1)->health.healthy);
}

static void when_it_was_started_is_the_updaters_to_say(void **state) { // [ddid-11]
    (void) state;
    SV_DEFER(finish) story *s = prepare();
    s->status.state = SV_TRIAL_TRIAL;
    s->status.next = SV_TRIAL_ASK_HEALTH;
    s->status.start_ms = 30000;
    int64_t began_us = sv_clock_monotonic_us();
    start_device(s);
    (void) hear_asked(s, SV_UPDATER_HEALTH, 1);
    assert_in_range(s->since_us, began_us - 30 * SV_TIME_SECOND_US,
                    began_us - 29 * SV_TIME_SECOND_US);
}

static void one_that_does_not_prove_itself_is_given_up_with_the_reason(void **state) { // [ddid-11]
    (void) state;
    SV_DEFER(finish) story *s = prepare();
    s->status.state = SV_TRIAL_TRIAL;
    s->status.next = SV_TRIAL_ASK_HEALTH;
    s->critical = "Disk space low";
    s->refuses = 503; // that nothing is taken by the server changes nothing
    start_device(s);
    const sv_updater_message *health = hear_asked(s, SV_UPDATER_HEALTH, 1);
    assert_false(health->health.healthy);
    assert_non_null(strstr(health->health.why, "Disk space low"));
}

static void a_cancel_stops_a_download_and_comes_too_late_for_what_runs(void **state) {
    (void) state; // [ddid-14]
    SV_DEFER(finish) story *s = prepare();
    s->action = 7;
    start_device(s);
    (void) hear_asked(s, SV_UPDATER_CHECK, 1); // which does not end
    s->action = 0;
    s->cancel = 9;
    const char *said = hear(s, "cancelAction/9/feedback");
    assert_non_null(strstr(said, "\"execution\":\"closed\""));
    assert_int_equal(s->peer, -1);
    s->status.state = SV_TRIAL_TRIAL;
    s->status.action = 7;
    s->cancel = 10;
    said = hear(s, "cancelAction/10/feedback");
    assert_non_null(strstr(said, "\"execution\":\"rejected\""));
    assert_int_equal(count_asked(s, SV_UPDATER_WITHDRAW), 0);
}

static void a_cancel_is_answered_when_it_is_known_what_was_stopped(void **state) { // [ddid-14]
    (void) state;
    SV_DEFER(finish) story *s = prepare();
    s->action = 7;
    start_device(s);
    (void) hear_asked(s, SV_UPDATER_CHECK, 1); // which does not end
    s->status.busy = true;                     // it reads the slot back
    s->action = 0;
    s->cancel = 9;
    turn_polls(s, 4);
    assert_null(find_said(s, "cancelAction"));
    s->status.busy = false;
    arm(s); // in the last moment
    const char *said = hear(s, "cancelAction/9/feedback");
    assert_non_null(strstr(said, "\"execution\":\"closed\""));
    assert_int_equal(count_asked(s, SV_UPDATER_WITHDRAW), 1);
    assert_int_equal(count_asked(s, SV_UPDATER_CHECK), 1);
}

static void what_is_armed_and_canceled_is_not_started(void **state) { // [ddid-14]
    (void) state;
    SV_DEFER(finish) story *s = prepare();
    arm(s);
    s->cancel = 9; // of action 7
    start_device(s);
    const char *said = hear(s, "cancelAction/9/feedback");
    assert_non_null(strstr(said, "\"execution\":\"closed\""));
    s->cancel = 0;
    turn(s, 60);
    assert_int_equal(count_asked(s, SV_UPDATER_WITHDRAW), 1);
    assert_int_equal(count_asked(s, SV_UPDATER_CHECK), 0);
}

static void a_cancel_of_another_action_does_not_touch_what_is_armed(void **state) { // [ddid-14]
    (void) state;
    SV_DEFER(finish) story *s = prepare();
    arm(s);
    s->status.action = 8;
    s->cancel = 9; // of action 7
    start_device(s);
    const char *said = hear(s, "cancelAction/9/feedback");
    assert_non_null(strstr(said, "\"execution\":\"closed\""));
    (void) hear_asked(s, SV_UPDATER_CHECK, 1);
    assert_int_equal(count_asked(s, SV_UPDATER_WITHDRAW), 0);
}

static void what_is_armed_is_started_though_nobody_offers_it(void **state) { // [ddid-21]
    (void) state;
    for (int mute = 0; mute < 2; mute++) { // the server does not know of it, or is not there
        SV_DEFER(finish) story *s = prepare();
        arm(s);
        s->mute = mute != 0;
        start_device(s);
        const sv_updater_message *check = hear_asked(s, SV_UPDATER_CHECK, 1);
        assert_false(check->check.hold);
        assert_int_equal(check->check.action, 7);
        assert_true(s->mute || s->polls > 0); // not before it could have been canceled
    }
}

/// What was given up and runs still is left, also when nobody offers anything.
static void what_was_given_up_is_left_whoever_holds(void **state) { // [ddid-21]
    (void) state;
    SV_DEFER(finish) story *s = prepare();
    s->options.hold = s->socket; // some file that is there
    s->status.state = SV_TRIAL_ROLLED_BACK;
    s->status.next = SV_TRIAL_REBOOT;
    start_device(s);
    (void) hear_asked(s, SV_UPDATER_CHECK, 1);
}

static void what_is_armed_waits_while_something_holds(void **state) { // [ddid-15] [ddid-21]
    (void) state;
    for (int by_server = 0; by_server < 2; by_server++) {
        SV_DEFER(finish) story *s = prepare();
        arm(s);
        s->action = by_server != 0 ? 7 : 0;
        s->how = "skip";
        s->options.hold = by_server != 0 ? "" : s->socket;
        s->answer = (sv_updater_message){ .verb = SV_UPDATER_IDLE, .idle = SV_UPDATER_HELD };
        start_device(s);
        turn(s, 60);
        for (int i = 0; i < s->asked_count; i++) {
            assert_true(s->asked[i].verb != SV_UPDATER_CHECK || s->asked[i].check.hold);
        }
        s->how = "forced";
        s->device->options.hold = "";
        int before = count_asked(s, SV_UPDATER_CHECK);
        assert_false(hear_asked(s, SV_UPDATER_CHECK, before + 1)->check.hold);
    }
}

static void what_begins_to_hold_during_the_check_holds(void **state) { // [ddid-15]
    (void) state;
    SV_DEFER(finish) story *s = prepare();
    char hold[] = "/tmp/sv-update-hold-XXXXXX";
    int fd = mkstemp(hold);
    assert_true(fd >= 0);
    assert_int_equal(unlink(hold), 0);
    sv_fd_drop(&fd);
    s->options.hold = hold;
    s->action = 7;
    start_device(s);
    const sv_updater_message *first = hear_asked(s, SV_UPDATER_CHECK, 1);
    assert_true(first->check.hold); // although nothing does yet
    fd = open(hold, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    sv_fd_drop(&fd);
    send_to_agent(s, &(sv_updater_message){ .verb = SV_UPDATER_IDLE,
                                            .number = first->number,
                                            .idle = SV_UPDATER_HELD });
    turn_polls(s, 3);
    assert_int_equal(count_asked(s, SV_UPDATER_CHECK), 1);
    assert_int_equal(unlink(hold), 0);
    turn_polls(s, 1);
    assert_false(hear_asked(s, SV_UPDATER_CHECK, 2)->check.hold);
}

static void what_is_armed_is_started(void **state) { // [ddid-15]
    (void) state;
    SV_DEFER(finish) story *s = prepare();
    s->action = 7;
    arm(s);
    start_device(s);
    assert_false(hear_asked(s, SV_UPDATER_CHECK, 1)->check.hold);
}

/// As far as `bytes` of 100, as a delta.
static void send_progress(story *s, uint64_t number, uint64_t bytes, uint64_t fetched) {
    send_to_agent(s, &(sv_updater_message){ .verb = SV_UPDATER_PROGRESS,
                                            .number = number,
                                            .progress = { .bytes = bytes,
                                                          .of = 100,
                                                          .fetched = fetched,
                                                          .encoding = "delta:ab",
                                                          .version = "1.1" } });
}

/// A check counts from its beginning; what is told is of the action.
static void what_came_for_an_action_is_told_over_all_its_checks(void **state) { // [ddid-20]
    (void) state;
    SV_DEFER(finish) story *s = prepare();
    s->action = 7;
    start_device(s);
    uint64_t number = hear_asked(s, SV_UPDATER_CHECK, 1)->number;
    send_progress(s, number, 30, 3);
    send_progress(s, number, 60, 6);
    send_to_agent(s, &(sv_updater_message){
                         .verb = SV_UPDATER_REFUSED,
                         .number = number,
                         .refused = { .err = SV_ERR_UNAVAILABLE, .why = "the line went" } });
    turn_polls(s, 2);
    assert_non_null(
        find_said(s, "\"bytes\":30,\"of\":100,\"encoding\":\"delta:ab\",\"fetched\":3"));
    s->device->check_at_us = 0;
    turn_polls(s, 1);
    number = hear_asked(s, SV_UPDATER_CHECK, 2)->number;
    send_progress(s, number, 100, 4);
    send_to_agent(s, &(sv_updater_message){ .verb = SV_UPDATER_REBOOT, .number = number });
    turn_polls(s, 2);
    assert_non_null(find_said(s, "\"state\":\"installed\",\"version\":\"1.1\",\"bytes\":100,"
                                 "\"of\":100,\"encoding\":\"delta:ab\",\"fetched\":10"));
}

static void what_is_held_is_written_and_armed_later(void **state) { // [ddid-15]
    (void) state;
    SV_DEFER(finish) story *s = prepare();
    s->action = 7;
    s->how = "skip";
    s->answer = (sv_updater_message){ .verb = SV_UPDATER_IDLE, .idle = SV_UPDATER_HELD };
    start_device(s);
    assert_true(hear_asked(s, SV_UPDATER_CHECK, 1)->check.hold);
    const char *said = hear(s, "\"verified\""); // whoever waits for that knows
    assert_non_null(strstr(said, "deploymentBase/7/feedback"));
    assert_null(strstr(said, "\"fetched\"")); // nothing is known of that: 0 would be counted anew
    int heard = s->said_count;
    turn_polls(s, 3);
    assert_int_equal(s->said_count, heard); // once
    assert_int_equal(count_asked(s, SV_UPDATER_CHECK), 1);
    s->how = "forced";
    assert_false(hear_asked(s, SV_UPDATER_CHECK, 2)->check.hold);
}

static void a_file_of_the_operators_holds_as_well(void **state) { // [ddid-15]
    (void) state;
    SV_DEFER(finish) story *s = prepare();
    s->options.hold = s->socket; // some file that is there
    s->action = 7;
    s->answer = (sv_updater_message){ .verb = SV_UPDATER_IDLE, .idle = SV_UPDATER_HELD };
    start_device(s);
    assert_true(hear_asked(s, SV_UPDATER_CHECK, 1)->check.hold);
}

static void a_bad_image_is_tried_again_when_the_server_means_it(void **state) { // [ddid-16]
    (void) state;
    SV_DEFER(finish) story *s = prepare();
    s->action = 7;
    s->answer = (sv_updater_message){ .verb = SV_UPDATER_IDLE, .idle = SV_UPDATER_NOTHING };
    s->status.bad_count = 1;
    memcpy(s->status.bad[0], NEW_IMAGE, sizeof NEW_IMAGE);
    add_report(s, 5, SV_TRIAL_ROLLED_BACK);
    start_device(s);
    (void) hear_asked(s, SV_UPDATER_DELIVERED, 1);
    turn_polls(s, 4); // the server still has it; it has ended here
    assert_int_equal(count_asked(s, SV_UPDATER_FORGIVE), 0);
    assert_int_equal(count_asked(s, SV_UPDATER_CHECK), 0);
    s->action = 8;
    const sv_updater_message *forgive = hear_asked(s, SV_UPDATER_FORGIVE, 1);
    assert_memory_equal(forgive->forgive, NEW_IMAGE, sizeof NEW_IMAGE);
    (void) hear_asked(s, SV_UPDATER_CHECK, 1);
}

static void one_poll_may_be_older_than_what_the_server_heard(void **state) { // [ddid-16]
    (void) state;
    SV_DEFER(finish) story *s = prepare();
    s->action = 8;
    s->answer = (sv_updater_message){ .verb = SV_UPDATER_IDLE, .idle = SV_UPDATER_NOTHING };
    s->status.bad_count = 1;
    memcpy(s->status.bad[0], NEW_IMAGE, sizeof NEW_IMAGE);
    start_device(s);
    (void) hear_asked(s, SV_UPDATER_FORGIVE, 1);
    assert_true(s->polls >= 2);
    assert_int_equal(count_asked(s, SV_UPDATER_CHECK), 0);
}

static void what_is_not_right_fails_and_what_may_pass_does_not(void **state) { // [ddid-17]
    (void) state;
    SV_DEFER(finish) story *s = prepare();
    s->action = 7;
    s->answer = (sv_updater_message){ .verb = SV_UPDATER_REFUSED,
                                      .refused = { .err = SV_ERR_UNAVAILABLE, .why = "later" } };
    start_device(s);
    (void) hear_asked(s, SV_UPDATER_CHECK, 1);
    turn_polls(s, 2);
    assert_null(find_said(s, "feedback"));
    for (unsigned i = 1; i < 50; i++) {
        assert_in_range(device_refused_wait_us(SV_ERR_UNAVAILABLE, i), SV_DDI_AGAIN_US,
                        SV_DDI_AGAIN_MAX_US);
        assert_true(device_refused_wait_us(SV_ERR_STATE, i) > 0);
        assert_int_equal(device_refused_wait_us(SV_ERR_UNTRUSTED, i) == 0,
                         i >= SV_DDI_REFUSALS_MAX);
    }
    s->answer.refused.err = SV_ERR_UNTRUSTED; // what is another action begins to count anew
    for (int action = 8; action < 8 + SV_DDI_REFUSALS_MAX; action++) {
        s->action = action;
        (void) hear_asked(s, SV_UPDATER_CHECK, action - 6);
    }
    turn_polls(s, 1);
    assert_null(find_said(s, "feedback"));
}

static void what_came_in_between_begins_to_count_refusals_anew(void **state) { // [ddid-17]
    (void) state;
    for (int more = 0; more < 2; more++) {
        SV_DEFER(finish) story *s = prepare();
        s->action = 7;
        start_device(s);
        for (int i = 1; i <= SV_DDI_REFUSALS_MAX; i++) {
            s->device->check_at_us = 0;
            turn_polls(s, 1);
            uint64_t number = hear_asked(s, SV_UPDATER_CHECK, i)->number;
            send_to_agent(s,
                          &(sv_updater_message){
                              .verb = SV_UPDATER_PROGRESS,
                              .number = number,
                              .progress = { .bytes = 5, .of = 10, .fetched = (uint64_t) more } });
            send_to_agent(s, &(sv_updater_message){
                                 .verb = SV_UPDATER_REFUSED,
                                 .number = number,
                                 .refused = { .err = SV_ERR_UNTRUSTED, .why = "a chunk" } });
            turn_polls(s, 2);
        }
        assert_int_equal(s->device->refusals, more != 0 ? 1 : SV_DDI_REFUSALS_MAX);
        assert_int_equal(find_said(s, "\"finished\":\"failure\"") == NULL, more != 0);
    }
}

static void an_updater_that_is_away_is_no_reason_for_anything(void **state) {
    (void) state;
    SV_DEFER(finish) story *s = prepare();
    sv_watch_drop(&s->at_listener);
    sv_fd_drop(&s->listener);
    s->action = 7;
    start_device(s);
    turn_polls(s, 2);
    assert_int_equal(s->said_count, 0);
    sv_health_metrics metrics = { 0 };
    sv_ddi_device_tell(s->device, &metrics);
    assert_string_equal(metrics.firmware_version, "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_runs_is_told_before_anything_else),
        cmocka_unit_test(an_offer_is_checked_and_what_runs_already_ends_it),
        cmocka_unit_test(reports_go_in_order_and_count_as_delivered_when_they_were_taken),
        cmocka_unit_test(reports_of_no_action_or_of_one_that_is_gone_are_told_as_what_runs),
        cmocka_unit_test(a_late_report_of_one_attempt_does_not_end_the_next_one),
        cmocka_unit_test(a_release_on_trial_is_judged_once),
        cmocka_unit_test(what_was_seen_before_the_start_proves_nothing),
        cmocka_unit_test(when_it_was_started_is_the_updaters_to_say),
        cmocka_unit_test(one_that_does_not_prove_itself_is_given_up_with_the_reason),
        cmocka_unit_test(a_cancel_stops_a_download_and_comes_too_late_for_what_runs),
        cmocka_unit_test(a_cancel_is_answered_when_it_is_known_what_was_stopped),
        cmocka_unit_test(what_is_armed_and_canceled_is_not_started),
        cmocka_unit_test(a_cancel_of_another_action_does_not_touch_what_is_armed),
        cmocka_unit_test(what_is_armed_is_started_though_nobody_offers_it),
        cmocka_unit_test(what_was_given_up_is_left_whoever_holds),
        cmocka_unit_test(what_is_armed_waits_while_something_holds),
        cmocka_unit_test(what_begins_to_hold_during_the_check_holds),
        cmocka_unit_test(what_is_armed_is_started),
        cmocka_unit_test(what_came_for_an_action_is_told_over_all_its_checks),
        cmocka_unit_test(what_is_held_is_written_and_armed_later),
        cmocka_unit_test(a_file_of_the_operators_holds_as_well),
        cmocka_unit_test(a_bad_image_is_tried_again_when_the_server_means_it),
        cmocka_unit_test(one_poll_may_be_older_than_what_the_server_heard),
        cmocka_unit_test(what_is_not_right_fails_and_what_may_pass_does_not),
        cmocka_unit_test(what_came_in_between_begins_to_count_refusals_anew),
        cmocka_unit_test(an_updater_that_is_away_is_no_reason_for_anything),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
