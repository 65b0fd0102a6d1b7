#include "rdrop/translator.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "translate/open.h"
#include "translate/output.h"
#include "translate/translate.h"

static rd_translate_job job_of(const rd_translator *t, const rd_translate_options *o) {
    return (rd_translate_job){.models = (const rd_model *const *)t->models,
                              .n_models = t->n_models,
                              .search = {.beam = o->beam,
                                         .lenpen = o->lenpen,
                                         .lenpen_form = o->lenpen_form,
                                         .max_len_a = o->max_len_a,
                                         .max_len_b = o->max_len_b,
                                         .min_len = o->min_len,
                                         .unk_penalty = o->unk_penalty,
                                         .no_repeat_ngram = o->no_repeat_ngram,
                                         .n_best = o->n_best,
                                         .early_stopping = o->early_stopping,
                                         .forced_bos = o->forced_bos,
                                         .forced_tokens_free = o->forced_tokens_free,
                                         .patience = o->patience,
                                         .temperature = o->temperature,
                                         .sampling = o->sampling,
                                         .top_k = o->top_k,
                                         .top_p = o->top_p,
                                         .seed = o->seed,
                                         .diverse_groups = o->diverse_beam_groups,
                                         .diverse_strength = o->diverse_beam_strength,
                                         .coverage_penalty = o->coverage_penalty,
                                         .align = o->align || o->replace_unk,
                                         .renormalize = o->renormalize},
                              .alignment_layer = o->alignment_layer,
                              .batch_tokens = o->batch_tokens,
                              .threads = o->threads};
}

static rd_status check_options(const rd_translate_options *o) {
    if (o->batch_tokens < 0 || o->threads < 0)
        return rd_error(RD_ERR_ARGUMENT, "batch-tokens and threads must be 0 or more");
    return RD_OK;
}

/* The tokens of many lines: `ids` holds them all, line i from offsets[i] to offsets[i + 1]. */
typedef struct {
    rd_ids ids;
    int64_t *offsets; /* [n + 1] */
} token_lines;

static void token_lines_free(token_lines *lines) {
    free(lines->ids.data);
    free(lines->offsets);
    *lines = (token_lines){0};
}

static rd_status append_id(rd_ids *ids, int32_t id) {
    RD_TRY(rd_reserve(&ids->data, &ids->capacity, ids->length + 1, sizeof *ids->data));
    ids->data[ids->length++] = id;
    return RD_OK;
}

/* One line, cut to `most` tokens, which bos and eos count among; -1: without. *dropped: tokens cut
 * off. */
static rd_status encode_line(rd_ids *ids, const rd_tokenizer *tokenizer, const char *line,
                             size_t length, int64_t most, int32_t bos, int32_t eos,
                             int32_t *dropped) {
    int64_t start = ids->length;
    if (bos >= 0) RD_TRY(append_id(ids, bos));
    RD_TRY(rd_tokenizer_encode(tokenizer, line, length, ids));
    int64_t excess = ids->length - start + (eos >= 0 ? 1 : 0) - most;
    if (excess > 0) ids->length -= excess;
    *dropped = (int32_t)(excess > 0 ? excess : 0);
    return eos >= 0 ? append_id(ids, eos) : RD_OK;
}

/* What sources and targets begin with; -1: just their own. */
static int32_t first_id(const rd_translator *t) {
    const rd_model_config *config = rd_model_get_config(t->models[0]);
    return config->prepend_bos ? config->bos_id : -1;
}

/* dropped: [n], or NULL. */
static rd_status encode_lines(token_lines *out, const rd_tokenizer *tokenizer, int64_t n,
                              const char *const *lines, const size_t *lengths, int64_t most,
                              int32_t bos, int32_t eos, int32_t *dropped) {
    *out = (token_lines){.offsets = rd_calloc((size_t)n + 1, sizeof *out->offsets)};
    rd_status status = out->offsets ? RD_OK : RD_ERR_MEMORY;
    for (int64_t i = 0; status == RD_OK && i < n; i++) {
        int32_t cut = 0;
        status = encode_line(&out->ids, tokenizer, lines[i],
                             lengths ? lengths[i] : strlen(lines[i]), most, bos, eos, &cut);
        if (dropped) dropped[i] = cut;
        out->offsets[i + 1] = out->ids.length;
    }
    if (status != RD_OK) token_lines_free(out);
    return status;
}

static rd_token_span line_span(const token_lines *lines, int64_t i) {
    return (rd_token_span){lines->ids.data + lines->offsets[i],
                           (int32_t)(lines->offsets[i + 1] - lines->offsets[i])};
}

/* What each of the lines where[0..n_full) asks of its search. prefixes: keeps the tokens that the
 * requests point to. */
static rd_status make_requests(const rd_translator *t, const rd_translate_options *o, int64_t n,
                               const int64_t *where, int64_t n_full, token_lines *prefixes,
                               rd_search_request **requests) {
    *requests = rd_calloc((size_t)n_full, sizeof **requests);
    if (!*requests) return RD_ERR_MEMORY;
    for (int64_t i = 0; i < n_full; i++) (*requests)[i].number = o->first_line + where[i];
    if (!o->prefixes) return RD_OK;
    int64_t most = t->max_target_positions - 1 - (o->forced_bos ? 1 : 0);
    RD_TRY(encode_lines(prefixes, t->target, n, o->prefixes, NULL, most, -1, -1, NULL));
    for (int64_t i = 0; i < n_full; i++) {
        rd_token_span prefix = line_span(prefixes, where[i]);
        (*requests)[i].prefix = prefix.tokens;
        (*requests)[i].prefix_length = prefix.length;
    }
    return RD_OK;
}

/* The lines that have a token besides bos and eos: spans [*n_full], where [*n_full] the line each
 * is. */
static void full_lines(const token_lines *sources, int64_t n, int32_t bos, rd_token_span *spans,
                       int64_t *where, int64_t *n_full) {
    *n_full = 0;
    for (int64_t i = 0; i < n; i++) {
        rd_token_span span = line_span(sources, i);
        if (span.length < (bos >= 0 ? 3 : 2)) continue;
        where[*n_full] = i;
        spans[(*n_full)++] = span;
    }
}

/* Writes what was found for the lines of spans: [result->n_sentences], which are where[] of all. */
static rd_status write_result(const rd_translator *t, const rd_translate_options *o,
                              const char *const *lines, const size_t *lengths,
                              const rd_token_span *spans, const rd_search_result *result,
                              const int64_t *where, rd_translations *out) {
    int32_t n_best = out->n_best;
    for (int64_t i = 0; i < result->n_sentences; i++) {
        const char *line = lines[where[i]];
        const rd_output output = {.source = t->source,
                                  .target = t->target,
                                  .text = line,
                                  .text_length = lengths ? lengths[where[i]] : strlen(line),
                                  .tokens = spans[i],
                                  .align = o->align,
                                  .replace_unk = o->replace_unk};
        for (int32_t k = 0; k < n_best; k++) {
            const rd_hypothesis *h = &result->hypotheses[i * n_best + k];
            if (!h->tokens) break;
            RD_TRY(rd_output_translation(&output, h, &out->items[where[i] * n_best + k]));
        }
    }
    return RD_OK;
}

/* Nothing in, nothing out, with certainty. */
static rd_status fill_empty(rd_translations *out) {
    for (int64_t i = 0; i < out->n_lines; i++) {
        rd_translation *best = &out->items[i * out->n_best];
        if (!best->text && !(best->text = rd_strdup(""))) return RD_ERR_MEMORY;
    }
    return RD_OK;
}

rd_status rd_translator_run(const rd_translator *t, const rd_translate_options *options, int64_t n,
                            const char *const *lines, const size_t *lengths, rd_translations *out) {
    *out = (rd_translations){0};
    rd_translate_job job = job_of(t, options);
    RD_TRY(check_options(options));
    RD_TRY(rd_beam_check(&job.search));
    token_lines sources = {0}, prefixes = {0};
    rd_search_result result = {0};
    rd_search_request *requests = NULL;
    rd_token_span *spans = rd_malloc((size_t)n, sizeof *spans);
    int64_t *where = rd_malloc((size_t)n, sizeof *where), n_full = 0;
    int32_t bos = first_id(t);
    out->n_lines = n;
    out->n_best = options->n_best;
    out->items = rd_calloc((size_t)n, (size_t)out->n_best * sizeof *out->items);
    out->dropped_tokens = rd_calloc((size_t)n, sizeof *out->dropped_tokens);
    rd_status status = spans && where && out->items && out->dropped_tokens ? RD_OK : RD_ERR_MEMORY;
    if (status == RD_OK)
        status = encode_lines(&sources, t->source, n, lines, lengths, t->max_source_positions, bos,
                              rd_tokenizer_eos(t->source), out->dropped_tokens);
    if (status == RD_OK) {
        full_lines(&sources, n, bos, spans, where, &n_full);
        status = make_requests(t, options, n, where, n_full, &prefixes, &requests);
    }
    if (status == RD_OK) {
        job.requests = requests;
        status = rd_translate_tokens(&job, n_full, spans, &result);
    }
    if (status == RD_OK)
        status = write_result(t, options, lines, lengths, spans, &result, where, out);
    if (status == RD_OK) status = fill_empty(out);
    rd_search_result_free(&result);
    token_lines_free(&sources);
    token_lines_free(&prefixes);
    free(requests);
    free(spans);
    free(where);
    if (status != RD_OK) rd_translations_free(out);
    return status;
}

void rd_translations_free(rd_translations *translations) {
    for (int64_t i = 0; translations->items && i < translations->n_lines * translations->n_best;
         i++) {
        free(translations->items[i].text);
        free(translations->items[i].alignment);
    }
    free(translations->items);
    free(translations->dropped_tokens);
    *translations = (rd_translations){0};
}

rd_status rd_translator_score(const rd_translator *t, const rd_translate_options *options,
                              int64_t n, const char *const *lines, const size_t *line_lengths,
                              const char *const *references, const size_t *reference_lengths,
                              double *log_probs, int32_t *n_tokens) {
    rd_translate_job job = job_of(t, options);
    RD_TRY(check_options(options));
    token_lines sources = {0}, targets = {0};
    rd_token_span *source_spans = rd_malloc((size_t)n, sizeof *source_spans);
    rd_token_span *target_spans = rd_malloc((size_t)n, sizeof *target_spans);
    rd_status status = source_spans && target_spans ? RD_OK : RD_ERR_MEMORY;
    if (status == RD_OK)
        status = encode_lines(&sources, t->source, n, lines, line_lengths, t->max_source_positions,
                              first_id(t), rd_tokenizer_eos(t->source), NULL);
    if (status == RD_OK)
        status = encode_lines(&targets, t->target, n, references, reference_lengths,
                              t->max_target_positions - 1, first_id(t), -1, NULL);
    for (int64_t i = 0; status == RD_OK && i < n; i++) {
        source_spans[i] = line_span(&sources, i);
        target_spans[i] = line_span(&targets, i);
        if (n_tokens) n_tokens[i] = target_spans[i].length + 1;
    }
    if (status == RD_OK)
        status = rd_translate_score(&job, n, source_spans, target_spans, log_probs);
    token_lines_free(&sources);
    token_lines_free(&targets);
    free(source_spans);
    free(target_spans);
    return status;
}
