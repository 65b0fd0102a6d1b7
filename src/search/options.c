#include "search/options.h"

#include <math.h>
#include <stdlib.h>

#include "base/memory.h"
#include "search/token_lists.h"

static const char *const lenpen_forms[] = {"power", "gnmt", NULL}; /* rd_lenpen_form */
static const char *const early_stoppings[] = {"true", "false", "never", "step",
                                              NULL}; /* rd_early_stopping */

/* clang-format off: one row a key reads as the table it is */
#define RD_AT(field) offsetof(rd_search_options, field)
const rd_key rd_search_keys[] = {
    {"beam", RD_KEY_INT32, RD_AT(beam), 1, RD_MAX_BEAM, "5",
     .help = "hypotheses searched at once; 1 is greedy: fastest, a little worse"},
    {"lenpen", RD_KEY_FLOAT, RD_AT(lenpen), -100, 100, "1",
     .help = "rank by log P / length^lenpen; larger gives longer translations"},
    {"lenpen-form", RD_KEY_ENUM, RD_AT(lenpen_form), 0, 0, "power", lenpen_forms,
     .help = "power: log P / length^lenpen, as in fairseq, Marian's normalize and transformers; "
             "gnmt: log P / ((5 + length) / 6)^lenpen"},
    {"coverage-penalty", RD_KEY_FLOAT, RD_AT(coverage_penalty), -1e6, 1e6, "0",
     .help = "weight of the sum over source tokens of log(min(1, attention received))"},
    {"max-len-a", RD_KEY_FLOAT, RD_AT(max_len_a), 0, 1000, "1.2",
     .help = "longest output: max-len-a * source tokens + max-len-b, and never more than the model "
             "has positions"},
    {"max-len-b", RD_KEY_FLOAT, RD_AT(max_len_b), 0, 1e6, "10", .help = "see max-len-a"},
    {"min-len", RD_KEY_INT32, RD_AT(min_len), 0, 1e6, "0", .help = "shortest output, in tokens"},
    {"unkpen", RD_KEY_FLOAT, RD_AT(unk_penalty), -1e6, 1e6, "0",
     .help = "subtracted from log P of each unknown token", .aliases = "unk-penalty"},
    {"no-repeat-ngram-size", RD_KEY_INT32, RD_AT(no_repeat_ngram), 0, 1e6, "0",
     .help = "no sequence of so many tokens twice; 0: off", .aliases = "no-repeat-ngram"},
    {"encoder-no-repeat-ngram-size", RD_KEY_INT32, RD_AT(encoder_no_repeat_ngram), 0, 1e6, "0",
     .help = "no sequence of so many tokens that the source has; 0: off"},
    {"repetition-penalty", RD_KEY_FLOAT, RD_AT(repetition_penalty), 1e-6, 1e6, "1",
     .help = "tokens that the output has: log P (with beam 1 and in sampling the logit) times it"},
    {"encoder-repetition-penalty", RD_KEY_FLOAT, RD_AT(encoder_repetition_penalty), 1e-6, 1e6, "1",
     .help = "tokens that the source has: log P or logit divided by it"},
    {"exponential-decay-length-penalty", RD_KEY_PAIR, RD_AT(decay_start), 0, 1e6, "[0, 1]",
     .help = "[S, F]: n tokens beyond S, |log P| of the end times (F^n - 1) is added to it"},
    {"suppress-tokens", RD_KEY_STRING, RD_AT(suppress_tokens), .separator = ",",
     .help = "ids that are never chosen, separated by blanks"},
    {"begin-suppress-tokens", RD_KEY_STRING, RD_AT(begin_suppress_tokens), .separator = ",",
     .help = "ids that no output begins with"},
    {"sequence-bias", RD_KEY_STRING, RD_AT(sequence_bias),
     .help = "'5 6: -2.5, 7: -inf': added to log P of 6 after 5, and of 7"},
    {"end-tokens", RD_KEY_STRING, RD_AT(end_tokens), .separator = ",",
     .help = "ids that end an output besides end of sentence, and stay in it"},
    {"early-stopping", RD_KEY_ENUM, RD_AT(early_stopping), 0, 0, "true", early_stoppings,
     .help =
         "when a search ends. true: when `beam` hypotheses have ended, as fairseq's; step: after "
         "that step, with the best of all that have ended, as transformers' true; false: when "
         "a better one is unlikely; never: when a better one is impossible"},
    {"beam-patience", RD_KEY_FLOAT, RD_AT(patience), 0.001, 1000, "1",
     .help = "a search ends with beam * beam-patience hypotheses", .aliases = "patience"},
    {"forced-bos", RD_KEY_BOOL, RD_AT(forced_bos), 0, 0, "false",
     .help = "outputs begin with begin of sentence, whatever the model says"},
    {"forced-tokens-free", RD_KEY_BOOL, RD_AT(forced_tokens_free), 0, 0, "false",
     .help = "a begin of sentence that is forced, and the forced end of the longest output, do not "
             "count in the score"},
    {"no-forced-eos", RD_KEY_BOOL, RD_AT(no_forced_eos), 0, 0, "false",
     .help = "the longest output ends where it is, not with end of sentence"},
    {"renormalize-logits", RD_KEY_BOOL, RD_AT(renormalize), 0, 0, "false",
     .help = "probabilities among the tokens that the search allows"},
    {"temperature", RD_KEY_FLOAT, RD_AT(temperature), 0.001, 1000, "1",
     .help = "divide log P of tokens by it and normalise"},
    {"nbest", RD_KEY_INT32, RD_AT(n_best), 1, RD_MAX_BEAM, "1",
     .help = "a list of so many translations for each line, best first, at most `beam`",
     .aliases = "n-best"},
    {"diverse-beam-groups", RD_KEY_INT32, RD_AT(diverse_groups), 1, RD_MAX_BEAM, "1",
     .help = "cut the beam into groups that avoid each other's tokens: lists of nbest that differ"},
    {"diverse-beam-strength", RD_KEY_FLOAT, RD_AT(diverse_strength), 0, 1e6, "0.5",
     .help = "cost of a token for each hypothesis of an earlier group that chose it"},
    {"sampling", RD_KEY_BOOL, RD_AT(sampling), 0, 0, "false",
     .help = "draw each token instead of searching: nbest samples, the best of `beam`"},
    {"sampling-topk", RD_KEY_INT32, RD_AT(top_k), 0, RD_MAX_TOP_K, "0",
     .help = "draw from so many likeliest tokens; 0: all", .aliases = "top-k"},
    {"sampling-topp", RD_KEY_FLOAT, RD_AT(top_p), 1e-6, 1, "1",
     .help = "draw from the likeliest tokens that together have this probability",
     .aliases = "top-p"},
    {"sampling-seed", RD_KEY_UINT64, RD_AT(seed), 0, 0, "1",
     .help = "other draws; a line's depend on this and its number only", .aliases = "seed"},
    {.name = NULL}};
#undef RD_AT
/* clang-format on */

rd_search_options rd_search_defaults(void) {
    rd_search_options config = {.beam = 1};
    (void)rd_key_set_defaults(&config, rd_search_keys);
    return config;
}

void rd_search_options_free(rd_search_options *o) {
    for (const rd_key *key = rd_search_keys; key->name; key++)
        if (key->type == RD_KEY_STRING) {
            char **text = (char **)(void *)((char *)o + key->offset);
            free(*text);
            *text = NULL;
        }
}

rd_status rd_search_options_copy(rd_search_options *to, const rd_search_options *from) {
    bool failed = false;
    *to = *from;
    for (const rd_key *key = rd_search_keys; key->name; key++)
        if (key->type == RD_KEY_STRING) {
            char **text = (char **)(void *)((char *)to + key->offset);
            if (*text) failed |= !(*text = rd_strdup(*text));
        }
    if (!failed) return RD_OK;
    rd_search_options_free(to);
    return RD_ERR_MEMORY;
}

static rd_status check_lists(const rd_search_options *c) {
    const char *const lists[][2] = {{"suppress-tokens", c->suppress_tokens},
                                    {"begin-suppress-tokens", c->begin_suppress_tokens},
                                    {"end-tokens", c->end_tokens}};
    rd_token_list list;
    rd_sequence_list sequences;
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        RD_TRY(rd_token_list_parse(&list, lists[i][0], lists[i][1]));
        free(list.tokens);
    }
    RD_TRY(rd_sequence_list_parse(&sequences, c->sequence_bias));
    rd_sequence_list_free(&sequences);
    return RD_OK;
}

rd_status rd_search_check(const rd_search_options *c) {
    for (const rd_key *key = rd_search_keys; key->name; key++) RD_TRY(rd_key_check(c, key));
    if (c->beam < 1) return rd_error(RD_ERR_ARGUMENT, "beam is 0; expected 1 to %d", RD_MAX_BEAM);
    if (c->n_best < 1 || c->n_best > c->beam)
        return rd_error(RD_ERR_ARGUMENT, "nbest is %d; expected 1 to the beam, %d", c->n_best,
                        c->beam);
    if (c->sampling && c->diverse_groups > 1)
        return rd_error(RD_ERR_ARGUMENT, "sampling and diverse-beam-groups exclude each other");
    if (c->diverse_groups > 1 && c->beam % c->diverse_groups)
        return rd_error(RD_ERR_ARGUMENT,
                        "%d diverse-beam-groups: the beam, %d, must be a multiple of the groups",
                        c->diverse_groups, c->beam);
    return check_lists(c);
}

bool rd_search_multiplies(const rd_search_options *c) {
    return rd_penalty_is_on((double)c->repetition_penalty) ||
           rd_penalty_is_on((double)c->encoder_repetition_penalty) ||
           rd_penalty_is_on(c->decay_factor);
}

bool rd_search_wants_logits(const rd_search_options *c) {
    return (c->beam == 1 || c->sampling) && rd_search_multiplies(c);
}

bool rd_search_needs_attention(const rd_search_options *c) {
    return c->align || c->coverage_penalty != 0;
}
