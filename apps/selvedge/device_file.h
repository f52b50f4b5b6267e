// A file of devices: comma-separated (RFC 4180 without line breaks inside quotes), the first line
// names the columns, `id` and `site` among them, `type` and `idevid` where they are wanted, in any
// order. Read whole; every fault is told with its line before anything is done. [enrol-6]
#ifndef SELVEDGE_DEVICE_FILE_H
#define SELVEDGE_DEVICE_FILE_H

#include <base/err.h>
#include <base/text.h>
#include <model/id.h>

enum {
    SV_DEVICE_FILE_MAX = 100000,         ///< devices
    SV_DEVICE_FILE_BYTES_MAX = 32 << 20, ///< of the file
    SV_DEVICE_FILE_FAULTS_MAX = 100,     ///< told one by one; the rest is counted
    SV_DEVICE_FILE_TOLD_BYTES = 65536,   ///< of all that is told
    SV_DEVICE_IDEVID_MAX = 128,
};

typedef struct sv_device_line {
    size_t line; ///< from 1
    char id[SV_ID_ROOM];
    char site[SV_ID_ROOM];
    char type[SV_ID_ROOM];
    char idevid[SV_DEVICE_IDEVID_MAX + 1];
} sv_device_line;

typedef struct sv_device_file {
    sv_device_line *lines;
    size_t count, room;
    sv_textbuf faults; ///< one line each: "line 7: ..."
    size_t fault_count;
} sv_device_file;

#define SV_DEVICE_FILE ((sv_device_file){ .faults = SV_TEXTBUF_HEAP(SV_DEVICE_FILE_TOLD_BYTES) })
void sv_device_file_drop(sv_device_file *file);
/// All of it, with its faults. SV_ERR_INVALID, with the sentence, when the first line is not what
/// it has to be.
sv_err sv_device_file_parse(sv_text text, sv_device_file *out, sv_why *why);
/// One more fault of a line.
SV_PRINTF(3, 4)
void sv_device_file_fault(sv_device_file *file, size_t line, const char *fmt, ...);

#endif
