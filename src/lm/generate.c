#include "lm/generate.h"

#include <stdlib.h>
#include <string.h>

/* Prompts being continued. */
typedef struct {
    const rd_lm_generation *generation;
    int64_t n;
    rd_ids *prompts;        /* [n] */
    rd_lm_answers *answers; /* [n], the caller's */
} work;

void rd_lm_answers_free(rd_lm_answers *answers) {
    for (int32_t i = 0; i < answers->n; i++) free(answers->items[i].text);
    free(answers->items);
    *answers = (rd_lm_answers){0};
}

/* The text of a prompt and what follows it. */
static rd_status decode(const rd_tokenizer *tokenizer, const rd_ids *prompt,
                        const rd_hypothesis *found, char **text) {
    int64_t n = prompt->length + found->length;
    int32_t *all = rd_malloc((size_t)n, sizeof *all);
    if (!all) return RD_ERR_MEMORY;
    if (prompt->length > 0) memcpy(all, prompt->data, sizeof *all * (size_t)prompt->length);
    if (found->length > 0)
        memcpy(all + prompt->length, found->tokens, sizeof *all * (size_t)found->length);
    rd_status status = rd_tokenizer_decode(tokenizer, all, n, text, NULL);
    free(all);
    return status;
}

static rd_status take(const work *w, int64_t id, const rd_hypotheses *found) {
    rd_lm_answers *a = &w->answers[id];
    a->items = rd_calloc((size_t)found->n, sizeof *a->items);
    if (!a->items) return RD_ERR_MEMORY;
    for (; a->n < found->n; a->n++) {
        const rd_hypothesis *item = &found->items[a->n];
        rd_lm_answer *answer = &a->items[a->n];
        answer->score = item->score;
        answer->log_prob = item->log_prob;
        RD_TRY(decode(w->generation->lm->tokenizer, &w->prompts[id], item, &answer->text));
    }
    return RD_OK;
}

static rd_status submit(const work *w, rd_search *search, int64_t first) {
    for (int64_t i = 0; i < w->n; i++) {
        rd_search_request request = {.source = {w->prompts[i].data, (int32_t)w->prompts[i].length},
                                     .number = first + i};
        rd_status status = rd_search_submit(search, &request, i);
        if (status != RD_OK)
            return rd_error_prefix(status, "line %lld", (long long)(first + i + 1));
    }
    return RD_OK;
}

static rd_status search_all(const work *w, rd_search *search, int64_t first) {
    RD_TRY(submit(w, search, first));
    while (!rd_search_is_idle(search)) {
        int64_t id;
        rd_hypotheses found;
        RD_TRY(rd_search_step(search));
        while (rd_search_take(search, &id, &found)) {
            rd_status status = take(w, id, &found);
            rd_hypotheses_free(&found);
            RD_TRY(status);
        }
    }
    return RD_OK;
}

/* What ends an output: the end of a line, or, over lines, of a text. */
static rd_status ending_of(const rd_lm_generation *g, int32_t *id) {
    rd_ids ids = {0};
    *id = rd_tokenizer_eos(g->lm->tokenizer);
    if (g->lm->end != RD_LINE_END_NEWLINE || g->many_lines) return RD_OK;
    rd_status status = rd_line_encode(g->lm->tokenizer, g->lm->end, "", 0, &ids);
    if (status == RD_OK) *id = ids.data[0];
    free(ids.data);
    return status;
}

static rd_status run(const work *w, rd_model_scorer *scorer, int64_t first) {
    rd_search *search;
    if (rd_search_wants_logits(&w->generation->search))
        RD_TRY(rd_model_scorer_skip_softmax(scorer));
    rd_scorer view = rd_model_scorer_view(scorer);
    RD_TRY(ending_of(w->generation, &view.eos));
    RD_TRY(rd_search_open(&search, &view, &w->generation->search));
    rd_status status = search_all(w, search, first);
    rd_search_close(search);
    return status;
}

static rd_status encode_prompts(const work *w, const char *const *prompts) {
    for (int64_t i = 0; i < w->n; i++)
        RD_TRY(rd_tokenizer_encode(w->generation->lm->tokenizer, prompts[i], strlen(prompts[i]),
                                   &w->prompts[i]));
    return RD_OK;
}

rd_status rd_lm_generate(const rd_lm_generation *g, int64_t first, int64_t n,
                         const char *const *prompts, rd_lm_answers *answers) {
    const rd_model *models[] = {g->lm->model};
    rd_model_scorer *scorer = NULL;
    work w = {.generation = g, .n = n, .answers = answers};
    memset(answers, 0, sizeof *answers * (size_t)n);
    w.prompts = rd_calloc((size_t)n, sizeof *w.prompts);
    if (!w.prompts) return RD_ERR_MEMORY;
    rd_status status = rd_model_scorer_open(&scorer, models, 1);
    if (status == RD_OK) status = encode_prompts(&w, prompts);
    if (status == RD_OK) status = run(&w, scorer, first);
    rd_model_scorer_close(scorer);
    for (int64_t i = 0; i < n; i++) free(w.prompts[i].data);
    free(w.prompts);
    for (int64_t i = 0; status != RD_OK && i < n; i++) rd_lm_answers_free(&answers[i]);
    return status;
}
