/* A scorer small enough to search by hand or by brute force. Its next-token distribution is a
 * function of the whole prefix and the sentence; it keeps the prefixes itself, by the parents it is
 * given, as a model's caches do. */
#ifndef RD_TEST_TOY_SCORER_H
#define RD_TEST_TOY_SCORER_H

#include "search_all.h"

enum { BOS, PAD, EOS, UNK, A, B, C, VOCAB };
enum { MAX_ROWS = 4096, MAX_STEPS = 32 };

typedef struct {
    void (*distribution)(int32_t sentence, const int32_t *prefix, int32_t n, float *log_probs);
    void (*attention)(const int32_t *prefix, int32_t n, int32_t n_src, float *out); /* or NULL */
    int32_t step, rows_seen, most_rows; /* steps made; their rows: in all, and of one at most */
    int32_t added, begun, most_numbers; /* sentences; the largest number of one, plus 1 */
    int32_t index[MAX_ROWS];            /* by its number: how many were added before it */
    int32_t sentences[MAX_ROWS];        /* indices, of the latest step's rows */
    int32_t lengths[2][MAX_ROWS];       /* of the prefixes */
    int32_t prefix[2][MAX_ROWS][MAX_STEPS];
} toy;

/* Begun anew; without attention. */
rd_scorer toy_scorer(toy *t);

/* A search of n sentences with sources of these lengths; requests may be NULL. Asserts the status.
 */
rd_search_result toy_search(const rd_search_options *config, toy *t, int32_t n,
                            const int32_t *lengths, const rd_search_request *requests,
                            rd_status expected);

/* Distributions. toy_random: normal logits, drawn anew for each prefix and sentence;
 * toy_random_alone: the same for a search of the one sentence toy_alone_index. */
void toy_normalise(float *log_probs);
void toy_random(int32_t sentence, const int32_t *prefix, int32_t n, float *out);
/* Attention drawn anew for each prefix. */
void toy_attention(const int32_t *prefix, int32_t n, int32_t n_src, float *out);

extern int32_t toy_alone_index;
void toy_random_alone(int32_t sentence, const int32_t *prefix, int32_t n, float *out);

typedef struct {
    int32_t tokens[MAX_STEPS], length;
    double log_prob; /* eos included */
} toy_path;

/* Every sequence of at most max_len tokens, pad and eos not among them, under toy_random: returns
 * their number, 1 + 5 + 25 + ... + 5^max_len. paths: as many. */
int32_t toy_enumerate(int32_t sentence, int32_t max_len, toy_path *paths);

/* Asserts that a search which cut nothing found the best of n paths by score, in order; those that
 * are not wanted have -INFINITY. Scores of the found ones become that. */
void toy_check_best(const rd_search_result *result, const toy_path *paths, double *scores,
                    int32_t n);

#endif
