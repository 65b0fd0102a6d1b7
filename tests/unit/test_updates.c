/* What a training does, next to the same made by hand: updates, the moving average of weights, and
 * which of the weights are kept. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/rng.h"
#include "data/dataset.h"
#include "data/vocab_files.h"
#include "golden.h"
#include "io/output.h"
#include "ops/gemm.h"
#include "toy_directory.h"
#include "train/run.h"

enum { PIECES = 30, EOS = 2, UPDATES = 5, EACH = 2 /* batches */ };

static const char yaml[] =
    "share-all-embeddings: true\nencoder-embed-dim: 8\nencoder-layers: 1\ndecoder-layers: 1\n"
    "encoder-ffn-embed-dim: 16\ndecoder-ffn-embed-dim: 16\nencoder-attention-heads: 2\n"
    "decoder-attention-heads: 2\ndropout: 0.2\nlabel-smoothing: 0.1\nlr: 0.02\nwarmup-updates: 2\n"
    "max-sentences: 5\nlog-interval: 1\nvalidate-interval-updates: 1\nprecision: fp32\n"
    "threads: 1\n";

static char root[] = "/tmp/rdrop-updates-XXXXXX";
static char data[64], recipe_path[80];

static void write_pairs(const char *name, int n) {
    char path[96], fingerprint[RD_SHA256_HEX];
    rd_identity identity;
    rd_dataset_writer *writer;
    rd_rng rng = rd_rng_make(7, (uint64_t)n);
    snprintf(path, sizeof path, "%s/%s", data, name);
    must(rd_vocabularies_fingerprint(data, RD_VOCABULARY_JOINT, fingerprint));
    must(rd_identity_make(&identity, "translation", "", "", fingerprint));
    identity.src_vocab = identity.tgt_vocab = PIECES;
    must(rd_dataset_writer_open(&writer, path, &identity, 0));
    for (int i = 0; i < n; i++) {
        int32_t ids[8];
        int32_t length = 2 + i % 6;
        for (int32_t k = 0; k + 1 < length; k++)
            ids[k] = 4 + (int32_t)rd_rng_below(&rng, PIECES - 4);
        ids[length - 1] = EOS;
        const rd_pair pair = {.src = ids, .tgt = ids, .n_src = length, .n_tgt = length};
        must(rd_dataset_writer_add(writer, &pair));
    }
    must(rd_dataset_writer_finish(writer));
}

static int setup(void **state) {
    (void)state;
    assert_non_null(mkdtemp(root));
    snprintf(data, sizeof data, "%s/data", root);
    snprintf(recipe_path, sizeof recipe_path, "%s/config.yaml", data);
    toy_directory_make(data, yaml, PIECES, 0);
    write_pairs("train.bin", 60);
    write_pairs("valid.bin", 7);
    rd_text text = {0};
    must(rd_text_printf(&text, "%smax-update: %d\njoined-dictionary: true\nvocab-size: %d\n", yaml,
                        UPDATES, PIECES));
    must(rd_write_file(recipe_path, text.data, (size_t)text.length));
    rd_text_free(&text);
    return 0;
}

static int teardown(void **state) {
    char command[64];
    (void)state;
    snprintf(command, sizeof command, "rm -rf %s", root);
    return system(command); /* NOLINT(cert-env33-c) */
}

static char *in_root(const char *directory, const char *name) {
    static char path[160];
    snprintf(path, sizeof path, "%s/%s/%s", root, directory, name);
    return path;
}

/* Trains in root/name with more settings, NULL at the end. */
static rd_recipe *train(const char *name, const char *const *settings, rd_train_listener listener,
                        void *self) {
    rd_recipe *recipe;
    int n = 0;
    while (settings[n]) n++;
    must(rd_recipe_load(&recipe, recipe_path, settings, n));
    must(rd_train(NULL, recipe, data, in_root(name, ""), listener, self, NULL, NULL));
    return recipe;
}

/* ---- Updates ---- */

static void add_batch(rd_run *run, int64_t update, int64_t micro_batch, int64_t index,
                      rd_criterion_sums *sums) {
    const rd_criterion criterion = {.loss = rd_token_loss,
                                    .label_smoothing = 0.1f,
                                    .reg_alpha = update < 3 ? 0.5f * (float)(update + 1) : 2.0f};
    const rd_step step = {.arena = &run->arena,
                          .training = true,
                          .bf16 = run->bf16,
                          .seed = 3,
                          .update = update,
                          .micro_batch = micro_batch,
                          .n_passes = 3};
    rd_batch batch = {0};
    must(run->train_batches.get(run->train_batches.self, index, &batch));
    must(rd_network_loss(run->model, &step, &batch, &criterion, true, sums));
    rd_arena_reset(&run->arena);
    rd_batch_free(&batch);
}

static void update_by_hand(rd_run *run, int64_t update) {
    rd_parameters *p = &run->model->parameters;
    rd_criterion_sums sums = {0};
    for (int64_t i = 0; i < EACH; i++) add_batch(run, update, i, update * EACH + i, &sums);
    double scale = 1.0 / (double)sums.n_tokens;
    rd_optimizer_step(&run->optimizer, &run->recipe->optim, update + 1, scale,
                      rd_gradient_norm(p->grads, p->total, scale),
                      (rd_slice){0, run->optimizer.n, 0}, p->values, p->grads, 0.75);
    if (run->bf16) must(rd_parameters_refresh_bf16(p));
}

static void assert_block(const char *name, int block, const float *wanted, int64_t n) {
    float *got = malloc(sizeof *got * (size_t)n);
    must(rd_checkpoint_read_part(in_root(name, "checkpoint_last"), block, 0, n, got));
    for (int64_t i = 0; i < n; i++) assert_near((double)got[i], (double)wanted[i], 0, 0, name, i);
    free(got);
}

static void compare_updates(const char *name, const char *precision) {
    const char *const settings[] = {"seed=3",
                                    "update-freq=2",
                                    "n-passes=3",
                                    "reg-alpha=2",
                                    "reg-alpha-warmup-updates=4",
                                    "clip-norm=0.5",
                                    "ema-decay=0.75",
                                    "validate-interval-updates=5",
                                    precision,
                                    NULL};
    rd_recipe *recipe = train(name, settings, NULL, NULL);
    rd_run run = {.recipe = recipe, .data_dir = data};
    must(rd_run_open(&run, true));
    must(run.train_batches.set_epoch(run.train_batches.self, 1));
    assert_true(rd_run_n_batches(&run) > UPDATES * EACH);
    for (int64_t update = 0; update < UPDATES; update++) update_by_hand(&run, update);
    int64_t n = run.model->parameters.total;
    assert_block(name, 0, run.model->parameters.values, n);
    assert_block(name, 3, run.optimizer.ema, n);
    rd_run_close(&run);
    rd_recipe_free(recipe);
}

/* Each batch of each update has dropout of its own, the KL's weight rises to reg-alpha, and the
 * gradient is the mean over the tokens of all batches. */
static void an_update_is_made_of_its_batches(void **state) {
    (void)state;
    compare_updates("made", NULL);
}

/* Products read copies of the weights, which are made anew after each update. */
static void products_in_bf16_read_the_weights_of_the_update(void **state) {
    bool bf16;
    (void)state;
    if (rd_gemm_choose(RD_PRECISION_BF16, &bf16) != RD_OK) skip();
    compare_updates("bf16", "precision=bf16");
}

/* ---- What is kept ---- */

/* A file of weights has those. */
static void assert_weights(const rd_run *run, const char *directory, const char *name,
                           const float *wanted) {
    int64_t n = run->model->parameters.total;
    float *got = malloc(sizeof *got * (size_t)n);
    must(rd_parameters_load(&run->model->parameters, got, in_root(directory, name)));
    for (int64_t i = 0; i < n; i++) assert_near((double)got[i], (double)wanted[i], 0, 0, name, i);
    free(got);
}

/* With a moving average it is that which is validated and kept; training goes on with the weights.
 */
static void the_moving_average_is_kept(void **state) {
    static const char *const settings[] = {"ema-decay=0.75", "validate-interval-updates=5", NULL};
    (void)state;
    rd_recipe *recipe = train("moving", settings, NULL, NULL);
    rd_run run = {.recipe = recipe, .data_dir = data};
    must(rd_run_open(&run, true));
    int64_t n = run.model->parameters.total;
    float *average = run.optimizer.ema, *weights = run.model->parameters.values;
    must(rd_checkpoint_read_part(in_root("moving", "checkpoint_last"), 0, 0, n, weights));
    must(rd_checkpoint_read_part(in_root("moving", "checkpoint_last"), 3, 0, n, average));
    assert_memory_not_equal(average, weights, sizeof *weights * (size_t)n);
    assert_weights(&run, "moving", "model/model.safetensors", average);
    assert_weights(&run, "moving", "checkpoint_best.safetensors", average);
    assert_weights(&run, "moving", "checkpoints/00000005.safetensors", average);
    rd_run_close(&run);
    rd_recipe_free(recipe);
}

/* The mean of the last checkpoints, not of any others. */
static void the_last_checkpoints_are_averaged(void **state) {
    static const char *const settings[] = {"average-last=2", "keep-last-n=4", NULL};
    int averaged = 0;
    (void)state;
    rd_recipe *recipe = train("averaged", settings, NULL, NULL);
    must(rd_train_average(recipe, data, in_root("averaged", ""), &averaged));
    assert_int_equal(averaged, 2);
    rd_run run = {.recipe = recipe, .data_dir = data};
    must(rd_run_open(&run, true));
    const rd_parameters *p = &run.model->parameters;
    float *last = malloc(sizeof *last * (size_t)p->total);
    must(rd_parameters_load(p, last, in_root("averaged", "checkpoints/00000005.safetensors")));
    must(rd_parameters_load(p, p->values, in_root("averaged", "checkpoints/00000004.safetensors")));
    for (int64_t i = 0; i < p->total; i++)
        p->values[i] = (float)(((double)p->values[i] + (double)last[i]) / 2);
    assert_weights(&run, "averaged", "model/model.safetensors", p->values);
    free(last);
    rd_run_close(&run);
    rd_recipe_free(recipe);
}

typedef struct {
    int validations;
    double least; /* loss */
    char reason[64];
} history;

static void follow(void *self, const rd_train_event *event) {
    history *h = self;
    if (event->kind == RD_TRAIN_FINISHED)
        snprintf(h->reason, sizeof h->reason, "%s", event->reason);
    if (event->kind != RD_TRAIN_VALID) return;
    assert_string_equal(event->results->items[0].kind->name, "loss");
    double loss = event->results->items[0].value;
    assert_int_equal(event->best, h->validations++ == 0 || loss < h->least);
    if (event->best) h->least = loss;
}

static void the_least_loss_is_the_best(void **state) {
    static const char *const settings[] = {"max-update=12", "lr=0.3", NULL};
    history h = {.validations = 0};
    (void)state;
    rd_recipe_free(train("best", settings, follow, &h));
    assert_int_equal(h.validations, 12);
}

/* Weights that stay as they are improve nothing: the first validation is the best. */
static void patience_ends_a_training(void **state) {
    static const char *const settings[] = {"max-update=9", "patience=3", "lr=0", NULL};
    history h = {.validations = 0};
    rd_checkpoint_info info;
    (void)state;
    rd_recipe_free(train("patient", settings, follow, &h));
    assert_int_equal(h.validations, 4);
    assert_string_equal(h.reason, "patience exhausted");
    must(rd_checkpoint_read_info(in_root("patient", "checkpoint_last"), &info));
    assert_int_equal(info.state.best_update, 1);
    assert_int_equal(info.state.update, 4);
    rd_checkpoint_info_free(&info);
}

/* ---- What changes while a training runs, or stops ---- */

typedef struct {
    volatile sig_atomic_t stop;
    int64_t stop_at;
    int n_changes; /* of validation data */
    bool first_best;
    int validations;
} course;

static void follow_course(void *self, const rd_train_event *event) {
    course *c = self;
    if (event->kind == RD_TRAIN_UPDATE && event->update == c->stop_at) c->stop = 1;
    if (event->kind == RD_TRAIN_CHANGED) c->n_changes += strstr(event->reason, "valid.bin") != NULL;
    if (event->kind == RD_TRAIN_VALID && c->validations++ == 0) c->first_best = event->best;
}

static rd_status go_on(const char *name, const char *max_update, const char *setting, course *c) {
    const char *settings[] = {max_update, "lr=0.02", setting};
    rd_recipe *recipe;
    must(rd_recipe_load(&recipe, recipe_path, settings, 3));
    rd_status status =
        rd_train(NULL, recipe, data, in_root(name, ""), follow_course, c, &c->stop, NULL);
    rd_recipe_free(recipe);
    return status;
}

/* A stop before a validation, then another validation set: it is new once, not twice. */
static void a_result_belongs_to_its_validation_data(void **state) {
    course stopped = {.stop_at = 3}, changed = {0}, longer = {0};
    rd_checkpoint_info info;
    (void)state;
    assert_int_equal(go_on("other_valid", "max-update=3", "seed=1", &stopped), RD_ERR_INTERRUPTED);
    write_pairs("valid.bin", 9);
    must(go_on("other_valid", "max-update=3", "seed=1", &changed));
    must(go_on("other_valid", "max-update=4", "seed=1", &longer));
    assert_int_equal(changed.n_changes, 1);
    assert_int_equal(longer.n_changes, 0);
    must(rd_checkpoint_read_info(in_root("other_valid", "checkpoint_last"), &info));
    assert_int_equal(info.state.update, 4);
    rd_checkpoint_info_free(&info);
    write_pairs("valid.bin", 7);
}

/* More label smoothing makes a larger loss, which says nothing about the smaller ones so far. */
static void a_result_belongs_to_its_loss(void **state) {
    course before = {0}, worse = {0}, other = {0};
    (void)state;
    must(go_on("smoothed", "max-update=3", "seed=1", &before));
    must(go_on("smoothed", "max-update=4", "lr=3", &worse));
    assert_false(worse.first_best);
    must(go_on("smoothed", "max-update=5", "label-smoothing=0.9", &other));
    assert_true(other.first_best);
}

static void replace_vocabulary(void *self, const rd_train_event *event) {
    const char *path = self;
    if (event->kind != RD_TRAIN_VALID || event->update != 1) return;
    FILE *file = fopen(path, "ab");
    assert_non_null(file);
    fputs("\n", file);
    fclose(file);
}

/* Weights are never put next to a vocabulary that they are not of. */
static void a_vocabulary_must_stay(void **state) {
    static const char *const settings[] = {"max-update=12", "lr=0.02"};
    char path[96], *before, *kept;
    size_t n, n_kept;
    rd_recipe *recipe;
    (void)state;
    snprintf(path, sizeof path, "%s/spm.model", data);
    must(rd_read_file(path, 1 << 24, &before, &n));
    must(rd_recipe_load(&recipe, recipe_path, settings, 2));
    assert_int_equal(
        rd_train(NULL, recipe, data, in_root("replaced", ""), replace_vocabulary, path, NULL, NULL),
        RD_ERR_FORMAT);
    assert_non_null(
        strstr(rd_last_error(), "the vocabulary was replaced since the model was opened"));
    rd_recipe_free(recipe);
    must(rd_write_file(path, before, n));
    must(rd_read_file(in_root("replaced", "model/spm.model"), 1 << 24, &kept, &n_kept));
    assert_int_equal(n_kept, n);
    assert_memory_equal(kept, before, n);
    free(before);
    free(kept);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_update_is_made_of_its_batches),
        cmocka_unit_test(products_in_bf16_read_the_weights_of_the_update),
        cmocka_unit_test(the_moving_average_is_kept),
        cmocka_unit_test(the_last_checkpoints_are_averaged),
        cmocka_unit_test(the_least_loss_is_the_best),
        cmocka_unit_test(patience_ends_a_training),
        cmocka_unit_test(a_result_belongs_to_its_validation_data),
        cmocka_unit_test(a_result_belongs_to_its_loss),
        cmocka_unit_test(a_vocabulary_must_stay),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
