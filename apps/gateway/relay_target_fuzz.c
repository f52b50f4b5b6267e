// The path up to the first '?' and the query behind it. Whatever passes is below what devices may
// ask, holds nothing that could be read as another path or another line, and passes unchanged when
// it comes again.
#include "relay.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool is_so) {
    if (!is_so) {
        abort();
    }
}

static sv_err target(sv_text whole, sv_textbuf *out) {
    sv_why why = { 0 };
    sv_text query = whole;
    sv_text path = sv_text_cut(&query, '?');
    sv_err err = gw_relay_target(path, query, out, &why);
    must(err == SV_OK || err == SV_ERR_NO_SPACE || why.text[0] != '\0');
    return err;
}

static void check(const char *target) {
    static const char *const NEVER[] = {
        "/../", "/./", "//", "/.?", "/..?", "\\", "\r", "\n", " "
    };
    size_t path_len = strcspn(target, "?");
    char path[3 * GW_RELAY_TARGET_MAX];
    (void) memcpy(path, target, path_len);
    (void) memcpy(path + path_len, "?", sizeof "?");
    for (size_t i = 0; i < SV_COUNT(NEVER); i++) {
        must(strstr(path, NEVER[i]) == NULL);
    }
    must(strstr(path, "%2F") == NULL && strstr(path, "%5C") == NULL && strstr(path, "%00") == NULL);
    must(strncmp(path, "/tuf/", 5) == 0 || strncmp(path, "/artifacts/", 11) == 0
         || strncmp(path, "/.well-known/est/", 17) == 0 || strcmp(path, "/v1/self?") == 0
         || strstr(path, "/controller/v1/") != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char rooms[2][2 * GW_RELAY_TARGET_MAX];
    sv_textbuf first = SV_TEXTBUF(rooms[0]);
    sv_textbuf second = SV_TEXTBUF(rooms[1]);
    if (target((sv_text){ .at = (const char *) data, .len = size }, &first) == SV_OK) {
        check(first.at);
        if (first.len < GW_RELAY_TARGET_MAX) {
            must(target(sv_textbuf_text(&first), &second) == SV_OK);
            must(sv_text_eq(sv_textbuf_text(&first), sv_textbuf_text(&second)));
        }
    }
    return 0;
}
