#include "data/subword.h"

#include <stdlib.h>
#include <string.h>

#include "base/c_locale.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/string_table.h"
#include "data/bpe_merge.h"
#include "data/vocab_text.h"

enum { LARGEST_FILE = 1 << 30, MOST_CODES = 1 << 26 };

static const char WORD_END[] = "</w>";
enum { N_WORD_END = sizeof WORD_END - 1 };

struct rd_subword {
    rd_string_table symbols;
    rd_bpe_rules rules;
    bool end_apart; /* version 0.1: the end of a word is at first a separate symbol */
};

/* The working memory of one thread. */
typedef struct {
    const rd_subword *subword;
    rd_bpe_scratch merging;
    int32_t *ids;    /* [n_ids] */
    int64_t *starts; /* [n_characters + 1] in the word */
    int64_t ids_capacity, starts_capacity, n_ids, n_characters;
    float dropout;
    rd_rng *rng;
    rd_text *out;
} cutter;

void rd_subword_close(rd_subword *subword) {
    if (!subword) return;
    rd_string_table_free(&subword->symbols);
    rd_bpe_rules_free(&subword->rules);
    free(subword);
}

/* line: cut in place. The first of two equal pairs counts. */
static rd_status add_code(rd_subword *s, const char *path, int64_t number, int32_t rank,
                          char *line) {
    int32_t ids[2], merged;
    size_t n = strlen(line);
    while (n > 0 && strchr("\r ", line[n - 1])) line[--n] = '\0';
    line += strspn(line, "\r ");
    char *blank = strchr(line, ' '), *last = blank ? strchr(blank + 1, ' ') : NULL;
    if (!blank || blank == line || !blank[1] || blank[1] == ' ' ||
        (last && last[1 + strspn(last + 1, "0123456789")]))
        return rd_vocab_line_refuse(path, number, line, "expected two symbols, \"th e\"");
    size_t n_left = (size_t)(blank - line);
    size_t n_right = last ? (size_t)(last - blank - 1) : strlen(blank + 1);
    RD_TRY(rd_string_add(&s->symbols, line, n_left, &ids[0]));
    RD_TRY(rd_string_add(&s->symbols, blank + 1, n_right, &ids[1]));
    memmove(blank, blank + 1, n_right); /* the two are one text now */
    RD_TRY(rd_string_add(&s->symbols, line, n_left + n_right, &merged));
    if (!rd_bpe_rules_find(&s->rules, ids[0], ids[1]))
        rd_bpe_rules_add(&s->rules, ids[0], ids[1], (rd_bpe_rule){rank, merged});
    return RD_OK;
}

/* "#version: 0.2" first, or codes at once. fastBPE's end words as those of 0.2. */
static bool ends_are_apart(const char *text) {
    static const char key[] = "#version:";
    if (strncmp(text, key, sizeof key - 1) == 0)
        return rd_strtod(text + sizeof key - 1, NULL) < 0.15;
    size_t n = strcspn(text, "\n"), blanks = 0;
    for (size_t i = 0; i < n; i++) blanks += text[i] == ' ' && i + 1 < n && text[i + 1] != '\r';
    return blanks < 2;
}

static rd_status read_codes(rd_subword *s, const char *path, char *text, size_t n) {
    int64_t lines = 1, number = 1;
    char *line;
    int32_t rank = 0;
    RD_TRY(rd_vocab_text_check(path, "no codes", text, n));
    for (size_t i = 0; i < n; i++) lines += text[i] == '\n';
    if (lines > MOST_CODES)
        return rd_error(RD_ERR_FORMAT, "%s: more than %d codes", path, MOST_CODES);
    RD_TRY(rd_bpe_rules_new(&s->rules, lines));
    s->rules.rounds = true;
    s->end_apart = ends_are_apart(text);
    while (n > 0 && text[n - 1] == '\n') text[--n] = '\0';
    for (; (line = strsep(&text, "\n")); number++)
        if (number > 1 || *line != '#' || strncmp(line, "#version:", 9) != 0)
            RD_TRY(add_code(s, path, number, rank++, line));
    return RD_OK;
}

rd_status rd_subword_open(rd_subword **subword, const char *path) {
    char *text;
    size_t n;
    *subword = NULL;
    RD_TRY(rd_read_file(path, LARGEST_FILE, &text, &n));
    rd_subword *s = rd_calloc(1, sizeof *s);
    rd_status status = s ? read_codes(s, path, text, n) : RD_ERR_MEMORY;
    free(text);
    if (status == RD_OK)
        *subword = s;
    else
        rd_subword_close(s);
    return status;
}

/* Symbols that no code has get ids after those that have one, by their place in the word; such a
 * symbol is one character, or the end. */
static int32_t id_of(const cutter *c, const char *symbol, size_t n, int64_t place) {
    int32_t id = rd_string_find(&c->subword->symbols, symbol, n);
    return id >= 0 ? id : (int32_t)(c->subword->symbols.n + place);
}

/* The word's characters, the last with the word's end, or the end apart. */
static rd_status split(cutter *c, const char *word, size_t n) {
    RD_TRY(rd_reserve(&c->ids, &c->ids_capacity, (int64_t)n + 1, sizeof *c->ids));
    RD_TRY(rd_reserve(&c->starts, &c->starts_capacity, (int64_t)n + 1, sizeof *c->starts));
    char last[4 + N_WORD_END];
    c->n_characters = 0;
    for (size_t at = 0, length; at < n; at += length) {
        uint32_t code;
        length = rd_utf8_character(word + at, n - at, &code);
        if (length == 0) length = 1;
        int64_t i = c->n_characters++;
        c->starts[i] = (int64_t)at;
        if (at + length < n || c->subword->end_apart) {
            c->ids[i] = id_of(c, word + at, length, i);
        } else {
            memcpy(last, word + at, length);
            memcpy(last + length, WORD_END, N_WORD_END);
            c->ids[i] = id_of(c, last, length + N_WORD_END, i);
        }
    }
    c->starts[c->n_characters] = (int64_t)n;
    c->n_ids = c->n_characters;
    if (c->subword->end_apart) c->ids[c->n_ids++] = id_of(c, WORD_END, N_WORD_END, c->n_characters);
    return RD_OK;
}

/* The text of a symbol, its bytes in *n. */
static const char *text_of(const cutter *c, const char *word, int32_t id, size_t *n) {
    const rd_string_table *symbols = &c->subword->symbols;
    if (id < symbols->n) {
        *n = rd_string_length(symbols, id);
        return rd_string_at(symbols, id);
    }
    int64_t place = id - symbols->n;
    if (place == c->n_characters) {
        *n = N_WORD_END;
        return WORD_END;
    }
    *n = (size_t)(c->starts[place + 1] - c->starts[place]);
    return word + c->starts[place];
}

static bool is_end(const char *symbol, size_t n) {
    return n >= N_WORD_END && memcmp(symbol + n - N_WORD_END, WORD_END, N_WORD_END) == 0;
}

static rd_status put(cutter *c, const char *piece, size_t n, bool last) {
    RD_TRY(rd_text_append(c->out, piece, n));
    return last ? RD_OK : rd_text_append(c->out, RD_SUBWORD_JOINER " ", 3);
}

/* The end of the word is no part of its last piece. */
static rd_status put_pieces(cutter *c, const char *word) {
    size_t n;
    int64_t count = c->n_ids;
    const char *symbol = text_of(c, word, c->ids[count - 1], &n);
    if (n == N_WORD_END && is_end(symbol, n)) count--;
    for (int64_t i = 0; i < count; i++) {
        bool last = i + 1 == count;
        symbol = text_of(c, word, c->ids[i], &n);
        if (last && count == c->n_ids && is_end(symbol, n)) n -= N_WORD_END;
        RD_TRY(put(c, symbol, n, last));
    }
    return RD_OK;
}

static rd_status cut_word(cutter *c, const char *word, size_t n) {
    if (c->out->length > 0 && c->out->data[c->out->length - 1] != ' ')
        RD_TRY(rd_text_append(c->out, " ", 1));
    RD_TRY(split(c, word, n));
    if (c->n_characters == 1) return put(c, word, n, true);
    RD_TRY(rd_bpe_merge(&c->subword->rules, &c->merging, c->ids, &c->n_ids, c->dropout, c->rng));
    return put_pieces(c, word);
}

static rd_status cut_words(cutter *c, const char *text, size_t n) {
    while (n > 0 && strchr("\r\n ", text[n - 1]) && text[n - 1]) n--;
    size_t at = 0;
    while (at < n && strchr("\r\n ", text[at]) && text[at]) at++;
    while (at < n) {
        const char *blank = memchr(text + at, ' ', n - at);
        size_t end = blank ? (size_t)(blank - text) : n;
        if (end > at) RD_TRY(cut_word(c, text + at, end - at));
        at = end + 1;
    }
    return RD_OK;
}

rd_status rd_subword_apply(const rd_subword *subword, const char *text, size_t n, float dropout,
                           rd_rng *rng, rd_text *out) {
    if (n >= INT32_MAX / 4)
        return rd_error(RD_ERR_ARGUMENT, "cannot tokenize a text of %zu bytes at once", n);
    cutter c = {.subword = subword, .dropout = dropout, .rng = rng, .out = out};
    rd_status status = cut_words(&c, text, n);
    rd_bpe_scratch_free(&c.merging);
    free(c.ids);
    free(c.starts);
    return status;
}

size_t rd_subword_join(char *text, size_t n) {
    static const char joiner[] = RD_SUBWORD_JOINER " ";
    size_t kept = 0;
    if (n > 1 && memcmp(text + n - 2, joiner, 2) == 0) n -= 2;
    for (size_t i = 0; i < n;) {
        if (n - i >= 3 && memcmp(text + i, joiner, 3) == 0)
            i += 3;
        else
            text[kept++] = text[i++];
    }
    while (kept > 0 && text[kept - 1] == ' ') kept--;
    text[kept] = '\0';
    return kept;
}
