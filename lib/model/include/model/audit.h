// The audit log (docs/spec/audit.md) as records that travel: a line that tells a deed, a signed
// checkpoint that tells how far the log had come, a signed record of lines that were forgotten
// because they were old, and the head and end of an export. This header knows their bytes; hashes
// and signatures are in crypto/audit.h. Texts are borrowed.
#ifndef SV_MODEL_AUDIT_H
#define SV_MODEL_AUDIT_H

#include <base/err.h>
#include <codec/json.h>

enum {
    SV_AUDIT_HASH_BYTES = 32,
    SV_AUDIT_SIGNATURE_MAX = 512,      ///< RSA with 4096 bits
    SV_AUDIT_DOMAIN_ROOM = 254,        ///< with its NUL
    SV_AUDIT_RECORD_MAX = 64 * 1024,   ///< bytes of one line of an export; none of ours comes near
    SV_AUDIT_CANONICAL_MAX = 64 * 1024 ///< bytes that are hashed for one line
};

/// One line of the log. The hash is over `prev` and the canonical form of all but the two.
typedef struct sv_audit_line {
    int64_t seq; ///< from 1, without gaps
    int64_t at_us;
    sv_text who, from, what, about, outcome, detail;
    sv_text before, after; ///< of a change: what was there, and what is
    uint8_t prev[SV_AUDIT_HASH_BYTES], hash[SV_AUDIT_HASH_BYTES];
} sv_audit_line;

/// What the signer has put under something. No bytes: nothing.
typedef struct sv_audit_seal {
    int64_t at_us; ///< when
    char domain[SV_AUDIT_DOMAIN_ROOM];
    uint8_t signature[SV_AUDIT_SIGNATURE_MAX];
    size_t signature_bytes;
} sv_audit_seal;

/// The log had come to line `seq`, whose hash was that.
typedef struct sv_audit_checkpoint {
    int64_t seq;
    uint8_t hash[SV_AUDIT_HASH_BYTES];
    sv_audit_seal seal;
} sv_audit_checkpoint;

/// The lines `first` to `last` were forgotten. `prev` is that of the first, `hash` that of the
/// last: so the chain leads over them.
typedef struct sv_audit_gap {
    int64_t first, last;
    uint8_t prev[SV_AUDIT_HASH_BYTES], hash[SV_AUDIT_HASH_BYTES];
    sv_audit_seal seal;
} sv_audit_gap;

/// What an export begins with: all lines behind number `after`; with a filter, of these only some.
typedef struct sv_audit_head {
    sv_text server;
    int64_t after;
    sv_text filter; ///< "": none
} sv_audit_head;

/// What an export ends with. `more`: the log goes on behind line `last`.
typedef struct sv_audit_end {
    int64_t last;
    bool more;
} sv_audit_end;

typedef enum sv_audit_kind {
    SV_AUDIT_HEAD,
    SV_AUDIT_LINE,
    SV_AUDIT_CHECKPOINT,
    SV_AUDIT_GAP,
    SV_AUDIT_END,
} sv_audit_kind;

typedef struct sv_audit_record {
    sv_audit_kind kind;
    union {
        sv_audit_head head;
        sv_audit_line line;
        sv_audit_checkpoint checkpoint;
        sv_audit_gap gap;
        sv_audit_end end;
    };
} sv_audit_record;

/// The bytes that are hashed behind `prev`: `selvedge event 1`, a line's end, and every field as
/// its length in bytes, `:`, itself and a line's end, so that no two lines have the same. [audit-6]
void sv_audit_canonical_add(sv_textbuf *out, const sv_audit_line *line);

/// One line of an export, without its end. [audit-12]
void sv_audit_record_add(sv_textbuf *out, const sv_audit_record *record);
/// Takes only what sv_audit_record_add writes, to the byte. The texts are those of `*root`, which
/// the caller drops. SV_ERR_INVALID. [audit-12]
sv_err sv_audit_record_parse(sv_text text, sv_json **root, sv_audit_record *out, sv_why *why);

#endif
