#include "translate/words.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unicode/uchar.h>

#include "base/text.h"

/* Moves the cursor past a space, if it is at one. */
static bool skip_space(const char **cursor, const char *space) {
    size_t n = strlen(space);
    if (n == 0 || strncmp(*cursor, space, n) != 0) return false;
    *cursor += n;
    return true;
}

/* Characters besides spaces that an id is written with; an unknown one counts as one. */
static int64_t count_characters(const rd_tokenizer *tokenizer, int32_t id) {
    const char *space = rd_tokenizer_space(tokenizer), *c = rd_tokenizer_piece(tokenizer, id);
    if (!c || id == rd_tokenizer_bos(tokenizer) || id == rd_tokenizer_pad(tokenizer) ||
        id == rd_tokenizer_eos(tokenizer))
        return 0;
    if (id == rd_tokenizer_unk(tokenizer)) return 1;
    int64_t n = 0;
    while (*c)
        if (!skip_space(&c, space)) n++, c++;
    return n;
}

static rd_word without_punctuation(rd_word word) {
    const char *begin = word.bytes, *end = begin + word.n, *first = NULL, *last = NULL;
    for (const char *c = begin; c < end;) {
        const char *at = c;
        if (u_ispunct((UChar32)rd_utf8_next(&c, end))) continue;
        if (!first) first = at;
        last = c;
    }
    return first ? (rd_word){first, (size_t)(last - first)} : word;
}

rd_word rd_word_next(const char **cursor, const char *end) {
    const char *begin = end, *stop = end;
    for (const char *c = *cursor; c < end && stop == end;) {
        const char *at = c;
        bool space = u_isUWhiteSpace((UChar32)rd_utf8_next(&c, end)) != 0;
        if (!space && begin == end) begin = at;
        if (space && begin != end) stop = at;
    }
    *cursor = stop;
    return (rd_word){begin, (size_t)(stop - begin)};
}

rd_word rd_word_at(const char *text, size_t n, int32_t index) {
    int64_t invalid = rd_utf8_invalid_at(text, n);
    const char *end = text + (invalid < 0 ? n : (size_t)invalid);
    rd_word word = rd_word_next(&text, end);
    for (int32_t i = 0; i < index && word.n > 0; i++) word = rd_word_next(&text, end);
    return index < 0 || word.n == 0 ? (rd_word){"", 0} : without_punctuation(word);
}

int32_t rd_words_at(const char *text, size_t n, const int64_t *places, int64_t n_places,
                    int32_t *words) {
    const char *cursor = text, *end = text + n;
    int64_t i = 0;
    int32_t word = -1;
    while (rd_word_next(&cursor, end).n > 0)
        for (word++; i < n_places && text + places[i] < cursor; i++) words[i] = word;
    for (; i < n_places; i++) words[i] = word > 0 ? word : 0;
    return word + 1;
}

/* Normalising can put spaces into a word or leave nothing of it, but moves nothing from one to
 * another: by itself, after its spaces, it has as many characters as in the text. */
static rd_status words_of_tokens(const rd_tokenizer *tokenizer, const char *text, size_t n,
                                 const int32_t *ids, int64_t n_ids, int32_t *words,
                                 rd_ids *of_word) {
    const char *begin = text, *cursor = text, *end = text + n;
    int64_t seen = 0, limit = 0, i = 0; /* characters before token i; in the words so far */
    for (int32_t word = 0; rd_word_next(&cursor, end).n > 0; word++, begin = cursor) {
        of_word->length = 0;
        RD_TRY(rd_tokenizer_encode(tokenizer, begin, (size_t)(cursor - begin), of_word));
        for (int64_t k = 0; k < of_word->length; k++)
            limit += count_characters(tokenizer, of_word->data[k]);
        for (; i < n_ids && seen < limit; i++) {
            words[i] = word;
            seen += count_characters(tokenizer, ids[i]);
        }
    }
    for (; i < n_ids; i++) words[i] = i > 0 ? words[i - 1] : 0;
    return RD_OK;
}

rd_status rd_words_of_tokens(const rd_tokenizer *tokenizer, const char *text, size_t n,
                             const int32_t *ids, int64_t n_ids, int32_t *words) {
    rd_ids of_word = {0};
    rd_status status = words_of_tokens(tokenizer, text, n, ids, n_ids, words, &of_word);
    free(of_word.data);
    return status;
}
