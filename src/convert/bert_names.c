#include <stdio.h>
#include <string.h>

#include "convert/bert.h"

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

/* Under all the names that it may have. */
static void add_all(rd_places *places, const char *prefix, const char *name, const char *ending) {
    const char *old = strcmp(ending, ".weight") == 0 ? ".gamma" : ".beta";
    bool norm = strstr(name, "LayerNorm") != NULL;
    rd_places_add(places, "%s%s%s", prefix, name, ending);
    if (*prefix) rd_places_add(places, "%s%s", name, ending);
    if (norm) rd_places_add(places, "%s%s%s", prefix, name, old);
    if (norm && *prefix) rd_places_add(places, "%s%s", name, old);
}

/* The bias of all tokens has two names, one tied to the other: where embeddings are not tied, these
 * are not either, and the output layer's own counts. */
static void add_bias(rd_places *places, const char *output, bool tied) {
    if (tied) rd_places_add(places, "%s.bias", output);
    rd_places_add(places, "%s.decoder.bias", output);
    if (!tied) rd_places_add(places, "%s.bias", output);
}

/* BERT's pooler, and RoBERTa's where there is no head of classes, are parts of the encoder. */
static bool is_pooler(rd_bert_family family, const rd_model_config *c, const char *ours) {
    return strncmp(ours, "classification_head.dense.", 26) == 0 &&
           (family == RD_BERT || c->head == RD_HEAD_NONE);
}

static void add_of_layer(rd_places *places, const char *prefix, const char *ours,
                         const char *ending) {
    char name[96];
    long layer;
    size_t skipped = rd_layer_prefix(ours, "encoder", &layer);
    const char *at = ours + skipped;
    const char *part = skipped > 0 ? look_up(layers, at, (size_t)(ending - at)) : NULL;
    if (!part) return;
    snprintf(name, sizeof name, "encoder.layer.%ld.%s", layer, part);
    add_all(places, prefix, name, ending);
}

rd_places rd_bert_places_of(rd_bert_family family, const rd_model_config *c, const char *ours) {
    const char *prefix = family == RD_BERT ? "bert." : "roberta.";
    const char *output = family == RD_BERT ? "cls.predictions" : "lm_head";
    const char *ending = strrchr(ours, '.');
    size_t n = (size_t)(ending - ours);
    rd_places places = {0};
    const char *head = look_up(family == RD_BERT ? bert_heads : roberta_heads, ours, n);
    const char *embedding = look_up(embeddings, ours, n);
    bool tied = c->head == RD_HEAD_TOKENS && c->share_all_embeddings;
    if (strcmp(ours, "encoder.output_projection.bias") == 0)
        add_bias(&places, output, c->share_all_embeddings);
    else if (is_pooler(family, c, ours))
        add_all(&places, prefix, "pooler.dense", ending);
    else if (head)
        add_all(&places, "", head, ending);
    else if (embedding)
        add_all(&places, prefix, embedding, ending);
    else
        add_of_layer(&places, prefix, ours, ending);
    if (strcmp(ours, "encoder.output_projection.weight") == 0 ||
        (tied && strcmp(ours, "encoder.embed_tokens.weight") == 0))
        rd_places_add(&places, "%s.decoder.weight", output);
    return places;
}
