#include "tar_path.h"

#include <inttypes.h>
#include <slot/tar.h>
#include <string.h>

// A header: name 100, mode 8, uid 8, gid 8, size 12, mtime 12, checksum 8, type 1, link name 100,
// magic 6, version 2, user 32, group 32, device 16, prefix 155, 12 that are not used.
enum {
    AT_MODE = 100,
    AT_SIZE = 124,
    AT_CHECKSUM = 148,
    AT_TYPE = 156,
    AT_LINK = 157,
    AT_MAGIC = 257,
    AT_PREFIX = 345,
    NAME_BYTES = 100,
    MODE_BYTES = 8,
    SIZE_BYTES = 12,
    PREFIX_BYTES = 155,
    MODE_EXECUTE = 0100,
    MODE_SPECIAL = 06000, ///< set-user-ID, set-group-ID
};

typedef enum tar_state {
    IN_HEADER,
    IN_FILE,
    IN_PAX,       ///< about the next header
    IN_GLOBAL,    ///< about all that follow: nothing of it counts
    IN_LONG_NAME, ///< GNU's
    IN_LONG_LINK,
    IN_ZEROS, ///< one block of zeros came
    IN_END,   ///< two did
} tar_state;

void sv_tar_begin(sv_tar *tar, sv_tar_taker taker, uint64_t bytes_max) {
    *tar = (sv_tar){ .taker = taker, .bytes_max = bytes_max };
}

// ---- fields -------------------------------------------------------------------------------------

/// Up to its first NUL.
static sv_text field(const sv_tar *tar, size_t at, size_t bytes) {
    const char *text = (const char *) tar->block + at;
    return (sv_text){ .at = text, .len = strnlen(text, bytes) };
}

/// Octal, between blanks; NUL ends it. False: it is none, or is in GNU's other way.
static bool octal(sv_text text, uint64_t *out) {
    uint64_t number = 0;
    text = sv_text_trim(text);
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] < '0' || text.at[i] > '7' || number > UINT64_MAX >> 3) {
            return false;
        }
        number = number << 3 | (uint64_t) (text.at[i] - '0');
    }
    *out = number;
    return text.len > 0;
}

/// The sum of all bytes of the block, its own as blanks.
static bool has_checksum(const sv_tar *tar) {
    uint64_t said = 0;
    uint64_t sum = 0;
    for (size_t i = 0; i < SV_TAR_BLOCK_BYTES; i++) {
        sum += i >= AT_CHECKSUM && i < AT_CHECKSUM + 8 ? ' ' : tar->block[i];
    }
    return octal(field(tar, AT_CHECKSUM, 8), &said) && said == sum;
}

static bool is_zero(const sv_tar *tar) {
    return tar->block[0] == 0 && memcmp(tar->block, tar->block + 1, SV_TAR_BLOCK_BYTES - 1) == 0;
}

// ---- what is about the next header --------------------------------------------------------------

static sv_err take_name(sv_text text, char room[SV_TAR_PATH_MAX + 1], bool *has, sv_why *why) {
    *has = true;
    return sv_text_copy(text, room, SV_TAR_PATH_MAX + 1) == SV_OK
               ? SV_OK
               : sv_fail(why, SV_ERR_INVALID,
                         "the archive has a path of %zu bytes; at most %d are read, none of them 0",
                         text.len, SV_TAR_PATH_MAX);
}

static bool decimal(sv_text text, uint64_t *out) {
    uint64_t number = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] < '0' || text.at[i] > '9' || number > (UINT64_MAX - 9) / 10) {
            return false;
        }
        number = number * 10 + (uint64_t) (text.at[i] - '0');
    }
    *out = number;
    return text.len > 0;
}

static sv_err take_pax(sv_tar *tar, sv_text key, sv_text value, sv_why *why) {
    if (sv_text_is(key, "path")) {
        return take_name(value, tar->entry.path, &tar->has_path, why);
    }
    if (sv_text_is(key, "linkpath")) {
        return take_name(value, tar->entry.target, &tar->has_target, why);
    }
    if (sv_text_is(key, "size")) {
        tar->has_size = decimal(value, &tar->size);
        return tar->has_size ? SV_OK
                             : sv_fail(why, SV_ERR_INVALID, "the archive has a size that is none");
    }
    return sv_text_starts(key, SV_TEXT("GNU.sparse"))
               ? sv_fail(why, SV_ERR_INVALID, "the archive has sparse files; make it without -S")
               : SV_OK;
}

/// Records `LENGTH KEY=VALUE\n`, the length that of the whole record.
static sv_err read_pax(sv_tar *tar, sv_why *why) {
    sv_text rest = { .at = tar->extended, .len = tar->extended_len };
    while (rest.len > 0) {
        sv_text record = rest;
        uint64_t len = 0;
        sv_text number = sv_text_cut(&record, ' ');
        if (!decimal(number, &len) || len > rest.len || len < number.len + 2
            || rest.at[len - 1] != '\n') {
            return sv_fail(why, SV_ERR_INVALID, "the archive has an extended header that is none");
        }
        record.len = (size_t) len - number.len - 2;
        sv_text key = sv_text_cut(&record, '=');
        SV_TRY(take_pax(tar, key, record, why));
        rest.at += len;
        rest.len -= (size_t) len;
    }
    return SV_OK;
}

static sv_err end_extended(sv_tar *tar, sv_why *why) {
    sv_text text = { .at = tar->extended, .len = tar->extended_len };
    while (text.len > 0 && text.at[text.len - 1] == '\0') { // GNU's names end with one
        text.len--;
    }
    switch (tar->state) {
    case IN_PAX:
        return read_pax(tar, why);
    case IN_LONG_NAME:
        return take_name(text, tar->entry.path, &tar->has_path, why);
    case IN_LONG_LINK:
        return take_name(text, tar->entry.target, &tar->has_target, why);
    default:
        return SV_OK;
    }
}

static sv_err begin_extended(sv_tar *tar, tar_state state, sv_why *why) {
    if (tar->left == 0 || tar->left > SV_TAR_EXTENDED_MAX) {
        return sv_fail(why, SV_ERR_INVALID,
                       "the archive has an extended header of %" PRIu64 " bytes; 1 to %d are read",
                       tar->left, SV_TAR_EXTENDED_MAX);
    }
    tar->extended_len = 0;
    tar->state = (uint8_t) state;
    return SV_OK;
}

// ---- entries ------------------------------------------------------------------------------------

static const char *what_it_is(uint8_t type) {
    switch (type) {
    case '1':
        return "a hard link; make the archive with --hard-dereference";
    case '3':
    case '4':
        return "a device";
    case '6':
        return "a pipe";
    case 'S':
        return "a sparse file; make the archive without -S";
    default:
        return "of a kind that is not known";
    }
}

/// A path of a header without a longer one before it: prefix and name.
static sv_err short_path(const sv_tar *tar, char room[SV_TAR_PATH_MAX + 1], sv_why *why) {
    sv_textbuf path = { .at = room, .cap = SV_TAR_PATH_MAX + 1 };
    sv_text prefix = field(tar, AT_PREFIX, PREFIX_BYTES);
    if (memcmp(tar->block + AT_MAGIC, "ustar", 6) == 0 && prefix.len > 0) {
        sv_textbuf_add(&path, prefix);
        sv_textbuf_add_char(&path, '/');
    }
    sv_textbuf_add(&path, field(tar, 0, NAME_BYTES));
    return sv_textbuf_end(&path) == SV_OK ? SV_OK
                                          : sv_fail(why, SV_ERR_INVALID, "a path is too long");
}

static sv_err read_names(sv_tar *tar, sv_why *why) {
    if (!tar->has_path) {
        SV_TRY(short_path(tar, tar->entry.path, why));
    }
    if (!tar->has_target) {
        SV_TRY(
            take_name(field(tar, AT_LINK, NAME_BYTES), tar->entry.target, &tar->has_target, why));
    }
    tar->has_path = tar->has_target = false;
    SV_TRY(sv_tar_path_tidy(tar->entry.path, why));
    return tar->entry.kind == SV_TAR_LINK
               ? sv_tar_target_check(tar->entry.path, tar->entry.target, why)
               : SV_OK;
}

static sv_err read_kind(sv_tar *tar, uint8_t type, sv_why *why) {
    uint64_t mode = 0;
    sv_tar_entry *entry = &tar->entry;
    if (!octal(field(tar, AT_MODE, MODE_BYTES), &mode)) {
        return sv_fail(why, SV_ERR_INVALID, "the archive has a mode that is none");
    }
    entry->kind = type == '5' ? SV_TAR_FOLDER : type == '2' ? SV_TAR_LINK : SV_TAR_FILE;
    SV_TRY(read_names(tar, why));
    if (type != '0' && type != '\0' && type != '5' && type != '2') {
        return sv_fail(why, SV_ERR_INVALID, "'%.200s' is %s", entry->path, what_it_is(type));
    }
    if ((mode & MODE_SPECIAL) != 0) {
        return sv_fail(why, SV_ERR_INVALID,
                       "'%.200s' has a set-user-ID or set-group-ID bit, which is not set here",
                       entry->path);
    }
    entry->executable = entry->kind == SV_TAR_FILE && (mode & MODE_EXECUTE) != 0;
    return SV_OK;
}

static sv_err count(sv_tar *tar, sv_why *why) {
    const sv_tar_entry *entry = &tar->entry;
    if (++tar->entries > SV_TAR_ENTRIES_MAX) {
        return sv_fail(why, SV_ERR_INVALID, "the archive has more than %d entries",
                       SV_TAR_ENTRIES_MAX);
    }
    if (entry->bytes > tar->bytes_max - tar->bytes) {
        return sv_fail(why, SV_ERR_INVALID, "the archive's files have more than %" PRIu64 " bytes",
                       tar->bytes_max);
    }
    tar->bytes += entry->bytes;
    return SV_OK;
}

static sv_err take_entry(sv_tar *tar, uint8_t type, sv_why *why) {
    sv_tar_entry *entry = &tar->entry;
    if (tar->has_size) {
        tar->left = tar->size;
        tar->has_size = false;
    }
    SV_TRY(read_kind(tar, type, why));
    if (entry->kind != SV_TAR_FILE && tar->left != 0) {
        return sv_fail(why, SV_ERR_INVALID, "'%.200s' is no file and has bytes", entry->path);
    }
    entry->bytes = tar->left;
    if (entry->path[0] == '\0') { // the tree's own folder
        return entry->kind == SV_TAR_FOLDER
                   ? SV_OK
                   : sv_fail(why, SV_ERR_INVALID, "the archive has a file without a name");
    }
    SV_TRY(count(tar, why));
    SV_TRY(tar->taker.entry(tar->taker.arg, entry, why));
    if (tar->left == 0) {
        return tar->taker.end(tar->taker.arg, why);
    }
    tar->state = IN_FILE;
    return SV_OK;
}

static sv_err take_header(sv_tar *tar, sv_why *why) {
    uint8_t type = tar->block[AT_TYPE];
    const uint8_t *magic = tar->block + AT_MAGIC;
    if (memcmp(magic,
               "ustar\0"
               "00",
               8)
            != 0
        && memcmp(magic, "ustar  ", 8) != 0) {
        return sv_fail(why, SV_ERR_INVALID, "it is no tar archive (ustar, pax or GNU)");
    }
    if (!has_checksum(tar)) {
        return sv_fail(why, SV_ERR_INVALID, "the archive has a header with a wrong checksum");
    }
    if (!octal(field(tar, AT_SIZE, SIZE_BYTES), &tar->left)) {
        return sv_fail(why, SV_ERR_INVALID,
                       "the archive has a size that is none, or in GNU's way of 8 GiB and more: "
                       "make it with --format=pax");
    }
    switch (type) {
    case 'x':
        SV_TRY(begin_extended(tar, IN_PAX, why));
        break;
    case 'g':
        SV_TRY(begin_extended(tar, IN_GLOBAL, why));
        break;
    case 'L':
        SV_TRY(begin_extended(tar, IN_LONG_NAME, why));
        break;
    case 'K':
        SV_TRY(begin_extended(tar, IN_LONG_LINK, why));
        break;
    default:
        SV_TRY(take_entry(tar, type, why));
        break;
    }
    tar->padding = (unsigned) (-tar->left % SV_TAR_BLOCK_BYTES);
    return SV_OK;
}

// ---- blocks -------------------------------------------------------------------------------------

static sv_err take_block(sv_tar *tar, sv_why *why) {
    bool zero = is_zero(tar);
    tar->have = 0;
    if (tar->state == IN_END && !zero) {
        return sv_fail(why, SV_ERR_INVALID, "something follows the end of the archive");
    }
    if (zero) {
        if (tar->has_path || tar->has_target || tar->has_size) {
            return sv_fail(why, SV_ERR_INVALID, "the archive ends where an entry was due");
        }
        tar->state = tar->state == IN_HEADER ? IN_ZEROS : IN_END;
        return SV_OK;
    }
    if (tar->state == IN_ZEROS) {
        return sv_fail(why, SV_ERR_INVALID, "the archive has a block of zeros among its entries");
    }
    return take_header(tar, why);
}

/// What follows a header: as much of it as there is.
static sv_err take_content(sv_tar *tar, sv_text bytes, sv_why *why) {
    tar->left -= bytes.len;
    if (tar->state == IN_FILE) {
        SV_TRY(tar->taker.bytes(tar->taker.arg, bytes, why));
        if (tar->left == 0) {
            tar->state = IN_HEADER;
            return tar->taker.end(tar->taker.arg, why);
        }
        return SV_OK;
    }
    memcpy(tar->extended + tar->extended_len, bytes.at, bytes.len);
    tar->extended_len += bytes.len;
    if (tar->left == 0) {
        SV_TRY(end_extended(tar, why));
        tar->state = IN_HEADER;
    }
    return SV_OK;
}

static sv_text cut(sv_text *rest, uint64_t most) {
    sv_text first = { .at = rest->at, .len = rest->len < most ? rest->len : (size_t) most };
    rest->at += first.len;
    rest->len -= first.len;
    return first;
}

sv_err sv_tar_push(sv_tar *tar, sv_text bytes, sv_why *why) {
    while (bytes.len > 0) {
        if (tar->left > 0) {
            SV_TRY(take_content(tar, cut(&bytes, tar->left), why));
        } else if (tar->padding > 0) {
            tar->padding -= (unsigned) cut(&bytes, tar->padding).len;
        } else {
            sv_text piece = cut(&bytes, SV_TAR_BLOCK_BYTES - tar->have);
            memcpy(tar->block + tar->have, piece.at, piece.len);
            tar->have += piece.len;
            if (tar->have == SV_TAR_BLOCK_BYTES) {
                SV_TRY(take_block(tar, why));
            }
        }
    }
    return SV_OK;
}

sv_err sv_tar_end(const sv_tar *tar, sv_why *why) {
    return tar->state == IN_END && tar->have == 0
               ? SV_OK
               : sv_fail(why, SV_ERR_INVALID, "the archive ends too soon");
}
