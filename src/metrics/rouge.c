/* ROUGE (Lin 2004) as Google's rouge-score: n-grams of orders 1 and 2, the longest common
 * subsequence of the whole text (L), and the union of those of its sentences (Lsum), which are the
 * lines of a text. Statistics: [lines, then precision, recall, F for rouge1, rouge2, L, Lsum]. */
#include <stdlib.h>
#include <string.h>

#include <libstemmer.h>

#include "base/memory.h"
#include "metrics/porter.h"
#include "metrics/scratch.h"

static rd_status make_stemmer(const rd_metric_config *config, rd_metric_scratch *scratch) {
    if (config->stem != RD_STEM_PORTER || scratch->stemmer) return RD_OK;
    scratch->stemmer = sb_stemmer_new("porter", "UTF_8");
    return scratch->stemmer
               ? RD_OK
               : rd_error(RD_ERR_MEMORY, "out of memory for libstemmer's stemmer \"porter\"");
}

static size_t stem_word(const rd_metric_config *config, rd_metric_scratch *scratch, char *word,
                        size_t n) {
    if (config->stem == RD_STEM_NONE || n <= 3) return n;
    if (config->stem == RD_STEM_NLTK) return rd_porter_stem_nltk(word, n);
    const sb_symbol *stem = sb_stemmer_stem(scratch->stemmer, (const sb_symbol *)word, (int)n);
    if (!stem) return n;
    size_t length = (size_t)sb_stemmer_length(scratch->stemmer);
    memcpy(word, stem, length);
    return length;
}

/* The [a-z0-9] that str.lower() makes of the character at *s, or 0. Two characters outside ASCII
 * lowercase into it: I with dot, and the Kelvin sign. */
static char next_letter(const char **s, const char *end) {
    unsigned char c = (unsigned char)*(*s)++;
    if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) return (char)c;
    if (c >= 'A' && c <= 'Z') return (char)(c + 32);
    if (c == 0xC4 && *s < end && (unsigned char)**s == 0xB0) return 'i';
    if (c == 0xE2 && end - *s >= 2 && (*s)[0] == (char)0x84 && (*s)[1] == (char)0xAA) {
        *s += 2;
        return 'k';
    }
    return 0;
}

/* Writes what a word at *s comes to at `word` and steps behind it: its length, or 0 where there is
 * none, which is a step of one character. */
static size_t next_word(const rd_metric_config *config, rd_metric_scratch *scratch, const char **s,
                        const char *end, char *word) {
    char letter;
    size_t n = 0;
    while (*s < end && (letter = next_letter(s, end)) != 0) word[n++] = letter;
    return stem_word(config, scratch, word, n);
}

rd_status rd_rouge_words(const rd_metric_config *config, rd_metric_scratch *scratch, rd_line text,
                         rd_text *out) {
    RD_TRY(make_stemmer(config, scratch));
    rd_text_clear(out);
    RD_TRY(rd_text_reserve(out, text.length + 1)); /* a word and what ends it are never longer */
    for (const char *s = text.data, *end = s + text.length; s < end;) {
        size_t n = next_word(config, scratch, &s, end, out->data + out->length);
        if (n == 0) continue;
        out->length += (int64_t)n;
        out->data[out->length++] = ' ';
    }
    return RD_OK;
}

/* Words of `text` into `ids`, and for each of its lines that is not empty, where it ends. Words are
 * stored at the end of the pool, which has room. */
static rd_status push_text(const rd_metric_config *config, rd_metric_scratch *scratch, rd_line text,
                           rd_id_list *ids, rd_id_list *ends) {
    ids->n = ends->n = 0;
    const char *s = text.data, *end = s + text.length;
    while (s <= end) {
        const char *stop = memchr(s, '\n', (size_t)(end - s));
        if (!stop) stop = end;
        bool empty = s == stop;
        while (s < stop) {
            char *word = scratch->pool.data + scratch->pool.length;
            size_t n = next_word(config, scratch, &s, stop, word);
            if (n == 0) continue;
            scratch->pool.length += (int64_t)n;
            RD_TRY(rd_id_push(ids, rd_word_add(&scratch->words, (rd_line){word, n})));
        }
        if (!empty) RD_TRY(rd_id_push(ends, (int32_t)ids->n));
        s = stop + 1;
    }
    return RD_OK;
}

/* score: [3] precision, recall, F */
static void set_score(double hits, int64_t n_hyp, int64_t n_ref, double *score) {
    score[0] = n_hyp > 0 ? hits / (double)n_hyp : 0;
    score[1] = n_ref > 0 ? hits / (double)n_ref : 0;
    double sum = score[0] + score[1];
    score[2] = sum > 0 ? 2 * score[0] * score[1] / sum : 0;
}

static rd_status score_ngrams(rd_metric_scratch *scratch, double *scores) {
    const rd_id_list *hyp = &scratch->hypothesis, *ref = &scratch->reference;
    double matches[2] = {0};
    RD_TRY(rd_ngram_counts_clear(&scratch->counts, ref->n, 2));
    RD_TRY(rd_ngram_counts_add(&scratch->counts, ref->data, ref->n, 2));
    RD_TRY(rd_ngram_counts_match(&scratch->counts, hyp->data, hyp->n, 2, matches, 1));
    set_score(matches[0], hyp->n, ref->n, scores);
    set_score(matches[1], hyp->n - 1, ref->n - 1, scores + 3);
    return RD_OK;
}

/* table: [n_ref + 1, n_hyp + 1] lengths of common subsequences of prefixes. */
static void fill_lcs(const int32_t *ref, int64_t n_ref, const int32_t *hyp, int64_t n_hyp,
                     int32_t *table) {
    int64_t width = n_hyp + 1;
    memset(table, 0, (size_t)width * sizeof *table);
    for (int64_t i = 1; i <= n_ref; i++) {
        int32_t *row = table + i * width, *above = row - width;
        row[0] = 0;
        for (int64_t j = 1; j <= n_hyp; j++) {
            int32_t longest = above[j] > row[j - 1] ? above[j] : row[j - 1];
            row[j] = ref[i - 1] == hyp[j - 1] ? above[j - 1] + 1 : longest;
        }
    }
}

/* Marks in used [n_ref] the words of one longest common subsequence: rouge-score's choice. */
static void mark_lcs(const int32_t *ref, int64_t n_ref, const int32_t *hyp, int64_t n_hyp,
                     const int32_t *table, int32_t *used) {
    int64_t width = n_hyp + 1;
    for (int64_t i = n_ref, j = n_hyp; i > 0 && j > 0;) {
        if (ref[i - 1] == hyp[j - 1]) {
            used[--i] = 1;
            j--;
        } else if (table[i * width + j - 1] > table[(i - 1) * width + j]) {
            j--;
        } else {
            i--;
        }
    }
}

/* scores: [6] L and Lsum. With one sentence on both sides they are the same. */
static rd_status score_lcs(rd_metric_scratch *scratch, double *scores) {
    const rd_id_list *hyp = &scratch->hypothesis, *ref = &scratch->reference;
    const rd_id_list *hyp_ends = &scratch->hypothesis_ends, *ref_ends = &scratch->reference_ends;
    if (hyp->n == 0 || ref->n == 0) {
        memset(scores, 0, 6 * sizeof *scores);
        return RD_OK;
    }
    int64_t cells = (ref->n + 1) * (hyp->n + 1), n_words = scratch->words.n;
    RD_TRY(rd_scratch_table(scratch, (cells + ref->n + n_words) * (int64_t)sizeof(int32_t)));
    int32_t *table = scratch->table, *used = table + cells, *left = used + ref->n;
    fill_lcs(ref->data, ref->n, hyp->data, hyp->n, table);
    set_score(table[cells - 1], hyp->n, ref->n, scores);
    if (hyp_ends->n <= 1 && ref_ends->n <= 1) {
        memcpy(scores + 3, scores, 3 * sizeof *scores);
        return RD_OK;
    }
    memset(used, 0, (size_t)(ref->n + n_words) * sizeof *used);
    for (int64_t j = 0; j < hyp->n; j++) left[hyp->data[j]]++;
    int64_t hits = 0, r_start = 0;
    for (int64_t r = 0; r < ref_ends->n; r_start = ref_ends->data[r++]) {
        int64_t n_ref = ref_ends->data[r] - r_start, h_start = 0;
        for (int64_t h = 0; h < hyp_ends->n; h_start = hyp_ends->data[h++]) {
            int64_t n_hyp = hyp_ends->data[h] - h_start;
            fill_lcs(ref->data + r_start, n_ref, hyp->data + h_start, n_hyp, table);
            mark_lcs(ref->data + r_start, n_ref, hyp->data + h_start, n_hyp, table, used + r_start);
        }
        /* No word of the hypothesis may be counted twice. */
        for (int64_t i = r_start; i < ref_ends->data[r]; i++)
            if (used[i] && left[ref->data[i]]-- > 0) hits++;
    }
    set_score((double)hits, hyp->n, ref->n, scores + 3);
    return RD_OK;
}

rd_status rd_rouge_line(const rd_metric_config *config, rd_metric_scratch *scratch,
                        rd_line hypothesis, int n_refs, const rd_line *refs, double *stats) {
    RD_TRY(make_stemmer(config, scratch));
    size_t bytes = hypothesis.length;
    for (int r = 0; r < n_refs; r++) bytes += refs[r].length;
    rd_text_clear(&scratch->pool);
    RD_TRY(rd_text_reserve(&scratch->pool, bytes + 1));
    RD_TRY(rd_word_table_clear(&scratch->words, (int64_t)bytes + 1));
    RD_TRY(push_text(config, scratch, hypothesis, &scratch->hypothesis, &scratch->hypothesis_ends));
    stats[0] = 1;
    for (int r = 0; r < n_refs; r++) {
        double scores[12];
        RD_TRY(push_text(config, scratch, refs[r], &scratch->reference, &scratch->reference_ends));
        RD_TRY(score_ngrams(scratch, scores));
        RD_TRY(score_lcs(scratch, scores + 6));
        for (int k = 0; k < 12; k += 3)
            if (r == 0 || scores[k + 2] > stats[1 + k + 2])
                memcpy(stats + 1 + k, scores + k, 3 * sizeof *scores);
    }
    return RD_OK;
}

double rd_rouge_score(const double *stats, int which, double *precision, double *recall) {
    const double *sums = stats + 1 + 3 * which;
    double each = stats[0] > 0 ? 100 / stats[0] : 0;
    if (precision) *precision = each * sums[0];
    if (recall) *recall = each * sums[1];
    return each * sums[2];
}
