#include "command.h"
#include "options.h"
#include <base/time.h>
#include <codec/json.h>
#include <crypto/pki.h>
#include <crypto/request.h>
#include <stdio.h>
#include <string.h>

/// What a verb's --help says.
typedef struct page {
    const char *usage;
    const char *about;
} page;

static int finish(sv_err err, const sv_why *why) {
    return err == SV_OK ? SV_EXIT_DONE : sv_exit_with(err, why);
}

/// Parse, or print the help: true when the verb goes on, else *code is the exit code. `plain` is
/// NULL for verbs without an argument, otherwise exactly one is wanted.
static bool begin(int argc, char **argv, page help, const sv_option *options, size_t count,
                  const char **plain, int *code) {
    sv_why why = { 0 };
    sv_err err = sv_options_parse(argc, argv, options, count, plain, plain != NULL ? 1 : 0, &why);
    if (err == SV_ERR_STATE) {
        sv_options_help(help.usage, help.about, options, count);
        *code = SV_EXIT_DONE;
        return false;
    }
    if (err == SV_OK && plain != NULL && plain[0] == NULL) {
        err = sv_fail(&why, SV_ERR_INVALID, "an argument is missing: %s", help.usage);
    }
    *code = finish(err, &why);
    return err == SV_OK;
}

static int init(int argc, char **argv) {
    static const page help = {
        "selvedge pki init --dir DIR [--org O] [--domain D] [--key ec|rsa|ed25519] "
        "[--ca-key PLACE]",
        "Make a root and an issuing CA. Afterwards move DIR/root off this machine: it is needed "
        "only to\nrenew the issuing CA. The root key's passphrase is in DIR/root/passphrase.\n\n"
        "example: selvedge pki init --dir pki --org Acme --domain plant.acme.example",
    };
    sv_pki_setup setup = { 0 };
    const char *key = "ec";
    const sv_option options[] = {
        { "dir", "DIR", SV_OPTION_TEXT, &setup.dir, "the new PKI folder", true, 0, 0 },
        { "org", "O", SV_OPTION_TEXT, &setup.org, "organisation in the names; default Selvedge",
          false, 0, 0 },
        { "domain", "D", SV_OPTION_TEXT, &setup.domain,
          "domain of the role URIs; default selvedge.local", false, 0, 0 },
        { "key", "TYPE", SV_OPTION_TEXT, &key, "ec (the default), rsa or ed25519", false, 0, 0 },
        { "ca-key", "PLACE", SV_OPTION_TEXT, &setup.ca_key,
          "make the issuing key in a TPM or a token: tpm2:… or pkcs11:…", false, 0, 0 },
    };
    int code = 0;
    if (!begin(argc, argv, help, options, SV_COUNT(options), NULL, &code)) {
        return code;
    }
    sv_why why = { 0 };
    sv_err err = sv_key_kind_parse(sv_text_of(key), &setup.key, &why);
    if (err == SV_OK) {
        err = sv_pki_init(&setup, &why);
    }
    return finish(err, &why);
}

static int issue_leaf(const char *dir, sv_pki_leaf *leaf, const char *role, const char *key) {
    sv_why why = { 0 };
    sv_err err = sv_role_parse(sv_text_of(role), &leaf->role, &why);
    if (err == SV_OK) {
        err = sv_key_kind_parse(sv_text_of(key), &leaf->key, &why);
    }
    if (err == SV_OK) {
        err = sv_pki_issue(dir, leaf, &why);
    }
    return finish(err, &why);
}

static int issue(int argc, char **argv) {
    static const page help = {
        "selvedge pki issue --dir DIR --id ID [--role R] [--dns N]... [--ip A]... --out DIR",
        "Make a key and its certificate: ID.key, ID.crt and ca.crt. A server or gateway without "
        "--dns and\n--ip answers to its id as DNS name.\n\n"
        "example: selvedge pki issue --dir pki --id gw-1 --role gateway --dns gw-1.plant.example "
        "--out gw-1",
    };
    sv_pki_leaf leaf = { 0 };
    const char *dir = NULL;
    const char *role = "device";
    const char *key = "ec";
    int64_t days = SV_PKI_LEAF_DAYS;
    const sv_option options[] = {
        { "dir", "DIR", SV_OPTION_TEXT, &dir, "the PKI folder", true, 0, 0 },
        { "id", "ID", SV_OPTION_TEXT, &leaf.id, "letters, digits, _ and -, 64 at most", true, 0,
          0 },
        { "role", "R", SV_OPTION_TEXT, &role, "device (the default), gateway, server, app", false,
          0, 0 },
        { "dns", "NAME", SV_OPTION_LIST, leaf.dns, "DNS name of a server or gateway", false, 0, 0 },
        { "ip", "ADDR", SV_OPTION_LIST, leaf.ip, "address of a server or gateway", false, 0, 0 },
        { "key", "TYPE", SV_OPTION_TEXT, &key, "ec (the default), rsa or ed25519", false, 0, 0 },
        { "days", "N", SV_OPTION_INT, &days, "validity, 365 by default", false, 1,
          SV_PKI_DAYS_MAX },
        { "out", "DIR", SV_OPTION_TEXT, &leaf.out, "folder for the three files", true, 0, 0 },
    };
    int code = 0;
    if (!begin(argc, argv, help, options, SV_COUNT(options), NULL, &code)) {
        return code;
    }
    leaf.days = (int) days;
    return issue_leaf(dir, &leaf, role, key);
}

static int request(int argc, char **argv) {
    static const page help = {
        "selvedge pki request --id ID --key PLACE --out F",
        "Ask for a certificate: a request (PEM) by the key at PLACE, which is a file, tpm2:… or "
        "pkcs11:….\nWhere there is none, one is made (P-256).\n\n"
        "example: selvedge pki request --id press-17 --key tpm2:/etc/selvedge/press-17.tpm --out "
        "press-17.csr",
    };
    sv_applicant applicant = { 0 };
    const char *where = NULL;
    const char *out = NULL;
    const sv_option options[] = {
        { "id", "ID", SV_OPTION_TEXT, &applicant.id, "who it is for", true, 0, 0 },
        { "key", "PLACE", SV_OPTION_TEXT, &where, "where the key is, or is to be", true, 0, 0 },
        { "out", "FILE", SV_OPTION_TEXT, &out, "the request", true, 0, 0 },
    };
    int code = 0;
    if (!begin(argc, argv, help, options, SV_COUNT(options), NULL, &code)) {
        return code;
    }
    sv_why why = { 0 };
    return finish(sv_request_write(where, &applicant, out, &why), &why);
}

static int sign(int argc, char **argv) {
    static const page help = {
        "selvedge pki sign --dir DIR --csr F --out F [--days N]",
        "Certify a device's own request (PEM or DER). Its CN becomes the id; extensions it asks "
        "for are\nnot taken over.\n\n"
        "example: selvedge pki sign --dir pki --csr device.csr --out device.crt",
    };
    const char *dir = NULL;
    const char *csr = NULL;
    const char *out = NULL;
    int64_t days = SV_PKI_LEAF_DAYS;
    const sv_option options[] = {
        { "dir", "DIR", SV_OPTION_TEXT, &dir, "the PKI folder", true, 0, 0 },
        { "csr", "FILE", SV_OPTION_TEXT, &csr, "the request", true, 0, 0 },
        { "out", "FILE", SV_OPTION_TEXT, &out, "the certificate, then the issuing one", true, 0,
          0 },
        { "days", "N", SV_OPTION_INT, &days, "validity, 365 by default", false, 1,
          SV_PKI_DAYS_MAX },
    };
    int code = 0;
    if (!begin(argc, argv, help, options, SV_COUNT(options), NULL, &code)) {
        return code;
    }
    sv_why why = { 0 };
    return finish(sv_pki_sign(dir, csr, out, (int) days, &why), &why);
}

static int verify(int argc, char **argv) {
    static const page help = {
        "selvedge pki verify --ca F CERT",
        "Does the certificate chain to the CA, now? Exit 0: yes, with id and role; 1: no.\n\n"
        "example: selvedge pki verify --ca pki/ca.crt device.crt",
    };
    const char *ca = NULL;
    const char *plain[2] = { 0 };
    const sv_option options[] = {
        { "ca", "FILE", SV_OPTION_TEXT, &ca, "what is trusted", true, 0, 0 },
    };
    int code = 0;
    if (!begin(argc, argv, help, options, SV_COUNT(options), plain, &code)) {
        return code;
    }
    sv_why why = { 0 };
    sv_identity who;
    sv_err err = sv_pki_verify(ca, plain[0], &who, &why);
    if (err == SV_OK) {
        (void) printf("%s: OK\n%s %s%s\n", plain[0], sv_role_name(who.role), who.id,
                      who.classic ? " (classic certificate without a role)" : "");
        return SV_EXIT_DONE;
    }
    (void) sv_exit_with(err, &why);
    return err == SV_ERR_UNTRUSTED ? SV_EXIT_NO : sv_exit_of(err);
}

static int revoke(int argc, char **argv) {
    static const page help = {
        "selvedge pki revoke --dir DIR ID",
        "Everything issued to ID until now no longer counts. Then write a new list with "
        "`selvedge pki crl`\nand give it to the servers and brokers.\n\nexample: selvedge pki "
        "revoke --dir pki device-001",
    };
    const char *dir = NULL;
    const char *plain[2] = { 0 };
    const sv_option options[] = {
        { "dir", "DIR", SV_OPTION_TEXT, &dir, "the PKI folder", true, 0, 0 },
    };
    int code = 0;
    if (!begin(argc, argv, help, options, SV_COUNT(options), plain, &code)) {
        return code;
    }
    sv_why why = { 0 };
    return finish(sv_pki_revoke(dir, plain[0], &why), &why);
}

static int crl(int argc, char **argv) {
    static const page help = {
        "selvedge pki crl --dir DIR --out F",
        "Write the revocation list (PEM), valid for 30 days.\n\n"
        "example: selvedge pki crl --dir pki --out crl.pem",
    };
    const char *dir = NULL;
    const char *out = NULL;
    const sv_option options[] = {
        { "dir", "DIR", SV_OPTION_TEXT, &dir, "the PKI folder", true, 0, 0 },
        { "out", "FILE", SV_OPTION_TEXT, &out, "where the list goes", true, 0, 0 },
    };
    int code = 0;
    if (!begin(argc, argv, help, options, SV_COUNT(options), NULL, &code)) {
        return code;
    }
    sv_why why = { 0 };
    return finish(sv_pki_crl(dir, out, &why), &why);
}

static int rotate(int argc, char **argv) {
    static const page help = {
        "selvedge pki rotate --dir DIR [--root DIR] [--passphrase-file FILE]",
        "A new issuing CA under the same root. What was issued before goes on counting, and "
        "devices "
        "need\nnothing: they trust the root. ca.crt becomes the new issuing certificate, the root, "
        "the former\nones; the former keys stay in DIR/former for their revocation lists.\n\n"
        "example: selvedge pki rotate --dir pki --root /media/offline/root",
    };
    sv_pki_rotation rotation = { 0 };
    const sv_option options[] = {
        { "dir", "DIR", SV_OPTION_TEXT, &rotation.dir, "the PKI folder", true, 0, 0 },
        { "root", "DIR", SV_OPTION_TEXT, &rotation.root,
          "where root.key is; DIR/root when nothing is said", false, 0, 0 },
        { "passphrase-file", "FILE", SV_OPTION_TEXT, &rotation.passphrase_file,
          "of the root key; `passphrase` beside it when nothing is said", false, 0, 0 },
    };
    int code = 0;
    if (!begin(argc, argv, help, options, SV_COUNT(options), NULL, &code)) {
        return code;
    }
    sv_why why = { 0 };
    sv_err err = sv_pki_rotate(&rotation, &why);
    if (err == SV_OK) {
        (void) fprintf(
            stderr,
            "'%s/ca.crt' has a new issuing certificate. Bring ca.crt, and crl.pem where there "
            "is one,\nto the gateways and the fleet server where they have copies, send them "
            "SIGHUP, and\n"
            "then the signer. Devices need nothing.\n",
            rotation.dir);
    }
    return finish(err, &why);
}

static void add_time(sv_json_out *json, const char *key, int64_t at_us) {
    char room[40];
    sv_textbuf text = SV_TEXTBUF(room);
    sv_time_add(&text, at_us);
    sv_json_add_text(json, key, sv_textbuf_text(&text));
}

static void print_json(void *arg, const sv_pki_record *record) {
    bool *first = arg;
    char room[512];
    sv_textbuf line = SV_TEXTBUF(room);
    sv_json_out json = SV_JSON_OUT(&line);
    sv_json_open_object(&json);
    sv_json_add_str(&json, "id", record->id);
    sv_json_add_str(&json, "role", sv_role_name(record->role));
    sv_json_add_str(&json, "serial", record->serial);
    add_time(&json, "not_before", record->not_before_us);
    add_time(&json, "not_after", record->not_after_us);
    sv_json_add_bool(&json, "revoked", record->revoked);
    sv_json_close_object(&json);
    (void) printf("%s" SV_TEXT_FMT, *first ? "" : ",\n", SV_TEXT_ARG(sv_textbuf_text(&line)));
    *first = false;
}

static void print_row(void *arg, const sv_pki_record *record) {
    (void) arg;
    char room[40] = "";
    sv_textbuf until = SV_TEXTBUF(room);
    sv_time_add(&until, record->not_after_us);
    (void) printf("%-24s %-8s %-32s %.10s %s\n", record->id, sv_role_name(record->role),
                  record->serial, room, record->revoked ? "revoked" : "");
}

static int list(int argc, char **argv) {
    static const page help = {
        "selvedge pki list --dir DIR [--output json|table]",
        "Every certificate the folder knows, oldest first.\n\n"
        "example: selvedge pki list --dir pki --output json",
    };
    const char *dir = NULL;
    const char *output = "table";
    const sv_option options[] = {
        { "dir", "DIR", SV_OPTION_TEXT, &dir, "the PKI folder", true, 0, 0 },
        { "output", "FORM", SV_OPTION_TEXT, &output, "table (the default) or json", false, 0, 0 },
    };
    int code = 0;
    if (!begin(argc, argv, help, options, SV_COUNT(options), NULL, &code)) {
        return code;
    }
    sv_why why = { 0 };
    bool json = false;
    sv_err err = sv_output_parse(output, &json, &why);
    if (err != SV_OK) {
        return finish(err, &why);
    }
    bool first = true;
    (void) fputs(json ? "[" : "", stdout);
    err = sv_pki_list(dir, json ? print_json : print_row, &first, &why);
    (void) fputs(json ? "]\n" : "", stdout);
    return finish(err, &why);
}

int cmd_pki(int argc, char **argv) {
    static const sv_command verbs[] = {
        { "init", "make a root and an issuing CA", init },
        { "issue", "make a key and its certificate", issue },
        { "request", "ask for a certificate, with a key in a file, a TPM or a token", request },
        { "sign", "certify a device's request", sign },
        { "verify", "does a certificate chain to a CA?", verify },
        { "revoke", "what was issued to an id no longer counts", revoke },
        { "crl", "write the revocation list", crl },
        { "rotate", "a new issuing CA under the same root", rotate },
        { "list", "every certificate the folder knows", list },
    };
    return sv_command_run(
        "selvedge pki",
        "A site's certificates, in one folder: an offline root, an issuing CA and "
        "what they issued.\n"
        "Begin with: selvedge pki init --dir pki",
        verbs, SV_COUNT(verbs), argc, argv);
}
