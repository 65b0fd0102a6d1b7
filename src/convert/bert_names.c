#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "convert/bert.h"
#include "convert/import.h"

typedef struct {
    const char *ours, *theirs; /* without .weight and .bias */
} renaming;

/* Of the encoder, whose names there have a prefix in models with a head. */
static const renaming embeddings[] = {
    {"encoder.embed_tokens", "embeddings.word_embeddings"},
    {"encoder.embed_positions", "embeddings.position_embeddings"},
    {"encoder.embed_segments", "embeddings.token_type_embeddings"},
    {"encoder.layernorm_embedding", "embeddings.LayerNorm"},
    {NULL, NULL}};
static const renaming layers[] = {{"self_attn.q_proj", "attention.self.query"},
                                  {"self_attn.k_proj", "attention.self.key"},
                                  {"self_attn.v_proj", "attention.self.value"},
                                  {"self_attn.out_proj", "attention.output.dense"},
                                  {"self_attn_layer_norm", "attention.output.LayerNorm"},
                                  {"fc1", "intermediate.dense"},
                                  {"fc2", "output.dense"},
                                  {"final_layer_norm", "output.LayerNorm"},
                                  {NULL, NULL}};
/* Of heads, which have no prefix. */
static const renaming bert_heads[] = {
    {"classification_head.out_proj", "classifier"},
    {"encoder.lm_head.dense", "cls.predictions.transform.dense"},
    {"encoder.lm_head.layer_norm", "cls.predictions.transform.LayerNorm"},
    {NULL, NULL}};
static const renaming roberta_heads[] = {{"classification_head.dense", "classifier.dense"},
                                         {"classification_head.out_proj", "classifier.out_proj"},
                                         {"encoder.lm_head.dense", "lm_head.dense"},
                                         {"encoder.lm_head.layer_norm", "lm_head.layer_norm"},
                                         {NULL, NULL}};

static const char *look_up(const renaming *list, const char *ours, size_t n) {
    for (; list->ours; list++)
        if (strlen(list->ours) == n && strncmp(list->ours, ours, n) == 0) return list->theirs;
    return NULL;
}

static void add(rd_bert_names *names, const char *prefix, const char *name, const char *ending) {
    if (names->n == RD_BERT_NAMES) return;
    snprintf(names->room[names->n++], sizeof *names->room, "%s%s%s", prefix, name, ending);
}

/* Under all the names that it may have. */
static void add_all(rd_bert_names *names, const char *prefix, const char *name,
                    const char *ending) {
    const char *old = strcmp(ending, ".weight") == 0 ? ".gamma" : ".beta";
    bool norm = strstr(name, "LayerNorm") != NULL;
    add(names, prefix, name, ending);
    if (*prefix) add(names, "", name, ending);
    if (norm) add(names, prefix, name, old);
    if (norm && *prefix) add(names, "", name, old);
}

static const char *const output_names[] = {"cls.predictions", "lm_head", "lm_head"};

/* The bias of all tokens has two names, one tied to the other: where embeddings are not tied, these
 * are not either, and the output layer's own counts. */
static void add_bias(rd_bert_names *names, rd_bert_family family, bool tied) {
    if (tied) add(names, output_names[family], "", ".bias");
    add(names, output_names[family], ".decoder", ".bias");
    if (!tied) add(names, output_names[family], "", ".bias");
}

/* BERT's pooler, and RoBERTa's where there is no head of classes, are parts of the encoder. */
static bool is_pooler(rd_bert_family family, const rd_model_config *c, const char *ours) {
    return strncmp(ours, "classification_head.dense.", 26) == 0 &&
           (family == RD_BERT || c->head == RD_HEAD_NONE);
}

void rd_bert_names_of(rd_bert_family family, const rd_model_config *c, const char *ours,
                      rd_bert_names *names) {
    static const char *const prefixes[] = {"bert.", "roberta.", "roberta."};
    const char *prefix = prefixes[family], *ending = strrchr(ours, '.');
    size_t n = (size_t)(ending - ours);
    long layer;
    names->n = 0;
    if (strcmp(ours, "encoder.output_projection.bias") == 0) {
        add_bias(names, family, c->share_all_embeddings);
        return;
    }
    if (strcmp(ours, "encoder.output_projection.weight") == 0) {
        add(names, output_names[family], ".decoder", ending);
        return;
    }
    if (is_pooler(family, c, ours)) {
        add_all(names, prefix, "pooler.dense", ending);
        return;
    }
    const char *head = look_up(family == RD_BERT ? bert_heads : roberta_heads, ours, n);
    const char *embedding = look_up(embeddings, ours, n);
    if (head) add_all(names, "", head, ending);
    if (embedding) add_all(names, prefix, embedding, ending);
    if (strcmp(ours, "encoder.embed_tokens.weight") == 0 && c->head == RD_HEAD_TOKENS &&
        c->share_all_embeddings)
        add(names, output_names[family], ".decoder", ending);
    size_t skipped = rd_import_layer_prefix(ours, &layer);
    const char *part = skipped > 0 ? look_up(layers, ours + skipped, n - skipped) : NULL;
    if (!part) return;
    char name[96];
    snprintf(name, sizeof name, "encoder.layer.%ld.%s", layer, part);
    add_all(names, prefix, name, ending);
}
