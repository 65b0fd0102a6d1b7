/* Binarized data as text, one sentence a line, pieces apart: so that other toolkits train on the
 * same pairs in the same pieces. */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "data/dataset.h"
#include "data/vocab_files.h"
#include "support.h"

static const char *const sides[] = {"source", "target", NULL};

typedef struct {
    options_list operands;
    enum { SOURCE, TARGET } side;
} arguments;

/* clang-format off: a row an option */
static const rd_key keys[] = {{"side", RD_KEY_ENUM, offsetof(arguments, side), .names = sides,
                               .default_value = "source", .help = "of the pairs"},
                              {.name = NULL}};
/* clang-format on */

static const options_program program = {
    .name = "bench-pieces",
    .summary = "binarized data as pieces",
    .synopsis = (const char *const[]){"DIR/NAME.bin [--side target]", NULL},
    .description = "Prints one side of binarized data as pieces of the vocabulary in DIR, a "
                   "sentence a line, without end of sentence.",
    .operand = "DIR/NAME.bin",
    .operand_help = "the data",
    .least_operands = 1,
    .most_operands = 1,
    .operands = offsetof(arguments, operands),
    .groups = (const options_group[]){{.heading = "Options", .keys = keys}, {.heading = NULL}}};

/* A line of the n ids; where the vocabulary has no piece, "<unk>". */
static void print_pieces(const rd_tokenizer *tokenizer, const int32_t *ids, int32_t n) {
    for (int32_t i = 0; i < n; i++) {
        const char *piece = rd_tokenizer_piece(tokenizer, ids[i]);
        if (i > 0) putchar(' ');
        fputs(piece ? piece : "<unk>", stdout);
    }
    putchar('\n');
}

static void print_dataset(const rd_dataset *dataset, const rd_tokenizer *tokenizer, int side) {
    for (int64_t i = 0; i < rd_dataset_size(dataset); i++) {
        rd_pair pair = rd_dataset_get(dataset, i);
        if (side == SOURCE)
            print_pieces(tokenizer, pair.src, pair.n_src - 1);
        else
            print_pieces(tokenizer, pair.tgt, pair.n_tgt - 1);
    }
}

static void bench(void *self) {
    const arguments *a = self;
    char *directory = rd_path_parent(a->operands.items[0]);
    rd_tokenizer *source, *target;
    rd_dataset *dataset;
    if (!directory || rd_dataset_open(&dataset, a->operands.items[0]) != RD_OK ||
        rd_vocabularies_open(directory, RD_VOCABULARY_ANY, &source, &target) != RD_OK)
        bench_fail();
    print_dataset(dataset, a->side == SOURCE ? source : target, a->side);
    rd_vocabularies_close(source, target);
    rd_dataset_close(dataset);
    free(directory);
    if (fflush(stdout) == 0 && !ferror(stdout)) return;
    rd_error(RD_ERR_IO, "cannot write");
    bench_fail();
}

int main(int argc, char **argv) {
    arguments a = {0};
    return bench_main(&program, &a, bench, argc, argv);
}
