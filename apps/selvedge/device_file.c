#include "device_file.h"

#include <base/map.h>
#include <base/mem.h>
#include <codec/encode.h>
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { COLUMNS_MAX = 16, FIELD_ROOM = 256 };

typedef enum column { COLUMN_ID, COLUMN_SITE, COLUMN_TYPE, COLUMN_IDEVID, COLUMN__COUNT } column;

static const char *const NAMES[COLUMN__COUNT] = { "id", "site", "type", "idevid" };

typedef struct fields {
    size_t count;
    char at[COLUMNS_MAX][FIELD_ROOM];
} fields;

void sv_device_file_drop(sv_device_file *file) {
    free(file->lines);
    sv_textbuf_drop(&file->faults);
}

void sv_device_file_fault(sv_device_file *file, size_t line, const char *fmt, ...) {
    char sentence[SV_WHY_MAX];
    va_list args;
    va_start(args, fmt);
    (void) vsnprintf(sentence, sizeof sentence, fmt, args);
    va_end(args);
    if (file->fault_count++ < SV_DEVICE_FILE_FAULTS_MAX) {
        sv_textbuf_addf(&file->faults, "line %zu: %s\n", line, sentence);
    }
}

// ---- one line -----------------------------------------------------------------------------------

/// The next field of `rest`, quoted or not; what is left begins behind its comma.
static sv_err cut_field(sv_text *rest, sv_textbuf *out, bool *last, sv_why *why) {
    size_t at = 0;
    bool quoted = rest->len > 0 && rest->at[0] == '"';
    for (at = quoted; at < rest->len; at++) {
        char c = rest->at[at];
        if (quoted && c == '"') {
            bool doubled = at + 1 < rest->len && rest->at[at + 1] == '"';
            at++;
            if (!doubled) {
                break;
            }
        } else if (!quoted && c == ',') {
            break;
        }
        sv_textbuf_add_char(out, c);
    }
    bool closed = !quoted || (at > 1 && rest->at[at - 1] == '"');
    if (!closed || (at < rest->len && rest->at[at] != ',')) {
        return sv_fail(why, SV_ERR_INVALID, "a quote that does not end its field");
    }
    *last = at >= rest->len;
    size_t used = *last ? rest->len : at + 1;
    *rest = (sv_text){ .at = rest->at + used, .len = rest->len - used };
    return SV_OK;
}

static sv_err split(sv_text line, fields *out, sv_why *why) {
    bool last = false;
    out->count = 0;
    while (!last) {
        if (out->count == COLUMNS_MAX) {
            return sv_fail(why, SV_ERR_INVALID, "more than %d fields", COLUMNS_MAX);
        }
        char room[FIELD_ROOM];
        sv_textbuf field = SV_TEXTBUF(room);
        SV_TRY(cut_field(&line, &field, &last, why));
        sv_text text = sv_text_trim(sv_textbuf_text(&field));
        if (field.overflowed || sv_text_copy(text, out->at[out->count], FIELD_ROOM) != SV_OK) {
            return sv_fail(why, SV_ERR_INVALID, "a field of more than %d bytes", FIELD_ROOM - 1);
        }
        out->count++;
    }
    return SV_OK;
}

// ---- the first line -----------------------------------------------------------------------------

/// Where each column stands; SIZE_MAX: nowhere.
static sv_err read_header(sv_text line, size_t places[COLUMN__COUNT], size_t *count, sv_why *why) {
    fields names;
    for (size_t c = 0; c < COLUMN__COUNT; c++) {
        places[c] = SIZE_MAX;
    }
    SV_TRY(split(line, &names, why));
    for (size_t i = 0; i < names.count; i++) {
        size_t c = 0;
        while (c < COLUMN__COUNT && strcmp(names.at[i], NAMES[c]) != 0) {
            c++;
        }
        if (c == COLUMN__COUNT || places[c] != SIZE_MAX) {
            return sv_fail(why, SV_ERR_INVALID,
                           "line 1: column '%.40s' is %s; columns are id, site, type, idevid, "
                           "with commas between",
                           names.at[i], c == COLUMN__COUNT ? "not known" : "there twice");
        }
        places[c] = i;
    }
    if (places[COLUMN_ID] == SIZE_MAX || places[COLUMN_SITE] == SIZE_MAX) {
        return sv_fail(why, SV_ERR_INVALID,
                       "line 1 names the columns, id and site among them: id,site,type");
    }
    *count = names.count;
    return SV_OK;
}

// ---- the others ---------------------------------------------------------------------------------

static sv_err read_line(const fields *found, const size_t places[COLUMN__COUNT],
                        sv_device_line *out, sv_why *why) {
    const struct {
        char *room;
        size_t bytes;
    } rooms[COLUMN__COUNT] = {
        { out->id, sizeof out->id },
        { out->site, sizeof out->site },
        { out->type, sizeof out->type },
        { out->idevid, sizeof out->idevid },
    };
    for (size_t c = 0; c < COLUMN__COUNT; c++) {
        sv_text value = sv_text_of(places[c] != SIZE_MAX ? found->at[places[c]] : "");
        bool name = c != COLUMN_IDEVID && (value.len > 0 || c <= COLUMN_SITE);
        if (name) {
            SV_TRY(sv_id_check(NAMES[c], value, why));
        }
        if (sv_text_copy(value, rooms[c].room, rooms[c].bytes) != SV_OK
            || !sv_utf8_is_valid(value)) {
            return sv_fail(why, SV_ERR_INVALID, "%s is no UTF-8 or longer than %zu bytes", NAMES[c],
                           rooms[c].bytes - 1);
        }
    }
    return SV_OK;
}

static void add_line(sv_device_file *file, const sv_device_line *line) {
    if (file->count == file->room) {
        file->room = file->room * 2 + 64;
        file->lines = sv_mem_resize(file->lines, file->room * sizeof *file->lines);
    }
    file->lines[file->count++] = *line;
}

/// Ids are one and the same in upper and lower case.
static bool is_new(sv_map *seen, const sv_device_line *line, size_t *first) {
    char lower[SV_ID_ROOM];
    for (size_t i = 0; i < sizeof lower; i++) {
        lower[i] = (char) tolower((unsigned char) line->id[i]);
    }
    uintptr_t before = (uintptr_t) sv_map_get(seen, sv_text_of(lower));
    *first = before;
    if (before == 0) {
        (void) sv_map_put(seen, sv_text_of(lower), (void *) (uintptr_t) line->line);
    }
    return before == 0;
}

static sv_err take(sv_device_file *file, sv_text text, size_t number,
                   const size_t places[COLUMN__COUNT], size_t columns, sv_map *seen, sv_why *why) {
    fields found;
    sv_device_line line = { .line = number };
    size_t first = 0;
    SV_TRY(split(text, &found, why));
    if (found.count != columns) {
        return sv_fail(why, SV_ERR_INVALID, "%zu fields, the first line names %zu", found.count,
                       columns);
    }
    SV_TRY(read_line(&found, places, &line, why));
    if (!is_new(seen, &line, &first)) {
        return sv_fail(why, SV_ERR_INVALID, "%s is there already, in line %zu", line.id, first);
    }
    if (file->count == SV_DEVICE_FILE_MAX) {
        return sv_fail(why, SV_ERR_INVALID, "more than %d devices", SV_DEVICE_FILE_MAX);
    }
    add_line(file, &line);
    return SV_OK;
}

static sv_text next_line(sv_text *rest) {
    sv_text line = sv_text_cut(rest, '\n');
    line.len -= line.len > 0 && line.at[line.len - 1] == '\r';
    return line;
}

sv_err sv_device_file_parse(sv_text text, sv_device_file *out, sv_why *why) {
    size_t places[COLUMN__COUNT];
    size_t columns = 0;
    static const sv_text MARK = { .at = "\xEF\xBB\xBF", .len = 3 }; // as spreadsheets write it
    if (sv_text_starts(text, MARK)) {
        text = (sv_text){ .at = text.at + MARK.len, .len = text.len - MARK.len };
    }
    sv_text rest = text;
    SV_TRY(read_header(next_line(&rest), places, &columns, why));
    sv_map *seen = sv_map_new(SV_DEVICE_FILE_MAX + 1, NULL);
    for (size_t number = 2; rest.len > 0; number++) {
        sv_text line = next_line(&rest);
        sv_why fault = { 0 };
        if (sv_text_trim(line).len > 0
            && take(out, line, number, places, columns, seen, &fault) != SV_OK) {
            sv_device_file_fault(out, number, "%s", fault.text);
        }
    }
    sv_map_drop(&seen);
    return SV_OK;
}
