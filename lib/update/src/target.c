#include <codec/encode.h>
#include <string.h>
#include <update/chunk.h>
#include <update/target.h>

static bool is_alnum(char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static bool is_name(sv_text name, const char *marks) {
    if (name.len == 0 || name.len >= SV_TARGET_NAME_ROOM || !is_alnum(name.at[0])) {
        return false;
    }
    for (size_t i = 1; i < name.len; i++) {
        if (!is_alnum(name.at[i]) && (name.at[i] == '\0' || strchr(marks, name.at[i]) == NULL)) {
            return false;
        }
    }
    return true;
}

bool sv_target_name_is_valid(sv_text name) {
    return is_name(name, "._-");
}

bool sv_target_version_is_valid(sv_text version) {
    return is_name(version, ".+~_-");
}

static sv_err read_name(const sv_json *custom, const char *member, char out[SV_TARGET_NAME_ROOM],
                        sv_why *why) {
    bool version = strcmp(member, "version") == 0;
    sv_text text = { 0 };
    if (!sv_json_text(sv_json_get(custom, member), &text)
        || !(version ? sv_target_version_is_valid(text) : sv_target_name_is_valid(text))) {
        return sv_fail(why, SV_ERR_INVALID,
                       "its %s \"" SV_TEXT_FMT "\" is not 1 to %d letters, digits and %s", member,
                       SV_TEXT_ARG(text), SV_TARGET_NAME_ROOM - 1, version ? ". + ~ _ -" : ". _ -");
    }
    return sv_text_copy(text, out, SV_TARGET_NAME_ROOM);
}

static sv_err read_hardware(const sv_json *list, sv_target *t, sv_why *why) {
    size_t count = sv_json_count(list);
    if (count == 0 || count > SV_TARGET_HARDWARE_MAX) {
        return sv_fail(why, SV_ERR_INVALID, "its hardware is not a list of 1 to %d ids",
                       SV_TARGET_HARDWARE_MAX);
    }
    for (size_t i = 0; i < count; i++) {
        sv_text id = { 0 };
        if (!sv_json_text(sv_json_at(list, i), &id) || !sv_target_name_is_valid(id)) {
            return sv_fail(why, SV_ERR_INVALID, "its hardware id \"" SV_TEXT_FMT "\" is not one",
                           SV_TEXT_ARG(id));
        }
        SV_TRY(sv_text_copy(id, t->hardware[i], sizeof t->hardware[i]));
        for (size_t k = 0; k < i; k++) {
            if (sv_text_is(id, t->hardware[k])) {
                return sv_fail(why, SV_ERR_INVALID, "its hardware names %s twice", t->hardware[k]);
            }
        }
    }
    t->hardware_count = count;
    return SV_OK;
}

static sv_err read_hash(const sv_json *value, const char *what, uint8_t out[SV_TARGET_HASH_BYTES],
                        sv_why *why) {
    sv_text hex = { 0 };
    if (!sv_json_text(value, &hex) || sv_hex_parse(hex, out, SV_TARGET_HASH_BYTES) != SV_OK) {
        return sv_fail(why, SV_ERR_INVALID, "its %s is not %d hexadecimal digits", what,
                       2 * SV_TARGET_HASH_BYTES);
    }
    return SV_OK;
}

static sv_err read_encoding(const sv_json *item, sv_target *t, sv_why *why) {
    sv_encoding *encoding = &t->encodings[t->encoding_count];
    sv_text name = { 0 };
    int64_t length = 0;
    (void) sv_json_text(sv_json_get(item, "name"), &name);
    SV_TRY(sv_encoding_parse(name, encoding, why));
    if (sv_target_encoding(t, name) != NULL) {
        return sv_fail(why, SV_ERR_INVALID, "it has encoding " SV_TEXT_FMT " twice",
                       SV_TEXT_ARG(name));
    }
    SV_TRY(read_hash(sv_json_get(item, "root"), "encoding's root", encoding->root, why));
    bool whole = sv_json_int(sv_json_get(item, "length"), &length) && length > 0;
    encoding->length = (uint64_t) length;
    if (!whole || !sv_chunk_sum_is_possible(t, encoding)) {
        return sv_fail(why, SV_ERR_INVALID,
                       "%lld bytes of encoding " SV_TEXT_FMT
                       " cannot be those of an image of %llu bytes",
                       (long long) length, SV_TEXT_ARG(name), (unsigned long long) t->length);
    }
    t->encoding_count++;
    return SV_OK;
}

static sv_err read_encodings(const sv_json *list, sv_target *t, sv_why *why) {
    size_t count = sv_json_count(list);
    if (count == 0 || count > SV_TARGET_ENCODINGS_MAX) {
        return sv_fail(why, SV_ERR_INVALID, "its encodings are not a list of 1 to %d",
                       SV_TARGET_ENCODINGS_MAX);
    }
    for (size_t i = 0; i < count; i++) {
        SV_TRY(read_encoding(sv_json_at(list, i), t, why));
    }
    return SV_OK;
}

static sv_err read_boot(const sv_json *value, sv_target *t, sv_why *why) {
    sv_textbuf bytes = { .at = (char *) t->boot, .cap = sizeof t->boot };
    sv_text text = { 0 };
    if (value == NULL) {
        return SV_OK;
    }
    if (!sv_json_text(value, &text) || text.len == 0 || sv_base64_parse(text, &bytes) != SV_OK) {
        return sv_fail(why, SV_ERR_INVALID, "its boot is not base64 of 1 to %d bytes",
                       SV_TARGET_BOOT_MAX);
    }
    t->boot_len = bytes.len;
    return SV_OK;
}

static sv_err read_notes(const sv_json *value, sv_target *t, sv_why *why) {
    sv_text text = { 0 };
    if (value != NULL
        && (!sv_json_text(value, &text)
            || sv_text_copy(text, t->notes, sizeof t->notes) != SV_OK)) {
        return sv_fail(why, SV_ERR_INVALID, "its notes are not a text of at most %d bytes",
                       SV_TARGET_NOTES_ROOM - 1);
    }
    return SV_OK;
}

static sv_err read_numbers(const sv_tuf_file *file, const sv_json *ours, sv_target *t,
                           sv_why *why) {
    int64_t counter = 0;
    if (file->length < 1 || (uint64_t) file->length > SV_IMAGE_BYTES_MAX) {
        return sv_fail(why, SV_ERR_INVALID, "an image has 1 to %llu bytes, not %lld",
                       (unsigned long long) SV_IMAGE_BYTES_MAX, (long long) file->length);
    }
    t->length = (uint64_t) file->length;
    SV_TRY(read_hash(sv_json_get(file->hashes, "sha256"), "sha256", t->digest, why));
    if (!sv_json_int(sv_json_get(ours, "counter"), &counter) || counter < 1
        || counter > UINT32_MAX) {
        return sv_fail(why, SV_ERR_INVALID, "its counter is not a whole number from 1 to %u",
                       UINT32_MAX);
    }
    t->counter = (uint32_t) counter;
    return sv_json_bool(sv_json_get(ours, "sealed"), &t->sealed)
               ? SV_OK
               : sv_fail(why, SV_ERR_INVALID, "its sealed is neither true nor false");
}

sv_err sv_target_read(const sv_tuf_file *file, sv_target *out, sv_why *why) {
    const sv_json *ours = sv_json_get(file->custom, "selvedge");
    sv_target t = { 0 };
    if (!sv_json_is_object(ours)) {
        return sv_fail(why, SV_ERR_NOT_FOUND,
                       "the target is no image of Selvedge's: it has no custom.selvedge");
    }
    SV_TRY(read_numbers(file, ours, &t, why));
    SV_TRY(read_name(ours, "product", t.product, why));
    SV_TRY(read_name(ours, "version", t.version, why));
    SV_TRY(read_name(ours, "slot", t.slot, why));
    SV_TRY(read_hardware(sv_json_get(ours, "hardware"), &t, why));
    SV_TRY(read_encodings(sv_json_get(ours, "encodings"), &t, why));
    SV_TRY(read_boot(sv_json_get(ours, "boot"), &t, why));
    SV_TRY(read_notes(sv_json_get(ours, "notes"), &t, why));
    *out = t;
    return SV_OK;
}

sv_err sv_target_parse(sv_text json, sv_target *out, sv_why *why) {
    SV_DEFER(sv_json_drop) sv_json *entry = NULL;
    sv_tuf_file file;
    SV_TRY(sv_json_parse(json, &entry, NULL, why));
    if (!sv_tuf_file_read(entry, &file)) {
        return sv_fail(why, SV_ERR_INVALID, "a target entry is a JSON object");
    }
    return sv_target_read(&file, out, why);
}

static void put_hash(sv_json_out *out, const char *key, const uint8_t hash[SV_TARGET_HASH_BYTES]) {
    char room[2 * SV_TARGET_HASH_BYTES + 1];
    sv_textbuf hex = SV_TEXTBUF(room);
    sv_hex_add(&hex, hash, SV_TARGET_HASH_BYTES);
    sv_json_add_text(out, key, sv_textbuf_text(&hex));
}

void sv_target_encodings_write(const sv_target *target, sv_json_out *out) {
    sv_json_open_array(out);
    for (size_t i = 0; i < target->encoding_count; i++) {
        char name[SV_ENCODING_NAME_ROOM];
        sv_encoding_name(&target->encodings[i], name);
        sv_json_open_object(out);
        sv_json_add_str(out, "name", name);
        sv_json_add_int(out, "length", (int64_t) target->encodings[i].length);
        put_hash(out, "root", target->encodings[i].root);
        sv_json_close_object(out);
    }
    sv_json_close_array(out);
}

static void put_boot(sv_json_out *out, const sv_target *target) {
    char room[(SV_TARGET_BOOT_MAX + 2) / 3 * 4 + 1];
    sv_textbuf base64 = SV_TEXTBUF(room);
    sv_base64_add(&base64, (sv_text){ .at = (const char *) target->boot, .len = target->boot_len });
    sv_json_add_text(out, "boot", sv_textbuf_text(&base64));
}

static void put_ours(sv_json_out *out, const sv_target *target) {
    sv_json_open_object(out);
    sv_json_add_str(out, "product", target->product);
    sv_json_add_str(out, "version", target->version);
    sv_json_key(out, "hardware");
    sv_json_open_array(out);
    for (size_t i = 0; i < target->hardware_count; i++) {
        sv_json_put_str(out, target->hardware[i]);
    }
    sv_json_close_array(out);
    sv_json_add_int(out, "counter", target->counter);
    sv_json_add_str(out, "slot", target->slot);
    sv_json_add_bool(out, "sealed", target->sealed);
    sv_json_key(out, "encodings");
    sv_target_encodings_write(target, out);
    if (target->boot_len > 0) {
        put_boot(out, target);
    }
    if (target->notes[0] != '\0') {
        sv_json_add_str(out, "notes", target->notes);
    }
    sv_json_close_object(out);
}

void sv_target_write(const sv_target *target, sv_json_out *out) {
    sv_json_open_object(out);
    sv_json_add_int(out, "length", (int64_t) target->length);
    sv_json_key(out, "hashes");
    sv_json_open_object(out);
    put_hash(out, "sha256", target->digest);
    sv_json_close_object(out);
    sv_json_key(out, "custom");
    sv_json_open_object(out);
    sv_json_key(out, "selvedge");
    put_ours(out, target);
    sv_json_close_object(out);
    sv_json_close_object(out);
}
