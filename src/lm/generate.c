#include "lm/generate.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "data/tokenizer_kind.h"

/* Prompts being continued. */
typedef struct {
    const rd_lm_generation *generation;
    int64_t n;
    const char *const *texts; /* [n] */
    rd_ids *prompts;          /* [n] their tokens */
    rd_lm_answers *answers;   /* [n], the caller's */
} work;

void rd_lm_answers_free(rd_lm_answers *answers) {
    for (int32_t i = 0; i < answers->n; i++) free(answers->items[i].text);
    free(answers->items);
    *answers = (rd_lm_answers){0};
}

/* The text of a prompt's tokens and of those that follow it. */
static rd_status decode(const rd_tokenizer *tokenizer, const rd_ids *prompt,
                        const rd_hypothesis *found, char **text) {
    int64_t n = prompt->length + (found ? found->length : 0);
    int32_t *all = rd_malloc((size_t)n, sizeof *all);
    if (!all) return RD_ERR_MEMORY;
    if (prompt->length > 0) memcpy(all, prompt->data, sizeof *all * (size_t)prompt->length);
    if (n > prompt->length)
        memcpy(all + prompt->length, found->tokens, sizeof *all * (size_t)found->length);
    rd_status status = rd_tokenizer_decode(tokenizer, all, n, text, NULL);
    free(all);
    return status;
}

/* Whether an answer ends with its line. */
static bool ends_with_line(const rd_lm_generation *g) {
    return g->lm->end == RD_LINE_END_NEWLINE && !g->many_lines;
}

/* Whether the prompt ends with a blank that its tokens lack, and all[n] is the same again. */
static bool is_lost_blank(const char *prompt, const char *all, size_t n) {
    size_t length = strlen(prompt);
    return length > 0 && prompt[length - 1] == ' ' && all[n] == ' ' &&
           (n == 0 || all[n - 1] != ' ');
}

/* *text: the prompt as it was (pieces of subword-nmt as words), followed by the text after that of
 * its tokens, up to the end of the line if answers end with it. If the whole text does not begin
 * with that of the prompt's tokens, as may happen with some tokenizers, the text of all tokens. */
static rd_status complete(const work *w, int64_t id, const rd_hypothesis *found, char **text) {
    const rd_tokenizer *tokenizer = w->generation->lm->tokenizer;
    char *all, *own;
    rd_text whole = {0};
    RD_TRY(decode(tokenizer, &w->prompts[id], found, &all));
    rd_status status = decode(tokenizer, &w->prompts[id], NULL, &own);
    size_t n = status == RD_OK ? strlen(own) : 0;
    bool follows = status == RD_OK && strncmp(all, own, n) == 0;
    if (status == RD_OK) free(own);
    if (follows && !w->generation->many_lines) all[n + strcspn(all + n, "\n")] = '\0';
    if (follows && is_lost_blank(w->texts[id], all, n)) n++;
    if (status == RD_OK) status = rd_text_put(&whole, follows ? w->texts[id] : "");
    if (status == RD_OK) {
        whole.length = (int64_t)rd_tokenizer_join(tokenizer, whole.data, (size_t)whole.length);
        status = rd_text_put(&whole, all + (follows ? n : 0));
    }
    free(all);
    if (status != RD_OK) rd_text_free(&whole);
    *text = whole.data;
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
        RD_TRY(complete(w, id, item, &answer->text));
    }
    return RD_OK;
}

static rd_status submit(const work *w, rd_search *search, int64_t first) {
    for (int64_t i = 0; i < w->n; i++) {
        rd_search_request request = {.source = {w->prompts[i].data, (int32_t)w->prompts[i].length},
                                     .number = first + i};
        RD_TRY(rd_search_submit(search, &request, i));
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

/* The token that ends an output: the end of a text, or, before that, of a line. */
static rd_status line_end(const rd_lm_generation *g, int32_t *id) {
    rd_ids ids = {0};
    *id = rd_tokenizer_eos(g->lm->tokenizer);
    if (!ends_with_line(g)) return RD_OK;
    rd_status status = rd_line_encode(g->lm->tokenizer, g->lm->end, "", 0, &ids);
    if (status == RD_OK) *id = ids.data[0];
    free(ids.data);
    return status;
}

/* The other ends of an answer of one line: that of a text, and tokens that have a newline in them.
 */
static rd_status add_ends(const rd_lm_generation *g, rd_text *ends) {
    int32_t end_of_text = rd_tokenizer_eos(g->lm->tokenizer);
    if (g->many_lines) return RD_OK;
    if (ends_with_line(g) && end_of_text >= 0)
        RD_TRY(rd_text_printf(ends, " %d", (int)end_of_text));
    return rd_text_append(ends, g->lm->newlines.data, (size_t)g->lm->newlines.length);
}

static rd_status run(const work *w, rd_model_scorer *scorer, int64_t first) {
    rd_search_options options = w->generation->search;
    rd_search *search;
    rd_text ends = {0};
    if (rd_search_wants_logits(&options)) RD_TRY(rd_model_scorer_skip_softmax(scorer));
    rd_scorer view = rd_model_scorer_view(scorer);
    RD_TRY(line_end(w->generation, &view.eos));
    rd_status status = rd_text_printf(&ends, "%s", options.end_tokens ? options.end_tokens : "");
    if (status == RD_OK) status = add_ends(w->generation, &ends);
    options.end_tokens = ends.data;
    if (status == RD_OK) status = rd_search_open(&search, &view, &options);
    if (status == RD_OK) {
        status = search_all(w, search, first);
        rd_search_close(search);
    }
    rd_text_free(&ends);
    return status;
}

static rd_status encode(const rd_lm *lm, const char *text, int64_t number, rd_ids *ids) {
    RD_TRY(rd_tokenizer_encode(lm->tokenizer, text, strlen(text), ids));
    if (ids->length < lm->positions) return RD_OK;
    return rd_error(
        RD_ERR_FORMAT,
        "line %lld: a prompt of %lld tokens; the model, of %d positions, takes up to %d",
        (long long)number, (long long)ids->length, (int)lm->positions, (int)lm->positions - 1);
}

/* The work ends before a prompt that fails. */
static rd_status encode_prompts(work *w, int64_t first) {
    for (int64_t i = 0; i < w->n; i++) {
        rd_status status = encode(w->generation->lm, w->texts[i], first + i + 1, &w->prompts[i]);
        if (status == RD_OK) continue;
        w->n = i;
        return status;
    }
    return RD_OK;
}

rd_status rd_lm_generate(const rd_lm_generation *g, int64_t first, int64_t n,
                         const char *const *prompts, rd_lm_answers *answers, int64_t *n_answered) {
    const rd_model *models[] = {g->lm->model};
    rd_model_scorer *scorer = NULL;
    work w = {.generation = g, .n = n, .texts = prompts, .answers = answers};
    *n_answered = 0;
    memset(answers, 0, sizeof *answers * (size_t)n);
    w.prompts = rd_calloc((size_t)n, sizeof *w.prompts);
    if (!w.prompts) return RD_ERR_MEMORY;
    rd_status encoded = encode_prompts(&w, first);
    rd_status status = encoded == RD_ERR_FORMAT ? RD_OK : encoded;
    if (status == RD_OK) status = rd_model_scorer_open(&scorer, models, 1);
    if (status == RD_OK) status = run(&w, scorer, first);
    rd_model_scorer_close(scorer);
    for (int64_t i = 0; i < n; i++) free(w.prompts[i].data);
    free(w.prompts);
    for (int64_t i = 0; status != RD_OK && i < n; i++) rd_lm_answers_free(&answers[i]);
    if (status == RD_OK) *n_answered = w.n;
    return status == RD_OK ? encoded : status;
}
