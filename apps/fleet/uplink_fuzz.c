// The first byte chooses what the body is sent as. Whatever the body: a refused one changes
// nothing and says why, an answer is JSON, a batch sent again adds nothing, and what is shown
// afterwards is JSON.
#include "fleet_fixture.h"

#include "clones.h"
#include "commands.h"
#include "ledger.h"
#include "standing_push.h"
#include "uplink.h"
#include "views.h"

#include <codec/json.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { RUNS_PER_FLEET = 512 };

static fixture server;

static void stop(void) {
    sv_fleet_drop(&server.fleet);
    (void) !sv_disk_remove_tree(server.dir, NULL);
}

/// A new server now and then, in memory where there is such a folder: it grows with every device.
static void start_anew(void) {
    if (server.dir[0] != '\0') {
        stop();
    } else if (atexit(stop) != 0) {
        abort();
    }
    const char *room = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    (void) snprintf(server.dir, sizeof server.dir, "%s/selvedge-fuzz-XXXXXX", room);
    if (mkdtemp(server.dir) == NULL) {
        abort();
    }
    fixture_start(&server);
}

static void must_be_json(sv_text text) {
    SV_DEFER(sv_json_drop) sv_json *root = NULL;
    if (sv_json_parse(text, &root, NULL, NULL) != SV_OK) {
        abort();
    }
}

static sv_err post(sv_uplink_fn *take, sv_text body) {
    char room[SV_UPLINK_ANSWER_MAX];
    sv_textbuf answer = SV_TEXTBUF(room);
    sv_why why = { 0 };
    int64_t before = server.fleet.counts.points_stored;
    sv_err err = take(&server.fleet, fixture_gateway(&server, "gw-a"), body, &answer, &why);
    if (err == SV_OK) {
        must_be_json(sv_textbuf_text(&answer));
    } else if (err != SV_ERR_INVALID || why.text[0] == '\0'
               || server.fleet.counts.points_stored != before) {
        abort(); // nothing in a body makes a sound database fail
    }
    return err;
}

static void look(void) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf text = SV_TEXTBUF_HEAP(1 << 22);
    sv_json_out out = SV_JSON_OUT(&text);
    if (sv_view_overview(&server.fleet, "", &out, NULL) != SV_OK || text.overflowed) {
        abort();
    }
    must_be_json(sv_textbuf_text(&text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static sv_uplink_fn *const ways[] = { sv_uplink_readings,     sv_uplink_alert,
                                          sv_uplink_health,       sv_ledger_take,
                                          sv_commands_take,       sv_clones_take,
                                          sv_standing_take_report };
    static unsigned runs;
    if (size == 0) {
        return 0;
    }
    if (runs++ % RUNS_PER_FLEET == 0) {
        start_anew();
    }
    sv_text body = { .at = (const char *) data + 1, .len = size - 1 };
    sv_uplink_fn *way = ways[(uint8_t) (data[0] - '0') % SV_COUNT(ways)];
    if (post(way, body) != SV_OK) {
        return 0;
    }
    int64_t stored = server.fleet.counts.points_stored;
    if (post(way, body) != SV_OK || server.fleet.counts.points_stored != stored) {
        abort();
    }
    look();
    return 0;
}
