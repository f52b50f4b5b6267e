// The agent's configuration file: the table of its keys and the struct they fill.
#ifndef SV_AGENT_CONFIG_H
#define SV_AGENT_CONFIG_H

#include <codec/config.h>
#include <codec/url.h>
#include <model/health.h>
#include <model/reading.h>
#include <sys/disk.h>

enum { SV_AGENT_SOURCES_MAX = 64, SV_AGENT_HOST_MAX = 256, SV_AGENT_DOOR_PORT = 8444 };

typedef enum sv_agent_source_kind {
    SV_AGENT_HWMON,   ///< every temperature, fan, voltage and power under /sys/class/hwmon
    SV_AGENT_THERMAL, ///< every zone under /sys/class/thermal
    SV_AGENT_FILE,    ///< one number in one file
} sv_agent_source_kind;

typedef enum sv_agent_renew { SV_AGENT_RENEW_AUTOMATIC, SV_AGENT_RENEW_OFF } sv_agent_renew;

typedef struct sv_agent_source {
    int kind;               ///< sv_agent_source_kind
    char path[SV_PATH_MAX]; ///< of a FILE
    char sensor[SV_ID_ROOM];
    char unit[SV_UNIT_MAX];
    double scale; ///< what the file's number is multiplied with
    int64_t interval_us;
} sv_agent_source;

typedef struct sv_agent_config {
    char id[SV_ID_ROOM];
    struct {
        char host[SV_AGENT_HOST_MAX];
        int64_t port;
        bool acks; ///< a reading is delivered when the gateway says so, not at its PUBACK
    } gateway;
    struct {
        char ca[SV_PATH_MAX], cert[SV_PATH_MAX], key[SV_PATH_MAX];
    } tls;
    struct {
        char at[SV_AGENT_HOST_MAX];   ///< HOST:PORT as written; empty: by the gateway
        int renew;                    ///< sv_agent_renew
        char host[SV_AGENT_HOST_MAX]; ///< of the EST door
        uint16_t port;
    } enrolment;
    struct {
        int64_t interval_us;
    } health;
    struct {
        char path[SV_PATH_MAX]; ///< empty: what waits is in memory
        int64_t bytes, age_us, free, every_us;
        int64_t rate; ///< messages a second that had waited
    } spool;
    struct {
        char door[SV_URL_PATH_MAX]; ///< https://host:port
        char socket[SV_PATH_MAX];   ///< of the updater; empty: no updates
        int64_t poll_us, rate;      ///< bytes a second; 0: no limit
        char hold[SV_PATH_MAX];     ///< while this file is there nothing is armed
        struct {
            int64_t deadline_us;
            char script[SV_PATH_MAX]; ///< empty: none
        } health;
    } update;
    char firmware_version[SV_VERSION_MAX];
    char root[SV_PATH_MAX]; ///< put before /proc, /sys and /; not before a source's path
    bool machine;           ///< publish `cpu` and `memory` too
    sv_agent_source sources[SV_AGENT_SOURCES_MAX];
    size_t source_count;
} sv_agent_config;

extern const sv_config_key SV_AGENT_KEYS[];

/// The whole file's faults in `faults`; SV_ERR_INVALID when there are any.
sv_err sv_agent_config_read(sv_text yaml, sv_agent_config *out, sv_config_faults *faults);

#endif
