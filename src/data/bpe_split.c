#include "data/bpe_split.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <unicode/uchar.h>
#include <unicode/utf8.h>

typedef enum { LETTER, NUMBER, SPACE, OTHER } char_class;

static char_class class_of(UChar32 c) {
    if (c < 0) return OTHER; /* not UTF-8 */
    if (c < 0x80) {
        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) return LETTER;
        if (c >= '0' && c <= '9') return NUMBER;
        return c == ' ' || (c >= '\t' && c <= '\r') ? SPACE : OTHER;
    }
    if (U_GET_GC_MASK(c) & U_GC_L_MASK) return LETTER;
    if (U_GET_GC_MASK(c) & U_GC_N_MASK) return NUMBER;
    return u_isUWhiteSpace(c) ? SPACE : OTHER;
}

/* The class of the character at `at`, and where the next one begins. Lines are shorter than
 * INT32_MAX, as ICU counts. */
static char_class next_class(const char *text, size_t n, size_t at, size_t *after) {
    const uint8_t *s = (const uint8_t *)text;
    int32_t i = (int32_t)at, end = (int32_t)n;
    UChar32 c;
    U8_NEXT(s, i, end, c);
    *after = (size_t)i;
    return class_of(c);
}

/* Length of the contraction at text[0..n), 0 if there is none. */
static size_t contraction(const char *text, size_t n) {
    static const char *const endings[] = {"'s", "'t", "'re", "'ve", "'m", "'ll", "'d"};
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        size_t length = strlen(endings[i]);
        if (length <= n && memcmp(text, endings[i], length) == 0) return length;
    }
    return 0;
}

/* The end of the run of `class` that continues at `at`; *last: where its last character begins. */
static size_t run_end(const char *text, size_t n, size_t at, char_class class, size_t *last) {
    for (size_t after; at < n && next_class(text, n, at, &after) == class; at = after) *last = at;
    return at;
}

size_t rd_bpe_word(const char *text, size_t n, size_t at) {
    size_t short_form = contraction(text + at, n - at), after, last = at;
    if (short_form) return short_form;
    char_class class = next_class(text, n, at, &after);
    if (text[at] == ' ' && after < n) { /* one blank belongs to the word after it */
        size_t next_end;
        char_class next = next_class(text, n, after, &next_end);
        if (next != SPACE) return run_end(text, n, next_end, next, &last) - at;
    }
    size_t end = run_end(text, n, after, class, &last);
    /* The last of several spaces belongs to the next word. */
    return (class == SPACE && end < n && last > at ? last : end) - at;
}
