#include "target.h"
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sys/clock.h>

enum { EXIT_DONE = 0, EXIT_NO = 1, TARGETS_MAX = 256 };

typedef struct arguments {
    tuf_place place;
    tuf_target_way way;
    const char *targets[TARGETS_MAX];
    size_t target_count;
    const char *verb, *root;
    bool download, help, version;
} arguments;

static const char HELP[] =
    "usage: selvedge-tuf --metadata-dir DIR init ROOT\n"
    "       selvedge-tuf --metadata-dir DIR --metadata-url URL refresh\n"
    "       selvedge-tuf --metadata-dir DIR --metadata-url URL --target-name NAME...\n"
    "                    --target-base-url URL --target-dir DIR download\n\n"
    "Follows a TUF repository (The Update Framework 1.0): trusts the root that it is given, and\n"
    "from there only what the keys named in it vouch for.\n\n"
    "  init ROOT               trust this root metadata from now on\n"
    "  refresh                 get the newest metadata and judge it\n"
    "  download                refresh, then get the targets, in their order\n\n"
    "  --metadata-dir DIR      what is trusted is kept here: root.json, timestamp.json, ...\n"
    "  --metadata-url URL      where the repository's metadata is\n"
    "  --target-name NAME      a target's path; may be repeated\n"
    "  --target-base-url URL   where its targets are\n"
    "  --target-dir DIR        where they go; one that is there already is not fetched again\n"
    "  --no-hashed-names       targets are served under their names, without their hashes\n"
    "  --ca FILE               for https: the certificates to trust [those of the system]\n"
    "  --cert FILE --key KEY   for https: the certificate that is shown, and where its key is\n"
    "  --version               print the version and end\n"
    "  --help                  print this and end\n\n"
    "Exit codes: 0 done, 1 not trusted, not found or not reached (the reason is on stderr).\n";

static bool take_option(int option, arguments *out) {
    switch (option) {
    case 'd':
        out->place.metadata_dir = optarg;
        return true;
    case 'u':
        out->place.metadata_url = optarg;
        return true;
    case 'n':
        if (out->target_count == TARGETS_MAX) {
            (void) fprintf(stderr, "selvedge-tuf: at most %d targets at once\n", TARGETS_MAX);
            return false;
        }
        out->targets[out->target_count++] = optarg;
        return true;
    case 'b':
        out->way.base_url = optarg;
        return true;
    case 't':
        out->way.dir = optarg;
        return true;
    case 'p':
        out->way.hashed = false;
        return true;
    case 'c':
        out->place.ca = optarg;
        return true;
    case 'C':
        out->place.cert = optarg;
        return true;
    case 'K':
        out->place.key = optarg;
        return true;
    case 'v':
        out->version = true;
        return true;
    default:
        out->help = option == 'h';
        return option == 'h';
    }
}

static bool parse_options(int argc, char **argv, arguments *out) {
    static const struct option OPTIONS[] = {
        { "metadata-dir", required_argument, NULL, 'd' },
        { "metadata-url", required_argument, NULL, 'u' },
        { "target-name", required_argument, NULL, 'n' },
        { "target-base-url", required_argument, NULL, 'b' },
        { "target-dir", required_argument, NULL, 't' },
        { "no-hashed-names", no_argument, NULL, 'p' },
        { "ca", required_argument, NULL, 'c' },
        { "cert", required_argument, NULL, 'C' },
        { "key", required_argument, NULL, 'K' },
        { "version", no_argument, NULL, 'v' },
        { "help", no_argument, NULL, 'h' },
        { NULL, 0, NULL, 0 },
    };
    for (int option = 0; (option = getopt_long(argc, argv, "h", OPTIONS, NULL)) != -1;) {
        if (!take_option(option, out)) {
            return false;
        }
    }
    out->verb = optind < argc ? argv[optind++] : NULL;
    out->root = optind < argc ? argv[optind++] : NULL;
    if (optind < argc) {
        (void) fprintf(stderr, "selvedge-tuf: \"%s\" is one word too many\n", argv[optind]);
        return false;
    }
    return true;
}

static bool say_missing(const char *what, const char *verb) {
    (void) fprintf(stderr, "selvedge-tuf: %s needs %s; see --help\n", verb, what);
    return false;
}

static bool check_arguments(arguments *a) {
    if (a->verb == NULL) {
        return say_missing("a verb: init, refresh or download", "it");
    }
    bool init = strcmp(a->verb, "init") == 0;
    a->download = strcmp(a->verb, "download") == 0;
    if (!init && !a->download && strcmp(a->verb, "refresh") != 0) {
        (void) fprintf(stderr, "selvedge-tuf: \"%s\" is not init, refresh or download\n", a->verb);
        return false;
    }
    if (a->place.metadata_dir == NULL) {
        return say_missing("--metadata-dir", a->verb);
    }
    if (init != (a->root != NULL)) {
        return init ? say_missing("the file of a root", a->verb)
                    : say_missing("no more words", a->verb);
    }
    if ((a->place.cert == NULL) != (a->place.key == NULL)) {
        return say_missing("--cert and --key, or neither", a->verb);
    }
    if (!init && a->place.metadata_url == NULL) {
        return say_missing("--metadata-url", a->verb);
    }
    if (a->download && (a->target_count == 0 || a->way.base_url == NULL || a->way.dir == NULL)) {
        return say_missing("--target-name, --target-base-url and --target-dir", a->verb);
    }
    return true;
}

static sv_err init(const arguments *a, sv_why *why) {
    char path[SV_PATH_MAX];
    SV_DEFER(sv_textbuf_drop) sv_textbuf bytes = SV_TEXTBUF_HEAP(SV_TUF_ROOT_MAX);
    SV_TRY(sv_disk_read(a->root, &bytes, why));
    sv_why inner = { 0 };
    if (sv_trust_root_check(sv_textbuf_text(&bytes), &inner) != SV_OK) {
        return sv_fail(why, inner.code, "'%s': %.300s", a->root, inner.text);
    }
    SV_TRY(sv_disk_make_folder(a->place.metadata_dir, 0755, why));
    SV_TRY(sv_disk_join(path, sizeof path, a->place.metadata_dir, "root.json"));
    return sv_disk_replace(path, sv_textbuf_text(&bytes), 0644, why);
}

static sv_err download(const arguments *a, tuf_repository *repository, sv_trust *trust,
                       sv_why *why) {
    SV_TRY(sv_disk_make_folder(a->way.dir, 0755, why));
    for (size_t i = 0; i < a->target_count; i++) {
        bool fetched = false;
        SV_TRY(
            tuf_target_get(repository, trust, &a->way, sv_text_of(a->targets[i]), &fetched, why));
        (void) printf("%s: %s\n", a->targets[i], fetched ? "fetched" : "was there already");
    }
    return SV_OK;
}

static sv_err follow(const arguments *a, sv_why *why) {
    SV_DEFER(tuf_repository_drop) tuf_repository *repository = NULL;
    SV_DEFER(sv_trust_drop) sv_trust *trust = NULL;
    SV_TRY(sv_disk_clear_drafts(a->place.metadata_dir, NULL, why));
    SV_TRY(tuf_repository_open(&a->place, &repository, why));
    const sv_trust_io io = tuf_repository_io(repository);
    sv_err err = sv_trust_open(&io, sv_clock_wall_us(), &trust, why);
    if (err == SV_ERR_NOT_FOUND) {
        return sv_fail(why, err, "there is no root.json in '%s'; begin with init ROOT",
                       a->place.metadata_dir);
    }
    SV_TRY(err);
    SV_TRY(sv_trust_refresh(trust, why));
    return a->download ? download(a, repository, trust, why) : SV_OK;
}

int main(int argc, char **argv) {
    arguments a = { .way = { .hashed = true } };
    if (!parse_options(argc, argv, &a)) {
        return EXIT_NO;
    }
    if (a.help || a.version) {
        (void) printf("%s", a.help ? HELP : "selvedge-tuf " SV_VERSION "\n");
        return EXIT_DONE;
    }
    if (!check_arguments(&a)) {
        return EXIT_NO;
    }
    sv_why why = { 0 };
    sv_err err = a.root != NULL ? init(&a, &why) : follow(&a, &why);
    if (err != SV_OK) {
        (void) fprintf(stderr, "selvedge-tuf: %s\n", why.text);
        return EXIT_NO;
    }
    return EXIT_DONE;
}
