/* A search from the first sentence to the last. */
#ifndef RD_TEST_SEARCH_ALL_H
#define RD_TEST_SEARCH_ALL_H

#include "search/search.h"
#include "translate/translate.h"

/* Searches n sentences to the end, all submitted at first. */
rd_status search_all(const rd_search_options *config, const rd_scorer *scorer, int64_t n,
                     const rd_search_request *requests, rd_search_result *result);

#endif
