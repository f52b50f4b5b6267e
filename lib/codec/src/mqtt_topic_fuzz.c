// A line is a filter, the rest a topic. A topic without wildcards matches itself and nothing else
// that has none; `#` matches every topic that does not begin with `$`.
#include <codec/mqtt_packet.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool has_wildcard(sv_text text) {
    return text.len > 0
           && (memchr(text.at, '#', text.len) != NULL || memchr(text.at, '+', text.len) != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    sv_text topic = { .at = (const char *) data, .len = size };
    sv_text filter = sv_text_cut(&topic, '\n');
    bool matches = sv_mqtt_topic_matches(filter, topic);
    if (has_wildcard(topic) || topic.len == 0) {
        return 0;
    }
    bool hidden = topic.at[0] == '$';
    if (!sv_mqtt_topic_matches(topic, topic) || sv_mqtt_topic_matches(SV_TEXT("#"), topic) == hidden
        || (!has_wildcard(filter) && matches != sv_text_eq(filter, topic))) {
        abort();
    }
    return 0;
}
