#include <stdio.h>
#include <sys/disk.h>
#include <sys/zone.h>

sv_err sv_zone_open(sv_text name, sv_zone **out, sv_why *why) {
    char path[SV_PATH_MAX];
    SV_TRY(sv_zone_name_check(name, why));
    if (sv_text_is(name, "UTC")) {
        *out = NULL;
        return SV_OK;
    }
    (void) snprintf(path, sizeof path, "/usr/share/zoneinfo/" SV_TEXT_FMT, SV_TEXT_ARG(name));
    SV_DEFER(sv_textbuf_drop) sv_textbuf bytes = SV_TEXTBUF_HEAP(SV_ZONE_BYTES_MAX);
    if (sv_disk_read(path, &bytes, NULL) != SV_OK) {
        return sv_fail(why, SV_ERR_NOT_FOUND,
                       "this machine knows no time zone '" SV_TEXT_FMT
                       "' (/usr/share/zoneinfo, package tzdata)",
                       SV_TEXT_ARG(name));
    }
    return sv_zone_parse(sv_textbuf_text(&bytes), out, why);
}
