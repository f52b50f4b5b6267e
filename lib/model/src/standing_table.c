// Entries lie in order of arrival, their letters behind each other; slots find them.
#include <base/map.h>
#include <base/mem.h>
#include <model/standing.h>
#include <stdlib.h>
#include <string.h>

enum { SLOTS_FIRST = 64, ENTRIES_FIRST = 32, LETTERS_FIRST = 1024 };

// 4 million ids of 64 letters are 256 MB: 28 bits say where one begins.
typedef struct entry {
    int64_t before_us;
    int64_t version;
    uint32_t at; ///< of its letters
    uint8_t len;
    uint8_t state;
} entry;

struct sv_standings {
    uint8_t key[16];
    entry *entries;
    size_t count, cap;
    char *letters;
    size_t letters_used, letters_cap;
    uint32_t *slots; ///< index + 1 of an entry, 0 = free; linear probing
    size_t slot_count;
};

_Static_assert((uint64_t) SV_STANDING_IDS_MAX *SV_ID_MAX < UINT32_MAX,
               "letters are found by 32 bits");

sv_standings *sv_standings_new(const uint8_t key[16]) {
    sv_standings *standings = sv_mem_new(sizeof *standings);
    if (key != NULL) {
        memcpy(standings->key, key, sizeof standings->key);
    }
    standings->slot_count = SLOTS_FIRST;
    standings->slots = sv_mem_array(SLOTS_FIRST, sizeof *standings->slots);
    return standings;
}

void sv_standings_drop(sv_standings **standings) {
    sv_standings *old = *standings;
    *standings = NULL;
    if (old != NULL) {
        free(old->entries);
        free(old->letters);
        free(old->slots);
        free(old);
    }
}

static char lower(char c) {
    return c >= 'A' && c <= 'Z' ? (char) (c - 'A' + 'a') : c;
}

static bool is_same(sv_text left, sv_text right) {
    if (left.len != right.len) {
        return false;
    }
    for (size_t i = 0; i < left.len; i++) {
        if (lower(left.at[i]) != lower(right.at[i])) {
            return false;
        }
    }
    return true;
}

static uint64_t hash_of(const sv_standings *standings, sv_text id) {
    char folded[SV_ID_MAX];
    for (size_t i = 0; i < id.len; i++) {
        folded[i] = lower(id.at[i]);
    }
    return sv_hash(standings->key, folded, id.len);
}

static sv_text id_at(const sv_standings *standings, size_t index) {
    const entry *found = &standings->entries[index];
    return (sv_text){ .at = standings->letters + found->at, .len = found->len };
}

/// The slot that holds `id`, or the free one where it belongs.
static size_t find_slot(const sv_standings *standings, sv_text id) {
    size_t mask = standings->slot_count - 1;
    size_t slot = hash_of(standings, id) & mask;
    while (standings->slots[slot] != 0
           && !is_same(id, id_at(standings, standings->slots[slot] - 1))) {
        slot = (slot + 1) & mask;
    }
    return slot;
}

/// The slots are at most half full, so that a search ends soon.
static void widen(sv_standings *standings) {
    free(standings->slots);
    standings->slot_count *= 2;
    standings->slots = sv_mem_array(standings->slot_count, sizeof *standings->slots);
    for (size_t i = 0; i < standings->count; i++) {
        standings->slots[find_slot(standings, id_at(standings, i))] = (uint32_t) (i + 1);
    }
}

static void make_room(sv_standings *standings, size_t letters) {
    if ((standings->count + 1) * 2 > standings->slot_count) {
        widen(standings);
    }
    if (standings->count == standings->cap) {
        standings->cap = standings->cap == 0 ? ENTRIES_FIRST : standings->cap + standings->cap / 2;
        standings->entries =
            sv_mem_resize(standings->entries, standings->cap * sizeof *standings->entries);
    }
    while (standings->letters_used + letters > standings->letters_cap) {
        standings->letters_cap = standings->letters_cap == 0
                                     ? LETTERS_FIRST
                                     : standings->letters_cap + standings->letters_cap / 2;
        standings->letters = sv_mem_resize(standings->letters, standings->letters_cap);
    }
}

static void add(sv_standings *standings, sv_text id) {
    make_room(standings, id.len);
    memcpy(standings->letters + standings->letters_used, id.at, id.len);
    standings->entries[standings->count] =
        (entry){ .at = (uint32_t) standings->letters_used, .len = (uint8_t) id.len };
    size_t slot = find_slot(standings, id);
    standings->letters_used += id.len;
    standings->count++;
    standings->slots[slot] = (uint32_t) standings->count;
}

sv_err sv_standings_set(sv_standings *standings, const sv_standing_change *change) {
    sv_text id = sv_text_of(change->id);
    size_t slot = find_slot(standings, id);
    if (standings->slots[slot] == 0) {
        if (standings->count >= SV_STANDING_IDS_MAX) {
            return SV_ERR_NO_SPACE;
        }
        add(standings, id);
        slot = find_slot(standings, id);
    }
    entry *found = &standings->entries[standings->slots[slot] - 1];
    found->before_us = change->before_us;
    found->version = change->version;
    found->state = (uint8_t) change->state;
    return SV_OK;
}

void sv_standings_at(const sv_standings *standings, size_t index, sv_text *id, sv_standing *out) {
    const entry *found = &standings->entries[index];
    *id = id_at(standings, index);
    *out = (sv_standing){ .state = (sv_standing_state) found->state,
                          .before_us = found->before_us,
                          .version = found->version };
}

bool sv_standings_get(const sv_standings *standings, sv_text id, sv_standing *out) {
    if (!sv_id_is_valid(id)) {
        return false;
    }
    size_t slot = find_slot(standings, id);
    if (standings->slots[slot] == 0) {
        return false;
    }
    sv_text spelt;
    sv_standings_at(standings, standings->slots[slot] - 1, &spelt, out);
    return true;
}

size_t sv_standings_count(const sv_standings *standings) {
    return standings->count;
}
