#include "search/options.h"

#include <math.h>

rd_beam_config rd_beam_defaults(void) {
    return (rd_beam_config){
        .beam = 5, .lenpen = 1.0f, .max_len_a = 1.2f, .max_len_b = 10.0f, .n_best = 1};
}

rd_status rd_beam_check(const rd_beam_config *c) {
    if (c->beam < 1 || c->beam > RD_MAX_BEAM)
        return rd_error(RD_ERR_ARGUMENT, "beam is %d; it must be from 1 to %d", c->beam,
                        RD_MAX_BEAM);
    if (c->n_best < 1 || c->n_best > c->beam)
        return rd_error(RD_ERR_ARGUMENT, "n-best is %d; it must be from 1 to the beam, %d",
                        c->n_best, c->beam);
    if (!(c->patience >= 0) || !(c->patience <= 1000) || !(c->temperature >= 0) ||
        isinf(c->temperature))
        return rd_error(RD_ERR_ARGUMENT, "patience must be from 0 to 1000, temperature 0 or more");
    if (c->top_k < 0 || c->top_k > RD_MAX_TOP_K || !(c->top_p >= 0) || !(c->top_p <= 1))
        return rd_error(RD_ERR_ARGUMENT, "top-k must be from 0 to %d, top-p from 0 to 1",
                        RD_MAX_TOP_K);
    if (c->diverse_groups < 0 || (c->diverse_groups > 1 && c->beam % c->diverse_groups) ||
        !(c->diverse_strength >= 0) || isinf(c->diverse_strength))
        return rd_error(RD_ERR_ARGUMENT,
                        "%d diverse-beam-groups of strength %g: the beam, %d, must be a multiple "
                        "of the groups, the strength 0 or more",
                        c->diverse_groups, (double)c->diverse_strength, c->beam);
    if (c->sampling && c->diverse_groups > 1)
        return rd_error(RD_ERR_ARGUMENT, "sampling has no diverse-beam-groups");
    if (!isfinite(c->lenpen) || !isfinite(c->unk_penalty) || !isfinite(c->coverage_penalty))
        return rd_error(RD_ERR_ARGUMENT,
                        "lenpen, unk-penalty and coverage-penalty must be finite numbers");
    if (!(c->max_len_a >= 0) || !(c->max_len_b >= 0) || isinf(c->max_len_a) || isinf(c->max_len_b))
        return rd_error(RD_ERR_ARGUMENT, "max-len-a and max-len-b must be 0 or more");
    if (c->min_len < 0 || c->no_repeat_ngram < 0)
        return rd_error(RD_ERR_ARGUMENT, "min-len and no-repeat-ngram must be 0 or more");
    return RD_OK;
}

bool rd_beam_needs_attention(const rd_beam_config *c) {
    return c->align || c->coverage_penalty != 0;
}
