// Reads an event stream's bytes as they arrive (WHATWG HTML, "server-sent events", 9.2.6): lines
// end with CR, LF or CRLF, one BOM may stand before the first, what no empty line completes is no
// event. Pure; bounded by the limits of net/event_stream.h.
#ifndef SV_NET_EVENT_PARSE_H
#define SV_NET_EVENT_PARSE_H

#include <net/event_stream.h>

typedef struct event_parser {
    sv_textbuf line, data, name;
    char id[SV_EVENT_ID_MAX + 1];
    bool has_data;
    bool began;       ///< the first line is over
    bool after_cr;    ///< an LF now belongs to the CR before it
    int64_t retry_ms; ///< what the stream last asked for; -1: nothing
} event_parser;

/// False stops the reading.
typedef bool event_parser_fn(void *arg, const sv_event *event);

/// `id` is the last one of an earlier connection, or "".
void event_parser_start(event_parser *parser, const char *id);
/// SV_ERR_INVALID for a line, event, name or id above its limit; SV_ERR_STATE when `event` stopped
/// it. After either the parser is good for nothing but event_parser_drop.
sv_err event_parser_read(event_parser *parser, sv_text bytes, event_parser_fn *event, void *arg,
                         sv_why *why);
void event_parser_drop(event_parser *parser);

#endif
