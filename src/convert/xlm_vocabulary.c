/* XLM-R's vocabulary, out of a Hugging Face directory and into one. */
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "convert/bert.h"
#include "io/json.h"
#include "io/output.h"
#include "rdrop/tokenizer.h"

static const char theirs[] = "sentencepiece.bpe.model", ours[] = "source.spm";

static rd_status set_id(json_t *ids, const char *piece, int32_t id) {
    if (json_object_set_new(ids, piece, json_integer(id)) == 0) return RD_OK;
    return rd_error(RD_ERR_MEMORY, "vocab.json: out of memory");
}

/* <s> 0, <pad> 1, </s> 2, <unk> 3, then SentencePiece's pieces after its own three, one higher,
 * then <mask>. */
static rd_status number_pieces(const rd_tokenizer *model, json_t *ids) {
    static const char *const first[] = {"<s>", "<pad>", "</s>", "<unk>"};
    int32_t n = rd_tokenizer_size(model);
    for (int32_t i = 0; i < 4; i++) RD_TRY(set_id(ids, first[i], i));
    for (int32_t i = 3; i < n; i++) RD_TRY(set_id(ids, rd_tokenizer_piece(model, i), i + 1));
    return set_id(ids, "<mask>", n + 1);
}

/* The ids of the pieces of DIRECTORY/NAME, to be released with json_decref; NULL on failure. */
static rd_status ids_of(const char *directory, const char *name, json_t **ids) {
    char *path = rd_path_join(directory, name);
    rd_tokenizer *model = NULL;
    *ids = json_object();
    rd_status status = path && *ids ? rd_tokenizer_open(&model, path) : RD_ERR_MEMORY;
    if (status == RD_OK) status = number_pieces(model, *ids);
    rd_tokenizer_close(model);
    free(path);
    if (status == RD_OK) return RD_OK;
    json_decref(*ids);
    *ids = NULL;
    return status;
}

/* transformers 5 saves only tokenizer.json. */
static rd_status check_there(const char *from) {
    bool there, whole;
    RD_TRY(rd_has_file(from, theirs, &there));
    RD_TRY(rd_has_file(from, "tokenizer.json", &whole));
    if (there || !whole) return RD_OK; /* opening gives the error */
    return rd_error(RD_ERR_UNSUPPORTED,
                    "%s/tokenizer.json: a vocabulary of XLM-R is not read from this file; put the "
                    "%s of the model that this one was fine-tuned from (xlm-roberta-base has one) "
                    "next to it",
                    from, theirs);
}

/* The tokens that were added, if there are any. */
static rd_status copy_added(const char *from, const char *to) {
    static const char *const names[] = {"tokenizer_config.json", "added_tokens.json"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        bool there;
        RD_TRY(rd_has_file(from, names[i], &there));
        if (there) RD_TRY(rd_copy_file(from, names[i], to, names[i]));
    }
    return RD_OK;
}

/* As tokenizer_config.json has them: {"250002": {"content": "<ent>", "special": true, ...}, ...} */
static json_t *decoder_of(const json_t *added) {
    json_t *decoder = json_object(), *token;
    int failed = !decoder;
    size_t i;
    json_array_foreach(added, i, token) {
        char number[32];
        snprintf(number, sizeof number, "%lld",
                 (long long)json_integer_value(json_object_get(token, "id")));
        json_t *copy = json_copy(token);
        (void)json_object_del(copy, "id");
        failed |= json_object_set_new(decoder, number, copy);
    }
    if (!failed) return decoder;
    json_decref(decoder);
    return NULL;
}

/* transformers 5 lists added tokens in tokenizer.json alone. */
static rd_status take_added_of_whole(const char *from, const char *to) {
    json_t *whole, *config = NULL;
    RD_TRY(rd_json_read_optional(from, "tokenizer.json", &whole));
    const json_t *added = json_object_get(whole, "added_tokens");
    rd_status status = rd_json_read_optional(from, "tokenizer_config.json", &config);
    if (status == RD_OK && added && !json_object_get(config, "added_tokens_decoder")) {
        int failed = json_object_set_new(config, "added_tokens_decoder", decoder_of(added));
        status = failed ? rd_error(RD_ERR_MEMORY, "out of memory for added tokens")
                        : rd_json_write(to, "tokenizer_config.json", json_incref(config));
    }
    json_decref(whole);
    json_decref(config);
    return status;
}

rd_status rd_xlm_vocabulary_read(const char *from, const char *to) {
    json_t *ids;
    RD_TRY(check_there(from));
    RD_TRY(ids_of(from, theirs, &ids));
    RD_TRY(rd_json_write(to, "vocab.json", ids));
    RD_TRY(rd_copy_file(from, theirs, to, ours));
    RD_TRY(rd_copy_file(from, theirs, to, "target.spm"));
    RD_TRY(copy_added(from, to));
    return take_added_of_whole(from, to);
}

rd_status rd_xlm_vocabulary_write(const char *from, const char *to) {
    json_t *ids, *mapped;
    RD_TRY(ids_of(from, ours, &ids));
    rd_status status = rd_json_read_optional(from, "vocab.json", &mapped);
    bool same = status == RD_OK && json_equal(ids, mapped);
    json_decref(ids);
    json_decref(mapped);
    RD_TRY(status);
    if (!same)
        return rd_error(RD_ERR_UNSUPPORTED,
                        "%s: neither a BERT nor a RoBERTa: the pieces of %s have other ids in its "
                        "vocab.json than XLM-R gives them",
                        from, ours);
    RD_TRY(rd_copy_file(from, ours, to, theirs));
    return copy_added(from, to);
}
