#include "own.h"

#include <crypto/shown.h>
#include <openssl/err.h>
#include <stdio.h>
#include <string.h>

bool sv_asn1_escape(const ASN1_STRING *value, char *room, size_t room_bytes) {
    unsigned char *utf8 = NULL;
    int len = ASN1_STRING_to_UTF8(&utf8, value);
    sv_textbuf text = { .at = room, .cap = room_bytes };
    room[0] = '\0';
    for (int i = 0; i < len && !text.overflowed; i++) {
        bool plain = utf8[i] >= ' ' && utf8[i] <= '~' && utf8[i] != '\\';
        sv_textbuf_addf(&text, plain ? "%c" : "\\x%02x", utf8[i]);
    }
    OPENSSL_free(utf8);
    ERR_clear_error();
    room[text.len] = '\0';
    return len >= 0 && !text.overflowed;
}

void sv_certificate_shown(const X509 *certificate, char *room, size_t room_bytes) {
    room[0] = '\0';
    const X509_NAME *name = certificate != NULL ? X509_get_subject_name(certificate) : NULL;
    int at = name != NULL ? X509_NAME_get_index_by_NID(name, NID_commonName, -1) : -1;
    if (at >= 0
        && !sv_asn1_escape(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)), room,
                           room_bytes - strlen("..."))) {
        size_t len = strlen(room);
        (void) snprintf(room + len, room_bytes - len, "...");
    }
}
