#include <base/mem.h>
#include <base/time.h>
#include <model/ledger.h>
#include <stdlib.h>
#include <string.h>

enum { DAY_TEXT = 10 };

#define NUMBER_MAX (INT64_C(1) << 53) // what JSON carries exactly

void sv_ledger_drop(sv_ledger *ledger) {
    free(ledger->days);
    *ledger = (sv_ledger){ 0 };
}

static void add_day(sv_ledger *ledger, sv_ledger_day day) {
    if (ledger->days != NULL && ledger->day_count == SV_LEDGER_DAYS_MAX) {
        ledger->day_count--;
        memmove(&ledger->days[0], &ledger->days[1], ledger->day_count * sizeof day);
    } else {
        ledger->days = sv_mem_resize(ledger->days, (ledger->day_count + 1) * sizeof day);
    }
    ledger->days[ledger->day_count++] = day;
}

/// The highest number in `numbers` without `seq`.
static int64_t highest_without(const sv_ranges *numbers, int64_t seq) {
    uint32_t count = numbers->count;
    if (count > 0 && numbers->at[count - 1].to == seq) {
        if (numbers->at[count - 1].from < seq) {
            return seq - 1;
        }
        count--;
    }
    int64_t below = numbers->floor > 0 ? numbers->floor - 1 : 0;
    return count > 0 ? numbers->at[count - 1].to : below;
}

void sv_ledger_store(sv_ledger *ledger, const sv_ranges *numbers, int64_t seq,
                     int64_t received_us) {
    sv_ledger_day day = { .day = sv_day_of(received_us),
                          .from = highest_without(numbers, seq) + 1 };
    const sv_ledger_day *last = ledger->day_count > 0 ? &ledger->days[ledger->day_count - 1] : NULL;
    // A day without a number above the others begins with the next one that has such.
    if (seq >= day.from && (last == NULL || (day.day > last->day && day.from > last->from))) {
        add_day(ledger, day);
    }
    ledger->first_us = ledger->stored == 0 ? received_us : ledger->first_us;
    ledger->last_us = received_us;
    ledger->stored++;
}

int64_t sv_ledger_count(const sv_ranges *numbers) {
    int64_t count = numbers->floor > 0 ? numbers->floor - 1 : 0;
    for (uint32_t i = 0; i < numbers->count; i++) {
        count += numbers->at[i].to - numbers->at[i].from + 1;
    }
    return count;
}

// ---- the line -----------------------------------------------------------------------------------

void sv_ledger_format(const sv_ledger *ledger, sv_textbuf *out) {
    sv_textbuf_addf(out, "%lld %lld %lld %lld %lld ", (long long) ledger->stored,
                    (long long) ledger->refused, (long long) ledger->repeated,
                    (long long) ledger->first_us, (long long) ledger->last_us);
    for (uint32_t i = 0; i < ledger->day_count; i++) {
        sv_textbuf_add_str(out, i > 0 ? "," : "");
        sv_day_add(out, ledger->days[i].day);
        sv_textbuf_addf(out, ":%lld", (long long) ledger->days[i].from);
    }
}

static sv_err parse_number(sv_text text, int64_t least, int64_t *out) {
    uint64_t number = 0;
    if (text.len > 1 && text.at[0] == '0') {
        return SV_ERR_INVALID;
    }
    SV_TRY(sv_text_u64(text, NUMBER_MAX, &number));
    *out = (int64_t) number;
    return *out >= least ? SV_OK : SV_ERR_INVALID;
}

/// Adds `day` if it follows the last one and there is room.
static sv_err append_day(sv_ledger *ledger, sv_ledger_day day) {
    const sv_ledger_day *last = ledger->day_count > 0 ? &ledger->days[ledger->day_count - 1] : NULL;
    if (ledger->day_count == SV_LEDGER_DAYS_MAX || day.from < 1
        || (last != NULL && (day.day <= last->day || day.from <= last->from))) {
        return SV_ERR_INVALID;
    }
    add_day(ledger, day);
    return SV_OK;
}

static sv_err parse_days(sv_text text, sv_ledger *out) {
    for (sv_text rest = text; rest.len > 0;) {
        size_t before = rest.len;
        sv_text one = sv_text_cut(&rest, ',');
        if (rest.len == 0 && one.len < before) {
            return SV_ERR_INVALID; // a comma at the end
        }
        if (one.len <= DAY_TEXT || one.at[DAY_TEXT] != ':') {
            return SV_ERR_INVALID;
        }
        sv_ledger_day day;
        sv_text number = { one.at + DAY_TEXT + 1, one.len - DAY_TEXT - 1 };
        SV_TRY(sv_day_parse((sv_text){ one.at, DAY_TEXT }, &day.day));
        SV_TRY(parse_number(number, 1, &day.from));
        SV_TRY(append_day(out, day));
    }
    return SV_OK;
}

sv_err sv_ledger_parse(sv_text text, sv_ledger *out) {
    SV_DEFER(sv_ledger_drop) sv_ledger read = { 0 };
    int64_t *const numbers[] = { &read.stored, &read.refused, &read.repeated, &read.first_us,
                                 &read.last_us };
    sv_text rest = text;
    for (size_t i = 0; i < SV_COUNT(numbers); i++) {
        size_t before = rest.len;
        sv_text one = sv_text_cut(&rest, ' ');
        if (one.len == before) {
            return SV_ERR_INVALID; // not even the space that follows
        }
        SV_TRY(parse_number(one, 0, numbers[i]));
    }
    SV_TRY(parse_days(rest, &read));
    *out = read;
    read = (sv_ledger){ 0 };
    return SV_OK;
}

// ---- JSON ---------------------------------------------------------------------------------------

void sv_ledger_put(sv_json_out *out, const sv_ledger *ledger, const sv_ranges *numbers) {
    char room[SV_LEDGER_NUMBERS_MAX];
    sv_textbuf text = SV_TEXTBUF(room);
    sv_ranges_format(numbers, &text);
    sv_json_add_text(out, "numbers", sv_textbuf_text(&text));
    sv_json_add_int(out, "stored", ledger->stored);
    sv_json_add_int(out, "refused", ledger->refused);
    sv_json_add_int(out, "repeated", ledger->repeated);
    sv_json_key(out, "days");
    sv_json_open_array(out);
    for (uint32_t i = 0; i < ledger->day_count; i++) {
        sv_textbuf_clear(&text);
        sv_day_add(&text, ledger->days[i].day);
        sv_json_open_array(out);
        sv_json_put_text(out, sv_textbuf_text(&text));
        sv_json_put_int(out, ledger->days[i].from);
        sv_json_close_array(out);
    }
    sv_json_close_array(out);
    sv_json_add_int(out, "first_us", ledger->first_us);
    sv_json_add_int(out, "last_us", ledger->last_us);
}

static sv_err read_days(const sv_json *days, sv_ledger *out, sv_why *why) {
    if (!sv_json_is_array(days)) {
        return sv_fail(why, SV_ERR_INVALID, "days is not an array");
    }
    for (size_t i = 0; i < sv_json_count(days); i++) {
        const sv_json *pair = sv_json_at(days, i);
        sv_text text;
        sv_ledger_day day;
        if (sv_json_count(pair) != 2 || !sv_json_text(sv_json_at(pair, 0), &text)
            || !sv_json_int(sv_json_at(pair, 1), &day.from) || sv_day_parse(text, &day.day) != SV_OK
            || append_day(out, day) != SV_OK) {
            return sv_fail(why, SV_ERR_INVALID,
                           "days[%zu] is not a later [\"2026-11-29\", number], or one of more "
                           "than %d",
                           i, SV_LEDGER_DAYS_MAX);
        }
    }
    return SV_OK;
}

static sv_err read_counts(const sv_json *item, sv_ledger *out, sv_why *why) {
    const struct {
        const char *name;
        int64_t *to;
    } counts[] = { { "stored", &out->stored },
                   { "refused", &out->refused },
                   { "repeated", &out->repeated },
                   { "first_us", &out->first_us },
                   { "last_us", &out->last_us } };
    for (size_t i = 0; i < SV_COUNT(counts); i++) {
        if (!sv_json_int(sv_json_get(item, counts[i].name), counts[i].to) || *counts[i].to < 0
            || *counts[i].to > NUMBER_MAX) {
            return sv_fail(why, SV_ERR_INVALID, "%s is not a whole number from 0", counts[i].name);
        }
    }
    return SV_OK;
}

static sv_err read_numbers(const sv_json *item, sv_ranges *out, sv_why *why) {
    sv_text text;
    SV_DEFER(sv_ranges_drop) sv_ranges read = SV_RANGES_EMPTY;
    bool fine =
        sv_json_text(sv_json_get(item, "numbers"), &text) && sv_ranges_parse(text, &read) == SV_OK;
    bool from_one = read.floor == INT64_MIN || read.floor > 1;
    from_one = from_one && (read.count == 0 || read.at[0].from >= 1);
    if (!fine || !from_one || (read.count > 0 && read.at[read.count - 1].to > NUMBER_MAX)) {
        return sv_fail(why, SV_ERR_INVALID, "numbers is not a list such as 1-500,503");
    }
    *out = read;
    read = SV_RANGES_EMPTY;
    return SV_OK;
}

sv_err sv_ledger_read(const sv_json *item, sv_ledger *ledger, sv_ranges *numbers, sv_why *why) {
    SV_DEFER(sv_ledger_drop) sv_ledger read = { 0 };
    SV_TRY(read_counts(item, &read, why));
    SV_TRY(read_days(sv_json_get(item, "days"), &read, why));
    SV_TRY(read_numbers(item, numbers, why));
    *ledger = read;
    read = (sv_ledger){ 0 };
    return SV_OK;
}
