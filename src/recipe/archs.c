/* The architectures that `arch` names, as in fairseq, except for tiny, which is larger: that of Wu
 * et al. 2021 (arXiv:2105.14462) for Multi30k. */
#include "recipe/recipe_keys.h"

#include <stddef.h>
#include <stdio.h>

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
static const rd_arch_value base[] = {{NULL, NULL}}; /* the table's defaults */
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

/* Language models: only a decoder, pre-norm. */
#define RD_LM(width, ffn, layers, heads)                                                           \
    {"encoder-layers", "0"}, {"decoder-layers", layers}, {"encoder-embed-dim", width},             \
        {"decoder-ffn-embed-dim", ffn}, {"decoder-attention-heads", heads},                        \
        {"encoder-attention-heads", heads}, {"decoder-normalize-before", "true"}, {                \
        "joined-dictionary", "true"                                                                \
    }
static const rd_arch_value lm[] = {RD_LM("512", "2048", "6", "8"), {NULL, NULL}};
static const rd_arch_value lm_big[] = {RD_LM("1024", "4096", "12", "16"), {NULL, NULL}};
static const rd_arch_value lm_gpt[] = {RD_LM("768", "3072", "12", "12"),
                                       {"attention-dropout", "0.1"},
                                       {"activation-fn", "gelu"},
                                       {NULL, NULL}};
static const rd_arch_value lm_wiki103[] = {RD_LM("1024", "4096", "16", "8"),
                                           {"dropout", "0.3"},
                                           {"attention-dropout", "0.1"},
                                           {"activation-dropout", "0.1"},
                                           {"no-decoder-final-norm", "true"},
                                           {"adaptive-input", "true"},
                                           {"adaptive-input-cutoff", "20000,60000"},
                                           {"adaptive-input-factor", "4"},
                                           {"adaptive-softmax-cutoff", "20000,60000"},
                                           {"adaptive-softmax-factor", "4"},
                                           {"adaptive-softmax-dropout", "0.2"},
                                           {"tie-adaptive-weights", "true"},
                                           {"tie-adaptive-proj", "true"},
                                           {NULL, NULL}};
/* OpenAI's, as in Hugging Face's transformers. */
#define RD_GPT2(width, ffn, layers, heads)                                                         \
    RD_LM(width, ffn, layers, heads), {"activation-fn", "gelu_tanh"},                              \
        {"attention-dropout", "0.1"}, {"decoder-learned-pos", "true"},                             \
        {"position-layout", "marian"}, {"no-scale-embedding", "true"},                             \
        {"share-decoder-input-output-embed", "true"}, {                                            \
        NULL, NULL                                                                                 \
    }
static const rd_arch_value gpt2[] = {RD_GPT2("768", "3072", "12", "12")};
static const rd_arch_value gpt2_medium[] = {RD_GPT2("1024", "4096", "24", "16")};
static const rd_arch_value gpt2_large[] = {RD_GPT2("1280", "5120", "36", "20")};
static const rd_arch_value gpt2_xl[] = {RD_GPT2("1600", "6400", "48", "25")};

/* Vision transformers (Dosovitskiy et al. 2020), with the dropout of R-Drop's authors. */
#define RD_ENCODER(width, ffn, layers, heads)                                                      \
    {"encoder-embed-dim", width}, {"encoder-ffn-embed-dim", ffn}, {"encoder-layers", layers},      \
        {"decoder-layers", "0"}, {"encoder-attention-heads", heads},                               \
        {"decoder-attention-heads", heads}, {"encoder-normalize-before", "true"},                  \
        {"encoder-learned-pos", "true"}, {"activation-fn", "gelu"}, {                              \
        "head", "classes"                                                                          \
    }
#define RD_VIT(width, ffn, layers, heads, patch)                                                   \
    RD_ENCODER(width, ffn, layers, heads), {"picture-size", "224"}, {"patch-size", patch},         \
        {"layer-norm-eps", "1e-06"}, {"pooling", "first"}, {"zero-init-head", "true"},             \
        {"dropout", "0.1"}, {"activation-dropout", "0.1"}, {                                       \
        NULL, NULL                                                                                 \
    }
static const rd_arch_value vit_ti16[] = {RD_VIT("192", "768", "12", "3", "16")};
static const rd_arch_value vit_s16[] = {RD_VIT("384", "1536", "12", "6", "16")};
static const rd_arch_value vit_b16[] = {RD_VIT("768", "3072", "12", "12", "16")};
static const rd_arch_value vit_b32[] = {RD_VIT("768", "3072", "12", "12", "32")};
static const rd_arch_value vit_l16[] = {RD_VIT("1024", "4096", "24", "16", "16")};
/* Compact transformers (Hassani et al. 2021): layers, and convolutions in the stem. */
#define RD_CCT(width, ffn, layers, heads)                                                          \
    RD_ENCODER(width, ffn, layers, heads), {"picture-size", "32"}, {"stem-layers", "2"},           \
        {"class-tokens", "0"}, {"pooling", "attention"}, {"dropout", "0"},                         \
        {"attention-dropout", "0.1"}, {"drop-path", "0.1"}, {                                      \
        NULL, NULL                                                                                 \
    }
static const rd_arch_value cct_2[] = {RD_CCT("128", "128", "2", "2")};

/* Encoders of text: BERT (Devlin et al. 2019; the small ones Turc et al. 2019) and RoBERTa (Liu et
 * al. 2019), with the head that both are fine-tuned with. */
#define RD_TEXT_ENCODER(width, ffn, layers, heads)                                                 \
    {"encoder-embed-dim", width}, {"encoder-ffn-embed-dim", ffn}, {"encoder-layers", layers},      \
        {"decoder-layers", "0"}, {"encoder-attention-heads", heads},                               \
        {"decoder-attention-heads", heads}, {"encoder-learned-pos", "true"},                       \
        {"layernorm-embedding", "true"}, {"no-scale-embedding", "true"},                           \
        {"share-all-embeddings", "true"}, {"joined-dictionary", "true"}, {"prepend-bos", "true"},  \
        {"activation-fn", "gelu"}, {"dropout", "0.1"}, {                                           \
        "attention-dropout", "0.1"                                                                 \
    }
#define RD_BERT(width, ffn, layers, heads)                                                         \
    RD_TEXT_ENCODER(width, ffn, layers, heads), {"segment-types", "2"},                            \
        {"layer-norm-eps", "1e-12"}, {"position-layout", "marian"},                                \
        {"max-source-positions", "512"}, {                                                         \
        NULL, NULL                                                                                 \
    }
#define RD_ROBERTA(width, ffn, layers, heads)                                                      \
    RD_TEXT_ENCODER(width, ffn, layers, heads), {"segment-types", "1"},                            \
        {"max-source-positions", "512"}, {                                                         \
        NULL, NULL                                                                                 \
    }
static const rd_arch_value bert_tiny[] = {RD_BERT("128", "512", "2", "2")};
static const rd_arch_value bert_mini[] = {RD_BERT("256", "1024", "4", "4")};
static const rd_arch_value bert_small[] = {RD_BERT("512", "2048", "4", "8")};
static const rd_arch_value bert_base[] = {RD_BERT("768", "3072", "12", "12")};
static const rd_arch_value bert_large[] = {RD_BERT("1024", "4096", "24", "16")};
static const rd_arch_value roberta_base[] = {RD_ROBERTA("768", "3072", "12", "12")};
static const rd_arch_value roberta_large[] = {RD_ROBERTA("1024", "4096", "24", "16")};

const rd_arch rd_recipe_archs[] = {{"transformer-tiny", tiny},
                                   {"transformer-iwslt-de-en", iwslt},
                                   {"transformer-base", base},
                                   {"transformer-big", big},
                                   {"bart-base", bart_base},
                                   {"bart-large", bart_large},
                                   {"transformer-lm", lm},
                                   {"transformer-lm-big", lm_big},
                                   {"transformer-lm-gpt", lm_gpt},
                                   {"transformer-lm-wiki103", lm_wiki103},
                                   {"gpt2", gpt2},
                                   {"gpt2-medium", gpt2_medium},
                                   {"gpt2-large", gpt2_large},
                                   {"gpt2-xl", gpt2_xl},
                                   {"vit-ti16", vit_ti16},
                                   {"vit-s16", vit_s16},
                                   {"vit-b16", vit_b16},
                                   {"vit-b32", vit_b32},
                                   {"vit-l16", vit_l16},
                                   {"cct-2-3x2", cct_2},
                                   {"bert-tiny", bert_tiny},
                                   {"bert-mini", bert_mini},
                                   {"bert-small", bert_small},
                                   {"bert-base", bert_base},
                                   {"bert-large", bert_large},
                                   {"roberta-base", roberta_base},
                                   {"roberta-large", roberta_large}};
const int rd_recipe_n_archs = sizeof rd_recipe_archs / sizeof *rd_recipe_archs;

void rd_recipe_list_archs(char names[static RD_ARCH_NAMES_ROOM]) {
    size_t at = 0;
    for (int i = 0; i < rd_recipe_n_archs && at < RD_ARCH_NAMES_ROOM; i++)
        at += (size_t)snprintf(names + at, RD_ARCH_NAMES_ROOM - at, "%s%s", i ? ", " : "",
                               rd_recipe_archs[i].name);
}
