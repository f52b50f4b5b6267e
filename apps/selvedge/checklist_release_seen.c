// The SBOM beside the programs, what is said against it, and what is really in their memory.
#include "checklist_gather.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    DOCUMENT_MAX = 16 * 1024 * 1024,
    MAPS_MAX = 4 * 1024 * 1024,
    STATUS_MAX = 64 * 1024 * 1024,
};

static sv_err read_document(const char *path, sv_json **out, sv_why *why) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf text = SV_TEXTBUF_HEAP(DOCUMENT_MAX);
    sv_json *root = NULL;
    SV_TRY(sv_disk_read(path, &text, why));
    sv_why fault = { .text = "" };
    if (sv_json_parse(sv_textbuf_text(&text), &root, NULL, &fault) != SV_OK) {
        return sv_fail(why, SV_ERR_INVALID, "'%.200s': %s", path, fault.text);
    }
    sv_text format = SV_TEXT("");
    (void) sv_json_text(sv_json_get(root, "bomFormat"), &format);
    if (!sv_text_is(format, "CycloneDX")) {
        sv_json_drop(&root);
        return sv_fail(why, SV_ERR_INVALID, "'%.200s' is no CycloneDX document", path);
    }
    *out = root;
    return SV_OK;
}

/// Where a release has it: PREFIX/share for programs in PREFIX/bin.
static void find_sbom(char path[SV_PATH_MAX]) {
    char exe[SV_PATH_MAX];
    ssize_t len = readlink("/proc/self/exe", exe, sizeof exe - 1);
    exe[len > 0 ? len : 0] = '\0';
    for (int folders = 0; folders < 2; folders++) {
        char *slash = strrchr(exe, '/');
        if (slash != NULL) {
            *slash = '\0';
        }
    }
    (void) snprintf(path, SV_PATH_MAX, "%.900s/share/selvedge/sbom.cdx.json", exe);
}

void sv_gather_release(const char *sbom, const char *vex, sv_facts *facts) {
    if (sbom != NULL) {
        (void) snprintf(facts->sbom_file, sizeof facts->sbom_file, "%s", sbom);
    } else {
        find_sbom(facts->sbom_file);
    }
    if (read_document(facts->sbom_file, &facts->sbom, &facts->sbom_missing) == SV_OK) {
        facts->sbom_missing.text[0] = '\0';
    }
    (void) snprintf(facts->vex_file, sizeof facts->vex_file, "%s",
                    vex != NULL ? vex : facts->sbom_file);
    if (read_document(facts->vex_file, &facts->vex, &facts->vex_missing) == SV_OK) {
        facts->vex_missing.text[0] = '\0';
    }
}

// ---- libraries ----------------------------------------------------------------------------------

/// "libssl.so.3" of "/usr/lib/x86_64-linux-gnu/libssl.so.3"; of a longer name what the loader was
/// asked for is known to the SBOM alone, so that both are tried.
static const char *name_of(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

static bool is_library(const char *path) {
    const char *so = strstr(name_of(path), ".so");
    return path[0] == '/' && so != NULL && (so[3] == '\0' || so[3] == '.');
}

static void add_library(const char *path, const char *of, sv_facts *facts) {
    for (size_t i = 0; i < facts->library_count; i++) {
        if (strcmp(facts->libraries[i].path, path) == 0) {
            return;
        }
    }
    if (facts->library_count == SV_FACT_LIBRARIES_MAX) {
        (void) sv_fail(&facts->libraries_missing, SV_ERR_NO_SPACE,
                       "programs have more than %d libraries", SV_FACT_LIBRARIES_MAX);
        return;
    }
    sv_fact_library *library = &facts->libraries[facts->library_count++];
    (void) snprintf(library->path, sizeof library->path, "%s", path);
    (void) snprintf(library->of, sizeof library->of, "%s", of);
    (void) snprintf(library->name, sizeof library->name, "%.120s", name_of(path));
}

static sv_err read_maps(const char *proc, const sv_fact_program *program, sv_facts *facts,
                        sv_why *why) {
    char path[SV_PATH_MAX];
    SV_DEFER(sv_textbuf_drop) sv_textbuf maps = SV_TEXTBUF_HEAP(MAPS_MAX);
    (void) snprintf(path, sizeof path, "%.200s/%lld/maps", proc, (long long) program->pid);
    SV_TRY(sv_disk_read(path, &maps, why));
    sv_text rest = sv_textbuf_text(&maps);
    while (rest.len > 0) {
        char line[SV_PATH_MAX];
        if (sv_text_copy(sv_text_cut(&rest, '\n'), line, sizeof line) != SV_OK) {
            continue;
        }
        const char *file = strchr(line, '/');
        if (file != NULL && is_library(file)) {
            add_library(file, program->name, facts);
        }
    }
    return SV_OK;
}

/// What stands behind `key` at the beginning of a line of this paragraph.
static sv_text field(sv_text paragraph, const char *key) {
    while (paragraph.len > 0) {
        sv_text line = sv_text_cut(&paragraph, '\n');
        if (sv_text_starts(line, sv_text_of(key))) {
            size_t len = strlen(key);
            return sv_text_trim((sv_text){ .at = line.at + len, .len = line.len - len });
        }
    }
    return SV_TEXT("");
}

static sv_text next_paragraph(sv_text *rest) {
    const char *end = rest->len > 0 ? memmem(rest->at, rest->len, "\n\n", 2) : NULL;
    size_t len = end != NULL ? (size_t) (end - rest->at) : rest->len;
    sv_text paragraph = { .at = rest->at, .len = len };
    size_t taken = end != NULL ? len + 2 : len;
    *rest = (sv_text){ .at = rest->at + taken, .len = rest->len - taken };
    return paragraph;
}

static bool has_library(const sv_json *component, const char *name) {
    const sv_json *properties = sv_json_get(component, "properties");
    for (size_t i = 0; i < sv_json_count(properties); i++) {
        sv_text value = SV_TEXT("");
        if (sv_json_text(sv_json_get(sv_json_at(properties, i), "value"), &value)
            && sv_text_is(value, name)) {
            return true;
        }
    }
    return false;
}

/// The installed version of a component goes to all libraries that it has.
static void take_version(sv_text package, sv_text version, sv_facts *facts) {
    const sv_json *components = sv_json_get(facts->sbom, "components");
    for (size_t i = 0; i < sv_json_count(components); i++) {
        const sv_json *one = sv_json_at(components, i);
        sv_text name = SV_TEXT("");
        if (!sv_json_text(sv_json_get(one, "name"), &name) || !sv_text_eq(name, package)) {
            continue;
        }
        for (size_t k = 0; k < facts->library_count; k++) {
            sv_fact_library *library = &facts->libraries[k];
            if (has_library(one, library->name)
                && sv_text_copy(version, library->version, sizeof library->version) != SV_OK) {
                library->version[0] = '\0';
            }
        }
    }
}

void sv_gather_versions(const char *status, sv_facts *facts) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf text = SV_TEXTBUF_HEAP(STATUS_MAX);
    if (sv_disk_read(status, &text, NULL) != SV_OK) {
        return; // not of Debian: names alone are compared
    }
    sv_text rest = sv_textbuf_text(&text);
    while (rest.len > 0) {
        sv_text paragraph = next_paragraph(&rest);
        take_version(field(paragraph, "Package:"), field(paragraph, "Version:"), facts);
    }
}

void sv_gather_libraries(const char *proc, sv_facts *facts) {
    for (size_t i = 0; i < facts->program_count; i++) {
        const sv_fact_program *program = &facts->programs[i];
        sv_why why = { .text = "" };
        if (program->kind != SV_PROGRAM_OTHER && read_maps(proc, program, facts, &why) != SV_OK) {
            (void) sv_fail(&facts->libraries_missing, SV_ERR_IO, "%s: %.250s", program->name,
                           why.text);
        }
    }
    if (facts->library_count == 0 && sv_fact_known(&facts->libraries_missing)) {
        (void) sv_fail(&facts->libraries_missing, SV_ERR_NOT_FOUND,
                       "no program of Selvedge could be looked into");
    }
}
