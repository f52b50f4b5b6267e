#include "event_parse.h"

#include <string.h>

enum { RETRY_MS_MAX = 1000000000 };

// Each buffer has a byte more for its NUL: what is just at the limit fits.
void event_parser_start(event_parser *parser, const char *id) {
    *parser = (event_parser){ .line = SV_TEXTBUF_HEAP(SV_EVENT_LINE_MAX + 1),
                              .data = SV_TEXTBUF_HEAP(SV_EVENT_DATA_MAX + 1),
                              .name = SV_TEXTBUF_HEAP(SV_EVENT_NAME_MAX + 1),
                              .retry_ms = -1 };
    (void) (sv_text_copy(sv_text_of(id), parser->id, sizeof parser->id) == SV_OK);
}

void event_parser_drop(event_parser *parser) {
    sv_textbuf_drop(&parser->line);
    sv_textbuf_drop(&parser->data);
    sv_textbuf_drop(&parser->name);
}

static sv_err too_large(sv_why *why, const char *what, int limit) {
    return sv_fail(why, SV_ERR_INVALID, "the event stream has %s of more than %d bytes", what,
                   limit);
}

static sv_err add_data(event_parser *parser, sv_text value, sv_why *why) {
    if (parser->has_data) {
        sv_textbuf_add_char(&parser->data, '\n');
    }
    sv_textbuf_add(&parser->data, value);
    parser->has_data = true;
    return parser->data.overflowed ? too_large(why, "an event", SV_EVENT_DATA_MAX) : SV_OK;
}

static sv_err set_name(event_parser *parser, sv_text value, sv_why *why) {
    if (value.len > SV_EVENT_NAME_MAX) {
        return too_large(why, "a name", SV_EVENT_NAME_MAX);
    }
    sv_textbuf_clear(&parser->name);
    sv_textbuf_add(&parser->name, value);
    return SV_OK;
}

static sv_err set_id(event_parser *parser, sv_text value, sv_why *why) {
    if (value.len > 0 && memchr(value.at, '\0', value.len) != NULL) {
        return SV_OK; // as the standard wants it: the field is passed over
    }
    return sv_text_copy(value, parser->id, sizeof parser->id) == SV_OK
               ? SV_OK
               : too_large(why, "an id", SV_EVENT_ID_MAX);
}

static sv_err take_field(event_parser *parser, sv_text name, sv_text value, sv_why *why) {
    if (sv_text_is(name, "data")) {
        return add_data(parser, value, why);
    }
    if (sv_text_is(name, "event")) {
        return set_name(parser, value, why);
    }
    if (sv_text_is(name, "id")) {
        return set_id(parser, value, why);
    }
    uint64_t number = 0;
    if (sv_text_is(name, "retry") && sv_text_u64(value, RETRY_MS_MAX, &number) == SV_OK) {
        parser->retry_ms = (int64_t) number;
    }
    return SV_OK;
}

/// An empty line: what has gathered is an event, unless it has no data.
static sv_err dispatch(event_parser *parser, event_parser_fn *event, void *arg, sv_why *why) {
    bool taken = true;
    if (parser->has_data) {
        const sv_event one = {
            .name = parser->name.len > 0 ? sv_textbuf_text(&parser->name) : SV_TEXT("message"),
            .id = sv_text_of(parser->id),
            .data = sv_textbuf_text(&parser->data),
        };
        taken = event(arg, &one);
    }
    sv_textbuf_clear(&parser->data);
    sv_textbuf_clear(&parser->name);
    parser->has_data = false;
    return taken ? SV_OK : sv_fail(why, SV_ERR_STATE, "the event cannot be taken now");
}

static sv_err take_line(event_parser *parser, event_parser_fn *event, void *arg, sv_why *why) {
    sv_text line = sv_textbuf_text(&parser->line);
    if (!parser->began && sv_text_starts(line, SV_TEXT("\xEF\xBB\xBF"))) {
        line = (sv_text){ .at = line.at + 3, .len = line.len - 3 };
    }
    parser->began = true;
    if (line.len == 0) {
        return dispatch(parser, event, arg, why);
    }
    sv_text value = line;
    sv_text name = sv_text_cut(&value, ':'); // empty for a comment, which no field is called
    if (value.len > 0 && value.at[0] == ' ') {
        value = (sv_text){ .at = value.at + 1, .len = value.len - 1 };
    }
    return take_field(parser, name, value, why);
}

/// The next line or a part of it; *bytes is what is left.
static sv_text cut_line(event_parser *parser, sv_text *bytes, bool *ended) {
    if (parser->after_cr && bytes->at[0] == '\n') {
        *bytes = (sv_text){ .at = bytes->at + 1, .len = bytes->len - 1 };
    }
    parser->after_cr = false;
    size_t len = 0;
    while (len < bytes->len && bytes->at[len] != '\r' && bytes->at[len] != '\n') {
        len++;
    }
    *ended = len < bytes->len;
    parser->after_cr = *ended && bytes->at[len] == '\r';
    sv_text part = { .at = bytes->at, .len = len };
    len += *ended;
    *bytes = (sv_text){ .at = bytes->at + len, .len = bytes->len - len };
    return part;
}

sv_err event_parser_read(event_parser *parser, sv_text bytes, event_parser_fn *event, void *arg,
                         sv_why *why) {
    while (bytes.len > 0) {
        bool ended = false;
        sv_textbuf_add(&parser->line, cut_line(parser, &bytes, &ended));
        if (parser->line.overflowed) {
            return too_large(why, "a line", SV_EVENT_LINE_MAX);
        }
        if (ended) {
            SV_TRY(take_line(parser, event, arg, why));
            sv_textbuf_clear(&parser->line);
        }
    }
    return SV_OK;
}
