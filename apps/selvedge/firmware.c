#include "firmware.h"
#include "command.h"
#include "options.h"
#include <crypto/firmware.h>
#include <stdio.h>

static int finish(sv_err err, const sv_why *why) {
    return err == SV_OK ? SV_EXIT_DONE : sv_exit_with(err, why);
}

static int keygen(int argc, char **argv) {
    const char *out = NULL;
    const char *key = "rsa";
    const sv_option options[] = {
        { "out", "DIR", SV_OPTION_TEXT, &out, "where firmware.key and firmware.pub go", true, 0,
          0 },
        { "key", "TYPE", SV_OPTION_TEXT, &key, "rsa (3072, the default), ec or ed25519", false, 0,
          0 },
    };
    sv_why why = { 0 };
    sv_err err = sv_options_parse(argc, argv, options, SV_COUNT(options), NULL, 0, &why);
    if (err == SV_ERR_STATE) {
        sv_options_help("selvedge firmware keygen --out DIR [--key rsa|ec|ed25519]",
                        "Make the pair of keys that firmware is signed with. Keep firmware.key "
                        "offline; firmware.pub\ngoes onto the devices.\n\n"
                        "example: selvedge firmware keygen --out keys",
                        options, SV_COUNT(options));
        return SV_EXIT_DONE;
    }
    sv_key_kind kind = SV_KEY_RSA;
    if (err == SV_OK) {
        err = sv_key_kind_parse(sv_text_of(key), &kind, &why);
    }
    if (err == SV_OK) {
        err = sv_firmware_keygen(out, kind, &why);
    }
    return finish(err, &why);
}

static int sign(int argc, char **argv) {
    const char *key = NULL;
    const char *out = NULL;
    const char *plain[2] = { 0 };
    const sv_option options[] = {
        { "key", "PEM", SV_OPTION_TEXT, &key, "the private key", true, 0, 0 },
        { "out", "SIG", SV_OPTION_TEXT, &out, "where the signature goes", true, 0, 0 },
    };
    sv_why why = { 0 };
    sv_err err = sv_options_parse(argc, argv, options, SV_COUNT(options), plain, 1, &why);
    if (err == SV_ERR_STATE) {
        sv_options_help("selvedge firmware sign FILE --key PEM --out SIG",
                        "Sign a firmware file. An RSA key gives RSA-PSS with SHA-256, MGF1-SHA-256 "
                        "and the largest\nsalt; P-256 gives ECDSA, Ed25519 its own.\n\n"
                        "example: selvedge firmware sign firmware.bin --key keys/firmware.key "
                        "--out firmware.sig",
                        options, SV_COUNT(options));
        return SV_EXIT_DONE;
    }
    if (err == SV_OK && plain[0] == NULL) {
        err = sv_fail(&why, SV_ERR_INVALID, "name the file to sign; see --help");
    }
    if (err == SV_OK) {
        err = sv_firmware_sign(plain[0], key, out, &why);
    }
    return finish(err, &why);
}

static int verify(int argc, char **argv) {
    const char *signature = NULL;
    const char *key = NULL;
    const char *plain[2] = { 0 };
    const sv_option options[] = {
        { "signature", "SIG", SV_OPTION_TEXT, &signature, "the detached signature", true, 0, 0 },
        { "key", "PUB.pem", SV_OPTION_TEXT, &key, "the public key", true, 0, 0 },
    };
    sv_why why = { 0 };
    sv_err err = sv_options_parse(argc, argv, options, SV_COUNT(options), plain, 1, &why);
    if (err == SV_ERR_STATE) {
        sv_options_help("selvedge firmware verify FILE --signature SIG --key PUB.pem",
                        "Is this file what the owner of the key signed? Exit 0: yes; 1: no, with "
                        "the reason.\n\n"
                        "example: selvedge firmware verify firmware.bin --signature firmware.sig "
                        "--key keys/firmware.pub",
                        options, SV_COUNT(options));
        return SV_EXIT_DONE;
    }
    if (err == SV_OK && plain[0] == NULL) {
        err = sv_fail(&why, SV_ERR_INVALID, "name the file to verify; see --help");
    }
    if (err != SV_OK) {
        return sv_exit_with(err, &why);
    }
    if (sv_firmware_verify(plain[0], signature, key, &why) != SV_OK) {
        (void) printf("Firmware verification: FAILED - %s\n", why.text);
        return SV_EXIT_NO;
    }
    (void) printf("Firmware verification: PASSED\n");
    return SV_EXIT_DONE;
}

int cmd_firmware(int argc, char **argv) {
    static const sv_command verbs[] = {
        { "keygen", "make a pair of signing keys", keygen },
        { "sign", "sign a firmware file", sign },
        { "verify", "check a firmware file against its signature", verify },
        { "install", "install an image as a device does, on a folder with two slots",
          firmware_install },
        { "boot", "one start of what is installed there, and what comes of it", firmware_boot },
        { "slots", "what lies in both slots, and which would start", firmware_slots_look },
    };
    return sv_command_run("selvedge firmware",
                          "Firmware files, their detached signatures, and trying an update by "
                          "hand.\nBegin with: selvedge firmware keygen --out keys",
                          verbs, SV_COUNT(verbs), argc, argv);
}
