// A rule with a name: a condition over the sensors of one device, what is said once it holds, and
// what is done then. Read with the others from the section `rules` (docs/guide/rules.md); of a name
// the most specific rule wins whole: the device's, the first of its groups', the default one; `off`
// there switches it off. [edge-14]
#ifndef SV_EDGE_RULE_H
#define SV_EDGE_RULE_H

#include <edge/expression.h>
#include <edge/rules.h>
#include <model/id.h>

enum { SV_RULE_PAYLOAD_MAX = 4096 }; ///< bytes of a command's

typedef struct sv_rule {
    char name[SV_ID_ROOM];
    sv_expression *when;
    sv_alert_type type;
    sv_life life;  ///< held for what the condition's `for` says
    char *message; ///< a template; NULL: the condition itself
    struct {
        char command[SV_ID_ROOM]; ///< empty: nothing is done
        char device[SV_ID_ROOM];  ///< empty: the device itself
        char *payload;            ///< one JSON value; NULL: null
    } then;
    size_t line; ///< of the file
} sv_rule;

/// The rules of a device, in the order of the file from the most specific place on. They are of
/// `rules` and live as long.
void sv_rules_named(const sv_rules *rules, sv_text device_id,
                    void (*each)(void *arg, const sv_rule *rule), void *arg);

// ---- for people -----------------------------------------------------------------------------

/// Every device that the file names, once, in no order that matters; `pump-*` stands for all of
/// these, and may be asked about like a device.
void sv_rules_devices(const sv_rules *rules, void (*each)(void *arg, sv_text device_id), void *arg);
/// Every sensor that the file says something about for this device, once.
void sv_rules_sensors(const sv_rules *rules, sv_text device_id,
                      void (*each)(void *arg, sv_text sensor), void *arg);
/// `presses, odd`; nothing when it is in none.
void sv_rules_add_groups(const sv_rules *rules, sv_text device_id, sv_textbuf *out);
/// The rules of a device and where they stand: a line for each.
void sv_rules_explain_named(const sv_rules *rules, sv_text device_id, sv_textbuf *out);

#endif
