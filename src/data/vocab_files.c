#include "data/vocab_files.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "io/output.h"

static const char LABELS[] = "labels.txt";

enum { MOST_FILES = 8, MOST_SETTINGS = 2 };

typedef struct {
    rd_vocabulary_kind kind;
    /* Of source and target; [1] NULL: one for both sides; both NULL: labels alone. */
    const char *models[2];
    const char *ids[2];                  /* the file that gives the models' pieces other ids; or
                                          * NULL */
    const char *companion;               /* a file that models[0] needs next to it; or NULL */
    const char *settings[MOST_SETTINGS]; /* optional files that say more; or NULL */
} form;

/* The first that is there counts. */
static const form forms[] = {
    {RD_VOCABULARY_JOINT, .models = {"spm.model"}},
    {RD_VOCABULARY_SEPARATE, .models = {"source.spm", "target.spm"},
     .ids = {"vocab.json", "target_vocab.json"},
     .settings = {"tokenizer_config.json", "added_tokens.json"}},
    {RD_VOCABULARY_JOINT, .models = {"source.spm", "target.spm"},
     .ids = {"vocab.json", "vocab.json"},
     .settings = {"tokenizer_config.json", "added_tokens.json"}},
    {RD_VOCABULARY_SEPARATE, .models = {"source.spm", "target.spm"}},
    {RD_VOCABULARY_JOINT, .models = {"tokenizer.json"}, .settings = {"tokenizer_config.json"}},
    {RD_VOCABULARY_JOINT, .models = {"vocab.json"}, .companion = "merges.txt",
     .settings = {"tokenizer_config.json", "added_tokens.json"}},
    {RD_VOCABULARY_JOINT, .models = {"vocab.txt"},
     .settings = {"tokenizer_config.json", "added_tokens.json"}},
    {RD_VOCABULARY_JOINT, .models = {"dict.txt"}, .settings = {"bpecodes"}},
    {RD_VOCABULARY_SEPARATE, .models = {"dict.source.txt", "dict.target.txt"},
     .settings = {"bpecodes"}},
    {RD_VOCABULARY_JOINT, .models = {"characters.txt"}},
    {RD_VOCABULARY_SEPARATE, .models = {"characters.source.txt", "characters.target.txt"}},
    {RD_VOCABULARY_LABELS, .companion = LABELS}};
enum { N_FORMS = sizeof forms / sizeof *forms };

/* files: [MOST_FILES + 1], a NULL after the last. */
static void list_files(const form *f, const char **files) {
    const char *all[] = {f->models[0], f->models[1], f->ids[0], f->ids[1], f->companion};
    int n = 0;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (all[i] && (n == 0 || strcmp(all[i], files[n - 1]) != 0)) files[n++] = all[i];
    files[n] = NULL;
}

static rd_status add_optional(const char *directory, const char *name, const char **files) {
    bool found;
    int n = 0;
    while (files[n]) n++;
    RD_TRY(rd_has_file(directory, name, &found));
    if (!found) return RD_OK;
    files[n] = name;
    files[n + 1] = NULL;
    return RD_OK;
}

/* The same, with the settings and the labels if they exist. */
static rd_status list_all_files(const form *f, const char *directory, const char **files) {
    list_files(f, files);
    for (int i = 0; i < MOST_SETTINGS && f->settings[i]; i++)
        RD_TRY(add_optional(directory, f->settings[i], files));
    return f->companion != LABELS ? add_optional(directory, LABELS, files) : RD_OK;
}

static rd_status is_there(const char *directory, const form *f, bool *found) {
    const char *files[MOST_FILES + 1];
    list_files(f, files);
    *found = true;
    for (int i = 0; *found && files[i]; i++) RD_TRY(rd_has_file(directory, files[i], found));
    return RD_OK;
}

/* Nothing that makes a vocabulary of this kind is in `directory`. */
static rd_status not_found(const char *directory, rd_vocabulary_kind kind) {
    static const char *const looked_for[] = {
        [RD_VOCABULARY_ANY] =
            "spm.model, source.spm and target.spm, tokenizer.json, vocab.json and merges.txt, "
            "vocab.txt, dict.txt or characters.txt",
        [RD_VOCABULARY_JOINT] = "spm.model, tokenizer.json, vocab.json and merges.txt, vocab.txt, "
                                "dict.txt or characters.txt",
        [RD_VOCABULARY_SEPARATE] = "source.spm and target.spm, dict.source.txt and "
                                   "dict.target.txt, or characters.source.txt and "
                                   "characters.target.txt",
        [RD_VOCABULARY_LABELS] = LABELS};
    struct stat info;
    if (stat(directory, &info) != 0)
        return rd_error(RD_ERR_IO, "%s: no vocabulary: cannot open this directory: %s", directory,
                        strerror(errno));
    if (!S_ISDIR(info.st_mode))
        return rd_error(RD_ERR_IO, "%s: no vocabulary: not a directory; expected one that holds %s",
                        directory, looked_for[kind]);
    return rd_error(RD_ERR_IO,
                    "%s: no vocabulary there; looked for %s (rdrop-preprocess makes one of a "
                    "recipe's data)",
                    directory, looked_for[kind]);
}

/* *found: NULL if there is none of this kind. */
static rd_status look_for(const char *directory, rd_vocabulary_kind kind, const form **found) {
    bool there = false;
    *found = NULL;
    for (int i = 0; i < N_FORMS && !there; i++) {
        if (kind != RD_VOCABULARY_ANY && forms[i].kind != kind) continue;
        RD_TRY(is_there(directory, &forms[i], &there));
        if (there) *found = &forms[i];
    }
    return RD_OK;
}

static rd_status find_form(const char *directory, rd_vocabulary_kind kind, const form **found) {
    const form *other = NULL;
    bool joint = kind == RD_VOCABULARY_JOINT;
    RD_TRY(look_for(directory, kind, found));
    if (*found) return RD_OK;
    if (joint || kind == RD_VOCABULARY_SEPARATE)
        RD_TRY(look_for(directory, joint ? RD_VOCABULARY_SEPARATE : RD_VOCABULARY_JOINT, &other));
    if (!other) return not_found(directory, kind);
    if (joint) /* some tasks and models have no other */
        return rd_error(RD_ERR_IO, "%s: has a vocabulary for each side (%s), where one is needed",
                        directory, other->models[0]);
    return rd_error(RD_ERR_IO,
                    "%s: has one vocabulary for both sides (%s), so set joined-dictionary: true",
                    directory, other->models[0]);
}

static rd_status open_side(const form *f, const char *directory, int side,
                           rd_tokenizer **tokenizer) {
    char *path = rd_path_join(directory, f->models[side]);
    char *ids = f->ids[side] ? rd_path_join(directory, f->ids[side]) : NULL;
    rd_status status = path && !ids == !f->ids[side] ? RD_OK : RD_ERR_MEMORY;
    if (status == RD_OK)
        status = ids ? rd_tokenizer_open_mapped(tokenizer, path, ids)
                     : rd_tokenizer_open(tokenizer, path);
    free(path);
    free(ids);
    return status;
}

rd_status rd_vocabularies_open(const char *directory, rd_vocabulary_kind kind,
                               rd_tokenizer **source, rd_tokenizer **target) {
    const form *found;
    *source = *target = NULL;
    RD_TRY(find_form(directory, kind, &found));
    if (!found->models[0])
        return kind == RD_VOCABULARY_LABELS
                   ? RD_OK
                   : rd_error(RD_ERR_FORMAT, "%s: no vocabulary, only the labels of classes",
                              directory);
    RD_TRY(open_side(found, directory, 0, source));
    if (!found->models[1]) {
        *target = *source;
        return RD_OK;
    }
    rd_status status = open_side(found, directory, 1, target);
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

/* At the end of names, unless it is there. */
static void add_name(const char *name, const char **names) {
    int n = 0;
    while (names[n] && strcmp(names[n], name) != 0) n++;
    names[n] = name;
}

void rd_vocabularies_list(const char *names[RD_MOST_VOCABULARY_FILES + 1]) {
    memset(names, 0, (RD_MOST_VOCABULARY_FILES + 1) * sizeof *names);
    for (int k = 0; k < N_FORMS; k++) {
        const char *files[MOST_FILES + 1] = {NULL};
        list_files(&forms[k], files);
        for (int i = 0; files[i]; i++) add_name(files[i], names);
    }
    for (int k = 0; k < N_FORMS; k++)
        for (int i = 0; i < MOST_SETTINGS && forms[k].settings[i]; i++)
            add_name(forms[k].settings[i], names);
}

static bool is_among(const char *file, const char *const *files) {
    for (; *files; files++)
        if (strcmp(file, *files) == 0) return true;
    return false;
}

/* Removes the files of a form except those among `files`. */
static rd_status remove_form(const form *f, const char *directory, const char *const *files) {
    const char *others[MOST_FILES + 1];
    list_files(f, others);
    for (int i = 0; others[i]; i++)
        if (!is_among(others[i], files)) RD_TRY(rd_remove_file(directory, others[i]));
    for (int i = 0; i < MOST_SETTINGS && f->settings[i]; i++)
        if (!is_among(f->settings[i], files)) RD_TRY(rd_remove_file(directory, f->settings[i]));
    return RD_OK;
}

rd_status rd_vocabularies_copy(const char *from, const char *to, rd_vocabulary_kind kind) {
    const form *found;
    const char *files[MOST_FILES + 1];
    RD_TRY(find_form(from, kind, &found));
    if (rd_is_same_file(from, to)) return RD_OK; /* nothing of the user's is removed */
    RD_TRY(list_all_files(found, from, files));
    for (int i = 0; files[i]; i++) RD_TRY(rd_copy_file(from, files[i], to, files[i]));
    for (int k = 0; k < N_FORMS; k++) RD_TRY(remove_form(&forms[k], to, files));
    return RD_OK;
}

rd_status rd_vocabularies_keep(const char *directory, const char *model) {
    const char *files[MOST_FILES + 1];
    const form *kept = NULL;
    for (int k = 0; k < N_FORMS && !kept; k++)
        if (forms[k].models[0] && !strcmp(forms[k].models[0], model) && !forms[k].ids[0])
            kept = &forms[k];
    if (!kept) return RD_OK;
    list_files(kept, files); /* the new one has no settings yet */
    for (int k = 0; k < N_FORMS; k++)
        if (forms[k].kind == kept->kind) RD_TRY(remove_form(&forms[k], directory, files));
    return RD_OK;
}

/* Name and length come first, so bytes of one file cannot pass for those of another. */
static rd_status add_file(rd_sha256 *sha, const char *directory, const char *name) {
    rd_mapping mapping = {0};
    char *path = rd_path_join(directory, name);
    rd_status status = path ? rd_map_file(&mapping, path) : RD_ERR_MEMORY;
    if (status == RD_OK) {
        char size[32];
        snprintf(size, sizeof size, "%zu", mapping.size);
        rd_sha256_add(sha, name, strlen(name) + 1);
        rd_sha256_add(sha, size, strlen(size) + 1);
        rd_sha256_add(sha, mapping.bytes, mapping.size);
        rd_unmap_file(&mapping);
    }
    free(path);
    return status;
}

rd_status rd_vocabularies_fingerprint(const char *directory, rd_vocabulary_kind kind,
                                      char fingerprint[RD_SHA256_HEX]) {
    const form *found;
    const char *files[MOST_FILES + 1];
    rd_sha256 sha;
    RD_TRY(find_form(directory, kind, &found));
    RD_TRY(list_all_files(found, directory, files));
    rd_sha256_start(&sha);
    for (int i = 0; files[i]; i++) RD_TRY(add_file(&sha, directory, files[i]));
    rd_sha256_end(&sha, fingerprint);
    return RD_OK;
}

rd_status rd_vocabularies_same(const rd_tokenizer *a, const rd_tokenizer *b, const char *side,
                               const char *directory_a, const char *directory_b) {
    int32_t size = rd_tokenizer_size(a);
    if (size != rd_tokenizer_size(b))
        return rd_error(RD_ERR_FORMAT,
                        "%s and %s: %s vocabularies of %d and %d pieces; they must be the same",
                        directory_a, directory_b, side, size, rd_tokenizer_size(b));
    for (int32_t id = 0; id < size; id++) {
        const char *piece_a = rd_tokenizer_piece(a, id), *piece_b = rd_tokenizer_piece(b, id);
        if (piece_a && piece_b ? strcmp(piece_a, piece_b) != 0 : piece_a != piece_b)
            return rd_error(RD_ERR_FORMAT,
                            "%s and %s: piece %d of the %s vocabularies differs (\"%s\", \"%s\"); "
                            "they must be the same",
                            directory_a, directory_b, id, side, piece_a ? piece_a : "",
                            piece_b ? piece_b : "");
    }
    return RD_OK;
}

rd_status rd_vocabularies_open_one(const char *directory, rd_tokenizer **tokenizer) {
    rd_tokenizer *source, *target;
    *tokenizer = NULL;
    RD_TRY(rd_vocabularies_open(directory, RD_VOCABULARY_JOINT, &source, &target));
    rd_status status = source == target
                           ? RD_OK
                           : rd_vocabularies_same(source, target, "both", directory, directory);
    if (target != source) rd_tokenizer_close(target);
    if (status == RD_OK)
        *tokenizer = source;
    else
        rd_tokenizer_close(source);
    return status;
}
