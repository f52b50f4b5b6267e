// sd-bus, loaded when RAUC is asked for the first time, so that no other device needs it.
#ifndef SV_SLOT_RAUC_BUS_H
#define SV_SLOT_RAUC_BUS_H

#include <base/err.h>
#include <systemd/sd-bus.h>

#define SV_RAUC_CALLS(X)                                                                           \
    X(sd_bus_open_system)                                                                          \
    X(sd_bus_flush_close_unref)                                                                    \
    X(sd_bus_set_method_call_timeout)                                                              \
    X(sd_bus_is_open)                                                                              \
    X(sd_bus_match_signal)                                                                         \
    X(sd_bus_call_method)                                                                          \
    X(sd_bus_get_property)                                                                         \
    X(sd_bus_get_property_string)                                                                  \
    X(sd_bus_process)                                                                              \
    X(sd_bus_wait)                                                                                 \
    X(sd_bus_error_free)                                                                           \
    X(sd_bus_message_read)                                                                         \
    X(sd_bus_message_skip)                                                                         \
    X(sd_bus_message_enter_container)                                                              \
    X(sd_bus_message_exit_container)                                                               \
    X(sd_bus_message_unref)

typedef struct rauc_calls {
#define SV_RAUC_MEMBER(name) __typeof__(name) *(name);
    SV_RAUC_CALLS(SV_RAUC_MEMBER)
#undef SV_RAUC_MEMBER
} rauc_calls;

/// Lives as long as the process.
sv_err rauc_calls_load(const rauc_calls **out, sv_why *why);

#endif
