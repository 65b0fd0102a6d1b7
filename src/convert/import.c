#include "convert/import.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "io/json.h"

rd_status rd_import_check_shape(const char *path, const char *name, const rd_stored_tensor *tensor,
                                int64_t rows, int64_t columns, const char *reason) {
    if (rd_stored_tensor_fits(tensor, rows, columns)) return RD_OK;
    return rd_error(RD_ERR_FORMAT, "%s: tensor %s has another shape than [%lld%s%.0lld], which %s",
                    path, name, (long long)rows, columns ? ", " : "", (long long)columns, reason);
}

static bool is_known(const rd_string_table *used, const char *const *copies, const char *name) {
    if (rd_string_find(used, name, strlen(name)) >= 0 || strcmp(name, "__metadata__") == 0)
        return true;
    for (; *copies; copies++)
        if (rd_ends_with(name, *copies)) return true;
    return false;
}

rd_status rd_import_warn_unused(const rd_tensor_set *tensors, const rd_string_table *used,
                                const char *const *copies, rd_text *warnings) {
    rd_text list = {0};
    rd_status status = RD_OK;
    int n = 0;
    for (int64_t f = 0; f < tensors->n; f++) {
        const char *name;
        json_t *value;
        json_object_foreach(tensors->files[f].header, name, value) {
            char shown[96];
            if (is_known(used, copies, name)) continue;
            rd_escape(shown, sizeof shown, name);
            if (n++ < 4 && status == RD_OK)
                status = rd_text_printf(&list, "%s%s", n > 1 ? ", " : "", shown);
        }
    }
    if (status == RD_OK && n > 0)
        status = rd_text_printf(warnings, "%d tensor%s of no use here: %s%s\n", n,
                                n == 1 ? " is" : "s are", list.data, n > 4 ? ", ..." : "");
    rd_text_free(&list);
    return status;
}

rd_status rd_import_warn_copy(const rd_tensor_set *tensors, const char *copy, const char *name,
                              const float *values, int64_t n, rd_text *warnings) {
    const rd_tensor_file *file = rd_tensor_set_find(tensors, copy);
    rd_stored_tensor tensor;
    bool same = false;
    if (!file) return RD_OK;
    RD_TRY(rd_tensor_file_find(file, copy, &tensor));
    if (tensor.n == n) {
        float *of_copy = rd_malloc((size_t)n, sizeof *of_copy);
        rd_status status = of_copy ? rd_stored_tensor_read(&tensor, of_copy) : RD_ERR_MEMORY;
        same = status == RD_OK && memcmp(of_copy, values, sizeof *values * (size_t)n) == 0;
        free(of_copy);
        if (status == RD_ERR_MEMORY) return status; /* of others: it is not the same */
    }
    if (same) return RD_OK;
    return rd_text_printf(warnings,
                          "tensor %s differs from %s, which config.json ties it to, and is not "
                          "read: transformers before version 5 do the same, later ones read it\n",
                          copy, name);
}

static rd_status check_side(const rd_model_config *c, const char *directory, const char *side,
                            const rd_tokenizer *tokenizer, int32_t rows) {
    if (rd_tokenizer_size(tokenizer) > rows)
        return rd_error(RD_ERR_FORMAT,
                        "%s: ids of the %s vocabulary up to %d, but the model has embeddings of %d",
                        directory, side, rd_tokenizer_size(tokenizer) - 1, rows);
    if (rd_tokenizer_eos(tokenizer) == c->eos_id) return RD_OK;
    return rd_error(RD_ERR_FORMAT,
                    "%s: </s> is %d in the %s vocabulary, but the model's end of sentence %d",
                    directory, rd_tokenizer_eos(tokenizer), side, c->eos_id);
}

/* Ids are those of the JSON files, never SentencePiece's own. */
rd_status rd_import_vocabulary_kind(const char *directory, rd_vocabulary_kind *kind) {
    bool separate, ids;
    RD_TRY(rd_has_file(directory, "target_vocab.json", &separate));
    RD_TRY(rd_has_file(directory, "vocab.json", &ids));
    *kind = separate ? RD_VOCABULARY_SEPARATE : RD_VOCABULARY_JOINT;
    if (!separate || ids) return RD_OK;
    return rd_error(RD_ERR_IO, "%s/vocab.json: missing, next to a target_vocab.json", directory);
}

/* The search gets the target's unk. */
rd_status rd_import_check_vocabulary(rd_recipe *recipe, const char *directory) {
    rd_model_config *c = &recipe->model;
    rd_tokenizer *source, *target;
    rd_vocabulary_kind kind;
    RD_TRY(rd_import_vocabulary_kind(directory, &kind));
    RD_TRY(rd_vocabularies_open(directory, kind, &source, &target));
    rd_status status = check_side(c, directory, "source", source, c->src_vocab);
    if (status == RD_OK) status = check_side(c, directory, "target", target, c->tgt_vocab);
    c->unk_id = rd_tokenizer_unk(target);
    rd_vocabularies_close(source, target);
    RD_TRY(status);
    recipe->data.joined_dictionary = kind == RD_VOCABULARY_JOINT && c->src_vocab == c->tgt_vocab;
    recipe->data.vocab_size_src = c->src_vocab;
    recipe->data.vocab_size_tgt = c->tgt_vocab;
    if (c->share_all_embeddings && !recipe->data.joined_dictionary)
        return rd_error(RD_ERR_FORMAT, "%s: shared embeddings, but two vocabularies", directory);
    return RD_OK;
}

size_t rd_import_layer_prefix(const char *ours, long *layer) {
    static const char prefix[] = "encoder.layers.";
    if (strncmp(ours, prefix, strlen(prefix)) != 0) return 0;
    char *end;
    *layer = strtol(ours + strlen(prefix), &end, 10);
    return *end == '.' ? (size_t)(end + 1 - ours) : 0;
}

void rd_import_transpose(float *to, const float *from, int64_t rows, int64_t columns) {
    for (int64_t i = 0; i < rows; i++)
        for (int64_t k = 0; k < columns; k++) to[i * columns + k] = from[k * rows + i];
}
