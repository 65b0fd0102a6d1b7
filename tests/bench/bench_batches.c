/* A training's start and batches, so that another toolkit makes the same training: same weights,
 * same pairs, in the same order. */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "io/output.h"
#include "recipe/model_dir.h"
#include "recipe/recipe_keys.h"
#include "support.h"
#include "train/run.h"

typedef struct {
    const char *data, *dest;
    int64_t updates;
    options_list settings, recipes;
} arguments;

/* clang-format off: a row an option */
static const rd_key keys[] = {{"data", RD_KEY_WORD, offsetof(arguments, data), .value = "DIR",
                               .help = "binarized data and vocabularies, from rdrop-preprocess"},
                              {"dest", RD_KEY_WORD, offsetof(arguments, dest), .value = "DEST",
                               .help = "made where it is not there"},
                              {"updates", RD_KEY_INT64, offsetof(arguments, updates), 0, 1e9, "0",
                               .help = "whose batches are written; 0: the recipe's max-update"},
                              {"set", RD_KEY_LIST, offsetof(arguments, settings),
                               .value = "KEY=VALUE",
                               .help = "override a key of the recipe; may be repeated"},
                              {.name = NULL}};
/* clang-format on */

static const options_program program = {
    .name = "bench-batches",
    .summary = "a training's start and batches for other toolkits",
    .synopsis = (const char *const[]){"RECIPE --data DIR --dest DEST [OPTION]...", NULL},
    .description = "Writes what another toolkit needs to make a recipe's training: "
                   "DEST/recipe.yaml (every key), DEST/model (the weights before the first "
                   "update), and DEST/batches.jsonl: a line an update, a list of its batches. A "
                   "batch is an object of what its task has: lists of ids \"source\" and "
                   "\"target\", each ending with eos; \"segments\" of all source tokens; "
                   "\"starts\", read before each target; \"labels\"; \"values\"; and the number "
                   "of \"pictures\", which DEST/pictures.f32 has one after the other, as "
                   "[channels, height, width].",
    .operand = "RECIPE",
    .operand_help = "the recipe",
    .least_operands = 1,
    .most_operands = 1,
    .operands = offsetof(arguments, recipes),
    .find_setting = rd_recipe_find_key,
    .groups = (const options_group[]){{.heading = "Options", .keys = keys}, {.heading = NULL}},
    .relations = (const options_relation[]){{"data", OPTIONS_IS_REQUIRED, "DIR"},
                                            {"dest", OPTIONS_IS_REQUIRED, "DEST"},
                                            {.name = NULL}}};

typedef struct {
    FILE *batches, *pictures;
} outputs;

static char *path_in(const char *directory, const char *name) {
    char *path = rd_path_join(directory, name);
    if (!path) bench_fail();
    return path;
}

_Noreturn static void cannot_write(const char *path) {
    rd_error(RD_ERR_IO, "%s: cannot write: %s", path, strerror(errno));
    bench_fail();
}

static FILE *create(const char *path) {
    FILE *file = fopen(path, "w");
    if (!file) cannot_write(path);
    return file;
}

static void close_written(FILE *file, const char *path) {
    bool whole = !ferror(file);
    if (fclose(file) != 0 || !whole) cannot_write(path);
}

static void write_ids(const int32_t *ids, int64_t n, FILE *out) {
    fputc('[', out);
    for (int64_t i = 0; i < n; i++) fprintf(out, i ? ",%d" : "%d", ids[i]);
    fputc(']', out);
}

/* A key of a batch's object, before its value. */
static void write_key(const char *key, char *before, FILE *out) {
    fprintf(out, "%c\"%s\":", *before, key);
    *before = ',';
}

/* A list a sequence. */
static void write_sequences(const char *key, const rd_tokens *tokens, char *before, FILE *out) {
    if (tokens->n == 0) return;
    write_key(key, before, out);
    for (int64_t i = 0; i < tokens->n; i++) {
        int32_t first = tokens->offsets[i];
        fputc(i ? ',' : '[', out);
        write_ids(tokens->ids + first, tokens->offsets[i + 1] - first, out);
    }
    fputc(']', out);
}

static void write_list(const char *key, const rd_ids *ids, char *before, FILE *out) {
    if (ids->length == 0) return;
    write_key(key, before, out);
    write_ids(ids->data, ids->length, out);
}

static void write_values(const rd_floats *values, char *before, FILE *out) {
    if (values->length == 0) return;
    write_key("values", before, out);
    for (int64_t i = 0; i < values->length; i++)
        fprintf(out, "%c%.9g", i ? ',' : '[', (double)values->data[i]);
    fputc(']', out);
}

static void write_batch(const rd_batch *batch, outputs *to) {
    char before = '{';
    if (batch->shares.length > 0) {
        rd_error(RD_ERR_ARGUMENT, "pictures that are mixed (mixup, cutmix) are not written");
        bench_fail();
    }
    write_sequences("source", &batch->source, &before, to->batches);
    write_sequences("target", &batch->target, &before, to->batches);
    write_list("segments", &batch->segments, &before, to->batches);
    write_list("starts", &batch->starts, &before, to->batches);
    write_list("labels", &batch->labels, &before, to->batches);
    write_values(&batch->values, &before, to->batches);
    if (batch->pictures.length > 0) {
        write_key("pictures", &before, to->batches);
        fprintf(to->batches, "%lld", (long long)batch->n);
        fwrite(batch->pictures.data, sizeof(float), (size_t)batch->pictures.length, to->pictures);
    }
    fputc('}', to->batches);
}

/* One line: the batches of the next update. */
static void write_update(const rd_run *run, int64_t first, int64_t end, rd_batch *batch,
                         outputs *to) {
    for (int64_t i = first; i < end; i++) {
        if (run->train_batches.get(run->train_batches.self, i, batch) != RD_OK) bench_fail();
        fputc(i == first ? '[' : ',', to->batches);
        write_batch(batch, to);
    }
    fputs("]\n", to->batches);
}

static void write_updates(const rd_run *run, int64_t n, outputs *to) {
    int64_t freq = run->recipe->train.update_freq;
    rd_batch batch = {0};
    for (int64_t epoch = 1, done = 0; done < n; epoch++) {
        if (run->train_batches.set_epoch(run->train_batches.self, epoch) != RD_OK) bench_fail();
        int64_t size = rd_run_n_batches(run);
        for (int64_t first = 0; first < size && done < n; first += freq, done++)
            write_update(run, first, size - first > freq ? first + freq : size, &batch, to);
    }
    rd_batch_free(&batch);
}

static void write_all(rd_run *run, const arguments *a) {
    char *model = path_in(a->dest, "model"), *recipe = path_in(a->dest, "recipe.yaml");
    char *batches = path_in(a->dest, "batches.jsonl"), *pictures = path_in(a->dest, "pictures.f32");
    if (rd_make_directories(a->dest) != RD_OK ||
        rd_model_dir_save(model, run->recipe, a->data, rd_recipe_vocabulary_kind(run->recipe),
                          &run->model->parameters, RD_WEIGHTS_FP32) != RD_OK)
        bench_fail();
    rd_text text = {0};
    if (rd_recipe_write(run->recipe, NULL, &text) != RD_OK ||
        rd_write_file(recipe, text.data, (size_t)text.length) != RD_OK)
        bench_fail();
    rd_text_free(&text);
    outputs to = {create(batches), create(pictures)};
    write_updates(run, a->updates > 0 ? a->updates : run->recipe->train.max_update, &to);
    close_written(to.batches, batches);
    close_written(to.pictures, pictures);
    free(pictures);
    free(batches);
    free(recipe);
    free(model);
}

static void bench(void *self) {
    const arguments *a = self;
    rd_run run = {0};
    if (rd_recipe_load(&run.recipe, a->recipes.items[0], a->settings.items, a->settings.n) != RD_OK)
        bench_fail();
    run.data_dir = a->data;
    if (rd_run_open(&run, true) != RD_OK) bench_fail();
    write_all(&run, a);
    rd_run_close(&run);
    rd_recipe_free(run.recipe);
}

int main(int argc, char **argv) {
    arguments a = {0};
    return bench_main(&program, &a, bench, argc, argv);
}
