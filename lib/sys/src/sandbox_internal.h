// The two halves of sys/sandbox.h, apart from each other: files (landlock) and calls (seccomp).
#ifndef SV_SYS_SANDBOX_INTERNAL_H
#define SV_SYS_SANDBOX_INTERNAL_H

#include <sys/sandbox.h>

/// Landlock for the calling thread; `state_out`: "files confined", or why they are not.
sv_err sv_box_confine_files(const sv_sandbox *box, const char **state_out, sv_why *why);

/// Seccomp for all threads.
sv_err sv_box_confine_calls(unsigned kinds, sv_why *why);

#if defined(__SANITIZE_ADDRESS__)
#define SV_BOX_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SV_BOX_SANITIZED 1
#endif
#endif
#ifndef SV_BOX_SANITIZED
#define SV_BOX_SANITIZED 0 ///< what a sanitizer needs when it looks for leaks is in no other build
#endif

#endif
