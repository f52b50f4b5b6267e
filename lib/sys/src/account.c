#include <grp.h>
#include <pwd.h>
#include <sys/account.h>

enum {
    NAME_ROOM = 64,     ///< of a user's or group's name
    ENTRY_ROOM = 16384, ///< of all that is known about one
};

static int64_t user_number(const char *name) {
    char room[ENTRY_ROOM];
    struct passwd entry;
    struct passwd *user = NULL;
    (void) getpwnam_r(name, &entry, room, sizeof room, &user);
    return user != NULL ? (int64_t) user->pw_uid : -1;
}

/// Of a group with more members than there is room for: unknown, so that its number is asked for.
static int64_t group_number(const char *name) {
    char room[ENTRY_ROOM];
    struct group entry;
    struct group *group = NULL;
    (void) getgrnam_r(name, &entry, room, sizeof room, &group);
    return group != NULL ? (int64_t) group->gr_gid : -1;
}

sv_err sv_account_number(sv_text text, sv_account_kind kind, int64_t *out, sv_why *why) {
    char name[NAME_ROOM] = "";
    uint64_t number = 0;
    bool user = kind == SV_ACCOUNT_USER;
    if (sv_text_u64(text, UINT32_MAX - 1, &number) == SV_OK) {
        *out = (int64_t) number;
        return SV_OK;
    }
    int64_t known = sv_text_copy(text, name, sizeof name) != SV_OK ? -1
                    : user                                         ? user_number(name)
                                                                   : group_number(name);
    if (known < 0) {
        return sv_fail(why, SV_ERR_NOT_FOUND,
                       "no %s '" SV_TEXT_FMT "' on this machine; write a name that "
                       "`getent %s` lists, or a number",
                       user ? "user" : "group", SV_TEXT_ARG(text), user ? "passwd" : "group");
    }
    *out = known;
    return SV_OK;
}
