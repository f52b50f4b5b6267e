// Another program, run to its end: no shell, an empty environment but for PATH, nothing on its
// stdin, and a deadline after which it and what it started are killed.
#ifndef SV_SYS_CHILD_H
#define SV_SYS_CHILD_H

#include <base/err.h>
#include <base/text.h>

/// `argv` ends with NULL; argv[0] is an absolute path. What it writes to stdout is appended to
/// `out`, its stderr is ours. SV_ERR_INVALID when the path is not absolute, SV_ERR_NOT_FOUND when
/// there is no such program, SV_ERR_STATE when it ends with another code than 0, SV_ERR_UNAVAILABLE
/// when it was killed, by the deadline or by somebody, SV_ERR_NO_SPACE when it writes more than
/// `out` takes. [slot-20]
sv_err sv_child_run(const char *const *argv, int deadline_ms, sv_textbuf *out, sv_why *why);

#endif
