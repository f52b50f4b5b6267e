// `selvedge update keys show`
#include "show.h"
#include "update.h"
#include "update_change.h"
#include "update_keys.h"
#include <base/mem.h>
#include <base/time.h>
#include <stdio.h>
#include <stdlib.h>

enum { JSON_MAX = 4 * 1024 * 1024 };

static void add_keys(sv_json_out *json, const update_folder *folder, const sv_tuf_voucher *by) {
    sv_json_add_int(json, "threshold", by->threshold);
    sv_json_key(json, "keys");
    sv_json_open_array(json);
    for (size_t i = 0; i < sv_json_count(by->keyids); i++) {
        char id[SV_TUF_KEYID_ROOM];
        sv_text text = { 0 };
        (void) sv_json_text(sv_json_at(by->keyids, i), &text);
        const update_key *own =
            sv_text_copy(text, id, sizeof id) == SV_OK ? update_folder_key(folder, id) : NULL;
        const sv_json *key = sv_json_get(by->keys, id);
        sv_json_open_object(json);
        sv_json_add_text(json, "id", text);
        sv_json_add_text(json, "scheme", sv_show_words(key, "scheme"));
        sv_json_add_str(json, "name", update_folder_name(folder, text));
        sv_json_add_str(json, "place", own != NULL ? own->place : NULL);
        sv_json_close_object(json);
    }
    sv_json_close_array(json);
}

static void add_role(sv_json_out *json, const update_folder *folder, sv_text role,
                     const sv_tuf_voucher *by, const sv_tuf_metadata *newest, bool pending) {
    char room[40];
    sv_textbuf end = SV_TEXTBUF(room);
    sv_json_open_object(json);
    sv_json_add_text(json, "role", role);
    if (newest != NULL) {
        sv_time_add(&end, newest->expires_us);
        sv_json_add_int(json, "version", newest->version);
        sv_json_add_text(json, "expires", sv_textbuf_text(&end));
        sv_json_add_bool(json, "pending", pending);
    } else {
        sv_json_add_null(json, "version");
    }
    add_keys(json, folder, by);
    sv_json_close_object(json);
}

static sv_err add_newest(sv_json_out *json, const update_folder *folder, const char *role,
                         const sv_tuf_voucher *by, sv_why *why) {
    SV_DEFER(update_document_drop) update_document newest = { 0 };
    sv_err err = update_newest(folder, role, &newest, why);
    if (err != SV_ERR_NOT_FOUND) {
        SV_TRY(err);
    }
    add_role(json, folder, sv_text_of(role), by, newest.metadata, newest.pending);
    return SV_OK;
}

static sv_err add_delegated(sv_json_out *json, const update_folder *folder, sv_why *why) {
    SV_DEFER(update_document_drop) update_document targets = { 0 };
    sv_err err = update_newest(folder, "targets", &targets, why);
    if (err == SV_ERR_NOT_FOUND) {
        return SV_OK;
    }
    SV_TRY(err);
    const sv_json *delegations = sv_json_get(targets.metadata->content, "delegations");
    const sv_json *roles = sv_json_get(delegations, "roles");
    for (size_t i = 0; i < sv_json_count(roles); i++) {
        const sv_json *one = sv_json_at(roles, i);
        char name[UPDATE_NAME_ROOM];
        sv_tuf_voucher by = { .keys = sv_json_get(delegations, "keys"),
                              .keyids = sv_json_get(one, "keyids"),
                              .threshold = sv_show_number(one, "threshold") };
        if (sv_text_copy(sv_show_words(one, "name"), name, sizeof name) == SV_OK) {
            SV_TRY(add_newest(json, folder, name, &by, why));
        }
    }
    return SV_OK;
}

static sv_err gather(const update_folder *folder, sv_textbuf *out, sv_why *why) {
    SV_DEFER(update_document_drop) update_document root = { 0 };
    sv_json_out json = SV_JSON_OUT(out);
    sv_json_open_array(&json);
    sv_err err = update_newest(folder, "root", &root, why);
    if (err == SV_OK) {
        for (sv_tuf_type type = 0; type < SV_TUF_TYPE__COUNT; type++) {
            sv_tuf_voucher by = sv_tuf_root_names(root.metadata, type);
            SV_TRY(add_newest(&json, folder, sv_tuf_type_name(type), &by, why));
        }
        SV_TRY(add_delegated(&json, folder, why));
    } else if (err != SV_ERR_NOT_FOUND) {
        return err;
    }
    sv_json_close_array(&json);
    return sv_textbuf_end(out);
}

static void print_key(const sv_json *key) {
    sv_text name = sv_show_words(key, "name");
    sv_text place = sv_show_words(key, "place");
    (void) printf("    %.*s  %-20.*s ", UPDATE_SHORT_ID, sv_show_words(key, "id").at,
                  SV_TEXT_ARG(sv_show_words(key, "scheme")));
    sv_show_plain(name);
    (void) printf("%s", name.len > 0 ? "  " : "");
    sv_show_plain(place.len > 0 ? place : SV_TEXT("(not here)"));
    (void) putchar('\n');
}

static void print_role(const sv_json *role) {
    const sv_json *keys = sv_json_get(role, "keys");
    bool pending = false;
    (void) sv_json_bool(sv_json_get(role, "pending"), &pending);
    (void) printf("%-10.*s %lld of %zu", SV_TEXT_ARG(sv_show_words(role, "role")),
                  (long long) sv_show_number(role, "threshold"), sv_json_count(keys));
    if (sv_show_number(role, "version") > 0) {
        (void) printf("  version %lld until %.*s%s", (long long) sv_show_number(role, "version"),
                      SV_TEXT_ARG(sv_show_words(role, "expires")),
                      pending ? "  waits for signatures" : "");
    } else {
        (void) printf("  nothing signed yet");
    }
    (void) putchar('\n');
    for (size_t i = 0; i < sv_json_count(keys); i++) {
        print_key(sv_json_at(keys, i));
    }
}

/// Of somebody who signs with others, the folder says nothing of roles.
static void print_own(const update_folder *folder) {
    for (size_t i = 0; i < folder->key_count; i++) {
        const update_key *key = &folder->keys[i];
        (void) printf("%.*s  %s  %s\n", UPDATE_SHORT_ID, key->id, key->name, key->place);
    }
}

static sv_err show(const char *dir, bool as_json, sv_why *why) {
    SV_DEFER(update_folder_drop) update_folder *folder = NULL;
    SV_DEFER(sv_textbuf_drop) sv_textbuf text = SV_TEXTBUF_HEAP(JSON_MAX);
    SV_DEFER(sv_json_drop) sv_json *roles = NULL;
    SV_DEFER(sv_mem_drop) update_roles *roles_waiting = sv_mem_new(sizeof *roles_waiting);
    SV_TRY(update_folder_open(dir, &folder, why));
    SV_TRY(gather(folder, &text, why));
    if (as_json) {
        (void) printf("%s\n", text.at);
        return SV_OK;
    }
    SV_TRY(sv_json_parse(sv_textbuf_text(&text), &roles, NULL, why));
    size_t bins = 0;
    for (size_t i = 0; i < sv_json_count(roles); i++) {
        const sv_json *role = sv_json_at(roles, i);
        bool bin = sv_tuf_is_bin(sv_show_words(role, "role"));
        bins += bin ? 1 : 0;
        if (!bin) {
            print_role(role);
        }
    }
    if (bins > 0) {
        (void) printf("%zu hash bins, by the keys of targets\n", bins);
    }
    if (sv_json_count(roles) == 0) {
        print_own(folder);
    }
    return update_waiting_print(folder, roles_waiting, stdout, why);
}

int update_keys_show(int argc, char **argv) {
    static const update_page page = {
        "selvedge update keys show --keys KEYS [--output json|table]",
        "Whose keys count for what, how many it takes, until when it is valid, where the private "
        "halves are,\nand who has still to sign what is pending.\n\n"
        "example: selvedge update keys show --keys keys",
    };
    const char *dir = NULL;
    const char *output = "table";
    const sv_option options[] = { UPDATE_KEYS_OPTION(dir), SV_OUTPUT_OPTION(output) };
    int code = 0;
    if (!update_begin(argc, argv, page, options, SV_COUNT(options), NULL, 0, 0, &code)) {
        return code;
    }
    sv_why why = { 0 };
    bool as_json = false;
    sv_err err = sv_output_parse(output, &as_json, &why);
    return update_end(err == SV_OK ? show(dir, as_json, &why) : err, &why);
}
