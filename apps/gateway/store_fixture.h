// What tests of what the store keeps share: a gateway with a real store below a temporary folder.
#ifndef SELVEDGE_GATEWAY_STORE_FIXTURE_H
#define SELVEDGE_GATEWAY_STORE_FIXTURE_H

#include "series.h"
#include <base/test.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/disk.h>
#include <sys/log.h>

static gw g;
static char folder[64];

static inline void open_store(void) {
    gw_ingest_open(&g);
    sv_why why = { 0 };
    if (gw_store_open(&g, &why) != SV_OK || gw_ingest_prime(&g, &why) != SV_OK) {
        fail_msg("%s", why.text);
    }
}

/// As when the power goes: what was recorded and not committed is lost with the process, but here
/// every step has been committed, and what a step keeps in memory is gone.
static inline void close_store(void) {
    sv_writer_drop(&g.writer);
    gw_ingest_close(&g);
    gw_pack_drop(&g.series.pack);
    sv_db_drop(&g.db);
    g.series = (gw_series){ .group = 0 };
}

/// Of the newest readings `rows` are not packed.
static inline int start_store(int64_t rows) {
    static const char YAML[] = "id: gw-1\nsite: north\nbroker: {host: 127.0.0.1}\n"
                               "tls: {ca: a, cert: b, key: c}\nstore: {path: %s/gateway.db}\n";
    char room[sizeof YAML + sizeof folder];
    sv_textbuf text = SV_TEXTBUF(room);
    sv_config_faults faults = { .file = "test" };
    (void) snprintf(folder, sizeof folder, "/tmp/selvedge-store-XXXXXX");
    assert_non_null(mkdtemp(folder));
    sv_textbuf_addf(&text, YAML, folder);
    g = (gw){ .exit_code = 0 };
    assert_int_equal(gw_config_read(sv_textbuf_text(&text), &g.config, &faults), SV_OK);
    assert_int_equal(sv_loop_open(&g.loop, NULL), SV_OK);
    sv_log_open("test", SV_LOG_error);
    g.config.store.rows = rows;
    g.config.store.pack_us = 1;
    open_store();
    return 0;
}

static inline int end(void **state) {
    (void) state;
    close_store();
    sv_loop_drop(&g.loop);
    gw_config_drop(&g.config);
    assert_int_equal(sv_disk_remove_tree(folder, NULL), SV_OK);
    return 0;
}

#endif
