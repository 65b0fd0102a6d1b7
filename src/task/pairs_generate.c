/* Translating the validation set: for scores, and for the report's samples. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "data/tokenizer_kind.h"
#include "task/pairs.h"
#include "translate/translate.h"

enum { N_SAMPLES = 6 };

void rd_pairs_answers_free(rd_pairs_answers *a) {
    for (int64_t i = 0; i < a->n; i++) {
        if (a->sources) free(a->sources[i]);
        if (a->references) free(a->references[i]);
        if (a->hypotheses) free(a->hypotheses[i]);
    }
    free(a->sources);
    free(a->references);
    free(a->hypotheses);
    *a = (rd_pairs_answers){0};
}

/* The sentences as the model is to read them. */
typedef struct {
    rd_batch read;
    rd_token_span *tokens; /* [n] sources, borrowed from it */
} sources;

static void sources_free(sources *s) {
    rd_batch_free(&s->read);
    free(s->tokens);
}

/* The text in whole words if the dataset keeps it, else the text of its tokens (eos last). */
static rd_status text_of(const rd_tokenizer *tokenizer, const int32_t *tokens, int32_t n,
                         const char *kept, int32_t length, char **text) {
    if (!kept) return rd_tokenizer_decode(tokenizer, tokens, n, text, NULL);
    *text = rd_malloc((size_t)length + 1, 1);
    if (!*text) return RD_ERR_MEMORY;
    memcpy(*text, kept, (size_t)length);
    (*text)[length] = '\0';
    rd_tokenizer_join(tokenizer, *text, (size_t)length);
    return RD_OK;
}

/* The noised text, with its masks. */
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

static rd_status make_room(int64_t n, sources *s, rd_pairs_answers *a) {
    size_t count = (size_t)n;
    *a = (rd_pairs_answers){.n = n,
                            .sources = rd_calloc(count, sizeof *a->sources),
                            .references = rd_calloc(count, sizeof *a->references),
                            .hypotheses = rd_calloc(count, sizeof *a->hypotheses)};
    s->tokens = rd_calloc(count, sizeof *s->tokens);
    return s->tokens && a->sources && a->references && a->hypotheses ? RD_OK : RD_ERR_MEMORY;
}

/* a->n of the first `among` validation sentences, evenly spread. */
static rd_status collect(const rd_pairs *p, int64_t among, sources *s, rd_pairs_answers *a) {
    const int64_t n = a->n;
    for (int64_t i = 0; i < n; i++)
        RD_TRY(rd_batcher_add(p->splits[RD_VALIDATION_DATA].batches, i * among / n, &s->read));
    for (int64_t i = 0; i < n; i++) {
        const int32_t *at = s->read.source.offsets + i, *to = s->read.target.offsets + i;
        rd_pair pair = rd_dataset_get(p->splits[RD_VALIDATION_DATA].data, s->read.ids[i]);
        s->tokens[i] = (rd_token_span){s->read.source.ids + at[0], at[1] - at[0]};
        RD_TRY(p->noise ? text_of_noised(p->source, s->tokens[i], &a->sources[i])
                        : text_of(p->source, s->tokens[i].tokens, s->tokens[i].length,
                                  pair.src_text, pair.src_text_length, &a->sources[i]));
        RD_TRY(text_of(p->target, s->read.target.ids + to[0], to[1] - to[0], pair.tgt_text,
                       pair.tgt_text_length, &a->references[i]));
    }
    return RD_OK;
}

/* texts: [n] of these sources, malloc'ed. */
static rd_status translate(const rd_pairs *p, const rd_validation *validation, int64_t n,
                           const rd_token_span *tokens, char **texts) {
    rd_translate_job job = {.models = &validation->model,
                            .n_models = 1,
                            .search = p->recipe->search,
                            .threads = p->recipe->train.threads};
    job.search.beam = p->recipe->train.eval_bleu_beam;
    job.search.diverse_groups = 1; /* which may not divide that beam */
    job.search.stop = validation->stop;
    RD_TRY(rd_translate_to_text(&job, p->target, n, tokens, texts));
    int32_t specials = p->recipe->model.prepend_bos ? 2 : 1;
    for (int64_t i = 0; i < n; i++)
        if (tokens[i].length <= specials) *texts[i] = '\0'; /* nothing's translation is nothing */
    return RD_OK;
}

/* Several workers translate every size-th sentence each. */
static int64_t n_of(const rd_comm *comm, int64_t n, int rank) {
    return (n - rank + comm->size - 1) / comm->size;
}

/* A worker's translations, each with its NUL, end to end. */
static rd_status translate_mine(const rd_pairs *p, const rd_validation *validation,
                                const sources *s, int64_t n, rd_text *mine) {
    const rd_comm *comm = validation->comm;
    int64_t own = n_of(comm, n, comm->rank);
    rd_token_span *tokens = rd_malloc((size_t)own, sizeof *tokens);
    char **texts = rd_calloc((size_t)own, sizeof *texts);
    rd_status status = tokens && texts ? RD_OK : RD_ERR_MEMORY;
    for (int64_t i = 0; status == RD_OK && i < own; i++)
        tokens[i] = s->tokens[i * comm->size + comm->rank];
    if (status == RD_OK) status = translate(p, validation, own, tokens, texts);
    for (int64_t i = 0; status == RD_OK && i < own; i++)
        status = rd_text_append(mine, texts[i], strlen(texts[i]) + 1);
    for (int64_t i = 0; texts && i < own; i++) free(texts[i]);
    free(texts);
    free(tokens);
    return status;
}

/* all: the workers' data, in their order. */
static rd_status put_in_order(const rd_comm *comm, const char *all, rd_pairs_answers *a) {
    for (int w = 0; w < comm->size; w++)
        for (int64_t i = w; i < a->n; i += comm->size) {
            if (!(a->hypotheses[i] = rd_strdup(all))) return RD_ERR_MEMORY;
            all += strlen(all) + 1;
        }
    return RD_OK;
}

static rd_status bring_together(rd_comm *comm, const rd_text *mine, rd_pairs_answers *a) {
    char *all;
    size_t total;
    RD_TRY(rd_comm_join(comm, mine->data, (size_t)mine->length, &all, &total));
    rd_status status = all ? put_in_order(comm, all, a) : RD_OK;
    free(all);
    return status;
}

/* Only the first worker has hypotheses. status: of what came before, on which all agree. */
static rd_status translate_together(const rd_pairs *p, const rd_validation *validation,
                                    const sources *s, rd_pairs_answers *a, rd_status status) {
    rd_comm *comm = validation->comm;
    rd_text mine = {0};
    if (status == RD_OK) status = translate_mine(p, validation, s, a->n, &mine);
    status = rd_comm_agree(comm, status);
    if (status == RD_OK) status = bring_together(comm, &mine, a);
    rd_text_free(&mine);
    return status;
}

rd_status rd_pairs_generate(const rd_pairs *p, const rd_validation *validation, bool all,
                            rd_pairs_answers *answers) {
    int64_t size = rd_dataset_size(p->splits[RD_VALIDATION_DATA].data);
    int64_t wanted = p->recipe->train.eval_bleu_sentences;
    int64_t among = wanted > 0 && wanted < size ? wanted : size;
    sources s = {0};
    rd_status status = make_room(all || among < N_SAMPLES ? among : N_SAMPLES, &s, answers);
    if (status == RD_OK) status = collect(p, among, &s, answers);
    if (validation->comm->size > 1)
        status = translate_together(p, validation, &s, answers, status);
    else if (status == RD_OK)
        status = translate(p, validation, answers->n, s.tokens, answers->hypotheses);
    sources_free(&s);
    return status;
}

json_t *rd_pairs_samples(const rd_pairs_answers *a) {
    json_t *samples = json_array();
    int64_t n = a->n < N_SAMPLES ? a->n : N_SAMPLES;
    for (int64_t k = 0; k < n; k++) {
        int64_t i = k * a->n / n;
        json_array_append_new(samples,
                              json_pack("{s:s, s:s, s:s}", "source", a->sources[i], "reference",
                                        a->references[i], "hypothesis", a->hypotheses[i]));
    }
    return samples;
}
