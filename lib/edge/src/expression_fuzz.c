// Whatever the text: a program or a fault within it, never both. A program is written in its usual
// form and read again, and judges whatever its sensors say.
#include <base/mem.h>
#include <base/prng.h>
#include <edge/expression.h>
#include <math.h>
#include <stdlib.h>

enum { ROUNDS = 24 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void write_and_read(const sv_expression *e) {
    char room[SV_EXPRESSION_BYTES_MAX];
    char again_room[SV_EXPRESSION_BYTES_MAX];
    sv_textbuf usual = SV_TEXTBUF(room);
    sv_textbuf again_usual = SV_TEXTBUF(again_room);
    SV_DEFER(sv_expression_drop) sv_expression *again = NULL;
    sv_expression_format(e, &usual);
    if (usual.overflowed
        || sv_expression_parse(sv_textbuf_text(&usual), NULL, &again, NULL) != SV_OK
        || !sv_expression_same(e, again)) {
        abort();
    }
    sv_expression_format(again, &again_usual);
    if (!sv_text_eq(sv_textbuf_text(&usual), sv_textbuf_text(&again_usual))) {
        abort();
    }
}

static void judge(const sv_expression *e) {
    static const double VALUES[] = { 0, 1, -1, 3.5, 1e308, -1e308, 1e-308, 80 };
    SV_DEFER(sv_mem_drop) sv_expression_state *state = sv_mem_new(sv_expression_state_bytes(e));
    sv_prng prng = { .state = sv_expression_bytes(e) };
    int64_t now_us = INT64_C(1795328100000000);
    sv_expression_state_start(e, state);
    for (unsigned i = 0; i < ROUNDS; i++) {
        double what = sv_prng_unit(&prng);
        unsigned sensor = (unsigned) (what * sv_expression_sensor_count(e));
        double value = VALUES[sv_prng_next(&prng) % SV_COUNT(VALUES)];
        now_us += what < 0.1 ? INT64_C(-90000000000) : (int64_t) (what * what * 1e9);
        sv_expression_input input = { .raw = value, .average = value, .at_us = now_us };
        sv_expression_take(e, state, sensor, &input, now_us);
        sv_truth truth = sv_expression_judge(e, state, now_us);
        if (truth != sv_expression_judge(e, state, now_us) || truth > SV_TRUTH_UNKNOWN) {
            abort();
        }
    }
}

/// The text as a message, which it may be as well.
static void tell(const sv_expression *e, sv_text text) {
    SV_DEFER(sv_mem_drop) sv_expression_state *state = sv_mem_new(sv_expression_state_bytes(e));
    sv_why why = { 0 };
    sv_expression_state_start(e, state);
    if (sv_expression_message_check(e, text, &why) == SV_OK) {
        char room[SV_EXPRESSION_MESSAGE_MAX * 4];
        sv_textbuf out = SV_TEXTBUF(room);
        sv_expression_message_add(e, state, text, &out);
        if (out.overflowed) {
            abort();
        }
    } else if (why.text[0] == '\0') {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    SV_DEFER(sv_expression_drop) sv_expression *e = NULL;
    SV_DEFER(sv_expression_drop) sv_expression *fixed = NULL;
    sv_expression_fault fault = { .offset = SIZE_MAX };
    sv_text text = { .at = (const char *) data, .len = size };
    sv_err err = sv_expression_parse(text, NULL, &e, &fault);
    if ((err == SV_OK) != (e != NULL)) {
        abort();
    }
    if (err != SV_OK && (fault.offset > size || fault.text[0] == '\0')) {
        abort();
    }
    if (e != NULL) {
        write_and_read(e);
        judge(e);
    }
    if (sv_expression_parse(SV_TEXT("pressure < 2 and 'pump-current' > 5"), NULL, &fixed, NULL)
        == SV_OK) {
        tell(fixed, text);
    }
    return 0;
}
