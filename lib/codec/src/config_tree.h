// A node of a configuration file; private to the two halves of config.
#ifndef SV_CODEC_CONFIG_TREE_H
#define SV_CODEC_CONFIG_TREE_H

#include <codec/config.h>

typedef struct sv_config_item {
    char *key; ///< NULL in lists
    sv_config_node *value;
    size_t line, column; ///< of the key
} sv_config_item;

struct sv_config_node {
    sv_config_kind kind;
    size_t line, column; ///< from 1
    char *text;          ///< of a scalar
    size_t text_len;
    size_t text_column; ///< of the text's first byte, where it stands in the file as it is; else 0
    sv_config_item *items;
    size_t count;
};

#endif
