// Whatever the bytes: what is taken is told as bytes that read back and are told alike.
#include <model/maintenance.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool is_so) {
    if (!is_so) {
        abort();
    }
}

static void tell(const sv_maintenance *told, sv_textbuf *text) {
    sv_json_out out = SV_JSON_OUT(text);
    sv_maintenance_format(told, &out);
    must(sv_textbuf_end(text) == SV_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    SV_DEFER(sv_json_drop) sv_json *root = NULL;
    SV_DEFER(sv_json_drop) sv_json *told = NULL;
    char room[2][SV_MAINTENANCE_BYTES_MAX];
    sv_textbuf first = SV_TEXTBUF(room[0]);
    sv_textbuf second = SV_TEXTBUF(room[1]);
    sv_maintenance got;
    sv_why why = { 0 };
    (void) (sv_json_parse((sv_text){ .at = (const char *) data, .len = size }, &root, NULL, NULL)
            == SV_OK);
    if (sv_maintenance_parse(root, &got, &why) != SV_OK) {
        must(why.text[0] != '\0');
        return 0;
    }
    tell(&got, &first);
    must(sv_json_parse(sv_textbuf_text(&first), &told, NULL, NULL) == SV_OK
         && sv_maintenance_parse(told, &got, NULL) == SV_OK);
    tell(&got, &second);
    must(sv_text_eq(sv_textbuf_text(&first), sv_textbuf_text(&second)));
    return 0;
}
