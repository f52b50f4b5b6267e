// Whatever the file: rules or faults, never both, and rules that can be asked about any stream.
#include <edge/guard.h>
#include <stdlib.h>

/// What the file's rules say to one reading of each kind.
static void guard_hears(sv_guard *guard) {
    const sv_expression_input input = { .raw = 7, .average = 6, .at_us = 1 };
    const sv_guard_now now = { .at_us = 2, .tick_us = 2 };
    if (guard != NULL) {
        sv_guard_take(guard, sv_guard_tap(guard, SV_TEXT("vibration")), &input, &now);
        sv_guard_tick(guard, &now);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    SV_DEFER(sv_config_faults_drop) sv_config_faults faults = { .file = "fuzz" };
    SV_DEFER(sv_config_node_drop) sv_config_node *root = NULL;
    SV_DEFER(sv_rules_drop) sv_rules *rules = NULL;
    sv_text text = { .at = (const char *) data, .len = size };
    if (sv_config_parse(text, &root, &faults) != SV_OK) {
        return 0;
    }
    sv_err err = sv_rules_read(root, &rules, &faults);
    if ((err == SV_OK) != (rules != NULL) || (err == SV_OK) != (faults.count == 0)) {
        abort();
    }
    if (rules != NULL) {
        sv_stream_rules found;
        sv_rules_for(rules, SV_TEXT("lathe-3"), SV_TEXT("vibration"), &found);
        const sv_threshold *t = &found.threshold;
        if (t->hysteresis < 0 || (t->high.given && t->low.given && t->high.at < t->low.at)
            || (t->high.has_critical && t->high.critical < t->high.at) || found.change.amount < 0
            || found.uplink >= SV_UPLINK__COUNT) {
            abort();
        }
        SV_DEFER(sv_textbuf_drop) sv_textbuf told = SV_TEXTBUF_HEAP(1 << 20);
        SV_DEFER(sv_guard_drop) sv_guard *guard = sv_guard_new(rules, SV_TEXT("lathe-3"));
        guard_hears(guard);
        sv_rules_explain_named(rules, SV_TEXT("lathe-3"), &told);
        sv_rules_explain(rules, SV_TEXT("lathe-3"), SV_TEXT("vibration"), &told);
        uint64_t known = 0;
        for (int64_t hour = 0; hour < INT64_C(24) * 7; hour++) {
            known |= sv_rules_muted(rules, hour * INT64_C(3600000000));
        }
        if (told.len == 0 || (known != 0 && __builtin_popcountll(known) > SV_MUTES_MAX)) {
            abort();
        }
    }
    return 0;
}
