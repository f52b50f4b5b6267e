#include "judge.h"
#include <inttypes.h>
#include <stdio.h>

/// DESIGN: the exit codes of every command.
enum { EXIT_YES = 0, EXIT_NO = 1, EXIT_USAGE = 2, EXIT_MACHINE = 5 };

static int trouble(const sv_why *why) {
    (void) fprintf(stderr, "selvedge-verify: %s\n", why->text);
    return why->code == SV_ERR_IO ? EXIT_MACHINE : EXIT_USAGE;
}

int main(int argc, char **argv) {
    verify_ask ask;
    sv_why why = { 0 };
    if (verify_ask_read(argc, argv, &ask, &why) != SV_OK) {
        return trouble(&why);
    }
    if (ask.help || ask.version) {
        (void) printf("%s", ask.help ? verify_ask_help() : "selvedge-verify " SV_VERSION "\n");
        return EXIT_YES;
    }
    sv_boot_header header = { 0 };
    sv_err err = verify_judge(&ask, &header, &why);
    if (err == SV_ERR_UNTRUSTED) {
        (void) printf("Firmware verification: FAILED - %s\n", why.text);
        return EXIT_NO;
    }
    if (err != SV_OK) {
        return trouble(&why);
    }
    (void) printf("Firmware verification: PASSED\n%s %s, counter %" PRIu32 ", slot %s\n",
                  header.product, header.version, header.counter, header.slot);
    return EXIT_YES;
}
