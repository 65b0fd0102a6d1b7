#include <math.h>
#include <stdlib.h>

#include "base/memory.h"
#include "search/beam.h"

typedef struct {
    int32_t *parents, *sentences, *tokens; /* [n_sentences]: the rows of one step */
    float *log_probs;                      /* [RD_SCORER_ROWS, vocab_size] */
} score_rows;

/* Adds what each row's next token scores, and makes the rows of the next step: those whose target
 * has not ended. */
static rd_status score_step(const rd_scorer *scorer, score_rows *rows, int64_t *n_rows,
                            int32_t step, const int32_t *targets, const int32_t *offsets,
                            int32_t eos, double *log_probs) {
    int64_t n_next = 0;
    for (int64_t r = 0; r < *n_rows; r++) {
        int64_t row = r % RD_SCORER_ROWS, left = *n_rows - r;
        if (row == 0)
            RD_TRY(scorer->log_probs(scorer->self, r, left < RD_SCORER_ROWS ? left : RD_SCORER_ROWS,
                                     rows->log_probs));
        int32_t sentence = rows->sentences[r];
        int32_t length = offsets[sentence + 1] - offsets[sentence];
        int32_t next = step < length ? targets[offsets[sentence] + step] : eos;
        float log_prob = rows->log_probs[row * scorer->vocab_size + next];
        if (isnan(log_prob))
            return rd_error(RD_ERR_NUMERIC, "the model gives log-probabilities that are not "
                                            "numbers; its weights are damaged");
        log_probs[sentence] += (double)log_prob;
        if (step == length) continue;
        rows->parents[n_next] = (int32_t)r;
        rows->sentences[n_next] = sentence; /* n_next <= r: nothing unread is overwritten */
        rows->tokens[n_next++] = next;
    }
    *n_rows = n_next;
    return RD_OK;
}

static rd_status check_targets(const rd_scorer *scorer, int64_t n_sentences, const int32_t *targets,
                               const int32_t *offsets) {
    for (int64_t i = 0; i < n_sentences; i++)
        if (scorer->max_length > 0 && offsets[i + 1] - offsets[i] > scorer->max_length)
            return rd_error(RD_ERR_ARGUMENT, "target of %d tokens; the model has room for %d",
                            offsets[i + 1] - offsets[i], scorer->max_length);
    for (int32_t i = offsets[0]; i < offsets[n_sentences]; i++)
        if (targets[i] < 0 || targets[i] >= scorer->vocab_size)
            return rd_error(RD_ERR_ARGUMENT, "target token %d outside a vocabulary of %d",
                            targets[i], scorer->vocab_size);
    return RD_OK;
}

rd_status rd_score_targets(const rd_scorer *scorer, int64_t n_sentences, const int32_t *targets,
                           const int32_t *target_offsets, int32_t eos_id, double *log_probs) {
    RD_TRY(check_targets(scorer, n_sentences, targets, target_offsets));
    size_t n = (size_t)n_sentences;
    score_rows rows = {
        .parents = rd_malloc(n, sizeof *rows.parents),
        .sentences = rd_malloc(n, sizeof *rows.sentences),
        .tokens = rd_malloc(n, sizeof *rows.tokens),
        .log_probs = rd_malloc(RD_SCORER_ROWS, (size_t)scorer->vocab_size * sizeof *rows.log_probs),
    };
    rd_status status =
        rows.parents && rows.sentences && rows.tokens && rows.log_probs ? RD_OK : RD_ERR_MEMORY;
    for (int32_t i = 0; status == RD_OK && i < n_sentences; i++) {
        rows.parents[i] = -1;
        rows.sentences[i] = i;
        rows.tokens[i] = eos_id;
        log_probs[i] = 0;
    }
    int64_t n_rows = n_sentences;
    for (int32_t step = 0; status == RD_OK && n_rows > 0; step++) {
        status = scorer->step(scorer->self, n_rows, rows.parents, rows.sentences, rows.tokens);
        if (status == RD_OK)
            status = score_step(scorer, &rows, &n_rows, step, targets, target_offsets, eos_id,
                                log_probs);
    }
    free(rows.parents);
    free(rows.sentences);
    free(rows.tokens);
    free(rows.log_probs);
    return status;
}
