// Small files in the state folder, each the old or the new one whenever the power goes: metadata
// that is trusted. Through slot/disk.h, so that no link is followed and tests may cut the power.
#ifndef SV_UPDATER_SHELF_H
#define SV_UPDATER_SHELF_H

#include <slot/disk.h>
#include <update/trust.h>

/// Append the file's bytes. SV_ERR_NOT_FOUND, SV_ERR_NO_SPACE when it is larger than `out` takes.
sv_err shelf_read(const sv_slot_disk *disk, const char *name, sv_textbuf *out, sv_why *why);
/// Keep it, in place of what was there.
sv_err shelf_keep(const sv_slot_disk *disk, const char *name, sv_text bytes, sv_why *why);

/// What a file of one of the repositories is called there: `shelf`.`name`, or a digest of that
/// where it is too long for a name.
void shelf_name(const char *shelf, const char *name, char out[SV_SLOT_NAME_MAX + 1]);

#endif
