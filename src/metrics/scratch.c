/* The working memory of one thread, and words as ids. */
#include <stdlib.h>
#include <string.h>

#include <libstemmer.h>

#include "base/memory.h"
#include "metrics/metric.h"

rd_metric_scratch *rd_metric_scratch_new(void) {
    return rd_calloc(1, sizeof(rd_metric_scratch));
}

void rd_metric_scratch_free(rd_metric_scratch *scratch) {
    if (!scratch) return;
    rd_casemap_free(scratch->casemap);
    if (scratch->stemmer) sb_stemmer_delete(scratch->stemmer);
    rd_text *texts[] = {&scratch->lower, &scratch->a, &scratch->b, &scratch->joined,
                        &scratch->pool};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) rd_text_free(texts[i]);
    rd_word_table_free(&scratch->words);
    rd_ngram_counts_free(&scratch->counts);
    rd_ids *lists[] = {&scratch->hypothesis,      &scratch->reference,      &scratch->offsets,
                       &scratch->hypothesis_ends, &scratch->reference_ends, &scratch->characters[0],
                       &scratch->characters[1]};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) free(lists[i]->data);
    free(scratch->table);
    free(scratch);
}

rd_status rd_lower_if(bool wanted, rd_metric_scratch *scratch, rd_line *line, rd_text *text) {
    if (!wanted) return RD_OK;
    RD_TRY(rd_line_lower(*line, &scratch->casemap, text));
    *line = rd_text_line(text);
    return RD_OK;
}

rd_status rd_scratch_table(rd_metric_scratch *scratch, int64_t bytes) {
    enum { MOST_BYTES = 1 << 30 };
    if (bytes > MOST_BYTES)
        return rd_error(RD_ERR_UNSUPPORTED,
                        "a line has too many words to be aligned with its reference: that takes "
                        "%.1f GiB, at most 1 GiB is allowed",
                        (double)bytes / 0x1p30);
    return rd_reserve(&scratch->table, &scratch->table_capacity, bytes, 1);
}

/* Appends the words of the line to `ids`. add: those of a reference, which the table learns. */
static rd_status push_words(rd_metric_scratch *scratch, rd_line line, bool add, rd_ids *ids) {
    const char *cursor = line.data, *end = line.data + line.length;
    RD_TRY(rd_reserve(&ids->data, &ids->capacity, ids->length + (int64_t)line.length / 2 + 1,
                      sizeof *ids->data));
    for (rd_line word; rd_next_word(&cursor, end, &word);)
        ids->data[ids->length++] =
            add ? rd_word_add(&scratch->words, word) : rd_word_find(&scratch->words, word);
    return RD_OK;
}

rd_status rd_prepare_words(const rd_metric_config *config, rd_metric_scratch *scratch,
                           rd_line hypothesis, int n_refs, const rd_line *refs) {
    rd_text_clear(&scratch->pool);
    scratch->offsets.length = scratch->reference.length = scratch->hypothesis.length = 0;
    rd_line line;
    /* All texts first: the pool may move while it grows. */
    for (int r = 0; r < n_refs; r++) {
        RD_TRY(config->metric->prepare(config, scratch, refs[r], true, &line));
        RD_TRY(rd_text_append(&scratch->pool, line.data, line.length));
        if (scratch->pool.length > INT32_MAX / RD_METRIC_MAX_ORDER)
            return rd_error(RD_ERR_UNSUPPORTED, "the references of one line have over %d bytes",
                            INT32_MAX / RD_METRIC_MAX_ORDER);
        RD_TRY(rd_ids_push(&scratch->offsets, (int32_t)scratch->pool.length));
    }
    RD_TRY(rd_word_table_clear(&scratch->words, scratch->pool.length / 2 + n_refs));
    const char *start = scratch->pool.data;
    for (int r = 0; r < n_refs; r++) {
        const char *end = scratch->pool.data + scratch->offsets.data[r];
        RD_TRY(push_words(scratch, (rd_line){start, (size_t)(end - start)}, true,
                          &scratch->reference));
        scratch->offsets.data[r] = (int32_t)scratch->reference.length;
        start = end;
    }
    RD_TRY(rd_ids_push(&scratch->offsets, 0));
    memmove(scratch->offsets.data + 1, scratch->offsets.data,
            (size_t)n_refs * sizeof *scratch->offsets.data);
    scratch->offsets.data[0] = 0;
    RD_TRY(config->metric->prepare(config, scratch, hypothesis, false, &line));
    return push_words(scratch, line, false, &scratch->hypothesis);
}
