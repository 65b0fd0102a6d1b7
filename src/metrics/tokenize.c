/* The rules are mteval's: v13a for 13a and the western part of zh and TER, v14 for intl. Each rule
 * is one pass that looks at two neighbouring characters, like the regular expressions in the
 * references: characters consumed by a match are not looked at again. */
#include "metrics/tokenize.h"

#include <string.h>

#include <unicode/uchar.h>

#include "metrics/segment.h"

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/* ASCII that is always a separate token: all except letters, digits, control characters, and ' , -
 * . As bits: blank to &, ( to +, /, : to ?; @, [ to `; { to ~. */
static bool is_symbol(char c) {
    static const uint64_t bits[4] = {0xFC008F7F00000000u, 0x78000001F8000001u, 0, 0};
    return bits[(unsigned char)c >> 6] >> (c & 63) & 1;
}

static bool is_stop(char c) {
    return c == '.' || c == ',';
}

/* Pads symbols with spaces. out: room for 3 n. Returns the length. Written without branches on the
 * text: symbols are too frequent for a branch to be foreseen. */
static int64_t split_symbols(const char *s, int64_t n, char *out) {
    char *to = out;
    for (int64_t i = 0; i < n; i++) {
        bool symbol = is_symbol(s[i]);
        *to = ' ';
        to += symbol;
        *to++ = s[i];
        *to = ' ';
        to += symbol;
    }
    return to - out;
}

/* A period or comma is a separate token, except after a digit. out: room for 2 n + 1. */
static int64_t split_stops_after(const char *s, int64_t n, char *out) {
    char *to = out;
    for (int64_t i = 0; i < n; i++) {
        *to++ = s[i];
        if (i + 1 < n && is_stop(s[i + 1]) && !is_digit(s[i])) {
            *to++ = ' ';
            *to++ = s[++i];
            *to++ = ' ';
        }
    }
    return to - out;
}

/* A period or comma is a separate token, except before a digit. */
static int64_t split_stops_before(const char *s, int64_t n, char *out) {
    char *to = out;
    for (int64_t i = 0; i < n; i++) {
        if (is_stop(s[i]) && i + 1 < n && !is_digit(s[i + 1])) {
            *to++ = ' ';
            *to++ = s[i];
            *to++ = ' ';
            i++;
        }
        *to++ = s[i];
    }
    return to - out;
}

/* A dash after a digit is a separate token. */
static int64_t split_dashes(const char *s, int64_t n, char *out) {
    char *to = out;
    for (int64_t i = 0; i < n; i++) {
        *to++ = s[i];
        if (is_digit(s[i]) && i + 1 < n && s[i + 1] == '-') {
            *to++ = ' ';
            *to++ = s[++i];
            *to++ = ' ';
        }
    }
    return to - out;
}

/* A run of several periods and commas with its neighbours (0: the line ends there), by the rules
 * one after the other; without the neighbours at `out`. Returns the length, or -1 for very long
 * runs. */
static int64_t split_run(const char *run, int64_t n, char left, char right, char *out) {
    enum { LONGEST = 32 };
    char whole[LONGEST + 2], once[4 * LONGEST + 8], twice[12 * LONGEST + 24];
    int64_t length = 0;
    if (n > LONGEST) return -1;
    if (left) whole[length++] = left;
    memcpy(whole + length, run, (size_t)n);
    length += n;
    if (right) whole[length++] = right;
    length = split_stops_before(once, split_stops_after(whole, length, once), twice);
    length -= (left != 0) + (right != 0);
    memcpy(out, twice + (left != 0), (size_t)length);
    return length;
}

/* All four rules in one pass, because tokenizing is most of BLEU's time. Only the characters next
 * to a period, comma or dash decide about it, so the rules can be applied to each run of periods
 * and commas by itself. out: room for 12 n. Returns -1 when a run is too long for that. */
static int64_t split_all(const char *s, int64_t n, char *out) {
    char *to = out;
    for (int64_t i = 0; i < n; i++) {
        /* The rule pads a blank, too, but a blank is already white space. */
        bool stop = is_stop(s[i]), alone = is_symbol(s[i]) & (s[i] != ' ');
        if (s[i] == '-') alone = i > 0 && is_digit(s[i - 1]);
        if (stop) {
            int64_t end = i + 1;
            while (end < n && is_stop(s[end])) end++;
            char left = i == 0 ? 0 : is_symbol(s[i - 1]) ? ' ' : s[i - 1];
            char right = end == n ? 0 : is_symbol(s[end]) ? ' ' : s[end];
            if ((i > 0 && left == 0) || (end < n && right == 0)) return -1; /* a NUL in the text */
            if (end > i + 1) {
                int64_t length = split_run(s + i, end - i, left, right, to);
                if (length < 0) return -1;
                to += length;
                i = end - 1;
                continue;
            }
            alone = (left && !is_digit(left)) || (right && !is_digit(right));
        }
        *to = ' ';
        to += alone;
        *to++ = s[i];
        *to = ' ';
        to += alone;
    }
    return to - out;
}

/* Replaces in *line, whose bytes are then in `a`. */
static rd_status replace(rd_line *line, const char *from, const char *to, rd_text *a, rd_text *b) {
    if (!memmem(line->data, line->length, from, strlen(from))) return RD_OK;
    RD_TRY(rd_line_replace(*line, from, to, b));
    rd_text swap = *a;
    *a = *b;
    *b = swap;
    *line = rd_text_line(a);
    return RD_OK;
}

/* The western rules over `line`, which may be in `a`; the result is in `a` or `b`. */
static rd_status tokenize_western(rd_line line, bool possessives, rd_text *a, rd_text *b,
                                  rd_line *out) {
    rd_text_clear(b);
    RD_TRY(rd_text_reserve(b, 12 * line.length));
    if (!possessives) {
        b->length = split_all(line.data, (int64_t)line.length, b->data);
        *out = rd_text_line(b);
        if (b->length >= 0) return RD_OK;
    }
    b->length = split_symbols(line.data, (int64_t)line.length, b->data);
    if (possessives) { /* before white space that is a blank, in TER only */
        rd_line split = rd_text_line(b);
        RD_TRY(replace(&split, "'s ", " 's ", b, a));
    }
    RD_TRY(rd_text_reserve(a, 3 * (size_t)b->length)); /* a blank before and after each byte */
    a->length = split_stops_after(b->data, b->length, a->data);
    RD_TRY(rd_text_reserve(b, 3 * (size_t)a->length));
    b->length = split_stops_before(a->data, a->length, b->data);
    RD_TRY(rd_text_reserve(a, 3 * (size_t)b->length));
    a->length = split_dashes(b->data, b->length, a->data);
    *out = rd_text_line(a);
    return RD_OK;
}

/* One after the other: "&amp;lt;" becomes "<". */
static rd_status unescape(rd_line *line, rd_text *a, rd_text *b) {
    if (!memchr(line->data, '&', line->length)) return RD_OK;
    RD_TRY(replace(line, "&quot;", "\"", a, b));
    RD_TRY(replace(line, "&amp;", "&", a, b));
    RD_TRY(replace(line, "&lt;", "<", a, b));
    return replace(line, "&gt;", ">", a, b);
}

/* *line with a blank on both sides, in `a`. */
static rd_status pad(rd_line *line, rd_text *a, rd_text *b) {
    rd_text_clear(b);
    RD_TRY(rd_text_append(b, " ", 1));
    RD_TRY(rd_text_append(b, line->data, line->length));
    RD_TRY(rd_text_append(b, " ", 1));
    rd_text swap = *a;
    *a = *b;
    *b = swap;
    *line = rd_text_line(a);
    return RD_OK;
}

rd_status rd_tokenize_13a(rd_line line, rd_text *a, rd_text *b, rd_line *out) {
    if (memchr(line.data, '<', line.length)) RD_TRY(replace(&line, "<skipped>", "", a, b));
    if (memchr(line.data, '\n', line.length)) {
        RD_TRY(replace(&line, "-\n", "", a, b));
        RD_TRY(replace(&line, "\n", " ", a, b));
    }
    RD_TRY(unescape(&line, a, b));
    RD_TRY(pad(&line, a, b));
    return tokenize_western(line, false, a, b, out);
}

/* The ranges of sacreBLEU's zh tokenizer. It writes two supplementary ranges with four-digit
 * escapes, which Python reads as the ranges U+2001..2A6D and U+2F81..2FA1; equal numbers need the
 * same. */
static bool is_zh(uint32_t c) {
    static const uint32_t ranges[][2] = {
        {0x2001, 0x2A6D}, {0x2E80, 0x2EFF}, {0x2F00, 0x2FDF}, {0x2FF0, 0x2FFF}, {0x3000, 0x303F},
        {0x3100, 0x312F}, {0x31A0, 0x31BF}, {0x31C0, 0x31EF}, {0x3200, 0x33FF}, {0x3400, 0x4DB5},
        {0x4E00, 0x9FBB}, {0xF900, 0xFA2D}, {0xFA30, 0xFA6A}, {0xFA70, 0xFAD9}, {0xFE10, 0xFE1F},
        {0xFE30, 0xFE4F}, {0xFF00, 0xFFEF}, {0x2600, 0x27BF}};
    if (c < 0x2001) return false;
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
        if (c >= ranges[i][0] && c <= ranges[i][1]) return true;
    return false;
}

/* Pads every character that `alone` accepts with blanks. */
static rd_status isolate(rd_line line, bool (*alone)(uint32_t), rd_text *out) {
    rd_text_clear(out);
    RD_TRY(rd_text_reserve(out, 3 * line.length));
    char *to = out->data;
    for (const char *s = line.data, *end = s + line.length; s < end;) {
        const char *start = s;
        bool padded = alone(rd_utf8_next(&s, end));
        if (padded) *to++ = ' ';
        while (start < s) *to++ = *start++;
        if (padded) *to++ = ' ';
    }
    out->length = to - out->data;
    return RD_OK;
}

static bool any_character(uint32_t c) {
    (void)c;
    return true;
}

typedef enum { OTHER, NUMBER, PUNCTUATION, SYMBOL } character_class;

static character_class classify(uint32_t c) {
    uint32_t mask = U_MASK(u_charType((UChar32)c));
    if (mask & U_GC_N_MASK) return NUMBER;
    if (mask & U_GC_P_MASK) return PUNCTUATION;
    return mask & U_GC_S_MASK ? SYMBOL : OTHER;
}

/* Punctuation between `other` characters and numbers. pad_after: padded after a non-number,
 * otherwise before one. */
static rd_status split_punctuation(rd_line line, bool pad_after, rd_text *out) {
    rd_text_clear(out);
    RD_TRY(rd_text_reserve(out, 3 * line.length));
    char *to = out->data;
    const char *end = line.data + line.length;
    for (const char *s = line.data; s < end;) {
        const char *second = s, *after;
        character_class first_class = classify(rd_utf8_next(&second, end));
        after = second;
        character_class next = after < end ? classify(rd_utf8_next(&after, end)) : NUMBER;
        bool match = second < end && (pad_after ? first_class != NUMBER && next == PUNCTUATION
                                                : first_class == PUNCTUATION && next != NUMBER);
        if (match && !pad_after) *to++ = ' ';
        while (s < second) *to++ = *s++;
        if (!match) continue;
        *to++ = ' ';
        while (s < after) *to++ = *s++;
        if (pad_after) *to++ = ' ';
    }
    out->length = to - out->data;
    return RD_OK;
}

static bool is_unicode_symbol(uint32_t c) {
    return classify(c) == SYMBOL;
}

rd_status rd_tokenize_intl(rd_line line, rd_text *a, rd_text *b, rd_line *out) {
    RD_TRY(split_punctuation(line, true, a));
    RD_TRY(split_punctuation(rd_text_line(a), false, b));
    RD_TRY(isolate(rd_text_line(b), is_unicode_symbol, a));
    *out = rd_text_line(a);
    return RD_OK;
}

rd_status rd_tokenize_zh(rd_line line, rd_text *a, rd_text *b, rd_line *out) {
    RD_TRY(isolate(rd_line_strip(line), is_zh, a));
    return tokenize_western(rd_text_line(a), false, a, b, out);
}

rd_status rd_tokenize_char(rd_line line, rd_text *a, rd_text *b, rd_line *out) {
    (void)b;
    RD_TRY(isolate(line, any_character, a));
    *out = rd_text_line(a);
    return RD_OK;
}

rd_status rd_tokenize_none(rd_line line, rd_text *a, rd_text *b, rd_line *out) {
    (void)a, (void)b;
    *out = line;
    return RD_OK;
}

static bool is_asian_punctuation(uint32_t c) {
    return (c >= 0x3001 && c <= 0x3002) || (c >= 0x3008 && c <= 0x3011) ||
           (c >= 0x3014 && c <= 0x301F) || (c >= 0xFF61 && c <= 0xFF65) || c == 0x30FB ||
           c == 0xFF0E || c == 0xFF0C || c == 0xFF1F || c == 0xFF1A || c == 0xFF1B || c == 0xFF01 ||
           c == 0xFF02 || c == 0xFF08 || c == 0xFF09;
}

/* Characters that Tercom splits off one by one. sacreBLEU's rules for runs of kana need the line to
 * begin with kana, but by then it begins with a blank: they never apply, and kana stay together.
 * 0x3F22 is sacreBLEU's (3200..32FF was meant, 3200..3F22 is what runs). */
static bool is_asian(uint32_t c) {
    return (c >= 0x4E00 && c <= 0x9FFF) || (c >= 0x3400 && c <= 0x4DBF) ||
           (c >= 0x31C0 && c <= 0x31EF) || (c >= 0x2E80 && c <= 0x2EFF) ||
           (c >= 0x3200 && c <= 0x3F22) || (c >= 0xF900 && c <= 0xFAFF) ||
           (c >= 0xFE30 && c <= 0xFE4F) || is_asian_punctuation(c);
}

static rd_status remove_punctuation(rd_line line, bool asian, rd_text *out) {
    rd_text_clear(out);
    RD_TRY(rd_text_reserve(out, line.length));
    char *to = out->data;
    for (const char *s = line.data, *end = s + line.length; s < end;) {
        const char *start = s;
        uint32_t c = rd_utf8_next(&s, end);
        if (c < 0x80 && c && strchr(".,?:;!\"()", (int)c)) continue;
        if (asian && is_asian_punctuation(c)) continue;
        while (start < s) *to++ = *start++;
    }
    out->length = to - out->data;
    return RD_OK;
}

rd_status rd_tokenize_ter(const rd_metric_config *config, rd_line line, rd_text *a, rd_text *b,
                          rd_line *out) {
    if (config->normalized) {
        RD_TRY(replace(&line, "\n-", "", a, b));
        RD_TRY(replace(&line, "\n", " ", a, b));
        RD_TRY(unescape(&line, a, b));
        RD_TRY(pad(&line, a, b));
        RD_TRY(tokenize_western(line, true, a, b, &line));
        if (config->asian_support) {
            RD_TRY(isolate(line, is_asian, b));
            line = rd_text_line(b);
        }
    }
    if (config->no_punct) {
        rd_text *to = line.data == a->data ? b : a;
        RD_TRY(remove_punctuation(line, config->asian_support, to));
        line = rd_text_line(to);
    }
    *out = line;
    return RD_OK;
}
