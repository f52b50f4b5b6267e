// The folder of a release engineer (`--keys KEYS`), and of everybody else who signs:
//
//   keys.json   which private keys are here, where each is, and whose the others are
//   *.key  those that are files
//   (0600) root.json   the newest root that enough have signed metadata/   the newest of every role
//   that enough have signed, and N.root.json of every root pending/    what still waits for
//   signatures                   public/  public halves to hand on artifacts/  images that are
//   signed and not published yet      content/ their content keys (0600)
//
// Nothing secret is in metadata/, pending/, public/ and artifacts/: these can be carried around.
#ifndef SELVEDGE_UPDATE_FOLDER_H
#define SELVEDGE_UPDATE_FOLDER_H

#include <crypto/key_store.h>
#include <sys/disk.h>
#include <update/writer.h>

enum {
    UPDATE_KEYS_MAX = 32,   ///< private keys in one folder
    UPDATE_OTHERS_MAX = 64, ///< other people's keys that it has names for
    UPDATE_NAME_ROOM = 64 + 1,
    UPDATE_SHORT_ID = 12, ///< digits of a key id that a person is shown
};

typedef struct update_key {
    char id[SV_TUF_KEYID_ROOM];
    char name[UPDATE_NAME_ROOM];   ///< "root-1"
    char place[SV_KEY_PLACE_ROOM]; ///< as key_store.h has it; a file's path may begin in the folder
} update_key;

/// Somebody else's key, by the name of the file that it was taken in from. For people alone:
/// nothing is signed of it.
typedef struct update_other {
    char id[SV_TUF_KEYID_ROOM];
    char name[UPDATE_NAME_ROOM];
} update_other;

typedef struct update_folder {
    char dir[SV_PATH_MAX];
    int lock; ///< nobody else changes the folder meanwhile
    update_key keys[UPDATE_KEYS_MAX];
    size_t key_count;
    update_other others[UPDATE_OTHERS_MAX];
    size_t other_count;
} update_folder;

/// A new one. SV_ERR_STATE when there is one already.
sv_err update_folder_make(const char *dir, update_folder **out, sv_why *why);
sv_err update_folder_open(const char *dir, update_folder **out, sv_why *why);
void update_folder_drop(update_folder **folder);

/// What is wanted of a new key.
typedef struct update_wish {
    const char *name;
    sv_key_kind kind;
    const char *place; ///< NULL: a file called after the name. A key that is there already is taken
} update_wish;

/// Make a key, or take the one at its place, and note it.
sv_err update_folder_key_make(update_folder *folder, const update_wish *wish, sv_tuf_public *out,
                              sv_why *why);
/// NULL when the folder has no such private key. The id may be given by its beginning, the name
/// whole.
const update_key *update_folder_key(const update_folder *folder, const char *id_or_name);
/// Note whose key this is; a name that another key has is that one's no more. With no room left
/// the oldest note goes.
sv_err update_folder_note(update_folder *folder, const char *id, const char *name, sv_why *why);
/// What a key is called here, our own or somebody else's; NULL: nothing.
const char *update_folder_name(const update_folder *folder, sv_text id);
/// The id of the key that is called so, or begins so; NULL: there is none.
const char *update_folder_id(const update_folder *folder, const char *id_or_name);
/// SV_ERR_NOT_FOUND when it is noted and not there (carried away); SV_ERR_INVALID when another key
/// is in its place.
sv_err update_folder_key_open(const update_folder *folder, const update_key *key,
                              struct evp_pkey_st **out, sv_why *why);

/// Remove what was stopped on its way into `dir`/artifacts; nobody else writes there meanwhile.
sv_err update_artifacts_clear(const char *dir, sv_why *why);

/// `KEYS/<sub>/<name>`, or without `sub` where it is NULL.
sv_err update_folder_path(const update_folder *folder, const char *sub, const char *name,
                          char room[SV_PATH_MAX], sv_why *why);

#endif
