/* The keys that not all tasks read. */
#include "task/keys.h"

#include <string.h>

#include "base/text.h"
#include "data/masking.h"
#include "data/noise.h"
#include "data/picture_input.h"
#include "recipe/recipe_keys.h"
#include "search/options.h"

/* Tasks of sources and targets. Denoising, of one text, may be given two. */
enum { PAIRS = RD_TRANSLATION | RD_DENOISING | RD_MASKED_LM, TWO_TEXTS = 1 << 8 };
enum { WRITING = RD_TRANSLATION | RD_DENOISING | RD_LANGUAGE_MODELING };
enum { OF_SEQUENCES = RD_SENTENCE_PREDICTION | RD_IMAGE_CLASSIFICATION };
enum { TEXTS = PAIRS | RD_LANGUAGE_MODELING | RD_SENTENCE_PREDICTION };

/* Some keys, and the tasks that read them; all read the others. Archs set the heads of both stacks,
 * so that these may be written in any recipe. */
static const struct {
    const char *names;   /* with blanks between; NULL: the table's */
    const rd_key *table; /* or NULL */
    unsigned tasks;
    const char *harmless; /* a value that is true of the other tasks, too; NULL: none is */
} rows[] = {
    {.names = "source-lang target-lang", .tasks = PAIRS | RD_LANGUAGE_MODELING},
    {.names = "class-names picture-size picture-channels patch-size stem-layers class-tokens "
              "position-interpolation",
     .tasks = RD_IMAGE_CLASSIFICATION},
    {.names = "vocab-type threshold nwords vocab-size-src vocab-size-tgt character-coverage "
              "byte-fallback normalization user-defined-symbols mask-piece vocab-sentences",
     .tasks = PAIRS | RD_LANGUAGE_MODELING},
    {.names = "min-source-len max-source-len truncate-source sentencepiece-alpha "
              "sentencepiece-nbest",
     .tasks = PAIRS},
    {.names = "min-target-len max-target-len", .tasks = RD_TRANSLATION | RD_DENOISING},
    {.names = "max-ratio", .tasks = RD_TRANSLATION | TWO_TEXTS},
    {.names = "tokens-per-sample sample-break-mode line-end score-tokens-per-sample "
              "score-context-window score-break-mode",
     .tasks = RD_LANGUAGE_MODELING},
    {.names = "extend-vocab padding-idx joined-dictionary share-all-embeddings cutoff cutoff-ratio",
     .tasks = TEXTS},
    {.names = "layernorm-embedding output-bias position-layout no-scale-embedding segment-types "
              "share-decoder-input-output-embed src-vocab tgt-vocab adaptive-input "
              "adaptive-input-cutoff adaptive-input-factor adaptive-softmax-cutoff "
              "adaptive-softmax-factor adaptive-softmax-dropout tie-adaptive-weights "
              "tie-adaptive-proj",
     .tasks = TEXTS},
    {.names = "prepend-bos", .tasks = PAIRS | RD_SENTENCE_PREDICTION},
    {.names = "max-tokens max-tokens-valid", .tasks = TEXTS, .harmless = "0"},
    {.names = "encoder-ffn-embed-dim encoder-normalize-before encoder-learned-pos drop-path",
     .tasks = PAIRS | OF_SEQUENCES},
    {.names = "max-source-positions", .tasks = PAIRS | RD_SENTENCE_PREDICTION},
    {.names = "max-target-positions", .tasks = TEXTS},
    {.names = "decoder-ffn-embed-dim decoder-normalize-before decoder-learned-pos "
              "no-decoder-final-norm",
     .tasks = WRITING},
    {.names = "head", .tasks = WRITING, .harmless = "classes"},
    {.names = "decoder-start", .tasks = RD_TRANSLATION | RD_DENOISING},
    {.names = "pooling", .tasks = (TEXTS & ~RD_MASKED_LM) | RD_IMAGE_CLASSIFICATION},
    {.names = "num-classes", .tasks = 0}, /* the data's */
    {.names = "zero-init-head class-weights kl-reduction", .tasks = OF_SEQUENCES},
    {.names = "eval-bleu eval-bleu-lowercase eval-bleu-tokenizer score-lowercase score-tokenizer",
     .tasks = RD_TRANSLATION},
    {.names = "eval-bleu-beam eval-bleu-sentences", .tasks = RD_TRANSLATION | RD_DENOISING},
    {.names = "score-metrics", .tasks = RD_TRANSLATION | RD_SENTENCE_PREDICTION},
    {.table = rd_table_keys, .tasks = RD_SENTENCE_PREDICTION},
    {.table = rd_picture_form_keys, .tasks = RD_IMAGE_CLASSIFICATION},
    {.table = rd_augmentation_keys, .tasks = RD_IMAGE_CLASSIFICATION},
    {.table = rd_noise_keys, .tasks = RD_TRANSLATION | RD_DENOISING},
    {.table = rd_masking_keys, .tasks = RD_MASKED_LM},
    {.table = rd_search_keys, .tasks = WRITING}};

enum { N_ROWS = sizeof rows / sizeof *rows };

/* The row that has the key; N_ROWS: all tasks read it. */
static int row_of(const rd_key *key) {
    for (int i = 0; i < N_ROWS; i++)
        if (rows[i].names ? rd_is_listed(rows[i].names, key->name)
                          : rd_recipe_group_of(key)->keys == rows[i].table)
            return i;
    return N_ROWS;
}

/* Whether the recipe gives the task a value, not the default, of a key that it does not read. */
static bool is_ignored(const rd_task *task, const rd_recipe *recipe, const rd_recipe *plain,
                       const rd_key *key) {
    bool two = strcmp(recipe->data.source_lang, recipe->data.target_lang) != 0;
    bool of_one = task->bit & RD_DENOISING;
    int row = row_of(key);
    if (row == N_ROWS || rows[row].tasks & (task->bit | (of_one && two ? TWO_TEXTS : 0)))
        return false;
    if (rd_recipe_same_value(recipe, plain, key)) return false;
    return !rows[row].harmless || !rd_recipe_has_value(recipe, key, rows[row].harmless);
}

/* The next key from index *i on that the task ignores, of this origin; NULL: none. */
static const rd_key *next_ignored(const rd_task *task, const rd_recipe *recipe,
                                  const rd_recipe *plain, rd_key_origin origin, int *i) {
    const rd_key *key;
    for (; (key = rd_recipe_key(*i)); ++*i)
        if (recipe->origins[*i] == origin && is_ignored(task, recipe, plain, key)) return key;
    return NULL;
}

rd_status rd_task_refuse_ignored(const rd_task *task, const rd_recipe *recipe) {
    rd_recipe *plain;
    int i = 0;
    RD_TRY(rd_recipe_new(&plain));
    const rd_key *key = next_ignored(task, recipe, plain, RD_WRITTEN_DOWN, &i);
    rd_recipe_free(plain);
    if (!key) return RD_OK;
    bool size = strncmp(key->name, "vocab-size", strlen("vocab-size")) == 0;
    bool adopted = size && task->bit == RD_SENTENCE_PREDICTION;
    return rd_error(RD_ERR_ARGUMENT, "task %s: %s has no meaning here; leave it out%s", task->name,
                    size ? "vocab-size" : key->name,
                    adopted ? " (the vocabulary is vocab-from's or finetune-from-model's)" : "");
}

rd_status rd_task_warn_of_ignored(const rd_task *task, const rd_recipe *recipe, rd_text *warnings) {
    rd_recipe *plain;
    RD_TRY(rd_recipe_new(&plain));
    rd_status status = RD_OK;
    const rd_key *key;
    bool some = false;
    for (int i = 0; status == RD_OK && (key = next_ignored(task, recipe, plain, RD_INHERITED, &i));
         i++) {
        status = rd_text_printf(warnings, "%s%s", some ? ", " : "", key->name);
        some = true;
    }
    rd_recipe_free(plain);
    RD_TRY(status);
    return some ? rd_text_printf(warnings,
                                 ": of an extended recipe, without effect on the task %s\n",
                                 task->name)
                : RD_OK;
}
