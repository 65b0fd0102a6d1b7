/* The settings of a search. */
#ifndef RD_SEARCH_OPTIONS_H
#define RD_SEARCH_OPTIONS_H

#include "base/error.h"
#include "base/key.h"
#include "rdrop/search.h"

enum { RD_MAX_BEAM = 1024, RD_MAX_TOP_K = 1024 };

/* The keys of rd_search_options: a recipe's keys and rdrop-translate's options. A new one is a row
 * here. */
extern const rd_key rd_search_keys[];

/* The keys' defaults. */
rd_search_options rd_search_defaults(void);

/* *to = *from with its own copies of the texts, which _free releases; {0} is fine. */
rd_status rd_search_options_copy(rd_search_options *to, const rd_search_options *from);
void rd_search_options_free(rd_search_options *options);

/* RD_ERR_ARGUMENT naming the first setting that is out of range. */
rd_status rd_search_check(const rd_search_options *config);

/* Whether a penalty that multiplies changes anything; and whether one of the options does. */
static inline bool rd_penalty_is_on(double penalty) {
    return penalty != 0 && penalty != 1;
}
bool rd_search_multiplies(const rd_search_options *config);

/* Whether the rules apply to logits, not to log-probabilities: penalties that multiply, in greedy
 * search and in sampling, as in transformers. */
bool rd_search_wants_logits(const rd_search_options *config);

/* Whether the scorer must have its attention. */
bool rd_search_needs_attention(const rd_search_options *config);

#endif
