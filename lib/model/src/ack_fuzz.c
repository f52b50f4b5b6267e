// Whatever the bytes: what is taken covers nothing of another epoch, and when it has numbers, they
// are written as bytes that read back and cover the same.
#include <model/ack.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    SV_DEFER(sv_ack_drop) sv_ack first = { .seq = 0 };
    SV_DEFER(sv_ack_drop) sv_ack second = { .seq = 0 };
    sv_why why = { 0 };
    sv_text payload = { .at = (const char *) data, .len = size };
    if (sv_ack_parse(payload, &first, &why) != SV_OK) {
        if (why.text[0] == '\0') {
            abort();
        }
        return 0;
    }
    sv_text epoch = sv_text_of(first.epoch);
    char room[SV_ACK_BYTES_MAX];
    sv_textbuf out = SV_TEXTBUF(room);
    sv_ack_format(epoch, &first.also, &out);
    if (sv_textbuf_end(&out) != SV_OK
        || sv_ack_parse(sv_textbuf_text(&out), &second, &why) != SV_OK) {
        abort();
    }
    for (uint32_t i = 0; i < first.also.count; i++) {
        int64_t last = first.also.at[i].to;
        if (!sv_ack_covers(&second, epoch, last)
            || sv_ack_covers(&second, SV_TEXT("no epoch of up to 32 bytes, but 41 of them"),
                             last)) {
            abort();
        }
    }
    return 0;
}
