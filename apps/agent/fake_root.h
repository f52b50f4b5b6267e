// A folder of its own for a test, with files where /proc and /sys would have them.
#ifndef SV_AGENT_FAKE_ROOT_H
#define SV_AGENT_FAKE_ROOT_H

#include <base/test.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/disk.h>

static inline int fake_root_make(void **state) {
    static char root[64];
    (void) snprintf(root, sizeof root, "/tmp/sv-agent-XXXXXX");
    *state = mkdtemp(root);
    return *state == NULL ? -1 : 0;
}

static inline int fake_root_remove(void **state) {
    return sv_disk_remove_tree(*state, NULL) == SV_OK ? 0 : -1;
}

static inline void fake_file(const char *root, const char *path, const char *content) {
    char whole[SV_PATH_MAX];
    char folder[SV_PATH_MAX];
    (void) snprintf(whole, sizeof whole, "%s/%s", root, path);
    (void) snprintf(folder, sizeof folder, "%s", whole);
    *strrchr(folder, '/') = '\0';
    assert_int_equal(sv_disk_make_folder(folder, 0755, NULL), SV_OK);
    assert_int_equal(sv_disk_replace(whole, sv_text_of(content), 0644, NULL), SV_OK);
}

#endif
