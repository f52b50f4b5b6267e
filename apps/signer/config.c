#include "config.h"

#include <base/time.h>
#include <sys/account.h>
#include <sys/un.h>

#define FIELD(type, member) .offset = offsetof(type, member), .size = sizeof(((type *) 0)->member)

static void read_roles(const sv_config_node *node, void *target, sv_config_faults *faults) {
    signer_config *config = target;
    config->roles = 1U << SV_ROLE_DEVICE | 1U << SV_ROLE_GATEWAY;
    if (node == NULL) {
        return;
    }
    if (sv_config_node_kind(node) != SV_CONFIG_LIST) {
        sv_config_fault(faults, node, "roles: write a list, [device, gateway]");
        return;
    }
    config->roles = 0;
    for (size_t i = 0; i < sv_config_node_count(node); i++) {
        const sv_config_node *item = sv_config_node_at(node, i, NULL);
        sv_role role = SV_ROLE_DEVICE;
        sv_why why = { .text = "write device, gateway, server or app" };
        if (sv_config_node_kind(item) != SV_CONFIG_SCALAR
            || sv_role_parse(sv_config_node_text(item), &role, &why) != SV_OK) {
            sv_config_fault(faults, item, "roles: %s", why.text);
            continue;
        }
        config->roles |= 1U << role;
    }
}

/// A number, or a name that this machine knows; -1 when nothing is said. [signer-9]
static int64_t read_account(const sv_config_node *node, sv_account_kind kind,
                            sv_config_faults *faults) {
    int64_t number = -1;
    sv_why why = { 0 };
    if (node == NULL) {
        return -1;
    }
    if (sv_config_node_kind(node) != SV_CONFIG_SCALAR) {
        sv_config_fault(faults, node, "write the %s's name or number",
                        kind == SV_ACCOUNT_USER ? "user" : "group");
    } else if (sv_account_number(sv_config_node_text(node), kind, &number, &why) != SV_OK) {
        sv_config_fault(faults, node, "%s", why.text);
    }
    return number;
}

static void read_user(const sv_config_node *node, void *target, sv_config_faults *faults) {
    ((signer_config *) target)->allow_uid = read_account(node, SV_ACCOUNT_USER, faults);
}

static void read_group(const sv_config_node *node, void *target, sv_config_faults *faults) {
    ((signer_config *) target)->socket_group = read_account(node, SV_ACCOUNT_GROUP, faults);
}

static sv_err check_socket(sv_text path, sv_why *why) {
    const size_t room = sizeof(((struct sockaddr_un *) 0)->sun_path);
    if (path.len >= room) {
        return sv_fail(why, SV_ERR_INVALID, "a socket's path has at most %zu bytes, this one %zu",
                       room - 1, path.len);
    }
    return SV_OK;
}

const sv_config_key SIGNER_KEYS[] = {
    { .name = "pki",
      .type = SV_CONFIG_TEXT,
      FIELD(signer_config, pki),
      .help = "PKI folder: ca.crt, ca.key and domain are read, signer/ is written" },
    { .name = "key",
      .type = SV_CONFIG_TEXT,
      FIELD(signer_config, key),
      .fallback = "",
      .help = "where the issuing key is: a file with mode 0600, or another store; ca.key of the "
              "folder when nothing is said" },
    { .name = "socket",
      .type = SV_CONFIG_TEXT,
      FIELD(signer_config, socket),
      .check = check_socket,
      .help = "the socket it answers on; made with mode 0600, with socket_group 0660" },
    { .name = "allow_uid",
      .type = SV_CONFIG_CUSTOM,
      .help = "the one user that may ask, by name or number; the user it runs as when nothing is "
              "said",
      .fallback = "",
      .read = read_user },
    { .name = "socket_group",
      .type = SV_CONFIG_CUSTOM,
      .help = "the group by which that user opens the socket, by name or number; when nothing is "
              "said the socket is given to the user, which takes the right to (CAP_CHOWN)",
      .fallback = "",
      .read = read_group },
    { .name = "lifetime_max",
      .type = SV_CONFIG_DURATION,
      FIELD(signer_config, lifetime_max_us),
      .fallback = "400d",
      .min = SV_TIME_SECOND_US,
      .max = 3650 * SV_TIME_DAY_US,
      .help = "no certificate is made for longer" },
    { .name = "crl_valid",
      .type = SV_CONFIG_DURATION,
      FIELD(signer_config, crl_valid_us),
      .fallback = "7d",
      .min = SV_TIME_MINUTE_US,
      .max = 365 * SV_TIME_DAY_US,
      .help = "how long a revocation list counts" },
    { .name = "roles",
      .type = SV_CONFIG_CUSTOM,
      .help = "what it makes certificates for; [device, gateway] when nothing is said",
      .fallback = "",
      .read = read_roles },
    { 0 },
};

sv_err signer_config_read(sv_text yaml, signer_config *out, sv_config_faults *faults) {
    SV_DEFER(sv_config_node_drop) sv_config_node *root = NULL;
    SV_TRY(sv_config_parse(yaml, &root, faults));
    signer_config config = { 0 };
    SV_TRY(sv_config_read(root, SIGNER_KEYS, &config, faults));
    *out = config;
    return SV_OK;
}
