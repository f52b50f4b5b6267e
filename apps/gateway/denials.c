#include "denials.h"

#include "gateway.h"
#include <base/mem.h>
#include <stdio.h>
#include <stdlib.h>

void gw_denials_open(gw *g, const uint8_t key[16]) {
    g->denials = (gw_denials){ .of = sv_map_new(GW_DENIALS_IDS, key) };
}

void gw_denials_close(gw *g) {
    for (size_t i = 0; g->denials.of != NULL && i < sv_map_count(g->denials.of); i++) {
        free(sv_map_at(g->denials.of, i, NULL));
    }
    sv_map_drop(&g->denials.of);
}

static gw_denied *denied_of(gw *g, const char *id) {
    gw_denied *one = sv_map_get(g->denials.of, sv_text_of(id));
    if (one != NULL) {
        return one;
    }
    one = sv_mem_new(sizeof *one);
    if (sv_text_copy(sv_text_of(id), one->id, sizeof one->id) != SV_OK
        || sv_map_put(g->denials.of, sv_text_of(id), one) != SV_OK) {
        free(one);
        return NULL;
    }
    return one;
}

void gw_denials_note(gw *g, const char *id, const char *what, int64_t now_us) {
    gw_denied *one = denied_of(g, id);
    if (one == NULL) {
        return;
    }
    one->count++;
    one->last_us = now_us;
    if (one->lately == 0 || now_us - one->since_us > GW_DENIALS_WITHIN_US) {
        one->lately = 0;
        one->since_us = now_us;
    }
    one->lately++;
    if (one->lately < GW_DENIALS_MANY || g->full || g->exit_code != 0
        || gw_notice_is_open(g, GW_NOTICE_DENIED, id)) {
        return;
    }
    char message[SV_ALERT_MESSAGE_MAX];
    (void) snprintf(message, sizeof message,
                    "It asks for what it may not, %u times within %lld minutes, at last: %.160s",
                    one->lately, (long long) (GW_DENIALS_WITHIN_US / SV_TIME_MINUTE_US), what);
    gw_notice_raise(g, GW_NOTICE_DENIED, id, message);
}

void gw_denials_reopen(gw *g, const char *id, int64_t now_us) {
    gw_denied *one = denied_of(g, id);
    if (one != NULL) {
        one->lately = 1;
        one->since_us = now_us;
        one->last_us = now_us;
    }
}

void gw_denials_sweep(gw *g, int64_t now_us) {
    for (size_t i = 0; !g->full && i < sv_map_count(g->denials.of); i++) {
        gw_denied *one = sv_map_at(g->denials.of, i, NULL);
        if (one->lately > 0 && now_us - one->last_us > GW_DENIALS_CALM_US) {
            one->lately = 0;
            gw_notice_clear(g, GW_NOTICE_DENIED, one->id);
        }
    }
}

uint64_t gw_denials_of(const gw *g, sv_text id) {
    const gw_denied *one = sv_map_get(g->denials.of, id);
    return one == NULL ? 0 : one->count;
}

/// Into the list of the most, which is in order.
static void place(const gw_denied *most[GW_DENIALS_SHOWN], const gw_denied *one) {
    for (size_t i = 0; i < GW_DENIALS_SHOWN && one != NULL; i++) {
        if (most[i] == NULL || one->count > most[i]->count) {
            const gw_denied *next = most[i];
            most[i] = one;
            one = next;
        }
    }
}

void gw_denials_write(const gw *g, sv_json_out *out) {
    const gw_denied *most[GW_DENIALS_SHOWN] = { NULL };
    for (size_t i = 0; i < sv_map_count(g->denials.of); i++) {
        place(most, sv_map_at(g->denials.of, i, NULL));
    }
    sv_json_open_array(out);
    for (size_t i = 0; i < GW_DENIALS_SHOWN && most[i] != NULL; i++) {
        sv_json_open_object(out);
        sv_json_add_str(out, "id", most[i]->id);
        sv_json_add_int(out, "count", (int64_t) most[i]->count);
        sv_json_close_object(out);
    }
    sv_json_close_array(out);
}
