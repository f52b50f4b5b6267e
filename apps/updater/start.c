#include "start.h"

#include <stdio.h>
#include <string.h>

enum { STAT_MAX = 4096, BEFORE_START = 19 }; ///< fields of /proc/PID/stat behind the name

static const char BOOT_ID[] = "/proc/sys/kernel/random/boot_id";
static const char FIRST[] = "/proc/1/stat";
static const char CHOSEN[] = "chosen";

static sv_err read_small(const char *path, sv_textbuf *out, sv_why *why) {
    sv_err err = sv_disk_read(path, out, why);
    return err == SV_OK && out->len == 0 ? sv_fail(why, SV_ERR_IO, "'%s' is empty", path) : err;
}

sv_err start_of_process(sv_text stat, sv_text *ticks) {
    size_t behind = stat.len; // a program's name may have anything in it
    while (behind > 0 && stat.at[behind - 1] != ')') {
        behind--;
    }
    sv_text rest = sv_text_trim((sv_text){ .at = stat.at + behind, .len = stat.len - behind });
    for (int i = 0; behind > 0 && i <= BEFORE_START; i++) {
        *ticks = sv_text_cut(&rest, ' ');
    }
    for (size_t i = 0; behind > 0 && i < ticks->len; i++) {
        behind = ticks->at[i] >= '0' && ticks->at[i] <= '9' ? behind : 0;
    }
    return behind > 0 && ticks->len > 0 ? SV_OK : SV_ERR_INVALID;
}

static sv_err first_start(sv_textbuf *stat, sv_text *out, sv_why *why) {
    sv_err err = sv_disk_read(FIRST, stat, NULL);
    return err == SV_OK && start_of_process(sv_textbuf_text(stat), out) == SV_OK
               ? SV_OK
               : sv_fail(why, SV_ERR_UNAVAILABLE,
                         "'%s' does not say when this start was: tell one start from the next with "
                         "--start",
                         FIRST);
}

static sv_err what_is_said(const char *said, sv_why *why) {
    size_t len = strlen(said);
    bool good = len > 0 && len <= START_SAID_MAX;
    for (size_t i = 0; good && i < len; i++) {
        good = said[i] > ' ' && said[i] <= '~';
    }
    return good ? SV_OK
                : sv_fail(why, SV_ERR_INVALID,
                          "--start has 1 to %d printable characters without a space, not '%.100s'",
                          START_SAID_MAX, said);
}

sv_err start_name(const char *said, char out[START_NAME_ROOM], sv_why *why) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf boot = SV_TEXTBUF_HEAP(STAT_MAX);
    SV_DEFER(sv_textbuf_drop) sv_textbuf stat = SV_TEXTBUF_HEAP(STAT_MAX);
    sv_text own = said != NULL ? sv_text_of(said) : SV_TEXT("");
    SV_TRY(read_small(BOOT_ID, &boot, why));
    SV_TRY(said != NULL ? what_is_said(said, why) : first_start(&stat, &own, why));
    int len = snprintf(out, START_NAME_ROOM, SV_TEXT_FMT " %s " SV_TEXT_FMT "\n",
                       SV_TEXT_ARG(sv_text_trim(sv_textbuf_text(&boot))),
                       said != NULL ? "start" : "process", SV_TEXT_ARG(own));
    return len < START_NAME_ROOM
               ? SV_OK
               : sv_fail(why, SV_ERR_INVALID, "the boot's ID in '%s' is too long", BOOT_ID);
}

bool start_is_chosen(const updater_config *config, const char *name) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf there = SV_TEXTBUF_HEAP(START_NAME_ROOM);
    char path[SV_PATH_MAX];
    return sv_disk_join(path, sizeof path, config->state, CHOSEN) == SV_OK
           && sv_disk_read(path, &there, NULL) == SV_OK
           && sv_text_is(sv_textbuf_text(&there), name);
}

sv_err start_keep(const updater_config *config, const char *name, sv_why *why) {
    char path[SV_PATH_MAX];
    SV_TRY(sv_disk_join(path, sizeof path, config->state, CHOSEN));
    return sv_disk_replace(path, sv_text_of(name), 0600, why);
}
