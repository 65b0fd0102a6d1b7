/* The shape of a transformer (Vaswani et al. 2017): an encoder, a decoder, or both, over text or
 * pictures; initialised as in fairseq. */
#ifndef RDROP_MODEL_H
#define RDROP_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include "rdrop/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
    RD_RELU,
    RD_GELU,      /* x * Phi(x), exact */
    RD_SWISH,     /* x * sigmoid(x), also "silu" */
    RD_GELU_TANH, /* its approximation by tanh (Hendrycks and Gimpel 2016): GPT-2's "gelu_new",
                   * fairseq's "gelu_accurate" */
    RD_TANH
} rd_activation;

/* The rows of the last stack's output that a sequence's output is made from. */
typedef enum {
    RD_POOL_NONE,  /* each row has an output of its own */
    RD_POOL_FIRST, /* the first row: [CLS], <s>, a class token */
    RD_POOL_MEAN,
    RD_POOL_ATTENTION /* sum_t a_t x_t, a = softmax(x w), w learned: the sequence pooling of CCT
                         (Hassani et al. 2021) */
} rd_pooling;

/* The part of each sequence that training hides, chosen anew for each pass (Shen et al. 2020,
 * arXiv:2009.13818). */
typedef enum {
    RD_CUTOFF_NONE,
    RD_CUTOFF_TOKEN,   /* single tokens */
    RD_CUTOFF_FEATURE, /* dimensions of the embedding, of all tokens alike */
    RD_CUTOFF_SPAN     /* neighbouring tokens */
} rd_cutoff_kind;

/* The transform before the output projection. */
typedef enum {
    RD_TRANSFORM_NONE,
    RD_TRANSFORM_TANH, /* dense, tanh: BERT's pooler, RoBERTa's classification head */
    RD_TRANSFORM_NORM  /* dense, the model's activation, layer norm: heads of masked LMs */
} rd_head_transform;

/* The model's outputs. */
typedef enum {
    RD_HEAD_TOKENS,  /* logits of the target vocabulary */
    RD_HEAD_CLASSES, /* logits of num_classes, one output a sequence */
    RD_HEAD_VALUE,   /* one number a sequence */
    RD_HEAD_NONE     /* none: a pre-trained encoder, which ends before a head */
} rd_head_kind;

/* The type that matrix products read; sums and everything else are float32. */
typedef enum {
    RD_PRECISION_AUTO, /* the faster of fp32 and bf16 on this machine */
    RD_PRECISION_FP32,
    RD_PRECISION_BF16,
    RD_PRECISION_INT8 /* not in training */
} rd_precision;

/* The first position, and the frequencies of sinusoidal ones: fairseq (and BART) count from pad_id
 * + 1, with i-th frequency 10000^(-i / (d_model / 2 - 1)); MarianMT of Hugging Face's transformers
 * counts from 0, with 10000^(-i / (d_model / 2)); and Marian itself counts from 0 with fairseq's
 * frequencies. */
typedef enum {
    RD_POSITIONS_FAIRSEQ,
    RD_POSITIONS_HF_MARIAN,
    RD_POSITIONS_MARIAN
} rd_position_layout;

/* The token that the decoder reads first. */
typedef enum { RD_START_EOS, RD_START_PAD, RD_START_BOS } rd_decoder_start;

typedef struct {
    int32_t layers; /* 0: the model has no such stack */
    int32_t heads, ffn_dim;
    bool normalize_before; /* pre-norm: layer norm before each sublayer, and one at the end */
    bool learned_pos;      /* learned positions; otherwise sinusoidal */
} rd_stack_config;

/* The pictures that an encoder reads instead of tokens. */
typedef struct {
    int32_t size;         /* pixels of a side; 0: the encoder reads tokens */
    int32_t channels;     /* 1 or 3 */
    int32_t patch;        /* pixels of a patch's side, which divide `size` */
    int32_t stem_layers;  /* convolutions that make the tokens; 0: patches do */
    int32_t class_tokens; /* learned tokens before the patches: 0 to 2 (DeiT has a second one) */
} rd_picture_shape;

/* Ids at which bands of rarer words begin, ascending; n 0: none. */
enum { RD_MAX_CUTOFFS = 8 };
typedef struct {
    int32_t n, items[RD_MAX_CUTOFFS];
} rd_cutoffs;

typedef struct {
    int32_t d_model;
    rd_stack_config encoder, decoder;
    rd_activation activation;
    rd_position_layout position_layout;
    rd_decoder_start decoder_start;
    bool share_decoder_input_output_embed; /* output projection = target embedding */
    bool share_all_embeddings;             /* and = source embedding; needs one joint vocabulary */
    bool output_bias;                      /* a bias after the output projection */
    bool layernorm_embedding;              /* a layer norm after each side's embeddings */
    bool no_scale_embedding;               /* by default embeddings are scaled by sqrt(d_model) */
    bool prepend_bos;                      /* sources and targets begin with bos, as BART's do */
    bool no_decoder_final_norm;            /* a pre-norm decoder ends without a layer norm */
    int32_t segment_types; /* rows of a table of segments (BERT's token types) that is added to the
                            * encoder's embeddings; 0: none */
    float layer_norm_eps;  /* added to variances; 0: 1e-5 */
    rd_head_kind head;
    int32_t num_classes;              /* of RD_HEAD_CLASSES */
    rd_pooling pooling;               /* of classes and values; NONE: FIRST */
    rd_head_transform head_transform; /* with dropout before it (pooler_dropout) and after it
                                       * (classifier_dropout), both only on sequences */
    float pooler_dropout, classifier_dropout;
    bool zero_init_head; /* a head of classes or a value starts as zeros; otherwise normal, 0.02 */
    rd_picture_shape picture;
    float drop_path; /* stochastic depth (Huang et al. 2016) of a pre-norm encoder: how often its
                      * last layer's sublayers are skipped; earlier ones less often, the first
                      * never */
    /* For models of a decoder alone: input as in Baevski and Auli 2019, softmax as in Grave et al.
     * 2017. Words of band i are embedded, and predicted, in d_model / factor^i dimensions. */
    bool adaptive_input;
    rd_cutoffs adaptive_input_cutoff, adaptive_softmax_cutoff; /* no softmax_cutoff: full softmax */
    float adaptive_input_factor, adaptive_softmax_factor;
    float adaptive_softmax_dropout;
    bool tie_adaptive_weights, tie_adaptive_proj; /* words, projections: shared with the input */
    int32_t max_source_positions, max_target_positions;
    float dropout, attention_dropout, activation_dropout;
    rd_cutoff_kind cutoff;
    float cutoff_ratio; /* the share of the embeddings that cutoff sets to 0 */
    /* Properties of the vocabularies. */
    int32_t src_vocab, tgt_vocab;
    int32_t pad_id, bos_id, eos_id, unk_id;
} rd_model_config;

typedef struct rd_model rd_model;

/* A model with random weights: the same seed gives the same weights on every machine. */
RD_API rd_status rd_model_new(rd_model **model, const rd_model_config *config, uint64_t seed);
/* A model from a safetensors file, which must have every tensor with the shape that `config`
 * implies. */
RD_API rd_status rd_model_load(rd_model **model, const rd_model_config *config, const char *path);
/* The same for a model that is not trained: its matrices are kept only in the form that products
 * of this precision read fastest. RD_ERR_ARGUMENT if the build or the processor lacks the
 * precision. */
RD_API rd_status rd_model_load_packed(rd_model **model, const rd_model_config *config,
                                      const char *path, rd_precision precision);
/* Writes the weights as float32 safetensors, atomically. `path` is a new file or one to replace;
 * anything else there, even a symbolic link, is RD_ERR_IO. A packed model is RD_ERR_ARGUMENT. */
RD_API rd_status rd_model_save(const rd_model *model, const char *path);
RD_API void rd_model_free(rd_model *model); /* NULL is fine */

RD_API const rd_model_config *rd_model_get_config(const rd_model *model);
RD_API int64_t rd_model_n_parameters(const rd_model *model); /* shared tensors counted once */

/* Logits of n sentence pairs, each target token predicted from its source and the target tokens
 * before it (teacher forcing).
 * sources, targets:  ids of all sequences end to end, without padding; each sequence ends with eos
 *                    (and begins with bos where the config has prepend_bos)
 * *_lengths:         [n], in tokens, at least 1 and at most max_*_positions
 * dropout_seed:      NULL: no dropout; otherwise the config's dropout, the same for the same seed
 * logits:            [target tokens of all pairs, tgt_vocab], for the caller to provide; row i
 *                    predicts targets[i]. rd_criterion_rdrop compares the logits of two calls with
 *                    two seeds, and takes the same `targets`.
 * A model without an encoder reads no sources, which may be NULL; without a decoder, each source
 * token has a row, and each target is as long as its source. A head of classes or a value gives a
 * row of num_classes or of one number for each source, and reads no targets, which may be NULL.
 * Fails with RD_ERR_ARGUMENT on an id or a length out of range, RD_ERR_UNSUPPORTED for a model of
 * pictures. Calls on one model may run at the same time. */
RD_API rd_status rd_model_logits(const rd_model *model, int64_t n, const int32_t *sources,
                                 const int32_t *source_lengths, const int32_t *targets,
                                 const int32_t *target_lengths, const uint64_t *dropout_seed,
                                 float *logits);

#ifdef __cplusplus
}
#endif
#endif
