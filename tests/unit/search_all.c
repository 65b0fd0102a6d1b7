#include "search_all.h"

#include <stdlib.h>
#include <string.h>

static rd_status run(rd_search *search, int64_t n, const rd_search_request *requests,
                     rd_search_result *result) {
    int64_t id;
    rd_hypotheses found;
    for (int64_t i = 0; i < n; i++) RD_TRY(rd_search_submit(search, &requests[i], i));
    while (!rd_search_is_idle(search)) {
        RD_TRY(rd_search_step(search));
        while (rd_search_take(search, &id, &found)) {
            memcpy(result->hypotheses + id * result->n_best, found.items,
                   (size_t)found.n * sizeof *found.items);
            free(found.items);
        }
    }
    return RD_OK;
}

rd_status search_all(const rd_search_options *config, const rd_scorer *scorer, int64_t n,
                     const rd_search_request *requests, rd_search_result *result) {
    rd_search *search;
    *result = (rd_search_result){0};
    RD_TRY(rd_search_open(&search, scorer, config));
    result->n_sentences = n;
    result->n_best = config->n_best;
    result->hypotheses = calloc((size_t)(n * config->n_best) + 1, sizeof *result->hypotheses);
    rd_status status = run(search, n, requests, result);
    rd_search_close(search);
    if (status != RD_OK) rd_search_result_free(result);
    return status;
}
