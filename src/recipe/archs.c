/* The architectures that `arch` names, as fairseq has them. */
#include "recipe/recipe_keys.h"

#include <stddef.h>

static const rd_arch_value tiny[] = {
    {"encoder-embed-dim", "128"},     {"encoder-layers", "4"},
    {"decoder-layers", "4"},          {"encoder-ffn-embed-dim", "256"},
    {"decoder-ffn-embed-dim", "256"}, {"encoder-attention-heads", "4"},
    {"decoder-attention-heads", "4"}, {NULL, NULL}};
static const rd_arch_value iwslt[] = {
    {"encoder-embed-dim", "512"},      {"encoder-layers", "6"},
    {"decoder-layers", "6"},           {"encoder-ffn-embed-dim", "1024"},
    {"decoder-ffn-embed-dim", "1024"}, {"encoder-attention-heads", "4"},
    {"decoder-attention-heads", "4"},  {NULL, NULL}};
static const rd_arch_value base[] = {{NULL, NULL}}; /* what the table's defaults are */
static const rd_arch_value big[] = {{"encoder-embed-dim", "1024"},
                                    {"encoder-ffn-embed-dim", "4096"},
                                    {"decoder-ffn-embed-dim", "4096"},
                                    {"encoder-attention-heads", "16"},
                                    {"decoder-attention-heads", "16"},
                                    {"dropout", "0.3"},
                                    {NULL, NULL}};
#define RD_BART(width, ffn, layers, heads)                                                         \
    {"encoder-embed-dim", width}, {"encoder-ffn-embed-dim", ffn}, {"decoder-ffn-embed-dim", ffn},  \
        {"encoder-layers", layers}, {"decoder-layers", layers},                                    \
        {"encoder-attention-heads", heads}, {"decoder-attention-heads", heads},                    \
        {"encoder-learned-pos", "true"}, {"decoder-learned-pos", "true"},                          \
        {"layernorm-embedding", "true"}, {"no-scale-embedding", "true"},                           \
        {"share-all-embeddings", "true"}, {"joined-dictionary", "true"},                           \
        {"activation-fn", "gelu"}, {"attention-dropout", "0.1"}, {"prepend-bos", "true"},          \
        {"forced-bos", "true"}, {                                                                  \
        NULL, NULL                                                                                 \
    }
static const rd_arch_value bart_base[] = {RD_BART("768", "3072", "6", "12")};
static const rd_arch_value bart_large[] = {RD_BART("1024", "4096", "12", "16")};
const rd_arch rd_recipe_archs[] = {{"transformer-tiny", tiny}, {"transformer-iwslt-de-en", iwslt},
                                   {"transformer-base", base}, {"transformer-big", big},
                                   {"bart-base", bart_base},   {"bart-large", bart_large}};
const int rd_recipe_n_archs = sizeof rd_recipe_archs / sizeof *rd_recipe_archs;
