#include "spool_file.h"

#include <base/crc.h>
#include <errno.h>
#include <stdio.h>
#include <store/spool.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum { MARK_0 = 0xA5, MARK_1 = 0x5E, AT_CRC = 2, AT_TIME = 6, AT_TOPIC = 14, AT_PAYLOAD = 16 };

static void put(uint8_t *at, uint64_t value, size_t bytes) {
    for (size_t i = 0; i < bytes; i++) {
        at[i] = (uint8_t) (value >> (8 * i));
    }
}

static uint64_t get(const uint8_t *at, size_t bytes) {
    uint64_t value = 0;
    for (size_t i = 0; i < bytes; i++) {
        value |= (uint64_t) at[i] << (8 * i);
    }
    return value;
}

size_t spool_item_bytes(const spool_item *item) {
    return SPOOL_HEAD_BYTES + item->topic.len + item->payload.len;
}

void spool_item_add(sv_textbuf *out, const spool_item *item) {
    uint8_t head[SPOOL_HEAD_BYTES] = { MARK_0, MARK_1 };
    put(head + AT_TIME, (uint64_t) item->at_us, 8);
    put(head + AT_TOPIC, item->topic.len, 2);
    put(head + AT_PAYLOAD, item->payload.len, 2);
    size_t start = out->len;
    sv_textbuf_add(out, (sv_text){ .at = (const char *) head, .len = sizeof head });
    sv_textbuf_add(out, item->topic);
    sv_textbuf_add(out, item->payload);
    if (!out->overflowed) {
        char *record = out->at + start;
        sv_text checked = { .at = record + AT_TIME, .len = out->len - start - AT_TIME };
        put((uint8_t *) record + AT_CRC, sv_crc32(checked), 4);
    }
}

static bool parse_at(sv_text rest, spool_item *out) {
    const uint8_t *head = (const uint8_t *) rest.at;
    if (rest.len < SPOOL_HEAD_BYTES || head[0] != MARK_0 || head[1] != MARK_1) {
        return false;
    }
    size_t topic = (size_t) get(head + AT_TOPIC, 2);
    size_t payload = (size_t) get(head + AT_PAYLOAD, 2);
    if (topic == 0 || topic > SV_SPOOL_TOPIC_MAX || payload > SV_SPOOL_PAYLOAD_MAX
        || topic + payload > rest.len - SPOOL_HEAD_BYTES) {
        return false;
    }
    sv_text checked = { .at = rest.at + AT_TIME,
                        .len = SPOOL_HEAD_BYTES - AT_TIME + topic + payload };
    if (sv_crc32(checked) != get(head + AT_CRC, 4)) {
        return false;
    }
    *out = (spool_item){
        .at_us = (int64_t) get(head + AT_TIME, 8),
        .topic = { .at = rest.at + SPOOL_HEAD_BYTES, .len = topic },
        .payload = { .at = rest.at + SPOOL_HEAD_BYTES + topic, .len = payload },
    };
    return true;
}

bool spool_item_next(sv_text content, size_t *at, spool_item *out) {
    for (size_t i = *at; i + SPOOL_HEAD_BYTES <= content.len; i++) {
        if (parse_at((sv_text){ .at = content.at + i, .len = content.len - i }, out)) {
            *at = i + spool_item_bytes(out);
            return true;
        }
    }
    return false;
}

spool_survey spool_survey_of(sv_text content) {
    spool_survey survey = { 0 };
    spool_item item;
    size_t end = 0;
    for (size_t at = 0; spool_item_next(content, &at, &item); end = at) {
        survey.damaged = survey.damaged || at - spool_item_bytes(&item) != end;
        survey.records++;
    }
    survey.damaged = survey.damaged || (survey.records == 0 && content.len > 0);
    return survey;
}

void spool_name_format(spool_name name, char room[SPOOL_NAME_ROOM]) {
    (void) snprintf(room, SPOOL_NAME_ROOM, "%u-%010u.seg", name.class, name.number);
}

bool spool_name_parse(sv_text text, spool_name *out) {
    sv_text rest = text;
    uint64_t class = 0;
    uint64_t number = 0;
    if (sv_text_u64(sv_text_cut(&rest, '-'), SV_SPOOL_CLASSES - 1, &class) != SV_OK
        || sv_text_u64(sv_text_cut(&rest, '.'), UINT32_MAX, &number) != SV_OK) {
        return false;
    }
    char again[SPOOL_NAME_ROOM];
    *out = (spool_name){ .class = (unsigned) class, .number = (uint32_t) number };
    spool_name_format(*out, again);
    return sv_text_is(text, again);
}

int64_t spool_disk_room(const char *folder) {
    struct statvfs info;
    if (statvfs(folder, &info) != 0) {
        return -1;
    }
    return (int64_t) (info.f_bavail * info.f_frsize);
}

bool spool_disk_write(int fd, sv_text content) {
    while (content.len > 0) {
        ssize_t put_now = write(fd, content.at, content.len);
        if (put_now < 0 && errno != EINTR) {
            return false;
        }
        if (put_now > 0) {
            content.at += put_now;
            content.len -= (size_t) put_now;
        }
    }
    return fdatasync(fd) == 0;
}
