/* Perplexity of a text; log-probabilities of its lines and tokens. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tools/common/stop.h"
#include "tools/lm/lm.h"

typedef struct {
    const lm_job *job;
    double unit;     /* a printed logarithm is a natural one over this */
    double sum;      /* log-probabilities, natural */
    double line;     /* of the line under way */
    int64_t printed; /* lines whose sum is printed */
    int64_t tokens, unknown, words, lines;
} scores;

static rd_status print_token(const scores *s, const rd_lm_token *t) {
    const char *text = rd_tokenizer_piece(s->job->lm->tokenizer, t->id);
    size_t room = 4 * strlen(text ? text : "") + 1;
    char *piece = rd_malloc(room, 1);
    if (!piece) return RD_ERR_MEMORY;
    rd_escape(piece, room, text ? text : "");
    fprintf(s->job->output, "%lld\t%s\t%.5f\n", (long long)t->line, piece,
            (double)t->log_prob / s->unit);
    free(piece);
    return RD_OK;
}

/* The sums of all lines before `line`; those without a token that counts have 0. */
static void print_lines(scores *s, int64_t line) {
    if (!s->job->arguments->per_line || s->job->arguments->per_token) return;
    while (s->printed < line) {
        fprintf(s->job->output, "%.4f\n", s->line / s->unit);
        s->line = 0;
        s->printed++;
    }
}

static rd_status take(void *self, const rd_lm_token *t) {
    scores *s = self;
    print_lines(s, t->line - 1);
    s->tokens++;
    s->unknown += t->id == rd_tokenizer_unk(s->job->lm->tokenizer);
    s->sum += (double)t->log_prob;
    s->line += (double)t->log_prob;
    if (isnan(t->log_prob))
        return rd_error(RD_ERR_NUMERIC,
                        "line %lld: the model gives log-probabilities that are not "
                        "numbers; its weights are damaged",
                        (long long)t->line);
    return s->job->arguments->per_token ? print_token(s, t) : RD_OK;
}

static rd_status add_line(scores *s, rd_lm_scorer *scorer, const char *line, size_t n) {
    const arguments *a = s->job->arguments;
    const char *given = NULL, *tab = a->conditional ? memchr(line, '\t', n) : NULL;
    size_t n_given = 0;
    if (a->conditional && !tab)
        return rd_error(RD_ERR_FORMAT, "%s:%lld: no tab; expected FIRST, a tab, SECOND",
                        rd_corpus_path(s->job->input),
                        (long long)rd_corpus_line_number(s->job->input));
    if (tab) {
        given = line;
        n_given = (size_t)(tab - line);
        n -= n_given + 1;
        line = tab + 1;
    }
    s->lines++;
    s->words += rd_count_words(s->job->lm->tokenizer, line, n) + (a->without_end ? 0 : 1);
    return rd_lm_scorer_add(scorer, given, n_given, line, n);
}

static rd_status score_lines(scores *s, rd_lm_scorer *scorer) {
    const char *line;
    size_t n;
    for (;;) {
        RD_TRY(rd_corpus_next(s->job->input, &line, &n));
        if (!line) break;
        rd_status status = add_line(s, scorer, line, n);
        if (status != RD_OK) return status;
    }
    RD_TRY(rd_lm_scorer_finish(scorer));
    print_lines(s, s->lines);
    if (s->lines > 0) return RD_OK;
    return rd_error(RD_ERR_FORMAT, "%s: an empty text", rd_corpus_path(s->job->input));
}

/* On the output or, if that has the scores, on standard error. */
static void print_summary(const scores *s, int64_t n_cut) {
    bool listed = s->job->arguments->per_line || s->job->arguments->per_token;
    double sum = 0.0 - s->sum; /* of no tokens 0, and not -0 */
    double loss = sum / (double)(s->tokens > 0 ? s->tokens : 1);
    double word_loss = sum / (double)(s->words > 0 ? s->words : 1);
    fprintf(listed ? stderr : s->job->output,
            "%lld tokens (%lld unknown), %lld words, %lld lines: loss %.4f (base 2: %.4f), "
            "perplexity %.3f; per word %.4f, perplexity %.3f\n",
            (long long)s->tokens, (long long)s->unknown, (long long)s->words, (long long)s->lines,
            loss, loss / log(2.0), exp(loss), word_loss, exp(word_loss));
    if (n_cut > 0)
        fprintf(stderr,
                "%lld lines were too long for the model; of their first parts only the end was "
                "read\n",
                (long long)n_cut);
}

rd_status lm_score(const lm_job *job) {
    const arguments *a = job->arguments;
    scores s = {.job = job, .unit = a->base == LM_BASE_2 ? log(2.0) : 1.0};
    rd_lm_scorer_config config = {.lm = job->lm,
                                  .tokens_per_sample = a->tokens_per_sample,
                                  .context_window = a->context_window,
                                  .mode = a->per_line ? RD_BREAK_EOS : a->mode,
                                  .without_end = a->without_end,
                                  .max_tokens = a->max_tokens,
                                  .take = take,
                                  .self = &s,
                                  .stop = stop_requested()};
    rd_lm_scorer *scorer;
    RD_TRY(rd_lm_scorer_open(&scorer, &config));
    rd_status status = score_lines(&s, scorer);
    if (status == RD_OK) print_summary(&s, rd_lm_scorer_n_cut(scorer));
    rd_lm_scorer_close(scorer);
    return status;
}
