#include "translate/breaks.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unicode/ubrk.h>
#include <unicode/uchar.h>
#include <unicode/utext.h>

#include "base/memory.h"
#include "base/text.h"

struct rd_breaker {
    UBreakIterator *iterator;
    bool sentences, ordinal_stops;
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

/* Two or three small letters, as ISO 639 has them. */
static bool is_language(const char *code) {
    size_t n = code ? strspn(code, "abcdefghijklmnopqrstuvwxyz") : 0;
    return (n == 2 || n == 3) && code[n] == '\0';
}

/* Languages that write ordinal numbers with a full stop. */
static bool has_ordinal_stops(const char *language) {
    static const char *const languages[] = {"bs", "cs", "da", "de", "et", "fi", "hr", "hu", "is",
                                            "lt", "lv", "nb", "nn", "no", "pl", "sk", "sl", "sr"};
    for (size_t i = 0; i < sizeof languages / sizeof *languages; i++)
        if (strcmp(language, languages[i]) == 0) return true;
    return false;
}

rd_status rd_breaker_open(rd_breaker **breaker, rd_break_kind kind, const char *language) {
    UErrorCode code = U_ZERO_ERROR;
    char locale[32] = "";
    rd_breaker *b = *breaker = rd_calloc(1, sizeof *b);
    if (!b) return RD_ERR_MEMORY;
    if (kind == RD_BREAK_SENTENCES) {
        if (!is_language(language)) language = "en";
        snprintf(locale, sizeof locale, "%s@ss=standard", language);
        b->sentences = true;
        b->ordinal_stops = has_ordinal_stops(language);
    }
    b->iterator =
        ubrk_open(kind == RD_BREAK_WORDS ? UBRK_WORD : UBRK_SENTENCE, locale, NULL, 0, &code);
    if (U_SUCCESS(code)) return RD_OK;
    rd_breaker_close(b);
    *breaker = NULL;
    return icu_error(code);
}

void rd_breaker_close(rd_breaker *breaker) {
    if (!breaker) return;
    if (breaker->iterator) ubrk_close(breaker->iterator);
    free(breaker);
}

/* Short for what stands in front of a name or a number, and not known to ICU in all languages. */
static bool is_title(const char *word, const char *end) {
    static const char *const titles[] = {
        "Mr.",  "Mrs.", "Ms.",  "Dr.",   "Prof.", "St.",  "Gen.",   "Col.", "Lt.",
        "Sgt.", "Gov.", "Sen.", "Rep.",  "Capt.", "Rev.", "Hr.",    "Fr.",  "Nr.",
        "Abb.", "Bd.",  "Fig.", "Figs.", "Eq.",   "vgl.", "bzw.",   "ca.",  "cf.",
        "vs.",  "Mme.", "Sr.",  "Sra.",  "Tab.",  "Art.", "approx."};
    for (size_t i = 0; i < sizeof titles / sizeof *titles; i++)
        if (strlen(titles[i]) == (size_t)(end - word) &&
            memcmp(titles[i], word, (size_t)(end - word)) == 0)
            return true;
    return false;
}

/* Whether a full stop behind this word ends no sentence, whatever follows: a title, an initial or
 * the like ("J.", "z.B.", "U.S."), or a short number where those are ordinals ("3. Mai"). */
static bool is_abbreviation(const rd_breaker *b, const char *word, const char *end) {
    bool digits = end - word <= 3, letters = true, letter_next = true;
    for (const char *c = word; c < end && (digits || letters);) {
        uint32_t code_point = rd_utf8_next(&c, end);
        bool stop = code_point == '.';
        digits = digits && (c == end ? stop : u_isdigit((UChar32)code_point) != 0);
        letters = letters && (letter_next ? u_isalpha((UChar32)code_point) != 0 : stop);
        letter_next = !letter_next;
    }
    return (letters && letter_next) || (digits && b->ordinal_stops) || is_title(word, end);
}

/* Whether the text before `place` ends with such a word. */
static bool ends_no_sentence(const rd_breaker *b, const char *text, int64_t place) {
    const char *end = text + place;
    while (end > text && end[-1] == ' ') end--;
    if (end == text || end[-1] != '.') return false;
    const char *word = end;
    while (word > text && end - word < 16 && !strchr(" (\"'\t", word[-1])) word--;
    while (word < end && ((unsigned char)*word & 0xC0) == 0x80) word++;
    return is_abbreviation(b, word, end);
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
        if (next < (int64_t)n && b->sentences && ends_no_sentence(b, text, next)) continue;
        status = rd_offsets_add(places, next);
    }
    utext_close(&source);
    return U_FAILURE(code) ? icu_error(code) : status;
}
