/* Reading WordPiece vocabularies as Hugging Face writes them. Files come from outside: unknown
 * settings that would change the ids are refused. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "data/piece_ids.h"
#include "data/vocab_text.h"
#include "data/wordpiece.h"
#include "io/json.h"

enum { MOST_PIECES = 1000000, MOST_ADDED = 100000, USUAL_LONGEST_WORD = 100 };

__attribute__((format(printf, 2, 3))) static rd_status refuse(const char *path, const char *format,
                                                              ...) {
    char reason[320];
    va_list args;
    va_start(args, format);
    vsnprintf(reason, sizeof reason, format, args);
    va_end(args);
    return rd_error(RD_ERR_FORMAT, "%s: not a WordPiece vocabulary: %s", path, reason);
}

/* Of two pieces with the same spelling the last counts, as in Hugging Face's tokenizers. */
static rd_status add_to_table(rd_wordpiece_table *table, const char *name, size_t n, int32_t id,
                              int32_t *index) {
    RD_TRY(rd_string_add(&table->strings, name, n, index));
    RD_TRY(rd_reserve(&table->ids, &table->capacity, table->strings.n, sizeof *table->ids));
    table->ids[*index] = id;
    if (n > table->longest) table->longest = n;
    return RD_OK;
}

static int32_t id_of(const rd_wordpiece *self, const char *name) {
    int32_t index = rd_string_find(&self->starts.strings, name, strlen(name));
    return index < 0 ? -1 : self->starts.ids[index];
}

/* names: [size]; NULL: no piece has this id. */
static rd_status store_pieces(rd_wordpiece *self, const char *const *names, int32_t size) {
    self->base.size = size;
    self->spellings = rd_malloc((size_t)size, sizeof *self->spellings);
    self->special = rd_calloc((size_t)size, sizeof *self->special);
    if (!self->spellings || !self->special) return RD_ERR_MEMORY;
    for (int32_t id = 0, inner; id < size; id++) {
        self->spellings[id] = -1;
        if (!names[id]) continue;
        size_t n = strlen(names[id]);
        RD_TRY(add_to_table(&self->starts, names[id], n, id, &self->spellings[id]));
        if (strncmp(names[id], "##", 2) == 0)
            RD_TRY(add_to_table(&self->continuations, names[id] + 2, n - 2, id, &inner));
    }
    return RD_OK;
}

static rd_status find_special(rd_wordpiece *self, const char *path, const char *unk) {
    const char *const names[] = {"[PAD]", "[CLS]", "[SEP]", unk, "[MASK]"};
    rd_tokenizer *t = &self->base;
    int32_t *const ids[] = {&t->pad, &t->bos, &t->eos, &t->unk, &t->mask};
    for (int i = 0; i < 5; i++) {
        *ids[i] = id_of(self, names[i]);
        if (*ids[i] >= 0) self->special[*ids[i]] = true;
    }
    return t->unk >= 0 ? RD_OK : refuse(path, "it has no piece \"%.60s\"", unk);
}

/* tokenizer_config.json takes precedence over the vocabulary's own rules, as in BertTokenizer. */
static rd_status read_config_beside(rd_wordpiece *self, const char *vocab_path) {
    rd_wordpiece_rules *rules = &self->rules;
    json_t *config;
    RD_TRY(rd_json_read_beside(vocab_path, "tokenizer_config.json", &config));
    bool lower = rd_json_flag(config, "do_lower_case", rules->lower);
    bool other = lower != rules->lower; /* then accents go with the letters, too */
    rules->lower = lower;
    rules->strip_accents =
        rd_json_flag(config, "strip_accents", other ? lower : rules->strip_accents);
    rules->chinese = rd_json_flag(config, "tokenize_chinese_chars", rules->chinese);
    json_decref(config);
    return RD_OK;
}

static bool is_usual(const char *token) {
    static const char *const usual[] = {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"};
    for (size_t i = 0; i < sizeof usual / sizeof *usual; i++)
        if (strcmp(token, usual[i]) == 0) return true;
    return false;
}

/* The vocabulary's own special pieces are text in a text; other special tokens are one id there. */
static rd_status take_added(rd_wordpiece *self, const char *path, const json_t *added) {
    rd_tokenizer *t = &self->base;
    const int32_t own[] = {t->pad, t->bos, t->eos, t->unk, t->mask};
    size_t i;
    json_t *token;
    json_array_foreach(added, i, token) {
        const char *name = json_string_value(json_object_get(token, "content"));
        bool special = json_is_true(json_object_get(token, "special"));
        if (special) self->special[json_integer_value(json_object_get(token, "id"))] = true;
        if (!special && !is_usual(name))
            return rd_error(RD_ERR_UNSUPPORTED,
                            "%s: the added token \"%.60s\" is not supported; beyond its pieces a "
                            "WordPiece vocabulary has special tokens alone here",
                            path, name);
    }
    return rd_added_tokens_open(&t->added, added, own, 5, true);
}

static rd_status check_text(const char *path, const char *bytes, size_t n, int64_t *n_lines) {
    RD_TRY(rd_vocab_text_check(path, "not a WordPiece vocabulary", bytes, n));
    *n_lines = n > 0 && bytes[n - 1] != '\n';
    for (size_t i = 0; i < n; i++) *n_lines += bytes[i] == '\n';
    if (*n_lines > MOST_PIECES)
        return refuse(path, "it has %lld lines; at most %d pieces can be", (long long)*n_lines,
                      MOST_PIECES);
    return RD_OK;
}

/* Added tokens among the lines of a vocab.txt, or after them. names: [*size], for `most` */
static rd_status place_added(const char *path, const json_t *added, const char **names,
                             int64_t *size, int64_t most) {
    size_t i;
    json_t *token;
    json_array_foreach(added, i, token) {
        const char *name = json_string_value(json_object_get(token, "content"));
        json_int_t id = json_integer_value(json_object_get(token, "id"));
        if (id < 0 || id >= most)
            return refuse(path, "its added token \"%.60s\" has the id %lld, far from its pieces",
                          name, (long long)id);
        if (names[id] && strcmp(names[id], name) != 0)
            return refuse(path, "line %lld is \"%.60s\", but an added token \"%.60s\" has its id",
                          (long long)id + 1, names[id], name);
        names[id] = name;
        if (id >= *size) *size = id + 1;
    }
    return RD_OK;
}

/* Cuts `text` into its n lines. added: the tokens of the files next to it. */
static rd_status load_lines(rd_wordpiece *self, const char *path, char *text, int64_t n,
                            const json_t *added) {
    int64_t size = n, most = n + MOST_ADDED;
    const char **names = rd_calloc((size_t)most, sizeof *names);
    if (!names) return RD_ERR_MEMORY;
    for (int64_t i = 0; i < n; i++) names[i] = rd_vocab_line(&text);
    rd_status status = place_added(path, added, names, &size, most);
    if (status == RD_OK) status = store_pieces(self, names, (int32_t)size);
    free(names);
    return status;
}

rd_status rd_wordpiece_load_text(rd_wordpiece *self, const char *path, const char *bytes,
                                 size_t n) {
    int64_t n_lines;
    json_t *added;
    RD_TRY(check_text(path, bytes, n, &n_lines));
    self->rules = (rd_wordpiece_rules){true, true, true, true};
    self->longest_word = USUAL_LONGEST_WORD;
    self->tidy = true;
    RD_TRY(read_config_beside(self, path));
    RD_TRY(rd_added_tokens_beside(&added, path));
    char *text = rd_strdup(bytes);
    rd_status status = text ? load_lines(self, path, text, n_lines, added) : RD_ERR_MEMORY;
    if (status == RD_OK) status = find_special(self, path, "[UNK]");
    if (status == RD_OK) status = take_added(self, path, added);
    free(text);
    json_decref(added);
    return status;
}

static rd_status check_type(const char *path, const json_t *root, const char *key,
                            const char *expected) {
    const char *type = json_string_value(json_object_get(json_object_get(root, key), "type"));
    if (type && strcmp(type, expected) == 0) return RD_OK;
    return refuse(path, "its %s is %.40s, not %s", key, type ? type : "missing", expected);
}

/* The settings of a tokenizer.json that would change ids. */
static rd_status read_settings(rd_wordpiece *self, const char *path, const json_t *root) {
    const json_t *model = json_object_get(root, "model");
    const json_t *normalizer = json_object_get(root, "normalizer");
    const json_t *longest = json_object_get(model, "max_input_chars_per_word");
    const char *prefix = json_string_value(json_object_get(model, "continuing_subword_prefix"));
    RD_TRY(check_type(path, root, "normalizer", "BertNormalizer"));
    RD_TRY(check_type(path, root, "pre_tokenizer", "BertPreTokenizer"));
    if (prefix && strcmp(prefix, "##") != 0)
        return refuse(path, "pieces within words begin with \"%.20s\", not \"##\"", prefix);
    self->longest_word = longest ? (int32_t)json_integer_value(longest) : USUAL_LONGEST_WORD;
    if (longest && (!json_is_integer(longest) || json_integer_value(longest) < 1 ||
                    json_integer_value(longest) > RD_WORDPIECE_WORD))
        return refuse(path, "max_input_chars_per_word is not an integer from 1 to %d",
                      RD_WORDPIECE_WORD);
    self->rules.clean = rd_json_flag(normalizer, "clean_text", true);
    self->rules.chinese = rd_json_flag(normalizer, "handle_chinese_chars", true);
    self->rules.lower = rd_json_flag(normalizer, "lowercase", true);
    self->rules.strip_accents = rd_json_flag(normalizer, "strip_accents", self->rules.lower);
    self->tidy = rd_json_flag(json_object_get(root, "decoder"), "cleanup", true);
    return RD_OK;
}

rd_status rd_wordpiece_load_json(rd_wordpiece *self, const char *path, const json_t *root) {
    const json_t *model = json_object_get(root, "model");
    const json_t *added = json_object_get(root, "added_tokens");
    json_t *vocab = json_object_get(model, "vocab");
    const char *unk = json_string_value(json_object_get(model, "unk_token"));
    rd_piece_ids map = {0};
    if (!json_is_object(vocab)) return refuse(path, "it has no model.vocab");
    RD_TRY(read_settings(self, path, root));
    RD_TRY(read_config_beside(self, path));
    rd_status status = rd_piece_ids_take(&map, path, vocab, added);
    if (status == RD_OK) status = store_pieces(self, map.pieces, map.size);
    rd_piece_ids_close(&map);
    RD_TRY(status);
    RD_TRY(find_special(self, path, unk ? unk : "[UNK]"));
    return take_added(self, path, added);
}
