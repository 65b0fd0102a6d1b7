/* Forward, backward, optimizer and beam search together: a small network learns sentence pairs of
 * the quick-start grammar by heart, until the search gives every one back word for word. Anything
 * wrong in a gradient, a cache or a mask that other tests let pass slows this down or stops it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <string.h>

#include "base/parallel.h"
#include "model/network.h"
#include "optim/optimizer.h"
#include "quickstart/sentences.h"
#include "search/search.h"
#include "search_all.h"

enum { PAIRS = 32, D_MODEL = 64 };
enum { PAD = 1, EOS = 2, UNK = 3, FIRST_WORD = 4, MAX_WORDS = 1000, MAX_LENGTH = 64 };

static char *words[MAX_WORDS]; /* of both languages */
static int32_t n_words;

static int32_t word_id(const char *word) {
    for (int32_t i = 0; i < n_words; i++)
        if (!strcmp(words[i], word)) return FIRST_WORD + i;
    assert_true(n_words < MAX_WORDS);
    words[n_words] = strdup(word);
    return FIRST_WORD + n_words++;
}

/* Words of a line, then eos; tokens: [MAX_LENGTH]. */
static int32_t tokenize(char *line, int32_t *tokens) {
    int32_t n = 0;
    for (char *word = strtok(line, " "); word; word = strtok(NULL, " ")) {
        assert_true(n + 1 < MAX_LENGTH);
        tokens[n++] = word_id(word);
    }
    tokens[n++] = EOS;
    return n;
}

/* The grammar gives one translation of a sentence, but may say the same sentence twice. */
static bool is_known(const rd_batch *batch, const int32_t *src, int32_t n) {
    for (int64_t i = 0; i < batch->n; i++) {
        int32_t begin = batch->source.offsets[i], length = batch->source.offsets[i + 1] - begin;
        if (length == n && !memcmp(batch->source.ids + begin, src, sizeof *src * (size_t)n))
            return true;
    }
    return false;
}

static rd_batch make_pairs(void) {
    rd_batch batch = {0};
    rd_rng rng = rd_rng_make(32, 0);
    while (batch.n < PAIRS) {
        qs_pair pair = qs_random_pair(&rng);
        int32_t src[MAX_LENGTH], tgt[MAX_LENGTH], n_src = tokenize(pair.en.text, src);
        int32_t n_tgt = tokenize(pair.de.text, tgt);
        if (is_known(&batch, src, n_src)) continue;
        assert_int_equal(rd_batch_add(&batch, batch.n, src, n_src, tgt, n_tgt), RD_OK);
    }
    return batch;
}

/* How many of the batch's targets are the best hypothesis of their source. */
static int count_reproduced(const rd_model *model, const rd_batch *batch) {
    rd_search_request requests[PAIRS] = {{.source = {NULL, 0}}};
    for (int i = 0; i < PAIRS; i++) {
        const int32_t *at = batch->source.offsets + i;
        requests[i].source = (rd_token_span){batch->source.ids + at[0], at[1] - at[0]};
    }
    rd_model_scorer *scorer;
    assert_int_equal(rd_model_scorer_open(&scorer, &model, 1), RD_OK);
    rd_search_options config = rd_search_defaults();
    rd_scorer view = rd_model_scorer_view(scorer);
    rd_search_result result;
    assert_int_equal(search_all(&config, &view, PAIRS, requests, &result), RD_OK);
    int reproduced = 0;
    for (int i = 0; i < PAIRS; i++) {
        const rd_hypothesis *h = &result.hypotheses[i];
        int32_t begin = batch->target.offsets[i], length = batch->target.offsets[i + 1] - begin - 1;
        reproduced += h->length == length && !memcmp(h->tokens, batch->target.ids + begin,
                                                     sizeof(int32_t) * (size_t)length);
    }
    rd_search_result_free(&result);
    rd_model_scorer_close(scorer);
    return reproduced;
}

static double train_one_update(rd_model *model, rd_optimizer *optimizer, const rd_batch *batch,
                               rd_arena *arena, int64_t update, int32_t passes) {
    const rd_optim_config config = {.lr = 3e-3,
                                    .adam_beta1 = 0.9,
                                    .adam_beta2 = 0.98,
                                    .adam_eps = 1e-9,
                                    .clip_norm = 1.0,
                                    .lr_scheduler = RD_LR_INVERSE_SQRT,
                                    .warmup_updates = 20};
    rd_step step = {
        .arena = arena, .training = true, .seed = 1, .update = update, .n_passes = passes};
    rd_criterion_sums sums = {0};
    rd_arena_reset(arena);
    rd_criterion criterion = {.loss = rd_token_loss, .label_smoothing = 0.1f, .reg_alpha = 1.0f};
    assert_int_equal(rd_network_loss(model, &step, batch, &criterion, true, &sums), RD_OK);
    rd_parameters *p = &model->parameters;
    double scale = 1.0 / (double)sums.n_tokens;
    rd_optimizer_step(optimizer, &config, update, scale,
                      rd_gradient_norm(p->grads, p->total, scale), (rd_slice){0, optimizer->n, 0},
                      p->values, p->grads, 0.0);
    return sums.nll / passes * scale;
}

static void learn_by_heart(rd_model_config config, int32_t passes, int64_t max_updates) {
    rd_batch batch = make_pairs();
    config.src_vocab = config.tgt_vocab = FIRST_WORD + n_words;
    rd_model *model;
    rd_optimizer optimizer;
    assert_int_equal(rd_model_new(&model, &config, 1), RD_OK);
    assert_int_equal(rd_model_prepare_training(model, false), RD_OK);
    assert_int_equal(
        rd_optimizer_new(&optimizer, model->parameters.total, model->parameters.values, false),
        RD_OK);
    rd_arena arena = {0};
    int reproduced = 0;
    double nll = 0.0;
    for (int64_t update = 1; update <= max_updates && reproduced < PAIRS; update++) {
        nll = train_one_update(model, &optimizer, &batch, &arena, update, passes);
        if (update % 10 == 0) reproduced = count_reproduced(model, &batch);
    }
    if (reproduced < PAIRS)
        fail_msg("%d of %d pairs reproduced after %d updates, nll %f", reproduced, (int)PAIRS,
                 (int)max_updates, nll);
    rd_arena_free(&arena);
    rd_optimizer_free(&optimizer);
    rd_model_free(model);
    rd_batch_free(&batch);
}

static rd_model_config small_transformer(void) {
    return (rd_model_config){.d_model = D_MODEL,
                             .encoder = {.layers = 2, .heads = 4, .ffn_dim = 2 * D_MODEL},
                             .decoder = {.layers = 2, .heads = 4, .ffn_dim = 2 * D_MODEL},
                             .max_source_positions = 2 * MAX_LENGTH,
                             .max_target_positions = 2 * MAX_LENGTH,
                             .pad_id = PAD,
                             .eos_id = EOS,
                             .unk_id = UNK};
}

static void test_one_pass(void **state) {
    (void)state;
    rd_model_config config = small_transformer();
    config.share_decoder_input_output_embed = true;
    learn_by_heart(config, 1, 100);
}

static void test_pre_norm(void **state) {
    (void)state;
    rd_model_config config = small_transformer();
    config.encoder.normalize_before = config.decoder.normalize_before = true;
    config.encoder.learned_pos = config.decoder.learned_pos = true;
    config.activation = RD_GELU;
    learn_by_heart(config, 1, 100);
}

static void test_rdrop(void **state) {
    (void)state;
    rd_model_config config = small_transformer();
    config.share_all_embeddings = config.share_decoder_input_output_embed = true;
    config.dropout = 0.1f, config.attention_dropout = config.activation_dropout = 0.1f;
    learn_by_heart(config, 2, 120);
}

static int set_up(void **state) {
    (void)state;
    rd_set_threads(1); /* far too small for more */
    return 0;
}

static int free_words(void **state) {
    (void)state;
    while (n_words) free(words[--n_words]);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_pass),
        cmocka_unit_test(test_pre_norm),
        cmocka_unit_test(test_rdrop),
    };
    return cmocka_run_group_tests(tests, set_up, free_words);
}
