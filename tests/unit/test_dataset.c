/* The binarized dataset: what is written is what is read, and no file can lead the reader astray.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <zlib.h>

#include "base/file.h"
#include "data/dataset.h"
#include "io/output.h"

enum { N_PAIRS = 50, VOCAB_SRC = 90, VOCAB_TGT = 70, HEADER_BYTES = 288, CRC_AT = 284 };

static const rd_identity identity = {.task = "translation",
                                     .source_lang = "en",
                                     .target_lang = "de",
                                     .vocabulary = "abc",
                                     .src_vocab = VOCAB_SRC,
                                     .tgt_vocab = VOCAB_TGT};
static const rd_identity nine = {.src_vocab = 9, .tgt_vocab = 9};

static char directory[] = "/tmp/rdrop-dataset-XXXXXX";

static const char *path_of(const char *name) {
    static char path[256];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    return path;
}

/* Pair i: lengths and ids that differ from pair to pair; every seventh target is eos alone. */
static rd_pair make_pair(int i, int32_t ids[64], char text[64]) {
    int32_t n_src = 1 + i % 9, n_tgt = i % 7 ? 1 + i % 5 : 1;
    for (int k = 0; k < n_src + n_tgt; k++) ids[k] = (i * 31 + k * 7) % VOCAB_TGT;
    ids[n_src - 1] = ids[n_src + n_tgt - 1] = 2;
    int n = snprintf(text, 64, "s%dt%d", i, i * i), cut = (int)(strchr(text, 't') - text);
    return (rd_pair){.src = ids,
                     .tgt = ids + n_src,
                     .n_src = n_src,
                     .n_tgt = n_tgt,
                     .src_text = text,
                     .tgt_text = text + cut,
                     .src_text_length = cut,
                     .tgt_text_length = n - cut};
}

static void write_pairs(const char *path, int n, int keep_text) {
    rd_dataset_writer *writer;
    int32_t ids[64];
    char text[64];
    assert_int_equal(rd_dataset_writer_open(&writer, path, &identity, keep_text), RD_OK);
    for (int i = 0; i < n; i++) {
        rd_pair pair = make_pair(i, ids, text);
        assert_int_equal(rd_dataset_writer_add(writer, &pair), RD_OK);
    }
    assert_int_equal(rd_dataset_writer_finish(writer), RD_OK);
}

static void same_pair(const rd_pair *found, int i, int keep_text) {
    int32_t ids[64];
    char text[64];
    rd_pair wanted = make_pair(i, ids, text);
    assert_int_equal(found->n_src, wanted.n_src);
    assert_int_equal(found->n_tgt, wanted.n_tgt);
    assert_memory_equal(found->src, wanted.src, sizeof(int32_t) * (size_t)wanted.n_src);
    assert_memory_equal(found->tgt, wanted.tgt, sizeof(int32_t) * (size_t)wanted.n_tgt);
    if (!keep_text) {
        assert_null(found->src_text);
        assert_null(found->tgt_text);
        return;
    }
    assert_int_equal(found->src_text_length, wanted.src_text_length);
    assert_int_equal(found->tgt_text_length, wanted.tgt_text_length);
    assert_memory_equal(found->src_text, wanted.src_text, (size_t)wanted.src_text_length);
    assert_memory_equal(found->tgt_text, wanted.tgt_text, (size_t)wanted.tgt_text_length);
}

static void pairs_come_back_in_any_order(void **state) {
    (void)state;
    for (int keep_text = 0; keep_text < 2; keep_text++) {
        rd_dataset *dataset;
        write_pairs(path_of("a.bin"), N_PAIRS, keep_text);
        assert_int_equal(rd_dataset_open(&dataset, path_of("a.bin")), RD_OK);
        assert_int_equal(rd_dataset_size(dataset), N_PAIRS);
        assert_int_equal(rd_dataset_identity(dataset)->src_vocab, VOCAB_SRC);
        assert_int_equal(rd_dataset_identity(dataset)->tgt_vocab, VOCAB_TGT);
        assert_memory_equal(rd_dataset_identity(dataset), &identity, sizeof identity);
        for (int i = N_PAIRS - 1; i >= 0; i--) {
            rd_pair pair = rd_dataset_get(dataset, i);
            assert_int_equal((uintptr_t)pair.src % sizeof(int32_t), 0);
            same_pair(&pair, i, keep_text);
        }
        rd_dataset_close(dataset);
    }
}

static void an_empty_dataset_is_one(void **state) {
    (void)state;
    rd_dataset *dataset;
    write_pairs(path_of("a.bin"), 0, 1);
    assert_int_equal(rd_dataset_open(&dataset, path_of("a.bin")), RD_OK);
    assert_int_equal(rd_dataset_size(dataset), 0);
    rd_dataset_close(dataset);
}

static void empty_texts_may_be_null(void **state) {
    (void)state;
    rd_dataset_writer *writer;
    rd_dataset *dataset;
    const int32_t ids[] = {5, 2};
    assert_int_equal(rd_dataset_writer_open(&writer, path_of("a.bin"), &nine, 1), RD_OK);
    rd_pair pair = {.src = ids, .tgt = ids + 1, .n_src = 2, .n_tgt = 1};
    assert_int_equal(rd_dataset_writer_add(writer, &pair), RD_OK);
    assert_int_equal(rd_dataset_writer_finish(writer), RD_OK);
    assert_int_equal(rd_dataset_open(&dataset, path_of("a.bin")), RD_OK);
    pair = rd_dataset_get(dataset, 0);
    assert_non_null(pair.src_text);
    assert_int_equal(pair.src_text_length + pair.tgt_text_length, 0);
    assert_int_equal(pair.src[0], 5);
    rd_dataset_close(dataset);
}

static void a_pair_without_eos_is_refused_and_abort_leaves_nothing(void **state) {
    (void)state;
    rd_dataset_writer *writer;
    const int32_t ids[] = {2};
    unlink(path_of("a.bin"));
    assert_int_equal(rd_dataset_writer_open(&writer, path_of("a.bin"), &nine, 0), RD_OK);
    rd_pair pair = {.src = ids, .tgt = ids, .n_src = 1, .n_tgt = 0};
    assert_int_equal(rd_dataset_writer_add(writer, &pair), RD_ERR_ARGUMENT);
    rd_dataset_writer_abort(writer);
    assert_false(rd_file_exists(path_of("a.bin")));
    rd_dataset_writer_abort(NULL);
    assert_int_equal(rd_dataset_writer_open(&writer, path_of("no/such/dir.bin"), &nine, 0),
                     RD_ERR_IO);
    assert_null(writer);
}

static void refused(const char *bytes, size_t n, const char *message) {
    rd_dataset *dataset;
    const char *path = path_of("bad.bin");
    assert_int_equal(rd_write_file(path, bytes, n), RD_OK);
    bool aged = strstr(message, "another version") != NULL;
    assert_int_equal(rd_dataset_open(&dataset, path), aged ? RD_ERR_UNSUPPORTED : RD_ERR_FORMAT);
    assert_null(dataset);
    if (!strstr(rd_last_error(), path) || !strstr(rd_last_error(), message))
        fail_msg("'%s' names not the file, or not '%s'", rd_last_error(), message);
}

static void read_written(char **bytes, size_t *n) {
    write_pairs(path_of("a.bin"), N_PAIRS, 1);
    assert_int_equal(rd_read_file(path_of("a.bin"), 1 << 20, bytes, n), RD_OK);
}

static void every_truncation_and_damaged_byte_is_noticed(void **state) {
    (void)state;
    char *bytes;
    size_t n;
    read_written(&bytes, &n);
    for (size_t cut = 0; cut < n; cut += cut < 2 * HEADER_BYTES ? 1 : 37)
        refused(bytes, cut, cut < 8 ? "not a binarized dataset" : "");
    refused(bytes, n - 1, "truncated");
    for (size_t i = 0; i < n; i += i < 2 * HEADER_BYTES ? 1 : 13) {
        bytes[i] = (char)(bytes[i] ^ 16);
        refused(bytes, n, i < 8 ? "not a binarized dataset" : i < HEADER_BYTES ? "header" : "sum");
        bytes[i] = (char)(bytes[i] ^ 16);
    }
    refused("\x1f\x8b words", 8, "not a binarized dataset");
    memcpy(bytes, "RDDATA01", 8);
    refused(bytes, n, "another version of this program (01, expected 02); run rdrop-preprocess");
    free(bytes);
}

/* A file made to deceive has right checksums. */
static void set_header(char *bytes, size_t at, const void *value, size_t n) {
    memcpy(bytes + at, value, n);
    uint32_t crc = (uint32_t)crc32(0, (const Bytef *)bytes, CRC_AT);
    memcpy(bytes + CRC_AT, &crc, sizeof crc);
}

static void forged_headers_are_refused(void **state) {
    (void)state;
    const int64_t lies[] = {-1, INT64_MIN, INT64_MAX, 1, N_PAIRS + 1, INT64_MAX / 24 + 1};
    char *bytes, *forged;
    size_t n;
    read_written(&bytes, &n);
    forged = malloc(n);
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++)
        for (size_t at = 256; at <= 264; at += 8) { /* n_pairs, index_offset */
            memcpy(forged, bytes, n);
            set_header(forged, at, &lies[i], sizeof lies[i]);
            refused(forged, n, "truncated");
        }
    const int32_t smaller = 3;
    memcpy(forged, bytes, n);
    set_header(forged, 244, &smaller, sizeof smaller); /* tgt_vocab */
    refused(forged, n, "outside the vocabulary");
    free(forged);
    free(bytes);
}

/* A vocabulary of the same size is another all the same. */
static void identities_differ_in_each_part(void **state) {
    (void)state;
    rd_identity others[5];
    const char *const messages[5] = {"language_modeling, not translation", "fr to de, not en to de",
                                     "90 and 71 pieces, not 90 and 70", "another vocabulary",
                                     "prepend-bos: true, not false"};
    for (int i = 0; i < 5; i++) others[i] = identity;
    snprintf(others[0].task, sizeof others->task, "language_modeling");
    snprintf(others[1].source_lang, sizeof others->source_lang, "fr");
    others[2].tgt_vocab++;
    snprintf(others[3].vocabulary, sizeof others->vocabulary, "abd");
    others[4].prepend_bos = 1;
    for (int i = 0; i < 5; i++) {
        assert_int_equal(rd_identity_check(&others[i], &identity), RD_ERR_FORMAT);
        assert_non_null(strstr(rd_last_error(), messages[i]));
    }
    rd_identity unknown = identity;
    memset(unknown.vocabulary, 0, sizeof unknown.vocabulary);
    memset(unknown.target_lang, 0, sizeof unknown.target_lang);
    assert_int_equal(rd_identity_check(&unknown, &identity), RD_OK);
    assert_int_equal(rd_identity_make(&unknown, "translation",
                                      "a language whose name is far too long to be one, and that "
                                      "has more than 63 bytes",
                                      "de", ""),
                     RD_ERR_ARGUMENT);
}

static void a_text_without_end_is_refused(void **state) {
    (void)state;
    char *bytes;
    size_t n;
    read_written(&bytes, &n);
    memset(bytes + 8, 'x', 32);
    set_header(bytes, 40, "en", 2);
    refused(bytes, n, "header");
    free(bytes);
}

static void forged_records_are_refused(void **state) {
    (void)state;
    const int32_t lies[] = {-1, INT32_MIN, INT32_MAX, 0};
    char *bytes;
    int64_t index;
    size_t n;
    read_written(&bytes, &n);
    memcpy(&index, bytes + 264, sizeof index);
    for (int field = 0; field < 4; field++) /* both halves of the offset, n_src, n_tgt */
        for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
            char *forged = malloc(n), *at;
            memcpy(forged, bytes, n);
            at = forged + index + 24 * (ptrdiff_t)(N_PAIRS - 1) + 4 * field;
            if (memcmp(at, &lies[i], sizeof lies[i]) != 0) {
                memcpy(at, &lies[i], sizeof lies[i]);
                uint32_t crc =
                    (uint32_t)crc32(0, (const Bytef *)forged + index, (uInt)((int64_t)n - index));
                set_header(forged, 276, &crc, sizeof crc); /* index_crc */
                refused(forged, n, "sentence 49");
            }
            free(forged);
        }
    free(bytes);
}

static void missing_files_and_directories_are_errors(void **state) {
    (void)state;
    rd_dataset *dataset;
    assert_int_equal(rd_dataset_open(&dataset, path_of("nowhere.bin")), RD_ERR_IO);
    assert_int_equal(rd_dataset_open(&dataset, directory), RD_ERR_IO);
    assert_null(dataset);
}

/* Of each pair either what was written or an error: nothing else, and nothing outside. */
static void read_all(const rd_dataset *dataset, int wanted_refusals) {
    rd_ids src = {0}, tgt = {0};
    int refusals = 0;
    for (int i = 0; i < N_PAIRS; i++) {
        rd_pair pair;
        rd_status status = rd_dataset_read(dataset, i, &src, &tgt, &pair);
        if (status == RD_OK) {
            assert_ptr_equal(pair.src, src.data);
            same_pair(&pair, i, 1);
            continue;
        }
        assert_int_equal(status, RD_ERR_FORMAT);
        assert_non_null(strstr(rd_last_error(), "is no longer what it was"));
        refusals++;
    }
    assert_int_equal(refusals, wanted_refusals);
    free(src.data);
    free(tgt.data);
}

/* Another program writes to the file while it is mapped: ids, or all of it with the index; or cuts
 * it within its last page, which then reads as zeros. */
static void what_changes_while_in_use_is_noticed(void **state) {
    (void)state;
    static const int32_t outside = 0x0FFFFFFF;
    for (int how = 0; how < 3; how++) {
        rd_dataset *dataset;
        write_pairs(path_of("a.bin"), N_PAIRS, 1);
        assert_int_equal(rd_dataset_open(&dataset, path_of("a.bin")), RD_OK);
        read_all(dataset, 0);
        FILE *file = fopen(path_of("a.bin"), "r+b");
        assert_non_null(file);
        assert_int_equal(fseek(file, 0, SEEK_END), 0);
        long size = ftell(file);
        if (how == 2)
            assert_int_equal(ftruncate(fileno(file), size - 10 * 24), 0);
        else
            for (long at = how ? 0 : HEADER_BYTES; at < (how ? size : HEADER_BYTES + 4); at += 4)
                assert_true(fseek(file, at, SEEK_SET) == 0 &&
                            fwrite(&outside, sizeof outside, 1, file) == 1);
        assert_int_equal(fclose(file), 0);
        read_all(dataset, how == 0 ? 1 : how == 1 ? N_PAIRS : 10);
        assert_int_equal(rd_dataset_get(dataset, N_PAIRS - 1).n_src, how ? 0 : 5);
        assert_int_equal(rd_dataset_size(dataset), N_PAIRS);
        rd_dataset_close(dataset);
    }
}

static int make_directory(void **state) {
    (void)state;
    return mkdtemp(directory) ? 0 : -1;
}

static int remove_directory(void **state) {
    (void)state;
    unlink(path_of("a.bin"));
    unlink(path_of("bad.bin"));
    return rmdir(directory);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pairs_come_back_in_any_order),
        cmocka_unit_test(an_empty_dataset_is_one),
        cmocka_unit_test(empty_texts_may_be_null),
        cmocka_unit_test(a_pair_without_eos_is_refused_and_abort_leaves_nothing),
        cmocka_unit_test(every_truncation_and_damaged_byte_is_noticed),
        cmocka_unit_test(forged_headers_are_refused),
        cmocka_unit_test(identities_differ_in_each_part),
        cmocka_unit_test(a_text_without_end_is_refused),
        cmocka_unit_test(forged_records_are_refused),
        cmocka_unit_test(what_changes_while_in_use_is_noticed),
        cmocka_unit_test(missing_files_and_directories_are_errors),
    };
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
