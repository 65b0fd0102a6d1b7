#include "data/wordpiece_split.h"

#include <stdlib.h>

#include <unicode/uchar.h>
#include <unicode/unorm2.h>
#include <unicode/utf16.h>
#include <unicode/utf8.h>

#include "base/memory.h"

enum { CATEGORIES_OF = 8, DECOMPOSITIONS_OF = 12, LONGEST_DECOMPOSITION = 32, CLASSES = 255 };

typedef struct {
    UChar32 c;
    uint8_t class; /* of combining, not 0 */
} mark;

typedef struct {
    const rd_wordpiece_rules *rules;
    const UNormalizer2 *decompose;
    rd_wordpiece_sink sink;
    void *self;
    rd_text word;
    int64_t n_chars;
    mark *marks; /* after the word's last character, not yet in their order */
    int64_t n_marks, marks_capacity;
} splitter;

static bool is_newer(UChar32 c, int version) {
    UVersionInfo age;
    u_charAge(c, age);
    return age[0] > version || (age[0] == version && age[1] > 0);
}

/* A bit of ICU's category masks, as it was in Unicode 8; 0: unassigned. */
static uint32_t category_of(UChar32 c) {
    switch (c) { /* those that have changed since */
    case 0x166D:
        return U_GC_PO_MASK;
    case 0x1734:
        return U_GC_MN_MASK;
    case 0x1885:
    case 0x1886:
        return U_GC_LO_MASK;
    case 0xA9BD:
        return U_GC_MC_MASK;
    case 0x111C9:
        return U_GC_PO_MASK;
    default:
        return is_newer(c, CATEGORIES_OF) ? 0 : U_GET_GC_MASK(c);
    }
}

static bool is_punctuation(UChar32 c) {
    if (c < 0x80) return c > ' ' && c < 0x7F && !u_isalnum(c);
    return category_of(c) & U_GC_P_MASK;
}

static bool is_space(UChar32 c) {
    return u_isUWhiteSpace(c);
}

static bool is_dropped(UChar32 c) {
    if (c == '\t' || c == '\n' || c == '\r') return false;
    return c == 0xFFFD ||
           category_of(c) & (U_GC_CC_MASK | U_GC_CF_MASK | U_GC_CO_MASK | U_GC_CS_MASK);
}

/* From 2B920 on, not 2B820, as in Hugging Face's library. */
static bool is_chinese(UChar32 c) {
    return (c >= 0x4E00 && c <= 0x9FFF) || (c >= 0x3400 && c <= 0x4DBF) ||
           (c >= 0x20000 && c <= 0x2A6DF) || (c >= 0x2A700 && c <= 0x2B73F) ||
           (c >= 0x2B740 && c <= 0x2B81F) || (c >= 0x2B920 && c <= 0x2CEAF) ||
           (c >= 0xF900 && c <= 0xFAFF) || (c >= 0x2F800 && c <= 0x2FA1F);
}

static rd_status end_word(splitter *s) {
    if (s->n_chars == 0) return RD_OK;
    rd_status status = s->sink(s->self, s->word.data, (size_t)s->word.length, s->n_chars);
    rd_text_clear(&s->word);
    s->n_chars = 0;
    return status;
}

/* One character of the normalized text. */
static rd_status put(splitter *s, UChar32 c) {
    char bytes[4];
    if (is_space(c)) return end_word(s);
    bool alone = is_punctuation(c);
    if (alone) RD_TRY(end_word(s));
    RD_TRY(rd_text_append(&s->word, bytes, (size_t)rd_utf8_put((uint32_t)c, bytes)));
    s->n_chars++;
    return alone ? end_word(s) : RD_OK;
}

static rd_status put_lower(splitter *s, UChar32 c) {
    if (!s->rules->lower) return put(s, c);
    RD_TRY(put(s, u_tolower(c)));
    return c == 0x130 ? put(s, 0x307) : RD_OK; /* the one that becomes two */
}

/* Marks after one character come in the order of their classes. */
static rd_status put_marks(splitter *s) {
    rd_status status = RD_OK;
    if (s->n_marks == 1) status = put_lower(s, s->marks[0].c);
    for (int class = 1; s->n_marks > 1 && class < CLASSES; class ++)
        for (int64_t i = 0; status == RD_OK && i < s->n_marks; i++)
            if (s->marks[i].class == class) status = put_lower(s, s->marks[i].c);
    s->n_marks = 0;
    return status;
}

static rd_status put_decomposed(splitter *s, UChar32 c) {
    uint8_t class = is_newer(c, DECOMPOSITIONS_OF) ? 0 : u_getCombiningClass(c);
    bool vanishes = category_of(c) == U_GC_MN_MASK;
    if (class == 0) {
        RD_TRY(put_marks(s));
        return vanishes ? RD_OK : put_lower(s, c);
    }
    if (vanishes) return RD_OK;
    RD_TRY(rd_reserve(&s->marks, &s->marks_capacity, s->n_marks + 1, sizeof *s->marks));
    s->marks[s->n_marks++] = (mark){c, class};
    return RD_OK;
}

static rd_status put_original(splitter *s, UChar32 c) {
    UChar parts[LONGEST_DECOMPOSITION];
    UErrorCode code = U_ZERO_ERROR;
    if (!s->rules->strip_accents) return put_lower(s, c);
    int32_t n = is_newer(c, DECOMPOSITIONS_OF)
                    ? -1
                    : unorm2_getDecomposition(s->decompose, c, parts, LONGEST_DECOMPOSITION, &code);
    if (n < 0 || U_FAILURE(code)) return put_decomposed(s, c);
    for (int32_t i = 0; i < n;) {
        UChar32 part;
        U16_NEXT(parts, i, n, part);
        RD_TRY(put_decomposed(s, part));
    }
    return RD_OK;
}

static bool is_plain(char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* Letters and digits that stay as they are, most of a text. */
static rd_status put_plain(splitter *s, const char *text, int32_t n) {
    if (s->n_marks) RD_TRY(put_marks(s));
    s->n_chars += n;
    return rd_text_append(&s->word, text, (size_t)n);
}

static rd_status put_ascii(splitter *s, char c) {
    bool is_control = (unsigned char)c < ' ' || c == 0x7F;
    if (is_control && s->rules->clean && c != '\t' && c != '\n' && c != '\r') return RD_OK;
    RD_TRY(put_marks(s));
    return put_lower(s, c);
}

static rd_status put_other(splitter *s, UChar32 c) {
    if (s->rules->clean && is_dropped(c)) return RD_OK;
    bool alone = is_space(c) || (s->rules->chinese && is_chinese(c));
    if (alone) RD_TRY(put_marks(s));
    if (alone) RD_TRY(end_word(s));
    if (is_space(c)) return RD_OK;
    RD_TRY(put_original(s, c));
    return alone ? end_word(s) : RD_OK;
}

static rd_status split(splitter *s, const char *text, int32_t n) {
    for (int32_t i = 0, end; i < n;) {
        UChar32 c = (unsigned char)text[i];
        for (end = i; end < n && is_plain(text[end]);) end++;
        if (end > i) {
            RD_TRY(put_plain(s, text + i, end - i));
            i = end;
            continue;
        }
        if (c < 0x80) {
            RD_TRY(put_ascii(s, text[i++]));
            continue;
        }
        U8_NEXT((const uint8_t *)text, i, n, c);
        RD_TRY(put_other(s, c < 0 ? 0xFFFD : c));
    }
    RD_TRY(put_marks(s));
    return end_word(s);
}

rd_status rd_wordpiece_words(const rd_wordpiece_rules *rules, const char *text, size_t n,
                             rd_wordpiece_sink sink, void *self) {
    UErrorCode code = U_ZERO_ERROR;
    splitter s = {.rules = rules, .sink = sink, .self = self};
    if (n >= INT32_MAX / 4)
        return rd_error(RD_ERR_ARGUMENT, "cannot tokenize a text of %zu bytes at once", n);
    s.decompose = unorm2_getNFDInstance(&code);
    if (U_FAILURE(code))
        return rd_error(RD_ERR_MEMORY, "no table of decompositions: %s", u_errorName(code));
    rd_status status = split(&s, text, (int32_t)n);
    rd_text_free(&s.word);
    free(s.marks);
    return status;
}
