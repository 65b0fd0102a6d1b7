#include "translate/head.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

/* A tag's name is between these. */
typedef struct {
    const char *open, *close;
    size_t shortest; /* name */
} shape;

static const shape shapes[] = {{">>", "<<", 1}, {"<", ">", 1}, {"[", "]", 2}, {"__", "__", 2}};

static bool is_blank(char c) {
    return c == ' ' || c == '\t';
}

static bool is_name(const char *name, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (!memchr("_-:=.", name[i], 5) && !(name[i] >= '0' && name[i] <= '9') &&
            !(name[i] >= 'a' && name[i] <= 'z') && !(name[i] >= 'A' && name[i] <= 'Z'))
            return false;
    return true;
}

static bool has_shape(const shape *s, const char *word, size_t n) {
    size_t open = strlen(s->open), close = strlen(s->close);
    return n >= open + s->shortest + close && memcmp(word, s->open, open) == 0 &&
           memcmp(word + n - close, s->close, close) == 0 && is_name(word + open, n - open - close);
}

/* Elements of HTML that nothing closes, or need not. */
static bool is_html(const char *word, size_t n) {
    static const char *const names[] = {"<br>", "<hr>", "<p>", "<li>", "<td>", "<tr>", "<img>"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strlen(names[i]) == n && memcmp(word, names[i], n) == 0) return true;
    return false;
}

/* Whether the rest has "</name>" for the word "<name>". */
static bool is_closed(const char *word, size_t n, const char *rest, size_t n_rest) {
    for (const char *c = rest; (c = memmem(c, (size_t)(rest + n_rest - c), "</", 2)); c++)
        if ((size_t)(rest + n_rest - c) > n && memcmp(c + 2, word + 1, n - 1) == 0) return true;
    return false;
}

/* Whether the vocabulary has it as one piece, perhaps after the piece of a blank. */
static rd_status is_piece(const rd_tokenizer *tokenizer, const char *word, size_t n, bool *yes) {
    rd_ids ids = {0};
    rd_status status = rd_tokenizer_encode(tokenizer, word, n, &ids);
    const char *blank = ids.length == 2 ? rd_tokenizer_piece(tokenizer, ids.data[0]) : NULL;
    *yes = ids.length == 1 || (blank && strcmp(blank, rd_tokenizer_space(tokenizer)) == 0);
    *yes = *yes && ids.data[ids.length - 1] != rd_tokenizer_unk(tokenizer);
    free(ids.data);
    return status;
}

rd_status rd_line_head(const rd_tokenizer *tokenizer, const char *text, size_t n, size_t *length) {
    *length = 0;
    for (size_t at = 0, end;; at = end) {
        while (at < n && is_blank(text[at])) at++;
        for (end = at; end < n && !is_blank(text[end]); end++) {
        }
        const shape *found = NULL;
        for (size_t i = 0; !found && i < sizeof shapes / sizeof *shapes; i++)
            if (has_shape(&shapes[i], text + at, end - at)) found = &shapes[i];
        bool tag = found && end < n && !is_html(text + at, end - at) &&
                   !is_closed(text + at, end - at, text + end, n - end);
        if (tag) RD_TRY(is_piece(tokenizer, text + at, end - at, &tag));
        if (!tag) break;
        *length = end;
    }
    size_t rest = *length;
    while (rest < n && is_blank(text[rest])) rest++;
    if (rest == n) *length = 0;
    return RD_OK;
}
