// The first line is a method and a target, the second a cookie, the rest the body; without a cookie
// the administrator's token is shown. Whatever somebody asks: an answer comes, none says that the
// server is at fault, and JSON is JSON.
#include "fleet_fixture.h"

#include "operator_door.h"
#include "uplink.h"

#include <codec/json.h>
#include <net/test.h>
#include <string.h>
#include <sys/log.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { RUNS_PER_FLEET = 4096, ANSWER_MAX = 1 << 24, CONNECTIONS_MAX = 4, HEAD_MAX = 32 * 1024 };

static fixture server;
static sv_loop *loop;
static sv_http_server *door;
static char token[SV_SECRET_ROOM];

static const char READINGS[] =
    "{\"epoch\":\"0123456789abcdef0123456789abcdef\",\"items\":["
    "{\"seq\":1,\"kind\":\"average\",\"device_id\":\"press-1\",\"sensor\":\"temperature\","
    "\"unit\":\"Cel\",\"at\":1799999990000000,\"value\":21.5},"
    "{\"seq\":2,\"kind\":\"summary\",\"device_id\":\"press-1\",\"sensor\":\"temperature\","
    "\"at\":1799999940000000,\"count\":3,\"min\":20,\"mean\":21,\"max\":22}]}";
static const char ALERT[] =
    "{\"id\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\",\"deviceId\":\"press-1\",\"alertType\":\"HIGH\","
    "\"severity\":\"warning\","
    "\"message\":\"m\",\"data\":{\"timestamp\":1800000000000,\"deviceId\":\"press-1\","
    "\"sensor\":\"temperature\",\"value\":1,\"raw\":1},\"timestamp\":\"2027-01-15T08:00:00Z\","
    "\"event\":\"raised\"}";

static void must(bool is_so) {
    if (!is_so) {
        abort();
    }
}

static void take(sv_uplink_fn *way, const char *body) {
    char room[SV_UPLINK_ANSWER_MAX];
    sv_textbuf answer = SV_TEXTBUF(room);
    must(way(&server.fleet, fixture_gateway(&server, "gw-a"), sv_text_of(body), &answer, NULL)
         == SV_OK);
}

static void stop_fleet(void) {
    sv_http_server_drop(&door);
    sv_fleet_drop(&server.fleet);
    (void) !sv_disk_remove_tree(server.dir, NULL);
}

static void stop(void) {
    stop_fleet();
    sv_loop_drop(&loop);
}

static void read_token(void) {
    char room[SV_SECRET_ROOM + 2];
    sv_textbuf file = SV_TEXTBUF(room);
    must(sv_disk_read(server.fleet.config.admin_token_file, &file, NULL) == SV_OK
         && sv_text_copy(sv_text_trim(sv_textbuf_text(&file)), token, sizeof token) == SV_OK);
}

/// One device with two readings and an alert.
static void start_fleet(void) {
    const char *room = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    const sv_http_server_options options = { .bind = "127.0.0.1",
                                             .body_max = SV_OPERATOR_BODY_MAX,
                                             .connections_max = CONNECTIONS_MAX };
    (void) snprintf(server.dir, sizeof server.dir, "%s/selvedge-fuzz-XXXXXX", room);
    must(mkdtemp(server.dir) != NULL);
    fixture_start(&server);
    read_token();
    take(sv_uplink_readings, READINGS);
    take(sv_uplink_alert, ALERT);
    must(sv_http_server_open(loop, &options, sv_operator_door, &server.fleet, &door, NULL)
         == SV_OK);
}

static void start(void) {
    sv_log_open("fuzz", SV_LOG_error);
    must(sv_loop_open(&loop, NULL) == SV_OK);
    start_fleet();
    must(atexit(stop) == 0);
}

static void put_request(sv_text line, sv_text cookie, sv_text body, sv_textbuf *out) {
    sv_textbuf_add(out, line);
    sv_textbuf_addf(out, " HTTP/1.1\r\nHost: fuzz\r\nConnection: close\r\nX-Selvedge: 1\r\n"
                         "If-Match: \"0\"\r\n");
    if (cookie.len > 0) {
        sv_textbuf_add_str(out, "Cookie: ");
        sv_textbuf_add(out, cookie);
    } else {
        sv_textbuf_addf(out, "Authorization: Bearer %s", token);
    }
    sv_textbuf_addf(out, "\r\nContent-Length: %zu\r\n\r\n", body.len);
    sv_textbuf_add(out, body);
}

/// Lines of a head end with \r\n.
static bool says(sv_text text, const char *what) {
    return memmem(text.at, text.len, what, strlen(what)) != NULL;
}

/// `507` is the answer to who asks for too much, `503` to who asks what a gateway that is away
/// would have to say, and to a password, for which there is no thread here; nothing else may be the
/// server's fault.
static void check(sv_text answer, bool to_head) {
    const char *end = answer.len > 0 ? memmem(answer.at, answer.len, "\r\n\r\n", 4) : NULL;
    if (end == NULL) {
        return;
    }
    sv_text head = { .at = answer.at, .len = (size_t) (end - answer.at) + 2 };
    sv_text body = { .at = end + 4, .len = answer.len - head.len - 2 };
    sv_text status = head;
    (void) sv_text_cut(&status, ' ');
    must(status.len > 3
         && (status.at[0] != '5' || sv_text_starts(status, SV_TEXT("507"))
             || sv_text_starts(status, SV_TEXT("501"))
             || (sv_text_starts(status, SV_TEXT("503"))
                 && (says(body, "is not connected now") || says(body, "wait to be judged")))));
    if (!to_head
        && (says(head, ": application/json\r") || says(head, ": application/problem+json\r"))) {
        SV_DEFER(sv_json_drop) sv_json *root = NULL;
        must(sv_json_parse(body, &root, NULL, NULL) == SV_OK);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static unsigned runs;
    if (runs == 0) {
        start();
    } else if (runs % RUNS_PER_FLEET == 0) {
        stop_fleet();
        start_fleet();
    }
    runs++;
    sv_text body = { .at = (const char *) data, .len = size };
    sv_text line = sv_text_cut(&body, '\n');
    sv_text cookie = sv_text_cut(&body, '\n');
    SV_DEFER(sv_textbuf_drop) sv_textbuf request = SV_TEXTBUF_HEAP(size + HEAD_MAX);
    put_request(line, cookie, body, &request);
    SV_DEFER(sv_textbuf_drop) sv_textbuf answer = SV_TEXTBUF_HEAP(ANSWER_MAX);
    sv_test_talk(loop, sv_http_server_port(door), sv_textbuf_text(&request), &answer);
    check(sv_textbuf_text(&answer), sv_text_starts(line, SV_TEXT("HEAD")));
    return 0;
}
