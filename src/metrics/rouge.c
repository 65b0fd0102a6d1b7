/* ROUGE (Lin 2004) as Google's rouge-score: n-grams of orders 1 and 2, the longest common
 * subsequence of the whole text (L), and the union of those of its sentences (Lsum), which are the
 * lines of a text. Statistics: [lines, then precision, recall, F for rouge1, rouge2, L, Lsum, then
 * lines whose references have text but no word]. */
#include <stdio.h>
#include <string.h>

#include <libstemmer.h>

#include "base/c_locale.h"
#include "base/memory.h"
#include "metrics/metric.h"
#include "metrics/porter.h"
#include "metrics/tokenize.h"

enum { N_STATS = 14, WORDLESS = 13 };

static rd_status check(const rd_metric_config *config) {
    if ((int)config->stem < 0 || config->stem > RD_STEM_PORTER)
        return rd_error(RD_ERR_ARGUMENT, "no such stemmer: %d", (int)config->stem);
    if (config->tokenizer && config->stem != RD_STEM_NONE)
        return rd_error(RD_ERR_ARGUMENT, "ROUGE's stemmers are for the words of its own tokenizer");
    return RD_OK;
}

static int n_stats(const rd_metric_config *config) {
    (void)config;
    return N_STATS;
}

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

/* The words of one line of a text, each followed by a blank, to the end of `out`. */
static rd_status append_words(const rd_metric_config *config, rd_metric_scratch *scratch,
                              rd_line line, rd_text *out) {
    RD_TRY(rd_text_reserve(out, line.length + 1)); /* a word and what ends it are never longer */
    for (const char *s = line.data, *end = s + line.length; s < end;) {
        char *word = out->data + out->length, letter;
        size_t n = 0;
        while (s < end && (letter = next_letter(&s, end)) != 0) word[n++] = letter;
        n = stem_word(config, scratch, word, n);
        if (n == 0) continue;
        out->length += (int64_t)n;
        out->data[out->length++] = ' ';
    }
    return RD_OK;
}

/* The same by another tokenizer. */
static rd_status append_tokens(const rd_metric_config *config, rd_metric_scratch *scratch,
                               rd_line line, rd_text *out) {
    RD_TRY(rd_line_lower(line, &scratch->casemap, &scratch->lower));
    RD_TRY(rd_tokenize(config->tokenizer, rd_line_rstrip(rd_text_line(&scratch->lower)),
                       &scratch->a, &scratch->b, &line));
    const char *cursor = line.data, *end = line.data + line.length;
    for (rd_line word; rd_next_word(&cursor, end, &word);) {
        RD_TRY(rd_text_append(out, word.data, word.length));
        RD_TRY(rd_text_append(out, " ", 1));
    }
    return RD_OK;
}

/* Words, and an end of line after those of each line that is not empty. */
static rd_status append_text(const rd_metric_config *config, rd_metric_scratch *scratch,
                             rd_line text, rd_text *out) {
    RD_TRY(make_stemmer(config, scratch));
    RD_TRY(rd_text_reserve(out, text.length + 1));
    for (const char *s = text.data, *end = s + text.length; s < end;) {
        const char *stop = memchr(s, '\n', (size_t)(end - s));
        if (!stop) stop = end;
        rd_line line = {s, (size_t)(stop - s)};
        if (line.length > 0) {
            RD_TRY(config->tokenizer ? append_tokens(config, scratch, line, out)
                                     : append_words(config, scratch, line, out));
            RD_TRY(rd_text_append(out, "\n", 1));
        }
        s = stop + 1;
    }
    return RD_OK;
}

static rd_status prepare(const rd_metric_config *config, rd_metric_scratch *scratch, rd_line text,
                         bool reference, rd_line *out) {
    (void)reference;
    rd_text_clear(&scratch->joined);
    RD_TRY(append_text(config, scratch, text, &scratch->joined));
    *out = rd_text_line(&scratch->joined);
    return RD_OK;
}

/* The words of a prepared text, and where its lines end. */
static rd_status push_words(rd_metric_scratch *scratch, rd_line text, rd_ids *ids, rd_ids *ends) {
    ids->length = ends->length = 0;
    RD_TRY(rd_reserve(&ids->data, &ids->capacity, (int64_t)text.length / 2 + 1, sizeof *ids->data));
    for (const char *s = text.data, *end = s + text.length, *stop; s < end; s = stop + 1) {
        for (stop = s; *stop != '\n'; s = ++stop) {
            while (*stop != ' ') stop++;
            ids->data[ids->length++] =
                rd_word_add(&scratch->words, (rd_line){s, (size_t)(stop - s)});
        }
        RD_TRY(rd_ids_push(ends, (int32_t)ids->length));
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
    const rd_ids *hyp = &scratch->hypothesis, *ref = &scratch->reference;
    double matches[2] = {0};
    RD_TRY(rd_ngram_counts_clear(&scratch->counts, ref->length, 2));
    RD_TRY(rd_ngram_counts_add(&scratch->counts, ref->data, ref->length, 2));
    RD_TRY(rd_ngram_counts_match(&scratch->counts, hyp->data, hyp->length, 2, matches, 1));
    set_score(matches[0], hyp->length, ref->length, scores);
    set_score(matches[1], hyp->length - 1, ref->length - 1, scores + 3);
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
    const rd_ids *hyp = &scratch->hypothesis, *ref = &scratch->reference;
    const rd_ids *hyp_ends = &scratch->hypothesis_ends, *ref_ends = &scratch->reference_ends;
    if (hyp->length == 0 || ref->length == 0) {
        memset(scores, 0, 6 * sizeof *scores);
        return RD_OK;
    }
    int64_t cells = (ref->length + 1) * (hyp->length + 1), n_words = scratch->words.n;
    RD_TRY(rd_scratch_table(scratch, (cells + ref->length + n_words) * (int64_t)sizeof(int32_t)));
    int32_t *table = scratch->table, *used = table + cells, *left = used + ref->length;
    fill_lcs(ref->data, ref->length, hyp->data, hyp->length, table);
    set_score(table[cells - 1], hyp->length, ref->length, scores);
    if (hyp_ends->length <= 1 && ref_ends->length <= 1) {
        memcpy(scores + 3, scores, 3 * sizeof *scores);
        return RD_OK;
    }
    memset(used, 0, (size_t)(ref->length + n_words) * sizeof *used);
    for (int64_t j = 0; j < hyp->length; j++) left[hyp->data[j]]++;
    int64_t hits = 0, r_start = 0;
    for (int64_t r = 0; r < ref_ends->length; r_start = ref_ends->data[r++]) {
        int64_t n_ref = ref_ends->data[r] - r_start, h_start = 0;
        for (int64_t h = 0; h < hyp_ends->length; h_start = hyp_ends->data[h++]) {
            int64_t n_hyp = hyp_ends->data[h] - h_start;
            fill_lcs(ref->data + r_start, n_ref, hyp->data + h_start, n_hyp, table);
            mark_lcs(ref->data + r_start, n_ref, hyp->data + h_start, n_hyp, table, used + r_start);
        }
        /* No word of the hypothesis may be counted twice. */
        for (int64_t i = r_start; i < ref_ends->data[r]; i++)
            if (used[i] && left[ref->data[i]]-- > 0) hits++;
    }
    set_score((double)hits, hyp->length, ref->length, scores + 3);
    return RD_OK;
}

/* Prepares `text` and adds it to the pool. */
static rd_status pool_text(const rd_metric_config *config, rd_metric_scratch *scratch,
                           rd_line text) {
    RD_TRY(append_text(config, scratch, text, &scratch->pool));
    if (scratch->pool.length > INT32_MAX / 2)
        return rd_error(RD_ERR_UNSUPPORTED, "one line and its references have over %d bytes",
                        INT32_MAX / 2);
    return rd_ids_push(&scratch->offsets, (int32_t)scratch->pool.length);
}

/* The i-th text of the pool. */
static rd_line pooled(const rd_metric_scratch *scratch, int i) {
    int32_t start = i ? scratch->offsets.data[i - 1] : 0;
    return (rd_line){scratch->pool.data + start, (size_t)(scratch->offsets.data[i] - start)};
}

static rd_status statistics(const rd_metric_config *config, rd_metric_scratch *scratch,
                            rd_line hypothesis, int n_refs, const rd_line *refs, double *stats) {
    rd_text_clear(&scratch->pool);
    scratch->offsets.length = 0;
    /* All texts first: the pool may move while it grows. */
    RD_TRY(pool_text(config, scratch, hypothesis));
    for (int r = 0; r < n_refs; r++) RD_TRY(pool_text(config, scratch, refs[r]));
    RD_TRY(rd_word_table_clear(&scratch->words, scratch->pool.length / 2 + 1));
    RD_TRY(
        push_words(scratch, pooled(scratch, 0), &scratch->hypothesis, &scratch->hypothesis_ends));
    bool text = false, words = false;
    stats[0] = 1;
    for (int r = 0; r < n_refs; r++) {
        double scores[12];
        RD_TRY(push_words(scratch, pooled(scratch, r + 1), &scratch->reference,
                          &scratch->reference_ends));
        text = text || rd_line_rstrip(refs[r]).length > 0;
        words = words || scratch->reference.length > 0;
        RD_TRY(score_ngrams(scratch, scores));
        RD_TRY(score_lcs(scratch, scores + 6));
        for (int k = 0; k < 12; k += 3)
            if (r == 0 || scores[k + 2] > stats[1 + k + 2])
                memcpy(stats + 1 + k, scores + k, 3 * sizeof *scores);
    }
    stats[WORDLESS] = text && !words;
    return RD_OK;
}

/* Means over lines. */
static double score(const rd_metric_config *config, int which, const double *stats,
                    rd_metric_parts *parts) {
    (void)config;
    const double *sums = stats + 1 + 3 * which;
    double each = stats[0] > 0 ? 100 / stats[0] : 0;
    if (parts) *parts = (rd_metric_parts){true, each * sums[0], each * sums[1]};
    return each * sums[2];
}

static void label(const rd_metric_config *config, int which, char name[32]) {
    static const char *const names[] = {"rouge1", "rouge2", "rougeL", "rougeLsum"};
    (void)config;
    strcpy(name, names[which]);
}

static void sign(const rd_metric_config *config, bool brief, char signature[128]) {
    static const char *const stems[] = {"no", "nltk", "porter"};
    (void)brief;
    int used = snprintf(signature, 128, "case:lc|stem:%s|", stems[config->stem]);
    if (config->tokenizer)
        used += snprintf(signature + used, 128 - (size_t)used, "tok:%s|",
                         rd_tokenizer_signature(config->tokenizer));
    snprintf(signature + used, 128 - (size_t)used, "agg:mean|");
}

static void explain(const rd_metric_config *config, int which, const double *stats,
                    char details[256]) {
    rd_metric_parts parts;
    score(config, which, stats, &parts);
    rd_snprintf(details, 256, "(P = %.1f R = %.1f)", parts.precision, parts.recall);
}

/* An occasional line of marks and dashes is not a reason to warn. */
static void warn(const rd_metric_config *config, const double *stats, char warning[256]) {
    if (10 * stats[WORDLESS] < stats[0] || stats[WORDLESS] == 0) return;
    rd_snprintf(warning, 256, "ROUGE finds no word in the references of %.0f of %.0f lines%s",
                stats[WORDLESS], stats[0],
                config->tokenizer ? ""
                                  : ": its words are of a-z and 0-9 alone; another tokenizer "
                                    "(char, zh, 13a, ...) counts other scripts");
}

const rd_metric rd_metric_rouge = {.n_scores = 4,
                                   .main_score = 2,
                                   .check = check,
                                   .n_stats = n_stats,
                                   .prepare = prepare,
                                   .statistics = statistics,
                                   .score = score,
                                   .label = label,
                                   .sign = sign,
                                   .explain = explain,
                                   .warn = warn};
