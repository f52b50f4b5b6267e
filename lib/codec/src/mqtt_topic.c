// Topics and filters [§4.7, §4.8.2].
#include "mqtt_wire.h"

#include <string.h>

bool sv_mqtt_topic_is_valid(sv_text topic) {
    return topic.len > 0 && topic.len <= SV_MQTT_TEXT_MAX
           && sv_mqtt_text_judge(topic) == SV_MQTT_TEXT_PLAIN;
}

static bool has_any(sv_text text, const char *marks) {
    for (; *marks != '\0'; marks++) {
        if (text.len > 0 && memchr(text.at, *marks, text.len) != NULL) {
            return true;
        }
    }
    return false;
}

bool sv_mqtt_filter_is_valid(sv_text filter) {
    if (filter.len == 0 || filter.len > SV_MQTT_TEXT_MAX) {
        return false;
    }
    for (size_t levels = 1; levels <= SV_MQTT_LEVELS_MAX; levels++) {
        bool goes_on = has_any(filter, "/");
        sv_text level = sv_text_cut(&filter, '/');
        if (level.len > 1 && has_any(level, "+#")) {
            return false;
        }
        if (!goes_on) {
            return true;
        }
        if (sv_text_is(level, "#")) {
            return false;
        }
    }
    return false;
}

bool sv_mqtt_filter_shared(sv_text filter, sv_text *out_name, sv_text *out_filter) {
    if (!sv_text_starts(filter, SV_TEXT("$share/"))) {
        return false;
    }
    sv_text rest = filter;
    (void) sv_text_cut(&rest, '/');
    *out_name = sv_text_cut(&rest, '/');
    bool broken = out_name->len == 0 || has_any(*out_name, "+#") || !sv_mqtt_filter_is_valid(rest);
    *out_filter = broken ? SV_TEXT("") : rest;
    return true;
}

bool sv_mqtt_filter_next(sv_mqtt_type type, sv_text *rest, sv_mqtt_filter *out) {
    sv_mqtt_reader reader = { .rest = *rest };
    sv_text filter;
    uint8_t options = 0;
    if (sv_mqtt_take_binary(&reader, &filter) != SV_OK
        || (type == SV_MQTT_SUBSCRIBE && sv_mqtt_take_byte(&reader, &options) != SV_OK)) {
        return false;
    }
    *out = (sv_mqtt_filter){
        .filter = filter,
        .qos = options & 3U,
        .no_local = (options & 4U) != 0,
        .retain_as_published = (options & 8U) != 0,
        .retain_handling = options >> 4 & 3U,
    };
    *rest = reader.rest;
    return true;
}

bool sv_mqtt_topic_matches(sv_text filter, sv_text topic) {
    bool system = topic.len > 0 && topic.at[0] == '$';
    bool wild = filter.len > 0 && (filter.at[0] == '+' || filter.at[0] == '#');
    if (filter.len == 0 || topic.len == 0 || (system && wild)) {
        return false;
    }
    for (;;) {
        bool filter_goes_on = has_any(filter, "/");
        bool topic_goes_on = has_any(topic, "/");
        sv_text want = sv_text_cut(&filter, '/');
        if (sv_text_is(want, "#")) {
            return true;
        }
        sv_text have = sv_text_cut(&topic, '/');
        if (!sv_text_is(want, "+") && !sv_text_eq(want, have)) {
            return false;
        }
        if (!topic_goes_on) {
            // "a/#" matches "a" as well [§4.7.1.2].
            return !filter_goes_on || sv_text_is(filter, "#");
        }
        if (!filter_goes_on) {
            return false;
        }
    }
}
