#include "translate/output.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "translate/words.h"

/* Appends the text of known tokens. Decoding drops the space in front of a whole text. */
static rd_status append_known(const rd_output *o, const int32_t *ids, int64_t n, rd_text *text) {
    char *decoded;
    RD_TRY(rd_tokenizer_decode(o->target, ids, n, &decoded, NULL));
    rd_status status = RD_OK;
    if (text->length && rd_piece_has_space(o->target, ids[0]) && decoded[0] != ' ')
        status = rd_text_append(text, " ", 1);
    if (status == RD_OK) status = rd_text_append(text, decoded, strlen(decoded));
    free(decoded);
    return status;
}

/* Decodes with the source word that each unknown piece is aligned to in its place; unknown pieces
 * in a row that are aligned to the same word give it once. source_words: [o->tokens.length] */
static rd_status decode_replacing(const rd_output *o, const rd_hypothesis *h,
                                  const int32_t *source_words, char **result) {
    int32_t unk = rd_tokenizer_unk(o->target);
    rd_text text = {0};
    rd_status status = rd_text_append(&text, "", 0);
    for (int32_t i = 0, end; status == RD_OK && i < h->length; i = end) {
        for (end = i; end < h->length && h->tokens[end] != unk; end++) {
        }
        if (end > i) {
            status = append_known(o, h->tokens + i, end - i, &text);
            continue;
        }
        end = i + 1;
        int32_t word = h->aligned[i] < 0 ? -1 : source_words[h->aligned[i]];
        bool again = i > 0 && h->tokens[i - 1] == unk && h->aligned[i - 1] >= 0 &&
                     source_words[h->aligned[i - 1]] == word;
        if (word < 0 || again) continue;
        rd_word copied = rd_word_at(o->text, o->text_length, word);
        status = rd_text_append(&text, copied.bytes, copied.n);
    }
    if (status == RD_OK) *result = text.data;
    if (status != RD_OK) rd_text_free(&text);
    return status;
}

int rd_aligned_words_compare(const void *a, const void *b) {
    const rd_aligned_words *x = a, *y = b;
    if (x->source != y->source) return x->source < y->source ? -1 : 1;
    return x->target < y->target ? -1 : x->target > y->target;
}

/* The pairs of words that tokens align, each once. source_words: [o->tokens.length] */
static rd_status align_words(const rd_output *o, const rd_hypothesis *h,
                             const int32_t *source_words, rd_translation *item) {
    char *unk = NULL;
    int32_t unk_id = rd_tokenizer_unk(o->target), n = 0;
    if (unk_id >= 0) RD_TRY(rd_tokenizer_decode(o->target, &unk_id, 1, &unk, NULL));
    int32_t *words = rd_malloc((size_t)h->length, sizeof *words);
    rd_aligned_words *pairs = rd_malloc((size_t)h->length, sizeof *pairs);
    if (words && pairs) {
        int32_t n_words = rd_words_of_tokens(o->target, h->tokens, h->length,
                                             o->replace_unk || !unk ? "?" : unk, words);
        for (int32_t i = 0; i < h->length && n_words > 0; i++)
            if (h->aligned[i] >= 0)
                pairs[n++] = (rd_aligned_words){source_words[h->aligned[i]], words[i]};
        if (n) qsort(pairs, (size_t)n, sizeof *pairs, rd_aligned_words_compare);
        item->alignment = pairs;
        for (int32_t i = 0; i < n; i++)
            if (i == 0 || rd_aligned_words_compare(&pairs[i - 1], &pairs[i]) != 0)
                pairs[item->n_alignment++] = pairs[i];
    }
    free(unk);
    free(words);
    if (item->alignment) return RD_OK;
    free(pairs);
    return RD_ERR_MEMORY;
}

rd_status rd_output_translation(const rd_output *o, const rd_hypothesis *h, rd_translation *item) {
    item->score = h->score;
    item->log_prob = h->log_prob;
    item->n_tokens = h->length;
    if (!o->align && !o->replace_unk)
        return rd_tokenizer_decode(o->target, h->tokens, h->length, &item->text, NULL);
    int32_t *source_words = rd_malloc((size_t)o->tokens.length, sizeof *source_words);
    if (!source_words) return RD_ERR_MEMORY;
    rd_words_of_tokens(o->source, o->tokens.tokens, o->tokens.length, "?", source_words);
    rd_status status =
        o->replace_unk ? decode_replacing(o, h, source_words, &item->text)
                       : rd_tokenizer_decode(o->target, h->tokens, h->length, &item->text, NULL);
    if (status == RD_OK && o->align) status = align_words(o, h, source_words, item);
    free(source_words);
    return status;
}
