#include "translate/translate.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/memory.h"
#include "base/parallel.h"
#include "translate/output_subset.h"
#include "translate/score.h"

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

/* Batches of at most `limit` tokens, or one sentence. They hold equal shares for the threads if
 * there are `enough` sentences to share. */
static void cut(schedule *plan, int64_t limit, const rd_token_span *sources, int32_t threads,
                int64_t enough) {
    int64_t total = 0;
    for (int64_t i = 0; i < plan->n; i++) total += sources[i].length;
    if (plan->n >= enough) {
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
                               const rd_token_span *sources, int32_t threads, int64_t enough) {
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
    cut(plan, limit, sources, threads, enough);
    return RD_OK;
}

/* One call over all batches: searching if a `result` is wanted, else scoring. */
typedef struct {
    const rd_translate_job *job;
    const rd_token_span *sources, *targets;
    rd_search_result *result;
    double *log_probs;
} work;

/* The sentences of one batch with the objects set up for them. */
typedef struct {
    int64_t n;
    const int64_t *order;        /* [n] indices of sources */
    rd_search_request *requests; /* [n] */
    rd_output_subset subset;
    rd_model_scorer *model;
} batch;

/* Whether the search only asks which token is the best: greedy, and over with the first eos. */
static bool ranks_suffice(const rd_translate_job *job) {
    const rd_search_options *c = &job->search;
    return job->unscored && job->n_models == 1 && c->beam == 1 && !c->sampling &&
           (c->early_stopping == RD_STOP_FULL || c->early_stopping == RD_STOP_STEP) &&
           !(c->patience > 1.0f);
}

/* Moves the hypotheses for source `index` to the result. */
static void keep(const work *w, const batch *b, int64_t index, rd_hypotheses *found) {
    rd_hypothesis *to = w->result->hypotheses + index * w->result->n_best;
    for (int32_t k = 0; k < found->n; k++) {
        to[k] = found->items[k];
        rd_output_subset_restore(&b->subset, to[k].tokens, to[k].length);
        if (ranks_suffice(w->job)) to[k].score = to[k].log_prob = NAN;
    }
    free(found->items);
}

static rd_status search_all(const work *w, const batch *b, rd_search *search) {
    int64_t index;
    rd_hypotheses found;
    for (int64_t i = 0; i < b->n; i++)
        RD_TRY(rd_search_submit(search, &b->requests[i], b->order[i]));
    while (!rd_search_is_idle(search)) {
        RD_TRY(rd_search_step(search));
        while (rd_search_take(search, &index, &found)) keep(w, b, index, &found);
    }
    return RD_OK;
}

static rd_status search_batch(const work *w, batch *b) {
    const rd_translate_job *job = w->job;
    rd_search_options config = job->search;
    config.batch_tokens = tokens_at_once(job);
    if (b->subset.n) RD_TRY(rd_model_scorer_restrict(b->model, b->subset.n, b->subset.ids));
    if (ranks_suffice(job) || (job->n_models == 1 && rd_search_wants_logits(&config)))
        RD_TRY(rd_model_scorer_skip_softmax(b->model));
    if (rd_search_needs_attention(&job->search))
        RD_TRY(rd_model_scorer_keep_attention(b->model, job->alignment_layer));
    rd_scorer scorer = rd_model_scorer_view(b->model);
    rd_search *search;
    RD_TRY(rd_search_open(&search, &scorer, &config));
    rd_status status = search_all(w, b, search);
    rd_search_close(search);
    return status;
}

/* The sources of the batch and the conditions on their translations. */
static rd_status make_requests(const work *w, batch *b) {
    const rd_translate_job *job = w->job;
    b->requests = rd_malloc((size_t)b->n, sizeof *b->requests);
    if (!b->requests) return RD_ERR_MEMORY;
    for (int64_t i = 0; i < b->n; i++) {
        int64_t index = b->order[i];
        b->requests[i] =
            job->requests ? job->requests[index] : (rd_search_request){.number = index};
        b->requests[i].source = w->sources[index];
    }
    if (!job->shortlist) return RD_OK;
    return rd_output_subset_choose(&b->subset, job->shortlist, rd_model_get_config(job->models[0]),
                                   &job->search, b->n, b->requests);
}

static rd_status search_or_score(const work *w, batch *b) {
    const rd_translate_job *job = w->job;
    if (!w->result)
        return rd_score_targets(job->models, job->n_models, b->n, b->order, w->sources, w->targets,
                                w->log_probs);
    RD_TRY(rd_model_scorer_open(&b->model, job->models, job->n_models));
    RD_TRY(make_requests(w, b));
    return search_batch(w, b);
}

static rd_status run_batch(const work *w, int64_t n, const int64_t *order) {
    batch b = {.n = n, .order = order};
    rd_status status = search_or_score(w, &b);
    rd_model_scorer_close(b.model);
    rd_output_subset_free(&b.subset);
    free(b.requests);
    return status;
}

/* A schedule being worked through. */
typedef struct {
    const work *work;
    const schedule *plan;
} scheduled;

static rd_status run_unless_stopped(void *self, int thread, int64_t index) {
    const scheduled *s = self;
    (void)thread;
    RD_TRY(rd_check_stop(s->work->job->search.stop));
    int64_t start = s->plan->starts[index];
    return run_batch(s->work, s->plan->starts[index + 1] - start, s->plan->order + start);
}

static rd_status check(const rd_translate_job *job) {
    if (job->n_models < 1) return rd_error(RD_ERR_ARGUMENT, "no model to translate with");
    if (!job->shortlist) return RD_OK;
    const rd_model_config *config = rd_model_get_config(job->models[0]);
    int32_t src = rd_shortlist_identity(job->shortlist)->src_vocab;
    int32_t tgt = rd_shortlist_identity(job->shortlist)->tgt_vocab;
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

/* Threads for the operations inside the only batch. Those of small models end sooner than threads
 * have found each other. */
static int32_t inner_threads(const rd_translate_job *job, int32_t threads) {
    enum { WORTHWHILE = 30000000 }; /* parameters */
    int64_t n = 0;
    for (int32_t m = 0; m < job->n_models; m++) n += rd_model_n_parameters(job->models[m]);
    return n < WORTHWHILE ? 1 : threads;
}

static rd_status run(work *w, int64_t n) {
    RD_TRY(check(w->job));
    int before = rd_get_threads();
    int32_t threads = w->job->threads > 0 ? w->job->threads : before;
    schedule plan;
    /* A shortlist is of all sentences of a batch, and nothing waits to be scored. */
    bool waiting = w->result && !w->job->shortlist;
    int64_t limit = tokens_at_once(w->job);
    if (waiting && limit < WAITING_TOKENS) limit = WAITING_TOKENS;
    int32_t inner = inner_threads(w->job, threads);
    int64_t enough = inner > 1 ? 2 * (int64_t)threads : 2; /* for fewer, threads share products */
    RD_TRY(make_schedule(&plan, limit, n, w->sources, threads, enough));
    if (plan.n_batches <= 1) threads = inner;
    rd_set_threads(threads); /* of this thread's regions only */
    rd_status status =
        rd_over_jobs(threads, plan.n_batches, 1, run_unless_stopped, &(scheduled){w, &plan}, NULL);
    rd_set_threads(before);
    schedule_free(&plan);
    return status;
}

void rd_search_result_free(rd_search_result *result) {
    for (int64_t i = 0; result->hypotheses && i < result->n_sentences * result->n_best; i++)
        free(result->hypotheses[i].tokens);
    free(result->hypotheses);
    *result = (rd_search_result){0};
}

rd_status rd_translate_tokens(const rd_translate_job *job, int64_t n, const rd_token_span *sources,
                              rd_search_result *result) {
    *result = (rd_search_result){0};
    RD_TRY(rd_search_check(&job->search));
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

rd_status rd_translate_to_text(const rd_translate_job *job, const rd_tokenizer *target, int64_t n,
                               const rd_token_span *sources, char **texts) {
    rd_translate_job best_only = *job;
    best_only.search.n_best = 1;
    best_only.unscored = true;
    rd_search_result result;
    RD_TRY(rd_translate_tokens(&best_only, n, sources, &result));
    rd_status status = RD_OK;
    int64_t done = 0;
    for (; status == RD_OK && done < n; done++)
        status = rd_tokenizer_decode(target, result.hypotheses[done].tokens,
                                     result.hypotheses[done].length, &texts[done], NULL);
    for (int64_t i = 0; status != RD_OK && i + 1 < done; i++) {
        free(texts[i]);
        texts[i] = NULL;
    }
    rd_search_result_free(&result);
    return status;
}
