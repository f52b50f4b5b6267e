// For tests: the life of a device whose releases are trees, from the factory to a release that
// proves itself, one that does not, and its end; and what must hold on any medium of it.
#ifndef SV_SLOT_TEST_TREE_LIFE_H
#define SV_SLOT_TEST_TREE_LIFE_H

#include "test_tree_medium.h"
#include "test_trees.h"

enum { STARTS_MAX = 20, MARKS = 64 };

/// What has been promised by some moment.
typedef struct truth {
    bool confirmed; ///< release 2
    bool bad;       ///< release 3 was rolled back
    unsigned starts_of_bad;
} truth;

/// A way in which an engine is broken.
typedef struct fault {
    const char *name;
    bool no_sync_all, no_sync_folder;
    bool leads;   ///< the link is changed before the tree is whole
    bool arms;    ///< the choice is written before the tree is whole
    bool nothing; ///< what is armed was not placed
} fault;

typedef struct life {
    tree_device d;
    sv_placer placer; ///< that is broken
    const fault *fault;
    truth now;
    size_t at[MARKS];
    truth marks[MARKS];
    size_t mark_count;
} life;

static char LIFE_DIR[64];
static tree_platter FACTORY;

// ---- what lies there ----------------------------------------------------------------------------

static inline int count_in(const tree_platter *p, int folder) {
    int count = 0;
    for (int i = 0; i < p->name_count; i++) {
        count += p->names[i].folder == folder && p->names[i].node != NO_NODE ? 1 : 0;
    }
    return count;
}

static inline bool is_node(const tree_platter *p, int of, mode_t mode, const char *bytes,
                           size_t len) {
    const node *n = &p->nodes[of >= 0 ? of : 0];
    return of >= 0 && n->mode == mode && n->bytes == len && memcmp(n->data, bytes, len) == 0;
}

/// Which release's tree it is, whole; 0: none.
static inline unsigned whole_tree(const tree_platter *p, unsigned slot) {
    int top = node_at(p, ROOT, slot == 0 ? "tree-a" : "tree-b");
    if (top < 0 || p->nodes[top].mode != (S_IFDIR | 0755) || count_in(p, top) != 3) {
        return 0;
    }
    int etc = node_at(p, top, "etc");
    int bin = node_at(p, top, "bin");
    bool folders = is_node(p, etc, S_IFDIR | 0755, "", 0) && is_node(p, bin, S_IFDIR | 0755, "", 0)
                   && count_in(p, etc) == 1 && count_in(p, bin) == 1
                   && is_node(p, node_at(p, top, "run"), S_IFLNK, "bin/run", 7);
    for (unsigned i = 1; folders && i < SV_COUNT(OF); i++) {
        char text[32];
        int len = snprintf(text, sizeof text, "release %u\n", i);
        if (is_node(p, node_at(p, etc, "release"), S_IFREG | 0644, text, (size_t) len)
            && is_node(p, node_at(p, bin, "run"), S_IFREG | 0755, "123456789abcdefghijk",
                       (size_t) 4 * i)) {
            return i;
        }
    }
    return 0;
}

/// What must hold on any medium. NULL, or what is wrong.
static inline const char *check_platter(const tree_platter *p, const sv_boot_state *state,
                                        const truth *t) {
    int current = node_at(p, ROOT, "current");
    if (current >= 0) {
        unsigned slot = memcmp(p->nodes[current].data, "tree-b", 6) == 0 ? 1 : 0;
        if (whole_tree(p, slot) == 0) {
            return "the link leads to a tree that is not whole";
        }
    }
    for (unsigned i = 0; i < SV_BOOT_SLOTS; i++) {
        bool counts = state->slots[i].state == SV_BOOT_SLOT_TRIAL
                      || state->slots[i].state == SV_BOOT_SLOT_CONFIRMED;
        unsigned there = whole_tree(p, i);
        if (counts && there == 0) {
            return "a slot counts whose tree is not whole";
        }
        if (state->slots[i].state == SV_BOOT_SLOT_CONFIRMED && there == 3) {
            return "what has not proved itself is confirmed";
        }
    }
    return t->confirmed && state->counter < 2 ? "what was confirmed is forgotten" : NULL;
}

// ---- a life -------------------------------------------------------------------------------------

static inline sv_err broken_place(void *arg, unsigned slot, const sv_boot_header *header,
                                  const sv_image_bytes *image, sv_why *why) {
    life *l = arg;
    sv_boot_state state;
    if (l->fault->leads) {
        int folder = l->d.files.folder;
        (void) note_unlinkat(folder, "early", 0);
        assert_int_equal(note_symlinkat(slot == 0 ? "tree-a" : "tree-b", folder, "early"), 0);
        assert_int_equal(note_renameat(folder, "early", folder, "current"), 0);
    }
    if (l->fault->arms) {
        SV_TRY(sv_boot_file_read(&l->d.file, &state, NULL, why));
        (void) sv_boot_arm(&state, slot, SV_TRIAL_TRIES);
        SV_TRY(sv_boot_file_keep(&l->d.file, &state, why));
    }
    return l->fault->nothing ? SV_OK : l->d.placer.place(l->d.placer.arg, slot, header, image, why);
}

static inline void promise(life *l) {
    assert_true(l->mark_count < MARKS);
    l->at[l->mark_count] = REC.count;
    l->marks[l->mark_count++] = l->now;
}

static inline truth promised_by(const life *l, size_t events) {
    truth last = { 0 };
    for (size_t i = 0; i < l->mark_count && l->at[i] <= events; i++) {
        last = l->marks[i];
    }
    return last;
}

static inline void begin(life *l, const tree_platter *from, const truth *known, const fault *f) {
    *l = (life){ .fault = f, .now = *known };
    record_from(from, LIFE_DIR);
    REC.no_sync_all = f->no_sync_all;
    REC.no_sync_folder = f->no_sync_folder;
    (void) snprintf(DIR_NAME, sizeof DIR_NAME, "%s", LIFE_DIR);
    open_device(&l->d);
    const sv_slot_disk *disk = noted_disk(sv_slot_folder_disk(l->d.folder), l->d.files.folder);
    l->d.native.disk = disk;
    l->d.file.disk = disk;
    l->d.engine.disk = disk;
    if (f->leads || f->arms || f->nothing) {
        l->placer = l->d.placer;
        l->placer.arg = l;
        l->placer.place = broken_place;
        l->d.installer.placer = &l->placer;
    }
    promise(l);
}

static inline void end_life(life *l) {
    close_device(&l->d);
}

/// The verdict on what runs on trial, or what is to be installed next. NULL and *ended, or what is
/// wrong.
static inline const char *go_on(life *l, bool *ended, sv_why *why) {
    sv_engine *engine = &l->d.engine;
    sv_boot_state state;
    if (sv_engine_next(engine) == SV_TRIAL_ASK_HEALTH) {
        unsigned counter = engine->journal.trial.release.counter;
        if (sv_engine_health(engine, counter != 3, "it does not move", why) != SV_OK) {
            return why->text;
        }
        l->now.confirmed = l->now.confirmed || counter == 2;
        l->now.bad = l->now.bad || counter == 3;
        promise(l);
        return NULL;
    }
    if (sv_engine_next(engine) == SV_TRIAL_REBOOT) {
        return sv_engine_rebooting(engine, why) == SV_OK ? NULL : why->text;
    }
    if (l->d.boot.state(l->d.boot.arg, &state, why) != SV_OK) {
        return why->text;
    }
    unsigned next = state.counter < 2 ? 2 : 3;
    sv_err err = install_tree(&l->d, next, why);
    *ended = err == SV_ERR_UNTRUSTED && next == 3
             && sv_journal_is_bad(&engine->journal, SIGNED[3].said.digest);
    return err == SV_OK || *ended ? NULL : why->text;
}

static inline const char *live_once(life *l, bool *ended, sv_why *why) {
    unsigned slot = SV_BOOT_NO_SLOT;
    l->d.file.running = SV_BOOT_NO_SLOT;
    if (sv_files_start(&l->d.files, &l->d.file, &BOOT_KEYS, &WHO, &slot, why) != SV_OK) {
        return why->text;
    }
    l->d.file.running = slot;
    unsigned runs = whole_tree(&REC.now, slot);
    l->now.starts_of_bad += runs == 3 ? 1 : 0;
    promise(l);
    if (runs == 0 || (runs == 1 && l->now.confirmed) || (runs == 3 && l->now.bad)
        || l->now.starts_of_bad > SV_TRIAL_TRIES) {
        return "what starts is not whole, older, or was given up";
    }
    if (sv_engine_wake(&l->d.engine, why) != SV_OK) {
        return why->text;
    }
    return go_on(l, ended, why);
}

/// From whatever lies there to the end of the story. NULL, or what is wrong.
static inline const char *live(life *l) {
    static sv_why why;
    why = (sv_why){ 0 };
    for (unsigned starts = 0; starts < STARTS_MAX; starts++) {
        bool ended = false;
        const char *wrong = live_once(l, &ended, &why);
        if (wrong != NULL || ended) {
            return wrong;
        }
    }
    return "the story has no end";
}

#endif
