// SWUpdate's messages, as version 2022.12 has them: values of C, as they lie in memory, because who
// writes and who reads them are of one machine. Of another version their length is another, and of
// the sockets' other end nothing is believed but that. [swupdate-1]
#ifndef SV_SLOT_SWUPDATE_WIRE_H
#define SV_SLOT_SWUPDATE_WIRE_H

#include <base/err.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    SWU_MAGIC = 0x14052001,
    SWU_API = 1,
    SWU_SOURCE_LOCAL = 4,
    SWU_RUN_INSTALL = 2, ///< whatever the daemon was started with
    SWU_TEXT_BYTES = 2048,
    SWU_INFO_BYTES = 512,
    SWU_SELECTION_BYTES = 256,
    SWU_LEVEL_ERROR = 1,
};

/// Kinds of messages.
enum { SWU_INSTALL = 0, SWU_ACK = 1, SWU_NACK = 2, SWU_STATUS = 3, SWU_NOTIFY = 11 };

/// States of an installation.
enum {
    SWU_IDLE = 0,
    SWU_START = 1,
    SWU_RUN = 2,
    SWU_SUCCESS = 3,
    SWU_FAILURE = 4,
    SWU_DOWNLOAD = 5,
    SWU_DONE = 6,
};

typedef struct swu_request {
    unsigned int api;
    int source;
    int dry_run;
    size_t bytes;
    char info[SWU_INFO_BYTES];
    char set[SWU_SELECTION_BYTES];
    char mode[SWU_SELECTION_BYTES];
    bool not_stored;
} swu_request;

/// On the control socket, in both directions.
typedef struct swu_message {
    int magic;
    int kind;
    union {
        char text[128];
        struct {
            int current, last, error;
            char text[SWU_TEXT_BYTES];
        } status;
        struct {
            int status, error, level;
            char text[SWU_TEXT_BYTES];
        } notice;
        struct {
            swu_request request;
            unsigned int len;
            char more[SWU_TEXT_BYTES];
        } install;
    } of;
} swu_message;

/// On the progress socket, from the daemon.
typedef struct swu_progress {
    unsigned int magic; ///< not set
    int status;
    unsigned int download_percent;
    unsigned long long download_bytes;
    unsigned int steps, step, percent;
    char image[256];
    char handler[64];
    int source;
    unsigned int info_len;
    char info[SWU_TEXT_BYTES];
} swu_progress;

_Static_assert(sizeof(void *) != 8 || sizeof(swu_message) == 3120, "as in 2022.12");
_Static_assert(sizeof(void *) != 8 || sizeof(swu_progress) == 2416, "as in 2022.12");

/// SV_ERR_INVALID for a selection that is not "set,mode", or does not fit.
sv_err swu_install(const char *selection, const char *mark, uint64_t bytes, swu_message *out,
                   sv_why *why);

/// A text of theirs, cut at its room and at `out`'s, without the marks of its level, and without
/// bytes that are no printable ASCII.
void swu_text(const char *theirs, size_t theirs_bytes, char *out, size_t out_bytes);

/// Where an installation is by these messages.
typedef struct swu_course {
    char mark[SWU_INFO_BYTES];
    bool foreign; ///< one that is not ours was seen to begin
    int percent;
    char says[160];
    enum { SWU_GOES_ON, SWU_SUCCEEDED, SWU_FAILED } end;
} swu_course;

/// The next message.
void swu_follow(const swu_progress *message, swu_course *course);

#endif
