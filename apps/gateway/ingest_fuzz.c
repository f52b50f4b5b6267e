// Each line is a message: its topic, a space, its payload. Whatever devices send: the gateway goes
// on, every reading is stored or counted as refused, what goes up and what the site is told is
// JSON, and what was stored is read back at the next start.
#include "gateway.h"

#include <codec/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/clock.h>
#include <sys/disk.h>
#include <sys/log.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { RUNS_PER_STORE = 512, BODY_MAX = 1 << 24 };

static const char CONFIG[] = "id: gw-1\nsite: north\nbroker: {host: 127.0.0.1}\n"
                             "tls: {ca: a, cert: b, key: c}\n"
                             "store: {path: %s/gateway.db}\n"
                             "thresholds: {default: {high: 80, low: 10}}\n"
                             "change: {default: 1.0}\n"
                             "uplink: {default: change, sensors: {all: all, none: never}}\n";

static gw g;
static char folder[64];

static void must(bool is_so) {
    if (!is_so) {
        abort();
    }
}

static void must_be_json(sv_text text) {
    SV_DEFER(sv_json_drop) sv_json *root = NULL;
    must(sv_json_parse(text, &root, NULL, NULL) == SV_OK);
}

static void open_store(void) {
    gw_ingest_open(&g);
    must(gw_store_open(&g, NULL) == SV_OK && gw_ingest_prime(&g, NULL) == SV_OK
         && gw_outbox_open(&g, NULL) == SV_OK && gw_act_open(&g, NULL) == SV_OK);
}

static void close_store(void) {
    (void) gw_senders_checkpoint(&g);
    sv_writer_drop(&g.writer);
    must(g.exit_code == 0);
    gw_ingest_close(&g);
    gw_act_close(&g);
    sv_db_drop(&g.db);
    g.alerts_open = 0;
    g.devices_online = 0;
}

static void stop(void) {
    close_store();
    (void) !sv_disk_remove_tree(folder, NULL);
    sv_http_client_drop(&g.fleet.http);
    sv_loop_drop(&g.loop);
    gw_config_drop(&g.config);
}

/// Two peers that nothing is ever sent to: what would go up stays where it can be looked at.
static void start(void) {
    const char *room = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    (void) snprintf(folder, sizeof folder, "%s/selvedge-fuzz-XXXXXX", room);
    char yaml[sizeof CONFIG + sizeof folder];
    sv_textbuf config = SV_TEXTBUF(yaml);
    SV_DEFER(sv_config_faults_drop) sv_config_faults faults = { .file = "fuzz" };
    must(mkdtemp(folder) != NULL);
    sv_textbuf_addf(&config, CONFIG, folder);
    must(gw_config_read(sv_textbuf_text(&config), &g.config, &faults) == SV_OK
         && sv_loop_open(&g.loop, NULL) == SV_OK
         && sv_http_client_open(g.loop, "http://127.0.0.1:9", NULL, SV_TIME_SECOND_US,
                                &g.fleet.http, NULL)
                == SV_OK);
    g.fleet.retry_at_us = INT64_MAX;
    g.alert_peer = g.fleet;
    sv_log_open("fuzz", SV_LOG_error);
    open_store();
    must(atexit(stop) == 0);
}

/// The same store again, as after a restart; then an empty one, because it grows.
static void start_anew(void) {
    close_store();
    open_store();
    close_store();
    must(sv_disk_remove_tree(folder, NULL) == SV_OK
         && sv_disk_make_folder(folder, 0700, NULL) == SV_OK);
    open_store();
}

static void send(sv_text line) {
    sv_text topic = sv_text_cut(&line, ' ');
    uint64_t arrived = g.readings - g.stored;
    uint64_t refused = g.refused[SV_READING_FINE] + g.refused[SV_READING_REPEATED];
    uint64_t group = gw_ingest_message(&g, topic, line);
    must(g.exit_code == 0 && group <= sv_writer_group(g.writer));
    must(g.readings - g.stored - arrived
         == g.refused[SV_READING_FINE] + g.refused[SV_READING_REPEATED] - refused);
}

/// There is nobody to publish them to: they wait, as what they are, and are taken away here.
static void look_at_alerts(void) {
    sv_stmt *row = NULL;
    int64_t count = 0;
    sv_writer_wait(g.writer);
    must(sv_db_stmt(g.db, "SELECT device, body FROM alert_local ORDER BY id", &row, NULL) == SV_OK);
    for (; sv_stmt_next(row, NULL) == SV_OK; count++) {
        must(sv_id_is_valid(sv_stmt_text(row, 0)));
        must_be_json(sv_stmt_text(row, 1));
    }
    must(count == g.local_alerts.last - g.local_alerts.settled);
    gw_local_alert_acknowledged(&g, g.local_alerts.last);
    sv_writer_add(g.writer, "DELETE FROM alert_local");
    sv_writer_wait(g.writer);
    must(g.committed == sv_writer_last(g.writer));
    must(g.alerts_open >= 0 && g.devices_online >= 0);
}

static void look_at_outbox(void) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf body = SV_TEXTBUF_HEAP(BODY_MAX);
    gw_batch batch = { 0 };
    if (gw_outbox_next_batch(&g, &g.outbox.live, GW_BATCH_MAX, &batch, &body, NULL) != SV_OK) {
        must(batch.items == 0 && gw_outbox_rows(&g) == 0);
        return;
    }
    must(!body.overflowed);
    must_be_json(sv_textbuf_text(&body));
    gw_outbox_forget_batch(&g, &batch);
    sv_writer_wait(g.writer);
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
        send(sv_text_cut(&rest, '\n'));
    }
    look_at_alerts();
    look_at_outbox();
    return 0;
}
