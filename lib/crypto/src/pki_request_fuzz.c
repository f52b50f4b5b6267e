// Whatever the request: the subject it gets holds the id as its one CN and nothing that is not
// kept, and what is refused is refused with a sentence. The proof of possession is asked, but what
// comes behind it is tried without it too: no fuzzer can sign.
#include "pki_internal.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_kept(int nid) {
    return nid == NID_countryName || nid == NID_stateOrProvinceName || nid == NID_localityName
           || nid == NID_organizationName || nid == NID_organizationalUnitName;
}

static void check_subject(const X509_NAME *subject, const char *id) {
    char found[SV_ID_ROOM];
    int last = X509_NAME_entry_count(subject) - 1;
    if (sv_name_id(subject, found, NULL) != SV_OK || strcmp(found, id) != 0
        || X509_NAME_get_index_by_NID(subject, NID_commonName, -1) != last) {
        abort();
    }
    for (int i = 0; i < last; i++) {
        const X509_NAME_ENTRY *entry = X509_NAME_get_entry(subject, i);
        if (!is_kept(OBJ_obj2nid(X509_NAME_ENTRY_get_object(entry)))) {
            abort();
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    SV_DEFER(sv_req_drop) X509_REQ *request = NULL;
    SV_DEFER(sv_name_drop) X509_NAME *subject = NULL;
    EVP_PKEY *key = NULL;
    char id[SV_ID_ROOM];
    sv_why why = { 0 };
    sv_text bytes = { .at = (const char *) data, .len = size };
    if (sv_request_parse(bytes, "fuzz", &request, &why) != SV_OK) {
        if (why.text[0] == '\0') {
            abort();
        }
        return 0;
    }
    sv_err proof = sv_request_key(request, &key, &why);
    if ((proof == SV_OK) != (key != NULL) || (proof != SV_OK && why.text[0] == '\0')) {
        abort();
    }
    if (sv_request_subject(request, id, &subject, &why) == SV_OK) {
        check_subject(subject, id);
    }
    return 0;
}
