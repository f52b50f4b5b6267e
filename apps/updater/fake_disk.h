// For tests: a folder in memory, which fails at the n-th call when it is told to.
#ifndef SV_UPDATER_FAKE_DISK_H
#define SV_UPDATER_FAKE_DISK_H

#include <base/mem.h>
#include <slot/disk.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FAKE_FILES = 32 };

typedef struct fake_file {
    char name[SV_SLOT_NAME_MAX + 1]; ///< "": there is none
    uint8_t *data;
    uint64_t bytes;
} fake_file;

typedef struct fake_disk {
    sv_slot_disk disk;
    fake_file files[FAKE_FILES]; ///< a file that is open is known by its place
    size_t calls;                ///< so far
    size_t fail_at;              ///< this one, from 1, fails; 0: none
    size_t fail_more;            ///< and so many behind it
    sv_err fault;                ///< with this
    const char *unread;          ///< a file that is not given back; NULL: none
} fake_disk;

static inline sv_err fake_call(fake_disk *d, sv_why *why) {
    d->calls++;
    return d->fail_at != 0 && d->calls >= d->fail_at && d->calls - d->fail_at <= d->fail_more
               ? sv_fail(why, d->fault, "the disk fails at call %zu", d->calls)
               : SV_OK;
}

static inline fake_file *fake_find(fake_disk *d, const char *name) {
    for (size_t i = 0; i < FAKE_FILES; i++) {
        if (strcmp(d->files[i].name, name) == 0) {
            return &d->files[i];
        }
    }
    return NULL;
}

static inline fake_file *fake_make(fake_disk *d, const char *name, uint64_t bytes) {
    fake_file *file = fake_find(d, "");
    if (file != NULL) {
        (void) snprintf(file->name, sizeof file->name, "%s", name);
        file->data = bytes > 0 ? sv_mem_new((size_t) bytes) : NULL;
        file->bytes = bytes;
    }
    return file;
}

static inline void fake_drop(fake_file *file) {
    free(file->data);
    *file = (fake_file){ .bytes = 0 };
}

static inline sv_err fake_open(void *arg, const char *name, unsigned how, int *out, sv_why *why) {
    fake_disk *d = arg;
    SV_TRY(fake_call(d, why));
    fake_file *file = fake_find(d, name);
    if (file == NULL && (how & SV_SLOT_MAKE) == 0) {
        return sv_fail(why, SV_ERR_NOT_FOUND, "there is no '%s'", name);
    }
    file = file == NULL ? fake_make(d, name, 0) : file;
    if (file == NULL) {
        return sv_fail(why, SV_ERR_NO_SPACE, "no more files");
    }
    *out = (int) (file - d->files);
    return SV_OK;
}

static inline void fake_close(void *arg, int file) {
    (void) arg;
    (void) file;
}

static inline sv_err fake_length(void *arg, int file, uint64_t *bytes, sv_why *why) {
    fake_disk *d = arg;
    SV_TRY(fake_call(d, why));
    *bytes = d->files[file].bytes;
    return SV_OK;
}

static inline void fake_resize(fake_file *file, uint64_t bytes) {
    file->data = sv_mem_resize(file->data, (size_t) bytes + 1);
    if (bytes > file->bytes) {
        memset(file->data + file->bytes, 0, (size_t) (bytes - file->bytes));
    }
    file->bytes = bytes;
}

static inline sv_err fake_set_length(void *arg, int file, uint64_t bytes, sv_why *why) {
    fake_disk *d = arg;
    SV_TRY(fake_call(d, why));
    fake_resize(&d->files[file], bytes);
    return SV_OK;
}

static inline sv_err fake_read(void *arg, int file, uint64_t at, uint8_t *out, size_t len,
                               sv_why *why) {
    fake_disk *d = arg;
    const fake_file *f = &d->files[file];
    SV_TRY(fake_call(d, why));
    if (d->unread != NULL && strcmp(d->unread, f->name) == 0) {
        return sv_fail(why, SV_ERR_IO, "cannot read '%s'", d->unread);
    }
    if (at > f->bytes || len > f->bytes - at) {
        return sv_fail(why, SV_ERR_IO, "it ends too soon");
    }
    if (len > 0) {
        memcpy(out, f->data + at, len);
    }
    return SV_OK;
}

static inline sv_err fake_write(void *arg, int file, uint64_t at, const uint8_t *bytes, size_t len,
                                sv_why *why) {
    fake_disk *d = arg;
    fake_file *f = &d->files[file];
    SV_TRY(fake_call(d, why));
    if (at + len > f->bytes) {
        fake_resize(f, at + len);
    }
    if (len > 0) {
        memcpy(f->data + at, bytes, len);
    }
    return SV_OK;
}

static inline sv_err fake_sync(void *arg, int file, sv_why *why) {
    (void) file;
    return fake_call(arg, why);
}

static inline sv_err fake_rename(void *arg, const char *from, const char *to, sv_why *why) {
    fake_disk *d = arg;
    SV_TRY(fake_call(d, why));
    fake_file *old = fake_find(d, to);
    fake_file *fresh = fake_find(d, from);
    if (old != NULL) {
        fake_drop(old);
    }
    (void) snprintf(fresh->name, sizeof fresh->name, "%s", to);
    return SV_OK;
}

static inline sv_err fake_unlink(void *arg, const char *name, sv_why *why) {
    fake_disk *d = arg;
    SV_TRY(fake_call(d, why));
    fake_file *file = fake_find(d, name);
    if (file != NULL) {
        fake_drop(file);
    }
    return SV_OK;
}

static inline sv_err fake_sync_folder(void *arg, sv_why *why) {
    return fake_call(arg, why);
}

static inline void fake_begin(fake_disk *d) {
    *d = (fake_disk){ .fault = SV_ERR_IO };
    d->disk = (sv_slot_disk){ .arg = d,
                              .open = fake_open,
                              .close = fake_close,
                              .length = fake_length,
                              .set_length = fake_set_length,
                              .read = fake_read,
                              .write = fake_write,
                              .sync = fake_sync,
                              .forget = fake_sync,
                              .rename = fake_rename,
                              .unlink = fake_unlink,
                              .sync_folder = fake_sync_folder };
}

static inline void fake_end(fake_disk *d) {
    for (size_t i = 0; i < FAKE_FILES; i++) {
        fake_drop(&d->files[i]);
    }
}

#endif
