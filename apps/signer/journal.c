#include "journal.h"

#include <base/fd.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/disk.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TAIL_BYTES = 4096, NUMBER_MAX = 64, CHECKPOINT_MAX = 2048 };

static sv_err failed(sv_why *why, const char *path) {
    return sv_fail(why, errno == ENOSPC || errno == EDQUOT ? SV_ERR_NO_SPACE : SV_ERR_IO,
                   "cannot write '%s' (%m); nothing is issued that is not recorded", path);
}

/// Where the last whole line ends. No line of ours is longer than the tail.
static sv_err whole_lines(int fd, int64_t size, int64_t *out, sv_why *why) {
    char tail[TAIL_BYTES];
    int64_t from = size > TAIL_BYTES ? size - TAIL_BYTES : 0;
    ssize_t got = pread(fd, tail, sizeof tail, from);
    if (got < 0) {
        return sv_fail(why, SV_ERR_IO, "cannot read the journal: %m");
    }
    while (got > 0 && tail[got - 1] != '\n') {
        got--;
    }
    if (got == 0 && from > 0) {
        return sv_fail(why, SV_ERR_INVALID,
                       "the journal's end holds no line of ours; move it away and start again");
    }
    *out = from + got;
    return SV_OK;
}

static sv_err claim(int fd, const char *path, int64_t *bytes, sv_why *why) {
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        return sv_fail(why, SV_ERR_STATE, "another signer writes '%s'; stop that one first", path);
    }
    struct stat info;
    if (fstat(fd, &info) != 0) {
        return sv_fail(why, SV_ERR_IO, "cannot read '%s': %m", path);
    }
    SV_TRY(whole_lines(fd, info.st_size, bytes, why));
    if (*bytes != info.st_size && (ftruncate(fd, *bytes) != 0 || fdatasync(fd) != 0)) {
        return failed(why, path);
    }
    return SV_OK;
}

sv_err journal_open(const char *pki, signer_journal *out, sv_why *why) {
    char folder[PATH_MAX];
    char path[PATH_MAX];
    signer_journal opened = JOURNAL_CLOSED;
    if (sv_disk_join(folder, sizeof folder, pki, "signer") != SV_OK
        || sv_disk_join(path, sizeof path, folder, "journal.ndjson") != SV_OK
        || sv_disk_join(opened.crl_number, sizeof opened.crl_number, folder, "crl-number") != SV_OK
        || sv_disk_join(opened.checkpoint, sizeof opened.checkpoint, folder, "audit-checkpoint")
               != SV_OK) {
        return sv_fail(why, SV_ERR_INVALID, "the path '%.64s...' is too long", pki);
    }
    SV_TRY(sv_disk_make_folder(folder, 0755, why));
    SV_DEFER(sv_fd_drop)
    int fd = open(path, O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (fd < 0) {
        return sv_fail(why, SV_ERR_IO, "cannot open '%s': %m", path);
    }
    SV_TRY(claim(fd, path, &opened.bytes, why));
    opened.fd = sv_fd_take(&fd);
    *out = opened;
    return SV_OK;
}

void journal_drop(signer_journal *journal) {
    sv_fd_drop(&journal->fd);
    *journal = JOURNAL_CLOSED;
}

sv_err journal_append(signer_journal *journal, sv_text lines, sv_why *why) {
    sv_text rest = lines;
    while (rest.len > 0) {
        ssize_t wrote = write(journal->fd, rest.at, rest.len);
        if (wrote < 0 && errno == EINTR) {
            continue;
        }
        if (wrote <= 0) {
            break;
        }
        rest.at += wrote;
        rest.len -= (size_t) wrote;
    }
    if (rest.len == 0 && fdatasync(journal->fd) == 0) {
        journal->bytes += (int64_t) lines.len;
        return SV_OK;
    }
    sv_err err = failed(why, "signer/journal.ndjson");
    // Half a line would join the next one.
    if (ftruncate(journal->fd, journal->bytes) != 0) {
        return sv_fail(why, SV_ERR_STATE, "the journal cannot be mended (%m); the signer ends");
    }
    return err;
}

sv_err journal_next_crl(const signer_journal *journal, uint64_t floor, uint64_t *out, sv_why *why) {
    uint64_t last = 0;
    if (sv_disk_exists(journal->crl_number)) {
        SV_DEFER(sv_textbuf_drop) sv_textbuf content = SV_TEXTBUF_HEAP(NUMBER_MAX);
        SV_TRY(sv_disk_read(journal->crl_number, &content, why));
        if (sv_text_u64(sv_text_trim(sv_textbuf_text(&content)), INT64_MAX, &last) != SV_OK) {
            return sv_fail(why, SV_ERR_INVALID, "'%s' is no number", journal->crl_number);
        }
    }
    uint64_t next = (last > floor ? last : floor) + 1;
    char room[NUMBER_MAX];
    sv_textbuf text = SV_TEXTBUF(room);
    sv_textbuf_addf(&text, "%llu\n", (unsigned long long) next);
    SV_TRY(sv_disk_replace(journal->crl_number, sv_textbuf_text(&text), 0644, why));
    *out = next;
    return SV_OK;
}

sv_err journal_keep_checkpoint(const signer_journal *journal, const sv_audit_checkpoint *checkpoint,
                               sv_why *why) {
    char room[CHECKPOINT_MAX];
    sv_textbuf text = SV_TEXTBUF(room);
    const sv_audit_record record = { .kind = SV_AUDIT_CHECKPOINT, .checkpoint = *checkpoint };
    sv_audit_record_add(&text, &record);
    sv_textbuf_add_char(&text, '\n');
    SV_TRY(sv_textbuf_end(&text));
    return sv_disk_replace(journal->checkpoint, sv_textbuf_text(&text), 0644, why);
}
