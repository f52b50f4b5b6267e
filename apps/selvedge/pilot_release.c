#include "pilot_release.h"

#include "machine.h"
#include "simulate_firmware.h"

#include <codec/encode.h>
#include <codec/json.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/child.h>
#include <unistd.h>

enum {
    COMMAND_MS = 30000,
    SAID_MAX = 64 * 1024,
    METADATA_MAX = 256 * 1024,
    VICTIM = 5,       ///< number of the machine that cannot run the new release
    MACHINES_MIN = 3, ///< with fewer all can
    ARGS_MAX = 16,
};

/// DIR/firmware/<name>
static void place(const pilot *p, const char *name, char room[SV_PATH_MAX]) {
    char relative[128];
    (void) snprintf(relative, sizeof relative, "firmware/%s", name);
    pilot_path(p, room, relative);
}

static bool is_there(const pilot *p, const char *name) {
    char path[SV_PATH_MAX];
    place(p, name, path);
    return sv_disk_exists(path);
}

/// `selvedge update` with these words, which end with NULL; the last is the value of --keys.
static sv_err update(const pilot *p, const char *const *words, sv_why *why) {
    char program[SV_PATH_MAX];
    const char *argv[ARGS_MAX + 1] = { program, "update" };
    SV_DEFER(sv_textbuf_drop) sv_textbuf said = SV_TEXTBUF_HEAP(SAID_MAX);
    SV_TRY(sv_disk_join(program, sizeof program, p->bin, "selvedge"));
    size_t count = 2;
    for (; words[count - 2] != NULL && count < ARGS_MAX; count++) {
        argv[count] = words[count - 2];
    }
    return sv_child_run(argv, COMMAND_MS, &said, why);
}

unsigned pilot_release_victim(const pilot *p) {
    int64_t machines = p->options.devices - 1;
    return machines < MACHINES_MIN ? 0 : machines < VICTIM ? (unsigned) machines : VICTIM;
}

static sv_err write_images(const pilot *p, sv_why *why) {
    char path[SV_PATH_MAX];
    char id[SV_ID_ROOM] = "";
    char text[256];
    sv_textbuf victim = SV_TEXTBUF(id);
    if (pilot_release_victim(p) != 0) {
        sv_machine_id(pilot_release_victim(p), &victim);
        SV_TRY(sv_textbuf_end(&victim));
    }
    place(p, "1.0.json", path);
    SV_TRY(sv_disk_replace(path, SV_TEXT("{\"version\":\"1.0\"}\n"), 0600, why));
    sv_textbuf image = SV_TEXTBUF(text);
    sv_textbuf_addf(&image, "{\"version\":\"1.1\",\"fails_on\":\"%s\"}\n", id);
    place(p, "1.1.json", path);
    return sv_disk_replace(path, sv_textbuf_text(&image), 0600, why);
}

static sv_err sign(const pilot *p, const char *keys, const char *version, const char *notes,
                   sv_why *why) {
    char image[SV_PATH_MAX];
    char name[32];
    (void) snprintf(name, sizeof name, "%s.json", version);
    place(p, name, image);
    const char *const words[] = { "sign",       image,
                                  "--product",  SIM_FIRMWARE_PRODUCT,
                                  "--hardware", SIM_FIRMWARE_HARDWARE,
                                  "--version",  version,
                                  "--notes",    notes,
                                  "--keys",     keys,
                                  NULL };
    return update(p, words, why);
}

static sv_err make_releases(const pilot *p, const char *keys, sv_why *why) {
    SV_TRY(update(p, (const char *const[]){ "keys", "init", "--dir", keys, NULL }, why));
    SV_TRY(update(
        p, (const char *const[]){ "keys", "new", "boot", "--key", "ec", "--keys", keys, NULL },
        why));
    SV_TRY(sign(p, keys, "1.0", "with this one machines leave the factory", why));
    return sign(p, keys, "1.1", "turns the spindle more smoothly, on most machines", why);
}

/// The newest document of the targets' role.
static sv_err read_targets(const pilot *p, sv_json **out, sv_why *why) {
    char folder[SV_PATH_MAX];
    char path[SV_PATH_MAX];
    unsigned long newest = 0;
    place(p, "repo/metadata", folder);
    DIR *open = opendir(folder);
    for (struct dirent *item = open != NULL ? readdir(open) : NULL; item != NULL;
         item = readdir(open)) {
        char *rest = NULL;
        unsigned long version = strtoul(item->d_name, &rest, 10);
        newest = strcmp(rest, ".targets.json") == 0 && version > newest ? version : newest;
    }
    if (open != NULL) {
        (void) closedir(open);
    }
    (void) snprintf(path, sizeof path, "%.900s/%lu.targets.json", folder, newest);
    SV_DEFER(sv_textbuf_drop) sv_textbuf text = SV_TEXTBUF_HEAP(METADATA_MAX);
    SV_TRY(sv_disk_read(path, &text, why));
    return sv_json_parse(sv_textbuf_text(&text), out, NULL, why);
}

static sv_err keep(const pilot *p, const char *name, sv_text bytes, sv_why *why) {
    char path[SV_PATH_MAX];
    place(p, name, path);
    return sv_disk_replace(path, bytes, 0600, why);
}

/// The boot header that the release engineer's boot key has signed for 1.0.
static sv_err keep_header(const pilot *p, sv_why *why) {
    SV_DEFER(sv_json_drop) sv_json *root = NULL;
    SV_DEFER(sv_textbuf_drop) sv_textbuf header = SV_TEXTBUF_HEAP(SIM_FIRMWARE_IMAGE_MAX);
    sv_text base64 = { 0 };
    SV_TRY(read_targets(p, &root, why));
    const sv_json *targets = sv_json_get(sv_json_get(root, "signed"), "targets");
    const sv_json *entry = sv_json_get(targets, SIM_FIRMWARE_PRODUCT "/1.0.img");
    const sv_json *own = sv_json_get(sv_json_get(entry, "custom"), "selvedge");
    if (!sv_json_text(sv_json_get(own, "boot"), &base64)
        || sv_base64_parse(base64, &header) != SV_OK) {
        return sv_fail(why, SV_ERR_INVALID, "the release 1.0 of the machines has no boot header");
    }
    return keep(p, SIM_FIRMWARE_HEADER, sv_textbuf_text(&header), why);
}

static sv_err keep_key(const pilot *p, sv_why *why) {
    char path[SV_PATH_MAX];
    SV_DEFER(sv_textbuf_drop) sv_textbuf text = SV_TEXTBUF_HEAP(SIM_FIRMWARE_IMAGE_MAX);
    SV_DEFER(sv_json_drop) sv_json *root = NULL;
    sv_text key = { 0 };
    place(p, "keys/public/boot.json", path);
    SV_TRY(sv_disk_read(path, &text, why));
    SV_TRY(sv_json_parse(sv_textbuf_text(&text), &root, NULL, why));
    if (!sv_json_text(sv_json_get(sv_json_get(root, "keyval"), "public"), &key)) {
        return sv_fail(why, SV_ERR_INVALID, "'%s' holds no key", path);
    }
    return keep(p, SIM_FIRMWARE_KEY, key, why);
}

static sv_err copy(const pilot *p, const char *from, const char *to, sv_why *why) {
    char path[SV_PATH_MAX];
    SV_DEFER(sv_textbuf_drop) sv_textbuf text = SV_TEXTBUF_HEAP(METADATA_MAX);
    place(p, from, path);
    SV_TRY(sv_disk_read(path, &text, why));
    return keep(p, to, sv_textbuf_text(&text), why);
}

/// What machines get in the factory. The director's root comes when the signer has made it.
static sv_err make_factory(const pilot *p, sv_why *why) {
    char link[SV_PATH_MAX];
    SV_TRY(keep_header(p, why));
    SV_TRY(keep_key(p, why));
    SV_TRY(copy(p, "keys/root.json", SIM_FIRMWARE_ROOT, why));
    place(p, SIM_FIRMWARE_DIRECTOR, link);
    if (symlink("../fleet/director-root.json", link) != 0) {
        return sv_fail(why, SV_ERR_IO, "cannot make '%s': %m", link);
    }
    return copy(p, "1.0.json", SIM_FIRMWARE_IMAGE, why); // the last: with it all is there
}

sv_err pilot_release_make(const pilot *p, sv_why *why) {
    char keys[SV_PATH_MAX];
    char repo[SV_PATH_MAX];
    bool is_new = !is_there(p, SIM_FIRMWARE_IMAGE);
    place(p, "keys", keys);
    place(p, "repo", repo);
    if (is_new) {
        char folder[SV_PATH_MAX];
        pilot_path(p, folder, "firmware");
        pilot_say("making release keys, and the releases 1.0 and 1.1 of the machines' firmware");
        SV_TRY(sv_disk_remove_tree(folder, why)); // what a start that was cut has left
        SV_TRY(sv_disk_make_folder(folder, 0700, why));
        SV_TRY(write_images(p, why));
        SV_TRY(make_releases(p, keys, why));
    }
    SV_TRY(
        update(p, (const char *const[]){ "publish", "--keys", keys, "--repo", repo, NULL }, why));
    return is_new ? make_factory(p, why) : SV_OK;
}
