// From a path to who may speak for it: the delegations are walked depth first, in their order, each
// role once (TUF specification 1.0, §5.6.7).
#include "trust_own.h"
#include <base/mem.h>
#include <codec/encode.h>
#include <stdlib.h>
#include <string.h>

typedef struct walk {
    sv_tuf_child *stack; ///< whom to ask next is last; at most VISITS_MAX times CHILDREN_MAX
    size_t depth;
} walk;

static void walk_drop(walk *w) {
    free(w->stack);
}

static bool was_asked(const sv_trust *trust, const char *name) {
    for (size_t i = 0; i < trust->visit_count; i++) {
        if (strcmp(trust->visits[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

void sv_trust_visits_forget(sv_trust *trust) {
    for (size_t i = 1; i < trust->visit_count; i++) { // the first is the trust's own targets
        sv_tuf_drop(&trust->visits[i].targets);
    }
    trust->visit_count = 0;
}

static sv_trust_visit *add_visit(sv_trust *trust, const char *name, sv_tuf_metadata *targets) {
    sv_trust_visit *visit = &trust->visits[trust->visit_count++];
    visit->targets = targets;
    (void) (sv_text_copy(sv_text_of(name), visit->name, sizeof visit->name) == SV_OK);
    return visit;
}

/// Those behind a terminating role are not asked any more. The first child is to be on top.
static void push(walk *w, const sv_tuf_metadata *targets, sv_text path) {
    w->stack = sv_mem_resize(w->stack, (w->depth + SV_TUF_CHILDREN_MAX) * sizeof *w->stack);
    sv_tuf_child *children = w->stack + w->depth;
    size_t count = sv_tuf_children(targets, path, children);
    if (count > 0 && children[count - 1].terminating) {
        memmove(w->stack, children, count * sizeof *children);
        children = w->stack;
    }
    for (size_t i = 0; i < count / 2; i++) {
        sv_tuf_child other = children[i];
        children[i] = children[count - 1 - i];
        children[count - 1 - i] = other;
    }
    w->depth = (size_t) (children - w->stack) + count;
}

static bool found_in(const sv_trust_visit *visit, sv_text path, sv_trust_target *out) {
    sv_tuf_file file;
    if (!sv_tuf_target_of(visit->targets, path, &file)) {
        return false;
    }
    *out = (sv_trust_target){ .file = file, .role = visit->name };
    return true;
}

static sv_err not_found(sv_text path, size_t asked, sv_why *why) {
    return sv_fail(why, SV_ERR_NOT_FOUND,
                   "no role that may speak for \"" SV_TEXT_FMT "\" knows it (%zu asked)",
                   SV_TEXT_ARG(path), asked);
}

sv_err sv_trust_find(sv_trust *trust, sv_text path, sv_trust_target *out, sv_why *why) {
    if (trust->targets == NULL) {
        return sv_fail(why, SV_ERR_STATE, "the metadata has not been refreshed");
    }
    SV_DEFER(walk_drop) walk w = { .depth = 0 };
    sv_trust_visits_forget(trust);
    sv_trust_visit *visit = add_visit(trust, "targets", trust->targets);
    for (;;) {
        if (found_in(visit, path, out)) {
            return SV_OK;
        }
        push(&w, visit->targets, path);
        while (w.depth > 0 && was_asked(trust, w.stack[w.depth - 1].name)) {
            w.depth--;
        }
        if (w.depth == 0 || trust->visit_count == SV_TRUST_VISITS_MAX) {
            return not_found(path, trust->visit_count, why);
        }
        const sv_tuf_child *next = &w.stack[--w.depth];
        sv_tuf_metadata *targets = NULL;
        // Each time by whom the present look-up came through: another delegator may name other
        // keys for the same role.
        SV_TRY(sv_trust_targets(trust, next->name, &next->by, &targets, why));
        visit = add_visit(trust, next->name, targets);
    }
}

sv_err sv_trust_target_name(const sv_trust *trust, const sv_trust_target *target, sv_text path,
                            bool hashed, sv_textbuf *out) {
    static const char *const KNOWN[] = { "sha256", "sha512" };
    sv_text hash = { 0 };
    size_t folder = 0;
    for (size_t i = 0; i < path.len; i++) {
        folder = path.at[i] == '/' ? i + 1 : folder;
    }
    for (size_t i = SV_COUNT(KNOWN); i > 0; i--) {
        (void) sv_json_text(sv_json_get(target->file.hashes, KNOWN[i - 1]), &hash);
    }
    sv_textbuf_add(out, (sv_text){ .at = path.at, .len = folder });
    if (hashed && sv_trust_is_consistent(trust) && hash.len > 0) {
        sv_textbuf_add(out, hash);
        sv_textbuf_add_char(out, '.');
    }
    sv_textbuf_add(out, (sv_text){ .at = path.at + folder, .len = path.len - folder });
    return sv_textbuf_end(out);
}
