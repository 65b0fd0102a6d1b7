#include "base/text.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/c_locale.h"
#include "base/memory.h"

rd_status rd_text_reserve(rd_text *text, size_t need) {
    return rd_reserve(&text->data, &text->capacity, text->length + (int64_t)need + 1, 1);
}

rd_status rd_text_append(rd_text *text, const char *bytes, size_t n) {
    RD_TRY(rd_text_reserve(text, n));
    if (n) memcpy(text->data + text->length, bytes, n);
    text->length += (int64_t)n;
    text->data[text->length] = '\0';
    return RD_OK;
}

rd_status rd_text_put(rd_text *text, const char *string) {
    return rd_text_append(text, string, strlen(string));
}

rd_status rd_text_printf(rd_text *text, const char *format, ...) {
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int n = rd_vsnprintf(NULL, 0, format, args);
    va_end(args);
    rd_status status = n < 0 ? rd_error(RD_ERR_ARGUMENT, "cannot format \"%s\"", format)
                             : rd_text_reserve(text, (size_t)n);
    if (status == RD_OK) {
        rd_vsnprintf(text->data + text->length, (size_t)n + 1, format, again);
        text->length += n;
    }
    va_end(again);
    return status;
}

rd_status rd_text_append_html(rd_text *text, const char *bytes, size_t n) {
    for (size_t i = 0; i < n; i++) {
        const char *entity = bytes[i] == '<'    ? "&lt;"
                             : bytes[i] == '>'  ? "&gt;"
                             : bytes[i] == '&'  ? "&amp;"
                             : bytes[i] == '"'  ? "&quot;"
                             : bytes[i] == '\'' ? "&#39;"
                                                : NULL;
        RD_TRY(entity ? rd_text_append(text, entity, strlen(entity))
                      : rd_text_append(text, bytes + i, 1));
    }
    return RD_OK;
}

void rd_text_clear(rd_text *text) {
    text->length = 0;
    if (text->data) text->data[0] = '\0';
}

void rd_text_free(rd_text *text) {
    free(text->data);
    *text = (rd_text){0};
}

/* Length of the sequence that starts with this byte, 0 if none may. */
static int sequence_length(unsigned char lead) {
    if (lead < 0x80) return 1;
    if (lead >= 0xC2 && lead <= 0xDF) return 2;
    if (lead >= 0xE0 && lead <= 0xEF) return 3;
    if (lead >= 0xF0 && lead <= 0xF4) return 4;
    return 0;
}

int64_t rd_utf8_invalid_at(const char *bytes, size_t n) {
    const unsigned char *s = (const unsigned char *)bytes;
    for (size_t i = 0; i < n;) {
        uint64_t eight;
        if (n - i >= sizeof eight) { /* most text is ASCII */
            memcpy(&eight, s + i, sizeof eight);
            if ((eight & UINT64_C(0x8080808080808080)) == 0) {
                i += sizeof eight;
                continue;
            }
        }
        int length = sequence_length(s[i]);
        if (length == 0 || n - i < (size_t)length) return (int64_t)i;
        for (int k = 1; k < length; k++)
            if ((s[i + (size_t)k] & 0xC0) != 0x80) return (int64_t)i;
        /* Overlong three- and four-byte forms, surrogates, and beyond U+10FFFF. */
        if ((s[i] == 0xE0 && s[i + 1] < 0xA0) || (s[i] == 0xED && s[i + 1] > 0x9F) ||
            (s[i] == 0xF0 && s[i + 1] < 0x90) || (s[i] == 0xF4 && s[i + 1] > 0x8F))
            return (int64_t)i;
        i += (size_t)length;
    }
    return -1;
}

uint32_t rd_utf8_next(const char **cursor, const char *end) {
    static const unsigned char lead_mask[5] = {0, 0x7F, 0x1F, 0x0F, 0x07};
    const unsigned char *s = (const unsigned char *)*cursor;
    int length = sequence_length(s[0]);
    if (length == 0 || end - *cursor < length) { /* callers validate; never read past the end */
        *cursor += 1;
        return 0xFFFD;
    }
    uint32_t code_point = s[0] & lead_mask[length];
    for (int k = 1; k < length; k++) code_point = code_point << 6 | (s[k] & 0x3F);
    *cursor += length;
    return code_point;
}

uint32_t rd_utf8_before(const char *text, size_t *at) {
    size_t end = (*at)--;
    while (*at > 0 && end - *at < 4 && ((unsigned char)text[*at] & 0xC0) == 0x80) --*at;
    const char *cursor = text + *at;
    return rd_utf8_next(&cursor, text + end);
}

uint32_t rd_utf8_last(const char *text, size_t n) {
    return rd_utf8_before(text, &n);
}

int rd_utf8_put(uint32_t c, char out[4]) {
    if (c < 0x80) return out[0] = (char)c, 1;
    if (c < 0x800) return out[0] = (char)(0xC0 | c >> 6), out[1] = (char)(0x80 | (c & 0x3F)), 2;
    if (c < 0x10000) {
        out[0] = (char)(0xE0 | c >> 12);
        out[1] = (char)(0x80 | (c >> 6 & 0x3F));
        out[2] = (char)(0x80 | (c & 0x3F));
        return 3;
    }
    out[0] = (char)(0xF0 | c >> 18);
    out[1] = (char)(0x80 | (c >> 12 & 0x3F));
    out[2] = (char)(0x80 | (c >> 6 & 0x3F));
    out[3] = (char)(0x80 | (c & 0x3F));
    return 4;
}

size_t rd_utf8_character(const char *s, size_t n, uint32_t *c) {
    size_t length = (size_t)sequence_length((unsigned char)s[0]);
    *c = (unsigned char)s[0];
    if (length == 0 || length > n || rd_utf8_invalid_at(s, length) >= 0) return 0;
    *c = rd_utf8_next(&s, s + length);
    return length;
}

bool rd_is_control(uint32_t c) {
    return c < 0x20 || (c >= 0x7F && c < 0xA0) || c == 0x2028 || c == 0x2029;
}

/* As few bytes as say what it was; returns how many. */
static int escape_one(uint32_t c, bool valid, char to[8]) {
    if (c == '\t' || c == '\n' || c == '\r')
        return snprintf(to, 8, "%s", c == '\t' ? "\\t" : c == '\n' ? "\\n" : "\\r");
    return snprintf(to, 8, c < 0x80 || !valid ? "\\x%02x" : "\\u%04x", (unsigned)c);
}

void rd_escape(char *to, size_t room, const char *text) {
    size_t left = strlen(text), at = 0;
    while (left > 0) {
        char escaped[8];
        uint32_t c;
        size_t n = rd_utf8_character(text, left, &c);
        bool plain = n > 0 && !rd_is_control(c);
        size_t length = plain ? n : (size_t)escape_one(c, n > 0, escaped);
        if (length >= room - at) break;
        memcpy(to + at, plain ? text : escaped, length);
        at += length;
        text += n ? n : 1;
        left -= n ? n : 1;
    }
    to[at] = '\0';
}

static bool is_clean(uint32_t c, bool controls) {
    return controls || !rd_is_control(c) || c == '\t' || c == '\n' || c == '\r';
}

bool rd_text_is_clean(const char *bytes, size_t n, bool controls) {
    uint32_t c;
    for (size_t at = 0, length; at < n; at += length) {
        length = rd_utf8_character(bytes + at, n - at, &c);
        if (length == 0 || !is_clean(c, controls)) return false;
    }
    return true;
}

rd_status rd_text_append_clean(rd_text *text, const char *bytes, size_t n, bool controls) {
    uint32_t c;
    for (size_t at = 0, length; at < n; at += length ? length : 1) {
        length = rd_utf8_character(bytes + at, n - at, &c);
        bool clean = length > 0 && is_clean(c, controls);
        RD_TRY(clean ? rd_text_append(text, bytes + at, length)
                     : rd_text_append(text, "\xEF\xBF\xBD", 3));
    }
    return RD_OK;
}

const char *rd_duration(double seconds, char text[32]) {
    long long s = (long long)seconds;
    snprintf(text, 32, "%lld:%02lld:%02lld", s / 3600, s / 60 % 60, s % 60);
    return text;
}

bool rd_ends_with(const char *text, const char *ending) {
    size_t n = strlen(text), m = strlen(ending);
    return n >= m && memcmp(text + n - m, ending, m) == 0;
}

const char *rd_next_name(const char **at, size_t *n) {
    const char *name = *at + strspn(*at, ", ");
    *n = strcspn(name, ", ");
    *at = name + *n;
    return *n > 0 ? name : NULL;
}

bool rd_is_listed(const char *list, const char *name) {
    size_t n, length = strlen(name);
    const char *found;
    while ((found = rd_next_name(&list, &n)))
        if (n == length && memcmp(found, name, n) == 0) return true;
    return false;
}

/* strtod alone takes "nan", "0x1p3", " 1". */
bool rd_parse_number(const char *text, double *value) {
    if (!*text || strspn(text, "0123456789+-.eE") != strlen(text)) return false;
    char *end;
    *value = rd_strtod(text, &end);
    return *end == '\0' && isfinite(*value);
}

int32_t rd_parse_numbers(const char *text, int32_t most, double *numbers) {
    for (int32_t n = 0; n < most;) {
        char *end;
        numbers[n] = rd_strtod(text, &end);
        if (end == text || !isfinite(numbers[n++])) return -1;
        end += strspn(end, " ");
        if (!*end) return n;
        if (*end != ',') return -1;
        text = end + 1;
    }
    return -1;
}

/* Digits enough for `value` alone among floats or doubles; exponents only where %.17g has them. */
static void shortest(double value, bool is_float, char text[32]) {
    int most = is_float ? 9 : 17, digits = 1, exponent = 0;
    for (; digits <= most; digits++) {
        rd_snprintf(text, 32, "%.*e", digits - 1, value);
        double read = rd_strtod(text, NULL);
        if (is_float ? (float)read == (float)value : read == value) break;
    }
    const char *e = strchr(text, 'e');
    if (e) exponent = (int)strtol(e + 1, NULL, 10);
    if (digits > most) digits = most; /* not a number */
    if (digits <= exponent && exponent < most) digits = exponent + 1;
    rd_snprintf(text, 32, "%.*g", digits, value);
}

void rd_shortest_double(double value, char text[32]) {
    shortest(value, false, text);
}

void rd_shortest_float(float value, char text[32]) {
    shortest((double)value, true, text);
}
