#include "translate/words.h"

#include <string.h>
#include <unicode/uchar.h>

#include "base/text.h"

/* Moves the cursor behind a space, if it stands at one. */
static bool skip_space(const char **cursor, const char *space) {
    size_t n = strlen(space);
    if (strncmp(*cursor, space, n) != 0) return false;
    *cursor += n;
    return true;
}

bool rd_piece_has_space(const rd_tokenizer *tokenizer, int32_t id) {
    const char *piece = rd_tokenizer_piece(tokenizer, id);
    return piece && skip_space(&piece, rd_tokenizer_space(tokenizer));
}

/* What an id reads as; *space: how spaces are written there. */
static const char *reading(const rd_tokenizer *tokenizer, int32_t id, const char *unk,
                           const char **space) {
    *space = rd_tokenizer_space(tokenizer);
    const char *piece = rd_tokenizer_piece(tokenizer, id);
    if (!piece || id == rd_tokenizer_bos(tokenizer) || id == rd_tokenizer_pad(tokenizer) ||
        id == rd_tokenizer_eos(tokenizer))
        return "";
    if (id != rd_tokenizer_unk(tokenizer)) return piece;
    *space = " ";
    return unk;
}

int32_t rd_words_of_tokens(const rd_tokenizer *tokenizer, const int32_t *ids, int64_t n,
                           const char *unk, int32_t *words) {
    int32_t word = -1;
    bool apart = true; /* the next character begins a word */
    for (int64_t i = 0; i < n; i++) {
        const char *space, *c = reading(tokenizer, ids[i], unk, &space);
        bool begun = false;
        while (*c) {
            if (skip_space(&c, space)) {
                apart = true;
                continue;
            }
            word += apart;
            if (!begun) words[i] = word;
            begun = true;
            apart = false;
            c++;
        }
        if (!begun) words[i] = word + apart;
    }
    for (int64_t i = 0; i < n; i++)
        if (words[i] > word) words[i] = word > 0 ? word : 0;
    return word + 1;
}

static bool is_space(uint32_t c) {
    return u_isUWhiteSpace((UChar32)c);
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

rd_word rd_word_at(const char *text, size_t n, int32_t index) {
    int64_t invalid = rd_utf8_invalid_at(text, n);
    const char *end = text + (invalid < 0 ? n : (size_t)invalid), *begin = NULL;
    int32_t word = -1;
    for (const char *c = text; c < end;) {
        const char *at = c;
        bool space = is_space(rd_utf8_next(&c, end));
        if (!space && !begin && ++word >= 0) begin = at;
        if (begin && (space || c == end)) {
            const char *stop = space ? at : end;
            if (word == index) return without_punctuation((rd_word){begin, (size_t)(stop - begin)});
            begin = NULL;
        }
    }
    return (rd_word){"", 0};
}
