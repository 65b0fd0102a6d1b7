#include "recipe/recipe_keys.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

static const char *const vocab_types[] = {"unigram", "bpe", NULL};
static const char *const normalizations[] = {"auto",     "identity",    "nfkc", "nfkc_cf",
                                             "nmt_nfkc", "nmt_nfkc_cf", NULL};
static const char *const activations[] = {"relu", "gelu", "swish", NULL}; /* rd_activation */
static const char *const position_layouts[] = {"fairseq", "marian", "marian-nmt",
                                               NULL};                    /* rd_position_layout */
static const char *const decoder_starts[] = {"eos", "pad", "bos", NULL}; /* rd_decoder_start */
static const char *const early_stoppings[] = {"true", "false", "never",
                                              NULL};                    /* rd_early_stopping */
static const char *const precisions[] = {"auto", "fp32", "bf16", NULL}; /* rd_precision */
static const char *const schedulers[] = {"fixed", "inverse_sqrt", "polynomial_decay", "cosine",
                                         NULL}; /* rd_lr_scheduler */
static const char *const checkpoint_metrics[] = {"loss",   "bleu",   "rouge1",
                                                 "rouge2", "rougeL", NULL};

/* Ranges are as wide as the types and the mathematics allow: they catch slips, not tastes. */
#define MANY      1e15 /* updates, tokens: exact in a double */
#define SIZE      1e6  /* widths, vocabularies, lengths */
#define AT(field) offsetof(rd_recipe, field)
#define STRING(name, field, fallback, help)                                                        \
    { name, RD_KEY_STRING, AT(field), 0, 0, fallback, NULL, help }
#define CHOICE(name, field, fallback, names, help)                                                 \
    { name, RD_KEY_STRING, AT(field), 0, 0, fallback, names, help }
#define ENUM(name, field, fallback, names, help)                                                   \
    { name, RD_KEY_ENUM, AT(field), 0, 0, fallback, names, help }
#define BOOL(name, field, fallback, help)                                                          \
    { name, RD_KEY_BOOL, AT(field), 0, 0, fallback, NULL, help }
#define INT(name, field, low, high, fallback, help)                                                \
    { name, RD_KEY_INT32, AT(field), low, high, fallback, NULL, help }
#define LONG(name, field, low, high, fallback, help)                                               \
    { name, RD_KEY_INT64, AT(field), low, high, fallback, NULL, help }
#define FLOAT(name, field, low, high, fallback, help)                                              \
    { name, RD_KEY_FLOAT, AT(field), low, high, fallback, NULL, help }
#define DOUBLE(name, field, low, high, fallback, help)                                             \
    { name, RD_KEY_DOUBLE, AT(field), low, high, fallback, NULL, help }

/* clang-format off: one line a key reads as the table it is */
const rd_key rd_recipe_keys[] = {
    STRING("source-lang", data.source_lang, "", "suffix of the source files"),
    STRING("target-lang", data.target_lang, "", "suffix of the target files"),
    STRING("trainpref", data.trainpref, "",
           "training corpora PREFIX.LANG(.gz), comma-separated, relative to the data directory"),
    STRING("validpref", data.validpref, "", "validation corpus"),
    STRING("testpref", data.testpref, "", "test sets, comma-separated"),
    STRING("prepare", data.prepare, "", "script that makes the corpora, relative to the recipe"),
    STRING("vocab-from", data.vocab_from, "",
           "folder of a vocabulary to use, not to train one (with finetune-from-model: that)"),
    CHOICE("vocab-type", data.vocab_type, "unigram", vocab_types, "SentencePiece model"),
    INT("vocab-size-src", data.vocab_size_src, 8, SIZE, "8000",
        "source pieces (vocab-size sets both sides)"),
    INT("vocab-size-tgt", data.vocab_size_tgt, 8, SIZE, "8000", "target pieces"),
    BOOL("joined-dictionary", data.joined_dictionary, "false", "one vocabulary for both sides"),
    FLOAT("character-coverage", data.character_coverage, 0.98, 1, "1.0",
          "share of characters the vocabulary covers"),
    BOOL("byte-fallback", data.byte_fallback, "false", "spell unknown characters as bytes"),
    CHOICE("normalization", data.normalization, "auto", normalizations,
           "SentencePiece's rules before text is cut; auto: nmt_nfkc where the vocabulary is the "
           "source's alone, else identity, so that translations keep U+200C, 5º, ½ and full-width "
           "commas"),
    STRING("user-defined-symbols", data.user_defined_symbols, "",
           "pieces that text is never cut within (tags, placeholders), comma-separated"),
    BOOL("mask-piece", data.mask_piece, "false", "a piece <mask>, which mask needs"),
    LONG("vocab-sentences", data.vocab_sentences, 0, MANY, "0",
         "lines sampled for the vocabulary; 0: all"),
    INT("min-source-len", data.min_source_len, 0, SIZE, "1", "shortest source kept, in tokens"),
    INT("max-source-len", data.max_source_len, 1, SIZE, "250", "longest source kept"),
    INT("min-target-len", data.min_target_len, 0, SIZE, "1", "shortest target kept"),
    INT("max-target-len", data.max_target_len, 1, SIZE, "250", "longest target kept"),
    BOOL("truncate-source", data.truncate_source, "false",
         "cut longer sources to max-source-len, in all sets, and keep them"),
    FLOAT("max-ratio", data.max_ratio, 0, SIZE, "0",
          "longest allowed ratio of the longer side to the shorter; 0: any"),
    FLOAT("sentencepiece-alpha", data.sampling_alpha, 0, 10, "0",
          "subword regularization: smoothing of the sampling; 0: off"),
    INT("sentencepiece-nbest", data.sampling_nbest, -1, 100000, "-1",
        "subword regularization: sample among the n best; -1: all"),

    BOOL("prepend-bos", model.prepend_bos, "false",
         "sources and targets begin with begin of sentence, as BART's"),

    INT("encoder-embed-dim", model.d_model, 1, 65536, "512",
        "width of the model (equal to decoder-embed-dim)"),
    INT("encoder-ffn-embed-dim", model.encoder.ffn_dim, 1, SIZE, "2048",
        "width of the encoder's feed-forward layers"),
    INT("encoder-layers", model.encoder.layers, 1, 1000, "6", "encoder layers"),
    INT("encoder-attention-heads", model.encoder.heads, 1, 1024, "8", "encoder attention heads"),
    BOOL("encoder-normalize-before", model.encoder.normalize_before, "false", "pre-norm encoder"),
    BOOL("encoder-learned-pos", model.encoder.learned_pos, "false",
         "learned encoder positions (else sinusoidal)"),
    INT("decoder-ffn-embed-dim", model.decoder.ffn_dim, 1, SIZE, "2048",
        "width of the decoder's feed-forward layers"),
    INT("decoder-layers", model.decoder.layers, 1, 1000, "6", "decoder layers"),
    INT("decoder-attention-heads", model.decoder.heads, 1, 1024, "8", "decoder attention heads"),
    BOOL("decoder-normalize-before", model.decoder.normalize_before, "false", "pre-norm decoder"),
    BOOL("decoder-learned-pos", model.decoder.learned_pos, "false", "learned decoder positions"),
    ENUM("activation-fn", model.activation, "relu", activations, "feed-forward activation"),
    ENUM("position-layout", model.position_layout, "fairseq", position_layouts,
         "where positions count from, and sinusoidal frequencies"),
    ENUM("decoder-start", model.decoder_start, "eos", decoder_starts,
         "what the decoder reads first"),
    FLOAT("dropout", model.dropout, 0, 0.99, "0.1", "dropout on embeddings and sublayer outputs"),
    FLOAT("attention-dropout", model.attention_dropout, 0, 0.99, "0",
          "dropout on attention weights"),
    FLOAT("activation-dropout", model.activation_dropout, 0, 0.99, "0",
          "dropout inside feed-forward layers"),
    BOOL("share-decoder-input-output-embed", model.share_decoder_input_output_embed, "false",
         "output projection = target embedding"),
    BOOL("share-all-embeddings", model.share_all_embeddings, "false",
         "and = source embedding; needs joined-dictionary"),
    BOOL("output-bias", model.output_bias, "false", "a bias behind the output projection"),
    BOOL("layernorm-embedding", model.layernorm_embedding, "false",
         "a layer norm behind the embeddings"),
    BOOL("no-scale-embedding", model.no_scale_embedding, "false",
         "do not scale embeddings by sqrt(width)"),
    INT("max-source-positions", model.max_source_positions, 1, SIZE, "1024",
        "longest source the model takes"),
    INT("max-target-positions", model.max_target_positions, 1, SIZE, "1024",
        "longest target the model takes"),
    INT("src-vocab", model.src_vocab, 0, SIZE, "0",
        "source embeddings; 0: set from the vocabulary"),
    INT("tgt-vocab", model.tgt_vocab, 0, SIZE, "0",
        "target embeddings; 0: set from the vocabulary"),
    INT("pad-id", model.pad_id, -1, SIZE, "0",
        "id of padding (config.yaml of a model; -1: the vocabulary has none)"),
    INT("bos-id", model.bos_id, -1, SIZE, "1", "id of begin of sentence; -1: none"),
    INT("eos-id", model.eos_id, 0, SIZE, "2", "id of end of sentence"),
    INT("unk-id", model.unk_id, -1, SIZE, "3", "id of the unknown piece; -1: none"),

    {"adam-betas", RD_KEY_PAIR, AT(optim.adam_beta1), 0, 0.9999999, "[0.9, 0.999]", NULL,
     "Adam's decay rates"},
    DOUBLE("adam-eps", optim.adam_eps, 1e-30, 1, "1e-8", "Adam's epsilon"),
    DOUBLE("weight-decay", optim.weight_decay, 0, 1, "0", "weight decay"),
    BOOL("decoupled-weight-decay", optim.decoupled_weight_decay, "true",
         "AdamW, as fairseq's adam; else L2 added to the gradient"),
    DOUBLE("lr", optim.lr, 0, 100, "5e-4", "peak learning rate"),
    ENUM("lr-scheduler", optim.lr_scheduler, "inverse_sqrt", schedulers, "learning-rate schedule"),
    LONG("warmup-updates", optim.warmup_updates, 0, MANY, "4000", "updates of linear warmup"),
    DOUBLE("warmup-init-lr", optim.warmup_init_lr, 0, 100, "0", "learning rate at update 0"),
    LONG("total-num-update", optim.total_num_update, 0, MANY, "0",
         "polynomial_decay, cosine: where the decay ends; 0: at max-update"),
    DOUBLE("end-learning-rate", optim.end_learning_rate, 0, 100, "0",
           "polynomial_decay, cosine: rate at the end"),
    DOUBLE("power", optim.power, 0, 100, "1", "polynomial_decay: exponent"),
    DOUBLE("clip-norm", optim.clip_norm, 0, 1e30, "0", "largest gradient norm; 0: any"),

    STRING(
        "finetune-from-model", train.finetune_from_model, "",
        "model directory whose shape and weights training starts from (and joined-dictionary and "
        "prepend-bos, where they are not set)"),
    FLOAT("mask", train.noise.mask, 0, 1, "0",
          "noise: share of each source's tokens that is masked, in spans; 0: none. BART: 0.3"),
    FLOAT("poisson-lambda", train.noise.poisson_lambda, 0.5, 30, "3",
          "mask: mean length of a span, Poisson-distributed; one of length 0 inserts a mask"),
    INT("replace-length", train.noise.replace_length, -1, 1, "1",
        "mask: a span becomes 1 mask, 0: none, -1: one for each token"),
    FLOAT("mask-random", train.noise.mask_random, 0, 1, "0",
          "mask: share of the masks that is a random piece instead"),
    FLOAT("permute-sentences", train.noise.permute_sentences, 0, 1, "0",
          "noise: share of each source's sentences that is shuffled. BART: 1"),
    {"seed", RD_KEY_UINT64, AT(train.seed), 0, 0, "1", NULL, "seed of weights, order and dropout"},
    LONG("max-tokens", train.max_tokens, 0, 1e9, "4096", "tokens per batch; 0: no limit"),
    LONG("max-sentences", train.max_sentences, 0, 1e9, "0", "sentences per batch; 0: no limit"),
    LONG("max-tokens-valid", train.max_tokens_valid, 0, 1e9, "0",
         "tokens per batch in validation; 0: max-tokens"),
    INT("update-freq", train.update_freq, 1, SIZE, "1", "batches accumulated per update"),
    LONG("max-update", train.max_update, 0, MANY, "0", "updates to train; 0: no limit"),
    LONG("max-epoch", train.max_epoch, 0, 1e9, "0", "epochs to train; 0: no limit"),
    INT("patience", train.patience, 0, SIZE, "0",
        "validations without improvement before stopping; 0: never"),
    FLOAT("label-smoothing", train.label_smoothing, 0, 0.99, "0", "label smoothing"),
    FLOAT("reg-alpha", train.reg_alpha, 0, 1000, "0",
          "weight of R-Drop's KL; 0: one pass, no R-Drop"),
    LONG("reg-alpha-warmup-updates", train.reg_alpha_warmup_updates, 0, MANY, "0",
         "updates over which reg-alpha grows from 0"),
    LONG("validate-interval-updates", train.validate_interval_updates, 0, MANY, "0",
         "updates between validations; 0: by epochs"),
    INT("validate-interval", train.validate_interval, 1, SIZE, "1", "epochs between validations"),
    LONG("save-interval-updates", train.save_interval_updates, 0, MANY, "0",
         "updates between checkpoints; 0: at each validation"),
    INT("keep-last-n", train.keep_last, 1, 100000, "10", "checkpoints kept"),
    BOOL("eval-bleu", train.eval_bleu, "false", "translate the validation set for BLEU and ROUGE"),
    INT("eval-bleu-beam", train.eval_bleu_beam, 1, 1024, "5", "beam of validation"),
    LONG("eval-bleu-sentences", train.eval_bleu_sentences, 0, MANY, "0",
         "sentences translated in validation; 0: all"),
    BOOL("eval-bleu-lowercase", train.eval_bleu_lowercase, "false",
         "lowercased BLEU in validation"),
    CHOICE("best-checkpoint-metric", train.best_checkpoint_metric, "loss", checkpoint_metrics,
           "what makes a checkpoint the best; all but loss imply eval-bleu"),
    INT("log-interval", train.log_interval, 1, 1e9, "100", "updates between progress lines"),
    FLOAT("ema-decay", train.ema_decay, 0, 0.9999999, "0",
          "exponential moving average of the weights; 0: none"),
    INT("threads", train.threads, 0, 65536, "0", "threads; 0: all cores"),
    ENUM("precision", train.precision, "auto", precisions,
         "matrix products in fp32, bf16, or auto: bf16 where it is faster"),
    BOOL("checkpoint-activations", train.checkpoint_activations, "false",
         "keep only the layers' inputs and compute the rest again: less memory, more time, same "
         "weights"),
    INT("average-last", train.average_last, 1, 100000, "10", "checkpoints averaged after training"),

    INT("beam", search.beam, 1, 1024, "5", "beam width"),
    FLOAT("lenpen", search.lenpen, -100, 100, "1", "length penalty: log P / length^lenpen"),
    FLOAT("max-len-a", search.max_len_a, 0, 1000, "1.2",
          "longest output: max-len-a * source + max-len-b"),
    FLOAT("max-len-b", search.max_len_b, 0, SIZE, "10", "see max-len-a"),
    INT("min-len", search.min_len, 0, SIZE, "0", "shortest output"),
    FLOAT("unkpen", search.unk_penalty, -1e6, 1e6, "0", "penalty of the unknown piece"),
    INT("no-repeat-ngram-size", search.no_repeat_ngram, 0, 1000, "0",
        "no n-gram of this size twice; 0: off"),
    ENUM("early-stopping", search.early_stopping, "true", early_stoppings,
         "a search ends with `beam` hypotheses; false, never: when no better one is likely, or can "
         "be"),
    BOOL("forced-bos", search.forced_bos, "false",
         "outputs begin with begin of sentence, whatever the model says"),
    BOOL("forced-tokens-free", search.forced_tokens_free, "false",
         "that, and the end of the longest output, cost nothing"),
    BOOL("renormalize-logits", search.renormalize, "false",
         "probabilities among the tokens that the search allows"),
    INT("nbest", search.n_best, 1, 1024, "1", "hypotheses per sentence"),
    STRING("score-metrics", score_metrics, "bleu", "metrics of the score stage, comma-separated"),
    BOOL("score-lowercase", score_lowercase, "false", "score lowercased text"),
    STRING("compare", compare, "",
           "recipes that recipes/run.sh runs too, to show all scores, comma-separated"),
};
/* clang-format on */
const int rd_recipe_n_keys = sizeof rd_recipe_keys / sizeof *rd_recipe_keys;

const rd_key_alias rd_recipe_aliases[] = {
    {"batch-size", "max-sentences"},
    {"decoder-embed-dim", "encoder-embed-dim"}, /* recipe.c checks that the two agree */
    {NULL, NULL}};

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
#define BART(width, ffn, layers, heads)                                                            \
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
static const rd_arch_value bart_base[] = {BART("768", "3072", "6", "12")};
static const rd_arch_value bart_large[] = {BART("1024", "4096", "12", "16")};
const rd_arch rd_recipe_archs[] = {{"transformer-tiny", tiny}, {"transformer-iwslt-de-en", iwslt},
                                   {"transformer-base", base}, {"transformer-big", big},
                                   {"bart-base", bart_base},   {"bart-large", bart_large}};
const int rd_recipe_n_archs = sizeof rd_recipe_archs / sizeof *rd_recipe_archs;

const rd_key *rd_recipe_find_key(const char *name) {
    for (const rd_key_alias *alias = rd_recipe_aliases; alias->name; alias++)
        if (strcmp(name, alias->name) == 0) name = alias->key;
    for (int i = 0; i < rd_recipe_n_keys; i++)
        if (strcmp(name, rd_recipe_keys[i].name) == 0) return &rd_recipe_keys[i];
    return NULL;
}

enum { LONGEST_NAME = 64 };

/* Levenshtein distance, one row at a time. */
static int edit_distance(const char *a, const char *b) {
    int row[LONGEST_NAME + 1];
    int n = (int)strlen(b);
    for (int j = 0; j <= n; j++) row[j] = j;
    for (int i = 0; a[i]; i++) {
        int diagonal = row[0];
        row[0] = i + 1;
        for (int j = 0; j < n; j++) {
            int replace = diagonal + (a[i] != b[j]);
            int step = (row[j] < row[j + 1] ? row[j] : row[j + 1]) + 1;
            diagonal = row[j + 1];
            row[j + 1] = replace < step ? replace : step;
        }
    }
    return row[n];
}

static void keep_nearest(const char *name, const char *candidate, const char **best,
                         int *distance) {
    int d = edit_distance(name, candidate);
    if (d < *distance) *best = candidate, *distance = d;
}

const char *rd_recipe_nearest_key(const char *name) {
    /* Directives that are not in the table, because they do not survive loading. */
    static const char *const directives[] = {"extends", "arch", "optimizer", "vocab-size"};
    size_t length = strlen(name);
    if (length > LONGEST_NAME) return NULL;
    const char *best = NULL;
    int distance = (int)length / 3 + 2; /* farther than this is no slip of the pen */
    for (int i = 0; i < rd_recipe_n_keys; i++)
        keep_nearest(name, rd_recipe_keys[i].name, &best, &distance);
    for (const rd_key_alias *alias = rd_recipe_aliases; alias->name; alias++)
        keep_nearest(name, alias->name, &best, &distance);
    for (size_t i = 0; i < sizeof directives / sizeof *directives; i++)
        keep_nearest(name, directives[i], &best, &distance);
    return best;
}

rd_status rd_recipe_check(const rd_recipe *recipe) {
    const rd_model_config *model = &recipe->model;
    const rd_train_config *train = &recipe->train;
    if (model->share_all_embeddings && !recipe->data.joined_dictionary)
        return rd_error(RD_ERR_FORMAT, "share-all-embeddings needs joined-dictionary: true");
    if (recipe->data.joined_dictionary &&
        recipe->data.vocab_size_src != recipe->data.vocab_size_tgt)
        return rd_error(RD_ERR_FORMAT,
                        "joined-dictionary is true but vocab-size-src is %d and "
                        "vocab-size-tgt %d; give vocab-size",
                        recipe->data.vocab_size_src, recipe->data.vocab_size_tgt);
    if (model->d_model % model->encoder.heads != 0)
        return rd_error(RD_ERR_FORMAT,
                        "encoder-embed-dim %d is not a multiple of "
                        "encoder-attention-heads %d",
                        model->d_model, model->encoder.heads);
    if (model->d_model % model->decoder.heads != 0)
        return rd_error(RD_ERR_FORMAT,
                        "decoder-embed-dim %d is not a multiple of "
                        "decoder-attention-heads %d",
                        model->d_model, model->decoder.heads);
    if (train->max_update == 0 && train->max_epoch == 0)
        return rd_error(RD_ERR_FORMAT, "neither max-update nor max-epoch is set; training needs an "
                                       "end");
    if (train->max_tokens == 0 && train->max_sentences == 0)
        return rd_error(RD_ERR_FORMAT, "neither max-tokens nor max-sentences limits a batch");
    if (recipe->data.min_source_len > recipe->data.max_source_len ||
        recipe->data.min_target_len > recipe->data.max_target_len)
        return rd_error(RD_ERR_FORMAT, "the shortest length kept (min-source-len, min-target-len) "
                                       "is above the longest (max-source-len, max-target-len)");
    if (recipe->data.truncate_source && recipe->data.sampling_alpha > 0.0f)
        return rd_error(RD_ERR_FORMAT,
                        "truncate-source and sentencepiece-alpha exclude each other: "
                        "sampling segments the whole text anew");
    if (recipe->search.n_best > recipe->search.beam)
        return rd_error(RD_ERR_FORMAT, "nbest %d is more than beam %d", recipe->search.n_best,
                        recipe->search.beam);
    bool decays = recipe->optim.lr_scheduler == RD_LR_POLYNOMIAL_DECAY ||
                  recipe->optim.lr_scheduler == RD_LR_COSINE;
    if (decays && recipe->optim.total_num_update == 0 && train->max_update == 0)
        return rd_error(RD_ERR_FORMAT, "lr-scheduler needs total-num-update or max-update, where "
                                       "its decay ends");
    return RD_OK;
}
