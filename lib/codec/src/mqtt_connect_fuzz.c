// A CONNECT that parses is written, parses again, and is then the same to the byte.
#include <codec/mqtt_packet.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ROOM_MAX = 1 << 20 };

static void must(bool holds) {
    if (!holds) {
        abort();
    }
}

static void must_be_same(const sv_mqtt_connect *a, const sv_mqtt_connect *b) {
    must(a->version == b->version && a->clean_session == b->clean_session
         && a->keepalive_s == b->keepalive_s && a->has_will == b->has_will
         && a->will_qos == b->will_qos && a->will_retain == b->will_retain
         && a->has_user == b->has_user && a->has_password == b->has_password);
    must(sv_text_eq(a->client_id, b->client_id) && sv_text_eq(a->will_topic, b->will_topic)
         && sv_text_eq(a->will_payload, b->will_payload) && sv_text_eq(a->user, b->user)
         && sv_text_eq(a->password, b->password));
    must(a->properties.present == b->properties.present
         && a->will_properties.present == b->will_properties.present);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    sv_text bytes = { .at = (const char *) data, .len = size };
    unsigned version = 0;
    bool named = sv_mqtt_connect_version(bytes, &version, NULL) == SV_OK;
    sv_mqtt_connect connect;
    if (sv_mqtt_connect_parse(bytes, &connect, NULL) != SV_OK) {
        return 0;
    }
    must(named && version == (unsigned) connect.version);
    SV_DEFER(sv_textbuf_drop) sv_textbuf out = SV_TEXTBUF_HEAP(ROOM_MAX);
    SV_DEFER(sv_textbuf_drop) sv_textbuf twice = SV_TEXTBUF_HEAP(ROOM_MAX);
    sv_mqtt_add_connect(&out, &connect);
    if (out.overflowed) {
        return 0;
    }
    sv_mqtt_connect again;
    must(sv_mqtt_connect_parse(sv_textbuf_text(&out), &again, NULL) == SV_OK);
    must_be_same(&connect, &again);
    sv_mqtt_add_connect(&twice, &again);
    must(sv_text_eq(sv_textbuf_text(&out), sv_textbuf_text(&twice)));
    return 0;
}
