#include "translate/breaker.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unicode/ubrk.h>
#include <unicode/uchar.h>
#include <unicode/ures.h>
#include <unicode/utext.h>

#include "base/memory.h"
#include "base/text.h"
#include "translate/abbreviations.h"

struct rd_breaker {
    UBreakIterator *iterator;
    bool sentences, ordinal_stops;
    rd_text abbreviations; /* ICU's of the language, each NUL-terminated */
    const char *more;      /* ours, with blanks between them */
};

static rd_status icu_error(UErrorCode code) {
    if (code == U_MEMORY_ALLOCATION_ERROR) return rd_error(RD_ERR_MEMORY, "out of memory in ICU");
    return rd_error(RD_ERR_FORMAT, "ICU cannot find where words or sentences end: %s",
                    u_errorName(code));
}

rd_status rd_offsets_add(rd_offsets *offsets, int64_t offset) {
    RD_TRY(
        rd_reserve(&offsets->data, &offsets->capacity, offsets->length + 1, sizeof *offsets->data));
    offsets->data[offsets->length++] = offset;
    return RD_OK;
}

/* Appends ICU's abbreviations of a language, each NUL-terminated; of most there are none. */
static rd_status load_abbreviations(const char *language, rd_text *list) {
    UErrorCode code = U_ZERO_ERROR;
    UResourceBundle *rules = ures_open(U_ICUDATA_NAME "-brkitr", language, &code);
    if (code == U_USING_DEFAULT_WARNING) { /* of the user's own language: not asked for */
        ures_close(rules);
        return RD_OK;
    }
    UResourceBundle *exceptions = ures_getByKey(rules, "exceptions", NULL, &code);
    UResourceBundle *words = ures_getByKey(exceptions, "SentenceBreak", NULL, &code);
    rd_status status = RD_OK;
    for (int32_t i = 0, n = U_SUCCESS(code) ? ures_getSize(words) : 0; i < n; i++) {
        char word[128];
        int32_t length = sizeof word - 1;
        ures_getUTF8StringByIndex(words, i, word, &length, 1, &code);
        if (U_FAILURE(code) || status != RD_OK) break;
        status = rd_text_append(list, word, (size_t)length + 1);
    }
    ures_close(words);
    ures_close(exceptions);
    ures_close(rules);
    if (code == U_MISSING_RESOURCE_ERROR || U_SUCCESS(code)) return status;
    return icu_error(code);
}

rd_status rd_breaker_open(rd_breaker **breaker, rd_break_kind kind, const char *language) {
    UErrorCode code = U_ZERO_ERROR;
    rd_status status = RD_OK;
    rd_breaker *b = *breaker = rd_calloc(1, sizeof *b);
    if (!b) return RD_ERR_MEMORY;
    if (kind == RD_BREAK_SENTENCES) {
        char code_of[4];
        if (!rd_language_code(language, code_of)) memcpy(code_of, "en", 3);
        status = load_abbreviations(code_of, &b->abbreviations);
        b->sentences = true;
        b->more = rd_abbreviations(code_of);
        b->ordinal_stops = rd_has_ordinal_stops(code_of);
    }
    if (status == RD_OK) {
        UBreakIteratorType type = kind == RD_BREAK_WORDS ? UBRK_WORD : UBRK_SENTENCE;
        b->iterator = ubrk_open(type, "", NULL, 0, &code);
        if (U_SUCCESS(code)) return RD_OK;
        status = icu_error(code);
    }
    rd_breaker_close(b);
    *breaker = NULL;
    return status;
}

void rd_breaker_close(rd_breaker *breaker) {
    if (!breaker) return;
    if (breaker->iterator) ubrk_close(breaker->iterator);
    rd_text_free(&breaker->abbreviations);
    free(breaker);
}

/* Abbreviations before a name or a number that are not in ICU's lists. */
static const char *const titles[] = {"dr.",  "prof.", "St.",  "Gen.", "Col.",  "Lt.",
                                     "Sgt.", "Gov.",  "Sen.", "Rep.", "Capt.", "Rev.",
                                     "Hr.",  "Nr.",   "Abb.", "Fig.", "Figs.", "Eq.",
                                     "bzw.", "ca.",   "cf.",  "vs.",  "Mme.",  "approx."};

/* Whether text[0..n) ends with that word, whose first letter may be a capital there. */
static bool ends_with(const char *text, size_t n, const char *word, size_t length) {
    if (length == 0 || length > n) return false;
    const char *found = text + n - length, *after = found, *rest = word;
    if (((unsigned char)*found & 0xC0) == 0x80) return false;
    UChar32 first = (UChar32)rd_utf8_next(&after, text + n);
    UChar32 wanted = (UChar32)rd_utf8_next(&rest, word + length);
    if (first != wanted && u_tolower(first) != wanted) return false;
    if (after - found != rest - word || memcmp(after, rest, (size_t)(word + length - rest)) != 0)
        return false;
    return length == n || !u_isalnum((UChar32)rd_utf8_last(text, n - length));
}

static bool ends_abbreviated(const rd_breaker *b, const char *text, size_t n, bool number_next) {
    for (size_t i = 0; i < sizeof titles / sizeof *titles; i++)
        if (ends_with(text, n, titles[i], strlen(titles[i]))) return true;
    for (int64_t at = 0; at < b->abbreviations.length;
         at += (int64_t)strlen(b->abbreviations.data + at) + 1)
        if (ends_with(text, n, b->abbreviations.data + at, strlen(b->abbreviations.data + at)))
            return true;
    for (const char *word = b->more; *word; word += strspn(word, " ")) {
        size_t length = strcspn(word, " ");
        bool before_numbers = word[length - 1] == '#';
        if ((!before_numbers || number_next) && ends_with(text, n, word, length - before_numbers))
            return true;
        word += length;
    }
    return false;
}

/* Whether the word is I to XXXIX: a number of a king, a century or a chapter. */
static bool is_roman(const char *word, const char *end) {
    size_t n = (size_t)(end - word) - 1;
    return n >= 2 && n <= 6 && strspn(word, "IVX") == n;
}

/* Whether a full stop after this word ends no sentence, whatever follows: an initial or
 * the like ("J.", "z.B.", "U.S."), or a short number where those are ordinals ("3. Mai"). */
static bool is_short(const rd_breaker *b, const char *word, const char *end) {
    bool digits = end - word <= 3, letters = true, letter_next = true;
    for (const char *c = word; c < end && (digits || letters);) {
        uint32_t code_point = rd_utf8_next(&c, end);
        bool stop = code_point == '.';
        digits = digits && (c == end ? stop : u_isdigit((UChar32)code_point) != 0);
        letters = letters && (letter_next ? u_isalpha((UChar32)code_point) != 0 : stop);
        letter_next = !letter_next;
    }
    return (letters && letter_next) || ((digits || is_roman(word, end)) && b->ordinal_stops);
}

/* The word that ends at `end`, without what opens it; or a part of a long one. */
static const char *word_before(const char *text, const char *end) {
    const char *word = end;
    while (word > text && end - word < 16 && !strchr(" (\"'\t", word[-1])) word--;
    while (word < end && ((unsigned char)*word & 0xC0) == 0x80) word++;
    for (const char *c = word; c < end; word = c)
        if (u_isalnum((UChar32)rd_utf8_next(&c, end))) break;
    return word;
}

/* Whether a question mark or the like is followed by a small letter or a digit: "a.org/b?c=1". */
static bool is_in_address(const char *text, size_t n, int64_t place) {
    const char *next = text + place;
    if (place == 0 || (size_t)place >= n || !strchr("?!", next[-1])) return false;
    UChar32 c = (UChar32)rd_utf8_next(&next, text + n);
    return u_islower(c) || u_isdigit(c);
}

/* Whether the text before `place` ends with such a word, or within an address. */
static bool ends_no_sentence(const rd_breaker *b, const char *text, size_t n, int64_t place) {
    const char *end = text + place, *next = end;
    if (is_in_address(text, n, place)) return true;
    while (end > text && end[-1] == ' ') end--;
    if (end == text || end[-1] != '.') return false;
    bool number_next = (size_t)place < n && u_isdigit((UChar32)rd_utf8_next(&next, text + n));
    return is_short(b, word_before(text, end), end) ||
           ends_abbreviated(b, text, (size_t)(end - text), number_next);
}

rd_status rd_breaker_find(rd_breaker *b, const char *text, size_t n, rd_offsets *places) {
    UErrorCode code = U_ZERO_ERROR;
    UText source = UTEXT_INITIALIZER;
    utext_openUTF8(&source, text, (int64_t)n, &code);
    ubrk_setUText(b->iterator, &source, &code);
    places->length = 0;
    rd_status status = rd_offsets_add(places, 0);
    while (status == RD_OK && U_SUCCESS(code)) {
        int32_t next = ubrk_next(b->iterator);
        if (next == UBRK_DONE) break;
        if (next < (int64_t)n && b->sentences && ends_no_sentence(b, text, n, next)) continue;
        status = rd_offsets_add(places, next);
    }
    utext_close(&source);
    return U_FAILURE(code) ? icu_error(code) : status;
}
