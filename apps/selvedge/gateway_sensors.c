// `selvedge gateway status --sensors`: what each sensor costs the link. [traffic-1]
#include "gateway_status.h"
#include "show.h"
#include <base/mem.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct row {
    sv_text device, sensor, uplink;
    double readings, in, up;
} row;

static row read_row(const sv_json *item) {
    row out = { .readings = 0 };
    (void) sv_json_text(sv_json_get(item, "device"), &out.device);
    (void) sv_json_text(sv_json_get(item, "sensor"), &out.sensor);
    (void) sv_json_text(sv_json_get(item, "uplink"), &out.uplink);
    (void) sv_json_number(sv_json_get(item, "count"), &out.readings);
    (void) sv_json_number(sv_json_get(item, "bytes_in"), &out.in);
    (void) sv_json_number(sv_json_get(item, "bytes_up"), &out.up);
    return out;
}

/// The dearest first.
static int by_cost(const void *left, const void *right) {
    const row *a = left;
    const row *b = right;
    if (a->up != b->up) {
        return a->up > b->up ? -1 : 1;
    }
    return (a->in < b->in) - (a->in > b->in);
}

static void show_row(const row *one) {
    char room[2][SV_SHOW_BYTES_ROOM];
    (void) printf("%-20.*s %-20.*s %-9.*s %10.0f %10s %10s", SV_TEXT_ARG(one->device),
                  SV_TEXT_ARG(one->sensor), SV_TEXT_ARG(one->uplink), one->readings,
                  sv_show_bytes(one->in, room[0]), sv_show_bytes(one->up, room[1]));
    if (one->in > 0) {
        (void) printf(" %5.1f %%", 100 * one->up / one->in);
    }
    (void) putchar('\n');
}

/// What is no sensor's.
static void show_rest(const row *sum, const sv_json *uplink) {
    char room[2][SV_SHOW_BYTES_ROOM];
    double in = 0;
    double up = 0;
    (void) sv_json_number(sv_json_get(uplink, "bytes_in"), &in);
    (void) sv_json_number(sv_json_get(uplink, "bytes_up"), &up);
    in = in > sum->in ? in - sum->in : 0;
    up = up > sum->up ? up - sum->up : 0;
    (void) printf(
        "Besides: %s in (presence, health, answers, what was refused), %s up (the gateway's "
        "beats, numbers of\nreadings, commands, what waited of sensors that have been "
        "silent since the start).\n",
        sv_show_bytes(in, room[0]), sv_show_bytes(up, room[1]));
}

void gateway_sensors_show(const sv_json *streams, const sv_json *uplink, bool all) {
    size_t count = sv_json_count(streams);
    SV_DEFER(sv_mem_drop) row *rows = sv_mem_array(count + 1, sizeof *rows);
    row sum = { .device = all ? SV_TEXT("all") : SV_TEXT("together"), .sensor = SV_TEXT("") };
    for (size_t i = 0; i < count; i++) {
        rows[i] = read_row(sv_json_at(streams, i));
        sum.readings += rows[i].readings;
        sum.in += rows[i].in;
        sum.up += rows[i].up;
    }
    qsort(rows, count, sizeof *rows, by_cost);
    (void) printf("%-20s %-20s %-9s %10s %10s %10s %7s\n", "device", "sensor", "uplink", "readings",
                  "bytes in", "bytes up", "up/in");
    for (size_t i = 0; i < count && i < GATEWAY_SENSORS_SHOWN; i++) {
        show_row(&rows[i]);
    }
    show_row(&sum);
    if (count > GATEWAY_SENSORS_SHOWN) {
        (void) printf("%zu more: --device ID shows those of one, --output json all.\n",
                      count - GATEWAY_SENSORS_SHOWN);
    }
    (void) puts(
        "Since the gateway started. In: payloads of MQTT messages. Up: averages, minutes and "
        "alerts as they were sent, a\ncompressed batch shared out by the size of what is in "
        "it; `uplink:` of the configuration says what goes.");
    if (all) {
        show_rest(&sum, uplink);
    }
}
