/* config.json of a GPT-2 directory. */
#include <math.h>

#include "convert/gpt2.h"
#include "convert/hf.h"

/* What is missing is as in transformers. */
static const rd_foreign_key numbers[] = {{"n_embd", "encoder-embed-dim", NULL},
                                         {"n_layer", "decoder-layers", NULL},
                                         {"n_head", "decoder-attention-heads", NULL},
                                         {"n_positions", "max-target-positions", NULL},
                                         {"vocab_size", "tgt-vocab", NULL},
                                         {"layer_norm_epsilon", "layer-norm-eps", "1e-05"},
                                         {"resid_pdrop", "dropout", "0.1"},
                                         {"attn_pdrop", "attention-dropout", "0.1"},
                                         {NULL, NULL, NULL}};
static const rd_foreign_key inner[] = {{"n_inner", "decoder-ffn-embed-dim", NULL},
                                       {NULL, NULL, NULL}};

/* Settings of variants, which are all off in GPT-2 itself. */
static rd_status check_variant(const rd_foreign *f) {
    static const char *const no_head[] = {NULL};
    RD_TRY(rd_hf_check_head(f->path, f->values, no_head, "generate (GPT2LMHeadModel)"));
    static const char *const off[] = {"scale_attn_by_inverse_layer_idx", "add_cross_attention"};
    for (size_t i = 0; i < sizeof off / sizeof *off; i++)
        if (json_is_true(json_object_get(f->values, off[i])))
            return rd_foreign_unsupported(f, off[i]);
    if (json_is_false(json_object_get(f->values, "scale_attn_weights")))
        return rd_foreign_unsupported(f, "a scale_attn_weights that is false");
    return RD_OK;
}

rd_status rd_gpt2_read_config(const char *directory, const json_t *config, rd_recipe *recipe) {
    rd_model_config *c = &recipe->model;
    const rd_foreign f = {directory, "config.json", config, recipe};
    RD_TRY(check_variant(&f));
    RD_TRY(rd_foreign_set_numbers(&f, numbers));
    RD_TRY(rd_hf_read_activation(directory, config, "activation_function", "gelu_new",
                                 &c->activation));
    c->decoder.ffn_dim = 4 * c->d_model;
    RD_TRY(rd_foreign_set_present(&f, inner));
    c->encoder = (rd_stack_config){.heads = c->decoder.heads, .ffn_dim = c->decoder.ffn_dim};
    c->decoder.normalize_before = c->decoder.learned_pos = c->no_scale_embedding = true;
    c->position_layout = RD_POSITIONS_HF_MARIAN;
    c->share_decoder_input_output_embed =
        !json_is_false(json_object_get(config, "tie_word_embeddings"));
    c->src_vocab = c->tgt_vocab;
    recipe->search.beam = 1;
    recipe->search.forced_tokens_free = true; /* the longest output does not end with eos */
    recipe->search.max_len_a = 0.0f;
    recipe->search.max_len_b = 100.0f;
    return rd_foreign_set(&f, "task", "model_type", "language_modeling");
}

rd_status rd_gpt2_warn_config(const json_t *config, rd_text *warnings) {
    const json_t *embeddings = json_object_get(config, "embd_pdrop");
    const json_t *others = json_object_get(config, "resid_pdrop");
    double own = json_is_number(embeddings) ? json_number_value(embeddings) : 0.1;
    double rate = json_is_number(others) ? json_number_value(others) : 0.1;
    if (fabs(own - rate) < 1e-9) return RD_OK;
    return rd_text_printf(warnings,
                          "config.json: embd_pdrop: %.7g has no effect here: dropout, also of "
                          "embeddings, is resid_pdrop's, %.7g\n",
                          own, rate);
}

static rd_status check_model(const char *from, const rd_model_config *c) {
    if (c->encoder.layers == 0 && c->decoder.layers > 0 && c->decoder.normalize_before &&
        c->decoder.learned_pos && c->no_scale_embedding && !c->no_decoder_final_norm &&
        !c->layernorm_embedding && !c->output_bias && !c->adaptive_input &&
        c->adaptive_softmax_cutoff.n == 0 && c->activation_dropout <= 0.0f)
        return RD_OK;
    return rd_error(RD_ERR_UNSUPPORTED,
                    "%s: no GPT-2: a language model with decoder-normalize-before, a final norm, "
                    "decoder-learned-pos and no-scale-embedding (arch gpt2) is one",
                    from);
}

rd_status rd_gpt2_write_config(const char *from, const rd_recipe *recipe, const char *to) {
    const rd_model_config *c = &recipe->model;
    RD_TRY(check_model(from, c));
    bool tied = c->share_decoder_input_output_embed || c->share_all_embeddings;
    rd_object o = rd_object_of_model("gpt2", "GPT2LMHeadModel");
    rd_put_keys(&o, recipe, numbers);
    rd_put_keys(&o, recipe, inner);
    rd_put(&o, "activation_function", json_string(rd_hf_activation_name(c->activation)));
    rd_put(&o, "embd_pdrop", json_real((double)c->dropout));
    rd_put(&o, "tie_word_embeddings", json_boolean(tied));
    rd_put(&o, "bos_token_id", json_integer(c->bos_id >= 0 ? c->bos_id : c->eos_id));
    rd_put(&o, "eos_token_id", json_integer(c->eos_id));
    return rd_object_write(&o, to, "config.json");
}
