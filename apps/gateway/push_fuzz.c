// Each line is an event: its name, a space, its data. Whatever the fleet server sends: the gateway
// goes on, an event is taken or comes again, and a number that was taken is not taken twice.
#include "gateway.h"
#include "series_ask.h"
#include <stdio.h>
#include <stdlib.h>
#include <sys/disk.h>
#include <sys/log.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { RUNS_PER_STORE = 512 };

static const char CONFIG[] = "id: gw-1\nsite: north\nbroker: {host: 127.0.0.1, port: 9}\n"
                             "tls: {ca: a, cert: b, key: c}\n"
                             "store: {path: %s/gateway.db}\n"
                             "thresholds: {default: {high: 80, low: 10}}\n";
static const char READING[] =
    "{\"value\":91,\"timestamp\":\"2026-11-22T06:15:04\",\"device_id\":\"press-1\"}";

static gw g;
static char folder[64];

static void must(bool is_so) {
    if (!is_so) {
        abort();
    }
}

/// With one open alert, whose id is known.
static void open_store(void) {
    gw_ingest_open(&g);
    must(gw_store_open(&g, NULL) == SV_OK && gw_ingest_prime(&g, NULL) == SV_OK
         && gw_act_open(&g, NULL) == SV_OK && gw_broker_open(&g, NULL) == SV_OK);
    (void) gw_ingest_message(&g, SV_TEXT("sensors/press-1/temperature"), sv_text_of(READING));
    gw_stream *s = gw_stream_of(&g, SV_TEXT("press-1"), SV_TEXT("temperature"));
    must(s != NULL && s->stream.causes[SV_CAUSE_HIGH].open);
    sv_writer_wait(g.writer);
    must(sv_text_copy(SV_TEXT("00000000000000000000000000000001"),
                      s->stream.causes[SV_CAUSE_HIGH].alert_id,
                      sizeof s->stream.causes[SV_CAUSE_HIGH].alert_id)
         == SV_OK);
    sv_writer_add(g.writer, "UPDATE open_alert SET id = '00000000000000000000000000000001'");
    sv_writer_wait(g.writer);
}

static void close_store(void) {
    gw_series_ask_close(&g);
    sv_writer_drop(&g.writer);
    must(g.exit_code == 0);
    sv_mqtt_client_drop(&g.mqtt);
    free(g.acks);
    gw_device_acks_close(&g);
    gw_ingest_close(&g);
    gw_act_close(&g);
    sv_db_drop(&g.db);
    g.push = (gw_push){ 0 };
    g.alerts_open = 0;
}

static void stop(void) {
    close_store();
    (void) !sv_disk_remove_tree(folder, NULL);
    sv_loop_drop(&g.loop);
    gw_config_drop(&g.config);
}

static void start(void) {
    const char *room = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    (void) snprintf(folder, sizeof folder, "%s/selvedge-fuzz-XXXXXX", room);
    char yaml[sizeof CONFIG + sizeof folder];
    sv_textbuf config = SV_TEXTBUF(yaml);
    SV_DEFER(sv_config_faults_drop) sv_config_faults faults = { .file = "fuzz" };
    must(mkdtemp(folder) != NULL);
    sv_textbuf_addf(&config, CONFIG, folder);
    must(gw_config_read(sv_textbuf_text(&config), &g.config, &faults) == SV_OK
         && sv_loop_open(&g.loop, NULL) == SV_OK);
    sv_log_open("fuzz", SV_LOG_error);
    open_store();
    must(atexit(stop) == 0);
}

static void start_anew(void) {
    close_store();
    must(sv_disk_remove_tree(folder, NULL) == SV_OK
         && sv_disk_make_folder(folder, 0700, NULL) == SV_OK);
    open_store();
}

/// What has no number: a message for each that is told, and none for what is not.
static void take_look(sv_text line) {
    size_t waiting = sv_mqtt_client_waiting(g.mqtt);
    uint64_t told = g.looks.told;
    gw_look_take(&g, line);
    must(sv_mqtt_client_waiting(g.mqtt) - waiting == g.looks.told - told);
}

static void take(sv_text line) {
    SV_DEFER(sv_json_drop) sv_json *data = NULL;
    sv_text name = sv_text_cut(&line, ' ');
    if (sv_text_is(name, "update")) {
        take_look(line);
        return;
    }
    int64_t id = g.push.taken + 1;
    size_t waiting = sv_mqtt_client_waiting(g.mqtt);
    (void) (sv_json_parse(line, &data, NULL, NULL) == SV_OK);
    gw_event_end end = gw_push_take(&g, id, name, data);
    bool is_reset = sv_text_is(name, "reset");
    bool is_silent = is_reset || sv_text_is(name, "rules") || sv_text_is(name, "ask")
                     || sv_text_is(name, "maintenance");
    must(g.exit_code == 0 && end != GW_EVENT_REPEATED);
    must(g.push.taken == (end == GW_EVENT_LATER ? id - 1 : id));
    must(sv_mqtt_client_waiting(g.mqtt) - waiting == (end == GW_EVENT_DONE && !is_silent ? 1 : 0));
    must(is_reset || end == GW_EVENT_LATER
         || gw_push_take(&g, id, name, data) == GW_EVENT_REPEATED);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static unsigned runs;
    if (runs == 0) {
        start();
    } else if (runs % RUNS_PER_STORE == 0) {
        start_anew();
    }
    runs++;
    sv_text rest = { .at = (const char *) data, .len = size };
    while (rest.len > 0) {
        take(sv_text_cut(&rest, '\n'));
    }
    sv_writer_wait(g.writer);
    return 0;
}
