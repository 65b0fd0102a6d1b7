#include "translate/translate.h"

#include <math.h>
#include <omp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "search/model_scorer.h"
#include "translate/pieces.h"

/* Source tokens of a batch that a search gets when it does not search all of it at once: sentences
 * that wait take the places of those that end. More would leave the threads unequal shares. */
enum { WAITING_TOKENS = 4096 };

/* The sentences in the order they are worked on, longest first, cut into batches. */
typedef struct {
    int64_t n, n_batches;
    int64_t *order;  /* [n] indices of sources */
    int64_t *starts; /* [n_batches + 1] */
} schedule;

typedef struct {
    int64_t index;
    int32_t length;
} sort_item;

static int longer_first(const void *a, const void *b) {
    const sort_item *x = a, *y = b;
    if (x->length != y->length) return x->length < y->length ? 1 : -1;
    return x->index < y->index ? -1 : x->index > y->index;
}

static void schedule_free(schedule *plan) {
    free(plan->order);
    free(plan->starts);
}

/* By default enough rows to keep a matrix product busy, few enough that their caches stay in the
 * processor's. */
static int64_t tokens_at_once(const rd_translate_job *job) {
    enum { MOST = 512, FEWEST = 64, OF_ALL_HYPOTHESES = 1920 };
    if (job->search.batch_tokens > 0) return job->search.batch_tokens;
    int64_t tokens = OF_ALL_HYPOTHESES / (job->search.beam > 1 ? job->search.beam : 1);
    return tokens > MOST ? MOST : tokens < FEWEST ? FEWEST : tokens;
}

/* Batches of at most `limit` tokens, or one sentence. They hold equal shares for the threads where
 * there are enough sentences to share. */
static void cut(schedule *plan, int64_t limit, const rd_token_span *sources, int32_t threads) {
    int64_t total = 0;
    for (int64_t i = 0; i < plan->n; i++) total += sources[i].length;
    if (plan->n >= 2 * (int64_t)threads) {
        int64_t rounds = (total + limit * threads - 1) / (limit * threads);
        if (rounds > 0) limit = total / (rounds * threads) + 1;
    }
    int64_t tokens = 0;
    plan->n_batches = 0;
    for (int64_t i = 0; i < plan->n; i++) {
        int32_t length = sources[plan->order[i]].length;
        if (i == 0 || tokens + length > limit) {
            plan->starts[plan->n_batches++] = i;
            tokens = 0;
        }
        tokens += length;
    }
    plan->starts[plan->n_batches] = plan->n;
}

static rd_status make_schedule(schedule *plan, int64_t limit, int64_t n,
                               const rd_token_span *sources, int32_t threads) {
    sort_item *items = rd_malloc((size_t)n, sizeof *items);
    *plan = (schedule){.n = n,
                       .order = rd_malloc((size_t)n, sizeof *plan->order),
                       .starts = rd_malloc((size_t)n + 1, sizeof *plan->starts)};
    if (!items || !plan->order || !plan->starts) {
        free(items);
        schedule_free(plan);
        return RD_ERR_MEMORY;
    }
    for (int64_t i = 0; i < n; i++) items[i] = (sort_item){i, sources[i].length};
    if (n) qsort(items, (size_t)n, sizeof *items, longer_first);
    for (int64_t i = 0; i < n; i++) plan->order[i] = items[i].index;
    free(items);
    cut(plan, limit, sources, threads);
    return RD_OK;
}

/* Sequences of one batch laid end to end. */
typedef struct {
    int32_t *tokens, *offsets, *lengths;
} packed;

static void packed_free(packed *p) {
    free(p->tokens);
    free(p->offsets);
    free(p->lengths);
    *p = (packed){0}; /* which may be released again */
}

static rd_status pack(packed *p, int64_t n, const int64_t *order, const rd_token_span *spans) {
    size_t total = 0;
    for (int64_t i = 0; i < n; i++) total += (size_t)spans[order[i]].length;
    if (total > INT32_MAX) return rd_error(RD_ERR_ARGUMENT, "a batch of %zu tokens", total);
    *p = (packed){.tokens = rd_malloc(total, sizeof(int32_t)),
                  .offsets = rd_malloc((size_t)n + 1, sizeof(int32_t)),
                  .lengths = rd_malloc((size_t)n, sizeof(int32_t))};
    if (!p->tokens || !p->offsets || !p->lengths) {
        packed_free(p);
        return RD_ERR_MEMORY;
    }
    p->offsets[0] = 0;
    for (int64_t i = 0; i < n; i++) {
        rd_token_span span = spans[order[i]];
        if (span.length) /* memcpy must not be given NULL */
            memcpy(p->tokens + p->offsets[i], span.tokens,
                   (size_t)span.length * sizeof *span.tokens);
        p->lengths[i] = span.length;
        p->offsets[i + 1] = p->offsets[i] + span.length;
    }
    return RD_OK;
}

/* One call over all batches: searching where there is to be a `result`, else scoring. */
typedef struct {
    const rd_translate_job *job;
    const rd_token_span *sources, *targets;
    rd_search_result *result;
    double *log_probs;
} work;

/* The sentences of one batch with what is set up for them. */
typedef struct {
    int64_t n;
    const int64_t *order; /* [n] indices of sources */
    packed src;
    rd_search_request *requests; /* [n], or NULL */
    rd_pieces pieces;
    rd_model_scorer *model;
} batch;

/* Whether the search only asks which token is the best: greedy, and over with the first eos. */
static bool ranks_suffice(const rd_translate_job *job) {
    const rd_beam_config *c = &job->search;
    return job->unscored && job->n_models == 1 && c->beam == 1 && !c->sampling &&
           c->early_stopping == RD_STOP_FULL && !(c->patience > 1.0f);
}

static void forget_scores(rd_hypothesis *hypothesis) {
    hypothesis->score = hypothesis->log_prob = NAN;
}

static rd_status search_batch(const work *w, const batch *b) {
    const rd_model_config *config = rd_model_get_config(w->job->models[0]);
    const rd_pieces *pieces = &b->pieces;
    rd_scorer scorer = rd_model_scorer_view(b->model);
    rd_beam_config search = w->job->search;
    search.batch_tokens = tokens_at_once(w->job);
    rd_search_result found;
    RD_TRY(rd_beam_search(&search, &scorer, b->n, b->src.lengths, b->requests,
                          rd_pieces_number(pieces, config->bos_id),
                          rd_pieces_number(pieces, config->eos_id),
                          rd_pieces_number(pieces, config->pad_id),
                          rd_pieces_number(pieces, config->unk_id), &found));
    size_t n_best = (size_t)found.n_best;
    for (int64_t i = 0; i < b->n; i++) {
        rd_hypothesis *from = found.hypotheses + (size_t)i * n_best;
        for (size_t k = 0; k < n_best; k++) {
            rd_pieces_restore(pieces, from[k].tokens, from[k].length);
            if (ranks_suffice(w->job)) forget_scores(&from[k]);
        }
        memcpy(w->result->hypotheses + (size_t)b->order[i] * n_best, from, n_best * sizeof *from);
        memset(from, 0, n_best * sizeof *from); /* moved, not shared */
    }
    rd_search_result_free(&found);
    return RD_OK;
}

static rd_status score_batch(const work *w, const batch *b) {
    packed tgt;
    RD_TRY(pack(&tgt, b->n, b->order, w->targets));
    rd_scorer scorer = rd_model_scorer_view(b->model);
    double *log_probs = rd_malloc((size_t)b->n, sizeof *log_probs);
    rd_status status = log_probs ? RD_OK : RD_ERR_MEMORY;
    if (status == RD_OK)
        status = rd_score_targets(&scorer, b->n, tgt.tokens, tgt.offsets,
                                  rd_model_get_config(w->job->models[0])->eos_id, log_probs);
    for (int64_t i = 0; status == RD_OK && i < b->n; i++) w->log_probs[b->order[i]] = log_probs[i];
    free(log_probs);
    packed_free(&tgt);
    return status;
}

/* What a search is asked for beside its sources. */
static rd_status batch_requests(const work *w, batch *b) {
    const rd_translate_job *job = w->job;
    if (job->requests) {
        b->requests = rd_malloc((size_t)b->n, sizeof *b->requests);
        if (!b->requests) return RD_ERR_MEMORY;
        for (int64_t i = 0; i < b->n; i++) b->requests[i] = job->requests[b->order[i]];
    }
    if (!job->shortlist) return RD_OK;
    return rd_pieces_choose(&b->pieces, job->shortlist, rd_model_get_config(job->models[0]),
                            b->src.offsets[b->n], b->src.tokens, b->n, b->requests);
}

static rd_status translate_or_score(const work *w, batch *b) {
    const rd_translate_job *job = w->job;
    RD_TRY(pack(&b->src, b->n, b->order, w->sources));
    if (w->result) RD_TRY(batch_requests(w, b));
    RD_TRY(rd_model_scorer_begin(&b->model, job->models, job->n_models, b->n, b->src.tokens,
                                 b->src.offsets));
    if (!w->result) return score_batch(w, b);
    if (b->pieces.n) RD_TRY(rd_model_scorer_restrict(b->model, b->pieces.n, b->pieces.ids));
    if (ranks_suffice(job)) RD_TRY(rd_model_scorer_skip_softmax(b->model));
    if (rd_beam_needs_attention(&job->search))
        RD_TRY(rd_model_scorer_keep_attention(b->model, job->alignment_layer));
    return search_batch(w, b);
}

static rd_status run_batch(const work *w, int64_t n, const int64_t *order) {
    batch b = {.n = n, .order = order};
    rd_status status = translate_or_score(w, &b);
    rd_model_scorer_end(b.model);
    rd_pieces_free(&b.pieces);
    free(b.requests);
    packed_free(&b.src);
    return status;
}

static rd_status run_unless_stopped(const work *w, const schedule *plan, int64_t index) {
    const volatile sig_atomic_t *stop = w->job->search.stop;
    if (stop && *stop) return rd_error(RD_ERR_INTERRUPTED, "stopped by a signal");
    int64_t start = plan->starts[index];
    return run_batch(w, plan->starts[index + 1] - start, plan->order + start);
}

/* Several batches: a thread each, which the operations inside have to themselves. */
static rd_status run_all(const work *w, const schedule *plan, int32_t threads) {
    rd_status failure = RD_OK;
    char message[1024] = "";
    bool stop = false;
    if (plan->n_batches <= 1 || threads == 1) {
        for (int64_t b = 0; failure == RD_OK && b < plan->n_batches; b++)
            failure = run_unless_stopped(w, plan, b);
        return failure;
    }
#pragma omp parallel num_threads(threads)
    {
        omp_set_num_threads(1);
#pragma omp for schedule(dynamic, 1)
        for (int64_t b = 0; b < plan->n_batches; b++) {
            bool skip;
#pragma omp atomic read
            skip = stop;
            rd_status status = skip ? RD_OK : run_unless_stopped(w, plan, b);
            if (status == RD_OK) continue;
#pragma omp critical(rd_translate_failure)
            if (failure == RD_OK) {
                failure = status;
                strncpy(message, rd_last_error(), sizeof message - 1);
            }
#pragma omp atomic write
            stop = true;
        }
    }
    /* Messages belong to threads; the caller's must have it. */
    return failure == RD_OK ? RD_OK : rd_error(failure, "%s", message);
}

static rd_status check_shortlist(const rd_translate_job *job) {
    const rd_model_config *config = rd_model_get_config(job->models[0]);
    if (!job->shortlist) return RD_OK;
    int32_t src = rd_shortlist_src_vocab(job->shortlist);
    int32_t tgt = rd_shortlist_tgt_vocab(job->shortlist);
    if (src != config->src_vocab || tgt != config->tgt_vocab)
        return rd_error(RD_ERR_FORMAT,
                        "the shortlist is for vocabularies of %d and %d pieces, the model has %d "
                        "and %d; make one from the model's own data",
                        src, tgt, config->src_vocab, config->tgt_vocab);
    if (!job->identity) return RD_OK;
    rd_status status = rd_identity_check(rd_shortlist_identity(job->shortlist), job->identity);
    return status == RD_OK ? RD_OK
                           : rd_error_prefix(status, "the shortlist is not of this model's data");
}

static rd_status check_sources(const rd_translate_job *job, int64_t n,
                               const rd_token_span *sources) {
    if (job->n_models < 1) return rd_error(RD_ERR_ARGUMENT, "no model to translate with");
    for (int32_t m = 0; m < job->n_models; m++) {
        const rd_model_config *config = rd_model_get_config(job->models[m]);
        for (int64_t i = 0; i < n; i++) {
            if (sources[i].length < 1 || sources[i].length > config->max_source_positions)
                return rd_error(RD_ERR_ARGUMENT,
                                "source %lld has %d tokens; the model takes 1 to %d", (long long)i,
                                sources[i].length, config->max_source_positions);
            for (int32_t k = 0; k < sources[i].length; k++)
                if (sources[i].tokens[k] < 0 || sources[i].tokens[k] >= config->src_vocab)
                    return rd_error(RD_ERR_ARGUMENT,
                                    "source %lld holds token %d, outside a vocabulary of %d",
                                    (long long)i, sources[i].tokens[k], config->src_vocab);
        }
    }
    return RD_OK;
}

/* Threads for the operations inside the only batch. Those of small models end sooner than threads
 * have found each other. */
static int32_t inner_threads(const rd_translate_job *job, int32_t threads) {
    enum { WORTHWHILE = 30000000 }; /* parameters */
    int64_t n = 0;
    for (int32_t m = 0; m < job->n_models; m++) n += rd_model_n_parameters(job->models[m]);
    return n < WORTHWHILE ? 1 : threads;
}

static rd_status run(work *w, int64_t n) {
    RD_TRY(check_sources(w->job, n, w->sources));
    RD_TRY(check_shortlist(w->job));
    int before = omp_get_max_threads();
    int32_t threads = w->job->threads > 0 ? w->job->threads : before;
    schedule plan;
    /* Given targets are scored all at once, and a shortlist is of all sentences of a batch. */
    bool waiting = w->result && !w->job->shortlist;
    int64_t limit = tokens_at_once(w->job);
    if (waiting && limit < WAITING_TOKENS) limit = WAITING_TOKENS;
    RD_TRY(make_schedule(&plan, limit, n, w->sources, threads));
    if (plan.n_batches <= 1) threads = inner_threads(w->job, threads);
    omp_set_num_threads(threads); /* of this thread's regions only */
    rd_status status = run_all(w, &plan, threads);
    omp_set_num_threads(before);
    schedule_free(&plan);
    return status;
}

rd_status rd_translate_tokens(const rd_translate_job *job, int64_t n, const rd_token_span *sources,
                              rd_search_result *result) {
    *result = (rd_search_result){0};
    RD_TRY(rd_beam_check(&job->search));
    result->n_sentences = n;
    result->n_best = job->search.n_best;
    result->hypotheses = rd_calloc((size_t)n, (size_t)result->n_best * sizeof *result->hypotheses);
    if (!result->hypotheses) return RD_ERR_MEMORY;
    rd_status status = run(&(work){.job = job, .sources = sources, .result = result}, n);
    if (status != RD_OK) rd_search_result_free(result);
    return status;
}

rd_status rd_translate_score(const rd_translate_job *job, int64_t n, const rd_token_span *sources,
                             const rd_token_span *targets, double *log_probs) {
    work w = {.job = job, .sources = sources, .targets = targets, .log_probs = log_probs};
    return run(&w, n);
}
