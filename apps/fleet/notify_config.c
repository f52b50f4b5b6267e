#include "notify_config.h"

#include "notify_reading.h"
#include "notify_send.h"

#include <base/mem.h>
#include <stdlib.h>
#include <string.h>

enum { PORT_STARTTLS = 587, PORT_TLS = 465, LOCAL_PART_MAX = 64 };

static const char *const KIND_NAMES[] = { "webhook", "slack", "teams", "smtp" };

const char *sv_channel_kind_name(sv_channel_kind kind) {
    return KIND_NAMES[kind];
}

// ---- channels -----------------------------------------------------------------------------------

/// As the file has it, before anything is opened.
typedef struct channel_text {
    char places[4][SV_CHANNEL_SECRET_MAX + 1]; ///< by sv_channel_kind
    char secret_file[SV_PATH_MAX];
    bool allow_private;
    char ca[SV_PATH_MAX];
    int security;
    char user[SV_MAILBOX_MAX + 1];
    char password_file[SV_PATH_MAX];
    char from[SV_MAILBOX_MAX + 1];
} channel_text;

#define CHANNEL_FIELD(member)                                                                      \
    .offset = offsetof(channel_text, member), .size = sizeof(((channel_text *) 0)->member)
#define PLACE(kind)                                                                                \
    .offset = offsetof(channel_text, places) + (size_t) (kind) * (SV_CHANNEL_SECRET_MAX + 1),      \
    .size = SV_CHANNEL_SECRET_MAX + 1

static const char *const SECURITIES[] = { "starttls", "tls", NULL };

static const sv_config_key CHANNEL_KEYS[] = {
    { .name = "webhook",
      .type = SV_CONFIG_TEXT,
      PLACE(SV_CHANNEL_WEBHOOK),
      .fallback = "",
      .help = "https:// address, or a file of mode 0600 that holds it; so for the next" },
    { .name = "slack",
      .type = SV_CONFIG_TEXT,
      PLACE(SV_CHANNEL_SLACK),
      .fallback = "",
      .help = "" },
    { .name = "teams",
      .type = SV_CONFIG_TEXT,
      PLACE(SV_CHANNEL_TEAMS),
      .fallback = "",
      .help = "" },
    { .name = "smtp",
      .type = SV_CONFIG_TEXT,
      PLACE(SV_CHANNEL_SMTP),
      .fallback = "",
      .help = "host or host:port of a mail server" },
    { .name = "secret_file",
      .type = SV_CONFIG_TEXT,
      CHANNEL_FIELD(secret_file),
      .fallback = "",
      .help = "file of mode 0600 with the secret that signs a webhook" },
    { .name = "allow_private",
      .type = SV_CONFIG_BOOL,
      CHANNEL_FIELD(allow_private),
      .fallback = "false",
      .help = "a webhook may be at a private or loopback address, and plain HTTP" },
    { .name = "ca",
      .type = SV_CONFIG_TEXT,
      CHANNEL_FIELD(ca),
      .fallback = "",
      .help = "PEM of the authorities to trust; the system's otherwise" },
    { .name = "security",
      .type = SV_CONFIG_CHOICE,
      CHANNEL_FIELD(security),
      .fallback = "starttls",
      .choices = SECURITIES,
      .help = "how mail is encrypted" },
    { .name = "user",
      .type = SV_CONFIG_TEXT,
      CHANNEL_FIELD(user),
      .fallback = "",
      .help = "who signs in to the mail server" },
    { .name = "password_file",
      .type = SV_CONFIG_TEXT,
      CHANNEL_FIELD(password_file),
      .fallback = "",
      .help = "file of mode 0600 with the password" },
    { .name = "from",
      .type = SV_CONFIG_TEXT,
      CHANNEL_FIELD(from),
      .fallback = "",
      .help = "sender of the mail" },
    { .name = "to",
      .type = SV_CONFIG_CUSTOM,
      .help = "who gets the mail: an address or a list",
      .read = notify_passed_over },
    { 0 },
};

void notify_passed_over(const sv_config_node *node, void *target, sv_config_faults *faults) {
    (void) node;
    (void) target;
    (void) faults;
}

/// The node of a key, or the map when the key is absent: where a fault is shown.
static const sv_config_node *at_key(const sv_config_node *map, const char *key) {
    const sv_config_node *node = sv_config_node_get(map, key);
    return node != NULL ? node : map;
}

/// `local@domain`, of characters that need no quoting anywhere: no header or command can be made
/// of it.
static bool is_mailbox(sv_text text) {
    sv_text domain = text;
    sv_text local = sv_text_cut(&domain, '@');
    bool good = local.len > 0 && local.len <= LOCAL_PART_MAX && domain.len > 0
                && text.len <= SV_MAILBOX_MAX;
    for (size_t i = 0; good && i < text.len; i++) {
        char c = text.at[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        bool in_local = i < local.len && strchr("!#$%&'*+/=?^_`{|}~", c) != NULL;
        good = c != '\0' && (plain || strchr(".-", c) != NULL || in_local || i == local.len);
    }
    return good;
}

static void read_mailbox(const sv_config_node *node, sv_channel *channel,
                         sv_config_faults *faults) {
    sv_text text =
        sv_config_node_kind(node) == SV_CONFIG_SCALAR ? sv_config_node_text(node) : SV_TEXT("");
    if (!is_mailbox(text)) {
        sv_config_fault(faults, node, "to: '" SV_TEXT_FMT "' is no mail address",
                        SV_TEXT_ARG(text));
    } else if (channel->smtp.to_count == SV_MAIL_TO_MAX) {
        sv_config_fault(faults, node, "to: more than %d addresses", SV_MAIL_TO_MAX);
    } else if (sv_text_copy(text, channel->smtp.to[channel->smtp.to_count], SV_MAILBOX_MAX + 1)
               == SV_OK) {
        channel->smtp.to_count++;
    }
}

static void read_mail(const sv_config_node *node, const channel_text *text,
                      const sv_notify_files *files, sv_channel *channel, sv_config_faults *faults) {
    sv_why why;
    channel->smtp.tls_at_once = text->security == 1;
    if (sv_host_port_parse(sv_text_of(text->places[SV_CHANNEL_SMTP]),
                           channel->smtp.tls_at_once ? PORT_TLS : PORT_STARTTLS, channel->smtp.host,
                           &channel->smtp.port, &why)
        != SV_OK) {
        sv_config_fault(faults, at_key(node, "smtp"), "smtp: %s", why.text);
    }
    if (!is_mailbox(sv_text_of(text->from))) {
        sv_config_fault(faults, at_key(node, "from"), "from: '%s' is no mail address", text->from);
    }
    memcpy(channel->smtp.from, text->from, sizeof text->from);
    memcpy(channel->smtp.user, text->user, sizeof text->user);
    const sv_config_node *to = sv_config_node_get(node, "to");
    bool is_list = to != NULL && sv_config_node_kind(to) == SV_CONFIG_LIST;
    for (size_t i = 0; is_list && i < sv_config_node_count(to); i++) {
        read_mailbox(sv_config_node_at(to, i, NULL), channel, faults);
    }
    if (to != NULL && !is_list) {
        read_mailbox(to, channel, faults);
    }
    if (to == NULL || (is_list && sv_config_node_count(to) == 0)) {
        sv_config_fault(faults, at_key(node, "to"), "to: give at least one mail address");
    }
    if ((text->user[0] == '\0') != (text->password_file[0] == '\0')) {
        sv_config_fault(faults, node, "user and password_file belong together; give both");
    } else if (text->user[0] != '\0'
               && files->secret(text->password_file, channel->secret, sizeof channel->secret, &why)
                      != SV_OK) {
        sv_config_fault(faults, at_key(node, "password_file"), "password_file: %s", why.text);
    }
}

static sv_err find_address(const char *place, const sv_notify_files *files, sv_channel *channel,
                           sv_why *why) {
    if (place[0] == '/') {
        SV_TRY(files->secret(place, channel->address, sizeof channel->address, why));
    } else {
        SV_TRY(sv_text_copy(sv_text_of(place), channel->address, sizeof channel->address));
    }
    SV_TRY(sv_url_parse(sv_text_of(channel->address), &channel->url, why));
    if (!channel->url.tls && !channel->allow_private) {
        return sv_fail(why, SV_ERR_INVALID,
                       "the address must start with https:// (plain HTTP only "
                       "with allow_private)");
    }
    return SV_OK;
}

/// As it is, or `whsec_` and base64.
static sv_err read_key(const sv_notify_files *files, const char *path, sv_channel *channel,
                       sv_why *why) {
    char room[64];
    sv_textbuf signature = SV_TEXTBUF(room);
    SV_TRY(files->secret(path, channel->secret, sizeof channel->secret, why));
    return sv_message_sign(channel->secret, "", "", SV_TEXT(""), &signature) == SV_OK
               ? SV_OK
               : sv_fail(why, SV_ERR_INVALID, "what follows whsec_ in '%s' is no base64", path);
}

static void read_webhook(const sv_config_node *node, const channel_text *text,
                         const sv_notify_files *files, sv_channel *channel,
                         sv_config_faults *faults) {
    const char *key = KIND_NAMES[channel->kind];
    sv_why why = { .text = "longer than the limit" };
    if (find_address(text->places[channel->kind], files, channel, &why) != SV_OK) {
        sv_config_fault(faults, at_key(node, key), "%s: %s", key, why.text);
    }
    bool needs_secret = channel->kind == SV_CHANNEL_WEBHOOK;
    if (needs_secret != (text->secret_file[0] != '\0')) {
        sv_config_fault(faults, at_key(node, "secret_file"),
                        needs_secret ? "a webhook is signed: give secret_file"
                                     : "secret_file: only a webhook is signed");
    } else if (needs_secret && read_key(files, text->secret_file, channel, &why) != SV_OK) {
        sv_config_fault(faults, at_key(node, "secret_file"), "secret_file: %s", why.text);
    }
}

/// The one kind that the channel names; a fault when that is none or several.
static bool find_kind(const sv_config_node *node, const channel_text *text, sv_channel_kind *out,
                      sv_config_faults *faults) {
    size_t found = 0;
    for (size_t i = 0; i < SV_COUNT(KIND_NAMES); i++) {
        if (text->places[i][0] != '\0') {
            *out = (sv_channel_kind) i;
            found++;
        }
    }
    if (found != 1) {
        sv_config_fault(faults, node, "a channel is one of webhook, slack, teams and smtp");
    }
    return found == 1;
}

static void note_file(sv_channel *channel, const char *path) {
    if (path[0] != '\0' && channel->file_count < SV_CHANNEL_FILES_MAX
        && sv_text_copy(sv_text_of(path), channel->files[channel->file_count], SV_PATH_MAX)
               == SV_OK) {
        channel->file_count++;
    }
}

static void read_channel(const sv_config_node *node, const sv_notify_files *files,
                         sv_channel *channel, sv_config_faults *faults) {
    SV_DEFER(sv_mem_drop) channel_text *text = sv_mem_new(sizeof *text);
    sv_why why;
    if (sv_config_read(node, CHANNEL_KEYS, text, faults) != SV_OK
        || !find_kind(node, text, &channel->kind, faults)) {
        return;
    }
    channel->allow_private = text->allow_private;
    const char *place = text->places[channel->kind];
    note_file(channel, place[0] == '/' ? place : ""); // else it is the address itself
    note_file(channel, text->secret_file);
    note_file(channel, text->password_file);
    note_file(channel, text->ca);
    if (channel->kind == SV_CHANNEL_SMTP) {
        read_mail(node, text, files, channel, faults);
    } else {
        read_webhook(node, text, files, channel, faults);
    }
    if (files->tls(text->ca, &channel->tls, &why) != SV_OK) {
        sv_config_fault(faults, at_key(node, "ca"), "ca: %s", why.text);
    }
}

void notify_read_channels(const sv_config_node *node, const sv_notify_files *files,
                          sv_notify_config *config, sv_config_faults *faults) {
    if (node == NULL) {
        return;
    }
    size_t count = sv_config_node_kind(node) == SV_CONFIG_MAP ? sv_config_node_count(node) : 0;
    if (count == 0 || count > SV_CHANNELS_MAX) {
        sv_config_fault(faults, node, "channels: write 1 to %d, <name>: {...}", SV_CHANNELS_MAX);
        return;
    }
    config->channels = sv_mem_array(count, sizeof *config->channels);
    for (size_t i = 0; i < count; i++) {
        sv_text name;
        sv_why why;
        const sv_config_node *item = sv_config_node_at(node, i, &name);
        sv_channel *channel = &config->channels[config->channel_count];
        if (sv_id_check("channel", name, &why) != SV_OK
            || sv_text_copy(name, channel->name, sizeof channel->name) != SV_OK) {
            sv_config_fault(faults, item, "channels: %s", why.text);
            continue;
        }
        config->channel_count++;
        read_channel(item, files, channel, faults);
    }
}

// ---- its life -----------------------------------------------------------------------------------

sv_notify_config *sv_notify_config_hold(sv_notify_config *config) {
    config->users++;
    return config;
}

void sv_notify_config_drop(sv_notify_config **config) {
    sv_notify_config *gone = *config;
    *config = NULL;
    if (gone == NULL || --gone->users > 0) {
        return;
    }
    for (size_t i = 0; i < gone->channel_count; i++) {
        sv_tls_drop(&gone->channels[i].tls);
    }
    if (gone->channel_count > 0) {
        explicit_bzero(gone->channels, gone->channel_count * sizeof *gone->channels);
    }
    for (size_t i = 0; i < gone->zone_count; i++) {
        sv_zone_drop(&gone->zones[i].zone);
    }
    free(gone->channels);
    free(gone->routes);
    free(gone->zones);
    free(gone);
}

const sv_channel *sv_notify_channel(const sv_notify_config *config, sv_text name) {
    for (size_t i = 0; i < config->channel_count; i++) {
        if (sv_text_is(name, config->channels[i].name)) {
            return &config->channels[i];
        }
    }
    return NULL;
}

const sv_route *sv_notify_route(const sv_notify_config *config, sv_text name) {
    for (size_t i = 0; i < config->route_count; i++) {
        if (sv_text_is(name, config->routes[i].name)) {
            return &config->routes[i];
        }
    }
    return NULL;
}
