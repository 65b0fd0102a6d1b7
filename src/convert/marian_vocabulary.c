#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "io/json.h"
#include "convert/marian.h"
#include "io/output.h"
#include "io/yaml.h"
#include "rdrop/tokenizer.h"

const char *rd_marian_base_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* Numbers as text to numbers. */
static rd_status number(json_t *ids, const char *directory, const char *name, int64_t rows) {
    const char *piece;
    json_t *value;
    void *next;
    json_object_foreach_safe(ids, next, piece, value) {
        const char *text = json_string_value(value);
        char *end = NULL;
        long long id = text ? strtoll(text, &end, 10) : -1;
        if (!text || end == text || *end || id < 0 || id >= rows)
            return rd_error(RD_ERR_FORMAT,
                            "%s/%s: the id of \"%.60s\" is not a number from 0 to %lld, as the "
                            "model has embeddings",
                            directory, name, piece, (long long)rows - 1);
        if (json_object_set_new(ids, piece, json_integer(id)) != 0)
            return rd_error(RD_ERR_MEMORY, "%s/%s: out of memory", directory, name);
    }
    return RD_OK;
}

/* A SentencePiece model is a vocabulary in the order of its pieces. */
static rd_status number_pieces(json_t *ids, const char *directory, const char *name, int64_t rows) {
    char *path = rd_path_join(directory, name);
    rd_tokenizer *tokenizer = NULL;
    rd_status status = path ? rd_tokenizer_open(&tokenizer, path) : RD_ERR_MEMORY;
    int32_t n = status == RD_OK ? rd_tokenizer_size(tokenizer) : 0;
    if (n > rows)
        status = rd_error(RD_ERR_FORMAT, "%s: %d pieces, but the model has embeddings of %lld",
                          path, n, (long long)rows);
    for (int32_t id = 0; status == RD_OK && id < n; id++)
        if (json_object_set_new(ids, rd_tokenizer_piece(tokenizer, id), json_integer(id)) != 0)
            status = rd_error(RD_ERR_MEMORY, "%s: out of memory", path);
    rd_tokenizer_close(tokenizer);
    free(path);
    return status;
}

static rd_status read_ids(const char *directory, const char *name, int64_t rows, json_t **ids) {
    if (rd_ends_with(name, ".spm")) {
        *ids = json_object();
        return *ids ? number_pieces(*ids, directory, name, rows)
                    : rd_error(RD_ERR_MEMORY, "%s/%s: out of memory", directory, name);
    }
    if (!rd_ends_with(name, ".yml") && !rd_ends_with(name, ".yaml") && !rd_ends_with(name, ".json"))
        return rd_error(RD_ERR_UNSUPPORTED,
                        "%s/%s: vocabularies are .yml files next to source.spm and target.spm, or "
                        ".spm files",
                        directory, name);
    RD_TRY(rd_yaml_read(ids, directory, name));
    return number(*ids, directory, name, rows);
}

/* One side's vocabulary as a vocab.json, with its own pad. */
static rd_status write_ids(rd_recipe *recipe, const char *from, const char *name, int64_t rows,
                           const char *to, const char *as) {
    json_t *ids = NULL;
    rd_status status = read_ids(from, name, rows, &ids);
    const json_t *eos = json_object_get(ids, "</s>");
    if (status == RD_OK && (!eos || !json_object_get(ids, "<unk>")))
        status = rd_error(RD_ERR_FORMAT, "%s/%s: no piece %s", from, name, eos ? "<unk>" : "</s>");
    if (status == RD_OK) recipe->model.eos_id = (int32_t)json_integer_value(eos);
    if (status == RD_OK && !json_object_get(ids, "<pad>") &&
        json_object_set_new(ids, "<pad>", json_integer(recipe->model.pad_id)) != 0)
        status = rd_error(RD_ERR_MEMORY, "%s/%s: out of memory", from, name);
    if (status == RD_OK) return rd_json_write(to, as, ids);
    json_decref(ids);
    return status;
}

static rd_status no_pieces(const char *from, const char *vocabulary, const char *pieces) {
    return rd_error(RD_ERR_UNSUPPORTED,
                    "%s/%s: there is no %s; vocabularies are .yml files next to source.spm and "
                    "target.spm, or .spm files",
                    from, vocabulary, pieces);
}

rd_status rd_marian_write_vocabulary(rd_recipe *recipe, const char *from, const json_t *decoder,
                                     const int64_t rows[2], const char *to) {
    const json_t *vocabs = json_object_get(decoder, "vocabs");
    const char *names[2];
    for (size_t i = 0; i < 2; i++) {
        names[i] = json_string_value(json_array_get(vocabs, i));
        if (!names[i] || json_array_size(vocabs) != 2)
            return rd_error(RD_ERR_FORMAT, "%s: its decoder.yml does not name two vocabs", from);
        names[i] = rd_marian_base_name(names[i]);
    }
    bool separate = strcmp(names[0], names[1]) != 0;
    for (size_t i = 0; i < 2; i++) {
        const char *as = i ? "target.spm" : "source.spm";
        const char *pieces = rd_ends_with(names[i], ".spm") ? names[i] : as;
        bool found;
        RD_TRY(rd_has_file(from, pieces, &found));
        if (!found) return no_pieces(from, names[i], pieces);
        RD_TRY(rd_copy_file(from, pieces, to, as));
    }
    RD_TRY(write_ids(recipe, from, names[0], rows[0], to, "vocab.json"));
    return separate ? write_ids(recipe, from, names[1], rows[1], to, "target_vocab.json") : RD_OK;
}
