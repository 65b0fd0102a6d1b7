#include "translate/edges.h"

#include <stdlib.h>
#include <string.h>
#include <unicode/uchar.h>
#include <unicode/uscript.h>

#include "base/memory.h"
#include "base/text.h"

static const uint32_t final_marks[RD_MARK_KINDS][RD_MOST_MARKS] = {
    {'.', 0x3002, 0x0964, 0x06D4}, /* and the danda, and Urdu's */
    {'!', 0xFF01, 0, 0},
    {'?', 0xFF1F, 0x061F, 0x037E},
    {0x2026, ':', 0xFF1A, ';'}};

/* Letters and digits of writings with blanks between words. Korean particles follow their nouns. */
static bool is_of_word(uint32_t c) {
    if (c < 128) return u_isalnum((UChar32)c);
    UErrorCode code = U_ZERO_ERROR;
    switch (uscript_getScript((UChar32)c, &code)) {
    case USCRIPT_HAN:
    case USCRIPT_HIRAGANA:
    case USCRIPT_KATAKANA:
    case USCRIPT_BOPOMOFO:
    case USCRIPT_YI:
    case USCRIPT_HANGUL:
    case USCRIPT_THAI:
    case USCRIPT_LAO:
    case USCRIPT_KHMER:
    case USCRIPT_MYANMAR:
    case USCRIPT_TIBETAN:
        return false;
    default:
        return u_isalnum((UChar32)c) || (U_GET_GC_MASK((UChar32)c) & U_GC_M_MASK) != 0;
    }
}

static bool find_mark(uint32_t c, int *kind, int *place) {
    for (*kind = 0; *kind < RD_MARK_KINDS; ++*kind)
        for (*place = 0; *place < RD_MOST_MARKS; ++*place)
            if (c && c == final_marks[*kind][*place]) return true;
    return false;
}

static bool is_byte(const char *piece) {
    return strlen(piece) == 6 && strncmp(piece, "<0x", 3) == 0 && piece[5] == '>';
}

static void look_at(rd_edges *edges, int32_t id, bool spaced, const char *text) {
    size_t n = strlen(text);
    if (n == 0) return;
    const char *rest = text;
    uint32_t first = rd_utf8_next(&rest, text + n), last = rd_utf8_last(text, n);
    int kind, place;
    bool mark = find_mark(last, &kind, &place);
    if (!spaced && is_of_word(first)) edges->flags[id] |= RD_EDGE_INNER;
    if (is_of_word(last))
        edges->flags[id] |= RD_EDGE_WORD;
    else if (!mark && !u_isUWhiteSpace((UChar32)last) && !u_isalnum((UChar32)last))
        edges->flags[id] |= RD_EDGE_MARKUP;
    if (mark && !spaced && *rest == '\0') edges->marks[kind][place] = id;
}

/* The piece without its blank. Pieces of bytes are read, which spell them otherwise. */
static rd_status look_at_piece(rd_edges *edges, const rd_tokenizer *tokenizer, int32_t id) {
    const char *piece = rd_tokenizer_piece(tokenizer, id), *space = rd_tokenizer_space(tokenizer);
    if (!piece) return RD_OK;
    bool spaced = rd_tokenizer_begins_word(tokenizer, id);
    if (!rd_tokenizer_ends_word(tokenizer, id)) edges->flags[id] |= RD_EDGE_JOINED;
    if (strcmp(space, "\xE2\x96\x81") == 0) {
        while (strncmp(piece, space, 3) == 0) piece += 3;
        if (is_byte(piece)) /* a part of a character, most likely of a letter */
            edges->flags[id] |= piece[3] >= '8' ? RD_EDGE_INNER : 0;
        else
            look_at(edges, id, spaced, piece);
        return RD_OK;
    }
    char *text;
    RD_TRY(rd_tokenizer_decode(tokenizer, &id, 1, &text, NULL));
    look_at(edges, id, spaced, text + strspn(text, " "));
    free(text);
    return RD_OK;
}

rd_status rd_edges_make(rd_edges *edges, const rd_tokenizer *tokenizer, int32_t size) {
    *edges = (rd_edges){.size = size, .flags = rd_calloc((size_t)size, 1)};
    memset(edges->marks, 0xFF, sizeof edges->marks);
    if (!edges->flags) return RD_ERR_MEMORY;
    for (int32_t id = 0; id < size && id < rd_tokenizer_size(tokenizer); id++)
        RD_TRY(look_at_piece(edges, tokenizer, id));
    return RD_OK;
}

void rd_edges_free(rd_edges *edges) {
    free(edges->flags);
    *edges = (rd_edges){0};
}

const int32_t *rd_final_marks(const rd_edges *edges, const char *text, size_t n) {
    int kind, place;
    while (n > 0 && (text[n - 1] == ' ' || text[n - 1] == '\t')) n--;
    return n > 0 && find_mark(rd_utf8_last(text, n), &kind, &place) ? edges->marks[kind] : NULL;
}

bool rd_ends_sentence(uint32_t c) {
    int kind, place;
    return find_mark(c, &kind, &place) && c != ':' && c != 0xFF1A && c != ';';
}

bool rd_is_whole(const char *text, size_t n, size_t begin, size_t end) {
    const char *first = text + begin, *after = text + end;
    if (begin > 0 && end > begin && is_of_word(rd_utf8_last(text, begin)) &&
        is_of_word(rd_utf8_next(&first, text + n)))
        return false;
    return end >= n || end == begin || !is_of_word(rd_utf8_last(text, end)) ||
           !is_of_word(rd_utf8_next(&after, text + n));
}
