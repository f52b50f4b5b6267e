// Compiler contracts used across the tree: gcc 12 and clang 14, -std=gnu17.
#ifndef SV_BASE_ATTR_H
#define SV_BASE_ATTR_H

#if defined(__clang__)
#define SV_NODISCARD __attribute__((warn_unused_result))
#else
#define SV_NODISCARD [[nodiscard]]
#endif

#define SV_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

/// The function returns a pointer that is never NULL.
#define SV_NOT_NULL __attribute__((returns_nonnull))

/// Run `fn(&var)` when `var` leaves scope. Cleanups run in reverse order of declaration; one that
/// is all a variable is for counts as its use.
#define SV_DEFER(fn) __attribute__((cleanup(fn), unused))

#define SV_COUNT(array) (sizeof(array) / sizeof((array)[0]))

#endif
