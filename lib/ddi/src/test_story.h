// For tests: a fleet server, an updater, and the agent between them, whose time passes by turns.
#ifndef SV_DDI_TEST_STORY_H
#define SV_DDI_TEST_STORY_H

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

static inline void say_deployment(door *d, const story *s) {
    char body[512];
    (void) snprintf(body, sizeof body,
                    "{\"id\":\"%lld\",\"deployment\":{\"download\":\"forced\",\"update\":\"%s\","
                    "\"chunks\":[{\"version\":\"1.1\",\"artifacts\":[{\"hashes\":{\"sha256\":"
                    "\"" NEW_HEX "\"}}]}]}}",
                    (long long) s->action, s->how);
    door_say(d, 200, body);
}

static inline void say_poll(door *d, story *s) {
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

static inline void keep_word(story *s, const char *ask) {
    assert_true(s->said_count < WORDS_MAX);
    const char *body = strstr(ask, "\r\n\r\n") + 4;
    (void) snprintf(s->said[s->said_count++], SAYS_MAX, "%.*s %s", (int) strcspn(ask, "\r"), ask,
                    body);
}

static inline void answer_door(door *d) {
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
static inline const char *find_said(const story *s, const char *text) {
    for (int i = s->said_count - 1; i >= 0; i--) {
        if (strstr(s->said[i], text) != NULL) {
            return s->said[i];
        }
    }
    return NULL;
}

// ---- the updater --------------------------------------------------------------------------------

static inline void send_to_agent(story *s, const sv_updater_message *message) {
    static uint8_t packet[SV_UPDATER_PACKET_MAX];
    size_t bytes = sv_updater_write(message, packet);
    (void) send(s->peer, packet, bytes, MSG_NOSIGNAL);
}

static inline void take_delivered(story *s, uint64_t number) {
    sv_updater_status *status = &s->status;
    assert_int_equal(status->reports[0].number, number);
    status->report_count--;
    memmove(status->reports, status->reports + 1, status->report_count * sizeof status->reports[0]);
}

static inline void answer_agent(story *s, const sv_updater_message *m) {
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

static inline void on_packet(void *arg) {
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

static inline void on_agent(void *arg) {
    story *s = arg;
    sv_watch_drop(&s->at_peer);
    sv_fd_drop(&s->peer);
    s->peer = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC);
    s->at_peer = sv_watch_readable(s->loop, s->peer, on_packet, s);
}

static inline void open_updater(story *s) {
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    assert_int_equal(sv_text_copy(sv_text_of(s->socket), at.sun_path, sizeof at.sun_path), SV_OK);
    (void) unlink(at.sun_path);
    s->listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(s->listener, (const struct sockaddr *) &at, sizeof at), 0);
    assert_int_equal(listen(s->listener, 4), 0);
    s->at_listener = sv_watch_readable(s->loop, s->listener, on_agent, s);
}

static inline int count_asked(const story *s, sv_updater_verb verb) {
    int count = 0;
    for (int i = 0; i < s->asked_count; i++) {
        count += s->asked[i].verb == verb;
    }
    return count;
}

// ---- the agent ----------------------------------------------------------------------------------

static inline void look(void *arg, int64_t since_us, sv_ddi_seen *out) {
    story *s = arg;
    s->since_us = since_us;
    *out = (sv_ddi_seen){
        .connected = s->connected, .critical = s->critical, .script_passed = true, .script = ""
    };
}

static inline void said(void *arg, bool good, const char *event, const char *sentence) {
    (void) arg;
    (void) good;
    assert_int_equal(strncmp(event, "update.", 7), 0);
    assert_true(sentence[0] != '\0');
}

static inline void start_device(story *s) {
    static const sv_ddi_device_events EVENTS = { look, said };
    assert_int_equal(sv_ddi_device_open(s->loop, &s->options, &EVENTS, s, &s->device, NULL), SV_OK);
}

static inline story *prepare(void) {
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

static inline void finish(story **s) {
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

static inline void add_report(story *s, uint64_t number, sv_trial_state state) {
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
static inline const char *hear(story *s, const char *text) {
    int64_t end_us = sv_clock_monotonic_us() + PATIENCE_US;
    while (find_said(s, text) == NULL) {
        assert_true(sv_clock_monotonic_us() < end_us);
        time_turn(s->loop);
    }
    return find_said(s, text);
}

static inline const sv_updater_message *hear_asked(story *s, sv_updater_verb verb, int count) {
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

static inline void turn_polls(story *s, int polls) {
    for (int until = s->polls + polls; s->polls < until;) {
        sv_ddi_device_look(s->device);
        time_turn(s->loop);
    }
}

static inline void turn(story *s, int seconds) {
    for (int64_t end_us = sv_clock_monotonic_us() + seconds * SV_TIME_SECOND_US;
         sv_clock_monotonic_us() < end_us;) {
        time_turn(s->loop);
    }
}

/// It has another state than it told last.
static inline void look_at_updater(story *s) {
    s->device->stale = true;
    sv_ddi_device_judge(s->device);
}

static inline void arm(story *s) {
    s->status.state = SV_TRIAL_INSTALLED;
    s->status.next = SV_TRIAL_REBOOT;
    s->status.action = 7;
}

#endif
