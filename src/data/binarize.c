#include "data/binarize.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "base/text.h"
#include "data/corpus.h"

enum { CHUNK = 8192 }; /* pairs tokenized together */

/* One side of a chunk. */
typedef struct {
    rd_text text;   /* all lines, end to end */
    int64_t *begin; /* [CHUNK + 1] */
    rd_ids ids[CHUNK];
} side;

typedef struct {
    side src, tgt;
    int64_t n;
} chunk;

static rd_status chunk_read(chunk *c, rd_corpus *src, rd_corpus *tgt) {
    c->n = 0;
    rd_text_clear(&c->src.text);
    rd_text_clear(&c->tgt.text);
    while (c->n < CHUNK) {
        const char *a, *b;
        size_t length_a, length_b;
        RD_TRY(rd_corpus_next_pair(src, tgt, &a, &length_a, &b, &length_b));
        if (!a) break;
        c->src.begin[c->n] = c->src.text.length;
        c->tgt.begin[c->n] = c->tgt.text.length;
        RD_TRY(rd_text_append(&c->src.text, a, length_a));
        RD_TRY(rd_text_append(&c->tgt.text, b, length_b));
        c->n++;
    }
    c->src.begin[c->n] = c->src.text.length;
    c->tgt.begin[c->n] = c->tgt.text.length;
    return RD_OK;
}

static rd_status tokenize_line(side *s, int64_t i, const rd_tokenizer *tokenizer) {
    rd_ids *ids = &s->ids[i];
    ids->length = 0;
    RD_TRY(rd_tokenizer_encode(tokenizer, s->text.data + s->begin[i],
                               (size_t)(s->begin[i + 1] - s->begin[i]), ids));
    RD_TRY(rd_reserve(&ids->data, &ids->capacity, ids->length + 1, sizeof(int32_t)));
    ids->data[ids->length++] = rd_tokenizer_eos(tokenizer);
    return RD_OK;
}

static rd_status chunk_tokenize(chunk *c, const rd_tokenizer *source, const rd_tokenizer *target) {
    rd_status status = RD_OK;
    char message[1024] = "";
#pragma omp parallel for schedule(dynamic, 64)
    for (int64_t i = 0; i < c->n; i++) {
        rd_status mine = tokenize_line(&c->src, i, source);
        if (mine == RD_OK) mine = tokenize_line(&c->tgt, i, target);
        if (mine == RD_OK) continue;
#pragma omp critical
        { /* the message is thread-local: carry it over */
            status = mine;
            snprintf(message, sizeof message, "%s", rd_last_error());
        }
    }
    return status == RD_OK ? RD_OK : rd_error(status, "%s", message);
}

/* NULL to keep the pair, else the counter of why not. */
static int64_t *rejected(const rd_filter_config *f, rd_binarize_stats *stats, int64_t n_src,
                         int64_t n_tgt) {
    if (!f) return NULL;
    if (n_src < f->min_source || n_tgt < f->min_target) return &stats->too_short;
    if ((f->max_source > 0 && n_src > f->max_source) ||
        (f->max_target > 0 && n_tgt > f->max_target))
        return &stats->too_long;
    int64_t longer = n_src > n_tgt ? n_src : n_tgt, shorter = n_src > n_tgt ? n_tgt : n_src;
    if (f->max_ratio > 0.0f && (double)longer > (double)f->max_ratio * (double)shorter)
        return &stats->bad_ratio;
    return NULL;
}

static int64_t count_unknown(const rd_ids *ids, int32_t unk) {
    int64_t n = 0;
    for (int64_t i = 0; i < ids->length; i++) n += ids->data[i] == unk;
    return n;
}

static rd_status chunk_write(const chunk *c, const rd_tokenizer *source, const rd_tokenizer *target,
                             const rd_filter_config *filter, rd_dataset_writer *writer,
                             rd_binarize_stats *stats) {
    for (int64_t i = 0; i < c->n; i++) {
        const rd_ids *s = &c->src.ids[i], *t = &c->tgt.ids[i];
        stats->lines++;
        int64_t *why = rejected(filter, stats, s->length - 1, t->length - 1);
        if (why) {
            ++*why;
            continue;
        }
        rd_pair pair = {.src = s->data,
                        .tgt = t->data,
                        .n_src = (int32_t)s->length,
                        .n_tgt = (int32_t)t->length,
                        .src_text = c->src.text.data + c->src.begin[i],
                        .tgt_text = c->tgt.text.data + c->tgt.begin[i],
                        .src_text_length = (int32_t)(c->src.begin[i + 1] - c->src.begin[i]),
                        .tgt_text_length = (int32_t)(c->tgt.begin[i + 1] - c->tgt.begin[i])};
        RD_TRY(rd_dataset_writer_add(writer, &pair));
        stats->kept++;
        stats->src_tokens += s->length;
        stats->tgt_tokens += t->length;
        stats->src_unknown += count_unknown(s, rd_tokenizer_unk(source));
        stats->tgt_unknown += count_unknown(t, rd_tokenizer_unk(target));
        if (s->length > stats->longest_src) stats->longest_src = (int32_t)s->length;
        if (t->length > stats->longest_tgt) stats->longest_tgt = (int32_t)t->length;
    }
    return RD_OK;
}

static void chunk_free(chunk *c) {
    for (int s = 0; c && s < 2; s++) {
        side *one = s ? &c->tgt : &c->src;
        rd_text_free(&one->text);
        free(one->begin);
        for (int i = 0; i < CHUNK; i++) free(one->ids[i].data);
    }
    free(c);
}

static chunk *chunk_new(void) {
    chunk *c = rd_calloc(1, sizeof *c);
    if (!c) return NULL;
    c->src.begin = rd_malloc(CHUNK + 1, sizeof(int64_t));
    c->tgt.begin = rd_malloc(CHUNK + 1, sizeof(int64_t));
    if (c->src.begin && c->tgt.begin && rd_text_append(&c->src.text, "", 0) == RD_OK &&
        rd_text_append(&c->tgt.text, "", 0) == RD_OK)
        return c;
    chunk_free(c);
    return NULL;
}

rd_status rd_binarize(const char *src_path, const char *tgt_path, const rd_tokenizer *source,
                      const rd_tokenizer *target, const rd_filter_config *filter,
                      rd_dataset_writer *writer, rd_binarize_stats *stats,
                      rd_binarize_progress progress, void *self) {
    rd_corpus *src = NULL, *tgt = NULL;
    chunk *c = chunk_new();
    rd_status status = c ? rd_corpus_open(&src, src_path, RD_UTF8_STRICT) : RD_ERR_MEMORY;
    if (status == RD_OK) status = rd_corpus_open(&tgt, tgt_path, RD_UTF8_STRICT);
    while (status == RD_OK) {
        status = chunk_read(c, src, tgt);
        if (status != RD_OK || c->n == 0) break;
        status = chunk_tokenize(c, source, target);
        if (status == RD_OK) status = chunk_write(c, source, target, filter, writer, stats);
        if (progress) progress(self, stats->lines);
    }
    rd_corpus_close(src);
    rd_corpus_close(tgt);
    chunk_free(c);
    return status;
}
