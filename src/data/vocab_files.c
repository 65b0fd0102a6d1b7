#include "data/vocab_files.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"

typedef struct {
    rd_vocabulary_kind kind;
    const char *files[2]; /* [1] NULL: one file */
} form;

/* The first that is there counts. */
static const form forms[] = {{RD_VOCABULARY_JOINT, {"spm.model", NULL}},
                             {RD_VOCABULARY_SEPARATE, {"source.spm", "target.spm"}},
                             {RD_VOCABULARY_JOINT, {"tokenizer.json", NULL}},
                             {RD_VOCABULARY_JOINT, {"vocab.json", "merges.txt"}}};
enum { N_FORMS = sizeof forms / sizeof *forms };

static rd_status holds(const char *directory, const char *name, bool *found) {
    *found = true;
    if (!name) return RD_OK;
    char *path = rd_path_join(directory, name);
    if (!path) return RD_ERR_MEMORY;
    *found = rd_file_exists(path);
    free(path);
    return RD_OK;
}

static rd_status find_form(const char *directory, rd_vocabulary_kind kind, const form **found) {
    for (int i = 0; i < N_FORMS; i++) {
        if (kind != RD_VOCABULARY_ANY && forms[i].kind != kind) continue;
        bool first, second;
        RD_TRY(holds(directory, forms[i].files[0], &first));
        RD_TRY(holds(directory, forms[i].files[1], &second));
        *found = &forms[i];
        if (first && second) return RD_OK;
    }
    if (kind == RD_VOCABULARY_JOINT)
        return rd_error(RD_ERR_IO,
                        "%s/spm.model: no vocabulary there, nor one of byte-level BPE "
                        "(tokenizer.json, or vocab.json and merges.txt)",
                        directory);
    if (kind == RD_VOCABULARY_SEPARATE)
        return rd_error(RD_ERR_IO, "%s: no vocabularies source.spm and target.spm there",
                        directory);
    return rd_error(RD_ERR_IO,
                    "%s: no vocabulary; a model directory holds spm.model, source.spm and "
                    "target.spm, tokenizer.json, or vocab.json and merges.txt",
                    directory);
}

static rd_status open_file(rd_tokenizer **tokenizer, const char *directory, const char *name) {
    char *path = rd_path_join(directory, name);
    rd_status status = path ? rd_tokenizer_open(tokenizer, path) : RD_ERR_MEMORY;
    free(path);
    return status;
}

rd_status rd_vocabularies_open(const char *directory, rd_vocabulary_kind kind,
                               rd_tokenizer **source, rd_tokenizer **target) {
    const form *found;
    *source = *target = NULL;
    RD_TRY(find_form(directory, kind, &found));
    RD_TRY(open_file(source, directory, found->files[0]));
    if (found->kind == RD_VOCABULARY_JOINT) {
        *target = *source;
        return RD_OK;
    }
    rd_status status = open_file(target, directory, found->files[1]);
    if (status != RD_OK) {
        rd_tokenizer_close(*source);
        *source = NULL;
    }
    return status;
}

void rd_vocabularies_close(rd_tokenizer *source, rd_tokenizer *target) {
    if (target != source) rd_tokenizer_close(target);
    rd_tokenizer_close(source);
}

static rd_status copy_file(const char *from_dir, const char *to_dir, const char *name) {
    char *from = rd_path_join(from_dir, name), *to = rd_path_join(to_dir, name), *bytes = NULL;
    size_t n = 0;
    rd_status status = from && to ? rd_read_file(from, (size_t)1 << 30, &bytes, &n) : RD_ERR_MEMORY;
    if (status == RD_OK) status = rd_write_file(to, bytes, n);
    free(bytes);
    free(from);
    free(to);
    return status;
}

static rd_status remove_file(const char *directory, const char *name) {
    char *path = rd_path_join(directory, name);
    rd_status status = path ? RD_OK : RD_ERR_MEMORY;
    if (path && rd_file_exists(path) && unlink(path) != 0)
        status = rd_error(RD_ERR_IO, "%s: cannot remove: %s", path, strerror(errno));
    free(path);
    return status;
}

rd_status rd_vocabularies_copy(const char *from, const char *to, rd_vocabulary_kind kind) {
    const form *found;
    RD_TRY(find_form(from, kind, &found));
    for (int i = 0; i < 2; i++)
        if (found->files[i]) RD_TRY(copy_file(from, to, found->files[i]));
    for (int k = 0; k < N_FORMS; k++)
        for (int i = 0; i < 2; i++)
            if (&forms[k] != found && forms[k].files[i]) RD_TRY(remove_file(to, forms[k].files[i]));
    return RD_OK;
}

rd_status rd_vocabularies_same(const rd_tokenizer *a, const rd_tokenizer *b, const char *side,
                               const char *directory_a, const char *directory_b) {
    int32_t size = rd_tokenizer_size(a);
    if (size != rd_tokenizer_size(b))
        return rd_error(RD_ERR_FORMAT,
                        "%s and %s: %s vocabularies of %d and %d pieces; they must be the same",
                        directory_a, directory_b, side, size, rd_tokenizer_size(b));
    for (int32_t id = 0; id < size; id++)
        if (strcmp(rd_tokenizer_piece(a, id), rd_tokenizer_piece(b, id)) != 0)
            return rd_error(RD_ERR_FORMAT,
                            "%s and %s: piece %d of the %s vocabularies differs (\"%s\", \"%s\"); "
                            "they must be the same",
                            directory_a, directory_b, id, side, rd_tokenizer_piece(a, id),
                            rd_tokenizer_piece(b, id));
    return RD_OK;
}
