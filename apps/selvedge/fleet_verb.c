#include "fleet_verb.h"

#include "show.h"
#include <assert.h>
#include <codec/encode.h>
#include <model/id.h>
#include <stdio.h>
#include <string.h>

// ---- the frame ----------------------------------------------------------------------------------

static sv_err check(const sv_fleet_verb *verb, sv_fleet_asked *asked, const char *output, void *arg,
                    sv_why *why) {
    SV_TRY(sv_output_parse(output, &asked->json, why));
    if (verb->first != NULL && asked->plain[0] == NULL) {
        return sv_fail(why, SV_ERR_INVALID, "%s", verb->missing);
    }
    if (verb->first != NULL) {
        SV_TRY(sv_id_check(verb->first, sv_text_of(asked->plain[0]), why));
    }
    return verb->check != NULL ? verb->check(arg, why) : SV_OK;
}

static sv_err ask(const sv_fleet_verb *verb, const sv_fleet_asked *asked, void *arg, sv_why *why) {
    SV_DEFER(sv_fleet_api_drop) sv_fleet_api *api = NULL;
    SV_TRY(sv_fleet_api_open(&asked->place, &api, why));
    SV_TRY(verb->ask(arg, api, why));
    return fflush(stdout) == 0 ? SV_OK
                               : sv_fail(why, SV_ERR_NO_SPACE, "the output cannot be written: %m");
}

int sv_fleet_verb_run(const sv_fleet_verb *verb, sv_fleet_asked *asked, void *arg, int argc,
                      char **argv) {
    const char *output = "table";
    const sv_option common[] = { SV_FLEET_PLACE_OPTIONS(asked->place), SV_OUTPUT_OPTION(output) };
    sv_option options[SV_FLEET_OPTIONS_MAX + SV_COUNT(common)];
    size_t own = verb->option_count;
    assert(own <= SV_FLEET_OPTIONS_MAX && verb->plain_max <= SV_FLEET_PLAIN_MAX);
    for (size_t i = 0; i < own; i++) {
        options[i] = verb->options[i];
    }
    memcpy(options + own, common, sizeof common);
    size_t count = own + SV_COUNT(common);
    sv_why why = { .text = "" };
    sv_err err = sv_options_parse(argc, argv, options, count, asked->plain, verb->plain_max, &why);
    if (err == SV_ERR_STATE) {
        sv_options_help(verb->usage, verb->about, options, count);
        return SV_EXIT_DONE;
    }
    if (err == SV_OK) {
        err = check(verb, asked, output, arg, &why);
    }
    if (err == SV_OK) {
        err = ask(verb, asked, arg, &why);
    }
    if (err != SV_OK) {
        return sv_exit_with(err, &why);
    }
    return asked->no ? SV_EXIT_NO : SV_EXIT_DONE;
}

void sv_fleet_show_json(const sv_json *answer) {
    sv_show_json(answer);
    (void) puts("");
}

void sv_fleet_path_add(sv_textbuf *path, const char *name, const char *value) {
    if (value != NULL) {
        sv_text before = sv_textbuf_text(path);
        bool first = before.len > 0 && before.at[before.len - 1] == '?';
        sv_textbuf_addf(path, "%s%s=", first ? "" : "&", name);
        sv_percent_add(path, sv_text_of(value));
    }
}

// ---- lists --------------------------------------------------------------------------------------

static sv_err next_page(sv_fleet_api *api, const char *path, int64_t limit, sv_text cursor,
                        sv_json **out, sv_why *why) {
    char room[SV_FLEET_API_PATH_MAX];
    sv_textbuf page = SV_TEXTBUF(room);
    sv_textbuf_addf(&page, "%s&limit=%lld", path, (long long) limit);
    if (cursor.len > 0) {
        sv_textbuf_add_str(&page, "&cursor=");
        sv_percent_add(&page, cursor);
    }
    if (sv_textbuf_end(&page) != SV_OK) {
        return sv_fail(why, SV_ERR_INVALID, "the filter is longer than %zu bytes", sizeof room - 1);
    }
    return sv_fleet_api_get(api, room, out, why);
}

static void show_item(const sv_fleet_list *list, bool json, const sv_json *item, bool first) {
    if (json) {
        (void) printf("%s", first ? "[" : ",\n");
        sv_show_json(item);
        return;
    }
    if (first && list->head != NULL) {
        (void) puts(list->head);
    }
    list->line(item, list->arg);
}

static void show_end(const sv_fleet_list *list, bool json, int64_t shown) {
    if (json) {
        (void) puts(shown == 0 ? "[]" : "]");
    } else if (shown == 0) {
        (void) fprintf(stderr, "%s\n", list->none);
    }
}

sv_err sv_fleet_list_show(sv_fleet_api *api, const sv_fleet_list *list, bool json, sv_why *why) {
    SV_DEFER(sv_json_drop) sv_json *page = NULL;
    int64_t shown = 0;
    for (bool more = true; more;) {
        sv_text cursor = sv_show_words(page, "next");
        int64_t left = list->limit > 0 ? list->limit - shown : SV_FLEET_PAGE;
        sv_json *following = NULL;
        SV_TRY(next_page(api, list->path, left < SV_FLEET_PAGE ? left : SV_FLEET_PAGE, cursor,
                         &following, why));
        sv_json_drop(&page);
        page = following;
        const sv_json *items = sv_json_get(page, "items");
        size_t count = sv_json_count(items);
        for (size_t i = 0; i < count; i++) {
            show_item(list, json, sv_json_at(items, i), shown == 0);
            shown++;
        }
        more = sv_show_words(page, "next").len > 0 && (list->limit == 0 || shown < list->limit);
    }
    show_end(list, json, shown);
    return SV_OK;
}
