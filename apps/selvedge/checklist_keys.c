// Statements about private keys, what else is secret, and certificates.
#include "checklist.h"

#include <inttypes.h>
#include <string.h>

enum {
    OTHERS = 0077,       ///< what group and others may do
    OTHERS_WRITE = 0022, ///< and change
    KEY_OTHERS = 0027,   ///< a key: its group may read where its owner decided so [keys-1]
    STRONG_BITS = 112,   ///< RSA 2048, and everything that is kept longer
    LEAF_DAYS_MAX = 400, ///< as the signer's own bound
};

// ---- files --------------------------------------------------------------------------------------

static void judge_key(const sv_fact_file *file, sv_finding *f) {
    if (file->hard) {
        sv_finding_holds(f, "%s: in hardware (%.160s)", file->of, file->path);
    } else if ((file->mode & KEY_OTHERS) != 0) {
        sv_finding_broken(f, "%s has mode %04o: others than its owner may use it", file->path,
                          file->mode);
    } else if (file->program >= 0 && file->uid != file->program && file->uid != 0) {
        sv_finding_broken(f, "%s belongs to user %lld, and %s runs as %lld", file->path,
                          (long long) file->uid, file->of, (long long) file->program);
    } else {
        sv_finding_holds(f, "%s has mode %04o and belongs to user %lld", file->path, file->mode,
                         (long long) file->uid);
    }
}

static void check_keys_kept(const sv_facts *facts, sv_finding *f) {
    for (size_t i = 0; i < facts->file_count; i++) {
        const sv_fact_file *file = &facts->files[i];
        if (file->kind != SV_FILE_KEY) {
            continue;
        }
        if (sv_fact_known(&file->missing)) {
            judge_key(file, f);
        } else {
            sv_finding_unknown(f, "%s: %s", file->of, file->missing.text);
        }
    }
    if (facts->files_more > 0) {
        sv_finding_unknown(f, "%zu more files than were looked at", facts->files_more);
    }
}

static void check_secrets_kept(const sv_facts *facts, sv_finding *f) {
    for (size_t i = 0; i < facts->file_count; i++) {
        const sv_fact_file *file = &facts->files[i];
        if (file->kind == SV_FILE_KEY) {
            continue;
        }
        unsigned forbidden = file->kind == SV_FILE_CONFIG ? OTHERS_WRITE : OTHERS;
        if (!sv_fact_known(&file->missing)) {
            sv_finding_unknown(f, "%s: %s", file->of, file->missing.text);
        } else if ((file->mode & forbidden) != 0) {
            sv_finding_broken(f, "%s has mode %04o: others than its owner may %s it", file->path,
                              file->mode,
                              (file->mode & forbidden & OTHERS_WRITE) != 0 ? "change" : "read");
        } else {
            sv_finding_holds(f, "%s has mode %04o", file->path, file->mode);
        }
    }
    if (facts->files_more > 0) {
        sv_finding_unknown(f, "%zu more files than were looked at", facts->files_more);
    }
}

static void check_root_away(const sv_facts *facts, sv_finding *f) {
    if (!sv_fact_known(&facts->pki.missing)) {
        sv_finding_unknown(f, "%s", facts->pki.missing.text);
    } else if (!facts->pki.root_key_here) {
        sv_finding_holds(f, "%s/root holds no root.key", facts->pki.dir);
    } else if (!facts->pki.root_key_encrypted) {
        sv_finding_broken(f, "%s/root/root.key is there, and not encrypted", facts->pki.dir);
    } else if (facts->pki.passphrase_beside_it) {
        sv_finding_broken(f, "%s/root/root.key is there, with its passphrase beside it",
                          facts->pki.dir);
    } else {
        sv_finding_holds(f, "%s/root/root.key is encrypted, its passphrase is not there",
                         facts->pki.dir);
    }
}

// ---- certificates -------------------------------------------------------------------------------

typedef void judge_cert(const sv_facts *facts, const sv_fact_cert *cert, sv_finding *f);

static void each_cert(const sv_facts *facts, sv_finding *f, judge_cert *judge) {
    for (size_t i = 0; i < facts->cert_count; i++) {
        const sv_fact_cert *cert = &facts->certs[i];
        if (sv_fact_known(&cert->missing)) {
            judge(facts, cert, f);
        } else {
            sv_finding_unknown(f, "%s: %s", cert->of, cert->missing.text);
        }
    }
    if (facts->certs_more > 0) {
        sv_finding_unknown(f, "%zu more certificates than were looked at", facts->certs_more);
    }
}

/// Of two that share a key the later one is told.
static void judge_unique(const sv_facts *facts, const sv_fact_cert *cert, sv_finding *f) {
    size_t index = (size_t) (cert - facts->certs);
    for (size_t i = 0; !cert->authority && i < index; i++) {
        const sv_fact_cert *other = &facts->certs[i];
        if (sv_fact_known(&other->missing) && !other->authority
            && strcmp(other->facts.key_hash, cert->facts.key_hash) == 0
            && strcmp(other->facts.id, cert->facts.id) != 0) {
            sv_finding_broken(f, "%s and %s have the same key (SHA-256 %.16s...)", other->facts.id,
                              cert->facts.id, cert->facts.key_hash);
            return;
        }
    }
}

static void check_key_unique(const sv_facts *facts, sv_finding *f) {
    size_t leaves = 0;
    for (size_t i = 0; i < facts->cert_count; i++) {
        leaves += sv_fact_known(&facts->certs[i].missing) && !facts->certs[i].authority;
    }
    each_cert(facts, f, judge_unique);
    if (leaves > 0) {
        sv_finding_holds(f, "%zu certificates compared by their public keys", leaves);
    }
}

static void judge_strong(const sv_facts *facts, const sv_fact_cert *cert, sv_finding *f) {
    (void) facts;
    const sv_cert_strength *s = &cert->strength;
    if (s->key_bits < STRONG_BITS) {
        sv_finding_broken(f, "%s (%s): %s, which is %d bits of security", cert->of, cert->path,
                          s->key, s->key_bits);
    } else if (s->signature_bits < STRONG_BITS) {
        sv_finding_broken(f, "%s (%s) is signed with %s, which is %d bits of security", cert->of,
                          cert->path, s->signature, s->signature_bits);
    } else {
        sv_finding_holds(f, "%s: %s, signed with %s", cert->of, s->key, s->signature);
    }
}

static void check_strong(const sv_facts *facts, sv_finding *f) {
    each_cert(facts, f, judge_strong);
}

/// What programs show, and what it hangs from. What was issued once and is over does no harm.
static void judge_end(const sv_facts *facts, const sv_fact_cert *cert, sv_finding *f) {
    if (!cert->in_use) {
        return;
    }
    int64_t days = (cert->facts.not_after_us - cert->facts.not_before_us) / SV_TIME_DAY_US;
    int64_t left = (cert->facts.not_after_us - facts->at_us) / SV_TIME_DAY_US;
    if (cert->facts.not_after_us <= facts->at_us) {
        sv_finding_broken(f, "%s: its certificate has ended", cert->of);
    } else if (cert->facts.not_before_us > facts->at_us) {
        sv_finding_broken(f, "%s: its certificate has not begun", cert->of);
    } else if (!cert->authority && days > LEAF_DAYS_MAX) {
        sv_finding_broken(f, "%s: its certificate lasts %lld days, more than %d", cert->of,
                          (long long) days, LEAF_DAYS_MAX);
    } else {
        sv_finding_holds(f, "%s: ends in %lld days of %lld", cert->of, (long long) left,
                         (long long) days);
    }
}

static void check_certificates_end(const sv_facts *facts, sv_finding *f) {
    each_cert(facts, f, judge_end);
}

static void judge_vouched(const sv_facts *facts, const sv_fact_cert *cert, sv_finding *f) {
    (void) facts;
    if (!cert->in_use || cert->authority) {
        return;
    }
    if (sv_fact_known(&cert->untrusted)) {
        sv_finding_holds(f, "%s: %s of %s", cert->of, cert->facts.id, cert->facts.issuer);
    } else {
        sv_finding_broken(f, "%s: %.200s", cert->of, cert->untrusted.text);
    }
}

static void check_vouched(const sv_facts *facts, sv_finding *f) {
    each_cert(facts, f, judge_vouched);
}

static void judge_classic(const sv_fact_program *gateway, sv_finding *f) {
    if (gateway->settings.classic_allowed) {
        sv_finding_broken(f, "%s: classic_certificates: allow", gateway->settings.file);
    } else {
        sv_finding_holds(f, "%s: they are refused", gateway->settings.file);
    }
}

static void check_classic_refused(const sv_facts *facts, sv_finding *f) {
    sv_finding_each_gateway(facts, f, judge_classic);
}

const sv_statement SV_STATEMENTS_KEYS[] = {
    { .id = "keys-kept",
      .title = "Each private key is in hardware, or in a file for its owner alone.",
      .looks = "the keys that configurations name, and those in the PKI's folder",
      .answers = "EN 303 645 5.4-1; IEC 62443-4-2 CR 1.9; OWASP I7",
      .remedy = "chmod 600 the file, and chown it to the program's user; or move the key into a "
                "TPM or a token (docs/guide/keys.md).",
      .check = check_keys_kept },
    { .id = "secrets-kept",
      .title = "Nobody else can read tokens and data, or change a configuration.",
      .looks = "the modes of token files, passphrases, databases and configurations",
      .answers = "EN 303 645 5.4-1; IEC 62443-4-2 CR 4.1; OWASP I7; CRA Annex I Part I (2)(e)",
      .remedy = "chmod 600 what is named.",
      .check = check_secrets_kept },
    { .id = "root-key-away",
      .title = "The root's key cannot be used by who breaks into this machine.",
      .looks = "root/ in the PKI's folder",
      .answers = "EN 303 645 5.5-8; IEC 62443-4-2 CR 1.8",
      .remedy = "Move root/root.key and root/passphrase to where it is locked away, apart from "
                "each other (docs/guide/issuing.md).",
      .check = check_root_away },
    { .id = "keys-unique",
      .title = "No two ids share a key.",
      .looks = "the public keys of all certificates that were issued or are shown",
      .answers = "EN 303 645 5.4-4 and 5.1-2; IEC 62443-4-2 CR 1.2 RE(1); NIST IR 8259A Device "
                 "Identification; OWASP I1",
      .remedy = "Give one of the two a new key: it was copied. `selvedge device revoke` it first.",
      .check = check_key_unique },
    { .id = "keys-strong",
      .title = "Keys and signatures have 112 bits of security or more.",
      .looks = "key and signature of all certificates that were issued or are shown",
      .answers = "EN 303 645 5.5-1; IEC 62443-4-2 CR 1.9 and CR 4.3",
      .remedy = "Issue it anew with P-256, Ed25519 or RSA 3072, signed with SHA-256.",
      .check = check_strong },
    { .id = "certificates-end",
      .title = "Every certificate in use counts today, and none but an authority's for more than "
               "400 days.",
      .looks = "begin and end of each certificate that a configuration names",
      .answers = "IEC 62443-4-2 CR 1.8; CRA Annex I Part I (2)(d)",
      .remedy = "Let programs renew by themselves (docs/guide/identity.md), or issue it anew.",
      .check = check_certificates_end },
    { .id = "certificates-vouched",
      .title = "The authority of this deployment vouches for every certificate in use.",
      .looks = "the path of each certificate to the `ca` of its configuration, its profile and "
               "purpose",
      .answers = "IEC 62443-4-2 CR 1.8; NIST IR 8259A Logical Access to Interfaces",
      .remedy = "Issue it by this deployment's authority; where it was replaced, give the new "
                "ca.crt to every program.",
      .check = check_vouched },
    { .id = "classic-refused",
      .title = "A certificate that names no role is nobody.",
      .looks = "classic_certificates in the configuration of each gateway",
      .answers = "IEC 62443-4-2 CR 1.8 and CR 2.1; OWASP I9",
      .remedy = "Enrol those devices anew and take the line `classic_certificates: allow` out.",
      .check = check_classic_refused },
};
const size_t SV_STATEMENTS_KEYS_COUNT = SV_COUNT(SV_STATEMENTS_KEYS);
