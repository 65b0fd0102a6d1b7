/* From tables of sentences and their classes or numbers to a binarized dataset. */
#ifndef RD_DATA_BINARIZE_TABLE_H
#define RD_DATA_BINARIZE_TABLE_H

#include "data/binarize.h"
#include "data/labels.h"
#include "data/sentences.h"

/* The columns of a rd_table_config, in this order; the last may be missing. */
enum { RD_COLUMN_ANSWER, RD_COLUMN_FIRST, RD_COLUMN_SECOND };

typedef struct {
    const char *const *paths; /* [n_paths] read one after another */
    int n_paths;
    rd_table_config table;
    rd_sentence_reader reader;
    const rd_labels *labels; /* NULL: the answers are numbers */
    rd_identity identity;    /* of the dataset; its numbers are filled in */
    rd_watch watch;
} rd_binarize_table_config;

typedef struct {
    int64_t examples, cut;       /* cut: to reader.longest */
    rd_side_statistics tokens;   /* of both sentences; without special pieces */
    int64_t *classes;            /* [labels->n] examples of each, or NULL; free() */
    double lowest, highest, sum; /* of numbers */
} rd_table_statistics;

/* Writes the dataset `dest`, atomically, in the order of the tables and byte for byte the same
 * whatever the number of threads. An unknown label, an answer that is no number, an empty sentence
 * or answer: RD_ERR_FORMAT naming file and line, and no dataset; nor is there one of no examples.
 */
rd_status rd_binarize_table(const rd_binarize_table_config *config, const char *dest,
                            rd_table_statistics *statistics);

/* Adds the classes of these tables to labels, which is empty, sorted. More than 1000 are
 * RD_ERR_FORMAT: such a column is hardly one of classes. */
rd_status rd_collect_labels(const char *const *paths, int n_paths, const rd_table_config *config,
                            rd_labels *labels);

#endif
