#include <codec/encode.h>
#include <edge/rules_file.h>

void sv_rules_section_later(const sv_config_node *node, void *target, sv_config_faults *faults) {
    (void) node;
    (void) target;
    (void) faults;
}

sv_err sv_rules_file_read(sv_text yaml, sv_rules **out, sv_config_faults *faults) {
    static const sv_config_key KEYS[] = { SV_RULES_SECTIONS, { .name = NULL } };
    SV_DEFER(sv_config_node_drop) sv_config_node *root = NULL;
    SV_DEFER(sv_rules_drop) sv_rules *rules = NULL;
    if (yaml.len > SV_RULES_FILE_MAX) {
        sv_config_fault(faults, NULL, "%zu bytes; rules have at most %d", yaml.len,
                        SV_RULES_FILE_MAX);
        return SV_ERR_INVALID;
    }
    if (!sv_utf8_is_valid(yaml)) {
        sv_config_fault(faults, NULL, "the text is no UTF-8");
        return SV_ERR_INVALID;
    }
    SV_TRY(sv_config_parse(yaml, &root, faults));
    sv_err known = sv_config_read(root, KEYS, NULL, faults);
    sv_err read = sv_rules_read(root, &rules, faults);
    if (known != SV_OK || read != SV_OK) {
        sv_config_faults_sort(faults);
        return SV_ERR_INVALID;
    }
    *out = rules;
    rules = NULL;
    return SV_OK;
}
