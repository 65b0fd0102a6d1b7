#include "translate/gap.h"

#include <stdbool.h>
#include <string.h>
#include <unicode/uchar.h>
#include <unicode/uscript.h>

#include "base/text.h"

/* Characters of Chinese and Japanese, letters and punctuation: between their sentences there is no
 * blank. */
static bool is_unspaced(uint32_t c) {
    UErrorCode code = U_ZERO_ERROR;
    UScriptCode script = uscript_getScript((UChar32)c, &code);
    return script == USCRIPT_HAN || script == USCRIPT_HIRAGANA || script == USCRIPT_KATAKANA ||
           script == USCRIPT_BOPOMOFO || script == USCRIPT_YI || (c >= 0x3000 && c <= 0x303F) ||
           (c >= 0xFF01 && c <= 0xFF9F);
}

/* Whether the last character of text[0..n) is such a one; with `past`, the last that is not
 * punctuation of other scripts. */
static bool ends_unspaced(const char *text, size_t n, bool past) {
    while (n > 0) {
        size_t at = n - 1;
        while (at > 0 && ((unsigned char)text[at] & 0xC0) == 0x80) at--;
        const char *cursor = text + at;
        uint32_t c = rd_utf8_next(&cursor, text + n);
        if (is_unspaced(c)) return true;
        if (!past || !u_ispunct((UChar32)c)) return false;
        n = at;
    }
    return false;
}

static bool begins_unspaced(const char *text) {
    const char *end = text + strlen(text);
    while (text < end) {
        uint32_t c = rd_utf8_next(&text, end);
        if (is_unspaced(c)) return true;
        if (!u_ispunct((UChar32)c)) return false;
    }
    return false;
}

const char *rd_gap(const char *text, size_t n, const char *next) {
    if (n == 0 || !*next) return "";
    bool unspaced =
        ends_unspaced(text, n, false) || (ends_unspaced(text, n, true) && begins_unspaced(next));
    return unspaced ? "" : " ";
}
