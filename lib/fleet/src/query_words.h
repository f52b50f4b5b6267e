// The words of a query, one after the other.
#ifndef SV_FLEET_QUERY_WORDS_H
#define SV_FLEET_QUERY_WORDS_H

#include <fleet/query.h>

typedef enum query_kind {
    QUERY_END,
    QUERY_WORD,   ///< bare: letters, digits and _ . : + * / -
    QUERY_QUOTED, ///< the text between the quotation marks, with its escapes
    QUERY_OP,     ///< = != < <= > >= ~ !~
    QUERY_OPEN,
    QUERY_CLOSE,
} query_kind;

typedef struct query_token {
    query_kind kind;
    size_t offset;
    sv_text text;
} query_token;

typedef struct query_words {
    sv_text from;
    size_t at;
    query_token next;
    sv_query_fault *fault;
} query_words;

sv_err query_advance(query_words *w);
SV_PRINTF(3, 4) sv_err query_fail(query_words *w, size_t offset, const char *fmt, ...);
/// "'x' stands where `wanted` is wanted".
sv_err query_fail_unexpected(query_words *w, const char *wanted);
/// "; did you mean site?", or nothing when none is near. `names` ends with NULL.
void query_suggest(sv_text word, const char *const names[], char *room, size_t bytes);

#endif
