/* Rules over tokens (see the second half of rd_search_options), as compiled for a scorer. */
#ifndef RD_SEARCH_RULES_H
#define RD_SEARCH_RULES_H

#include "search/state.h"

/* *rules: NULL if there are none. RD_ERR_ARGUMENT for ids that the scorer does not have. */
rd_status rd_rules_open(rd_rules **rules, const rd_search_options *config, const rd_scorer *scorer);
void rd_rules_close(rd_rules *rules); /* NULL is fine */

/* Sets chosen[id] for tokens that the options make likelier or an end of outputs; chosen: [vocab],
 * of all ids. RD_ERR_ARGUMENT for ids of any rule that are not among them. */
rd_status rd_rules_choose(const rd_search_options *config, int32_t vocab, bool *chosen);

int32_t rd_rules_n_ends(const rd_rules *rules); /* besides eos */

/* Biases and penalties, before everything else; log_probs: [vocab_size] of the row. Logits become
 * log-probabilities if the rules apply to logits. forced: a token that no bias forbids, or -1. */
void rd_rules_adjust(const rd_search *search, const rd_search_row *row, int32_t forced,
                     float *log_probs);

/* Whether log-probabilities are not normalised after that. */
bool rd_rules_change_sums(const rd_search *search);

/* Sets log P of forbidden tokens to -inf; returns the probability that they had. */
float rd_rules_forbid(const rd_search *search, const rd_search_row *row, float *log_probs);

/* One token; all that end an output. */
float rd_search_forbid(float *log_probs, int32_t token);
float rd_search_forbid_ends(const rd_search *search, float *log_probs);

/* A hypothesis is walked back from its node to `first`: its own tokens, then the decoder's start,
 * or, if outputs continue their source, that. The token of a node is -1 if there is none. */
int32_t rd_search_token_at(const rd_search *search, const rd_sentence *sentence, int32_t node);
int32_t rd_search_before(const rd_sentence *sentence, int32_t node);
int32_t rd_search_first(const rd_search *search, const rd_sentence *sentence);

#endif
