/* Binarized data as text, one sentence a line, pieces apart: so that other toolkits train on the
 * same pairs in the same pieces. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "data/dataset.h"
#include "data/vocab_files.h"
#include "support.h"

static const char help[] = "Usage: bench-pieces DIR/NAME.bin source|target\n"
                           "Prints one side of binarized data as pieces of the vocabulary in DIR,\n"
                           "without end of sentence.\n";

/* A line of the n ids; where the vocabulary has no piece, "<unk>". */
static void print_pieces(const rd_tokenizer *tokenizer, const int32_t *ids, int32_t n) {
    for (int32_t i = 0; i < n; i++) {
        const char *piece = rd_tokenizer_piece(tokenizer, ids[i]);
        if (i > 0) putchar(' ');
        fputs(piece ? piece : "<unk>", stdout);
    }
    putchar('\n');
}

int main(int argc, char **argv) {
    if (argc == 2 && !strcmp(argv[1], "--help")) {
        fputs(help, stdout);
        return 0;
    }
    if (argc != 3 || (strcmp(argv[2], "source") != 0 && strcmp(argv[2], "target") != 0))
        bench_usage("expected DIR/NAME.bin and source or target");
    char *directory = rd_strdup(argv[1]), *slash = directory ? strrchr(directory, '/') : NULL;
    rd_tokenizer *source, *target;
    rd_dataset *dataset;
    if (!directory) bench_fail();
    if (slash) *slash = '\0';
    if (rd_dataset_open(&dataset, argv[1]) != RD_OK ||
        rd_vocabularies_open(slash ? directory : ".", RD_VOCABULARY_ANY, &source, &target) != RD_OK)
        bench_fail();
    for (int64_t i = 0; i < rd_dataset_size(dataset); i++) {
        rd_pair pair = rd_dataset_get(dataset, i);
        if (argv[2][0] == 's')
            print_pieces(source, pair.src, pair.n_src - 1);
        else
            print_pieces(target, pair.tgt, pair.n_tgt - 1);
    }
    rd_vocabularies_close(source, target);
    rd_dataset_close(dataset);
    free(directory);
    if (fflush(stdout) == 0 && !ferror(stdout)) return 0;
    fprintf(stderr, "bench-pieces: cannot write\n");
    return 1;
}
