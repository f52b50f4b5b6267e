// Replays a corpus folder through a fuzz target without libFuzzer: every file, every prefix of it
// and every file with one byte changed at a few places. A crash or a sanitizer report fails the
// test.
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FILE_MAX = 1 << 16, PREFIXES_MAX = 512, FLIPS = 256 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/// A copy of exact size, so that AddressSanitizer sees one byte too far.
static void run(const uint8_t *data, size_t size) {
    uint8_t *copy = malloc(size == 0 ? 1 : size);
    if (copy == NULL) {
        abort();
    }
    memcpy(copy, data, size);
    (void) LLVMFuzzerTestOneInput(copy, size);
    free(copy);
}

static void replay(uint8_t *data, size_t size) {
    run(data, size);
    size_t step = size / PREFIXES_MAX + 1;
    for (size_t cut = 0; cut < size; cut += step) {
        run(data, cut);
    }
    for (size_t i = 0; i < FLIPS && size > 0; i++) {
        size_t at = i * 2654435761U % size;
        uint8_t old = data[at];
        data[at] = (uint8_t) (old ^ (1U << (i % 8)));
        run(data, size);
        data[at] = old;
    }
}

int main(int argc, char **argv) {
    DIR *dir = argc == 2 ? opendir(argv[1]) : NULL;
    if (dir == NULL) {
        (void) fprintf(stderr, "cannot open the corpus folder %s\n",
                       argc == 2 ? argv[1] : "(none)");
        return 1;
    }
    static uint8_t data[FILE_MAX];
    int files = 0;
    for (struct dirent *item = readdir(dir); item != NULL; item = readdir(dir)) {
        char path[4096];
        (void) snprintf(path, sizeof path, "%s/%s", argv[1], item->d_name);
        FILE *file = item->d_name[0] == '.' ? NULL : fopen(path, "rb");
        if (file != NULL) {
            size_t size = fread(data, 1, sizeof data, file);
            (void) fclose(file);
            replay(data, size);
            files++;
        }
    }
    (void) closedir(dir);
    (void) printf("%d corpus files replayed\n", files);
    return files > 0 ? 0 : 1;
}
