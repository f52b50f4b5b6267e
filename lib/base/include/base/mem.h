// Heap memory for what lives as long as a process or a peer. A program that cannot get a few
// kilobytes cannot keep its promises either: it says so and ends, and whoever supervises it starts
// it again. Message handling does not come here; it uses buffers that exist already.
#ifndef SV_BASE_MEM_H
#define SV_BASE_MEM_H

#include <base/attr.h>
#include <stddef.h>

/// `bytes` of zeroes; never NULL. The owner frees them with free() or SV_DEFER(sv_mem_drop).
SV_NOT_NULL void *sv_mem_new(size_t bytes);
/// Room for `count` items of `item_bytes`, zeroed; ends the process on overflow.
SV_NOT_NULL void *sv_mem_array(size_t count, size_t item_bytes);
/// realloc that cannot fail; the new part is not initialised.
SV_NOT_NULL void *sv_mem_resize(void *old, size_t bytes);
/// A NUL-terminated copy of `len` bytes.
SV_NOT_NULL char *sv_mem_copy_str(const char *at, size_t len);
/// From here on what is freed goes back to the system, large pieces at once: for a program that
/// shares a small machine with others. It costs a system call for each of these.
void sv_mem_frugal(void);
/// For SV_DEFER on any pointer variable.
void sv_mem_drop(void *pointer_variable);

#endif
