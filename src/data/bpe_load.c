/* Reading byte-level BPE vocabularies as Hugging Face writes them. Files come from outside: unknown
 * settings that would change the ids are refused. */
#include <jansson.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "io/json.h"
#include "base/memory.h"
#include "data/bpe.h"
#include "data/piece_ids.h"
#include "data/vocab_text.h"

/* CHARS: above all characters that spell bytes. */
enum { CHARS = 512, LARGEST_FILE = 256 << 20 };

/* Bytes that a merge takes at most, and how many merges may take beyond three times their file. */
enum { RULE_COST = 72, FREE_COST = 40 << 20 };

/* A vocabulary being read. */
typedef struct {
    rd_bpe *bpe;
    const char *path;
    rd_piece_ids map;
    bool *special;          /* [size] */
    rd_text joined;         /* scratch */
    uint16_t char_of[256];  /* the character that spells a byte */
    int16_t byte_of[CHARS]; /* the byte a character spells; -1: none */
    int64_t n_rules;
} loader;

__attribute__((format(printf, 2, 3))) static rd_status refuse(const char *path, const char *format,
                                                              ...) {
    char reason[320];
    va_list args;
    va_start(args, format);
    vsnprintf(reason, sizeof reason, format, args);
    va_end(args);
    return rd_error(RD_ERR_FORMAT, "%s: not a byte-level BPE vocabulary: %s", path, reason);
}

/* Every byte has a character that prints: itself where it does, else one from U+0100 on. */
static void spell_bytes(loader *l) {
    int others = 0;
    memset(l->byte_of, 0xFF, sizeof l->byte_of);
    for (int b = 0; b < 256; b++) {
        bool prints = (b > 32 && b < 127) || (b > 160 && b != 173);
        l->char_of[b] = (uint16_t)(prints ? b : 256 + others++);
        l->byte_of[l->char_of[b]] = (int16_t)b;
    }
}

static int32_t id_of(const loader *l, const char *name) {
    return rd_piece_ids_find(&l->map, name);
}

static rd_status find_bytes(loader *l) {
    for (int b = 0; b < 256; b++) {
        char name[5] = {0};
        rd_utf8_put(l->char_of[b], name);
        l->bpe->byte_pieces[b] = id_of(l, name);
        if (l->bpe->byte_pieces[b] < 0)
            return refuse(l->path, "no piece for byte 0x%02X (\"%s\")", (unsigned)b, name);
    }
    return RD_OK;
}

static void find_special(loader *l) {
    static const char *const names[] = {"<pad>", "<s>", "</s>", "<unk>", "<mask>"};
    rd_tokenizer *t = &l->bpe->base;
    int32_t *const ids[] = {&t->pad, &t->bos, &t->eos, &t->unk, &t->mask};
    for (int i = 0; i < 5; i++) {
        *ids[i] = id_of(l, names[i]);
        if (*ids[i] >= 0) l->special[*ids[i]] = true;
    }
    int32_t end = id_of(l, "<|endoftext|>"); /* GPT-2's only special piece is both */
    if (end < 0 || t->bos >= 0 || t->eos >= 0) return;
    t->bos = t->eos = end;
    l->special[end] = true;
}

/* Appends the bytes that a piece's characters stand for; the piece itself if one stands for no
 * byte. */
static rd_status append_bytes(const loader *l, rd_text *to, const char *name) {
    int64_t start = to->length;
    const char *end = name + strlen(name);
    for (const char *at = name; at < end;) {
        uint32_t c = rd_utf8_next(&at, end);
        if (c >= CHARS || l->byte_of[c] < 0) {
            to->length = start;
            return rd_text_append(to, name, (size_t)(end - name));
        }
        char byte = (char)l->byte_of[c];
        RD_TRY(rd_text_append(to, &byte, 1));
    }
    return RD_OK;
}

static rd_status store_pieces(loader *l) {
    rd_bpe *bpe = l->bpe;
    size_t size = (size_t)bpe->base.size;
    bpe->name_at = rd_calloc(size, sizeof *bpe->name_at);
    bpe->bytes_at = rd_calloc(size + 1, sizeof *bpe->bytes_at);
    if (!bpe->name_at || !bpe->bytes_at) return RD_ERR_MEMORY;
    RD_TRY(rd_text_append(&bpe->bytes, "", 0));
    for (size_t id = 0; id < size; id++) {
        const char *name = l->map.pieces[id] ? l->map.pieces[id] : "";
        bpe->name_at[id] = bpe->names.length;
        RD_TRY(rd_text_append(&bpe->names, name, strlen(name) + 1));
        if (!l->special[id]) RD_TRY(append_bytes(l, &bpe->bytes, name));
        bpe->bytes_at[id + 1] = bpe->bytes.length;
    }
    return RD_OK;
}

static rd_status add_rule(loader *l, const char *left, const char *right) {
    rd_text_clear(&l->joined);
    RD_TRY(rd_text_append(&l->joined, left, strlen(left)));
    RD_TRY(rd_text_append(&l->joined, right, strlen(right)));
    int32_t first = id_of(l, left), second = id_of(l, right);
    rd_bpe_rule rule = {.rank = (int32_t)l->n_rules, .merged = id_of(l, l->joined.data)};
    if (first < 0 || second < 0 || rule.merged < 0)
        return refuse(l->path, "merge %lld, \"%.60s\" and \"%.60s\", is of or to no piece",
                      (long long)l->n_rules + 1, left, right);
    rd_bpe_rules_add(&l->bpe->rules, first, second, rule);
    l->n_rules++;
    return RD_OK;
}

/* "LEFT RIGHT", cut in two in place. */
static rd_status add_line(loader *l, char *line) {
    char *blank = strchr(line, ' ');
    if (!blank || strchr(blank + 1, ' '))
        return refuse(l->path, "merge %lld, \"%.60s\", is not two pieces and a blank between them",
                      (long long)l->n_rules + 1, line);
    *blank = '\0';
    return add_rule(l, line, blank + 1);
}

/* merges.txt: "#version: ..." and a merge a line. */
static rd_status read_merges(loader *l, char *text, size_t n) {
    int64_t lines = 1;
    const char *nul = memchr(text, '\0', n);
    if (nul)
        return refuse(l->path, "byte %lld of its merges is a NUL", (long long)(nul - text) + 1);
    for (size_t i = 0; i < n; i++) lines += text[i] == '\n';
    if ((size_t)lines > (FREE_COST + 3 * n) / RULE_COST)
        return refuse(l->path, "%lld lines of merges are too many for %zu bytes", (long long)lines,
                      n);
    RD_TRY(rd_bpe_rules_new(&l->bpe->rules, lines));
    char *rest = text, *line;
    bool first = true;
    while ((line = rd_vocab_line(&rest))) {
        bool skip = (first && strncmp(line, "#version", 8) == 0) || (!rest && !*line);
        first = false;
        if (!skip) RD_TRY(add_line(l, line));
    }
    return RD_OK;
}

/* A tokenizer_config.json next to the vocabulary takes precedence over the tokenizer.json. */
static rd_status load_config_beside(loader *l, const char *vocab_path) {
    json_t *config;
    RD_TRY(rd_json_read_beside(vocab_path, "tokenizer_config.json", &config));
    const json_t *prefix = json_object_get(config, "add_prefix_space");
    if (json_is_boolean(prefix)) l->bpe->prefix_space = json_is_true(prefix);
    json_decref(config);
    return RD_OK;
}

static rd_status load_merges_beside(loader *l, const char *vocab_path) {
    const char *slash = strrchr(vocab_path, '/');
    rd_text path = {0};
    char *text = NULL;
    size_t n = 0;
    rd_status status =
        rd_text_append(&path, vocab_path, slash ? (size_t)(slash + 1 - vocab_path) : 0);
    if (status == RD_OK) status = rd_text_append(&path, "merges.txt", 10);
    if (status == RD_OK) status = rd_read_file(path.data, LARGEST_FILE, &text, &n);
    if (status == RD_OK) {
        l->path = path.data;
        status = read_merges(l, text, n);
        l->path = vocab_path;
    }
    free(text);
    rd_text_free(&path);
    return status;
}

/* Merges of a tokenizer.json: "LEFT RIGHT" or, since 2024, ["LEFT", "RIGHT"]. */
static rd_status load_merges(loader *l, const json_t *merges) {
    RD_TRY(rd_bpe_rules_new(&l->bpe->rules, (int64_t)json_array_size(merges)));
    size_t i;
    json_t *merge;
    json_array_foreach(merges, i, merge) {
        const char *left = json_string_value(json_array_get(merge, 0));
        const char *right = json_string_value(json_array_get(merge, 1));
        if (left && right && json_array_size(merge) == 2) {
            RD_TRY(add_rule(l, left, right));
            continue;
        }
        char *line = json_is_string(merge) ? rd_strdup(json_string_value(merge)) : NULL;
        if (!line && json_is_string(merge)) return RD_ERR_MEMORY;
        rd_status status =
            line ? add_line(l, line)
                 : refuse(l->path, "merge %lld is not two pieces", (long long)l->n_rules + 1);
        free(line);
        RD_TRY(status);
    }
    return RD_OK;
}

/* Whether a setting does nothing: absent, null, false, zero or "". */
static bool is_off(const json_t *value) {
    return !value || json_is_null(value) || json_is_false(value) ||
           (json_is_number(value) && json_number_value(value) == 0.0) ||
           (json_is_string(value) && !*json_string_value(value));
}

/* The settings of a tokenizer.json that would change ids. */
static rd_status check_settings(loader *l, const json_t *root, const json_t *model) {
    static const char *const unknown[] = {"dropout", "continuing_subword_prefix",
                                          "end_of_word_suffix", "byte_fallback", "ignore_merges"};
    const char *type = json_string_value(json_object_get(model, "type"));
    const json_t *words = json_object_get(root, "pre_tokenizer");
    const char *split = json_string_value(json_object_get(words, "type"));
    if (type && strcmp(type, "BPE") != 0) return refuse(l->path, "its model is %.40s", type);
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++)
        if (!is_off(json_object_get(model, unknown[i])))
            return refuse(l->path, "its model sets %s", unknown[i]);
    if (!is_off(json_object_get(root, "normalizer"))) return refuse(l->path, "it has a normalizer");
    if (!split || strcmp(split, "ByteLevel") != 0)
        return refuse(l->path, "its pre_tokenizer is not ByteLevel");
    if (json_is_false(json_object_get(words, "use_regex")))
        return refuse(l->path, "its pre_tokenizer does not split words (use_regex)");
    l->bpe->prefix_space = json_is_true(json_object_get(words, "add_prefix_space"));
    return RD_OK;
}

static void mark_special(loader *l, const json_t *added) {
    size_t i;
    json_t *token;
    json_array_foreach(added, i, token) {
        int32_t id = id_of(l, json_string_value(json_object_get(token, "content")));
        if (json_is_true(json_object_get(token, "special"))) l->special[id] = true;
    }
}

static rd_status open_added(loader *l, const json_t *added) {
    rd_tokenizer *t = &l->bpe->base;
    const int32_t own[] = {t->pad, t->bos, t->eos, t->unk, t->mask};
    return rd_added_tokens_open(&t->added, added, own, 5, true);
}

static rd_status load_pieces(loader *l, json_t *pieces, const json_t *added) {
    spell_bytes(l);
    RD_TRY(rd_piece_ids_take(&l->map, l->path, pieces, added));
    l->bpe->base.size = l->map.size;
    l->special = rd_calloc((size_t)l->map.size, sizeof *l->special);
    if (!l->special) return RD_ERR_MEMORY;
    mark_special(l, added);
    find_special(l);
    RD_TRY(open_added(l, added));
    RD_TRY(find_bytes(l));
    return store_pieces(l);
}

/* A vocab.json, with the files next to it. */
static rd_status load_vocab(loader *l, json_t *root) {
    json_t *added;
    RD_TRY(rd_added_tokens_beside(&added, l->path));
    rd_status status = load_pieces(l, root, added);
    json_decref(added);
    RD_TRY(status);
    RD_TRY(load_config_beside(l, l->path));
    return load_merges_beside(l, l->path);
}

static rd_status load(loader *l, json_t *root) {
    json_t *model = json_object_get(root, "model"), *pieces = json_object_get(model, "vocab");
    if (!json_is_object(model)) return load_vocab(l, root);
    if (!json_is_object(pieces)) return refuse(l->path, "it has no model.vocab");
    RD_TRY(check_settings(l, root, model));
    RD_TRY(load_config_beside(l, l->path));
    RD_TRY(load_pieces(l, pieces, json_object_get(root, "added_tokens")));
    return load_merges(l, json_object_get(model, "merges"));
}

rd_status rd_bpe_load(rd_bpe *bpe, const char *path, json_t *root) {
    loader l = {.bpe = bpe, .path = path};
    rd_status status = load(&l, root);
    rd_text_free(&l.joined);
    rd_piece_ids_close(&l.map);
    free(l.special);
    return status;
}
