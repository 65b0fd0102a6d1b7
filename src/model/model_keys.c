#include "model/model_keys.h"

#include "rdrop/model.h"

const char *const rd_activation_names[] = {"relu", "gelu", "swish", "gelu_tanh", "tanh", NULL};

static const char *const position_layouts[] = {"fairseq", "marian", "marian-nmt",
                                               NULL};                    /* rd_position_layout */
static const char *const decoder_starts[] = {"eos", "pad", "bos", NULL}; /* rd_decoder_start */

static const char *const heads[] = {"tokens", "classes", "value", NULL}; /* rd_head_kind */
static const char *const poolings[] = {"none", "first", "mean", NULL};   /* rd_pooling */
static const char *const transforms[] = {"none", "tanh", "norm", NULL};  /* rd_head_transform */

/* clang-format off: one row a key reads as the table it is */
#define RD_AT(field) offsetof(rd_model_config, field)
const rd_key rd_model_keys[] = {
    {"prepend-bos", RD_KEY_BOOL, RD_AT(prepend_bos), 0, 0, "false",
     .help = "sources and targets begin with begin of sentence, as BART's"},
    {"encoder-embed-dim", RD_KEY_INT32, RD_AT(d_model), 1, 65536, "512",
     .help = "width of the model (equal to decoder-embed-dim)", .aliases = "decoder-embed-dim"},
    {"encoder-ffn-embed-dim", RD_KEY_INT32, RD_AT(encoder.ffn_dim), 1, 1e6, "2048",
     .help = "width of the encoder's feed-forward layers"},
    {"encoder-layers", RD_KEY_INT32, RD_AT(encoder.layers), 0, 1000, "6",
     .help = "encoder layers; 0: no encoder"},
    {"encoder-attention-heads", RD_KEY_INT32, RD_AT(encoder.heads), 1, 1024, "8",
     .help = "encoder attention heads"},
    {"encoder-normalize-before", RD_KEY_BOOL, RD_AT(encoder.normalize_before), 0, 0, "false",
     .help = "pre-norm encoder"},
    {"encoder-learned-pos", RD_KEY_BOOL, RD_AT(encoder.learned_pos), 0, 0, "false",
     .help = "learned encoder positions (else sinusoidal)"},
    {"decoder-ffn-embed-dim", RD_KEY_INT32, RD_AT(decoder.ffn_dim), 1, 1e6, "2048",
     .help = "width of the decoder's feed-forward layers"},
    {"decoder-layers", RD_KEY_INT32, RD_AT(decoder.layers), 0, 1000, "6",
     .help = "decoder layers; 0: no decoder"},
    {"decoder-attention-heads", RD_KEY_INT32, RD_AT(decoder.heads), 1, 1024, "8",
     .help = "decoder attention heads"},
    {"decoder-normalize-before", RD_KEY_BOOL, RD_AT(decoder.normalize_before), 0, 0, "false",
     .help = "pre-norm decoder"},
    {"decoder-learned-pos", RD_KEY_BOOL, RD_AT(decoder.learned_pos), 0, 0, "false",
     .help = "learned decoder positions"},
    {"no-decoder-final-norm", RD_KEY_BOOL, RD_AT(no_decoder_final_norm), 0, 0, "false",
     .help = "no layer norm at the end of a pre-norm decoder"},
    {"activation-fn", RD_KEY_ENUM, RD_AT(activation), 0, 0, "relu", rd_activation_names,
     .help = "feed-forward activation"},
    {"position-layout", RD_KEY_ENUM, RD_AT(position_layout), 0, 0, "fairseq", position_layouts,
     .help = "where positions count from, and sinusoidal frequencies"},
    {"decoder-start", RD_KEY_ENUM, RD_AT(decoder_start), 0, 0, "eos", decoder_starts,
     .help = "what the decoder reads first"},
    {"dropout", RD_KEY_FLOAT, RD_AT(dropout), 0, 0.99, "0.1",
     .help = "dropout on embeddings and sublayer outputs"},
    {"attention-dropout", RD_KEY_FLOAT, RD_AT(attention_dropout), 0, 0.99, "0",
     .help = "dropout on attention weights"},
    {"activation-dropout", RD_KEY_FLOAT, RD_AT(activation_dropout), 0, 0.99, "0",
     .help = "dropout inside feed-forward layers"},
    {"share-decoder-input-output-embed", RD_KEY_BOOL, RD_AT(share_decoder_input_output_embed),
     .default_value = "false", .help = "output projection = target embedding"},
    {"share-all-embeddings", RD_KEY_BOOL, RD_AT(share_all_embeddings), 0, 0, "false",
     .help = "and = source embedding; needs joined-dictionary"},
    {"output-bias", RD_KEY_BOOL, RD_AT(output_bias), 0, 0, "false",
     .help = "a bias after the output projection"},
    {"layernorm-embedding", RD_KEY_BOOL, RD_AT(layernorm_embedding), 0, 0, "false",
     .help = "a layer norm after the embeddings"},
    {"segment-types", RD_KEY_INT32, RD_AT(segment_types), 0, 1024, "0",
     .help = "embeddings of segments (BERT's token types) added to the encoder's; 0: none"},
    {"layer-norm-eps", RD_KEY_FLOAT, RD_AT(layer_norm_eps), 1e-20, 0.1, "1e-05",
     .help = "added to variances in layer norms"},
    {"no-scale-embedding", RD_KEY_BOOL, RD_AT(no_scale_embedding), 0, 0, "false",
     .help = "do not scale embeddings by sqrt(width)"},
    {"head", RD_KEY_ENUM, RD_AT(head), 0, 0, "tokens", heads,
     .help = "outputs: a token a row, or of each sequence classes or one number"},
    {"num-classes", RD_KEY_INT32, RD_AT(num_classes), 0, 1e6, "0",
     .help = "classes of head: classes; 0: set from the data"},
    {"pooling", RD_KEY_ENUM, RD_AT(pooling), 0, 0, "none", poolings,
     .help = "what a sequence's output is made from: its first row or the mean; none: first"},
    {"head-transform", RD_KEY_ENUM, RD_AT(head_transform), 0, 0, "none", transforms,
     .help = "before the output projection: tanh (dense, tanh: BERT's pooler, RoBERTa's head), "
             "norm (dense, activation, layer norm: masked language models)"},
    {"pooler-dropout", RD_KEY_FLOAT, RD_AT(pooler_dropout), 0, 0.99, "0",
     .help = "dropout on the pooled sequence, before head-transform"},
    {"classifier-dropout", RD_KEY_FLOAT, RD_AT(classifier_dropout), 0, 0.99, "0",
     .help = "dropout after head-transform, before the outputs of sequences"},
    {"zero-init-head", RD_KEY_BOOL, RD_AT(zero_init_head), 0, 0, "false",
     .help = "the outputs of sequences start as zeros"},
    {"max-source-positions", RD_KEY_INT32, RD_AT(max_source_positions), 1, 1e6, "1024",
     .help = "longest source the model takes"},
    {"max-target-positions", RD_KEY_INT32, RD_AT(max_target_positions), 1, 1e6, "1024",
     .help = "longest target the model takes"},
    {"src-vocab", RD_KEY_INT32, RD_AT(src_vocab), 0, 1e6, "0",
     .help = "source embeddings; 0: set from the vocabulary"},
    {"tgt-vocab", RD_KEY_INT32, RD_AT(tgt_vocab), 0, 1e6, "0",
     .help = "target embeddings; 0: set from the vocabulary"},
    {"pad-id", RD_KEY_INT32, RD_AT(pad_id), -1, 1e6, "0",
     .help = "id of padding (config.yaml of a model; -1: the vocabulary has none)"},
    {"bos-id", RD_KEY_INT32, RD_AT(bos_id), -1, 1e6, "1",
     .help = "id of begin of sentence; -1: none"},
    {"eos-id", RD_KEY_INT32, RD_AT(eos_id), 0, 1e6, "2", .help = "id of end of sentence"},
    {"unk-id", RD_KEY_INT32, RD_AT(unk_id), -1, 1e6, "3",
     .help = "id of the unknown piece; -1: none"},
    {.name = NULL}};
#undef RD_AT
/* clang-format on */
