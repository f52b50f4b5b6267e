// A gateway's Client-Cert: after '=' the field as it stands, otherwise press-1's certificate with
// some of its bytes changed (pairs of position and mask). Whatever it is: it is refused with a
// sentence, or it is press-1 of this gateway's site; at another site's gateway, and from a device,
// it is always refused.
#include "asker_fixture.h"

#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FIELD_MAX = 1 << 16 };

static fixture server;
static char der_room[SV_CERTIFICATE_MAX];
static sv_textbuf der = SV_TEXTBUF(der_room);

static void stop(void) {
    sv_tls_drop(&server.fleet.device_tls);
    sv_fleet_drop(&server.fleet);
    (void) !sv_disk_remove_tree(server.dir, NULL);
}

static void start(void) {
    const char *room = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    (void) snprintf(server.dir, sizeof server.dir, "%s/selvedge-fuzz-XXXXXX", room);
    if (mkdtemp(server.dir) == NULL) {
        abort();
    }
    fixture_start(&server);
    asker_setup(&server);
    asker_der(&server, "press-1", &der);
    if (atexit(stop) != 0) { // after OpenSSL's own, so that it runs before
        abort();
    }
}

static sv_err judge(const char *id, sv_role role, const char *field, sv_asker *out) {
    sv_identity peer = { .role = role };
    sv_why why = { 0 };
    (void) snprintf(peer.id, sizeof peer.id, "%s", id);
    const sv_asker_claim claim = { .peer = &peer, .client_cert = field, .client_certs = 1 };
    sv_err err = sv_asker_judge(&server.fleet, server.fleet.device_tls, &claim, out, &why);
    if (err != SV_OK && (why.text[0] == '\0' || why.code != err)) {
        abort();
    }
    return err;
}

static void write_field(const uint8_t *data, size_t size, sv_textbuf *field) {
    if (size > 0 && data[0] == '=') {
        sv_textbuf_add(field, (sv_text){ .at = (const char *) data + 1, .len = size - 1 });
        return;
    }
    char changed[SV_CERTIFICATE_MAX];
    memcpy(changed, der.at, der.len);
    for (size_t i = 0; i + 2 < size; i += 3) {
        size_t at = (size_t) (data[i] << 8 | data[i + 1]) % der.len;
        changed[at] = (char) (changed[at] ^ data[i + 2]);
    }
    sv_field_bytes_add(field, (sv_text){ .at = changed, .len = der.len });
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (server.dir[0] == '\0') {
        start();
    }
    SV_DEFER(sv_textbuf_drop) sv_textbuf field = SV_TEXTBUF_HEAP(FIELD_MAX);
    write_field(data, size, &field);
    if (sv_textbuf_end(&field) != SV_OK) {
        return 0;
    }
    sv_asker asker;
    if (judge("gw-a", SV_ROLE_GATEWAY, field.at, &asker) == SV_OK
        && (strcmp(asker.who.id, "press-1") != 0 || asker.who.role != SV_ROLE_DEVICE
            || strcmp(asker.site->name, "north") != 0)) {
        abort();
    }
    if (judge("gw-b", SV_ROLE_GATEWAY, field.at, &asker) == SV_OK
        || judge("press-1", SV_ROLE_DEVICE, field.at, &asker) == SV_OK) {
        abort();
    }
    return 0;
}
