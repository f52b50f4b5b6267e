// The first byte chooses a key, the rest is a signature. Whatever it is: it is not that key's, it
// is refused with a sentence, and what refuses it is the signature, not a failure of the check.
#include <crypto/firmware.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/disk.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const KINDS[] = { "ec", "rsa", "ed25519" };

static char folder[64];

static void must(bool is_so) {
    if (!is_so) {
        abort();
    }
}

static const char *in(char room[PATH_MAX], const char *kind, const char *name) {
    (void) snprintf(room, PATH_MAX, "%s/%s%s", folder, kind, name);
    return room;
}

static void stop(void) {
    (void) !sv_disk_remove_tree(folder, NULL);
}

/// New keys every time: no signature that fits can be in a corpus.
static void start(void) {
    const char *room = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    char path[PATH_MAX];
    (void) snprintf(folder, sizeof folder, "%s/selvedge-fuzz-XXXXXX", room);
    must(mkdtemp(folder) != NULL && atexit(stop) == 0);
    for (size_t i = 0; i < SV_COUNT(KINDS); i++) {
        sv_key_kind kind = SV_KEY_EC;
        must(sv_key_kind_parse(sv_text_of(KINDS[i]), &kind, NULL) == SV_OK
             && sv_firmware_keygen(in(path, KINDS[i], ""), kind, NULL) == SV_OK);
    }
    must(sv_disk_replace(in(path, "", "image"), SV_TEXT("an image"), 0600, NULL) == SV_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (folder[0] == '\0') {
        start();
    }
    if (size == 0) {
        return 0;
    }
    char image[PATH_MAX];
    char key[PATH_MAX];
    char path[PATH_MAX];
    sv_why why = { 0 };
    sv_text signature = { .at = (const char *) data + 1, .len = size - 1 };
    (void) in(image, "", "image"), (void) in(path, "", "signature");
    (void) in(key, KINDS[data[0] % SV_COUNT(KINDS)], "/firmware.pub");
    must(sv_disk_replace(path, signature, 0600, NULL) == SV_OK);
    must(sv_firmware_verify(image, path, key, &why) == SV_ERR_UNTRUSTED && why.text[0] != '\0');
    return 0;
}
