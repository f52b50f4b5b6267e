#include "cmapss.h"
#include <base/num.h>

enum { NUMBERS = SV_CMAPSS_COLUMNS + 2 };

static bool is_space(char c) {
    return c == ' ' || c == '\t';
}

/// The next word, or nothing.
static sv_text word(sv_text *rest) {
    while (rest->len > 0 && is_space(rest->at[0])) {
        rest->at++;
        rest->len--;
    }
    sv_text found = { .at = rest->at, .len = 0 };
    while (found.len < rest->len && !is_space(rest->at[found.len])) {
        found.len++;
    }
    rest->at += found.len;
    rest->len -= found.len;
    return found;
}

static sv_err number(sv_text text, unsigned place, double *out, sv_why *why) {
    if (text.len == 0) {
        return sv_fail(why, SV_ERR_INVALID,
                       "%u numbers, where unit, cycle, 3 settings and 21 sensors are %d", place,
                       NUMBERS);
    }
    *out = SV_NAN;
    if (sv_text_is(text, "nan") || sv_text_is(text, "NaN") || sv_num_parse(text, out) == SV_OK) {
        return SV_OK;
    }
    return sv_fail(why, SV_ERR_INVALID, "'%.*s' in place %u is no number",
                   (int) (text.len < 40 ? text.len : 40), text.at, place + 1);
}

static sv_err count(double value, const char *what, uint32_t *out, sv_why *why) {
    if (!(value >= 1 && value <= UINT32_MAX) || value != (double) (uint32_t) value) {
        return sv_fail(why, SV_ERR_INVALID, "the %s is %g; a whole number from 1 is wanted", what,
                       value);
    }
    *out = (uint32_t) value;
    return SV_OK;
}

sv_err sv_cmapss_parse(sv_text line, sv_cmapss_row *out, sv_why *why) {
    double numbers[NUMBERS];
    for (unsigned i = 0; i < NUMBERS; i++) {
        SV_TRY(number(word(&line), i, &numbers[i], why));
    }
    if (word(&line).len > 0) {
        return sv_fail(why, SV_ERR_INVALID, "more than %d numbers", NUMBERS);
    }
    sv_cmapss_row row;
    SV_TRY(count(numbers[0], "unit", &row.unit, why));
    SV_TRY(count(numbers[1], "cycle", &row.cycle, why));
    for (unsigned i = 0; i < SV_CMAPSS_COLUMNS; i++) {
        row.values[i] = numbers[i + 2];
    }
    *out = row;
    return SV_OK;
}

const char *sv_cmapss_column(unsigned index) {
    static const char *const NAMES[SV_CMAPSS_COLUMNS] = {
        "setting_1", "setting_2", "setting_3", "sensor_1",  "sensor_2",  "sensor_3",
        "sensor_4",  "sensor_5",  "sensor_6",  "sensor_7",  "sensor_8",  "sensor_9",
        "sensor_10", "sensor_11", "sensor_12", "sensor_13", "sensor_14", "sensor_15",
        "sensor_16", "sensor_17", "sensor_18", "sensor_19", "sensor_20", "sensor_21",
    };
    return NAMES[index];
}
