// What records are made of, written and read; private to the broker.
//
// Numbers are big-endian, texts have their length in four bytes before them, times are Unix
// microseconds.
#ifndef SV_MQTT_BROKER_RECORD_H
#define SV_MQTT_BROKER_RECORD_H

#include "broker_internal.h"

/// What is left of a record that is read. Once something did not read, `broken` stays set and the
/// rest reads as zeroes and empty texts.
typedef struct sv_broker_record {
    sv_text rest;
    bool broken;
} sv_broker_record;

void sv_broker_add_number(sv_textbuf *out, uint64_t value, unsigned bytes);
uint64_t sv_broker_take_number(sv_broker_record *reader, unsigned bytes);
void sv_broker_add_text(sv_textbuf *out, sv_text text);
sv_text sv_broker_take_text(sv_broker_record *reader);
/// `at_us` is of this process's clock, in the record stands the wall's.
void sv_broker_add_time(sv_textbuf *out, const sv_broker *broker, int64_t at_us);
/// What lies before the start of this process is due at once.
int64_t sv_broker_take_time(sv_broker_record *reader, const sv_broker *broker);
void sv_broker_add_held(sv_textbuf *out, const sv_broker *broker, const sv_broker_held *held);
/// NULL, and `broken`, for what is no message that could have been published.
sv_broker_held *sv_broker_take_held(sv_broker_record *reader, const sv_broker *broker);

#endif
