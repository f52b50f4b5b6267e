// `selvedge firmware boot` and `selvedge firmware slots`
#include "command.h"
#include "firmware.h"
#include "firmware_slots.h"
#include <base/mem.h>
#include <stdio.h>
#include <string.h>

typedef struct asked {
    const char *dir, *output;
    int64_t cut_after, seed;
    bool healthy, failing, json;
} asked;

/// Choose, keep what was chosen, and be what was started.
static sv_err start(firmware_slots *slots, bool *started, sv_why *why) {
    firmware_next next;
    SV_TRY(firmware_slots_next(slots, true, &next, why));
    *started = next.choice.slot != SV_BOOT_NO_SLOT;
    if (memcmp(next.choice.after.slots, next.state.slots, sizeof next.state.slots) != 0) {
        SV_TRY(sv_boot_file_keep(&slots->boot_file, &next.choice.after, why));
    }
    slots->boot_file.running = next.choice.slot;
    if (*started) {
        const sv_boot_header *header = &next.headers[next.choice.slot];
        (void) fprintf(stderr, "slot %s starts: %s %s%s\n", sv_slot_letter(next.choice.slot),
                       header->product, header->version, next.choice.trial ? ", on trial" : "");
    } else {
        (void) fprintf(stderr, "nothing may be started\n");
    }
    return SV_OK;
}

/// What the updater does when it has been started.
static sv_err prove(firmware_slots *slots, const asked *a, sv_why *why) {
    sv_engine *engine = &slots->engine;
    SV_TRY(sv_engine_wake(engine, why));
    if (sv_engine_next(engine) != SV_TRIAL_ASK_HEALTH) {
        if (engine->journal.trial.state == SV_TRIAL_CONFIRMED && a->failing) {
            (void) fprintf(stderr, "it is confirmed already, or there is nothing to go back to\n");
        }
        return SV_OK;
    }
    if (!a->healthy && !a->failing) {
        (void) fprintf(stderr, "it does not say that it is healthy, and is on trial still\n");
        return SV_OK;
    }
    return sv_engine_health(engine, a->healthy, "found unhealthy by hand", why);
}

static int run(const asked *a, bool only_look, sv_why *why) {
    SV_DEFER(sv_mem_drop) firmware_slots *slots = sv_mem_new(sizeof *slots);
    slots->lock = -1;
    bool started = true;
    sv_err err = firmware_slots_open(slots, a->dir, false, NULL, (uint64_t) a->cut_after,
                                     (uint64_t) a->seed, why);
    if (err != SV_OK) {
        firmware_slots_drop(slots);
        return sv_exit_with(err, why);
    }
    slots->engine.keys = &slots->keys.starting;
    if (!only_look) {
        err = start(slots, &started, why);
        err = err == SV_OK && started ? prove(slots, a, why) : err;
    }
    sv_why shown = { 0 };
    sv_err last = firmware_slots_report(slots, a->json, &shown);
    int code = slots->power.gone ? SV_EXIT_MACHINE
               : err != SV_OK    ? sv_exit_with(err, why)
               : last != SV_OK   ? sv_exit_with(last, &shown)
               : started         ? SV_EXIT_DONE
                                 : SV_EXIT_NO;
    firmware_slots_drop(slots);
    return code;
}

int firmware_boot(int argc, char **argv) {
    asked a = { .seed = 1 };
    const sv_option options[] = {
        { "slots", "DIR", SV_OPTION_TEXT, &a.dir, "the folder with both slots", true, 0, 0 },
        { "healthy", NULL, SV_OPTION_FLAG, &a.healthy, "what starts is found healthy: confirmed",
          false, 0, 0 },
        { "failing", NULL, SV_OPTION_FLAG, &a.failing, "it is not: given up", false, 0, 0 },
        { "power-cut-after", "N", SV_OPTION_INT, &a.cut_after,
          "the power goes at the N-th write, flush or name", false, 1, 1e12 },
        { "seed", "N", SV_OPTION_INT, &a.seed, "what then becomes of what was not flushed [1]",
          false, 0, 1e15 },
        SV_OUTPUT_OPTION(a.output),
    };
    sv_why why = { 0 };
    sv_err err = sv_options_parse(argc, argv, options, SV_COUNT(options), NULL, 0, &why);
    if (err == SV_ERR_STATE) {
        sv_options_help(
            "selvedge firmware boot --slots DIR [--healthy|--failing]",
            "One start, as a boot loader chooses it, and what comes of it: confirmed, "
            "given up, or, with\nneither, silence, which costs one of three tries. Exit "
            "1: nothing may be started.\n\n"
            "example: selvedge firmware boot --slots slots --healthy",
            options, SV_COUNT(options));
        return SV_EXIT_DONE;
    }
    if (err == SV_OK && a.healthy && a.failing) {
        err = sv_fail(&why, SV_ERR_INVALID, "--healthy or --failing, not both");
    }
    err = err == SV_OK ? sv_output_parse(a.output, &a.json, &why) : err;
    return err == SV_OK ? run(&a, false, &why) : sv_exit_with(err, &why);
}

int firmware_slots_look(int argc, char **argv) {
    asked a = { .dir = NULL };
    const sv_option options[] = {
        { "slots", "DIR", SV_OPTION_TEXT, &a.dir, "the folder with both slots", true, 0, 0 },
        SV_OUTPUT_OPTION(a.output),
    };
    sv_why why = { 0 };
    sv_err err = sv_options_parse(argc, argv, options, SV_COUNT(options), NULL, 0, &why);
    if (err == SV_ERR_STATE) {
        sv_options_help("selvedge firmware slots --slots DIR",
                        "What lies in both slots, how the update is doing, and which slot would "
                        "start. Changes nothing.\n\nexample: selvedge firmware slots --slots slots",
                        options, SV_COUNT(options));
        return SV_EXIT_DONE;
    }
    err = err == SV_OK ? sv_output_parse(a.output, &a.json, &why) : err;
    return err == SV_OK ? run(&a, true, &why) : sv_exit_with(err, &why);
}
