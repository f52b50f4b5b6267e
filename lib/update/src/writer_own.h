// What the makers of metadata share.
#ifndef SV_UPDATE_WRITER_OWN_H
#define SV_UPDATE_WRITER_OWN_H

#include <update/writer.h>

/// Up to where the members follow that only this type has.
void sv_tuf_begin(sv_json_out *out, sv_tuf_type type, const sv_tuf_head *head);
/// What cannot be read back is not given away.
sv_err sv_tuf_end(sv_json_out *out, sv_tuf_type type, sv_why *why);
/// `keyids` and `threshold`.
void sv_tuf_keyids_add(sv_json_out *out, const sv_tuf_holders *holders);

#endif
