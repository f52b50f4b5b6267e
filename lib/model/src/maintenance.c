#include <codec/encode.h>
#include <model/maintenance.h>

static bool is_line(sv_text text) {
    bool fine = sv_utf8_is_valid(text);
    for (size_t i = 0; i < text.len; i++) {
        fine = fine && (unsigned char) text.at[i] >= ' ' && text.at[i] != '\x7f';
    }
    return fine;
}

sv_err sv_maintenance_check_why(sv_text text, sv_why *why) {
    return text.len <= SV_MAINTENANCE_WHY_MAX && is_line(text)
               ? SV_OK
               : sv_fail(why, SV_ERR_INVALID, "why is not one line of UTF-8 of at most %d bytes",
                         SV_MAINTENANCE_WHY_MAX);
}

void sv_maintenance_format(const sv_maintenance *maintenance, sv_json_out *out) {
    sv_json_open_object(out);
    sv_json_add_str(out, "device", maintenance->device[0] == '\0' ? NULL : maintenance->device);
    sv_json_add_int(out, "since", maintenance->since_ms);
    if (maintenance->until_ms == 0) {
        sv_json_add_null(out, "until");
    } else {
        sv_json_add_int(out, "until", maintenance->until_ms);
    }
    sv_json_add_str(out, "by", maintenance->by);
    sv_json_add_str(out, "why", maintenance->why);
    sv_json_close_object(out);
}

static sv_err parse_times(const sv_json *told, sv_maintenance *out, sv_why *why) {
    const sv_json *until = sv_json_get(told, "until");
    if (!sv_json_int(sv_json_get(told, "since"), &out->since_ms) || out->since_ms < 0
        || (!sv_json_is_null(until) && !sv_json_int(until, &out->until_ms))) {
        return sv_fail(why, SV_ERR_INVALID, "since and until are not milliseconds since 1970");
    }
    int64_t length_ms = out->until_ms - out->since_ms;
    if (!sv_json_is_null(until) && (length_ms <= 0 || length_ms > SV_MAINTENANCE_LONGEST_MS)) {
        return sv_fail(why, SV_ERR_INVALID, "until is not within 31 days after since");
    }
    return SV_OK;
}

sv_err sv_maintenance_parse(const sv_json *told, sv_maintenance *out, sv_why *why) {
    sv_maintenance got = { .until_ms = 0 };
    sv_text device = SV_TEXT("");
    sv_text by;
    sv_text reason;
    SV_TRY(parse_times(told, &got, why));
    if (!sv_json_is_null(sv_json_get(told, "device"))) {
        (void) sv_json_text(sv_json_get(told, "device"), &device);
        SV_TRY(sv_id_check("device id", device, why));
    }
    if (!sv_json_text(sv_json_get(told, "by"), &by) || by.len >= sizeof got.by || !is_line(by)
        || !sv_json_text(sv_json_get(told, "why"), &reason)) {
        return sv_fail(why, SV_ERR_INVALID, "by and why are not what a person wrote");
    }
    SV_TRY(sv_maintenance_check_why(reason, why));
    SV_TRY(sv_text_copy(device, got.device, sizeof got.device));
    SV_TRY(sv_text_copy(by, got.by, sizeof got.by));
    SV_TRY(sv_text_copy(reason, got.why, sizeof got.why));
    *out = got;
    return SV_OK;
}
