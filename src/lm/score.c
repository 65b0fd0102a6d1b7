/* Text to sequences, sequences to scores. Tokens wait until a block of new ones is whole; then the
 * block, after its context, is a sequence, and sequences wait until they are enough to compute. */
#include <stdlib.h>
#include <string.h>

#include "lm/lm.h"
#include "model/network.h"

typedef struct {
    int64_t line;
    int32_t id;
    bool scored, ends_line;
} waiting_token;

struct rd_lm_scorer {
    rd_lm_scorer_config config;
    int32_t longest, context;
    /* Tokens of the current text: the last ones that are done, which may be context, then those
     * that wait. */
    waiting_token *tokens; /* [n] */
    int64_t n, capacity;
    int64_t done;
    int64_t line, n_cut;
    rd_ids ids; /* scratch */
    /* Sequences that wait. */
    rd_batch batch;
    waiting_token *batch_tokens; /* [of batch.target] */
    int64_t batch_capacity;
    float *log_probs; /* likewise */
    int64_t log_probs_capacity;
    rd_arena arena;
};

rd_status rd_lm_scorer_open(rd_lm_scorer **scorer, const rd_lm_scorer_config *config) {
    const rd_lm *lm = config->lm;
    int32_t longest = config->tokens_per_sample > 0 ? config->tokens_per_sample : lm->block;
    *scorer = NULL;
    if (longest > lm->positions)
        return rd_error(RD_ERR_ARGUMENT,
                        "tokens-per-sample %d is more than the model's %d positions", (int)longest,
                        (int)lm->positions);
    if (config->context_window < 0 || config->context_window >= longest)
        return rd_error(RD_ERR_ARGUMENT,
                        "context-window %d leaves no new tokens of the %d that the model reads at "
                        "once (tokens-per-sample)",
                        (int)config->context_window, (int)longest);
    rd_lm_scorer *s = rd_calloc(1, sizeof *s);
    if (!s) return RD_ERR_MEMORY;
    s->config = *config;
    if (s->config.mode == RD_BREAK_AUTO) s->config.mode = lm->mode;
    s->longest = longest;
    s->context = config->context_window;
    *scorer = s;
    return RD_OK;
}

void rd_lm_scorer_close(rd_lm_scorer *s) {
    if (!s) return;
    rd_batch_free(&s->batch);
    rd_arena_free(&s->arena);
    free(s->tokens);
    free(s->ids.data);
    free(s->batch_tokens);
    free(s->log_probs);
    free(s);
}

/* Computes the sequences that wait, and hands on their scores. */
static rd_status compute(rd_lm_scorer *s) {
    int64_t n = rd_tokens_total(&s->batch.target);
    rd_step step = {.arena = &s->arena, .n_passes = 1};
    if (n == 0) return RD_OK;
    RD_TRY(rd_check_stop(s->config.stop));
    RD_TRY(rd_reserve(&s->log_probs, &s->log_probs_capacity, n, sizeof *s->log_probs));
    rd_status status = rd_network_log_probs(s->config.lm->model, &step, &s->batch, s->log_probs);
    rd_arena_reset(&s->arena);
    for (int64_t i = 0; status == RD_OK && i < n; i++) {
        const waiting_token *t = &s->batch_tokens[i];
        if (t->scored)
            status = s->config.take(s->config.self, &(rd_lm_token){.line = t->line,
                                                                   .id = t->id,
                                                                   .log_prob = s->log_probs[i],
                                                                   .ends_line = t->ends_line});
    }
    rd_batch_clear(&s->batch);
    return status;
}

/* The n tokens from `first` on are a sequence, after their n_context first ones. */
static rd_status add_sequence(rd_lm_scorer *s, int64_t first, int64_t n, int64_t n_context) {
    rd_batch *b = &s->batch;
    int64_t before = rd_tokens_total(&b->target);
    if (before > 0 && before + n > s->config.max_tokens) {
        RD_TRY(compute(s));
        before = 0;
    }
    /* Blocks of whole lines are read as in training, where no block sees the one before. */
    bool alone = first == 0 || (s->config.mode == RD_BREAK_COMPLETE && s->context == 0 &&
                                s->tokens[first - 1].ends_line);
    int32_t start = alone ? s->config.lm->start : s->tokens[first - 1].id;
    s->ids.length = 0;
    RD_TRY(rd_reserve(&s->ids.data, &s->ids.capacity, n, sizeof *s->ids.data));
    RD_TRY(rd_reserve(&s->batch_tokens, &s->batch_capacity, before + n, sizeof *s->batch_tokens));
    RD_TRY(rd_reserve(&b->labels.data, &b->labels.capacity, before + n, sizeof *b->labels.data));
    RD_TRY(rd_reserve(&b->starts.data, &b->starts.capacity, b->starts.length + 1,
                      sizeof *b->starts.data));
    for (int64_t i = 0; i < n; i++) {
        waiting_token token = s->tokens[first + i];
        token.scored = token.scored && i >= n_context;
        s->ids.data[i] = token.id;
        s->batch_tokens[before + i] = token;
        b->labels.data[before + i] = token.scored ? token.id : -1;
    }
    b->labels.length = before + n;
    b->starts.data[b->starts.length++] = start;
    return rd_batch_add(b, b->n, NULL, 0, s->ids.data, (int32_t)n);
}

/* The next n tokens that wait are a block. */
static rd_status take_block(rd_lm_scorer *s, int64_t n) {
    int64_t context = s->done < s->context ? s->done : s->context;
    if (context + n > s->longest) context = n < s->longest ? s->longest - n : 0;
    RD_TRY(add_sequence(s, s->done - context, context + n, context));
    s->done += n;
    return RD_OK;
}

/* Forgets tokens that will be no context, except one, which a sequence starts after. */
static void forget(rd_lm_scorer *s) {
    int64_t drop = s->done - s->context - 1;
    if (drop < 4096 || drop < s->n / 2) return;
    memmove(s->tokens, s->tokens + drop, sizeof *s->tokens * (size_t)(s->n - drop));
    s->n -= drop;
    s->done -= drop;
}

/* As many blocks as wait, of at most `most` tokens; a shorter one only at the end. */
static rd_status take_blocks(rd_lm_scorer *s, int64_t most, bool at_end) {
    while (s->n - s->done >= most) RD_TRY(take_block(s, most));
    if (at_end && s->n > s->done) RD_TRY(take_block(s, s->n - s->done));
    return RD_OK;
}

static rd_status append(rd_lm_scorer *s, const char *text, size_t n, bool scored, bool end) {
    const rd_lm *lm = s->config.lm;
    s->ids.length = 0;
    RD_TRY(end ? rd_line_encode(lm->tokenizer, lm->end, text, n, &s->ids)
               : rd_tokenizer_encode(lm->tokenizer, text, n, &s->ids));
    RD_TRY(rd_reserve(&s->tokens, &s->capacity, s->n + s->ids.length, sizeof *s->tokens));
    for (int64_t i = 0; i < s->ids.length; i++)
        s->tokens[s->n++] = (waiting_token){.line = s->line,
                                            .id = s->ids.data[i],
                                            .scored = scored,
                                            .ends_line = i + 1 == s->ids.length};
    return RD_OK;
}

/* Leaves out as much of the `given` tokens before the text as does not fit with it in a block, but
 * no context. */
static void cut_given(rd_lm_scorer *s, int64_t given) {
    if (given == 0 || s->n <= s->longest) return;
    int64_t room = s->longest - (s->n - given);
    s->done = given - (room > s->context ? room : s->context);
    if (s->done < 0) s->done = 0;
    s->n_cut += s->done > 0;
}

/* A line that is a text by itself: its first block is as long as the model reads, later ones have
 * context. */
static rd_status add_text(rd_lm_scorer *s, const char *given, size_t n_given, const char *text,
                          size_t n) {
    s->n = s->done = 0;
    if (given) RD_TRY(append(s, given, n_given, false, true));
    int64_t before = s->n;
    RD_TRY(append(s, text, n, true, !s->config.without_end));
    cut_given(s, before);
    int64_t left = s->n - s->done;
    if (left > 0) RD_TRY(take_block(s, left < s->longest ? left : s->longest));
    return take_blocks(s, s->longest - s->context, true);
}

/* Of a line, the last of the tokens that wait, after those `before` it: a block of whole lines is
 * taken when another does not fit into it, and a line that fits into none is one by itself if the
 * model can read it. */
static rd_status take_lines(rd_lm_scorer *s, int64_t before, int64_t most) {
    if (s->n - s->done <= most) return RD_OK;
    if (before > s->done) RD_TRY(take_block(s, before - s->done));
    int64_t line = s->n - s->done;
    if (line <= most) return RD_OK;
    return line <= s->config.lm->positions ? take_block(s, line) : take_blocks(s, most, true);
}

rd_status rd_lm_scorer_add(rd_lm_scorer *s, const char *given, size_t n_given, const char *text,
                           size_t n) {
    s->line++;
    if (s->config.mode == RD_BREAK_EOS) return add_text(s, given, n_given, text, n);
    int64_t before = s->n, most = s->longest - s->context;
    RD_TRY(append(s, text, n, true, true));
    RD_TRY(s->config.mode == RD_BREAK_COMPLETE ? take_lines(s, before, most)
                                               : take_blocks(s, most, false));
    forget(s);
    return RD_OK;
}

int64_t rd_lm_scorer_n_cut(const rd_lm_scorer *s) {
    return s->n_cut;
}

rd_status rd_lm_scorer_finish(rd_lm_scorer *s) {
    if (s->config.mode != RD_BREAK_EOS) RD_TRY(take_blocks(s, s->longest - s->context, true));
    return compute(s);
}
