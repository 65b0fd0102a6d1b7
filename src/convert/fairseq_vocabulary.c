/* The vocabulary next to a checkpoint of fairseq: dict.LANG.txt for each side, or one dict.txt; and
 * the subwords that its words are. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "io/output.h"
#include "convert/fairseq.h"
#include "data/vocab_files.h"
#include "io/json.h"
#include "rdrop/tokenizer.h"

static const char *const code_names[] = {"bpecodes", "code", "codes", "bpe.codes", NULL};
static const char *const piece_names[] = {"sentencepiece.bpe.model", "sentencepiece.model",
                                          "sentence.bpe.model", "spm.model", NULL};

typedef struct {
    const rd_fairseq_checkpoint *checkpoint;
    const char *from, *to;
    char dictionaries[2][80];
    const char *codes, *pieces; /* files; NULL: there is none */
    bool joint;
} vocabulary;

/* The first of the files that are there; NULL: none is. */
static rd_status first_of(const char *directory, const char *const *names, const char **found) {
    *found = NULL;
    for (; *names && !*found; names++) {
        bool there;
        RD_TRY(rd_has_file(directory, *names, &there));
        if (there) *found = *names;
    }
    return RD_OK;
}

static rd_status same_bytes(const vocabulary *v, bool *same) {
    char *bytes[2] = {NULL, NULL};
    size_t n[2] = {0, 0};
    rd_status status = RD_OK;
    for (int i = 0; status == RD_OK && i < 2; i++) {
        char *path = rd_path_join(v->from, v->dictionaries[i]);
        status = path ? rd_read_file(path, (size_t)1 << 30, &bytes[i], &n[i]) : RD_ERR_MEMORY;
        free(path);
    }
    *same = status == RD_OK && n[0] == n[1] && memcmp(bytes[0], bytes[1], n[0]) == 0;
    free(bytes[0]);
    free(bytes[1]);
    return status;
}

/* dict.LANG.txt, if the settings name a language; or dict.source.txt; or one for both. */
static rd_status name_dictionary(vocabulary *v, int side, const char *key) {
    const char *language = v->checkpoint->is_lm ? NULL : rd_fairseq_text(v->checkpoint, key);
    const char *stems[] = {language, side ? "target" : "source", NULL};
    char *name = v->dictionaries[side];
    bool there = false, safe = language && !strchr(language, '/') && strlen(language) <= 60;
    for (int i = v->checkpoint->is_lm ? 2 : safe ? 0 : 1; !there && i < 3; i++) {
        snprintf(name, sizeof v->dictionaries[side], "dict.%.60s%stxt", stems[i] ? stems[i] : "",
                 stems[i] ? "." : "");
        RD_TRY(rd_has_file(v->from, name, &there));
    }
    if (there) return RD_OK;
    if (v->checkpoint->is_lm)
        return rd_error(RD_ERR_IO,
                        "%s/dict.txt: missing; a checkpoint needs the dictionary of its "
                        "data next to it",
                        v->from);
    return rd_error(RD_ERR_IO,
                    "%s: neither dict.%.60s.txt nor dict.txt; a checkpoint needs the dictionaries "
                    "of its data next to it%s",
                    v->from, safe ? language : stems[1],
                    safe ? "" : ", and this one does not name its languages");
}

static rd_status find_files(vocabulary *v, bool shared) {
    RD_TRY(name_dictionary(v, 0, "source_lang"));
    RD_TRY(name_dictionary(v, 1, "target_lang"));
    RD_TRY(first_of(v->from, code_names, &v->codes));
    RD_TRY(first_of(v->from, piece_names, &v->pieces));
    RD_TRY(same_bytes(v, &v->joint));
    if (v->joint || !shared) return RD_OK;
    return rd_error(RD_ERR_FORMAT, "%s: %s and %s differ, but the model has one table for both",
                    v->from, v->dictionaries[0], v->dictionaries[1]);
}

/* Opened in the user's directory, so that errors name that file. */
static rd_status open_dictionary(const vocabulary *v, int side, rd_tokenizer **words) {
    char *path = rd_path_join(v->from, v->dictionaries[side]);
    rd_status status = path ? rd_tokenizer_open(words, path) : RD_ERR_MEMORY;
    free(path);
    return status;
}

static rd_status check_dictionaries(const vocabulary *v) {
    for (int side = 0; side < (v->joint ? 1 : 2); side++) {
        rd_tokenizer *words;
        RD_TRY(open_dictionary(v, side, &words));
        rd_tokenizer_close(words);
    }
    return RD_OK;
}

static rd_status copy_dictionaries(const vocabulary *v) {
    if (v->joint) return rd_copy_file(v->from, v->dictionaries[0], v->to, "dict.txt");
    RD_TRY(rd_copy_file(v->from, v->dictionaries[0], v->to, "dict.source.txt"));
    return rd_copy_file(v->from, v->dictionaries[1], v->to, "dict.target.txt");
}

/* {"piece": id, ...} of an open dictionary. */
static rd_status write_ids(const vocabulary *v, const rd_tokenizer *words, const char *name) {
    json_t *ids = json_object();
    for (int32_t id = 0; ids && id < rd_tokenizer_size(words); id++)
        if (json_object_set_new(ids, rd_tokenizer_piece(words, id), json_integer(id)) != 0) {
            json_decref(ids);
            ids = NULL;
        }
    if (!ids) return rd_error(RD_ERR_MEMORY, "%s/%s: out of memory", v->to, name);
    return rd_json_write(v->to, name, ids);
}

/* The pieces of a SentencePiece model have the ids of the dictionaries. */
static rd_status map_pieces(const vocabulary *v) {
    RD_TRY(rd_copy_file(v->from, v->pieces, v->to, "source.spm"));
    RD_TRY(rd_copy_file(v->from, v->pieces, v->to, "target.spm"));
    for (int side = 0; side < (v->joint ? 1 : 2); side++) {
        rd_tokenizer *words;
        RD_TRY(open_dictionary(v, side, &words));
        rd_status status = write_ids(v, words, side ? "target_vocab.json" : "vocab.json");
        rd_tokenizer_close(words);
        RD_TRY(status);
    }
    return RD_OK;
}

static rd_status write_files(const vocabulary *v, rd_text *warnings) {
    if (v->pieces && !v->codes) return map_pieces(v);
    RD_TRY(check_dictionaries(v));
    RD_TRY(copy_dictionaries(v));
    if (v->codes) return rd_copy_file(v->from, v->codes, v->to, "bpecodes");
    if (!warnings) return RD_OK;
    return rd_text_printf(warnings,
                          "%s: neither codes of subword-nmt (bpecodes) nor a SentencePiece model "
                          "(%s) are there; words are those of the dictionary, so that input must "
                          "be cut as the training text was\n",
                          v->from, piece_names[0]);
}

static rd_status take_sizes(const vocabulary *v, rd_recipe *recipe) {
    rd_tokenizer *source, *target;
    rd_model_config *c = &recipe->model;
    RD_TRY(rd_vocabularies_open(v->to, v->joint ? RD_VOCABULARY_JOINT : RD_VOCABULARY_SEPARATE,
                                &source, &target));
    c->src_vocab = rd_tokenizer_size(source);
    c->tgt_vocab = rd_tokenizer_size(target);
    rd_vocabularies_close(source, target);
    recipe->data.joined_dictionary = v->joint;
    recipe->data.vocab_size_src = c->src_vocab;
    recipe->data.vocab_size_tgt = c->tgt_vocab;
    return RD_OK;
}

rd_status rd_fairseq_take_vocabulary(const rd_fairseq_checkpoint *checkpoint, const char *from,
                                     const char *to, rd_recipe *recipe, rd_text *warnings) {
    vocabulary v = {.checkpoint = checkpoint, .from = from, .to = to};
    RD_TRY(find_files(&v, recipe->model.share_all_embeddings));
    RD_TRY(write_files(&v, warnings));
    return take_sizes(&v, recipe);
}
