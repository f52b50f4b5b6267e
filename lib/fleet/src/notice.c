#include <fleet/notice.h>

static const char *const KINDS[SV_NOTICE_KIND__COUNT] = {
    [SV_NOTICE_RAISED] = "raised",       [SV_NOTICE_STILL_OPEN] = "still_open",
    [SV_NOTICE_ESCALATED] = "escalated", [SV_NOTICE_RECOVERED] = "recovered",
    [SV_NOTICE_TEST] = "test",
};

const char *sv_notice_kind_name(sv_notice_kind kind) {
    return KINDS[kind];
}

static void add_clean(sv_textbuf *out, sv_text text) {
    for (size_t i = 0; i < text.len; i++) {
        bool control = (unsigned char) text.at[i] < ' ' || text.at[i] == 0x7f;
        sv_textbuf_add_char(out, control ? ' ' : text.at[i]);
    }
}

static void add_lead(const sv_notice_group *group, sv_textbuf *out) {
    const char *severity = sv_severity_name(group->severity);
    switch (group->kind) {
    case SV_NOTICE_STILL_OPEN:
        sv_textbuf_addf(out, "still open, %s: ", severity);
        break;
    case SV_NOTICE_ESCALATED:
        sv_textbuf_addf(out, "nobody has acknowledged, %s: ", severity);
        break;
    case SV_NOTICE_RECOVERED:
        sv_textbuf_add_str(out, "recovered: ");
        break;
    case SV_NOTICE_TEST:
        sv_textbuf_add_str(out, "test: ");
        break;
    case SV_NOTICE_RAISED:
    case SV_NOTICE_KIND__COUNT:
        sv_textbuf_addf(out, "%s: ", severity);
        break;
    }
}

static void add_end(const sv_notice_group *group, sv_textbuf *out) {
    if (group->kind == SV_NOTICE_RECOVERED || group->over == 0) {
        return;
    }
    if (group->over >= group->count) {
        sv_textbuf_add_str(out, " (over since)");
    } else {
        sv_textbuf_addf(out, " (%lld of them over since)", (long long) group->over);
    }
}

void sv_notice_title(const sv_notice_group *group, sv_textbuf *out) {
    bool many = group->count > 1;
    add_lead(group, out);
    if (many) {
        sv_textbuf_addf(out, "%lld devices", (long long) group->count);
    } else {
        add_clean(out, group->first);
    }
    sv_textbuf_add_str(out, " at site ");
    add_clean(out, group->site);
    sv_textbuf_add_str(out, ": ");
    add_clean(out, group->type);
    if (group->sensor.len > 0) {
        sv_textbuf_add_char(out, ' ');
        add_clean(out, group->sensor);
    }
    if (many) {
        sv_textbuf_add_str(out, ", first ");
        add_clean(out, group->first);
    }
    sv_textbuf_add_str(out, ": ");
    char room[SV_ALERT_MESSAGE_MAX];
    sv_textbuf reason = SV_TEXTBUF(room);
    sv_alert_add_readable(&reason, group->reason);
    add_clean(out, sv_textbuf_text(&reason));
    add_end(group, out);
}

int64_t sv_notice_pause_us(int64_t tries) {
    static const int SECONDS[] = { 5, 15, 30, 60, 120, 300, 600, 900, 1800 };
    int64_t step = tries < 1 ? 0 : tries - 1;
    size_t last = SV_COUNT(SECONDS) - 1;
    return SECONDS[step < (int64_t) last ? (size_t) step : last] * SV_TIME_SECOND_US;
}
