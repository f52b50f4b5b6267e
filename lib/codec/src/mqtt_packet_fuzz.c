// What parses as a PUBLISH is written back so that it parses to the same packet.
#include <codec/mqtt_packet.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    sv_text bytes = { .at = (const char *) data, .len = size };
    size_t len = 0;
    if (sv_mqtt_packet_length(bytes, &len) != SV_OK || len > size) {
        return 0;
    }
    bytes.len = len;
    sv_mqtt_packet packet;
    if (sv_mqtt_packet_parse(bytes, &packet, NULL) != SV_OK || packet.type != SV_MQTT_PUBLISH) {
        return 0;
    }
    SV_DEFER(sv_textbuf_drop) sv_textbuf out = SV_TEXTBUF_HEAP(1 << 20);
    sv_mqtt_add_publish(&out, packet.topic, packet.payload, packet.qos, packet.retain, packet.dup,
                        packet.id);
    sv_mqtt_packet again;
    if (out.overflowed) {
        return 0;
    }
    if (sv_mqtt_packet_parse(sv_textbuf_text(&out), &again, NULL) != SV_OK
        || !sv_text_eq(again.topic, packet.topic) || !sv_text_eq(again.payload, packet.payload)
        || again.id != packet.id) {
        abort();
    }
    return 0;
}
