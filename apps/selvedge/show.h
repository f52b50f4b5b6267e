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
/// So, and as wide as `width` characters at least, with two spaces behind.
void sv_show_cell(sv_text text, int width);
/// A member that is a time in milliseconds, to the second.
void sv_show_time(const sv_json *object, const char *key);
/// A member that is true; anything else is not.
bool sv_show_is(const sv_json *object, const char *key);

enum { SV_SHOW_AGE_ROOM = 24 };
/// How long ago a member that is a time was, in its largest unit: `12 s`, `3 min`, `2 h`, `5 d`;
/// `never` when it is none. Room for the text is the caller's.
sv_text sv_show_age(const sv_json *object, const char *key, int64_t now_ms,
                    char room[SV_SHOW_AGE_ROOM]);

enum { SV_SHOW_BYTES_ROOM = 32 };
/// "1.4 GiB", in the caller's room.
const char *sv_show_bytes(double value, char room[SV_SHOW_BYTES_ROOM]);

#endif
