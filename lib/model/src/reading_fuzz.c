// Whatever the payload: every reading taken is finite, its names follow the grammar, and what it is
// written as reads back the same.
#include <math.h>
#include <model/reading.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void take_back(void *arg, const sv_reading *reading) {
    const sv_reading *first = arg;
    if (reading->value != first->value || reading->at_us != first->at_us
        || reading->seq != first->seq || !sv_text_eq(reading->unit, first->unit)
        || !sv_text_eq(reading->epoch, first->epoch) || !sv_text_eq(reading->boot, first->boot)
        || reading->uptime_us != first->uptime_us || reading->proven != first->proven) {
        abort();
    }
}

static void never(void *arg, sv_reading_fault fault, const sv_reading *numbered,
                  const sv_why *why) {
    (void) arg;
    (void) fault;
    (void) numbered;
    (void) why;
    abort();
}

static void take(void *arg, const sv_reading *reading) {
    (void) arg;
    if (!isfinite(reading->value) || !sv_id_is_valid(reading->key.sensor)
        || !sv_text_is(reading->key.device_id, "device-001")) {
        abort();
    }
    SV_DEFER(sv_textbuf_drop) sv_textbuf out = SV_TEXTBUF_HEAP(SV_READING_PAYLOAD_MAX);
    sv_reading_format(reading, &out);
    sv_reading copy = *reading;
    sv_reading_payload_parse(&reading->key, sv_textbuf_text(&out), 0, take_back, never, &copy);
}

static void refuse(void *arg, sv_reading_fault fault, const sv_reading *numbered,
                   const sv_why *why) {
    (void) arg;
    if ((numbered != NULL && (numbered->epoch.len == 0 || numbered->seq < 1))
        || fault == SV_READING_FINE || fault >= SV_READING_FAULT__COUNT || why->text[0] == '\0') {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const sv_reading_key key = { .device_id = SV_TEXT("device-001"),
                                 .sensor = SV_TEXT("temperature") };
    sv_reading_payload_parse(&key, (sv_text){ .at = (const char *) data, .len = size },
                             INT64_C(1795328104000000), take, refuse, NULL);
    return 0;
}
