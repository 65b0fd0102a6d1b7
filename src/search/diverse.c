/* Diverse beams (Vijayakumar et al. 2018) with the Hamming distance: groups of hypotheses choose in
 * turn, and a token costs what the groups before chose it at this step. */
#include "search/state.h"

float rd_diverse_penalty(const rd_search *s, int64_t start, int64_t end, int32_t token) {
    if (s->config->diverse_groups < 2) return 0.0f;
    int32_t chosen = 0;
    for (int64_t r = start; r < end; r++) chosen += s->tokens[r] == token;
    return s->config->diverse_strength * (float)chosen;
}
