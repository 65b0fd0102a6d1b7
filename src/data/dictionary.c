#include "data/dictionary.h"

#include <stdlib.h>
#include <string.h>

#include <unicode/uchar.h>
#include <unicode/utf8.h>

#include "data/vocab_text.h"

enum { MOST_SYMBOLS = 1 << 24 };

/* The bytes of "U+0065"; returns their number, 0 if it is not a character. */
static size_t read_character(const char *name, char bytes[4]) {
    char *end;
    if (strncmp(name, "U+", 2) != 0 || strlen(name) > 8 || !u_isxdigit((unsigned char)name[2]))
        return 0;
    unsigned long c = strtoul(name + 2, &end, 16);
    if (*end || c > 0x10FFFF || (c >= 0xD800 && c < 0xE000)) return 0;
    return (size_t)rd_utf8_put((uint32_t)c, bytes);
}

/* line: cut in place. */
static rd_status read_line(rd_string_table *symbols, const char *path, int64_t number, char *line,
                           bool characters) {
    char *blank = strrchr(line, ' '), bytes[4];
    int32_t id, n_before = (int32_t)symbols->n;
    if (!blank || blank == line || !blank[1] || blank[1 + strspn(blank + 1, "0123456789")])
        return rd_vocab_line_refuse(path, number, line,
                                    characters ? "expected a character and its count, \"U+0065 17\""
                                               : "expected a word and its count, \"house 17\"");
    *blank = '\0';
    const char *symbol = line;
    size_t n = (size_t)(blank - line);
    if (characters && strcmp(line, "<mask>") != 0) {
        n = read_character(line, bytes);
        symbol = bytes;
        if (n == 0)
            return rd_vocab_line_refuse(path, number, line, "expected a character as \"U+0065\"");
    }
    RD_TRY(rd_string_add(symbols, symbol, n, &id));
    return id == n_before ? RD_OK : rd_vocab_line_refuse(path, number, line, "it is there twice");
}

static rd_status read_lines(rd_string_table *symbols, const char *path, char *text,
                            bool characters) {
    char *line;
    for (int64_t number = 1; (line = rd_vocab_line(&text)); number++) {
        if (!*line && !text) break; /* after the last line's end */
        RD_TRY(read_line(symbols, path, number, line, characters));
        if (symbols->n > MOST_SYMBOLS)
            return rd_vocab_line_refuse(path, number, line,
                                        "a dictionary of more than 16,777,216 symbols");
    }
    return RD_OK;
}

rd_status rd_dictionary_read(rd_string_table *symbols, const char *path, const char *bytes,
                             size_t n, bool characters) {
    static const char *const special[RD_DICTIONARY_SPECIAL] = {"<s>", "<pad>", "</s>", "<unk>"};
    int32_t id;
    RD_TRY(rd_vocab_text_check(path, "not a dictionary", bytes, n));
    for (int i = 0; i < RD_DICTIONARY_SPECIAL; i++)
        RD_TRY(rd_string_add(symbols, special[i], strlen(special[i]), &id));
    char *text = strdup(bytes);
    if (!text) return rd_error(RD_ERR_MEMORY, "%s: out of memory", path);
    rd_status status = read_lines(symbols, path, text, characters);
    free(text);
    if (status == RD_OK && symbols->n == RD_DICTIONARY_SPECIAL)
        return rd_error(RD_ERR_FORMAT, "%s: a dictionary without symbols", path);
    return status;
}

size_t rd_dictionary_word(const char *text, size_t n, size_t *at, const char **word,
                          uint64_t *hash) {
    size_t begin = *at, i = begin;
    *hash = RD_STRING_HASH;
    while (i < n) {
        int space = rd_space_at(text + i, text + n);
        if (space && i > begin) break;
        if (space)
            begin = i += (size_t)space;
        else
            *hash = rd_string_hash_add(*hash, text[i++]);
    }
    *at = i;
    *word = text + begin;
    return i - begin;
}
