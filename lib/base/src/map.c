#include <base/map.h>
#include <base/mem.h>
#include <stdlib.h>
#include <string.h>

enum { SLOTS_FIRST = 16 };

typedef struct entry {
    char *key;
    size_t key_len;
    uint64_t hash;
    void *value;
} entry;

struct sv_map {
    uint8_t key[16];
    entry *entries; ///< dense, in order of arrival
    size_t count;
    size_t max;
    uint32_t *slots; ///< index + 1 of an entry, 0 = free; linear probing
    size_t slot_count;
};

static uint64_t rotate(uint64_t x, unsigned bits) {
    return (x << bits) | (x >> (64 - bits));
}

static void sip_round(uint64_t v[4]) {
    v[0] += v[1];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[0] = rotate(v[0], 32);
    v[2] += v[3];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[2] = rotate(v[2], 32);
}

uint64_t sv_hash(const uint8_t key[16], const void *at, size_t len) {
    uint64_t k[2];
    memcpy(k, key, sizeof k);
    uint64_t v[4] = { k[0] ^ UINT64_C(0x736f6d6570736575), k[1] ^ UINT64_C(0x646f72616e646f6d),
                      k[0] ^ UINT64_C(0x6c7967656e657261), k[1] ^ UINT64_C(0x7465646279746573) };
    const uint8_t *bytes = at;
    size_t whole = len / 8 * 8;
    for (size_t i = 0; i < whole; i += 8) {
        uint64_t word = 0;
        memcpy(&word, bytes + i, 8);
        v[3] ^= word;
        sip_round(v);
        sip_round(v);
        v[0] ^= word;
    }
    uint64_t last = (uint64_t) len << 56;
    for (size_t i = whole; i < len; i++) {
        last |= (uint64_t) bytes[i] << (8 * (i - whole));
    }
    v[3] ^= last;
    sip_round(v);
    sip_round(v);
    v[0] ^= last;
    v[2] ^= 0xff;
    for (int i = 0; i < 4; i++) {
        sip_round(v);
    }
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

sv_map *sv_map_new(size_t entries_max, const uint8_t key[16]) {
    sv_map *map = sv_mem_new(sizeof *map);
    if (key != NULL) {
        memcpy(map->key, key, sizeof map->key);
    }
    map->max = entries_max;
    map->slot_count = SLOTS_FIRST;
    map->slots = sv_mem_array(map->slot_count, sizeof *map->slots);
    return map;
}

void sv_map_drop(sv_map **map) {
    if (*map == NULL) {
        return;
    }
    for (size_t i = 0; i < (*map)->count; i++) {
        free((*map)->entries[i].key);
    }
    free((*map)->entries);
    free((*map)->slots);
    free(*map);
    *map = NULL;
}

/// The slot that holds `key`, or the free one where it belongs.
static size_t find_slot(const sv_map *map, sv_text key, uint64_t hash) {
    size_t mask = map->slot_count - 1;
    for (size_t slot = hash & mask;; slot = (slot + 1) & mask) {
        if (map->slots[slot] == 0) {
            return slot;
        }
        const entry *found = &map->entries[map->slots[slot] - 1];
        if (found->hash == hash
            && sv_text_eq(key, (sv_text){ .at = found->key, .len = found->key_len })) {
            return slot;
        }
    }
}

static void rebuild_slots(sv_map *map, size_t slot_count) {
    free(map->slots);
    map->slot_count = slot_count;
    map->slots = sv_mem_array(slot_count, sizeof *map->slots);
    size_t mask = slot_count - 1;
    for (size_t i = 0; i < map->count; i++) {
        size_t slot = map->entries[i].hash & mask;
        while (map->slots[slot] != 0) {
            slot = (slot + 1) & mask;
        }
        map->slots[slot] = (uint32_t) (i + 1);
    }
}

void *sv_map_get(const sv_map *map, sv_text key) {
    size_t slot = find_slot(map, key, sv_hash(map->key, key.at, key.len));
    return map->slots[slot] == 0 ? NULL : map->entries[map->slots[slot] - 1].value;
}

sv_err sv_map_put(sv_map *map, sv_text key, void *value) {
    uint64_t hash = sv_hash(map->key, key.at, key.len);
    size_t slot = find_slot(map, key, hash);
    if (map->slots[slot] != 0) {
        map->entries[map->slots[slot] - 1].value = value;
        return SV_OK;
    }
    if (map->count >= map->max) {
        return SV_ERR_NO_SPACE;
    }
    // The slots are at most half full, so that a search ends soon.
    if ((map->count + 1) * 2 > map->slot_count) {
        rebuild_slots(map, map->slot_count * 2);
        slot = find_slot(map, key, hash);
    }
    // Grown in steps of powers of two: at 0, 1, 2, 4, 8, ...
    if ((map->count & (map->count - 1)) == 0) {
        size_t cap = map->count == 0 ? 1 : map->count * 2;
        map->entries = sv_mem_resize(map->entries, cap * sizeof *map->entries);
    }
    map->entries[map->count] = (entry){
        .key = sv_mem_copy_str(key.at, key.len), .key_len = key.len, .hash = hash, .value = value
    };
    map->count++;
    map->slots[slot] = (uint32_t) map->count;
    return SV_OK;
}

/// Close the gap that a removal leaves in a run of probes.
static void close_gap(sv_map *map, size_t gap) {
    size_t mask = map->slot_count - 1;
    for (size_t slot = (gap + 1) & mask; map->slots[slot] != 0; slot = (slot + 1) & mask) {
        size_t home = map->entries[map->slots[slot] - 1].hash & mask;
        if (((slot - home) & mask) >= ((slot - gap) & mask)) {
            map->slots[gap] = map->slots[slot];
            map->slots[slot] = 0;
            gap = slot;
        }
    }
}

void *sv_map_remove(sv_map *map, sv_text key) {
    size_t slot = find_slot(map, key, sv_hash(map->key, key.at, key.len));
    if (map->slots[slot] == 0) {
        return NULL;
    }
    size_t index = map->slots[slot] - 1;
    entry gone = map->entries[index];
    map->slots[slot] = 0;
    close_gap(map, slot);
    size_t last = map->count - 1;
    if (index != last) {
        entry moved = map->entries[last];
        size_t moved_slot =
            find_slot(map, (sv_text){ .at = moved.key, .len = moved.key_len }, moved.hash);
        map->entries[index] = moved;
        map->slots[moved_slot] = (uint32_t) (index + 1);
    }
    map->count--;
    free(gone.key);
    return gone.value;
}

size_t sv_map_count(const sv_map *map) {
    return map->count;
}

void *sv_map_at(const sv_map *map, size_t index, sv_text *key) {
    const entry *found = &map->entries[index];
    if (key != NULL) {
        *key = (sv_text){ .at = found->key, .len = found->key_len };
    }
    return found->value;
}
