/* The files of a MarianMT or BART directory besides the weights. */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "convert/bart.h"
#include "convert/hf.h"
#include "data/vocab_files.h"
#include "io/output.h"
#include "model/transformer.h"
#include "rdrop/tokenizer.h"

static rd_status write_model_config(const rd_bart_export *e, const rd_hf_generation *generation) {
    const rd_model_config *c = &e->recipe->model;
    rd_object o = e->bart ? rd_object_of_model("bart", "BartForConditionalGeneration")
                          : rd_object_of_model("marian", "MarianMTModel");
    rd_put(&o, "is_encoder_decoder", json_boolean(true));
    rd_put_keys(&o, e->recipe, rd_bart_keys);
    rd_put(&o, "vocab_size", json_integer(e->src_rows));
    if (!e->bart) rd_put(&o, "decoder_vocab_size", json_integer(e->tgt_rows));
    rd_put(&o, "max_position_embeddings", json_integer(e->positions));
    rd_put(&o, "activation_function", json_string(rd_hf_activation_name(c->activation)));
    rd_put_keys(&o, e->recipe, rd_bart_rate_keys);
    rd_put(&o, "scale_embedding", json_boolean(!c->no_scale_embedding));
    rd_put(&o, "normalize_before", json_boolean(false)); /* which CTranslate2 asks for */
    if (!e->bart) {
        rd_put(&o, "static_position_embeddings", json_boolean(true));
        rd_put(&o, "share_encoder_decoder_embeddings", json_boolean(c->share_all_embeddings));
    }
    rd_put(&o, "tie_word_embeddings",
           json_boolean(c->share_all_embeddings || c->share_decoder_input_output_embed));
    rd_hf_put_specials(generation, &o);
    return rd_object_write(&o, e->to, "config.json");
}

static rd_status write_tokenizer_config(const rd_bart_export *e) {
    rd_object o = rd_object_new();
    rd_put(&o, "tokenizer_class", json_string(e->bart ? "BartTokenizer" : "MarianTokenizer"));
    if (!e->bart) {
        rd_put(&o, "source_lang", json_string(e->recipe->data.source_lang));
        rd_put(&o, "target_lang", json_string(e->recipe->data.target_lang));
        rd_put(&o, "separate_vocabs", json_boolean(e->separate));
    }
    rd_put(&o, "model_max_length", json_integer(e->recipe->model.max_source_positions));
    return rd_object_write(&o, e->to, "tokenizer_config.json");
}

rd_status rd_bart_write_config(const rd_bart_export *e) {
    bool copied = false; /* the one that the model came with says more */
    if (e->mapped) RD_TRY(rd_has_file(e->to, "tokenizer_config.json", &copied));
    if (!copied) RD_TRY(write_tokenizer_config(e));
    const rd_hf_generation generation = {e->to,    e->recipe,      e->pad,
                                         e->start, e->target_rows, .forbids_pad = !e->bart};
    RD_TRY(rd_hf_write_generation_config(&generation));
    return write_model_config(e, &generation);
}

/* The name of a piece in the new vocabulary: the specials' are those that Marian's tokenizer knows,
 * and the old pad is out of the way of the new. */
static const char *new_name(const rd_bart_export *e, const rd_tokenizer *tokenizer, int32_t id) {
    if (id == rd_tokenizer_pad(tokenizer)) return "<unused_pad>";
    if (id == e->recipe->model.eos_id) return "</s>";
    if (id == rd_tokenizer_unk(tokenizer)) return "<unk>";
    return rd_tokenizer_piece(tokenizer, id);
}

/* Adds one side's pieces to the vocabulary, new ones at the end. rows: [size] = their places. */
static rd_status add_side(const rd_bart_export *e, const rd_tokenizer *tokenizer, const char *spm,
                          rd_object *vocabulary, int32_t *rows) {
    rd_object own = rd_object_new();
    bool distinct = true;
    for (int32_t id = 0; id < rd_tokenizer_size(tokenizer); id++) {
        const char *piece = new_name(e, tokenizer, id);
        distinct &= strcmp(piece, "<pad>") != 0 && !json_object_get(own.root, piece);
        rd_put(&own, piece, json_boolean(true));
        if (!json_object_get(vocabulary->root, piece))
            rd_put(vocabulary, piece, json_integer((int64_t)json_object_size(vocabulary->root)));
        rows[id] = (int32_t)json_integer_value(json_object_get(vocabulary->root, piece));
    }
    json_decref(own.root);
    if (own.failed || vocabulary->failed)
        return rd_error(RD_ERR_MEMORY, "%s/%s: out of memory for its pieces", e->from, spm);
    if (distinct) return RD_OK;
    return rd_error(RD_ERR_UNSUPPORTED,
                    "%s/%s: pieces are called <pad>, <unused_pad>, </s> or <unk> that are not",
                    e->from, spm);
}

static rd_status add_pieces(const rd_bart_export *e, const char *spm, int32_t n,
                            rd_object *vocabulary, int32_t **rows) {
    char *path = rd_path_join(e->from, spm);
    rd_tokenizer *tokenizer = NULL;
    rd_status status = path ? rd_tokenizer_open(&tokenizer, path) : RD_ERR_MEMORY;
    if (status == RD_OK && rd_tokenizer_size(tokenizer) != n)
        status = rd_error(RD_ERR_FORMAT, "%s: %d pieces, but the model has embeddings of %d", path,
                          rd_tokenizer_size(tokenizer), n);
    if (status == RD_OK && !(*rows = rd_malloc((size_t)n, sizeof **rows))) status = RD_ERR_MEMORY;
    if (status == RD_OK) status = add_side(e, tokenizer, spm, vocabulary, *rows);
    rd_tokenizer_close(tokenizer);
    free(path);
    return status;
}

/* The source's pieces keep their ids. */
static rd_status join(rd_bart_export *e, rd_object *vocabulary) {
    const rd_model_config *c = &e->recipe->model;
    int32_t *source_rows = NULL;
    rd_status status = add_pieces(e, e->joint ? "spm.model" : "source.spm", c->src_vocab,
                                  vocabulary, &source_rows);
    free(source_rows);
    if (status == RD_OK && !e->joint)
        status = add_pieces(e, "target.spm", c->tgt_vocab, vocabulary, &e->target_rows);
    if (status != RD_OK) return status;
    e->pad = e->start = (int32_t)json_object_size(vocabulary->root);
    e->src_rows = e->tgt_rows = e->pad + 1;
    rd_put(vocabulary, "<pad>", json_integer(e->pad));
    return RD_OK;
}

static rd_status copy_mapped(rd_bart_export *e) {
    const rd_model_config *c = &e->recipe->model;
    e->src_rows = c->src_vocab;
    e->tgt_rows = c->tgt_vocab;
    e->pad = c->pad_id;
    e->start = rd_start_id(c);
    RD_TRY(rd_has_file(e->from, "target_vocab.json", &e->separate));
    return rd_vocabularies_copy(e->from, e->to, RD_VOCABULARY_ANY);
}

rd_status rd_bart_write_vocabulary(rd_bart_export *e) {
    if (e->mapped) return copy_mapped(e);
    RD_TRY(rd_copy_file(e->from, e->joint ? "spm.model" : "source.spm", e->to, "source.spm"));
    RD_TRY(rd_copy_file(e->from, e->joint ? "spm.model" : "target.spm", e->to, "target.spm"));
    rd_object vocabulary = rd_object_new();
    rd_status status = join(e, &vocabulary);
    if (status == RD_OK) return rd_object_write(&vocabulary, e->to, "vocab.json");
    json_decref(vocabulary.root);
    return status;
}
