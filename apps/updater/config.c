#include "config_parts.h"

#include <base/time.h>
#include <crypto/tpm_counter.h>
#include <stdlib.h>
#include <string.h>
#include <sys/account.h>
#include <sys/un.h>

#define FIELD(type, member) .offset = offsetof(type, member), .size = sizeof(((type *) 0)->member)

// ---- what the table cannot say ------------------------------------------------------------------

static sv_err check_name(sv_text name, sv_why *why) {
    return sv_target_name_is_valid(name)
               ? SV_OK
               : sv_fail(why, SV_ERR_INVALID,
                         "'" SV_TEXT_FMT "' is no name; write 1 to 64 letters, digits, '.', '_' "
                         "and '-'",
                         SV_TEXT_ARG(name));
}

static sv_err check_socket(sv_text path, sv_why *why) {
    const size_t room = sizeof(((struct sockaddr_un *) 0)->sun_path);
    return path.len < room
               ? config_check_absolute(path, why)
               : sv_fail(why, SV_ERR_INVALID, "a socket's path has at most %zu bytes, this one %zu",
                         room - 1, path.len);
}

static void read_slots(const sv_config_node *node, void *target, sv_config_faults *faults) {
    updater_slots_config *slots = &((updater_config *) target)->slots;
    config_part parts[] = { { "a", NULL }, { "b", NULL } };
    if (node == NULL) {
        return;
    }
    if (sv_config_node_kind(node) == SV_CONFIG_SCALAR) {
        config_take_path(node, slots->dir, faults);
        return;
    }
    if (sv_config_node_kind(node) != SV_CONFIG_MAP || !config_take_map(node, parts, 2, faults)
        || parts[0].node == NULL || parts[1].node == NULL) {
        sv_config_fault(faults, node,
                        "slots: write a folder, or two block devices: {a: /dev/…, b: /dev/…}");
        return;
    }
    config_take_path(parts[0].node, slots->a, faults);
    config_take_path(parts[1].node, slots->b, faults);
    if (slots->a[0] != '\0' && strcmp(slots->a, slots->b) == 0) {
        sv_config_fault(faults, node, "slots: a and b are the same device");
    }
}

static const char BOOT_HOW[] = "boot: write file, {u-boot: /etc/fw_env.config} or "
                               "{script: /path, a: NAME, b: NAME}";

static void read_boot_map(const sv_config_node *node, updater_boot_config *boot,
                          sv_config_faults *faults) {
    enum { UBOOT, SCRIPT, A, B, PARTS };
    config_part parts[PARTS] = {
        { "u-boot", NULL }, { "script", NULL }, { "a", NULL }, { "b", NULL }
    };
    if (!config_take_map(node, parts, PARTS, faults)) {
        return;
    }
    bool names = parts[A].node != NULL && parts[B].node != NULL;
    if (parts[UBOOT].node != NULL && parts[SCRIPT].node == NULL && !names) {
        boot->kind = UPDATER_BOOT_UBOOT;
        config_take_path(parts[UBOOT].node, boot->path, faults);
    } else if (parts[SCRIPT].node != NULL && parts[UBOOT].node == NULL && names) {
        boot->kind = UPDATER_BOOT_SCRIPT;
        config_take_path(parts[SCRIPT].node, boot->path, faults);
        (void) config_take_text(parts[A].node, boot->a, sizeof boot->a, "slot a's name", faults);
        (void) config_take_text(parts[B].node, boot->b, sizeof boot->b, "slot b's name", faults);
    } else {
        sv_config_fault(faults, node, "%s", BOOT_HOW);
    }
}

static void read_boot(const sv_config_node *node, void *target, sv_config_faults *faults) {
    updater_boot_config *boot = &((updater_config *) target)->boot;
    if (node == NULL) {
        return;
    }
    if (sv_config_node_kind(node) == SV_CONFIG_MAP) {
        read_boot_map(node, boot, faults);
    } else if (sv_config_node_kind(node) != SV_CONFIG_SCALAR
               || !sv_text_is(sv_config_node_text(node), "file")) {
        sv_config_fault(faults, node, "%s", BOOT_HOW);
    }
}

static void read_key_files(const sv_config_node *node, updater_key_files *out,
                           sv_config_faults *faults) {
    if (sv_config_node_kind(node) != SV_CONFIG_LIST
        || sv_config_node_count(node) > SV_BOOT_KEYS_MAX) {
        sv_config_fault(faults, node, "write a list of at most %d files with a public key",
                        SV_BOOT_KEYS_MAX);
        return;
    }
    for (size_t i = 0; i < sv_config_node_count(node); i++) {
        config_take_path(sv_config_node_at(node, i, NULL), out->at[out->count++], faults);
    }
}

static void read_keys(const sv_config_node *node, void *target, sv_config_faults *faults) {
    updater_key_files *keys = &((updater_config *) target)->keys;
    if (node != NULL) {
        read_key_files(node, keys, faults);
        if (keys->count == 0) {
            sv_config_fault(faults, node, "keys: at least one key has to be trusted");
        }
    }
}

static void read_revoked(const sv_config_node *node, void *target, sv_config_faults *faults) {
    if (node != NULL) {
        read_key_files(node, &((updater_config *) target)->revoked, faults);
    }
}

static int64_t read_account(const sv_config_node *node, sv_account_kind kind,
                            sv_config_faults *faults) {
    int64_t number = -1;
    sv_why why = { 0 };
    if (node == NULL) {
        return -1;
    }
    if (sv_config_node_kind(node) != SV_CONFIG_SCALAR) {
        sv_config_fault(faults, node, "write a name or a number");
    } else if (sv_account_number(sv_config_node_text(node), kind, &number, &why) != SV_OK) {
        sv_config_fault(faults, node, "%s", why.text);
    }
    return number;
}

static void read_user(const sv_config_node *node, void *target, sv_config_faults *faults) {
    ((updater_config *) target)->allow_uid = read_account(node, SV_ACCOUNT_USER, faults);
}

static void read_group(const sv_config_node *node, void *target, sv_config_faults *faults) {
    ((updater_config *) target)->socket_group = read_account(node, SV_ACCOUNT_GROUP, faults);
}

static bool take_index(sv_text text, uint32_t *out) {
    char room[16];
    char *end = NULL;
    if (sv_text_copy(text, room, sizeof room) != SV_OK || strncmp(room, "0x", 2) != 0) {
        return false;
    }
    unsigned long long value = strtoull(room, &end, 16);
    *out = (uint32_t) value;
    return *end == '\0' && value >= SV_TPM_COUNTER_FIRST && value <= SV_TPM_COUNTER_LAST;
}

static void read_counter(const sv_config_node *node, void *target, sv_config_faults *faults) {
    uint32_t *index = &((updater_config *) target)->counter_index;
    config_part parts[] = { { "tpm", NULL } };
    if (node == NULL) {
        return;
    }
    if (sv_config_node_kind(node) == SV_CONFIG_SCALAR
        && sv_text_is(sv_config_node_text(node), "tpm")) {
        *index = SV_TPM_COUNTER_INDEX;
        return;
    }
    if (sv_config_node_kind(node) != SV_CONFIG_MAP || !config_take_map(node, parts, 1, faults)
        || parts[0].node == NULL || sv_config_node_kind(parts[0].node) != SV_CONFIG_SCALAR
        || !take_index(sv_config_node_text(parts[0].node), index)) {
        sv_config_fault(faults, node,
                        "counter: write tpm, or {tpm: 0x…} with an NV index from 0x%08x to 0x%08x",
                        (unsigned) SV_TPM_COUNTER_FIRST, (unsigned) SV_TPM_COUNTER_LAST);
    }
}

// ---- the table ----------------------------------------------------------------------------------

static const char *const REBOOTS[] = { "system", "exit", NULL };

const sv_config_key UPDATER_KEYS[] = {
    { .name = "id",
      .type = SV_CONFIG_TEXT,
      FIELD(updater_config, id),
      .check = sv_id_config_check,
      .help = "the device's id, as in its certificate" },
    { .name = "product",
      .type = SV_CONFIG_TEXT,
      FIELD(updater_config, product),
      .check = check_name,
      .help = "what it is: images for another product are refused" },
    { .name = "hardware",
      .type = SV_CONFIG_TEXT,
      FIELD(updater_config, hardware),
      .check = check_name,
      .help = "which revision of it: one of those that an image is for" },
    { .name = "slot",
      .type = SV_CONFIG_TEXT,
      FIELD(updater_config, slot),
      .check = check_name,
      .fallback = "rootfs",
      .help = "class of the slots: what kind of image lies in them" },
    { .name = "slots",
      .type = SV_CONFIG_CUSTOM,
      .help = "the two slots: a folder with slot-a and slot-b, or {a: /dev/…, b: /dev/…}",
      .read = read_slots },
    { .name = "installer",
      .type = SV_CONFIG_CUSTOM,
      .help =
          "native: the image in a slot is what is started. files: it is a tar archive, and its "
          "tree is, in the folder of the slots, behind the link \"current\". {rauc: [rootfs.0, "
          "rootfs.1]}: it is a bundle, slots: the folder where it is kept until RAUC has "
          "installed it, and slots and boot loader are RAUC's. {swupdate: [\"stable,slot-a\", "
          "\"stable,slot-b\"]}: it is a .swu, kept in the state folder until SWUpdate has written "
          "the slot by that selection; sockets: the folder of its sockets (/run/swupdate), "
          "release: where IMAGE_VERSION of what runs stands (/etc/os-release)",
      .fallback = "",
      .read = config_read_installer },
    { .name = "room",
      .type = SV_CONFIG_BYTES,
      FIELD(updater_config, room),
      .fallback = "1GiB",
      .min = 4096,
      .max = INT64_C(1) << 40,
      .help = "with files: the largest archive, and the largest tree; there are two of each. With "
              "rauc: the largest bundle. With swupdate: the largest .swu" },
    { .name = "boot",
      .type = SV_CONFIG_CUSTOM,
      .help = "who chooses the slot: file (boot-state in the state folder), {u-boot: "
              "/etc/fw_env.config}, {script: /path, a: NAME, b: NAME}",
      .fallback = "",
      .read = read_boot },
    { .name = "keys",
      .type = SV_CONFIG_CUSTOM,
      .help = "files with the public keys (P-256) that boot headers are signed by",
      .read = read_keys },
    { .name = "revoked_keys",
      .type = SV_CONFIG_CUSTOM,
      .help = "files with public keys that count no more",
      .fallback = "",
      .read = read_revoked },
    { .name = "image_root",
      .type = SV_CONFIG_TEXT,
      FIELD(updater_config, image_root),
      .check = config_check_absolute,
      .help = "root.json of the image repository, to begin with" },
    { .name = "director_root",
      .type = SV_CONFIG_TEXT,
      FIELD(updater_config, director_root),
      .check = config_check_absolute,
      .help = "root.json of the director, to begin with" },
    { .name = "state",
      .type = SV_CONFIG_TEXT,
      FIELD(updater_config, state),
      .check = config_check_absolute,
      .help = "folder for what is remembered; nobody else may write there" },
    { .name = "socket",
      .type = SV_CONFIG_TEXT,
      FIELD(updater_config, socket),
      .check = check_socket,
      .fallback = "/run/selvedge/updater.sock",
      .help = "the socket it answers on, unless the service manager passes one on" },
    { .name = "allow_uid",
      .type = SV_CONFIG_CUSTOM,
      .help = "the one user that may ask, the agent's, by name or number; the user it runs as when "
              "nothing is said",
      .fallback = "",
      .read = read_user },
    { .name = "socket_group",
      .type = SV_CONFIG_CUSTOM,
      .help = "the group by which that user opens the socket, by name or number",
      .fallback = "",
      .read = read_group },
    { .name = "trial_deadline",
      .type = SV_CONFIG_DURATION,
      FIELD(updater_config, trial_deadline_us),
      .fallback = "10m",
      .min = SV_TIME_SECOND_US,
      .max = SV_TIME_DAY_US,
      .help = "a release that nobody called healthy by then is given up" },
    { .name = "patience",
      .type = SV_CONFIG_DURATION,
      FIELD(updater_config, patience_us),
      .fallback = "60s",
      .min = SV_TIME_SECOND_US / 10,
      .max = SV_TIME_HOUR_US,
      .help = "for each 64 KiB that the agent has to bring" },
    { .name = "reboot",
      .type = SV_CONFIG_CHOICE,
      FIELD(updater_config, reboot),
      .choices = REBOOTS,
      .fallback = "system",
      .help = "system: reboot(2). exit: end with code 64, and whoever started it starts it again "
              "through the boot loader" },
    { .name = "watchdog",
      .type = SV_CONFIG_TEXT,
      FIELD(updater_config, watchdog),
      .check = config_check_absolute,
      .fallback = "",
      .help = "the hardware watchdog, /dev/watchdog, where it is the updater that pings it" },
    { .name = "counter",
      .type = SV_CONFIG_CUSTOM,
      .help = "tpm: the highest release counter is kept in the TPM too, which never lowers it, at "
              "the NV indexes 0x01805e1a and the next; {tpm: 0x…}: at others",
      .fallback = "",
      .read = read_counter },
    { 0 },
};

sv_err updater_config_read(sv_text yaml, updater_config *out, sv_config_faults *faults) {
    SV_DEFER(sv_config_node_drop) sv_config_node *root = NULL;
    SV_TRY(sv_config_parse(yaml, &root, faults));
    updater_config config = { .allow_uid = -1, .socket_group = -1 };
    SV_TRY(sv_config_read(root, UPDATER_KEYS, &config, faults));
    if (config.slots.dir[0] == '\0' && config.slots.a[0] == '\0') {
        sv_config_fault(faults, root, "\"slots:\" is missing: a folder, or {a: /dev/…, b: /dev/…}");
    }
    if (config.installer == UPDATER_RAUC
        && (config.slots.a[0] != '\0' || config.boot.kind != UPDATER_BOOT_FILE)) {
        sv_config_fault(faults, root,
                        "installer: rauc needs a folder as slots:, and no boot:, because slots and "
                        "boot loader are RAUC's");
    }
    if (config.installer == UPDATER_FILES
        && (config.slots.a[0] != '\0' || config.boot.kind != UPDATER_BOOT_FILE)) {
        sv_config_fault(faults, root,
                        "installer: files needs a folder as slots:, and boot: file, because it is "
                        "this program (--choose) that chooses the tree");
    }
    if (config.installer == UPDATER_SWUPDATE && config.boot.kind == UPDATER_BOOT_FILE) {
        sv_config_fault(
            faults, root,
            "installer: swupdate needs boot: {u-boot: …} or {script: …}, because the "
            "slots that SWUpdate writes have no boot header that boot: file chooses by");
    }
    if (config.keys.count == 0) {
        sv_config_fault(faults, root, "\"keys:\" is missing: whose boot headers are believed");
    }
    if (faults->count > 0) {
        return SV_ERR_INVALID;
    }
    *out = config;
    return SV_OK;
}
