// What the PKI folder knows about each device's newest certificate. Read again when the folder's
// index has changed, looked at no more than every five seconds.
#ifndef SV_FLEET_CERTIFICATES_H
#define SV_FLEET_CERTIFICATES_H

#include <crypto/pki.h>

typedef struct sv_certificates sv_certificates;

/// `dir` empty: nothing is known about anybody.
sv_certificates *sv_certificates_new(const char *dir);
void sv_certificates_drop(sv_certificates **certificates);
/// NULL when the folder knows none. Borrowed until the next call.
const sv_pki_record *sv_certificates_of(sv_certificates *certificates, sv_text id, int64_t mono_us);
/// The state of a folder's index: another number when anything in it has changed.
uint64_t sv_certificates_folder(const char *dir);

#endif
