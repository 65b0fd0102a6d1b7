#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/checksum.h"
#include "base/file.h"
#include "base/text.h"
#include "convert/convert.h"
#include "data/vocab.h"
#include "io/output.h"
#include "lm/lm.h"
#include "rdrop/translator.h"
#include "recipe/model_dir.h"
#include "toy_directory.h"

const char *fuzz_file(int slot, const void *bytes, size_t n) {
    static int descriptors[FUZZ_SLOTS];
    static char paths[FUZZ_SLOTS][64];
    if (!descriptors[slot]) {
        descriptors[slot] = memfd_create("fuzz", 0);
        snprintf(paths[slot], sizeof paths[slot], "/proc/self/fd/%d", descriptors[slot]);
    }
    FUZZ_CHECK(descriptors[slot] > 0);
    FUZZ_CHECK(pwrite(descriptors[slot], bytes, n, 0) == (ssize_t)n);
    FUZZ_CHECK(ftruncate(descriptors[slot], (off_t)n) == 0);
    return paths[slot];
}

static char folder[64], made[64];

static void remove_folders(void) {
    char command[160];
    snprintf(command, sizeof command, "rm -rf %s %s", folder, made);
    FUZZ_CHECK(system(command) == 0); /* names made here */
}

static void make_vocabulary(void) {
    static const char text[] = "a dog sees two cats\na cat sees a house\nthe old dog runs\n";
    char corpus[96], path[96], other[96];
    const char *const corpora[] = {corpus};
    const rd_vocab_config config = {.type = "char", .size = 21, .character_coverage = 1};
    snprintf(corpus, sizeof corpus, "%s/corpus", folder);
    snprintf(path, sizeof path, "%s/source.spm", folder);
    snprintf(other, sizeof other, "%s/target.spm", folder);
    FUZZ_CHECK(rd_write_file(corpus, text, sizeof text - 1) == RD_OK);
    FUZZ_CHECK(rd_vocab_train(&config, corpora, 1, path) == RD_OK);
    FUZZ_CHECK(link(path, other) == 0 && unlink(corpus) == 0);
}

const char *fuzz_folder(void) {
    if (*folder) return folder;
    snprintf(folder, sizeof folder, "%s/rdrop-fuzz-%ld",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp", (long)getpid());
    snprintf(made, sizeof made, "%.50s.made", folder);
    FUZZ_CHECK(rd_make_directories(folder) == RD_OK);
    atexit(remove_folders);
    make_vocabulary();
    return folder;
}

/* A link stays where it is as long as it can. */
void fuzz_place(const char *name, int slot, const void *bytes, size_t n) {
    static const char *placed[FUZZ_SLOTS];
    char path[160];
    const char *file = bytes ? fuzz_file(slot, bytes, n) : NULL;
    if (!bytes ? !placed[slot] : placed[slot] == name) return;
    if (placed[slot]) {
        snprintf(path, sizeof path, "%s/%s", fuzz_folder(), placed[slot]);
        FUZZ_CHECK(unlink(path) == 0);
    }
    snprintf(path, sizeof path, "%s/%s", fuzz_folder(), name);
    if (bytes) FUZZ_CHECK(symlink(file, path) == 0);
    placed[slot] = bytes ? name : NULL;
}

static void remove_made(void) {
    static const char *const names[] = {
        "config.yaml",       "model.safetensors", "source.spm",     "target.spm", "vocab.json",
        "target_vocab.json", "merges.txt",        "tokenizer.json", "dict.txt",   "bpecodes",
        "dict.source.txt",   "dict.target.txt",   "labels.txt"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[96];
        snprintf(path, sizeof path, "%s/%s", made, names[i]);
        unlink(path);
    }
    FUZZ_CHECK(rmdir(made) == 0);
}

/* An encoder alone: of sentences, or of pictures. */
static rd_status open_encoder(void) {
    rd_model_dir directory;
    rd_model *model = NULL;
    rd_status status = rd_model_dir_open(&directory, made);
    if (status == RD_OK) status = rd_model_dir_load(&directory, &model);
    rd_model_free(model);
    rd_model_dir_close(&directory);
    return status;
}

static rd_status open_made(void) {
    rd_translator *translator;
    rd_model_dir directory;
    rd_lm lm;
    const char *path = made;
    RD_TRY(rd_model_dir_read(&directory, made));
    bool is_lm = strcmp(directory.recipe->task, "language_modeling") == 0;
    bool is_encoder = directory.recipe->model.decoder.layers == 0;
    rd_model_dir_close(&directory);
    if (is_encoder) return open_encoder();
    if (is_lm) {
        RD_TRY(rd_lm_open(&lm, made, RD_PRECISION_FP32));
        rd_lm_close(&lm);
        return RD_OK;
    }
    RD_TRY(rd_translator_open(&translator, &path, 1, RD_PRECISION_FP32));
    rd_translator_close(translator);
    return RD_OK;
}

void fuzz_import(void) {
    rd_text warnings = {0};
    rd_status status = rd_import(fuzz_folder(), made, &warnings);
    rd_text_free(&warnings);
    if (status != RD_OK) {
        FUZZ_CHECK(*rd_last_error());
        FUZZ_CHECK(access(made, F_OK) != 0);
        return;
    }
    if (open_made() != RD_OK) fuzz_failed(__FILE__, __LINE__, rd_last_error());
    remove_made();
}

static void add(rd_text *text, const void *bytes, size_t n) {
    FUZZ_CHECK(rd_text_append(text, bytes, n) == RD_OK);
}

void fuzz_zip_add(fuzz_zip *a, const char *name, size_t n_name, const char *bytes, size_t n) {
    struct __attribute__((packed)) {
        uint16_t version, flags, method, time, date;
        uint32_t crc, packed, size;
        uint16_t n_name, n_extra;
    } common = {.version = 20,
                .date = 33,
                .crc = rd_crc32(0, bytes, n),
                .packed = (uint32_t)n,
                .size = (uint32_t)n,
                .n_name = (uint16_t)n_name};
    uint32_t offset = (uint32_t)a->files.length;
    add(&a->files, "PK\3\4", 4);
    add(&a->files, &common, sizeof common);
    add(&a->files, name, n_name);
    add(&a->files, bytes, n);
    add(&a->directory, "PK\1\2\24\0", 6);
    add(&a->directory, &common, sizeof common);
    add(&a->directory, "\0\0\0\0\0\0\0\0\0\0", 10);
    add(&a->directory, &offset, 4);
    add(&a->directory, name, n_name);
    a->n++;
}

void fuzz_zip_end(fuzz_zip *a) {
    uint32_t sizes[2] = {(uint32_t)a->directory.length, (uint32_t)a->files.length};
    if (a->n) add(&a->files, a->directory.data, (size_t)a->directory.length);
    add(&a->files, "PK\5\6\0\0\0\0", 8);
    add(&a->files, &a->n, 2);
    add(&a->files, &a->n, 2);
    add(&a->files, sizes, 8);
    add(&a->files, "\0", 2);
}

void fuzz_zip_free(fuzz_zip *a) {
    rd_text_free(&a->files);
    rd_text_free(&a->directory);
}

static rd_translator *translator;

static void close_translator(void) {
    rd_translator_close(translator);
}

const rd_translator *fuzz_translator(void) {
    char path[96];
    const char *const directory = path;
    if (translator) return translator;
    snprintf(path, sizeof path, "%s/toy", fuzz_folder());
    toy_directory_make(path,
                       "arch: transformer-tiny\nencoder-embed-dim: 8\nencoder-layers: 1\n"
                       "decoder-layers: 1\nencoder-ffn-embed-dim: 8\ndecoder-ffn-embed-dim: 8\n"
                       "encoder-attention-heads: 1\ndecoder-attention-heads: 1\n"
                       "max-source-positions: 16\nmax-target-positions: 24\n",
                       FUZZ_PIECES, 0);
    if (rd_translator_open(&translator, &directory, 1, RD_PRECISION_FP32) != RD_OK)
        fuzz_failed(__FILE__, __LINE__, rd_last_error());
    atexit(close_translator);
    return translator;
}

void fuzz_failed(const char *file, int line, const char *condition) {
    fprintf(stderr, "%s:%d: not so: %s\n", file, line, condition);
    abort();
}

fuzz_part fuzz_cut(const uint8_t *data, size_t size, int index) {
    const uint8_t *end = data + size;
    for (; index > 0; index--) {
        const uint8_t *cut = size ? memchr(data, '\f', (size_t)(end - data)) : NULL;
        if (!cut) return (fuzz_part){"", 0};
        data = cut + 1;
    }
    const uint8_t *cut = data < end ? memchr(data, '\f', (size_t)(end - data)) : NULL;
    return (fuzz_part){(const char *)data, (size_t)((cut ? cut : end) - data)};
}
