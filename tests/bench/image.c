// What an encoding of an image costs:
//   bench-image encode IMAGE OLD raw|zstd|delta plain|sealed OUT   writes OUT, OUT.index, OUT.json
//   bench-image open   IMAGE OLD raw|zstd|delta plain|sealed OUT   opens every chunk of it
// Prints JSON: CPU in ms per MiB of image, bytes stored, peak memory.
#include <base/fd.h>
#include <base/mem.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <update/image_encode.h>

enum { PATH_ROOM = 4096, ENTRY_MAX = 64 * 1024 };

static void must(bool done, const char *what) {
    if (!done) {
        (void) fprintf(stderr, "bench-image: %s\n", what);
        exit(2);
    }
}

static double cpu_ms(void) {
    struct timespec now;
    (void) clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double) now.tv_sec * 1e3 + (double) now.tv_nsec / 1e6;
}

static sv_err read_at(void *arg, uint64_t at, uint8_t *out, size_t bytes, sv_why *why) {
    const int *fd = arg;
    return pread(*fd, out, bytes, (off_t) at) == (ssize_t) bytes
               ? SV_OK
               : sv_fail(why, SV_ERR_IO, "cannot read %zu bytes", bytes);
}

static sv_err put(void *arg, sv_text stored, sv_why *why) {
    return fwrite(stored.at, 1, stored.len, arg) == stored.len
               ? SV_OK
               : sv_fail(why, SV_ERR_IO, "cannot write");
}

static sv_image_bytes open_image(const char *path, int *fd) {
    struct stat about;
    *fd = open(path, O_RDONLY | O_CLOEXEC);
    must(*fd >= 0 && fstat(*fd, &about) == 0, path);
    return (sv_image_bytes){ .arg = fd, .length = (uint64_t) about.st_size, .read = read_at };
}

typedef struct job {
    int image_fd, old_fd;
    sv_image_bytes image, old;
    uint8_t digest[SV_TARGET_HASH_BYTES], old_digest[SV_TARGET_HASH_BYTES];
    sv_encoding_kind kind;
    bool sealed;
    const char *out;
    sv_image_key key; ///< a poor one: it seals nothing but this measurement
} job;

static const char *beside(const char *path, const char *end) {
    static char room[PATH_ROOM];
    (void) snprintf(room, sizeof room, "%s%s", path, end);
    return room;
}

static void save(const char *path, sv_text bytes) {
    FILE *file = fopen(path, "we");
    must(file != NULL && fwrite(bytes.at, 1, bytes.len, file) == bytes.len && fclose(file) == 0,
         path);
}

static sv_textbuf load(const char *path, size_t bytes_max) {
    sv_textbuf text = SV_TEXTBUF_HEAP(bytes_max + 1);
    FILE *file = fopen(path, "re");
    char piece[4096];
    must(file != NULL, path);
    for (size_t got = 0; (got = fread(piece, 1, sizeof piece, file)) > 0;) {
        sv_textbuf_add(&text, (sv_text){ .at = piece, .len = got });
    }
    must(!text.overflowed && fclose(file) == 0, path);
    return text;
}

/// The most that this program has had in memory since it began, in MB of 1024 kB.
static double peak_mb(void) {
    char line[256];
    double kb = 0;
    FILE *status = fopen("/proc/self/status", "re");
    while (status != NULL && fgets(line, sizeof line, status) != NULL) {
        if (strncmp(line, "VmHWM:", 6) == 0) {
            kb = strtod(line + 6, NULL);
        }
    }
    must(status != NULL && fclose(status) == 0, "cannot read /proc/self/status");
    return kb / 1024.0;
}

static void say(const job *j, double ms, uint64_t stored) {
    double mib = (double) j->image.length / (1024.0 * 1024.0);
    (void) printf("{\"ms_per_mib\":%.4f,\"bytes\":%llu,\"index_bytes\":%llu,\"peak_mb\":%.1f}\n",
                  ms / mib, (unsigned long long) stored,
                  (unsigned long long) sv_image_index_bytes(j->image.length), peak_mb());
}

static void save_entry(const job *j, const sv_encoding *made) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf text = SV_TEXTBUF_HEAP(ENTRY_MAX);
    sv_json_out json = SV_JSON_OUT(&text);
    sv_target target = { .length = j->image.length,
                         .product = "bench",
                         .version = "1",
                         .hardware = { "any" },
                         .hardware_count = 1,
                         .slot = "rootfs",
                         .counter = 1,
                         .sealed = j->sealed,
                         .encodings = { *made },
                         .encoding_count = 1 };
    memcpy(target.digest, j->digest, sizeof target.digest);
    sv_target_write(&target, &json);
    save(beside(j->out, ".json"), sv_textbuf_text(&text));
}

static void encode(job *j) {
    FILE *out = fopen(j->out, "we");
    must(out != NULL, j->out);
    SV_DEFER(sv_textbuf_drop)
    sv_textbuf index = SV_TEXTBUF_HEAP((size_t) sv_image_index_bytes(j->image.length) + 1);
    const sv_image_encoding what = { .image = &j->image,
                                     .digest = j->digest,
                                     .kind = j->kind,
                                     .key = j->sealed ? &j->key : NULL,
                                     .old = &j->old,
                                     .old_digest = j->old_digest,
                                     .sink = { .arg = out, .put = put } };
    sv_encoding made;
    sv_why why = { 0 };
    double before = cpu_ms();
    must(sv_image_encode(&what, &made, &index, &why) == SV_OK, why.text);
    double after = cpu_ms();
    must(fclose(out) == 0, j->out);
    save(beside(j->out, ".index"), sv_textbuf_text(&index));
    save_entry(j, &made);
    say(j, after - before, made.length);
}

static void open_all(const job *j, sv_image_reader *reader) {
    static uint8_t stored[SV_CHUNK_STORED_MAX];
    static uint8_t bytes[SV_CHUNK_BYTES];
    const sv_image_index *index = sv_image_reader_index(reader);
    SV_DEFER(sv_fd_drop) int fd = open(j->out, O_RDONLY | O_CLOEXEC);
    for (uint64_t i = 0; i < sv_image_index_count(index); i++) {
        sv_image_range range = sv_image_stored(index, i);
        sv_text chunk = { .at = (const char *) stored, .len = (size_t) range.bytes };
        size_t len = 0;
        sv_why why = { 0 };
        must(pread(fd, stored, chunk.len, (off_t) range.at) == (ssize_t) chunk.len, j->out);
        must(sv_image_chunk_open(reader, i, chunk, bytes, &len, &why) == SV_OK, why.text);
    }
}

static void open_again(const job *j) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf entry = load(beside(j->out, ".json"), ENTRY_MAX);
    SV_DEFER(sv_textbuf_drop)
    sv_textbuf index =
        load(beside(j->out, ".index"), (size_t) sv_image_index_bytes(j->image.length));
    sv_target target;
    sv_why why = { 0 };
    must(sv_target_parse(sv_textbuf_text(&entry), &target, &why) == SV_OK, why.text);
    const sv_image_opening opening = { .target = &target,
                                       .encoding = &target.encodings[0],
                                       .index = sv_textbuf_text(&index),
                                       .content_key = j->key.bytes,
                                       .old = &j->old,
                                       .old_digest = j->old_digest };
    SV_DEFER(sv_image_reader_drop) sv_image_reader *reader = NULL;
    double before = cpu_ms();
    must(sv_image_reader_open(&opening, &reader, &why) == SV_OK, why.text);
    open_all(j, reader);
    say(j, cpu_ms() - before, target.encodings[0].length);
}

int main(int count, char **args) {
    must(count == 7, "usage: bench-image encode|open IMAGE OLD raw|zstd|delta plain|sealed OUT");
    job j = { .out = args[6], .sealed = strcmp(args[5], "sealed") == 0 };
    j.kind = strcmp(args[4], "raw") == 0    ? SV_ENCODING_RAW
             : strcmp(args[4], "zstd") == 0 ? SV_ENCODING_ZSTD
                                            : SV_ENCODING_DELTA;
    j.image = open_image(args[2], &j.image_fd);
    j.old = open_image(args[3], &j.old_fd);
    must(sv_image_digest(&j.image, j.digest, NULL) == SV_OK, "cannot read the image");
    must(sv_image_digest(&j.old, j.old_digest, NULL) == SV_OK, "cannot read the old image");
    memcpy(j.key.digest, j.digest, sizeof j.digest);
    if (strcmp(args[1], "encode") == 0) {
        encode(&j);
    } else {
        open_again(&j);
    }
    (void) close(j.image_fd);
    (void) close(j.old_fd);
    return 0;
}
