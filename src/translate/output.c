#include "translate/output.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "data/subword.h"
#include "data/tokenizer_kind.h"
#include "translate/words.h"

/* Appends the text of known tokens. Decoding drops the space before a whole text. */
static rd_status append_known(const rd_output_form *o, const int32_t *ids, int64_t n,
                              rd_text *text) {
    char *decoded;
    RD_TRY(rd_tokenizer_decode(o->target, ids, n, &decoded, NULL));
    rd_status status = RD_OK;
    if (text->length && rd_tokenizer_begins_word(o->target, ids[0]) && decoded[0] != ' ')
        status = rd_text_append(text, " ", 1);
    if (status == RD_OK) status = rd_text_append(text, decoded, strlen(decoded));
    free(decoded);
    return status;
}

/* The source word that unknown piece i is aligned to; unknown pieces in a row that are aligned to
 * the same word give it once, then none. */
static rd_word copied_word(const rd_output_form *o, const rd_hypothesis *h, int32_t i) {
    int32_t unk = rd_tokenizer_unk(o->target),
            word = h->aligned[i] < 0 ? -1 : o->words[h->aligned[i]];
    bool again = i > 0 && h->tokens[i - 1] == unk && h->aligned[i - 1] >= 0 &&
                 o->words[h->aligned[i - 1]] == word;
    return word < 0 || again ? (rd_word){"", 0} : rd_word_at(o->text, o->text_length, word);
}

/* Appends the tokens' text with source words in the place of unknown pieces. */
static rd_status append_replacing(const rd_output_form *o, const rd_hypothesis *h, rd_text *text) {
    int32_t unk = rd_tokenizer_unk(o->target);
    for (int32_t i = 0, end; i < h->length; i = end) {
        for (end = i; end < h->length && h->tokens[end] != unk; end++) {
        }
        if (end > i) {
            RD_TRY(append_known(o, h->tokens + i, end - i, text));
            continue;
        }
        end = i + 1;
        rd_word copied = copied_word(o, h, i);
        RD_TRY(rd_text_append(text, copied.bytes, copied.n));
    }
    return RD_OK;
}

/* Where a source word comes as pieces, the piece as it is. */
static rd_word whole_piece(const rd_output_form *o, rd_word word) {
    static const char joiner[] = RD_SUBWORD_JOINER;
    const char *end = o->text + o->text_length;
    if (o->target->kind->reads_pieces && word.n > 0 && end - (word.bytes + word.n) >= 2 &&
        memcmp(word.bytes + word.n, joiner, 2) == 0)
        word.n += 2;
    return word;
}

/* The same for words and subword-nmt's pieces, which write no spaces: all are apart, then the
 * pieces of a word are joined. */
static rd_status append_words(const rd_output_form *o, const rd_hypothesis *h, rd_text *text) {
    for (int32_t i = 0; i < h->length; i++) {
        rd_word word = {"", 0};
        if (h->tokens[i] == rd_tokenizer_unk(o->target))
            word = whole_piece(o, copied_word(o, h, i));
        else if (rd_tokenizer_is_text(o->target, h->tokens[i]))
            word.n = strlen(word.bytes = rd_tokenizer_piece(o->target, h->tokens[i]));
        if (word.n > 0 && text->length > 0) RD_TRY(rd_text_append(text, " ", 1));
        RD_TRY(rd_text_append(text, word.bytes, word.n));
    }
    if (o->target->kind->joiner)
        text->length = (int64_t)rd_subword_join(text->data, (size_t)text->length);
    return RD_OK;
}

static bool has_words(const rd_tokenizer *tokenizer) {
    rd_tokenizer_type type = rd_tokenizer_kind_of(tokenizer);
    return type == RD_TOKENIZER_WORDS || type == RD_TOKENIZER_SUBWORD_NMT;
}

static rd_status decode_hypothesis(const rd_output_form *o, const rd_hypothesis *h, char **result) {
    if (!o->replace_unk) return rd_tokenizer_decode(o->target, h->tokens, h->length, result, NULL);
    rd_text text = {0};
    rd_status status = rd_text_append(&text, "", 0);
    if (status == RD_OK)
        status = has_words(o->target) ? append_words(o, h, &text) : append_replacing(o, h, &text);
    if (status == RD_OK)
        *result = text.data;
    else
        rd_text_free(&text);
    return status;
}

/* Where the text of each token begins: after that of the tokens before it, but a character that is
 * cut short can be longer than it is whole. places: [h->length] */
static rd_status find_places(const rd_output_form *o, const rd_hypothesis *h, const char *text,
                             int64_t *places) {
    int64_t most = (int64_t)strlen(text) - (*text != '\0');
    for (int32_t i = h->length - 1; i >= 0; i--) {
        rd_hypothesis before = *h;
        char *start;
        before.length = i;
        RD_TRY(decode_hypothesis(o, &before, &start));
        int64_t n = (int64_t)strlen(start);
        places[i] = most = n < most ? n : most;
        free(start);
    }
    return RD_OK;
}

int rd_aligned_words_compare(const void *a, const void *b) {
    const rd_aligned_words *x = a, *y = b;
    if (x->source != y->source) return x->source < y->source ? -1 : 1;
    return x->target < y->target ? -1 : x->target > y->target;
}

/* The pairs of words that tokens align, each once. places: [h->length] of the tokens in the text;
 * words: [h->length] is overwritten. */
static void align_words(const rd_output_form *o, const rd_hypothesis *h, const int64_t *places,
                        int32_t *words, rd_translation *item) {
    rd_aligned_words *pairs = item->alignment;
    int32_t bos = rd_tokenizer_bos(o->target), n = 0;
    int32_t n_words = rd_words_at(item->text, strlen(item->text), places, h->length, words);
    for (int32_t i = 0; i < h->length && n_words > 0; i++)
        if (h->aligned[i] >= 0 && h->tokens[i] != bos)
            pairs[n++] = (rd_aligned_words){o->words[h->aligned[i]], words[i]};
    if (n) qsort(pairs, (size_t)n, sizeof *pairs, rd_aligned_words_compare);
    for (int32_t i = 0; i < n; i++)
        if (i == 0 || rd_aligned_words_compare(&pairs[i - 1], &pairs[i]) != 0)
            pairs[item->n_alignment++] = pairs[i];
}

static rd_status restore_kept(const rd_output_form *o, rd_translation *item, int64_t *places,
                              int32_t n) {
    if (!o->keeper) return RD_OK;
    return rd_keeper_restore(o->keeper, o->text, o->text_length, &item->text, &item->n_restored,
                             places, n);
}

rd_status rd_output_translation(const rd_output_form *o, const rd_hypothesis *h,
                                rd_translation *item) {
    item->score = h->score;
    item->log_prob = h->log_prob;
    item->n_tokens = h->length;
    RD_TRY(decode_hypothesis(o, h, &item->text));
    if (!o->align) return restore_kept(o, item, NULL, 0);
    item->alignment = rd_malloc((size_t)h->length, sizeof *item->alignment);
    int64_t *places = rd_malloc((size_t)h->length, sizeof *places);
    int32_t *words = rd_malloc((size_t)h->length, sizeof *words);
    rd_status status = item->alignment && places && words ? RD_OK : RD_ERR_MEMORY;
    if (status == RD_OK) status = find_places(o, h, item->text, places);
    if (status == RD_OK) status = restore_kept(o, item, places, h->length);
    if (status == RD_OK) align_words(o, h, places, words, item);
    free(places);
    free(words);
    return status;
}
