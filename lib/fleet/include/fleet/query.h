// Which devices somebody means, as an operator writes it:
//
//   site = plant-1 and version < 1.1 and id ~ press-* and not online
//
// The grammar is docs/spec/campaign.md. A text is parsed once into a small value without pointers,
// which may be copied and kept; judging a device allocates nothing. Pure.
#ifndef SV_FLEET_QUERY_H
#define SV_FLEET_QUERY_H

#include <base/err.h>
#include <base/text.h>

enum {
    SV_QUERY_BYTES_MAX = 1000, ///< of the text, also as sv_query_format writes it
    SV_QUERY_STEPS_MAX = 64,
    SV_QUERY_DEPTH_MAX = 16, ///< parentheses and `not` inside each other
    SV_QUERY_VALUE_MAX = 128,
    SV_QUERY_FAULT_MAX = 160,
};

/// What can be asked of a device.
typedef enum sv_query_field {
    SV_QUERY_ID,
    SV_QUERY_SITE,
    SV_QUERY_TYPE,    ///< of machine
    SV_QUERY_PRODUCT, ///< of what it runs; so for the next three
    SV_QUERY_VERSION,
    SV_QUERY_HARDWARE,
    SV_QUERY_SLOT,
    SV_QUERY_GATEWAY,
    SV_QUERY_HEALTH, ///< healthy, warning, critical, unknown
    SV_QUERY_GROUP,  ///< it is in this one; a device may be in many
    SV_QUERY_TAG,    ///< so
    SV_QUERY_FIELD__COUNT
} sv_query_field;

typedef enum sv_query_op {
    SV_QUERY_ALL, ///< every device
    SV_QUERY_ONLINE,
    SV_QUERY_DIVERGES, ///< runs something else than it should
    SV_QUERY_IS,
    SV_QUERY_IS_NOT,
    SV_QUERY_BELOW, ///< this and the next three: of versions
    SV_QUERY_UP_TO,
    SV_QUERY_ABOVE,
    SV_QUERY_FROM,
    SV_QUERY_LIKE, ///< `*` stands for any number of characters
    SV_QUERY_UNLIKE,
    SV_QUERY_NOT, ///< of the step before
    SV_QUERY_AND, ///< of the two values before
    SV_QUERY_OR,
    SV_QUERY_OP__COUNT
} sv_query_op;

typedef struct sv_query_step {
    uint8_t op;                  ///< sv_query_op
    uint8_t field;               ///< sv_query_field
    uint16_t value, value_bytes; ///< in `texts`
} sv_query_step;

/// Steps in the order in which they are done, values before what joins them.
typedef struct sv_query {
    sv_query_step steps[SV_QUERY_STEPS_MAX];
    uint16_t step_count, text_bytes;
    char texts[SV_QUERY_BYTES_MAX];
} sv_query;

/// What is wrong with a text, and where.
typedef struct sv_query_fault {
    size_t offset;       ///< bytes from the start of the text; at most its length
    size_t line, column; ///< from 1; a column is a byte
    char text[SV_QUERY_FAULT_MAX];
} sv_query_fault;

/// Parse. SV_ERR_INVALID with the first fault; `fault` may be NULL. [campaign-1] [campaign-2]
sv_err sv_query_parse(sv_text text, sv_query *out, sv_query_fault *fault);
/// So, with the fault as a sentence: "query, line 1, column 8: …".
sv_err sv_query_read(sv_text text, sv_query *out, sv_why *why);
/// The text in its usual form; parsing it gives the same query.
void sv_query_format(const sv_query *query, sv_textbuf *out);
sv_text sv_query_value(const sv_query *query, const sv_query_step *step);

/// A device as it is asked. An empty text is not known: no comparison but != and !~ holds of it.
typedef struct sv_query_device {
    sv_text field[SV_QUERY_FIELD__COUNT]; ///< GROUP and TAG are asked of `has`
    bool online, diverges;
    /// Is it in the group, has it the tag? NULL: in none.
    bool (*has)(const struct sv_query_device *device, sv_query_field field, sv_text name);
    void *of;       ///< for `has`
    unsigned depth; ///< of groups within groups, sv_groups'
} sv_query_device;

/// Does it ask for more than `all`, `online` and `diverges`, however they are joined?
bool sv_query_compares(const sv_query *query);
/// False: no device of this product and version fits, whatever else is true of it.
bool sv_query_may_fit(const sv_query *query, sv_text product, sv_text version);
/// [campaign-3]
bool sv_query_fits(const sv_query *query, const sv_query_device *device);

#endif
