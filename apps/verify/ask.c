#include "ask.h"
#include <base/text.h>
#include <getopt.h>

static const char HELP[] =
    "usage: selvedge-verify IMAGE --header FILE --key FILE... [options]\n"
    "       selvedge-verify SLOT --trailer --key FILE... [options]\n\n"
    "May this image be started? Judges its boot header, then the image itself, as a boot loader\n"
    "does. IMAGE and SLOT are a file or a block device.\n\n"
    "  --header FILE     the boot header of 1024 bytes\n"
    "  --trailer         it is in the slot's last 4096 bytes\n"
    "  --key FILE        a public key that counts: P-256 as PEM, DER or point; may be repeated\n"
    "  --revoked FILE    a public key that counts no more; may be repeated\n"
    "  --product NAME    the device's product, which the image has to be for\n"
    "  --hardware ID     the device's hardware\n"
    "  --slot CLASS      the slot's class\n"
    "  --release NAME    the version that it has to be\n"
    "  --counter N       the highest release counter confirmed so far; nothing below it counts\n"
    "  --version         print the version and end\n"
    "  --help            print this and end\n\n"
    "Exit codes: 0 it may be started, 1 it may not (the reason is in the line), 2 wrong usage or "
    "a\n"
    "file that is not there or no key, 5 this machine cannot read it.\n";

const char *verify_ask_help(void) {
    return HELP;
}

static sv_err take_key(const char *const what, const char **files, size_t *count, sv_why *why) {
    if (*count == SV_BOOT_KEYS_MAX) {
        return sv_fail(why, SV_ERR_INVALID, "%s: more than %d keys", what, SV_BOOT_KEYS_MAX);
    }
    files[(*count)++] = optarg;
    return SV_OK;
}

static sv_err take_counter(uint32_t *out, sv_why *why) {
    uint64_t number = 0;
    if (sv_text_u64(sv_text_of(optarg), UINT32_MAX, &number) != SV_OK) {
        return sv_fail(why, SV_ERR_INVALID, "--counter: '%.80s' is not a number up to %u", optarg,
                       UINT32_MAX);
    }
    *out = (uint32_t) number;
    return SV_OK;
}

/// A name that is empty would be one that no image has, or, in a script, one that was not set.
static sv_err take_name(const char *option, const char **out, sv_why *why) {
    if (optarg[0] == '\0') {
        return sv_fail(why, SV_ERR_INVALID, "--%s: an empty name", option);
    }
    *out = optarg;
    return SV_OK;
}

static sv_err take(int option, const char *name, verify_ask *out, sv_why *why) {
    switch (option) {
    case 'd':
        out->header = optarg;
        return SV_OK;
    case 't':
        out->trailer = true;
        return SV_OK;
    case 'k':
        return take_key("--key", out->keys, &out->key_count, why);
    case 'x':
        return take_key("--revoked", out->revoked, &out->revoked_count, why);
    case 'p':
        return take_name(name, &out->device.product, why);
    case 'w':
        return take_name(name, &out->device.hardware, why);
    case 's':
        return take_name(name, &out->device.slot, why);
    case 'r':
        return take_name(name, &out->device.version, why);
    case 'c':
        return take_counter(&out->device.counter, why);
    case 'v':
        out->version = true;
        return SV_OK;
    default:
        out->help = true;
        return SV_OK;
    }
}

static sv_err check(const verify_ask *ask, int words, sv_why *why) {
    if (ask->help || ask->version) {
        return SV_OK;
    }
    if (words != 1) {
        return sv_fail(why, SV_ERR_INVALID, "it takes one image or slot, not %d; see --help",
                       words);
    }
    if (ask->trailer == (ask->header != NULL)) {
        return sv_fail(why, SV_ERR_INVALID,
                       "say where the boot header is: --header FILE or --trailer");
    }
    if (ask->key_count == 0) {
        return sv_fail(why, SV_ERR_INVALID, "no --key: without a key nothing may be started");
    }
    return SV_OK;
}

sv_err verify_ask_read(int argc, char **argv, verify_ask *out, sv_why *why) {
    static const struct option OPTIONS[] = {
        { "header", required_argument, NULL, 'd' },  { "trailer", no_argument, NULL, 't' },
        { "key", required_argument, NULL, 'k' },     { "revoked", required_argument, NULL, 'x' },
        { "product", required_argument, NULL, 'p' }, { "hardware", required_argument, NULL, 'w' },
        { "slot", required_argument, NULL, 's' },    { "release", required_argument, NULL, 'r' },
        { "counter", required_argument, NULL, 'c' }, { "version", no_argument, NULL, 'v' },
        { "help", no_argument, NULL, 'h' },          { NULL, 0, NULL, 0 },
    };
    verify_ask ask = { 0 };
    int at = 0;
    opterr = 0;
    for (int option = 0; (option = getopt_long(argc, argv, ":h", OPTIONS, &at)) != -1;) {
        if (option == '?' || option == ':') {
            return sv_fail(why, SV_ERR_INVALID,
                           option == ':' ? "%.80s needs a value; see --help"
                                         : "%.80s is not an option; see --help",
                           argv[optind - 1]);
        }
        SV_TRY(take(option, OPTIONS[at].name, &ask, why));
    }
    SV_TRY(check(&ask, argc - optind, why));
    ask.image = argv[optind];
    *out = ask;
    return SV_OK;
}
