#include "device_add.h"

#include "command.h"
#include "device_file.h"
#include "fleet_api.h"
#include "show.h"
#include <stdio.h>
#include <string.h>
#include <sys/disk.h>
#include <unistd.h>

enum {
    AT_ONCE = 500,
    BODY_MAX = 512 * 1024,
    MINUTES_DEFAULT = 24 * 60,
    MINUTES_MAX = 90 * 24 * 60
};

typedef struct asked {
    sv_fleet_place place;
    const char *plain[2]; ///< device
    const char *site, *type, *idevid, *from;
    int64_t minutes;
    bool json;
} asked;

// ---- asking -------------------------------------------------------------------------------------

static void put_line(const sv_device_line *line, sv_json_out *out) {
    sv_json_open_object(out);
    sv_json_add_str(out, "id", line->id);
    sv_json_add_str(out, "site", line->site);
    if (line->type[0] != '\0') {
        sv_json_add_str(out, "type", line->type);
    }
    if (line->idevid[0] != '\0') {
        sv_json_add_str(out, "idevid", line->idevid);
    }
    sv_json_close_object(out);
}

/// Add these, or (`check`) only hear what is wrong with them.
static sv_err post(sv_fleet_api *api, const asked *a, const sv_device_line *lines, size_t count,
                   bool check, sv_json **out, sv_why *why) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf body = SV_TEXTBUF_HEAP(BODY_MAX);
    sv_json_out json = SV_JSON_OUT(&body);
    sv_json_open_object(&json);
    sv_json_key(&json, "devices");
    sv_json_open_array(&json);
    for (size_t i = 0; i < count; i++) {
        put_line(&lines[i], &json);
    }
    sv_json_close_array(&json);
    sv_json_add_int(&json, "minutes", a->minutes);
    sv_json_add_bool(&json, "check", check);
    sv_json_close_object(&json);
    SV_TRY(sv_textbuf_end(&body));
    return sv_fleet_api_post(api, "/api/v1/enrolments", sv_textbuf_text(&body), out, why);
}

// ---- showing ------------------------------------------------------------------------------------

/// The lines to type on the devices, or (JSON) everything about each.
static sv_err show_items(const asked *a, const sv_json *items, bool first, sv_why *why) {
    for (size_t i = 0; i < sv_json_count(items); i++) {
        const sv_json *item = sv_json_at(items, i);
        if (a->json) {
            (void) printf("%s", first && i == 0 ? "[" : ",\n");
            sv_show_json(item);
        } else {
            sv_show_plain(sv_show_words(item, "command"));
            (void) puts("");
        }
    }
    return fflush(stdout) == 0 ? SV_OK
                               : sv_fail(why, SV_ERR_NO_SPACE, "the output cannot be written: %m");
}

static void show_progress(size_t done, size_t all, bool last) {
    bool terminal = isatty(STDERR_FILENO) == 1;
    (void) fprintf(stderr, "%s%zu of %zu added%s", terminal ? "\r" : "", done, all,
                   terminal && !last ? "" : "\n");
}

// ---- one ----------------------------------------------------------------------------------------

static sv_err add_one(const asked *a, sv_why *why) {
    SV_DEFER(sv_fleet_api_drop) sv_fleet_api *api = NULL;
    SV_DEFER(sv_json_drop) sv_json *root = NULL;
    sv_device_line line = { 0 };
    SV_TRY(sv_id_check("device id", sv_text_of(a->plain[0]), why));
    SV_TRY(sv_id_check("site", sv_text_of(a->site), why));
    SV_TRY(sv_text_copy(sv_text_of(a->plain[0]), line.id, sizeof line.id));
    SV_TRY(sv_text_copy(sv_text_of(a->site), line.site, sizeof line.site));
    if (sv_text_copy(sv_text_of(a->type), line.type, sizeof line.type) != SV_OK
        || sv_text_copy(sv_text_of(a->idevid), line.idevid, sizeof line.idevid) != SV_OK) {
        return sv_fail(why, SV_ERR_INVALID, "--type or --idevid is too long");
    }
    SV_TRY(sv_fleet_api_open(&a->place, &api, why));
    SV_TRY(post(api, a, &line, 1, false, &root, why));
    const sv_json *items = sv_json_get(root, "items");
    SV_TRY(show_items(a, items, true, why));
    if (a->json) {
        (void) puts("]");
    }
    (void) fprintf(stderr,
                   line.idevid[0] != '\0'
                       ? "%s waits for its manufacturer's certificate; with it the device asks as "
                         "the line says\n"
                       : "%s waits for its first contact; type the line on the device. The token "
                         "works once and is shown only now\n",
                   line.id);
    return SV_OK;
}

// ---- a file -------------------------------------------------------------------------------------

static sv_err read_file(const asked *a, sv_device_file *file, sv_why *why) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf text = SV_TEXTBUF_HEAP(SV_DEVICE_FILE_BYTES_MAX);
    sv_err err = sv_disk_read(a->from, &text, why);
    if (err == SV_ERR_NOT_FOUND) {
        return sv_fail(why, SV_ERR_INVALID, "there is no file '%s'", a->from);
    }
    SV_TRY(err);
    return sv_device_file_parse(sv_textbuf_text(&text), file, why);
}

static size_t part_of(const sv_device_file *file, size_t from) {
    return file->count - from < AT_ONCE ? file->count - from : AT_ONCE;
}

/// What the fleet server says of every line, before anything is made.
static sv_err check_all(sv_fleet_api *api, const asked *a, sv_device_file *file, sv_why *why) {
    for (size_t from = 0; from < file->count; from += AT_ONCE) {
        SV_DEFER(sv_json_drop) sv_json *root = NULL;
        SV_TRY(post(api, a, file->lines + from, part_of(file, from), true, &root, why));
        const sv_json *faults = sv_json_get(root, "faults");
        for (size_t i = 0; i < sv_json_count(faults); i++) {
            const sv_json *fault = sv_json_at(faults, i);
            int64_t item = sv_show_number(fault, "item");
            if (item >= 0 && (size_t) item < part_of(file, from)) {
                sv_text sentence = sv_show_words(fault, "sentence");
                sv_device_file_fault(file, file->lines[from + (size_t) item].line, SV_TEXT_FMT,
                                     SV_TEXT_ARG(sentence));
            }
        }
    }
    return SV_OK;
}

static sv_err tell_faults(const asked *a, sv_device_file *file, sv_why *why) {
    if (file->fault_count == 0) {
        return file->count > 0 ? SV_OK
                               : sv_fail(why, SV_ERR_INVALID, "'%s' names no device", a->from);
    }
    (void) fprintf(stderr, SV_TEXT_FMT, SV_TEXT_ARG(sv_textbuf_text(&file->faults)));
    return sv_fail(why, SV_ERR_INVALID, "'%s' has %zu faults; nothing was added", a->from,
                   file->fault_count);
}

static sv_err add_all(sv_fleet_api *api, const asked *a, const sv_device_file *file, sv_why *why) {
    for (size_t from = 0; from < file->count; from += AT_ONCE) {
        SV_DEFER(sv_json_drop) sv_json *root = NULL;
        sv_why fault = { 0 };
        size_t part = part_of(file, from);
        sv_err err = post(api, a, file->lines + from, part, false, &root, &fault);
        if (err != SV_OK) {
            return sv_fail(why, err, "%s; %zu were added, what begins with line %zu was not",
                           fault.text, from, file->lines[from].line);
        }
        SV_TRY(show_items(a, sv_json_get(root, "items"), from == 0, why));
        show_progress(from + part, file->count, from + part == file->count);
    }
    if (a->json) {
        (void) puts("]");
    }
    return SV_OK;
}

static sv_err add_file(const asked *a, sv_why *why) {
    SV_DEFER(sv_device_file_drop) sv_device_file file = SV_DEVICE_FILE;
    SV_DEFER(sv_fleet_api_drop) sv_fleet_api *api = NULL;
    SV_TRY(read_file(a, &file, why));
    SV_TRY(sv_fleet_api_open(&a->place, &api, why));
    SV_TRY(check_all(api, a, &file, why));
    SV_TRY(tell_faults(a, &file, why));
    return add_all(api, a, &file, why);
}

// ---- command ------------------------------------------------------------------------------------

static sv_err check(asked *a, const char *output, sv_why *why) {
    SV_TRY(sv_output_parse(output, &a->json, why));
    bool one = a->plain[0] != NULL && a->site != NULL && a->from == NULL;
    bool file = a->from != NULL && a->plain[0] == NULL && a->site == NULL && a->type == NULL
                && a->idevid == NULL;
    if (a->plain[0] != NULL && a->site == NULL && a->from == NULL) {
        return sv_fail(why, SV_ERR_INVALID,
                       "where does it stand? selvedge device add %s --site SITE", a->plain[0]);
    }
    return one || file ? SV_OK
                       : sv_fail(why, SV_ERR_INVALID,
                                 "say which: selvedge device add press-17 --site pune, or "
                                 "selvedge device add --from devices.csv");
}

int cmd_device_add(int argc, char **argv) {
    asked a = { .minutes = MINUTES_DEFAULT };
    const char *output = "table";
    const sv_option options[] = {
        { .name = "site",
          .value = "SITE",
          .kind = SV_OPTION_TEXT,
          .target = &a.site,
          .help = "where it stands" },
        { .name = "type",
          .value = "TYPE",
          .kind = SV_OPTION_TEXT,
          .target = &a.type,
          .help = "what it is, such as lathe" },
        { .name = "idevid",
          .value = "NAME",
          .kind = SV_OPTION_TEXT,
          .target = &a.idevid,
          .help = "instead of a token: the CN or serial number in its manufacturer's certificate" },
        { .name = "minutes",
          .value = "N",
          .kind = SV_OPTION_INT,
          .target = &a.minutes,
          .min = 1,
          .max = MINUTES_MAX,
          .help = "how long it may take until it enrols [1440, a day]" },
        { .name = "from",
          .value = "FILE",
          .kind = SV_OPTION_TEXT,
          .target = &a.from,
          .help = "many: a CSV file whose first line names the columns id, site, type, idevid" },
        SV_FLEET_PLACE_OPTIONS(a.place),
        SV_OUTPUT_OPTION(output),
    };
    sv_why why = { .text = "" };
    sv_err err = sv_options_parse(argc, argv, options, SV_COUNT(options), a.plain, 1, &why);
    if (err == SV_ERR_STATE) {
        sv_options_help("selvedge device add DEVICE --site SITE",
                        "Let a device have a certificate. Prints the line to type on it: the token "
                        "in it works once, for this device\nalone. Again for the same device gives "
                        "a new token, and the one from before counts no more.\n\n"
                        "  selvedge device add press-17 --site pune\n"
                        "  selvedge device add --from devices.csv > lines.txt",
                        options, SV_COUNT(options));
        return SV_EXIT_DONE;
    }
    if (err == SV_OK) {
        err = check(&a, output, &why);
    }
    if (err == SV_OK) {
        err = a.from != NULL ? add_file(&a, &why) : add_one(&a, &why);
    }
    return err == SV_OK ? SV_EXIT_DONE : sv_exit_with(err, &why);
}
