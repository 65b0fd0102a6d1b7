#include "translate/lines.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "data/batch.h"
#include "translate/constraints.h"
#include "translate/kept.h"
#include "translate/output.h"
#include "translate/words.h"

/* `ids` holds the tokens of all lines, those of line i from offsets[i] to offsets[i + 1]. */
typedef struct {
    rd_ids ids;
    int64_t *offsets; /* [n + 1] */
} token_lines;

static void token_lines_free(token_lines *lines) {
    free(lines->ids.data);
    free(lines->offsets);
    *lines = (token_lines){0};
}

/* One line, cut to `most` tokens, which bos and eos count among; -1: without. *dropped: tokens cut
 * off. */
static rd_status encode_line(rd_ids *ids, const rd_tokenizer *tokenizer, const char *line,
                             size_t length, int64_t most, int32_t bos, int32_t eos,
                             int32_t *dropped) {
    int64_t start = ids->length;
    if (bos >= 0) RD_TRY(rd_ids_push(ids, bos));
    RD_TRY(rd_tokenizer_encode(tokenizer, line, length, ids));
    int64_t excess = ids->length - start + (eos >= 0 ? 1 : 0) - most;
    if (excess > 0) ids->length -= excess;
    *dropped = (int32_t)(excess > 0 ? excess : 0);
    return eos >= 0 ? rd_ids_push(ids, eos) : RD_OK;
}

/* Lines [n] of lengths[] bytes, or NUL-terminated where that is NULL, each cut as by encode_line.
 * dropped: [n] tokens cut off, or NULL. */
static rd_status token_lines_encode(token_lines *out, const rd_tokenizer *tokenizer, int64_t n,
                                    const char *const *lines, const size_t *lengths, int64_t most,
                                    int32_t bos, int32_t eos, int32_t *dropped) {
    *out = (token_lines){.offsets = rd_calloc((size_t)n + 1, sizeof *out->offsets)};
    if (!out->offsets) return RD_ERR_MEMORY;
    for (int64_t i = 0; i < n; i++) {
        int32_t cut = 0;
        rd_status status =
            encode_line(&out->ids, tokenizer, lines[i], lengths ? lengths[i] : strlen(lines[i]),
                        most, bos, eos, &cut);
        if (status != RD_OK) return token_lines_free(out), status;
        if (dropped) dropped[i] = cut;
        out->offsets[i + 1] = out->ids.length;
    }
    return RD_OK;
}

/* Line i; valid as long as the lines. */
static rd_token_span token_line(const token_lines *lines, int64_t i) {
    int32_t length = (int32_t)(lines->offsets[i + 1] - lines->offsets[i]);
    /* If no line has any, there is no address to add to. */
    return (rd_token_span){length ? lines->ids.data + lines->offsets[i] : NULL, length};
}

/* The job that options ask for. */
static rd_translate_job job_of(const rd_translator *t, const rd_translate_options *o) {
    rd_translate_job job = {.models = (const rd_model *const *)t->models,
                            .n_models = t->n_models,
                            .search = o->search,
                            .alignment_layer = o->alignment_layer,
                            .shortlist = o->shortlist,
                            .identity = &t->identity,
                            .unscored = o->unscored,
                            .threads = o->threads};
    job.search.align = o->search.align || o->replace_unk;
    return job;
}

/* Checks that the job does not make itself. */
static rd_status check_options(const rd_translate_options *o) {
    if (o->search.batch_tokens < 0 || o->max_input_length < 0)
        return rd_error(RD_ERR_ARGUMENT, "batch-tokens and max-input-length must be 0 or more");
    if (o->threads < 0 || o->threads > RD_TRANSLATOR_MOST_THREADS)
        return rd_error(RD_ERR_ARGUMENT, "threads: %d; expected 0 to %d", (int)o->threads,
                        RD_TRANSLATOR_MOST_THREADS);
    return RD_OK;
}

/* The id that sources and targets begin with; -1: none. */
static int32_t first_id(const rd_translator *t) {
    const rd_model_config *config = rd_model_get_config(t->models[0]);
    return config->prepend_bos ? config->bos_id : -1;
}

int32_t rd_translate_most_tokens(const rd_translator *t, const rd_translate_options *o) {
    int32_t most = t->max_source_positions - (first_id(t) >= 0 ? 2 : 1);
    return o->max_input_length > 0 && o->max_input_length < most ? o->max_input_length : most;
}

/* A call under way: the lines that have a token besides bos and eos, and their requests. */
typedef struct {
    const rd_translator *translator;
    const rd_translate_options *options;
    const int64_t *numbers; /* [n], or NULL */
    int64_t n;              /* lines */
    const char *const *lines;
    const size_t *lengths; /* NULL: the lines are NUL-terminated */
    token_lines sources, prefixes;
    rd_line_constraints constraints;
    rd_keeper *keeper; /* or NULL */
    int64_t n_full;
    int64_t *where;              /* [n_full] the line that each is */
    rd_token_span *spans;        /* [n_full] */
    rd_search_request *requests; /* [n_full] */
    rd_search_result result;
} call;

static void call_end(call *c) {
    rd_search_result_free(&c->result);
    token_lines_free(&c->sources);
    token_lines_free(&c->prefixes);
    rd_line_constraints_free(&c->constraints);
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
    int32_t bos = first_id(t);
    RD_TRY(token_lines_encode(&c->sources, t->source, c->n, c->lines, c->lengths,
                              rd_translate_most_tokens(t, c->options) + (bos >= 0 ? 2 : 1), bos,
                              rd_tokenizer_eos(t->source), dropped));
    c->spans = rd_malloc((size_t)c->n, sizeof *c->spans);
    c->where = rd_malloc((size_t)c->n, sizeof *c->where);
    if (!c->spans || !c->where) return RD_ERR_MEMORY;
    for (int64_t i = 0; i < c->n; i++) {
        rd_token_span span = token_line(&c->sources, i);
        if (span.length < (bos >= 0 ? 3 : 2)) continue;
        c->where[c->n_full] = i;
        c->spans[c->n_full++] = span;
    }
    return RD_OK;
}

/* The id that prefixes begin with, since the model's targets do; -1: none, or the search has it
 * already. */
static int32_t first_of_prefix(const call *c) {
    return c->options->search.forced_bos ? -1 : first_id(c->translator);
}

static bool has_prefix(const call *c, int64_t line) {
    return token_line(&c->prefixes, line).length > (first_of_prefix(c) >= 0 ? 1 : 0);
}

rd_status rd_error_of_prefix(int64_t line) {
    return rd_error(RD_ERR_FORMAT, "line %lld: a prefix, but there is nothing to translate",
                    (long long)line);
}

/* An empty line has no translation that could begin so: the files do not belong together. */
static rd_status check_prefixes(const call *c) {
    for (int64_t line = 0, full = 0; line < c->n; line++) {
        if (full < c->n_full && c->where[full] == line)
            full++;
        else if (has_prefix(c, line))
            return rd_error_of_prefix(c->options->first_line + line + 1);
    }
    return RD_OK;
}

/* Counted from 1; of a part of a line, the line. */
static long long line_of(const call *c, int64_t i) {
    int64_t of_lines = ((int64_t)1 << RD_PART_BITS) - 1;
    return (long long)(c->numbers ? c->numbers[i] & of_lines : c->options->first_line + i) + 1;
}

static bool has_unknown(const call *c, rd_token_span span) {
    int32_t unk = rd_tokenizer_unk(c->translator->target);
    for (int32_t i = 0; i < span.length; i++)
        if (span.tokens[i] == unk) return true;
    return false;
}

static rd_status encode_prefixes(call *c) {
    const rd_translate_options *o = c->options;
    int64_t most = c->translator->max_target_positions - 1 - (o->search.forced_bos ? 1 : 0);
    int32_t *dropped = rd_malloc((size_t)c->n, sizeof *dropped);
    rd_status status = dropped ? RD_OK : RD_ERR_MEMORY;
    if (status == RD_OK)
        status = token_lines_encode(&c->prefixes, c->translator->target, c->n, o->prefixes, NULL,
                                    most, first_of_prefix(c), -1, dropped);
    for (int64_t i = 0; status == RD_OK && i < c->n; i++) {
        long long line = line_of(c, i);
        if (dropped[i] > 0)
            status = rd_error(RD_ERR_FORMAT,
                              "line %lld: a prefix of %lld tokens; translations have up to %lld",
                              line, (long long)(most + dropped[i]), (long long)most);
        else if (has_unknown(c, token_line(&c->prefixes, i)))
            status = rd_error(RD_ERR_FORMAT,
                              "line %lld: a prefix with what the target vocabulary lacks: %.200s",
                              line, o->prefixes[i]);
    }
    free(dropped);
    return status == RD_OK ? check_prefixes(c) : status;
}

static void set_prefix(const call *c, int64_t line, rd_search_request *request) {
    if (!has_prefix(c, line)) return;
    rd_token_span prefix = token_line(&c->prefixes, line);
    request->prefix = prefix.tokens;
    request->prefix_length = prefix.length;
}

/* The conditions on the translation of each full line. */
static rd_status make_requests(call *c) {
    const rd_translate_options *o = c->options;
    const rd_translator *t = c->translator;
    if (o->prefixes) RD_TRY(encode_prefixes(c));
    if (o->constraints || o->glossary || o->keep)
        RD_TRY(rd_line_constraints_make(&c->constraints, t->target,
                                        rd_model_get_config(t->models[0])->tgt_vocab, c->n,
                                        c->lines, c->lengths, o));
    c->requests = rd_calloc((size_t)c->n_full, sizeof *c->requests);
    if (!c->requests) return RD_ERR_MEMORY;
    for (int64_t i = 0; i < c->n_full; i++) {
        rd_search_request *request = &c->requests[i];
        request->number = c->numbers ? c->numbers[c->where[i]] : o->first_line + c->where[i];
        if (o->prefixes) set_prefix(c, c->where[i], request);
        if (!c->constraints.offsets) continue;
        request->phrases =
            rd_line_constraints_of(&c->constraints, c->where[i], &request->n_phrases);
        request->edges = c->constraints.edges.flags;
        if (request->edges)
            request->marks = rd_final_marks(&c->constraints.edges, c->lines[c->where[i]],
                                            length_of(c, c->where[i]));
    }
    return RD_OK;
}

/* Writes the translations of full line i; words: [its tokens], or NULL. */
static rd_status write_items(const call *c, int64_t i, const int32_t *words, rd_translations *out) {
    int64_t line = c->where[i];
    const rd_output_form output = {.target = c->translator->target,
                                   .text = c->lines[line],
                                   .text_length = length_of(c, line),
                                   .words = words,
                                   .keeper = c->keeper,
                                   .align = c->options->search.align,
                                   .replace_unk = c->options->replace_unk};
    for (int32_t k = 0; k < out->n_best; k++) {
        const rd_hypothesis *h = &c->result.hypotheses[i * out->n_best + k];
        rd_translation *item = &out->items[line * out->n_best + k];
        if (!h->tokens) break;
        RD_TRY(rd_output_translation(&output, h, item));
        if (c->constraints.offsets)
            RD_TRY(rd_line_constraints_unmet(&c->constraints, line, h->tokens, h->length,
                                             item->text, &item->unmet));
    }
    return RD_OK;
}

static rd_status write_line(const call *c, int64_t i, rd_translations *out) {
    if (!c->options->search.align && !c->options->replace_unk) return write_items(c, i, NULL, out);
    int64_t line = c->where[i];
    rd_token_span span = c->spans[i];
    int32_t *words = rd_malloc((size_t)span.length, sizeof *words);
    if (!words) return RD_ERR_MEMORY;
    rd_status status = rd_words_of_tokens(c->translator->source, c->lines[line], length_of(c, line),
                                          span.tokens, span.length, words);
    if (status == RD_OK) status = write_items(c, i, words, out);
    free(words);
    return status;
}

/* An empty line translates to nothing, log-probability 0, with its constraints reported as unmet.
 */
static rd_status fill_empty(const call *c, rd_translations *out) {
    for (int64_t i = 0; i < out->n_lines; i++) {
        rd_translation *best = &out->items[i * out->n_best];
        if (best->text) continue;
        if (!(best->text = rd_strdup(""))) return RD_ERR_MEMORY;
        if (c->keeper)
            RD_TRY(rd_keeper_restore(c->keeper, c->lines[i], length_of(c, i), &best->text,
                                     &best->n_restored, NULL, 0));
        if (c->constraints.offsets)
            RD_TRY(
                rd_line_constraints_unmet(&c->constraints, i, NULL, 0, best->text, &best->unmet));
    }
    return RD_OK;
}

static rd_status run(call *c, rd_translations *out) {
    rd_translate_job job = job_of(c->translator, c->options);
    RD_TRY(check_options(c->options));
    RD_TRY(rd_search_check(&job.search));
    out->n_lines = c->n;
    out->n_best = c->options->search.n_best;
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

/* Lines and their references, to be scored. */
typedef struct {
    token_lines sources, targets;
    rd_token_span *source_spans, *target_spans; /* [n] */
} scored_lines;

static void make_spans(scored_lines *s, int64_t n, int32_t *n_tokens) {
    for (int64_t i = 0; i < n; i++) {
        s->source_spans[i] = token_line(&s->sources, i);
        s->target_spans[i] = token_line(&s->targets, i);
        if (n_tokens) n_tokens[i] = s->target_spans[i].length + 1;
    }
}

rd_status rd_translate_score_lines(const rd_translator *t, const rd_translate_options *options,
                                   const rd_line_pairs *pairs, double *log_probs, int32_t *n_tokens,
                                   int32_t *line_dropped, int32_t *reference_dropped) {
    const rd_translate_job job = {.models = (const rd_model *const *)t->models,
                                  .n_models = t->n_models,
                                  .search = {.beam = 1,
                                             .batch_tokens = options->search.batch_tokens,
                                             .stop = options->search.stop},
                                  .threads = options->threads};
    int64_t n = pairs->n;
    RD_TRY(check_options(options));
    if (n < 0) return rd_error(RD_ERR_ARGUMENT, "%lld lines to score", (long long)n);
    int32_t bos = first_id(t);
    int64_t most = rd_translate_most_tokens(t, options) + (bos >= 0 ? 2 : 1);
    scored_lines s = {.source_spans = rd_malloc((size_t)n, sizeof *s.source_spans),
                      .target_spans = rd_malloc((size_t)n, sizeof *s.target_spans)};
    rd_status status = s.source_spans && s.target_spans ? RD_OK : RD_ERR_MEMORY;
    if (status == RD_OK)
        status = token_lines_encode(&s.sources, t->source, n, pairs->lines, pairs->lengths, most,
                                    bos, rd_tokenizer_eos(t->source), line_dropped);
    if (status == RD_OK)
        status = token_lines_encode(&s.targets, t->target, n, pairs->references,
                                    pairs->reference_lengths, t->max_target_positions - 1, bos, -1,
                                    reference_dropped);
    if (status == RD_OK) {
        make_spans(&s, n, n_tokens);
        status = rd_translate_score(&job, n, s.source_spans, s.target_spans, log_probs);
    }
    token_lines_free(&s.sources);
    token_lines_free(&s.targets);
    free(s.source_spans);
    free(s.target_spans);
    return status;
}

rd_status rd_translator_score(const rd_translator *t, const rd_translate_options *options,
                              int64_t n, const char *const *lines, const size_t *line_lengths,
                              const char *const *references, const size_t *reference_lengths,
                              double *log_probs, int32_t *n_tokens) {
    const rd_line_pairs pairs = {n, lines, line_lengths, references, reference_lengths};
    return rd_translate_score_lines(t, options, &pairs, log_probs, n_tokens, NULL, NULL);
}
