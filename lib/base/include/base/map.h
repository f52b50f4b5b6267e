// A hash map from short text to a pointer the caller owns. Open addressing, grows up to a stated
// number of entries; hashing is keyed (SipHash-2-4), so a peer that chooses the keys cannot make it
// slow. Entries stay at their index in order of arrival, so a walk by index is stable while nothing
// is removed.
#ifndef SV_BASE_MAP_H
#define SV_BASE_MAP_H

#include <base/text.h>

typedef struct sv_map sv_map;

/// `entries_max` bounds growth; `key` is 16 random bytes, so that strangers cannot choose texts
/// that collide; NULL where no stranger chooses them.
sv_map *sv_map_new(size_t entries_max, const uint8_t key[16]);
/// Frees the map and its copies of the keys, not what the values point to.
void sv_map_drop(sv_map **map);

/// NULL when absent.
void *sv_map_get(const sv_map *map, sv_text key);
/// Add or replace; the key is copied. SV_ERR_NO_SPACE when the map is full and the key new.
sv_err sv_map_put(sv_map *map, sv_text key, void *value);
/// What was there, or NULL. The last entry takes the index of the removed one.
void *sv_map_remove(sv_map *map, sv_text key);

size_t sv_map_count(const sv_map *map);
/// Entry `index` in [0, count): its value; `key` may be NULL.
void *sv_map_at(const sv_map *map, size_t index, sv_text *key);

/// SipHash-2-4 (Aumasson, Bernstein 2012).
uint64_t sv_hash(const uint8_t key[16], const void *at, size_t len);

#endif
