// A message with the values of an expression's sensors in it. One walk over the template serves the
// check at load and the writing.
#include "expression_parts.h"
#include <base/num.h>
#include <string.h>

/// The next piece of a template.
typedef enum piece_kind {
    PIECE_END,
    PIECE_TEXT,
    PIECE_NAME,  ///< what stands in braces
    PIECE_STRAY, ///< a brace without its other half
} piece_kind;

static size_t plain_len(sv_text rest) {
    size_t len = 0;
    while (len < rest.len && rest.at[len] != '{' && rest.at[len] != '}') {
        len++;
    }
    return len;
}

static sv_text cut_off(sv_text *rest, size_t len) {
    sv_text head = { .at = rest->at, .len = len };
    *rest = (sv_text){ .at = rest->at + len, .len = rest->len - len };
    return head;
}

static piece_kind next_piece(sv_text *rest, sv_text *piece) {
    if (rest->len == 0) {
        return PIECE_END;
    }
    size_t plain = plain_len(*rest);
    if (plain > 0) {
        *piece = cut_off(rest, plain);
        return PIECE_TEXT;
    }
    char brace = rest->at[0];
    if (rest->len > 1 && rest->at[1] == brace) {
        *piece = cut_off(rest, 1);
        (void) cut_off(rest, 1);
        return PIECE_TEXT;
    }
    const char *end = brace == '{' ? memchr(rest->at, '}', rest->len) : NULL;
    if (end == NULL) {
        *piece = cut_off(rest, rest->len);
        return PIECE_STRAY;
    }
    sv_text whole = cut_off(rest, (size_t) (end - rest->at) + 1);
    *piece = sv_text_trim((sv_text){ .at = whole.at + 1, .len = whole.len - 2 });
    return PIECE_NAME;
}

static void add_names(const sv_expression *e, sv_textbuf *out) {
    for (unsigned i = 0; i < e->sensor_count; i++) {
        sv_textbuf_add_str(out, i == 0 ? "" : ", ");
        sv_textbuf_addf(out, "{%.*s}", SV_TEXT_ARG(expression_name(e, i)));
    }
}

static sv_err refuse_name(const sv_expression *e, sv_text name, sv_why *why) {
    char room[SV_WHY_MAX];
    sv_textbuf names = SV_TEXTBUF(room);
    add_names(e, &names);
    return sv_fail(why, SV_ERR_INVALID, "{%.*s} is not a sensor of the condition; there is %.*s",
                   (int) (name.len < SV_ID_MAX ? name.len : SV_ID_MAX), name.at,
                   (int) (names.len < SV_WHY_MAX / 2 ? names.len : SV_WHY_MAX / 2), room);
}

sv_err sv_expression_message_check(const sv_expression *expression, sv_text message, sv_why *why) {
    if (message.len > SV_EXPRESSION_MESSAGE_MAX) {
        return sv_fail(why, SV_ERR_INVALID, "the message has %zu bytes; at most %d", message.len,
                       SV_EXPRESSION_MESSAGE_MAX);
    }
    sv_text rest = message;
    sv_text piece = SV_TEXT("");
    for (;;) {
        piece_kind kind = next_piece(&rest, &piece);
        if (kind == PIECE_END) {
            return SV_OK;
        }
        if (kind == PIECE_STRAY) {
            return sv_fail(why, SV_ERR_INVALID,
                           "the message has a brace without its other half; write %.1s%.1s for one",
                           piece.at, piece.at);
        }
        if (kind == PIECE_NAME && sv_expression_sensor_find(expression, piece) < 0) {
            return refuse_name(expression, piece, why);
        }
    }
}

static void add_last(const sv_expression *e, const sv_expression_state *state, sv_text name,
                     sv_textbuf *out) {
    int index = sv_expression_sensor_find(e, name);
    double value = 0;
    if (index >= 0 && sv_expression_last(e, state, (unsigned) index, &value)) {
        sv_num_add(out, value);
    } else {
        sv_textbuf_add_str(out, "unknown");
    }
}

void sv_expression_message_add(const sv_expression *expression, const sv_expression_state *state,
                               sv_text message, sv_textbuf *out) {
    sv_text rest = message;
    sv_text piece = SV_TEXT("");
    for (piece_kind kind = next_piece(&rest, &piece); kind != PIECE_END;
         kind = next_piece(&rest, &piece)) {
        if (kind == PIECE_NAME) {
            add_last(expression, state, piece, out);
        } else {
            sv_textbuf_add(out, piece);
        }
    }
}
