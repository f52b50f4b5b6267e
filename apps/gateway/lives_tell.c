#include "lives_own.h"
#include <math.h>

enum { KINDS_TOLD = 3 };

/// Smaller probabilities of a kind are not named.
#define KIND_MIN 0.01
/// Beyond this a probability is "over" it.
#define CHANCE_MOST 0.99

// ---- in an alert --------------------------------------------------------------------------------

static void add_time(sv_textbuf *out, double us) {
    double hours = us / (double) SV_TIME_HOUR_US;
    if (hours < 1) {
        sv_textbuf_addf(out, "%.0f min", 60 * hours);
    } else if (hours < 48) {
        sv_textbuf_addf(out, "%.0f h", hours);
    } else {
        sv_textbuf_addf(out, "%.0f days", hours / 24);
    }
}

static void add_remaining(sv_textbuf *out, const sv_mlife *life) {
    double row_us = (double) life->terms.row_us;
    add_time(out, life->remaining.estimate * row_us);
    sv_textbuf_add_str(out, " left (");
    add_time(out, life->remaining.low * row_us);
    sv_textbuf_add_str(out, " to ");
    add_time(out, life->remaining.high * row_us);
    sv_textbuf_add_char(out, ')');
}

/// In whole hundredths; of what has not happened nobody says 100 %.
static void add_chance(sv_textbuf *out, double chance) {
    if (chance > CHANCE_MOST) {
        sv_textbuf_addf(out, "over %.0f %%", 100 * CHANCE_MOST);
    } else {
        sv_textbuf_addf(out, "%.0f %%", 100 * chance);
    }
}

/// The classes that something is wrong with, the most probable first.
static void add_kinds(sv_textbuf *out, const sv_mlife *life) {
    const sv_model *model = life->model;
    bool told[SV_MODEL_CLASSES_MAX] = { false };
    told[sv_model_fine_class(model)] = true;
    for (unsigned i = 0; i < KINDS_TOLD; i++) {
        unsigned most = SV_MODEL_CLASSES_MAX;
        for (unsigned k = 0; k < model->classes; k++) {
            bool more = most == SV_MODEL_CLASSES_MAX
                            ? life->probability[k] >= KIND_MIN
                            : life->probability[k] > life->probability[most];
            most = !told[k] && more ? k : most;
        }
        if (most == SV_MODEL_CLASSES_MAX) {
            return;
        }
        told[most] = true;
        sv_textbuf_addf(out, "%s%.*s ", i == 0 ? "" : ", ", SV_TEXT_ARG(model->class_name[most]));
        add_chance(out, life->probability[most]);
    }
}

static void add_part(sv_textbuf *out, const sv_mlife *life, const sv_mlife_part *part,
                     bool is_first) {
    bool of_class = life->model->task == SV_MODEL_CLASS;
    sv_textbuf_addf(out, "%s%.*s %s (", is_first ? "; " : ", ", SV_TEXT_ARG(part->sensor),
                    part->come < 0 ? "lower" : "higher");
    if (of_class) {
        sv_textbuf_addf(out, "%.0f%s)", 100 * part->by,
                        is_first ? " points less if it were as at first" : "");
    } else {
        sv_textbuf_addf(out, "%.1f%s)", fabs(part->come), is_first ? " spreads than at first" : "");
    }
}

/// "Failure within 14 days: 42 % likely, 9 days left (3 days to 20 days); vibration higher (4.2
/// spreads than at first), current higher (2.1)", "Failure within 14 days: 64 % likely, bearing
/// 58 %, seal 6 %; vibration higher (41 points less if it were as at first), current higher (9)".
void gw_life_add_message(sv_textbuf *out, const sv_mlife *life) {
    sv_mlife_part parts[SV_MLIFE_PARTS];
    size_t count = sv_mlife_parts(life, parts);
    sv_textbuf_add_str(out, "Failure");
    if (life->terms.horizon > 0) {
        sv_textbuf_add_str(out, " within ");
        add_time(out, life->terms.horizon * (double) life->terms.row_us);
    }
    sv_textbuf_add_str(out, ": ");
    add_chance(out, life->risk);
    sv_textbuf_add_str(out, " likely, ");
    if (life->model->task == SV_MODEL_CLASS) {
        add_kinds(out, life);
    } else {
        add_remaining(out, life);
    }
    for (size_t i = 0; i < count && out->len < SV_ALERT_MESSAGE_MAX / 2; i++) {
        add_part(out, life, &parts[i], i == 0);
    }
}

// ---- to the fleet server ------------------------------------------------------------------------

/// Of the live models of this task that say something the one with the highest risk;
/// GW_MODELS_MAX: none.
static size_t telling_slot(const gw *g, const gw_lives *m, sv_model_task task) {
    size_t worst = GW_MODELS_MAX;
    for (size_t i = 0; i < GW_MODELS_MAX; i++) {
        const sv_mlife *life = m->of[i].life;
        if (life != NULL && life->known && life->model->task == task
            && gw_model_is_live(&g->models.at[i])
            && (worst == GW_MODELS_MAX || life->risk > m->of[worst].life->risk)) {
            worst = i;
        }
    }
    return worst;
}

static told_life told_of(const sv_mlife *life, int64_t now_us) {
    bool of_class = life->model->task == SV_MODEL_CLASS;
    return (told_life){
        .any = true,
        .alarmed = life->alarmed,
        .moved = of_class ? life->risk : life->remaining.estimate / life->terms.horizon,
        .fault = of_class ? sv_mlife_fault(life) : 0,
        .us = now_us,
    };
}

static bool is_news(const gw *g, const gw_lives *m, sv_model_task task, int64_t now_us) {
    const told_life *told = &m->told[task];
    size_t slot = telling_slot(g, m, task);
    if (slot == GW_MODELS_MAX) {
        return told->any
               || told->us == 0; // not any more, or not since a start: what was said may stand
    }
    const told_life now = told_of(m->of[slot].life, now_us);
    bool moved = fabs(now.moved - told->moved) >= GW_LIFE_MOVED
                 || (now.fault != told->fault && now.moved >= GW_LIFE_MOVED);
    return told->us == 0 || !told->any || now.alarmed != told->alarmed
           || (moved && now_us - told->us >= GW_LIFE_MOVED_US);
}

/// Heard, and of no model's since the start: what was said before may stand at the fleet server.
static gw_device *untold(const gw *g, const char *device) {
    gw_device *known = g->devices == NULL ? NULL : sv_map_get(g->devices, sv_text_of(device));
    return known != NULL && !known->no_life_told ? known : NULL;
}

bool gw_life_is_news(const gw *g, const char *device, int64_t now_us) {
    const gw_lives *m = gw_lives_known(g, device);
    return m == NULL ? untold(g, device) != NULL
                     : is_news(g, m, SV_MODEL_RUL, now_us) || is_news(g, m, SV_MODEL_CLASS, now_us);
}

static void add_seconds(sv_json_out *out, const char *key, const sv_mlife *life, double rows) {
    sv_json_add_int(out, key,
                    llround(rows * (double) life->terms.row_us / (double) SV_TIME_SECOND_US));
}

static double thousandths(double share) {
    return round(1000 * share) / 1000;
}

static void put_classes(const sv_mlife *life, sv_json_out *out) {
    sv_mlife_part parts[SV_MLIFE_PARTS];
    size_t count = sv_mlife_parts(life, parts);
    sv_json_key(out, "classes");
    sv_json_open_array(out);
    for (size_t i = 0; i < life->model->classes; i++) {
        sv_json_open_object(out);
        sv_json_add_text(out, "name", life->model->class_name[i]);
        sv_json_add_number(out, "probability", thousandths(life->probability[i]));
        sv_json_close_object(out);
    }
    sv_json_close_array(out);
    sv_json_key(out, "parts");
    sv_json_open_array(out);
    for (size_t i = 0; i < count; i++) {
        sv_json_open_object(out);
        sv_json_add_text(out, "sensor", parts[i].sensor);
        sv_json_add_number(out, "by", thousandths(parts[i].by));
        sv_json_add_bool(out, "lower", parts[i].come < 0);
        sv_json_close_object(out);
    }
    sv_json_close_array(out);
}

static void put_life(const gw_model *model, const sv_mlife *life, sv_json_out *out) {
    sv_json_open_object(out);
    sv_json_add_str(out, "model", model->name);
    sv_json_add_int(out, "version", model->version);
    if (life->model->task == SV_MODEL_RUL) {
        add_seconds(out, "left_s", life, life->remaining.estimate);
        add_seconds(out, "low_s", life, life->remaining.low);
        add_seconds(out, "high_s", life, life->remaining.high);
    }
    sv_json_add_number(out, "risk", thousandths(life->risk));
    add_seconds(out, "horizon_s", life, life->terms.horizon);
    if (life->model->task == SV_MODEL_CLASS) {
        put_classes(life, out);
    }
    sv_json_close_object(out);
}

static void tell(gw *g, gw_lives *m, sv_model_task task, int64_t now_us, sv_json_out *out) {
    static const char *const KEYS[] = { [SV_MODEL_RUL] = "life", [SV_MODEL_CLASS] = "failure" };
    if (!is_news(g, m, task, now_us)) {
        return;
    }
    size_t slot = telling_slot(g, m, task);
    sv_json_key(out, KEYS[task]);
    if (slot == GW_MODELS_MAX) {
        m->told[task] = (told_life){ .us = now_us };
        sv_json_put_null(out);
        return;
    }
    put_life(&g->models.at[slot], m->of[slot].life, out);
    m->told[task] = told_of(m->of[slot].life, now_us);
}

void gw_life_tell(gw *g, const char *device, int64_t now_us, sv_json_out *out) {
    gw_lives *m = gw_lives_known(g, device);
    gw_device *never = m == NULL ? untold(g, device) : NULL;
    if (never != NULL) {
        never->no_life_told = true;
        sv_json_key(out, "life");
        sv_json_put_null(out);
        sv_json_key(out, "failure");
        sv_json_put_null(out);
    }
    if (m != NULL) {
        tell(g, m, SV_MODEL_RUL, now_us, out);
        tell(g, m, SV_MODEL_CLASS, now_us, out);
    }
}

void gw_lives_untold(gw *g) {
    for (size_t i = 0; g->lives != NULL && i < sv_map_count(g->lives); i++) {
        gw_lives *m = sv_map_at(g->lives, i, NULL);
        m->told[SV_MODEL_RUL].us = m->told[SV_MODEL_CLASS].us = 0;
    }
    for (size_t i = 0; g->devices != NULL && i < sv_map_count(g->devices); i++) {
        gw_device *device = sv_map_at(g->devices, i, NULL);
        device->no_life_told = false;
    }
}
