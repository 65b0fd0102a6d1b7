#include <stdlib.h>

#include "translate/translate.h"

rd_status rd_translate_to_text(const rd_translate_job *job, const rd_tokenizer *target, int64_t n,
                               const rd_token_span *sources, char **texts) {
    rd_translate_job best_only = *job;
    best_only.search.n_best = 1;
    best_only.unscored = true;
    rd_search_result result;
    RD_TRY(rd_translate_tokens(&best_only, n, sources, &result));
    rd_status status = RD_OK;
    int64_t done = 0;
    for (; status == RD_OK && done < n; done++)
        status = rd_tokenizer_decode(target, result.hypotheses[done].tokens,
                                     result.hypotheses[done].length, &texts[done], NULL);
    for (int64_t i = 0; status != RD_OK && i + 1 < done; i++) {
        free(texts[i]);
        texts[i] = NULL;
    }
    rd_search_result_free(&result);
    return status;
}
