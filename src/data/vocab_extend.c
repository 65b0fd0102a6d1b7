#include "data/vocab_extend.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "data/vocab_files.h"
#include "io/json.h"
#include "io/output.h"
#include "io/protobuf.h"

enum { LARGEST_FILE = 1 << 30 };

static const char BLANKS[] = " \t";

int32_t rd_count_symbols(const char *symbols) {
    int32_t n = 0;
    for (const char *at = symbols + strspn(symbols, BLANKS); *at; at += strspn(at, BLANKS), n++)
        at += strcspn(at, BLANKS);
    return n;
}

/* A list of the symbols; no piece of `tokenizer` may be among them. */
static rd_status check_new(const rd_tokenizer *tokenizer, const json_t *list) {
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *symbol = json_string_value(json_array_get(list, i));
        for (size_t k = 0; k < i; k++)
            if (json_equal(json_array_get(list, i), json_array_get(list, k)))
                return rd_error(RD_ERR_FORMAT, "extend-vocab: %.60s is there twice", symbol);
        for (int32_t id = 0; id < rd_tokenizer_size(tokenizer); id++) {
            const char *piece = rd_tokenizer_piece(tokenizer, id);
            if (piece && strcmp(piece, symbol) == 0)
                return rd_error(RD_ERR_FORMAT,
                                "extend-vocab: %.60s is piece %d of the vocabulary already", symbol,
                                (int)id);
        }
    }
    return RD_OK;
}

/* One piece at the end of a ModelProto, whose first field is the list of pieces: its text (field
 * 1), score 0 (field 2, a float) and type USER_DEFINED (field 3, 4). */
static rd_status put_piece(rd_text *out, const char *symbol) {
    rd_text piece = {0};
    rd_status status = rd_proto_put_bytes(&piece, 1, symbol, strlen(symbol));
    if (status == RD_OK) status = rd_proto_put_float(&piece, 2, 0.0f);
    if (status == RD_OK) status = rd_proto_put_integer(&piece, 3, 4);
    if (status == RD_OK) status = rd_proto_put_bytes(out, 1, piece.data, (size_t)piece.length);
    rd_text_free(&piece);
    return status;
}

static rd_status append_pieces(const char *path, const json_t *list) {
    char *bytes;
    size_t n;
    rd_text out = {0};
    RD_TRY(rd_read_file(path, LARGEST_FILE, &bytes, &n));
    rd_status status = rd_text_append(&out, bytes, n);
    free(bytes);
    for (size_t i = 0; status == RD_OK && i < json_array_size(list); i++)
        status = put_piece(&out, json_string_value(json_array_get(list, i)));
    if (status == RD_OK) status = rd_write_file(path, out.data, (size_t)out.length);
    rd_text_free(&out);
    return status;
}

static rd_status extend_sentencepiece(const char *directory, const char *name, const json_t *list) {
    char *path = rd_path_join(directory, name);
    rd_tokenizer *tokenizer = NULL;
    rd_status status = path ? rd_tokenizer_open(&tokenizer, path) : RD_ERR_MEMORY;
    if (status == RD_OK) status = check_new(tokenizer, list);
    rd_tokenizer_close(tokenizer);
    if (status == RD_OK) status = append_pieces(path, list);
    free(path);
    return status;
}

static json_t *token_of(const char *symbol, int32_t id) {
    return json_pack("{s:i, s:s, s:b, s:b, s:b, s:b, s:b}", "id", (int)id, "content", symbol,
                     "single_word", 0, "lstrip", 0, "rstrip", 0, "normalized", 1, "special", 0);
}

static rd_status no_memory(const char *directory) {
    return rd_error(RD_ERR_MEMORY, "%s: out of memory for its vocabulary", directory);
}

static rd_status extend_tokenizer_json(const char *directory, const json_t *list, int32_t first) {
    json_t *root;
    RD_TRY(rd_json_read(directory, "tokenizer.json", &root));
    json_t *added = json_object_get(root, "added_tokens");
    bool failed = !added && json_object_set_new(root, "added_tokens", added = json_array()) != 0;
    for (size_t i = 0; !failed && i < json_array_size(list); i++)
        failed = json_array_append_new(added, token_of(json_string_value(json_array_get(list, i)),
                                                       first + (int32_t)i)) != 0;
    if (!failed) return rd_json_write(directory, "tokenizer.json", root);
    json_decref(root);
    return no_memory(directory);
}

/* added_tokens.json, and tokenizer_config.json if it also lists added tokens. */
static rd_status extend_added(const char *directory, const json_t *list, int32_t first) {
    json_t *map, *config;
    RD_TRY(rd_json_read_optional(directory, "added_tokens.json", &map));
    rd_status status = rd_json_read_optional(directory, "tokenizer_config.json", &config);
    json_t *decoder = status == RD_OK ? json_object_get(config, "added_tokens_decoder") : NULL;
    for (size_t i = 0; status == RD_OK && i < json_array_size(list); i++) {
        const char *symbol = json_string_value(json_array_get(list, i));
        char number[16];
        snprintf(number, sizeof number, "%d", (int)(first + (int32_t)i));
        bool failed = json_object_set_new(map, symbol, json_integer(first + (int32_t)i)) != 0;
        json_t *token = decoder ? token_of(symbol, first + (int32_t)i) : NULL;
        if (token) failed |= json_object_del(token, "id") != 0;
        if (decoder) failed |= json_object_set_new(decoder, number, token) != 0;
        if (failed) status = no_memory(directory);
    }
    if (status == RD_OK && decoder)
        status = rd_json_write(directory, "tokenizer_config.json", json_incref(config));
    if (status == RD_OK) status = rd_json_write(directory, "added_tokens.json", json_incref(map));
    json_decref(map);
    json_decref(config);
    return status;
}

static rd_status not_supported(const char *directory) {
    return rd_error(RD_ERR_UNSUPPORTED,
                    "%s: extend-vocab: for vocabularies of SentencePiece, of MarianMT with one "
                    "vocab.json, and of byte-level BPE",
                    directory);
}

static rd_status extend_ids(const char *directory, const json_t *list, bool whole) {
    rd_tokenizer *source, *target;
    RD_TRY(rd_vocabularies_open(directory, RD_VOCABULARY_JOINT, &source, &target));
    int32_t first = rd_tokenizer_size(source);
    bool words = rd_tokenizer_kind_of(source) == RD_TOKENIZER_WORDPIECE;
    rd_status status = words ? not_supported(directory) : check_new(source, list);
    rd_vocabularies_close(source, target);
    RD_TRY(status);
    return whole ? extend_tokenizer_json(directory, list, first)
                 : extend_added(directory, list, first);
}

static rd_status extend(const char *directory, const json_t *list) {
    static const char *const names[] = {"spm.model",         "source.spm", "vocab.json",
                                        "target_vocab.json", "target.spm", "tokenizer.json"};
    enum { JOINT, SOURCE, IDS, TARGET_IDS, TARGET, WHOLE, N_NAMES };
    bool there[N_NAMES];
    for (int i = 0; i < N_NAMES; i++) RD_TRY(rd_has_file(directory, names[i], &there[i]));
    if (there[JOINT]) return extend_sentencepiece(directory, names[JOINT], list);
    if (there[SOURCE] && there[TARGET] && !there[IDS]) {
        RD_TRY(extend_sentencepiece(directory, names[SOURCE], list));
        return extend_sentencepiece(directory, names[TARGET], list);
    }
    if (there[TARGET_IDS] || (!there[IDS] && !there[WHOLE])) return not_supported(directory);
    return extend_ids(directory, list, there[WHOLE] && !there[SOURCE]);
}

rd_status rd_vocabularies_extend(const char *directory, const char *symbols) {
    json_t *list = json_array();
    bool failed = !list;
    for (const char *at = symbols + strspn(symbols, BLANKS); !failed && *at;
         at += strspn(at, BLANKS)) {
        size_t n = strcspn(at, BLANKS);
        failed = json_array_append_new(list, json_stringn(at, n)) != 0;
        at += n;
    }
    rd_status status = failed ? no_memory(directory) : RD_OK;
    if (status == RD_OK && json_array_size(list) > 0) status = extend(directory, list);
    json_decref(list);
    return status;
}
