#include "enrol_files.h"

#include "config.h"

#include <base/mem.h>
#include <base/time.h>
#include <crypto/identity.h>
#include <stdio.h>
#include <string.h>

enum { YAML_MAX = 16 * 1024, NAME_ROOM = SV_ID_ROOM + 8 };

static sv_err put_path(char room[SV_PATH_MAX], const char *folder, const char *name,
                       const char *suffix, sv_why *why) {
    int len = snprintf(room, SV_PATH_MAX, "%s/%s%s", folder, name, suffix);
    return len >= 0 && len < SV_PATH_MAX
               ? SV_OK
               : sv_fail(why, SV_ERR_INVALID, "the path '%.64s...' is too long", folder);
}

sv_err sv_agent_keep_authority(const sv_agent_enrol_files *files, sv_text pem, sv_why *why) {
    return sv_disk_replace(files->ca, pem, 0644, why);
}

/// A text in single quotes, as YAML takes any.
static void put_quoted(sv_textbuf *yaml, const char *text) {
    sv_textbuf_add_char(yaml, '\'');
    for (; *text != '\0'; text++) {
        sv_textbuf_add_char(yaml, *text);
        if (*text == '\'') {
            sv_textbuf_add_char(yaml, '\'');
        }
    }
    sv_textbuf_add_char(yaml, '\'');
}

static void put_key(sv_textbuf *yaml, const char *name, const char *text) {
    sv_textbuf_add_str(yaml, name);
    put_quoted(yaml, text);
    sv_textbuf_add_char(yaml, '\n');
}

static void write_yaml(const sv_agent_enrolment *with, const sv_agent_enrol_files *files,
                       sv_textbuf *yaml) {
    put_key(yaml, "id: ", with->id);
    put_key(yaml, "gateway:\n  host: ", with->gateway);
    sv_textbuf_addf(yaml, "  port: %u\n", (unsigned) with->gateway_port);
    put_key(yaml, "tls:\n  ca: ", files->ca);
    put_key(yaml, "  cert: ", files->cert);
    put_key(yaml, "  key: ", with->key);
    put_key(yaml, "enrolment:\n  at: ", with->at);
    put_key(yaml, "spool:\n  path: ", files->spool);
}

/// Said before the token is used rather than by the agent when it starts.
static sv_err check_yaml(sv_text yaml, sv_why *why) {
    SV_DEFER(sv_config_faults_drop) sv_config_faults faults = { .file = "agent.yaml" };
    SV_DEFER(sv_mem_drop) sv_agent_config *config = sv_mem_new(sizeof *config);
    if (sv_agent_config_read(yaml, config, &faults) != SV_OK) {
        return sv_fail(why, SV_ERR_INVALID, "cannot be configured: %.*s",
                       SV_TEXT_ARG(sv_textbuf_text(&faults.text)));
    }
    return SV_OK;
}

sv_err sv_agent_enrol_find(const sv_agent_enrolment *with, sv_agent_enrol_files *out, sv_why *why) {
    SV_TRY(put_path(out->ca, with->out, "ca", ".crt", why));
    SV_TRY(put_path(out->cert, with->out, with->id, ".crt", why));
    SV_TRY(put_path(out->yaml, with->out, "agent", ".yaml", why));
    SV_TRY(put_path(out->spool, with->out, "spool", "", why));
    if (sv_disk_exists(out->cert)) {
        return sv_fail(why, SV_ERR_STATE,
                       "'%s' is there already: this device is enrolled; to enrol it anew move the "
                       "file away or name another folder with --out",
                       out->cert);
    }
    SV_DEFER(sv_textbuf_drop) sv_textbuf yaml = SV_TEXTBUF_HEAP(YAML_MAX);
    write_yaml(with, out, &yaml);
    SV_TRY(check_yaml(sv_textbuf_text(&yaml), why));
    return sv_disk_make_folder(with->out, 0755, why);
}

sv_err sv_agent_keep_certificate(const sv_agent_enrolment *with, const sv_agent_enrol_files *files,
                                 sv_text chain, sv_why *why) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf yaml = SV_TEXTBUF_HEAP(YAML_MAX);
    if (!sv_disk_exists(files->yaml)) {
        write_yaml(with, files, &yaml);
        SV_TRY(sv_disk_replace(files->yaml, sv_textbuf_text(&yaml), 0644, why));
    }
    return sv_disk_replace(files->cert, chain, 0644, why);
}
