// A line is a filter, the rest a topic. Matching says what a matcher says that is slow and plainly
// the text of §4.7; and so does the judgement of filters.
#include <codec/mqtt_packet.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SHORT_MAX = 512 };

static void must(bool holds) {
    if (!holds) {
        abort();
    }
}

static bool has(sv_text text, char mark) {
    return text.len > 0 && memchr(text.at, mark, text.len) != NULL;
}

static size_t levels_of(sv_text text) {
    size_t levels = 1;
    for (size_t i = 0; i < text.len; i++) {
        levels += text.at[i] == '/';
    }
    return levels;
}

static sv_text level_of(sv_text text, size_t index) {
    sv_text level = sv_text_cut(&text, '/');
    while (index-- > 0) {
        level = sv_text_cut(&text, '/');
    }
    return level;
}

static bool matches_slowly(sv_text filter, sv_text topic) {
    size_t wanted = levels_of(filter);
    size_t there = levels_of(topic);
    if (topic.at[0] == '$' && (filter.at[0] == '+' || filter.at[0] == '#')) {
        return false;
    }
    bool open = sv_text_is(level_of(filter, wanted - 1), "#");
    if (open ? there < wanted - 1 : there != wanted) {
        return false;
    }
    for (size_t i = 0; i < wanted - (open ? 1U : 0U); i++) {
        sv_text level = level_of(filter, i);
        if (!sv_text_is(level, "+") && !sv_text_eq(level, level_of(topic, i))) {
            return false;
        }
    }
    return true;
}

static bool is_valid_slowly(sv_text filter) {
    size_t levels = levels_of(filter);
    bool valid = filter.len > 0 && levels <= SV_MQTT_LEVELS_MAX;
    for (size_t i = 0; valid && i < levels; i++) {
        sv_text level = level_of(filter, i);
        bool alone = level.len == 1 || (!has(level, '+') && !has(level, '#'));
        valid = alone && (i + 1 == levels || !sv_text_is(level, "#"));
    }
    return valid;
}

static void check_shared(sv_text filter) {
    sv_text name = SV_TEXT("");
    sv_text rest = SV_TEXT("");
    bool shared = sv_mqtt_filter_shared(filter, &name, &rest);
    must(shared == sv_text_starts(filter, SV_TEXT("$share/")));
    if (rest.len > 0) {
        must(name.len > 0 && sv_mqtt_filter_is_valid(rest));
        must(strlen("$share/") + name.len + 1 + rest.len == filter.len);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    sv_text topic = { .at = (const char *) data, .len = size < SHORT_MAX ? size : SHORT_MAX };
    sv_text filter = sv_text_cut(&topic, '\n');
    bool matches = sv_mqtt_topic_matches(filter, topic);
    bool valid = sv_mqtt_filter_is_valid(filter);
    must(valid == is_valid_slowly(filter));
    check_shared(filter);
    if (valid && sv_mqtt_topic_is_valid(topic)) {
        must(matches == matches_slowly(filter, topic));
    }
    return 0;
}
