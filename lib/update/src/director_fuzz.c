// {"image":entry,"director":entry} of one path. What is agreed on is for this device, and both say
// the same of it.
#include <stdlib.h>
#include <string.h>
#include <update/director.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool is_so) {
    if (!is_so) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const sv_director_slot SLOT = { .name = "rootfs", .counter = 7 };
    static const sv_director_device DEVICE = { "press-17", "lathe-ctl", "rev-b", &SLOT, 1 };
    SV_DEFER(sv_json_drop) sv_json *both = NULL;
    sv_director_entry image = { .path = SV_TEXT("a.img") };
    sv_director_entry director = image;
    const sv_text text = { .at = (const char *) data, .len = size };
    if (sv_json_parse(text, &both, NULL, NULL) != SV_OK
        || !sv_tuf_file_read(sv_json_get(both, "image"), &image.file)
        || !sv_tuf_file_read(sv_json_get(both, "director"), &director.file)) {
        return 0;
    }
    static sv_target target;
    sv_why why = { 0 };
    sv_err err = sv_director_agree(&image, &director, &DEVICE, &target, &why);
    must(err == SV_OK || (why.code == err && why.text[0] != '\0'));
    if (err == SV_OK) {
        sv_text device = { 0 };
        sv_text hash = { 0 };
        sv_text other = { 0 };
        must(sv_json_text(sv_json_get(sv_json_get(director.file.custom, "selvedge"), "device"),
                          &device)
             && sv_text_is(device, DEVICE.id));
        must(sv_json_text(sv_json_get(image.file.hashes, "sha256"), &hash)
             && sv_json_text(sv_json_get(director.file.hashes, "sha256"), &other)
             && sv_text_eq(hash, other) && image.file.length == director.file.length);
        must(strcmp(target.slot, SLOT.name) == 0 && target.counter >= SLOT.counter);
    }
    return 0;
}
