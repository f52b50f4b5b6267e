#include "key_tpm.h"
#include <openssl/asn1t.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <string.h>

static const char LABEL[] = "TSS2 PRIVATE KEY";
static const char LOADABLE_KEY[] = "2.23.133.10.1.3";

typedef struct tpm_file {
    ASN1_OBJECT *type;
    ASN1_BOOLEAN empty_auth;
    ASN1_INTEGER *parent;
    ASN1_OCTET_STRING *open, *sealed;
} tpm_file;

ASN1_SEQUENCE(tpm_file) = {
    ASN1_SIMPLE(tpm_file, type, ASN1_OBJECT),
    ASN1_EXP_OPT(tpm_file, empty_auth, ASN1_BOOLEAN, 0),
    ASN1_SIMPLE(tpm_file, parent, ASN1_INTEGER),
    ASN1_SIMPLE(tpm_file, open, ASN1_OCTET_STRING),
    ASN1_SIMPLE(tpm_file, sealed, ASN1_OCTET_STRING),
} static_ASN1_SEQUENCE_END(tpm_file)

static void file_free(tpm_file *file) {
    ASN1_item_free((ASN1_VALUE *) file, ASN1_ITEM_rptr(tpm_file));
}

SV_OWN(file_drop, tpm_file, file_free)

static bool is_ours(const tpm_file *file) {
    char type[32] = "";
    uint64_t parent = 0;
    return OBJ_obj2txt(type, sizeof type, file->type, 1) > 0 && strcmp(type, LOADABLE_KEY) == 0
           && file->empty_auth > 0 && ASN1_INTEGER_get_uint64(&parent, file->parent) == 1
           && parent == TPM2_RH_OWNER;
}

static bool unmarshal(const sv_tpm_functions *call, const tpm_file *file, sv_tpm_wrapped *out) {
    size_t open = 0;
    size_t sealed = 0;
    size_t open_len = (size_t) ASN1_STRING_length(file->open);
    size_t sealed_len = (size_t) ASN1_STRING_length(file->sealed);
    return call->Tss2_MU_TPM2B_PUBLIC_Unmarshal(ASN1_STRING_get0_data(file->open), open_len, &open,
                                                &out->open)
               == TSS2_RC_SUCCESS
           && open == open_len
           && call->Tss2_MU_TPM2B_PRIVATE_Unmarshal(ASN1_STRING_get0_data(file->sealed), sealed_len,
                                                    &sealed, &out->sealed)
                  == TSS2_RC_SUCCESS
           && sealed == sealed_len;
}

static bool is_p256(const TPMT_PUBLIC *key) {
    return key->type == TPM2_ALG_ECC && key->parameters.eccDetail.curveID == TPM2_ECC_NIST_P256;
}

sv_err sv_tpm_wrapped_parse(const sv_tpm_functions *call, sv_text pem, sv_tpm_wrapped *out,
                            sv_why *why) {
    SV_DEFER(sv_bio_drop) BIO *bio = BIO_new_mem_buf(pem.at, (int) pem.len);
    char *label = NULL;
    char *header = NULL;
    unsigned char *der = NULL;
    long der_len = 0;
    bool read = bio != NULL && PEM_read_bio(bio, &label, &header, &der, &der_len) == 1;
    const unsigned char *at = der;
    SV_DEFER(file_drop) tpm_file *file = NULL;
    if (read && strcmp(label, LABEL) == 0) {
        file = (tpm_file *) ASN1_item_d2i(NULL, &at, der_len, ASN1_ITEM_rptr(tpm_file));
    }
    bool whole = file != NULL && at == der + der_len;
    OPENSSL_free(label);
    OPENSSL_free(header);
    OPENSSL_free(der);
    ERR_clear_error();
    if (!whole || !is_ours(file)) {
        return sv_fail(why, SV_ERR_INVALID,
                       "holds no TPM key (PEM 'TSS2 PRIVATE KEY' below the owner hierarchy, "
                       "without a password)");
    }
    sv_tpm_wrapped wrapped = { 0 };
    if (!unmarshal(call, file, &wrapped) || !is_p256(&wrapped.open.publicArea)) {
        return sv_fail(why, SV_ERR_INVALID, "holds a TPM key that is not P-256");
    }
    *out = wrapped;
    return SV_OK;
}

static bool marshal(const sv_tpm_functions *call, const sv_tpm_wrapped *wrapped, tpm_file *file) {
    uint8_t open[sizeof wrapped->open];
    uint8_t sealed[sizeof wrapped->sealed];
    size_t open_len = 0;
    size_t sealed_len = 0;
    return call->Tss2_MU_TPM2B_PUBLIC_Marshal(&wrapped->open, open, sizeof open, &open_len)
               == TSS2_RC_SUCCESS
           && call->Tss2_MU_TPM2B_PRIVATE_Marshal(&wrapped->sealed, sealed, sizeof sealed,
                                                  &sealed_len)
                  == TSS2_RC_SUCCESS
           && ASN1_OCTET_STRING_set(file->open, open, (int) open_len) == 1
           && ASN1_OCTET_STRING_set(file->sealed, sealed, (int) sealed_len) == 1;
}

static bool fill(const sv_tpm_functions *call, const sv_tpm_wrapped *wrapped, tpm_file *file) {
    ASN1_OBJECT_free(file->type);
    file->type = OBJ_txt2obj(LOADABLE_KEY, 1);
    file->empty_auth = 0xff;
    return file->type != NULL && ASN1_INTEGER_set_uint64(file->parent, TPM2_RH_OWNER) == 1
           && marshal(call, wrapped, file);
}

sv_err sv_tpm_wrapped_add(const sv_tpm_functions *call, const sv_tpm_wrapped *wrapped,
                          sv_textbuf *out, sv_why *why) {
    SV_DEFER(file_drop) tpm_file *file = (tpm_file *) ASN1_item_new(ASN1_ITEM_rptr(tpm_file));
    SV_DEFER(sv_bio_drop) BIO *bio = BIO_new(BIO_s_mem());
    unsigned char *der = NULL;
    int der_len = -1;
    if (file != NULL && fill(call, wrapped, file)) {
        der_len = ASN1_item_i2d((ASN1_VALUE *) file, &der, ASN1_ITEM_rptr(tpm_file));
    }
    bool written =
        bio != NULL && der_len > 0 && PEM_write_bio(bio, LABEL, "", der, (long) der_len) > 0;
    OPENSSL_free(der);
    if (!written) {
        return sv_fail_ssl(why, SV_ERR_IO, "cannot write a TPM key as PEM");
    }
    char *at = NULL;
    long len = BIO_get_mem_data(bio, &at);
    sv_textbuf_add(out, (sv_text){ .at = at, .len = (size_t) len });
    return SV_OK;
}
