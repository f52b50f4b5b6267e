#include <base/num.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    DIGITS_MAX = 17,
    PLAIN_EXPONENT_MIN = -6, ///< below this ECMA-262 changes to the e-notation
    PLAIN_EXPONENT_MAX = 21,
    TEXT_BYTES = 512,
};

typedef struct decimal {
    char digits[DIGITS_MAX + 1];
    int count;
    int exponent; ///< of the first digit: value = d.ddd * 10^exponent
} decimal;

static decimal take_digits(const char *scientific) {
    decimal out = { .count = 0 };
    const char *at = scientific;
    for (; *at != 'e'; at++) {
        if (*at >= '0' && *at <= '9' && out.count < DIGITS_MAX) {
            out.digits[out.count++] = *at;
        }
    }
    out.exponent = (int) strtol(at + 1, NULL, 10);
    while (out.count > 1 && out.digits[out.count - 1] == '0') {
        out.count--;
    }
    out.digits[out.count] = '\0';
    return out;
}

/// Adds one to the last digit of `d.ddde..`; false when that would carry.
static bool raise_last_digit(char *scientific) {
    char *last = strchr(scientific, 'e') - 1;
    if (*last < '0' || *last >= '9') {
        return false;
    }
    *last = (char) (*last + 1);
    return true;
}

/// Fifteen digits always survive text -> double -> text, so a normal number that has such a short
/// form shows it there; only the subnormals need the search from one digit up. Above a power of two
/// the doubles lie twice as far apart as below it: there the next decimal up may read back although
/// the nearest one does not.
static decimal shortest(double value) {
    char text[DIGITS_MAX + 16];
    int digits = value < DBL_MIN ? 1 : DBL_DIG;
    for (;; digits++) {
        (void) snprintf(text, sizeof text, "%.*e", digits - 1, value);
        if (digits >= DIGITS_MAX || strtod(text, NULL) == value) {
            return take_digits(text);
        }
        if (raise_last_digit(text) && strtod(text, NULL) == value) {
            return take_digits(text);
        }
    }
}

static void add_plain(sv_textbuf *buf, const decimal *number) {
    if (number->exponent < 0) {
        sv_textbuf_add_str(buf, "0.");
        for (int i = -1; i > number->exponent; i--) {
            sv_textbuf_add_char(buf, '0');
        }
        sv_textbuf_add_str(buf, number->digits);
        return;
    }
    for (int i = 0; i < number->count || i <= number->exponent; i++) {
        if (i == number->exponent + 1) {
            sv_textbuf_add_char(buf, '.');
        }
        sv_textbuf_add_char(buf, i < number->count ? number->digits[i] : '0');
    }
}

static void add_scientific(sv_textbuf *buf, const decimal *number) {
    sv_textbuf_add_char(buf, number->digits[0]);
    if (number->count > 1) {
        sv_textbuf_add_char(buf, '.');
        sv_textbuf_add_str(buf, number->digits + 1);
    }
    sv_textbuf_addf(buf, "e%d", number->exponent);
}

void sv_num_add(sv_textbuf *buf, double value) {
    if (!isfinite(value)) {
        sv_textbuf_add_str(buf, "null");
        return;
    }
    if (value == 0) {
        sv_textbuf_add_char(buf, '0');
        return;
    }
    if (value < 0) {
        sv_textbuf_add_char(buf, '-');
        value = -value;
    }
    decimal number = shortest(value);
    if (number.exponent >= PLAIN_EXPONENT_MIN && number.exponent < PLAIN_EXPONENT_MAX) {
        add_plain(buf, &number);
    } else {
        add_scientific(buf, &number);
    }
}

static size_t skip_digits(sv_text text, size_t i) {
    while (i < text.len && text.at[i] >= '0' && text.at[i] <= '9') {
        i++;
    }
    return i;
}

/// RFC 8259 §6: -? (0 | [1-9][0-9]*) (. [0-9]+)? ([eE] [+-]? [0-9]+)?
static bool is_json_number(sv_text text) {
    size_t i = text.len > 0 && text.at[0] == '-' ? 1 : 0;
    size_t after = skip_digits(text, i);
    if (after == i || (text.at[i] == '0' && after > i + 1)) {
        return false;
    }
    i = after;
    if (i < text.len && text.at[i] == '.') {
        after = skip_digits(text, i + 1);
        if (after == i + 1) {
            return false;
        }
        i = after;
    }
    if (i < text.len && (text.at[i] == 'e' || text.at[i] == 'E')) {
        i++;
        if (i < text.len && (text.at[i] == '+' || text.at[i] == '-')) {
            i++;
        }
        after = skip_digits(text, i);
        if (after == i) {
            return false;
        }
        i = after;
    }
    return i == text.len;
}

/// A short number is a whole one below 2^53 over a power of ten, both exact as doubles: the one
/// division rounds to what strtod gives (W. Clinger 1990). False: longer, or with an exponent.
static bool parse_short(sv_text json_number, double *out) {
    static const double TENS[] = { 1e0, 1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                   1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15 };
    bool negative = json_number.at[0] == '-';
    int64_t whole = 0;
    size_t after_point = 0;
    bool past_point = false;
    if (FLT_EVAL_METHOD != 0 || json_number.len > DBL_DIG) {
        return false;
    }
    for (size_t i = negative ? 1 : 0; i < json_number.len; i++) {
        char at = json_number.at[i];
        if (at == '.') {
            past_point = true;
        } else if (at >= '0' && at <= '9') {
            whole = whole * 10 + (at - '0');
            after_point += past_point ? 1 : 0;
        } else {
            return false;
        }
    }
    double size = (double) whole / TENS[after_point];
    *out = negative ? -size : size;
    return true;
}

sv_err sv_num_parse(sv_text text, double *out) {
    if (!is_json_number(text)) {
        return SV_ERR_INVALID;
    }
    if (parse_short(text, out)) {
        return SV_OK;
    }
    char copy[TEXT_BYTES];
    if (sv_text_copy(text, copy, sizeof copy) != SV_OK) {
        return SV_ERR_INVALID;
    }
    double value = strtod(copy, NULL);
    if (!isfinite(value)) {
        return SV_ERR_INVALID;
    }
    *out = value;
    return SV_OK;
}

double sv_num_round(double value, int digits) {
    char text[TEXT_BYTES];
    (void) snprintf(text, sizeof text, "%.*e", digits - 1, value);
    double rounded = strtod(text, NULL);
    return isfinite(rounded) ? rounded : value; // the largest may be rounded up to none
}
