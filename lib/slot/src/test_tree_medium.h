// For tests: a real folder whose every change is kept too, as a list of events, so that what may be
// on the medium after a power cut can be made anew in another folder: files, folders, links, modes.
// The calls that the engine makes (openat, mkdirat, symlinkat, renameat, unlinkat, pwrite,
// ftruncate, fchmod, fsync, fdatasync, syncfs) come here, because the linker puts what is here in
// their place (`used`: an optimiser of the whole program does not see that); files of the disk's
// table (slot/disk.h) are made by another call, and noted there.
#ifndef SV_SLOT_TEST_TREE_MEDIUM_H
#define SV_SLOT_TEST_TREE_MEDIUM_H

#include <base/mem.h>
#include <base/test.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <slot/disk.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/disk.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    NODES_MAX = 96, ///< files, folders and links that ever were
    NAMES_MAX = 96,
    NODE_BYTES_MAX = 8192,
    TREE_EVENTS_MAX = 512,
    NODE_NAME_ROOM = 32,
    ROOT = 0, ///< the folder itself
    NO_NODE = -1,
};

typedef struct node {
    mode_t mode; ///< with its kind; of a link the kind alone
    uint64_t bytes;
    uint8_t data[NODE_BYTES_MAX]; ///< of a link, where it leads
} node;

typedef struct node_name {
    int folder, node; ///< NO_NODE: it is not there any more
    char text[NODE_NAME_ROOM];
} node_name;

/// What is on a medium.
typedef struct tree_platter {
    node nodes[NODES_MAX];
    int made;
    node_name names[NAMES_MAX];
    int name_count;
} tree_platter;

typedef enum tree_event_kind {
    TREE_WRITE,
    TREE_LENGTH,
    TREE_MODE,
    TREE_NAME, ///< `name` of a folder leads to a node from now on; `from`: and that name to none
    TREE_SYNC, ///< of a file its bytes, of a folder its names
    TREE_SYNC_ALL,
} tree_event_kind;

typedef struct tree_event {
    tree_event_kind kind;
    int node, folder;
    uint64_t at, len;
    mode_t mode;
    uint8_t *data;
    char name[NODE_NAME_ROOM], from[NODE_NAME_ROOM];
} tree_event;

typedef struct recorder {
    bool on;
    // Ways to be broken.
    bool no_sync_all, no_sync_folder;
    unsigned flips;          ///< so many writes keep other bytes than were written
    const char *full_beside; ///< no write has room while this is there
    tree_platter begin, now;
    tree_event events[TREE_EVENTS_MAX];
    size_t count;
    ino_t inodes[NODES_MAX]; ///< of the real folder's; 0: gone
} recorder;

static recorder REC;

// ---- a platter ----------------------------------------------------------------------------------

static inline node_name *find_name(tree_platter *p, int folder, const char *text) {
    for (int i = 0; i < p->name_count; i++) {
        if (p->names[i].folder == folder && strcmp(p->names[i].text, text) == 0) {
            return &p->names[i];
        }
    }
    return NULL;
}

static inline int node_at(const tree_platter *p, int folder, const char *text) {
    for (int i = 0; i < p->name_count; i++) {
        if (p->names[i].folder == folder && strcmp(p->names[i].text, text) == 0) {
            return p->names[i].node;
        }
    }
    return NO_NODE;
}

static inline void set_name(tree_platter *p, int folder, const char *text, int to) {
    node_name *name = find_name(p, folder, text);
    if (name == NULL) {
        assert_true(p->name_count < NAMES_MAX);
        name = &p->names[p->name_count++];
        name->folder = folder;
        (void) snprintf(name->text, sizeof name->text, "%s", text);
    }
    name->node = to;
}

/// A file is torn: half of a write arrives.
static inline void apply(tree_platter *p, const tree_event *e, bool torn) {
    node *to = &p->nodes[e->node >= 0 ? e->node : 0];
    switch (e->kind) {
    case TREE_WRITE:
        memcpy(to->data + e->at, e->data, torn ? e->len / 2 : e->len);
        to->bytes = to->bytes > e->at + e->len ? to->bytes : e->at + e->len;
        break;
    case TREE_LENGTH:
        if (e->len < to->bytes) {
            memset(to->data + e->len, 0, to->bytes - e->len);
        }
        to->bytes = e->len;
        break;
    case TREE_MODE:
        to->mode = (to->mode & S_IFMT) | e->mode;
        break;
    case TREE_NAME:
        if (e->from[0] != '\0') {
            set_name(p, e->folder, e->from, NO_NODE);
        }
        set_name(p, e->folder, e->name, e->node);
        break;
    case TREE_SYNC:
    case TREE_SYNC_ALL:
        break;
    }
}

static inline void forget_tree_events(void) {
    for (size_t i = 0; i < REC.count; i++) {
        free(REC.events[i].data);
    }
    REC.count = 0;
}

// ---- from the real folder's calls ---------------------------------------------------------------

static inline int node_of_inode(ino_t inode) {
    for (int i = 0; i < REC.now.made; i++) {
        if (REC.inodes[i] == inode) {
            return i;
        }
    }
    fail_msg("a file that nobody made is written");
    return NO_NODE;
}

static inline int node_of(int fd) {
    struct stat info;
    assert_int_equal(fstat(fd, &info), 0);
    return node_of_inode(info.st_ino);
}

/// Which folder a name is in, also of a whole path; `*name` is what follows its last '/'.
static inline int folder_of(int at, const char **name) {
    char above[PATH_MAX];
    struct stat info;
    const char *slash = strrchr(*name, '/');
    if (slash == NULL) {
        return node_of(at);
    }
    (void) snprintf(above, sizeof above, "%.*s", (int) (slash - *name), *name);
    assert_int_equal(fstatat(at, above, &info, 0), 0);
    *name = slash + 1;
    return node_of_inode(info.st_ino);
}

static inline tree_event *note_event(tree_event_kind kind, int of) {
    assert_true(REC.count < TREE_EVENTS_MAX);
    tree_event *e = &REC.events[REC.count++];
    *e = (tree_event){ .kind = kind, .node = of };
    return e;
}

static inline void note_name(int folder, const char *name, const char *from, int to) {
    tree_event *e = note_event(TREE_NAME, to);
    e->folder = folder;
    (void) snprintf(e->name, sizeof e->name, "%s", name);
    (void) snprintf(e->from, sizeof e->from, "%s", from);
    apply(&REC.now, e, false);
}

/// A new file, folder or link, and its name.
static inline void note_made(int at, const char *name, mode_t mode, const char *target) {
    struct stat info;
    int folder = folder_of(at, &name);
    assert_true(REC.now.made < NODES_MAX);
    int of = REC.now.made++;
    assert_int_equal(fstatat(at, name, &info, AT_SYMLINK_NOFOLLOW), 0);
    for (int i = 0; i < of; i++) { // the kernel gives a number again
        REC.inodes[i] = REC.inodes[i] == info.st_ino ? 0 : REC.inodes[i];
    }
    REC.inodes[of] = info.st_ino;
    REC.now.nodes[of] = (node){ .mode = mode, .bytes = strlen(target) };
    memcpy(REC.now.nodes[of].data, target, strlen(target));
    REC.begin.nodes[of] = REC.now.nodes[of]; // a new one is empty, whatever was lost of it
    note_name(folder, name, "", of);
}

int real_openat(int at, const char *name, int flags, ...) __asm__("__real_openat");
__attribute__((used)) int note_openat(int at, const char *name, int flags,
                                      ...) __asm__("__wrap_openat");
int note_openat(int at, const char *name, int flags, ...) {
    va_list more;
    va_start(more, flags);
    mode_t mode = (flags & O_CREAT) != 0 ? va_arg(more, mode_t) : 0;
    va_end(more);
    int fd = real_openat(at, name, flags, mode);
    if (REC.on && fd >= 0 && (flags & O_CREAT) != 0) {
        note_made(at, name, S_IFREG | mode, "");
    }
    return fd;
}

int real_mkdirat(int at, const char *name, mode_t mode) __asm__("__real_mkdirat");
__attribute__((used)) int note_mkdirat(int at, const char *name,
                                       mode_t mode) __asm__("__wrap_mkdirat");
int note_mkdirat(int at, const char *name, mode_t mode) {
    int code = real_mkdirat(at, name, mode);
    if (REC.on && code == 0) {
        note_made(at, name, S_IFDIR | mode, "");
    }
    return code;
}

int real_symlinkat(const char *target, int at, const char *name) __asm__("__real_symlinkat");
__attribute__((used)) int note_symlinkat(const char *target, int at,
                                         const char *name) __asm__("__wrap_symlinkat");
int note_symlinkat(const char *target, int at, const char *name) {
    int code = real_symlinkat(target, at, name);
    if (REC.on && code == 0) {
        note_made(at, name, S_IFLNK, target);
    }
    return code;
}

int real_renameat(int at, const char *from, int to_at, const char *to) __asm__("__real_renameat");
__attribute__((used)) int note_renameat(int at, const char *from, int to_at,
                                        const char *to) __asm__("__wrap_renameat");
int note_renameat(int at, const char *from, int to_at, const char *to) {
    int code = real_renameat(at, from, to_at, to);
    if (REC.on && code == 0) {
        int folder = folder_of(at, &from);
        note_name(folder, to, from, node_at(&REC.now, folder, from));
    }
    return code;
}

int real_unlinkat(int at, const char *name, int flags) __asm__("__real_unlinkat");
__attribute__((used)) int note_unlinkat(int at, const char *name,
                                        int flags) __asm__("__wrap_unlinkat");
int note_unlinkat(int at, const char *name, int flags) {
    int code = real_unlinkat(at, name, flags);
    if (REC.on && code == 0) {
        int folder = folder_of(at, &name);
        note_name(folder, name, "", NO_NODE);
    }
    return code;
}

ssize_t real_pwrite(int fd, const void *bytes, size_t len, off_t at) __asm__("__real_pwrite");
__attribute__((used)) ssize_t note_pwrite(int fd, const void *bytes, size_t len,
                                          off_t at) __asm__("__wrap_pwrite");
ssize_t note_pwrite(int fd, const void *bytes, size_t len, off_t at) {
    uint8_t other[NODE_BYTES_MAX];
    if (REC.on && REC.full_beside != NULL && node_at(&REC.now, ROOT, REC.full_beside) >= 0) {
        errno = ENOSPC;
        return -1;
    }
    if (REC.on && REC.flips > 0 && len <= sizeof other) {
        REC.flips--;
        memcpy(other, bytes, len);
        other[len / 2] ^= 1;
        bytes = other;
    }
    ssize_t put = real_pwrite(fd, bytes, len, at);
    if (REC.on && put > 0) {
        assert_true((size_t) at + (size_t) put <= NODE_BYTES_MAX);
        tree_event *e = note_event(TREE_WRITE, node_of(fd));
        e->at = (uint64_t) at;
        e->len = (uint64_t) put;
        e->data = sv_mem_new(e->len);
        memcpy(e->data, bytes, e->len);
        apply(&REC.now, e, false);
    }
    return put;
}

int real_ftruncate(int fd, off_t bytes) __asm__("__real_ftruncate");
__attribute__((used)) int note_ftruncate(int fd, off_t bytes) __asm__("__wrap_ftruncate");
int note_ftruncate(int fd, off_t bytes) {
    int code = real_ftruncate(fd, bytes);
    if (REC.on && code == 0) {
        assert_true(bytes <= NODE_BYTES_MAX);
        tree_event *e = note_event(TREE_LENGTH, node_of(fd));
        e->len = (uint64_t) bytes;
        apply(&REC.now, e, false);
    }
    return code;
}

int real_fchmod(int fd, mode_t mode) __asm__("__real_fchmod");
__attribute__((used)) int note_fchmod(int fd, mode_t mode) __asm__("__wrap_fchmod");
int note_fchmod(int fd, mode_t mode) {
    int code = real_fchmod(fd, mode);
    if (REC.on && code == 0) {
        tree_event *e = note_event(TREE_MODE, node_of(fd));
        e->mode = mode;
        apply(&REC.now, e, false);
    }
    return code;
}

// Nothing here has to outlive the test: what is flushed is noted, and the disk left in peace.

static inline int note_sync(int fd) {
    if (REC.on) {
        int of = node_of(fd);
        if (!S_ISDIR(REC.now.nodes[of].mode) || !REC.no_sync_folder) {
            (void) note_event(TREE_SYNC, of);
        }
    }
    return 0;
}

__attribute__((used)) int note_fsync(int fd) __asm__("__wrap_fsync");
int note_fsync(int fd) {
    return note_sync(fd);
}

__attribute__((used)) int note_fdatasync(int fd) __asm__("__wrap_fdatasync");
int note_fdatasync(int fd) {
    return note_sync(fd);
}

__attribute__((used)) int note_syncfs(int fd) __asm__("__wrap_syncfs");
int note_syncfs(int fd) {
    (void) fd;
    if (REC.on && !REC.no_sync_all) {
        (void) note_event(TREE_SYNC_ALL, NO_NODE);
    }
    return 0;
}

/// The disk's table makes files by openat2: that is noted here, in its place.
static sv_slot_disk NOTED_DISK;
static const sv_slot_disk *REAL_DISK;
static int NOTED_FOLDER = -1;

static inline sv_err note_open(void *arg, const char *name, unsigned how, int *file, sv_why *why) {
    SV_TRY(REAL_DISK->open(arg, name, how, file, why));
    if (REC.on && (how & SV_SLOT_MAKE) != 0) {
        note_made(NOTED_FOLDER, name, S_IFREG | 0600, "");
    }
    return SV_OK;
}

/// `folder` is open, the one that the disk is about; both are borrowed.
static inline const sv_slot_disk *noted_disk(const sv_slot_disk *disk, int folder) {
    REAL_DISK = disk;
    NOTED_DISK = *disk;
    NOTED_DISK.open = note_open;
    NOTED_FOLDER = folder;
    return &NOTED_DISK;
}

// ---- a platter, as a real folder ----------------------------------------------------------------

static inline void make_node(const tree_platter *p, int of, const char *path) {
    const node *n = &p->nodes[of];
    struct stat info;
    if (S_ISDIR(n->mode)) {
        if (of != ROOT) {
            assert_int_equal(mkdir(path, 0700), 0);
        }
    } else if (S_ISLNK(n->mode)) {
        char target[NODE_NAME_ROOM];
        (void) snprintf(target, sizeof target, "%.*s", (int) n->bytes, (const char *) n->data);
        assert_int_equal(symlink(target, path), 0);
    } else {
        int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        assert_true(fd >= 0 && write(fd, n->data, n->bytes) == (ssize_t) n->bytes);
        assert_int_equal(close(fd), 0);
    }
    if (!S_ISLNK(n->mode)) {
        assert_int_equal(chmod(path, n->mode & 07777), 0);
    }
    assert_int_equal(lstat(path, &info), 0);
    REC.inodes[of] = info.st_ino;
}

static inline void make_nodes(const tree_platter *p, int of, const char *path) {
    make_node(p, of, path);
    for (int i = 0; S_ISDIR(p->nodes[of].mode) && i < p->name_count; i++) {
        if (p->names[i].folder == of && p->names[i].node != NO_NODE) {
            char below[PATH_MAX];
            assert_int_equal(sv_disk_join(below, sizeof below, path, p->names[i].text), SV_OK);
            make_nodes(p, p->names[i].node, below);
        }
    }
}

/// The folder, which is made anew, is that platter, and changes are kept from now on.
static inline void record_from(const tree_platter *p, const char *path) {
    static tree_platter from;
    from = *p;
    REC.on = false;
    forget_tree_events();
    (void) (sv_disk_remove_tree(path, NULL) == SV_OK);
    assert_int_equal(mkdir(path, 0700), 0);
    memset(REC.inodes, 0, sizeof REC.inodes);
    make_nodes(&from, ROOT, path);
    REC.begin = from;
    REC.now = from;
    REC.on = true;
}

static inline void add_file(tree_platter *p, const char *name, const void *bytes, size_t len) {
    assert_true(p->made < NODES_MAX && len <= NODE_BYTES_MAX);
    node *n = &p->nodes[p->made];
    *n = (node){ .mode = S_IFREG | 0600, .bytes = len };
    memcpy(n->data, bytes, len);
    set_name(p, ROOT, name, p->made++);
}

#endif
