#include "model/prompts.h"

#include <stdlib.h>

void rd_prompts_free(rd_prompts *p) {
    free(p->items);
    *p = (rd_prompts){0};
}

rd_status rd_prompts_add(rd_prompts *p, const rd_model_config *c, int32_t sentence,
                         const int32_t *tokens, int32_t length) {
    if (length < 0 || length >= c->max_target_positions)
        return rd_error(RD_ERR_ARGUMENT,
                        "a prompt of %d tokens; the model, of %d positions, takes up to %d", length,
                        (int)c->max_target_positions, (int)c->max_target_positions - 1);
    for (int32_t i = 0; i < length; i++)
        if (tokens[i] < 0 || tokens[i] >= c->tgt_vocab)
            return rd_error(RD_ERR_ARGUMENT, "prompt token %d outside a vocabulary of %d",
                            tokens[i], c->tgt_vocab);
    RD_TRY(rd_reserve(&p->items, &p->capacity, (int64_t)sentence + 1, sizeof *p->items));
    while (p->n <= sentence) p->items[p->n++] = (rd_prompt){0};
    p->items[sentence] = (rd_prompt){.tokens = tokens, .length = length, .waits = true};
    return RD_OK;
}

rd_status rd_prompts_begin(rd_prompts *p, int64_t n_rows, const int32_t *parents,
                           const int32_t *sentences, int32_t *counts) {
    for (int64_t r = 0; r < n_rows; r++) {
        counts[r] = 1;
        if (parents[r] >= 0) continue;
        if (sentences[r] < 0 || sentences[r] >= p->n || !p->items[sentences[r]].waits)
            return rd_error(RD_ERR_ARGUMENT,
                            "decoding: row %lld begins sentence %d, which was not added before",
                            (long long)r, (int)sentences[r]);
        p->items[sentences[r]].waits = false;
        counts[r] += p->items[sentences[r]].length;
    }
    return RD_OK;
}
