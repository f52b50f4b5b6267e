// What parses as a reading's topic is written back as the same bytes.
#include <model/reading.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    sv_text topic = { .at = (const char *) data, .len = size };
    sv_reading_key key;
    sv_why why = { 0 };
    if (sv_reading_key_parse(topic, &key, &why) != SV_OK) {
        if (why.text[0] == '\0') {
            abort();
        }
        return 0;
    }
    char room[2 * SV_ID_ROOM + 16];
    sv_textbuf out = SV_TEXTBUF(room);
    sv_reading_key_format(&key, &out);
    if (out.overflowed || !sv_text_eq(sv_textbuf_text(&out), topic)
        || !sv_id_is_valid(key.device_id) || !sv_id_is_valid(key.sensor)) {
        abort();
    }
    return 0;
}
