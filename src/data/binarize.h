/* From text corpora to a binarized dataset: tokenized in parallel, filtered, counted. */
#ifndef RD_DATA_BINARIZE_H
#define RD_DATA_BINARIZE_H

#include "data/chunk.h"
#include "data/identity.h"
#include "dist/comm.h"
#include "rdrop/tokenizer.h"

/* Which pairs to keep. Lengths are in tokens, without bos and eos. */
typedef struct {
    int32_t min_src, max_src, min_tgt, max_tgt; /* a max of 0: no limit */
    float max_ratio;                            /* longer side over shorter; 0: no limit */
} rd_filter_config;

/* The outcome for a pair: kept, or the first of these reasons that applies. */
typedef enum {
    RD_FILTER_KEPT,
    RD_FILTER_SRC_SHORT,
    RD_FILTER_SRC_LONG,
    RD_FILTER_TGT_SHORT,
    RD_FILTER_TGT_LONG,
    RD_FILTER_RATIO,
    RD_FILTER_RESULTS
} rd_filter_result;

rd_filter_result rd_filter_pair(const rd_filter_config *config, int64_t n_src, int64_t n_tgt);

/* One side of the pairs kept; tokens and lengths without bos and eos. */
enum { RD_LENGTH_BINS = 1024 };
typedef struct {
    int64_t tokens, unknown; /* unknown: how many of the tokens are unk */
    int64_t longest;
    int64_t lengths[RD_LENGTH_BINS]; /* sentences of each length; the last bin: and longer */
} rd_side_statistics;

typedef struct {
    int64_t pairs[RD_FILTER_RESULTS]; /* by what became of them */
    int64_t truncated;                /* pairs kept with a source that was cut */
    bool complete;                    /* all corpora are read */
    rd_side_statistics src, tgt;
} rd_binarize_statistics;

int64_t rd_binarize_pairs_read(const rd_binarize_statistics *statistics);

/* Adds a sentence of `tokens` without bos and eos. */
void rd_side_add(rd_side_statistics *side, int64_t tokens, int64_t unknown);

/* The smallest length that at least `share` (0 to 1) of the sentences do not exceed; lengths of the
 * last bin count as `longest`. 0 for no sentences. */
int64_t rd_length_quantile(const rd_side_statistics *side, double share);

typedef struct {
    const char *const *src_paths, *const *tgt_paths; /* [n_paths] read one after another */
    int n_paths;
    const rd_tokenizer *src_tokenizer, *tgt_tokenizer;
    rd_identity identity;           /* of the dataset; its numbers are filled in */
    const rd_filter_config *filter; /* NULL keeps every pair */
    /* tokens without eos: longer sources, and targets, are cut before they are filtered; 0: none
     * are */
    int32_t longest_src, longest_tgt;
    bool prepend_bos;  /* both sides begin with bos, which no length counts */
    bool keep_text;    /* the dataset holds the lines as well as the ids */
    bool may_be_empty; /* false: no pair left is RD_ERR_FORMAT, and no dataset */
    rd_watch watch;
    /* Each worker reads all corpora and tokenizes a part; the first one writes, counts and shows
     * progress. NULL: a single worker. */
    rd_comm *comm;
} rd_binarize_config;

/* Writes the dataset `dest`, atomically, in the order of the input and byte for byte the same
 * whatever the number of threads (rd_set_threads). Memory does not grow with the corpora, except
 * 24 bytes a pair for the dataset's index. Invalid UTF-8, unequal line counts or a damaged gz:
 * RD_ERR_FORMAT naming file and line, and no dataset. */
rd_status rd_binarize(const rd_binarize_config *config, const char *dest,
                      rd_binarize_statistics *statistics);

#endif
