// The updater's configuration: one YAML file, checked as a whole.
#ifndef SV_UPDATER_CONFIG_H
#define SV_UPDATER_CONFIG_H

#include <boot/key.h>
#include <codec/config.h>
#include <model/id.h>
#include <slot/rauc.h>
#include <slot/swupdate.h>
#include <sys/disk.h>
#include <update/target.h>

enum { UPDATER_NAME_ROOM = 64 }; ///< of a slot in a boot script's words

typedef enum updater_boot_kind {
    UPDATER_BOOT_FILE,
    UPDATER_BOOT_UBOOT,
    UPDATER_BOOT_SCRIPT,
} updater_boot_kind;

typedef enum updater_reboot { UPDATER_REBOOT_SYSTEM, UPDATER_REBOOT_EXIT } updater_reboot;

/// What is started: the image in a slot, the tree that it is the archive of, or what RAUC or
/// SWUpdate makes of it, which is its bundle or .swu.
typedef enum updater_installer {
    UPDATER_NATIVE,
    UPDATER_FILES,
    UPDATER_RAUC,
    UPDATER_SWUPDATE,
} updater_installer;

typedef struct updater_swupdate_config {
    char selections[SV_BOOT_SLOTS][SV_SWUPDATE_SELECTION_ROOM]; ///< that write slot a and b
    char sockets[SV_PATH_MAX];                                  ///< the folder they are in
    char release[SV_PATH_MAX];                                  ///< os-release of what runs
} updater_swupdate_config;

/// Either a folder with slot-a and slot-b, or two block devices.
typedef struct updater_slots_config {
    char dir[SV_PATH_MAX]; ///< empty: the devices
    char a[SV_PATH_MAX], b[SV_PATH_MAX];
} updater_slots_config;

typedef struct updater_boot_config {
    updater_boot_kind kind;
    char path[SV_PATH_MAX];                          ///< fw_env.config, or the script
    char a[UPDATER_NAME_ROOM], b[UPDATER_NAME_ROOM]; ///< names of the slots in the script's words
} updater_boot_config;

/// Paths of public keys that boot headers are signed with.
typedef struct updater_key_files {
    char at[SV_BOOT_KEYS_MAX][SV_PATH_MAX];
    size_t count;
} updater_key_files;

typedef struct updater_config {
    char id[SV_ID_ROOM];
    char product[SV_TARGET_NAME_ROOM];
    char hardware[SV_TARGET_NAME_ROOM];
    char slot[SV_TARGET_NAME_ROOM]; ///< class
    updater_slots_config slots;
    updater_installer installer;
    char rauc[SV_BOOT_SLOTS][SV_RAUC_NAME_ROOM]; ///< names of the slots in RAUC's words
    updater_swupdate_config swupdate;
    int64_t room; ///< bytes of an image that is kept as a file, and of its tree
    updater_boot_config boot;
    updater_key_files keys, revoked;
    char image_root[SV_PATH_MAX], director_root[SV_PATH_MAX];
    char state[SV_PATH_MAX];
    char socket[SV_PATH_MAX];
    int64_t allow_uid;    ///< -1: the updater's own
    int64_t socket_group; ///< -1: the socket is for its user alone
    int64_t trial_deadline_us;
    int64_t patience_us;        ///< with an agent that does not answer
    int reboot;                 ///< updater_reboot
    char watchdog[SV_PATH_MAX]; ///< empty: none
    uint32_t counter_index;     ///< of a counter in the TPM; 0: none
} updater_config;

extern const sv_config_key UPDATER_KEYS[];

/// The whole file's faults in `faults`; SV_ERR_INVALID when there are any.
sv_err updater_config_read(sv_text yaml, updater_config *out, sv_config_faults *faults);

#endif
