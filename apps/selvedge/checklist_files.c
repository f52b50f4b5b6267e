// What configurations name: keys, certificates, files that are not for others; and the PKI's
// folder.
#include "checklist_gather.h"

#include <crypto/key_store.h>
#include <crypto/pki.h>
#include <crypto/shown.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    CMDLINE_MAX = 64 * 1024,
    NINE_BITS = 0777,
    DEPTH_MAX = SV_CONFIG_DEPTH_MAX,
    PORT_MQTT = 8883, ///< what programs take where nothing is said
    PORT_OPERATOR = 8443,
    PORT_DEVICE = 8444,
};

// ---- files --------------------------------------------------------------------------------------

static bool is_known_file(const sv_facts *facts, const char *path) {
    for (size_t i = 0; i < facts->file_count; i++) {
        if (strcmp(facts->files[i].path, path) == 0) {
            return true;
        }
    }
    return false;
}

void sv_gather_file(sv_file_kind kind, const char *path, const char *of, int64_t program,
                    sv_facts *facts) {
    struct stat info;
    if (is_known_file(facts, path)) {
        return;
    }
    if (facts->file_count == SV_FACT_FILES_MAX) {
        facts->files_more++;
        return;
    }
    sv_fact_file *file = &facts->files[facts->file_count++];
    file->kind = kind;
    file->program = program;
    (void) snprintf(file->path, sizeof file->path, "%s", path);
    (void) snprintf(file->of, sizeof file->of, "%s", of);
    file->hard = kind == SV_FILE_KEY && sv_key_is_hard(sv_text_of(path));
    if (file->hard) {
        return;
    }
    if (stat(path, &info) != 0) {
        (void) sv_fail(&file->missing, SV_ERR_IO, "'%.200s' cannot be looked at: %m", path);
        return;
    }
    file->mode = info.st_mode & NINE_BITS;
    file->uid = info.st_uid;
}

// ---- certificates -------------------------------------------------------------------------------

static sv_fact_cert *add_cert(const char *path, const char *of, sv_facts *facts) {
    if (facts->cert_count == SV_FACT_CERTS_MAX) {
        facts->certs_more++;
        return NULL;
    }
    sv_fact_cert *cert = &facts->certs[facts->cert_count++];
    (void) snprintf(cert->path, sizeof cert->path, "%s", path);
    (void) snprintf(cert->of, sizeof cert->of, "%s", of);
    return cert;
}

static void read_cert(struct x509_st *certificate, sv_fact_cert *out) {
    sv_why why = { .text = "" };
    char name[SV_SHOWN_ROOM];
    if (sv_cert_strength_of(certificate, &out->strength, &out->missing) != SV_OK) {
        return;
    }
    out->authority = out->strength.authority;
    // An authority's name need be no id.
    if (sv_cert_facts_of(certificate, &out->facts, &why) != SV_OK && !out->authority) {
        out->missing = why;
    }
    if (out->authority) {
        sv_cert_times_of(certificate, &out->facts.not_before_us, &out->facts.not_after_us);
        sv_certificate_shown(certificate, name, sizeof name);
        (void) snprintf(out->of, sizeof out->of, "%.90s", name);
    }
}

static bool is_known_cert(const sv_facts *facts, const sv_fact_cert *cert) {
    for (size_t i = 0; i + 1 < facts->cert_count; i++) {
        const sv_fact_cert *other = &facts->certs[i];
        if (strcmp(other->facts.serial, cert->facts.serial) == 0
            && strcmp(other->facts.key_hash, cert->facts.key_hash) == 0
            && other->authority == cert->authority && strcmp(other->of, cert->of) == 0) {
            return true;
        }
    }
    return false;
}

void sv_gather_certs(const char *path, const char *of, const char *ca, bool in_use,
                     sv_facts *facts) {
    SV_DEFER(sv_certs_drop) sv_certs certs = { 0 };
    sv_why why = { .text = "" };
    if (sv_certs_read(path, &certs, &why) != SV_OK) {
        sv_fact_cert *cert = add_cert(path, of, facts);
        if (cert != NULL) {
            cert->missing = why;
        }
        return;
    }
    for (size_t i = 0; i < certs.count; i++) {
        sv_fact_cert *cert = add_cert(path, of, facts);
        if (cert == NULL) {
            continue;
        }
        read_cert(certs.at[i], cert);
        cert->in_use = in_use;
        if (i == 0 && in_use && !cert->authority && ca != NULL
            && sv_pki_verify(ca, path, &(sv_identity){ 0 }, &cert->untrusted) == SV_OK) {
            cert->untrusted.text[0] = '\0';
        }
        if (is_known_cert(facts, cert)) {
            memset(cert, 0, sizeof *cert);
            facts->cert_count--;
        }
    }
}

// ---- the PKI's folder ---------------------------------------------------------------------------

typedef void take_file(const char *path, sv_facts *facts);

/// Every file of a folder whose name ends so; false when the folder cannot be read.
static bool each_file(const char *dir, const char *name, const char *end, take_file *take,
                      sv_facts *facts) {
    char folder[SV_PATH_MAX];
    char path[SV_PATH_MAX];
    if (sv_disk_join(folder, sizeof folder, dir, name) != SV_OK) {
        return false;
    }
    DIR *open = opendir(folder);
    if (open == NULL) {
        return errno == ENOENT;
    }
    for (struct dirent *item = readdir(open); item != NULL; item = readdir(open)) {
        size_t len = strlen(item->d_name);
        size_t end_len = strlen(end);
        if (len > end_len && strcmp(item->d_name + len - end_len, end) == 0
            && sv_disk_join(path, sizeof path, folder, item->d_name) == SV_OK) {
            take(path, facts);
        }
    }
    (void) closedir(open);
    return true;
}

static void take_issued(const char *path, sv_facts *facts) {
    const char *slash = strrchr(path, '/');
    sv_gather_certs(path, slash != NULL ? slash + 1 : path, NULL, false, facts);
}

static void take_key(const char *path, sv_facts *facts) {
    sv_gather_file(SV_FILE_KEY, path, "the PKI's folder", -1, facts);
}

static void look_at_root(sv_facts *facts) {
    char key[SV_PATH_MAX];
    char passphrase[SV_PATH_MAX];
    SV_DEFER(sv_textbuf_drop) sv_textbuf text = SV_TEXTBUF_HEAP(SV_KEY_FILE_MAX);
    if (sv_disk_join(key, sizeof key, facts->pki.dir, "root/root.key") != SV_OK
        || sv_disk_join(passphrase, sizeof passphrase, facts->pki.dir, "root/passphrase")
               != SV_OK) {
        (void) sv_fail(&facts->pki.missing, SV_ERR_INVALID, "'%.200s' is too long a path",
                       facts->pki.dir);
        return;
    }
    facts->pki.root_key_here = sv_disk_exists(key);
    facts->pki.passphrase_beside_it = sv_disk_exists(passphrase);
    if (!facts->pki.root_key_here) {
        return;
    }
    sv_gather_file(SV_FILE_KEY, key, "the PKI's root", -1, facts);
    if (sv_disk_read(key, &text, &facts->pki.missing) == SV_OK && sv_textbuf_end(&text) == SV_OK) {
        facts->pki.root_key_encrypted = strstr(text.at, "ENCRYPTED") != NULL;
        explicit_bzero(text.at, text.len);
    }
    if (facts->pki.passphrase_beside_it) {
        sv_gather_file(SV_FILE_SECRET, passphrase, "the PKI's root", -1, facts);
    }
}

void sv_gather_pki(const char *dir, sv_facts *facts) {
    char path[SV_PATH_MAX];
    if (strcmp(facts->pki.dir, dir) == 0) {
        return;
    }
    (void) snprintf(facts->pki.dir, sizeof facts->pki.dir, "%s", dir);
    facts->pki.missing.text[0] = '\0';
    if (access(dir, R_OK | X_OK) != 0) {
        (void) sv_fail(&facts->pki.missing, SV_ERR_IO,
                       "the PKI's folder '%.200s' cannot be read: "
                       "%m",
                       dir);
        return;
    }
    if (sv_disk_join(path, sizeof path, dir, "ca.crt") == SV_OK) {
        sv_gather_certs(path, "the PKI's folder", NULL, true, facts);
    }
    if (sv_disk_join(path, sizeof path, dir, "ca.key") == SV_OK && sv_disk_exists(path)) {
        take_key(path, facts);
    }
    look_at_root(facts);
    if (!each_file(dir, "issued", ".crt", take_issued, facts)
        || !each_file(dir, "devices", ".key", take_key, facts)
        || !each_file(dir, "former", ".key", take_key, facts)) {
        (void) sv_fail(&facts->pki.missing, SV_ERR_IO, "not all of '%.200s' can be read", dir);
    }
}

// ---- configurations -----------------------------------------------------------------------------

/// A configuration while it is gone through.
typedef struct walk {
    const char *folder;
    sv_fact_program *program;
    sv_facts *facts;
} walk;

static void resolve(const walk *w, sv_text text, char path[SV_PATH_MAX]) {
    bool whole = (text.len > 0 && text.at[0] == '/') || sv_key_is_hard(text);
    (void) snprintf(path, SV_PATH_MAX, "%s%s" SV_TEXT_FMT, whole ? "" : w->folder, whole ? "" : "/",
                    SV_TEXT_ARG(text));
}

static bool is_secret(sv_text key) {
    static const char *const SECRETS[] = { "admin_token_file", "token_file", "secret_file",
                                           "password_file" };
    for (size_t i = 0; i < SV_COUNT(SECRETS); i++) {
        if (sv_text_is(key, SECRETS[i])) {
            return true;
        }
    }
    return false;
}

static void take_scalar(const walk *w, sv_text section, sv_text key, const sv_config_node *value,
                        const char *ca) {
    char path[SV_PATH_MAX];
    sv_fact_program *program = w->program;
    resolve(w, sv_config_node_text(value), path);
    bool tls = sv_text_is(section, "tls");
    bool top = section.len == 0;
    if ((tls || top) && sv_text_is(key, "key")) {
        sv_gather_file(SV_FILE_KEY, path, program->name, program->uid, w->facts);
    } else if (tls && sv_text_is(key, "ca") && program->settings.ca[0] == '\0') {
        (void) snprintf(program->settings.ca, SV_PATH_MAX, "%s", path);
    } else if (tls && sv_text_is(key, "cert")) {
        sv_gather_certs(path, program->name, ca, true, w->facts);
    } else if (sv_text_is(section, "store") && sv_text_is(key, "path")) {
        sv_gather_file(SV_FILE_DATABASE, path, program->name, program->uid, w->facts);
    } else if (is_secret(key)) {
        sv_gather_file(SV_FILE_SECRET, path, program->name, program->uid, w->facts);
        if (sv_text_is(key, "admin_token_file") || sv_text_is(key, "token_file")) {
            sv_gather_token(path, w->facts);
        }
    } else if (top && sv_text_is(key, "pki")) {
        sv_gather_pki(path, w->facts);
    }
}

/// `ca`: what a certificate in a section without one of its own is judged by.
static void take_section(const walk *w, sv_text section, const sv_config_node *node, const char *ca,
                         int depth) {
    char own[SV_PATH_MAX];
    const sv_config_node *trusted = sv_config_node_get(node, "ca");
    if (trusted != NULL && sv_config_node_kind(trusted) == SV_CONFIG_SCALAR) {
        resolve(w, sv_config_node_text(trusted), own);
        ca = own;
    }
    for (size_t i = 0; i < sv_config_node_count(node) && depth < DEPTH_MAX; i++) {
        sv_text key = SV_TEXT("");
        const sv_config_node *item = sv_config_node_at(node, i, &key);
        if (sv_config_node_kind(item) == SV_CONFIG_SCALAR) {
            take_scalar(w, section, key, item, ca);
        } else {
            take_section(w, key, item, ca, depth + 1);
        }
    }
}

static sv_text setting(const sv_config_node *root, const char *section, const char *key) {
    const sv_config_node *node = sv_config_node_get(root, section);
    node = node != NULL && sv_config_node_kind(node) == SV_CONFIG_MAP
               ? sv_config_node_get(node, key)
               : NULL;
    return node != NULL && sv_config_node_kind(node) == SV_CONFIG_SCALAR ? sv_config_node_text(node)
                                                                         : SV_TEXT("");
}

static void name_door(sv_fact_program *program, sv_door_kind kind, sv_text port, uint64_t usual,
                      bool tls) {
    sv_fact_settings *settings = &program->settings;
    uint64_t number = usual;
    if (port.len > 0 && sv_text_u64(port, UINT16_MAX, &number) != SV_OK) {
        return;
    }
    bool off = number == 0 && program->kind != SV_PROGRAM_FLEET;
    if (!off && settings->door_count < SV_FACT_DOORS_NAMED_MAX) {
        settings->doors[settings->door_count].kind = kind;
        settings->doors[settings->door_count].port = (uint16_t) number;
        settings->doors[settings->door_count++].tls = tls;
    }
}

/// Where a fleet server was left to choose its ports, it says which in a file.
static void name_chosen(const walk *w, sv_text ports_file, sv_fact_settings *settings) {
    static const char *const NAMES[] = { "operator", "device" };
    char path[SV_PATH_MAX];
    char room[512];
    sv_textbuf text = SV_TEXTBUF(room);
    SV_DEFER(sv_json_drop) sv_json *ports = NULL;
    resolve(w, ports_file, path);
    if (ports_file.len == 0 || sv_disk_read(path, &text, NULL) != SV_OK
        || sv_json_parse(sv_textbuf_text(&text), &ports, NULL, NULL) != SV_OK) {
        return;
    }
    for (size_t i = 0; i < settings->door_count && i < SV_COUNT(NAMES); i++) {
        int64_t port;
        if (settings->doors[i].port == 0 && sv_json_int(sv_json_get(ports, NAMES[i]), &port)
            && port > 0 && port <= UINT16_MAX) {
            settings->doors[i].port = (uint16_t) port;
        }
    }
}

static void name_doors(const sv_config_node *root, const walk *w, sv_fact_program *program) {
    const sv_config_node *operators = sv_config_node_get(root, "operator");
    if (program->kind == SV_PROGRAM_FLEET) {
        bool tls = operators != NULL && sv_config_node_kind(operators) == SV_CONFIG_MAP
                   && sv_config_node_get(operators, "tls") != NULL;
        name_door(program, SV_DOOR_OPERATOR, setting(root, "operator", "port"), PORT_OPERATOR, tls);
        name_door(program, SV_DOOR_DEVICE, setting(root, "device", "port"), PORT_DEVICE, true);
        const sv_config_node *file = sv_config_node_get(root, "ports_file");
        if (file != NULL && sv_config_node_kind(file) == SV_CONFIG_SCALAR) {
            name_chosen(w, sv_config_node_text(file), &program->settings);
        }
    } else if (program->kind == SV_PROGRAM_GATEWAY) {
        if (sv_config_node_get(root, "broker") == NULL) {
            name_door(program, SV_DOOR_MQTT, setting(root, "listen", "port"), PORT_MQTT, true);
        }
        name_door(program, SV_DOOR_DEVICE, setting(root, "door", "port"), 0, true);
        name_door(program, SV_DOOR_LOCAL, setting(root, "http", "port"), 0, false);
        name_door(program, SV_DOOR_PAGE, setting(root, "page", "port"), 0, true);
    }
}

void sv_gather_config(const sv_config_node *root, const char *folder, sv_fact_program *program,
                      sv_facts *facts) {
    const walk w = { .folder = folder, .program = program, .facts = facts };
    char ca[SV_PATH_MAX];
    if (sv_config_node_kind(root) != SV_CONFIG_MAP) {
        return;
    }
    // The fleet server's operator door has no `ca`: its certificate is judged by the PKI's own.
    sv_text pki = SV_TEXT("");
    const sv_config_node *pki_node = sv_config_node_get(root, "pki");
    if (pki_node != NULL && sv_config_node_kind(pki_node) == SV_CONFIG_SCALAR) {
        pki = sv_config_node_text(pki_node);
    }
    resolve(&w, pki, ca);
    size_t len = strlen(ca);
    (void) snprintf(ca + len, sizeof ca - len, "/ca.crt");
    take_section(&w, SV_TEXT(""), root, pki.len > 0 ? ca : NULL, 0);
    name_doors(root, &w, program);
    program->settings.classic_allowed =
        sv_text_is(setting(root, "listen", "classic_certificates"), "allow");
    program->settings.all_goes_up = sv_text_is(setting(root, "uplink", "default"), "all");
}

/// What stands behind --config or -c in its command line.
static bool find_config(sv_text words, char file[SV_PATH_MAX]) {
    static const char LONG[] = "--config=";
    while (words.len > 0) {
        sv_text one = sv_text_cut(&words, '\0');
        if (sv_text_is(one, "--config") || sv_text_is(one, "-c")) {
            return sv_text_copy(sv_text_cut(&words, '\0'), file, SV_PATH_MAX) == SV_OK;
        }
        if (sv_text_starts(one, SV_TEXT("--config="))) {
            one.at += sizeof LONG - 1;
            one.len -= sizeof LONG - 1;
            return sv_text_copy(one, file, SV_PATH_MAX) == SV_OK;
        }
    }
    return false;
}

static sv_err read_settings(const char *proc, sv_fact_program *program, sv_facts *facts,
                            sv_why *why) {
    char path[SV_PATH_MAX];
    char folder[SV_PATH_MAX];
    char file[SV_PATH_MAX];
    SV_DEFER(sv_textbuf_drop) sv_textbuf words = SV_TEXTBUF_HEAP(CMDLINE_MAX);
    SV_DEFER(sv_textbuf_drop) sv_textbuf yaml = SV_TEXTBUF_HEAP(SV_CONFIG_BYTES_MAX);
    SV_DEFER(sv_config_faults_drop) sv_config_faults faults = { .text = SV_TEXTBUF_HEAP(8192) };
    SV_DEFER(sv_config_node_drop) sv_config_node *root = NULL;
    (void) snprintf(path, sizeof path, "%.200s/%lld/cmdline", proc, (long long) program->pid);
    SV_TRY(sv_disk_read(path, &words, why));
    (void) snprintf(path, sizeof path, "%.200s/%lld/cwd", proc, (long long) program->pid);
    ssize_t len = readlink(path, folder, sizeof folder - 1);
    if (len < 0) {
        return sv_fail(why, SV_ERR_IO, "its folder cannot be seen: %m");
    }
    folder[len] = '\0';
    if (!find_config(sv_textbuf_text(&words), file)) {
        return sv_fail(why, SV_ERR_NOT_FOUND, "its command line names no configuration");
    }
    const walk w = { .folder = folder };
    resolve(&w, sv_text_of(file), program->settings.file);
    sv_gather_file(SV_FILE_CONFIG, program->settings.file, program->name, program->uid, facts);
    SV_TRY(sv_disk_read(program->settings.file, &yaml, why));
    faults.file = program->settings.file;
    if (sv_config_parse(sv_textbuf_text(&yaml), &root, &faults) != SV_OK) {
        return sv_fail(why, SV_ERR_INVALID, "'%.200s' is broken", program->settings.file);
    }
    sv_gather_config(root, folder, program, facts);
    return SV_OK;
}

void sv_gather_settings(const char *proc, sv_fact_program *program, sv_facts *facts) {
    if (read_settings(proc, program, facts, &program->settings.missing) == SV_OK) {
        program->settings.missing.text[0] = '\0';
    }
}
