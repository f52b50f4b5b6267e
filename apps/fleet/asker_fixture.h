// A fleet server whose device door trusts a PKI of its own: gateways gw-a (site north) and gw-b
// (south), press-1 of north, stray of nowhere. For tests.
#ifndef SV_FLEET_ASKER_FIXTURE_H
#define SV_FLEET_ASKER_FIXTURE_H

#include "asker.h"
#include "fleet_fixture.h"

#include <codec/encode.h>
#include <crypto/pki.h>
#include <string.h>

enum { ASKER_DER_MAX = SV_CERTIFICATE_MAX, ASKER_PEM_MAX = 64 * 1024 };

static inline void asker_path(const fixture *f, char room[SV_PATH_MAX], const char *name,
                              const char *ending) {
    char relative[SV_ID_ROOM + 16];
    (void) snprintf(relative, sizeof relative, "%s%s", name, ending);
    assert_int_equal(sv_disk_join(room, SV_PATH_MAX, f->dir, relative), SV_OK);
}

static inline void asker_issue(const fixture *f, const char *pki, const char *id, sv_role role) {
    char dir[SV_PATH_MAX];
    asker_path(f, dir, pki, "");
    sv_pki_leaf leaf = { .id = id, .role = role, .out = f->dir };
    sv_why why = { 0 };
    if (sv_pki_issue(dir, &leaf, &why) != SV_OK) {
        fail_msg("%s", why.text);
    }
}

static inline void asker_make_pki(const fixture *f, const char *pki) {
    char dir[SV_PATH_MAX];
    asker_path(f, dir, pki, "");
    const sv_pki_setup setup = { .dir = dir, .root_passphrase = "only for tests" };
    assert_int_equal(sv_pki_init(&setup, NULL), SV_OK);
}

/// What the door judges by, with the revocations of now.
static inline void asker_open_door(fixture *f) {
    char pki[SV_PATH_MAX];
    char ca[SV_PATH_MAX];
    char crl[SV_PATH_MAX];
    char cert[SV_PATH_MAX];
    char key[SV_PATH_MAX];
    asker_path(f, pki, "pki", "");
    asker_path(f, ca, "pki", "/ca.crt");
    asker_path(f, crl, "crl", ".pem");
    asker_path(f, cert, "fleet", ".crt");
    asker_path(f, key, "fleet", ".key");
    assert_int_equal(sv_pki_crl(pki, crl, NULL), SV_OK);
    const sv_tls_files files = { .ca = ca, .cert = cert, .key = key, .crl = crl };
    sv_tls_drop(&f->fleet.device_tls);
    assert_int_equal(
        sv_tls_server(&files, SV_TLS_CLIENTS_TRUSTED, false, &f->fleet.device_tls, NULL), SV_OK);
}

static inline void asker_setup(fixture *f) {
    asker_make_pki(f, "pki");
    asker_issue(f, "pki", "fleet", SV_ROLE_SERVER);
    asker_issue(f, "pki", "gw-b", SV_ROLE_GATEWAY);
    asker_issue(f, "pki", "press-1", SV_ROLE_DEVICE);
    asker_issue(f, "pki", "stray", SV_ROLE_DEVICE);
    asker_open_door(f);
    sv_device *device = NULL;
    assert_int_equal(sv_db_begin(f->fleet.db, NULL), SV_OK);
    assert_int_equal(sv_registry_bind(f->fleet.registry, fixture_gateway(f, "gw-a"),
                                      SV_TEXT("press-1"), &device, NULL),
                     SV_OK);
    assert_int_equal(sv_db_commit(f->fleet.db, NULL), SV_OK);
    sv_registry_settle(f->fleet.registry, true);
}

/// The leaf of `<name>.crt` in DER: what stands between the lines of the first PEM block.
static inline void asker_der(const fixture *f, const char *name, sv_textbuf *der) {
    char path[SV_PATH_MAX];
    SV_DEFER(sv_textbuf_drop) sv_textbuf pem = SV_TEXTBUF_HEAP(ASKER_PEM_MAX);
    SV_DEFER(sv_textbuf_drop) sv_textbuf field = SV_TEXTBUF_HEAP(ASKER_PEM_MAX);
    asker_path(f, path, name, ".crt");
    assert_int_equal(sv_disk_read(path, &pem, NULL), SV_OK);
    sv_text rest = sv_textbuf_text(&pem);
    (void) sv_text_cut(&rest, '\n');
    sv_textbuf_add_char(&field, ':');
    for (sv_text line = sv_text_cut(&rest, '\n'); !sv_text_starts(line, SV_TEXT("-----"));
         line = sv_text_cut(&rest, '\n')) {
        sv_textbuf_add(&field, line);
    }
    sv_textbuf_add_char(&field, ':');
    assert_int_equal(sv_field_bytes_parse(sv_textbuf_text(&field), der), SV_OK);
}

#endif
