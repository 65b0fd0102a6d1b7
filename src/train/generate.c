/* Translating the validation set: for scores, and for the report's samples. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "rdrop/metrics.h"
#include "train/run.h"
#include "translate/translate.h"

enum { N_SAMPLES = 6 };

bool rd_run_scores(const rd_run *run) {
    const rd_train_config *t = &run->recipe->train;
    return t->eval_bleu || strcmp(t->best_checkpoint_metric, "loss") != 0;
}

/* Some validation sentences and what became of them; all strings malloc'ed. */
typedef struct {
    int64_t n;
    rd_batch read;         /* their tokens, as the model is to read and write them */
    rd_token_span *tokens; /* [n] sources, borrowed from it */
    char **sources, **references, **hypotheses;
} sentences;

static void sentences_free(sentences *s) {
    for (int64_t i = 0; i < s->n; i++) {
        if (s->sources) free(s->sources[i]);
        if (s->references) free(s->references[i]);
        if (s->hypotheses) free(s->hypotheses[i]);
    }
    rd_batch_free(&s->read);
    free(s->tokens);
    free(s->sources);
    free(s->references);
    free(s->hypotheses);
}

/* The text where the dataset keeps it, else what its tokens (eos last) spell. */
static rd_status text_of(const rd_tokenizer *tokenizer, const int32_t *tokens, int32_t n,
                         const char *kept, int32_t length, char **text) {
    if (!kept) return rd_tokenizer_decode(tokenizer, tokens, n, text, NULL);
    *text = rd_malloc((size_t)length + 1, 1);
    if (!*text) return RD_ERR_MEMORY;
    memcpy(*text, kept, (size_t)length);
    (*text)[length] = '\0';
    return RD_OK;
}

/* What noise left of a text, with its masks. */
static rd_status text_of_noised(const rd_tokenizer *tokenizer, rd_token_span source, char **text) {
    rd_text out = {0};
    int32_t mask = rd_tokenizer_mask(tokenizer), begin = 0;
    rd_status status = RD_OK;
    for (int32_t i = 0; status == RD_OK && i < source.length; i++) {
        bool masked = source.tokens[i] == mask;
        if (!masked && i + 1 < source.length) continue;
        char *part = NULL;
        status = rd_tokenizer_decode(tokenizer, source.tokens + begin, i - begin, &part, NULL);
        if (status == RD_OK) status = rd_text_printf(&out, "%s%s", part, masked ? " <mask> " : "");
        free(part);
        begin = i + 1;
    }
    if (status == RD_OK)
        *text = out.data;
    else
        rd_text_free(&out);
    return status;
}

/* n of the first `among` validation sentences, evenly spread. */
static rd_status collect(const rd_run *run, int64_t n, int64_t among, sentences *s) {
    size_t count = (size_t)n;
    *s = (sentences){.n = n,
                     .tokens = rd_calloc(count, sizeof *s->tokens),
                     .sources = rd_calloc(count, sizeof *s->sources),
                     .references = rd_calloc(count, sizeof *s->references),
                     .hypotheses = rd_calloc(count, sizeof *s->hypotheses)};
    if (!s->tokens || !s->sources || !s->references || !s->hypotheses) return RD_ERR_MEMORY;
    for (int64_t i = 0; i < n; i++)
        RD_TRY(rd_batcher_add(run->valid_batches, i * among / n, &s->read));
    for (int64_t i = 0; i < n; i++) {
        const int32_t *at = s->read.source.offsets + i;
        rd_pair pair = rd_dataset_get(run->valid_data, s->read.ids[i]);
        s->tokens[i] = (rd_token_span){s->read.source.ids + at[0], at[1] - at[0]};
        RD_TRY(run->noise ? text_of_noised(run->source, s->tokens[i], &s->sources[i])
                          : text_of(run->source, pair.src, pair.n_src, pair.src_text,
                                    pair.src_text_length, &s->sources[i]));
        RD_TRY(text_of(run->target, pair.tgt, pair.n_tgt, pair.tgt_text, pair.tgt_text_length,
                       &s->references[i]));
    }
    return RD_OK;
}

static rd_status translate(const rd_run *run, const volatile sig_atomic_t *stop, sentences *s) {
    const rd_model *model = run->model;
    rd_translate_job job = {.models = &model,
                            .n_models = 1,
                            .search = run->recipe->search,
                            .threads = run->recipe->train.threads};
    job.search.beam = run->recipe->train.eval_bleu_beam;
    job.search.stop = stop;
    return rd_translate_to_text(&job, run->target, s->n, s->tokens, s->hypotheses);
}

static rd_status score(const rd_run *run, const sentences *s, rd_train_scores *scores) {
    const char *const *hypotheses = (const char *const *)s->hypotheses;
    const char *const *references = (const char *const *)s->references;
    rd_rouge_scores rouge;
    RD_TRY(rd_bleu_corpus(s->n, hypotheses, references, run->scored_words,
                          run->recipe->train.eval_bleu_lowercase, &scores->bleu));
    RD_TRY(rd_rouge_corpus(s->n, hypotheses, references, run->rouge_words, false, &rouge));
    scores->rouge1 = rouge.rouge1;
    scores->rouge2 = rouge.rouge2;
    scores->rougeL = rouge.rougeL;
    return RD_OK;
}

/* N_SAMPLES of the sentences, the same at every validation. */
static json_t *samples_of(const sentences *s) {
    json_t *samples = json_array();
    int64_t n = s->n < N_SAMPLES ? s->n : N_SAMPLES;
    for (int64_t k = 0; k < n; k++) {
        int64_t i = k * s->n / n;
        json_array_append_new(samples,
                              json_pack("{s:s, s:s, s:s}", "source", s->sources[i], "reference",
                                        s->references[i], "hypothesis", s->hypotheses[i]));
    }
    return samples;
}

rd_status rd_run_generate(const rd_run *run, const volatile sig_atomic_t *stop,
                          rd_train_scores *scores, json_t **samples) {
    int64_t all = rd_dataset_size(run->valid_data), wanted = run->recipe->train.eval_bleu_sentences;
    int64_t among = wanted > 0 && wanted < all ? wanted : all;
    int64_t n = rd_run_scores(run) || among < N_SAMPLES ? among : N_SAMPLES;
    sentences s;
    rd_status status = collect(run, n, among, &s);
    if (status == RD_OK) status = translate(run, stop, &s);
    if (status == RD_OK && rd_run_scores(run)) status = score(run, &s, scores);
    if (status == RD_OK) *samples = samples_of(&s);
    sentences_free(&s);
    return status;
}
