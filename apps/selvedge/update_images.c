// `selvedge update images`: what the fleet server can roll out; `remove`: what it need not keep.
#include "update.h"

#include "fleet_verb.h"
#include "show.h"
#include <inttypes.h>
#include <stdio.h>

enum { ROW_VERSION = 16, ROW_PRODUCT = 16, ROW_STATE = 12, PATH_ROOM = SV_FLEET_API_PATH_MAX };

static const char *state_of(const sv_json *image) {
    bool complete = false;
    sv_text key = sv_show_words(image, "key");
    (void) sv_json_bool(sv_json_get(image, "complete"), &complete);
    return !complete ? "not whole" : sv_text_is(key, "missing") ? "no key" : "ready";
}

static void show_line(const sv_json *image, void *arg) {
    (void) arg;
    sv_show_cell(sv_show_words(image, "product"), ROW_PRODUCT);
    sv_show_cell(sv_show_words(image, "version"), ROW_VERSION);
    sv_show_cell(sv_text_of(state_of(image)), ROW_STATE);
    sv_show_plain(sv_show_words(image, "path"));
    (void) puts("");
}

static sv_err list(void *arg, sv_fleet_api *api, sv_why *why) {
    const sv_fleet_asked *asked = arg;
    char head[128];
    (void) snprintf(head, sizeof head, "%-*s  %-*s  %-*s  PATH", ROW_PRODUCT, "PRODUCT",
                    ROW_VERSION, "VERSION", ROW_STATE, "STATE");
    const sv_fleet_list images = { .path = "/api/v1/images?",
                                   .head = head,
                                   .line = show_line,
                                   .none = "there is no image; `selvedge update upload` brings "
                                           "some" };
    return sv_fleet_list_show(api, &images, asked->json, why);
}

int update_images(int argc, char **argv) {
    sv_fleet_asked asked = { .json = false };
    const sv_fleet_verb verb = {
        .usage = "selvedge update images --url URL --token-file FILE",
        .about = "The images that the fleet server can roll out. \"not whole\": bytes are missing, "
                 "upload the repository\nagain; \"no key\": it is sealed, and devices would get no "
                 "content key: upload with --keys.",
        .ask = list,
    };
    return sv_fleet_verb_run(&verb, &asked, &asked, argc, argv);
}

static sv_err remove_one(void *arg, sv_fleet_api *api, sv_why *why) {
    const sv_fleet_asked *asked = arg;
    SV_DEFER(sv_json_drop) sv_json *answer = NULL;
    char room[PATH_ROOM];
    sv_textbuf path = SV_TEXTBUF(room);
    sv_textbuf_add_str(&path, "/api/v1/images/files?");
    sv_fleet_path_add(&path, "path", asked->plain[0]);
    if (sv_textbuf_end(&path) != SV_OK) {
        return sv_fail(why, SV_ERR_INVALID, "the path is too long");
    }
    const sv_fleet_api_errand errand = { .method = "DELETE", .path = room };
    SV_TRY(sv_fleet_api_ask(api, &errand, &answer, why));
    if (!asked->json) {
        (void) printf("the bytes of %s are gone\n", asked->plain[0]);
    }
    return SV_OK;
}

static sv_err check_path(void *arg, sv_why *why) {
    const sv_fleet_asked *asked = arg;
    return asked->plain[0] != NULL
               ? SV_OK
               : sv_fail(why, SV_ERR_INVALID,
                         "name the image: `selvedge update images` lists their paths");
}

int update_remove(int argc, char **argv) {
    sv_fleet_asked asked = { .json = false };
    const sv_fleet_verb verb = {
        .usage = "selvedge update remove PATH --url URL --token-file FILE",
        .about = "The fleet server keeps the bytes of an image no longer. A file of another update "
                 "system is forgotten with\nthem; an image of ours stays known as long as its "
                 "metadata says so, and can be uploaded again.\nNo image is removed that a device "
                 "is to install.",
        .plain_max = 1,
        .check = check_path,
        .ask = remove_one,
    };
    return sv_fleet_verb_run(&verb, &asked, &asked, argc, argv);
}
