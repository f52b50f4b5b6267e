// The packets between selvedge-signer, which holds the issuing key, and whoever asks it
// (docs/spec/signer.md). A packet of a SOCK_SEQPACKET socket is one of two structs of fixed size in
// the machine's own byte order; both ends are on one machine. Whatever has another size or another
// beginning is refused before anything else of it is read.
#ifndef SV_CRYPTO_SIGNER_H
#define SV_CRYPTO_SIGNER_H

#include <crypto/issue.h>
#include <model/audit.h>
#include <model/direct.h>
#include <model/standing.h>

enum {
    SV_SIGNER_MAGIC = 0x53765367, ///< "SvSg"
    SV_SIGNER_VERSION = 1,
    SV_SIGNER_WINDOW = 16,       ///< requests of one connection that have no answer yet
    SV_SIGNER_SERIAL_MAX = 20,   ///< bytes
    SV_SIGNER_RECORDS_MAX = 200, ///< of a CRL in one request
    SV_SIGNER_CRL_MAX = 1000000, ///< records of one CRL
    SV_SIGNER_PART_MAX = 7168, ///< bytes of an answer: a full window of packets fits into a socket
};

typedef enum sv_signer_verb {
    SV_SIGNER_ISSUE = 1, ///< the answer is the certificate (DER)
    SV_SIGNER_STANDING,  ///< the answer is the signature over the head
    SV_SIGNER_CRL_BEGIN, ///< forgets what this connection gave before; no bytes in the answer
    SV_SIGNER_CRL_RECORDS,
    SV_SIGNER_CRL_END,       ///< the answer is the CRL's first part (DER)
    SV_SIGNER_CRL_PART,      ///< the answer is the part from `offset` on
    SV_SIGNER_AUDIT,         ///< the answer is the domain, a line feed and the signature
    SV_SIGNER_DIRECT,        ///< the answer is three signatures, in hexadecimal, a line each
    SV_SIGNER_DIRECTOR_ROOT, ///< the answer is the director's root of version `offset`
    SV_SIGNER_VERB__END
} sv_signer_verb;

/// What both packets begin with.
typedef struct sv_signer_head {
    uint32_t magic;
    uint16_t version;
    uint16_t verb;
    uint64_t number; ///< chosen by who asks; the answer carries it
} sv_signer_head;

/// One line of a CRL. Its moments are whole seconds.
typedef struct sv_signer_record {
    int64_t revoked_at_s;
    uint32_t bytes; ///< of the serial number, 1 to SV_SIGNER_SERIAL_MAX
    uint8_t serial[SV_SIGNER_SERIAL_MAX];
} sv_signer_record;

/// What is to be signed about the audit log (crypto/audit.h). [audit-7]
typedef struct sv_signer_statement {
    int64_t first; ///< 0: a checkpoint at line `last`; else the pruning of `first` to `last`
    int64_t last;
    int64_t at_us;
    uint8_t prev[SV_AUDIT_HASH_BYTES]; ///< of the first; of a checkpoint not looked at
    uint8_t hash[SV_AUDIT_HASH_BYTES]; ///< of the last
} sv_signer_statement;

typedef struct sv_signer_request {
    sv_signer_head head;
    union {
        sv_issue issue;
        struct {
            int64_t version;
            int64_t at_us;
            uint8_t hash[SV_STANDING_HASH_BYTES];
        } standing;
        struct {
            uint64_t count;
            sv_signer_record at[SV_SIGNER_RECORDS_MAX];
        } records;
        uint64_t offset; ///< of SV_SIGNER_CRL_PART; the version of SV_SIGNER_DIRECTOR_ROOT
        sv_signer_statement audit;
        sv_direct direct;
    };
} sv_signer_request;

typedef struct sv_signer_answer {
    sv_signer_head head;
    uint32_t err;   ///< sv_err
    uint32_t bytes; ///< in `data`
    uint64_t total; ///< of the whole certificate, signature or CRL
    char sentence[SV_WHY_MAX];
    uint8_t data[SV_SIGNER_PART_MAX];
} sv_signer_answer;

/// Is it a packet of ours? SV_ERR_INVALID with the reason; `packet` need not be aligned. [signer-2]
sv_err sv_signer_request_read(const void *packet, size_t bytes, sv_signer_request *out,
                              sv_why *why);
sv_err sv_signer_answer_read(const void *packet, size_t bytes, sv_signer_answer *out, sv_why *why);

#endif
