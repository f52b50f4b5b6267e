#include "visit.h"

#include "views.h"

#include <string.h>
#include <sys/log.h>

// ---- answers ------------------------------------------------------------------------------------

void sv_visit_failure(const sv_visit *v, sv_err err, const sv_why *why) {
    if (err == SV_ERR_NOT_FOUND) {
        sv_http_problem(v->request, 404, "Not found", "%s", why->text);
    } else if (err == SV_ERR_INVALID) {
        sv_http_problem(v->request, 400, "Bad request", "%s", why->text);
    } else if (err == SV_ERR_STATE) {
        sv_http_problem(v->request, 409, "Conflict", "%s", why->text);
    } else {
        SV_LOG(error, "operator.failed", "%s", why->text);
        sv_http_problem(v->request, 503, "Not available", "%s", why->text);
    }
}

void sv_visit_json(const sv_visit *v, sv_err err, sv_textbuf *json, const sv_why *why) {
    if (err == SV_OK && sv_textbuf_end(json) != SV_OK) {
        sv_http_problem(v->request, 507, "Too large",
                        "the answer is larger than %d bytes; ask for less", SV_VIEW_BYTES_MAX);
    } else if (err != SV_OK) {
        sv_visit_failure(v, err, why);
    } else {
        sv_http_reply(v->request, 200, "application/json", sv_textbuf_text(json));
    }
}

sv_device *sv_visit_device(const sv_visit *v) {
    sv_device *device = sv_registry_device(v->fleet->registry, v->id);
    if (device == NULL) {
        sv_http_problem(v->request, 404, "Not found", "there is no device '" SV_TEXT_FMT "'",
                        SV_TEXT_ARG(v->id));
    }
    return device;
}

const sv_site *sv_visit_site(const sv_visit *v) {
    const sv_site *site = sv_registry_site(v->fleet->registry, v->id);
    if (site == NULL) {
        sv_http_problem(v->request, 404, "Not found", "there is no site '" SV_TEXT_FMT "'",
                        SV_TEXT_ARG(v->id));
    }
    return site;
}

// ---- parameters ---------------------------------------------------------------------------------

bool sv_visit_word(const sv_visit *v, const char *name, char room[SV_VISIT_WORD_MAX]) {
    sv_err err = sv_http_query(v->request, name, room, SV_VISIT_WORD_MAX);
    if (err == SV_ERR_NOT_FOUND) {
        room[0] = '\0';
        return true;
    }
    if (err != SV_OK) {
        sv_http_problem(v->request, 400, "Bad request", "%s is broken or longer than %d bytes",
                        name, SV_VISIT_WORD_MAX - 1);
    }
    return err == SV_OK;
}

bool sv_visit_number(const sv_visit *v, const char *name, int64_t max, int64_t *out) {
    char word[SV_VISIT_WORD_MAX];
    uint64_t number;
    if (!sv_visit_word(v, name, word)) {
        return false;
    }
    if (word[0] == '\0') {
        return true;
    }
    if (sv_text_u64(sv_text_of(word), (uint64_t) max, &number) != SV_OK) {
        sv_http_problem(v->request, 400, "Bad request", "%s: '%s' is not a number up to %lld", name,
                        word, (long long) max);
        return false;
    }
    *out = (int64_t) number;
    return true;
}

bool sv_visit_choice(const sv_visit *v, const char *name, const char *const *words, int *out) {
    char word[SV_VISIT_WORD_MAX];
    if (!sv_visit_word(v, name, word)) {
        return false;
    }
    for (int i = 0; word[0] != '\0' && words[i] != NULL; i++) {
        if (strcmp(word, words[i]) == 0) {
            *out = i;
            return true;
        }
    }
    if (word[0] != '\0') {
        sv_http_problem(v->request, 400, "Bad request", "%s: '%s' is not one of the known words",
                        name, word);
    }
    return word[0] == '\0';
}
