// A device that is switched off and on, again and again, before anything of it has proved itself or
// even looked: with each boot loader, as it leaves the factory with one good slot, whichever that
// is, and from every moment of its life. Something whole starts, always.
#include "test_loaders.h"

enum { IN_A_ROW = 9 }; ///< starts; more than all slots together have

static const fault NONE = { .name = "none" };
static platter FACTORIES[SV_COUNT(LOADERS)][SV_BOOT_SLOTS];
static life FIRST;
static life L;

/// One start, of which nobody hears. NULL, or what is wrong.
static const char *start_in_vain(life *l) {
    static sv_why why;
    why = (sv_why){ 0 };
    if (l->loader->start(l, false, &why) != SV_OK) {
        return why.text;
    }
    unsigned runs = whole_in(&l->m.now, l->d.file.running);
    l->now.starts += runs == 3 ? 1 : 0;
    if (runs == 0) {
        return "what starts is not whole";
    }
    // A boot loader behind verbs keeps no more than an order: it takes the other one when nobody
    // gave the first its starts again, and where none has any left gives all of them theirs.
    if (strcmp(l->loader->name, "script") == 0) {
        return NULL;
    }
    return runs == 1 && l->now.confirmed               ? "an older release is started"
           : runs == 3 && l->now.bad                   ? "a release that was rolled back is started"
           : l->now.starts > (unsigned) SV_TRIAL_TRIES ? "a trial has too many starts"
                                                       : NULL;
}

static void starts_always(const platter *from, const loader *by, const truth *known,
                          const char *when) {
    for (unsigned starts = 1; starts <= IN_A_ROW; starts++) {
        const char *wrong = NULL;
        begin_life(&L, by, from, known, &NONE, true);
        for (unsigned i = 0; i < starts && wrong == NULL; i++) {
            wrong = start_in_vain(&L);
        }
        sv_why why = { 0 };
        if (wrong == NULL && sv_engine_wake(&L.d.engine, &why) != SV_OK) { // and somebody looks
            wrong = why.text;
        }
        if (wrong != NULL) {
            fail_msg("%s, %s, %u starts in vain: %s", by->name, when, starts, wrong);
        }
    }
}

/// As it leaves the factory, with its other slot empty. [boot-9] [slot-45] [slot-21]
static void a_new_device_starts_however_often_it_is_switched_off(void **state) {
    (void) state;
    const truth nothing = { 0 };
    for (size_t i = 0; i < SV_COUNT(LOADERS); i++) {
        for (unsigned slot = 0; slot < SV_BOOT_SLOTS; slot++) {
            starts_always(&FACTORIES[i][slot], &LOADERS[i], &nothing,
                          slot == 0 ? "a is good" : "b is good");
            assert_int_equal(L.d.file.running, slot);
            assert_int_equal(sv_engine_next(&L.d.engine), SV_TRIAL_WAIT); // it is confirmed
            const char *wrong = live(&L);
            if (wrong != NULL) {
                fail_msg("%s, slot %u: %s", LOADERS[i].name, slot, wrong);
            }
        }
    }
}

/// All that happened is on the medium.
static void platter_at(const medium *m, size_t cut, platter *out) {
    *out = m->begin;
    out->made = m->now.made;
    for (size_t i = 0; i < cut; i++) {
        const medium_event *event = &m->events[i];
        if (event->kind == MEDIUM_WRITE) {
            memcpy(out->files[event->file].data + event->at, event->data, event->len);
        } else if (event->kind == MEDIUM_LENGTH) {
            out->files[event->file].bytes = event->len;
        } else if (event->kind == MEDIUM_NAME) {
            memcpy(out->names[event->file], event->name, sizeof event->name);
        } else if (event->kind == MEDIUM_TICK) {
            out->ticks++;
        }
    }
}

/// While its other slot is written, armed, or was given up. [slot-45] [slot-8]
static void from_any_moment_something_starts_however_often(void **state) {
    (void) state;
    const truth nothing = { 0 };
    static platter at;
    for (size_t i = 0; i < SV_COUNT(LOADERS); i++) {
        begin_life(&FIRST, &LOADERS[i], &FACTORIES[i][0], &nothing, &NONE, true);
        const char *wrong = live(&FIRST);
        if (wrong != NULL) {
            fail_msg("%s: %s", LOADERS[i].name, wrong);
        }
        for (size_t cut = 0; cut <= FIRST.m.count; cut += 3) {
            const truth known = truth_at(&FIRST, cut);
            platter_at(&FIRST.m, cut, &at);
            starts_always(&at, &LOADERS[i], &known, "on its way");
        }
    }
}

static void swap_slots(platter *p) {
    static medium_file kept;
    kept = p->files[0];
    p->files[0] = p->files[1];
    p->files[1] = kept;
}

static int make_all(void **state) {
    (void) state;
    SV_DEFER(sv_key_drop) struct evp_pkey_st *key = make_boot_key();
    for (uint32_t i = 1; i < SV_COUNT(R); i++) {
        make_release(key, i, &R[i]);
    }
    for (size_t i = 0; i < SV_COUNT(LOADERS); i++) {
        factory(&FACTORIES[i][0], &R[1]);
        LOADERS[i].factory(&FACTORIES[i][0]);
        FACTORIES[i][1] = FACTORIES[i][0];
        swap_slots(&FACTORIES[i][1]);
    }
    env_make();
    return 0;
}

static int drop_all(void **state) {
    (void) state;
    medium_forget_events(&FIRST.m);
    medium_forget_events(&L.m);
    env_remove();
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_device_starts_however_often_it_is_switched_off),
        cmocka_unit_test(from_any_moment_something_starts_however_often),
    };
    return cmocka_run_group_tests(tests, make_all, drop_all);
}
