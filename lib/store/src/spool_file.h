// The spool's files: records one after the other, each with its checksum. Nothing here knows of
// classes, bounds or delivery.
#ifndef SV_STORE_SPOOL_FILE_H
#define SV_STORE_SPOOL_FILE_H

#include <base/err.h>
#include <base/text.h>

enum {
    /// Two bytes of mark, CRC-32 of the rest, time, lengths of topic and payload; little endian.
    SPOOL_HEAD_BYTES = 2 + 4 + 8 + 2 + 2,
};

typedef struct spool_item {
    int64_t at_us;
    sv_text topic, payload;
} spool_item;

size_t spool_item_bytes(const spool_item *item);
void spool_item_add(sv_textbuf *out, const spool_item *item);
/// The next whole record at or after `*at`, which moves behind it; texts borrow from `content`.
/// False: there is none, and `*at` stays.
bool spool_item_next(sv_text content, size_t *at, spool_item *out);

/// What a file holds.
typedef struct spool_survey {
    size_t records;
    bool damaged; ///< unreadable bytes before a whole record, or nothing whole in a file with bytes
} spool_survey;
spool_survey spool_survey_of(sv_text content);

typedef struct spool_name {
    unsigned class;
    uint32_t number;
} spool_name;
enum { SPOOL_NAME_ROOM = 24 };
void spool_name_format(spool_name name, char room[SPOOL_NAME_ROOM]); ///< `1-0000000042.seg`
bool spool_name_parse(sv_text text, spool_name *out);

int64_t spool_disk_room(const char *folder);
bool spool_disk_write(int fd, sv_text content);

#endif
