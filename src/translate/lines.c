#include "translate/lines.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "translate/kept.h"
#include "translate/output.h"
#include "translate/terms.h"
#include "translate/token_lines.h"

rd_translate_job rd_translate_job_of(const rd_translator *t, const rd_translate_options *o) {
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
                              .shortlist = o->shortlist,
                              .unscored = o->unscored,
                              .batch_tokens = o->batch_tokens,
                              .threads = o->threads};
}

rd_status rd_translate_check_options(const rd_translate_options *o) {
    if (o->batch_tokens < 0 || o->threads < 0 || o->max_input_length < 0)
        return rd_error(RD_ERR_ARGUMENT,
                        "batch-tokens, threads and max-input-length must be 0 or more");
    return RD_OK;
}

int32_t rd_translate_first_id(const rd_translator *t) {
    const rd_model_config *config = rd_model_get_config(t->models[0]);
    return config->prepend_bos ? config->bos_id : -1;
}

int32_t rd_translate_most_tokens(const rd_translator *t, const rd_translate_options *o) {
    int32_t most = t->max_source_positions - (rd_translate_first_id(t) >= 0 ? 2 : 1);
    return o->max_input_length > 0 && o->max_input_length < most ? o->max_input_length : most;
}

/* A call under way: the lines that have a token besides bos and eos, and what they ask for. */
typedef struct {
    const rd_translator *translator;
    const rd_translate_options *options;
    const int64_t *numbers; /* [n], or NULL */
    int64_t n;              /* lines */
    const char *const *lines;
    const size_t *lengths; /* NULL: the lines are NUL-terminated */
    rd_token_lines sources, prefixes;
    rd_terms terms;
    rd_keeper *keeper; /* or NULL */
    int64_t n_full;
    int64_t *where;              /* [n_full] the line that each is */
    rd_token_span *spans;        /* [n_full] */
    rd_search_request *requests; /* [n_full] */
    rd_search_result result;
} call;

static void call_end(call *c) {
    rd_search_result_free(&c->result);
    rd_token_lines_free(&c->sources);
    rd_token_lines_free(&c->prefixes);
    rd_terms_free(&c->terms);
    rd_keeper_close(c->keeper);
    free(c->requests);
    free(c->spans);
    free(c->where);
}

static size_t length_of(const call *c, int64_t line) {
    return c->lengths ? c->lengths[line] : strlen(c->lines[line]);
}

static rd_status encode_sources(call *c, int32_t *dropped) {
    const rd_translator *t = c->translator;
    int32_t bos = rd_translate_first_id(t);
    RD_TRY(rd_token_lines_encode(&c->sources, t->source, c->n, c->lines, c->lengths,
                                 rd_translate_most_tokens(t, c->options) + (bos >= 0 ? 2 : 1), bos,
                                 rd_tokenizer_eos(t->source), dropped));
    c->spans = rd_malloc((size_t)c->n, sizeof *c->spans);
    c->where = rd_malloc((size_t)c->n, sizeof *c->where);
    if (!c->spans || !c->where) return RD_ERR_MEMORY;
    for (int64_t i = 0; i < c->n; i++) {
        rd_token_span span = rd_token_line(&c->sources, i);
        if (span.length < (bos >= 0 ? 3 : 2)) continue;
        c->where[c->n_full] = i;
        c->spans[c->n_full++] = span;
    }
    return RD_OK;
}

/* What each of the full lines asks of its search. */
static rd_status make_requests(call *c) {
    const rd_translate_options *o = c->options;
    const rd_translator *t = c->translator;
    int64_t most = t->max_target_positions - 1 - (o->forced_bos ? 1 : 0);
    if (o->prefixes)
        RD_TRY(rd_token_lines_encode(&c->prefixes, t->target, c->n, o->prefixes, NULL, most, -1, -1,
                                     NULL));
    if (o->constraints || o->glossary || o->keep)
        RD_TRY(rd_terms_make(&c->terms, t->target, rd_model_get_config(t->models[0])->tgt_vocab,
                             c->n, c->lines, c->lengths, o->constraints, o->glossary, o->keep));
    c->requests = rd_calloc((size_t)c->n_full, sizeof *c->requests);
    if (!c->requests) return RD_ERR_MEMORY;
    for (int64_t i = 0; i < c->n_full; i++) {
        rd_search_request *request = &c->requests[i];
        request->number = c->numbers ? c->numbers[c->where[i]] : o->first_line + c->where[i];
        if (o->prefixes) {
            rd_token_span prefix = rd_token_line(&c->prefixes, c->where[i]);
            request->prefix = prefix.tokens;
            request->prefix_length = prefix.length;
        }
        if (!c->terms.offsets) continue;
        request->phrases = rd_terms_of_line(&c->terms, c->where[i], &request->n_phrases);
        request->edges = c->terms.edges.flags;
        if (request->edges)
            request->marks =
                rd_final_marks(&c->terms.edges, c->lines[c->where[i]], length_of(c, c->where[i]));
    }
    return RD_OK;
}

/* Writes the translations of full line i. */
static rd_status write_line(const call *c, int64_t i, rd_translations *out) {
    int64_t line = c->where[i];
    const rd_output output = {.source = c->translator->source,
                              .target = c->translator->target,
                              .text = c->lines[line],
                              .text_length = length_of(c, line),
                              .tokens = c->spans[i],
                              .align = c->options->align,
                              .replace_unk = c->options->replace_unk};
    for (int32_t k = 0; k < out->n_best; k++) {
        const rd_hypothesis *h = &c->result.hypotheses[i * out->n_best + k];
        rd_translation *item = &out->items[line * out->n_best + k];
        if (!h->tokens) break;
        RD_TRY(rd_output_translation(&output, h, item));
        if (c->keeper)
            RD_TRY(rd_keeper_restore(c->keeper, output.text, output.text_length, &item->text,
                                     &item->n_restored));
        if (c->terms.offsets)
            RD_TRY(rd_terms_unmet(&c->terms, line, h->tokens, h->length, item->text, &item->unmet));
    }
    return RD_OK;
}

/* Nothing in, nothing out, with certainty, but for what must be in it. */
static rd_status fill_empty(const call *c, rd_translations *out) {
    for (int64_t i = 0; i < out->n_lines; i++) {
        rd_translation *best = &out->items[i * out->n_best];
        if (best->text) continue;
        if (!(best->text = rd_strdup(""))) return RD_ERR_MEMORY;
        if (c->keeper)
            RD_TRY(rd_keeper_restore(c->keeper, c->lines[i], length_of(c, i), &best->text,
                                     &best->n_restored));
        if (c->terms.offsets)
            RD_TRY(rd_terms_unmet(&c->terms, i, NULL, 0, best->text, &best->unmet));
    }
    return RD_OK;
}

static rd_status run(call *c, rd_translations *out) {
    rd_translate_job job = rd_translate_job_of(c->translator, c->options);
    RD_TRY(rd_translate_check_options(c->options));
    RD_TRY(rd_beam_check(&job.search));
    out->n_lines = c->n;
    out->n_best = c->options->n_best;
    out->items = rd_calloc((size_t)c->n, (size_t)out->n_best * sizeof *out->items);
    out->dropped_tokens = rd_calloc((size_t)c->n, sizeof *out->dropped_tokens);
    if (!out->items || !out->dropped_tokens) return RD_ERR_MEMORY;
    if (c->options->keep) RD_TRY(rd_keeper_open(&c->keeper, c->options->keep));
    RD_TRY(encode_sources(c, out->dropped_tokens));
    RD_TRY(make_requests(c));
    job.requests = c->requests;
    RD_TRY(rd_translate_tokens(&job, c->n_full, c->spans, &c->result));
    for (int64_t i = 0; i < c->n_full; i++) RD_TRY(write_line(c, i, out));
    return fill_empty(c, out);
}

rd_status rd_translate_lines(const rd_translator *t, const rd_translate_options *options,
                             const int64_t *numbers, int64_t n, const char *const *lines,
                             const size_t *lengths, rd_translations *out) {
    *out = (rd_translations){0};
    call c = {.translator = t,
              .options = options,
              .numbers = numbers,
              .n = n,
              .lines = lines,
              .lengths = lengths};
    rd_status status = run(&c, out);
    call_end(&c);
    if (status != RD_OK) rd_translations_free(out);
    return status;
}

void rd_translations_free(rd_translations *translations) {
    for (int64_t i = 0; translations->items && i < translations->n_lines * translations->n_best;
         i++) {
        free(translations->items[i].text);
        free(translations->items[i].alignment);
        free(translations->items[i].unmet);
    }
    free(translations->items);
    free(translations->dropped_tokens);
    *translations = (rd_translations){0};
}
