#include <crypto/signer.h>
#include <string.h>

_Static_assert(sizeof(sv_signer_request) == 16 + sizeof(sv_issue),
               "nothing is longer than an issue");
_Static_assert(sizeof(sv_signer_record) == 32, "no holes");

static sv_err read_head(const void *packet, size_t bytes, size_t wanted, const char *what,
                        sv_signer_head *out, sv_why *why) {
    if (bytes != wanted) {
        return sv_fail(why, SV_ERR_INVALID, "%s has %zu bytes; %zu are expected", what, bytes,
                       wanted);
    }
    memcpy(out, packet, sizeof *out);
    if (out->magic != SV_SIGNER_MAGIC || out->version != SV_SIGNER_VERSION) {
        return sv_fail(
            why, SV_ERR_INVALID,
            "%s is not of version %d; run the signer and the fleet server of one release", what,
            SV_SIGNER_VERSION);
    }
    if (out->verb < SV_SIGNER_ISSUE || out->verb >= SV_SIGNER_VERB__END) {
        return sv_fail(why, SV_ERR_INVALID, "%s asks for %u, which is nothing", what,
                       (unsigned) out->verb);
    }
    return SV_OK;
}

sv_err sv_signer_request_read(const void *packet, size_t bytes, sv_signer_request *out,
                              sv_why *why) {
    sv_signer_head head;
    SV_TRY(read_head(packet, bytes, sizeof *out, "the request", &head, why));
    memcpy(out, packet, sizeof *out);
    return SV_OK;
}

sv_err sv_signer_answer_read(const void *packet, size_t bytes, sv_signer_answer *out, sv_why *why) {
    sv_signer_head head;
    SV_TRY(read_head(packet, bytes, sizeof *out, "the answer", &head, why));
    memcpy(out, packet, sizeof *out);
    out->sentence[sizeof out->sentence - 1] = '\0';
    if (out->err >= SV_ERR__COUNT || out->bytes > SV_SIGNER_PART_MAX || out->bytes > out->total) {
        return sv_fail(why, SV_ERR_INVALID, "the answer's numbers contradict each other");
    }
    return SV_OK;
}
