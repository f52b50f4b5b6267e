// How answers of the fleet server are shown to a person: members of JSON, times, and texts that
// others wrote.
#ifndef SELVEDGE_SHOW_H
#define SELVEDGE_SHOW_H

#include <codec/json.h>

/// A member that is a text; "" when it is another thing, or not there.
sv_text sv_show_words(const sv_json *object, const char *key);
/// A member that is a whole number; 0 likewise.
int64_t sv_show_number(const sv_json *object, const char *key);
/// On one line, without its end.
void sv_show_json(const sv_json *value);
/// What others wrote: control characters, which could do things in a terminal, become `?`.
void sv_show_plain(sv_text text);
/// A member that is a time in milliseconds.
void sv_show_time(const sv_json *object, const char *key);

#endif
