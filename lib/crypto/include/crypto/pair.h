// A certificate and its key that change together: whoever opens the two paths finds a pair that
// fits, whenever the power goes. Beside the certificate stands a folder:
//
//   press-17.crt    -> press-17.crt.d/now/cert.pem     (plain files until the first change)
//   press-17.key    -> press-17.crt.d/now/key.pem
//   press-17.crt.d/    now -> 3      3/ in use      4/ the next one, while it comes to be
//
// One rename of `now` changes both. A key that is not a file (tpm2:, pkcs11:) stays where it is,
// and the certificate alone changes. [renewal-1]
#ifndef SV_CRYPTO_PAIR_H
#define SV_CRYPTO_PAIR_H

#include <base/err.h>
#include <base/text.h>
#include <sys/disk.h>

struct evp_pkey_st;

typedef struct sv_pair {
    char cert[SV_PATH_MAX], key[SV_PATH_MAX]; ///< as they are configured
    char folder[SV_PATH_MAX];                 ///< beside the certificate
    char next_cert[SV_PATH_MAX];              ///< where the next one comes to be
    char next_key[SV_PATH_MAX];
    unsigned now;  ///< the number in use; 0: the files are still plain, or so was the first
    bool hard_key; ///< the key is not a file
} sv_pair;

/// Looks at what is there and clears away what an end at a bad moment left; changes nothing that is
/// in use.
sv_err sv_pair_open(const char *cert, const char *key, sv_pair *out, sv_why *why);

/// Whether this process may write where the certificate is: SV_ERR_IO with the remedy. For saying
/// it at the start, instead of when the certificate is about to end. [renewal-22]
sv_err sv_pair_may_change(const char *cert, sv_why *why);

/// The key of the next certificate: the one that was made for it already, or a new one of the same
/// kind. `same`: the key in use goes on, as it does where it is not a file.
sv_err sv_pair_next_key(const sv_pair *pair, bool same, struct evp_pkey_st **out, sv_why *why);
/// The next certificate, with its chain (PEM), is on disk beside its key.
sv_err sv_pair_keep_next(const sv_pair *pair, sv_text chain, sv_why *why);
/// Whether certificate and key of the next pair are there and fit.
bool sv_pair_has_next(const sv_pair *pair);
/// From now on the next pair is the one in use. May be called again after a failure.
sv_err sv_pair_change(sv_pair *pair, sv_why *why);
/// The next pair is given up.
sv_err sv_pair_forget_next(const sv_pair *pair, sv_why *why);

#endif
