/* SentencePiece models that a reader of protocol buffers could take for something else than the
 * check does, or that would take much memory: all are refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"
#include "data/sentencepiece_check.h"

/* A piece "ab" of score 0, a trainer and a normalizer. */
#define PIECE                                                                                      \
    "\x0A\x09\x0A\x02"                                                                             \
    "ab\x15\0\0\0\0"
#define TRAINER    "\x12\x02\x18\x01"
#define NORMALIZER "\x1A\x04\x0A\x02id"

#define PROBLEM(bytes) rd_spm_problem(bytes, sizeof(bytes) - 1)

static void test_a_sound_one(void **state) {
    (void)state;
    assert_null(PROBLEM(PIECE TRAINER NORMALIZER));
    assert_null(PROBLEM(PIECE TRAINER NORMALIZER "\xC2\x3E\x01x")); /* a field of a later version */
    assert_string_equal(PROBLEM(PIECE TRAINER), "truncated: its last parts are missing");
}

static void test_how_it_was_trained(void **state) {
    (void)state;
    static const char model[] = PIECE "\x12\x0C\x18\x02\xFA\x01\x03<a>\xFA\x01\x01"
                                      "b\x1A\x06\x0A\x04nfkc";
    rd_spm_settings settings;
    assert_null(PROBLEM(model));
    assert_int_equal(rd_spm_read_settings(model, sizeof model - 1, &settings), RD_OK);
    assert_string_equal(settings.type, "bpe");
    assert_string_equal(settings.normalization, "nfkc");
    assert_string_equal(settings.symbols.data, "<a>,b");
    rd_text_free(&settings.symbols);
    static const char bare[] = PIECE "\x12\x00\x1A\x00";
    assert_int_equal(rd_spm_read_settings(bare, sizeof bare - 1, &settings), RD_OK);
    assert_string_equal(settings.type, "unigram");
    assert_string_equal(settings.normalization, "nmt_nfkc");
    assert_int_equal(settings.symbols.length, 0);
}

static void test_numbers_have_one_form(void **state) {
    (void)state;
    /* The tag 3|BYTES in two bytes, and in five with bit 32, which protobuf drops. */
    assert_non_null(PROBLEM(PIECE TRAINER "\x9A\x00\x04\x0A\x02id"));
    assert_non_null(PROBLEM(PIECE TRAINER NORMALIZER "\x9A\x80\x80\x80\x10\x00"));
    assert_non_null(PROBLEM(PIECE TRAINER "\x1A\x07\x0A\x02id\x92\x00\x00")); /* inside */
    assert_non_null(PROBLEM(PIECE TRAINER "\x1A\x84\x00\x0A\x02id"));         /* a length */
    assert_non_null(PROBLEM(PIECE "\x12\x03\x18\x81\x00" NORMALIZER));        /* a value */
    assert_non_null(PROBLEM(PIECE TRAINER NORMALIZER "\x00\x00"));            /* field 0 */
}

static void test_parts_come_once_as_what_they_are(void **state) {
    (void)state;
    assert_string_equal(PROBLEM(PIECE TRAINER NORMALIZER NORMALIZER), "a part that comes twice");
    assert_string_equal(PROBLEM(PIECE TRAINER TRAINER NORMALIZER), "a part that comes twice");
    assert_non_null(PROBLEM(PIECE TRAINER "\x18\x01"));            /* the normalizer a number */
    assert_non_null(PROBLEM(PIECE TRAINER NORMALIZER "\x33\x34")); /* a group */
    assert_non_null(PROBLEM("\x08\x01" PIECE TRAINER NORMALIZER)); /* a piece that is a number */
    assert_non_null(PROBLEM(PIECE TRAINER "\x1A\x04\x12\x00\x12\x00")); /* two rules */
}

static void test_pieces(void **state) {
    (void)state;
    static const char none[] = "a piece of no text";
    assert_string_equal(PROBLEM("\x0A\x00" PIECE TRAINER NORMALIZER), none);
    assert_string_equal(PROBLEM("\x0A\x02\x0A\x00" TRAINER NORMALIZER), none);
    assert_string_equal(PROBLEM("\x0A\x05\x0A\x03"
                                "a\0b" TRAINER NORMALIZER),
                        none);
    assert_string_equal(PROBLEM("\x0A\x06\x0A\x01"
                                "a\x0A\x01"
                                "b" TRAINER NORMALIZER),
                        none);
    assert_string_equal(PROBLEM("\x0A\x03\x0A\x01\xFF" TRAINER NORMALIZER),
                        "a piece that is not UTF-8");
    assert_string_equal(PROBLEM("\x0A\x08\x0A\x01"
                                "a\x15\0\0\xC0\x7F" TRAINER NORMALIZER),
                        "a piece whose score is no number");
    assert_string_equal(PROBLEM("\x0A\x05\x0A\x01"
                                "a\x18\x07" TRAINER NORMALIZER),
                        "a piece of an unknown type");
}

/* As PROBLEM, of bytes that nothing may be read after. */
static const char *problem_of(const char *bytes, size_t n) {
    char *copy = malloc(n ? n : 1);
    assert_non_null(copy);
    memcpy(copy, bytes, n);
    const char *problem = rd_spm_problem(copy, n);
    free(copy);
    return problem;
}

static void test_what_is_cut_short(void **state) {
    (void)state;
    static const char model[] = PIECE TRAINER NORMALIZER;
    assert_null(problem_of(model, sizeof model - 1));
    for (size_t n = 0; n < sizeof model - 1; n++) assert_non_null(problem_of(model, n));
    /* The last part is said to be longer than what is left of the file, by one byte and more. */
    assert_non_null(PROBLEM(PIECE TRAINER "\x1A\x05\x0A\x02id"));
    assert_non_null(PROBLEM(PIECE TRAINER "\x1A\x7F\x0A\x02id"));
    assert_non_null(PROBLEM(PIECE TRAINER "\x1A\x04\x0A\x03id"));
    /* A number of more than 64 bits, and the largest. */
    assert_non_null(
        PROBLEM(PIECE "\x12\x0B\x18\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x02" NORMALIZER));
    assert_null(PROBLEM(PIECE "\x12\x0B\x18\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01" NORMALIZER));
}

/* A model whose normalization rules are `array_bytes`, n_units units that are 0 except those of
 * `set` (pairs of index and value, the first n_set), and replacements[0..n_replacements). */
typedef struct {
    uint32_t array_bytes, n_units, set[4];
    int n_set;
    const char *replacements;
    size_t n_replacements;
} rules;

static void append(rd_text *text, const void *bytes, size_t n) {
    assert_int_equal(rd_text_append(text, bytes, n), RD_OK);
}

static void append_length(rd_text *text, size_t n) {
    for (; n >= 0x80; n >>= 7) append(text, &(char){(char)(n | 0x80)}, 1);
    append(text, &(char){(char)n}, 1);
}

static bool accepted(const rules *r) {
    rd_text map = {0}, model = {0}, spec = {0};
    append(&map, &r->array_bytes, sizeof r->array_bytes);
    for (uint32_t i = 0; i < r->n_units; i++) {
        uint32_t unit = 0;
        for (int k = 0; k < r->n_set; k++)
            if (r->set[2 * k] == i) unit = r->set[2 * k + 1];
        append(&map, &unit, sizeof unit);
    }
    if (r->n_replacements) append(&map, r->replacements, r->n_replacements);
    append(&spec, "\x12", 1);
    append_length(&spec, (size_t)map.length);
    append(&spec, map.data, (size_t)map.length);
    append(&model, PIECE TRAINER "\x1A", sizeof PIECE - 1 + sizeof TRAINER - 1 + 1);
    append_length(&model, (size_t)spec.length);
    append(&model, spec.data, (size_t)spec.length);
    const char *problem = problem_of(model.data, (size_t)model.length);
    if (problem) assert_string_equal(problem, "damaged normalization rules");
    rd_text_free(&map);
    rd_text_free(&spec);
    rd_text_free(&model);
    return !problem;
}

/* Sizes: units for every byte from where a unit leads to, whole ones, replacements after them. */
static void test_sizes_of_rules(void **state) {
    (void)state;
    assert_true(accepted(&(rules){1024, 256, .replacements = "", .n_replacements = 1}));
    assert_false(accepted(&(rules){1024, 256, .n_replacements = 0}));
    assert_false(accepted(&(rules){1025, 256, .replacements = "\0", .n_replacements = 2}));
    assert_false(accepted(&(rules){1020, 255, .replacements = "", .n_replacements = 1}));
    assert_false(accepted(&(rules){0, 256, .replacements = "", .n_replacements = 1}));
    assert_false(accepted(&(rules){1028, 256, .replacements = "", .n_replacements = 1}));
    static const char head[] = PIECE TRAINER "\x1A";
    for (size_t n = 1; n < 4; n++) { /* no place for the size */
        rd_text model = {0};
        append(&model, head, sizeof head - 1);
        append_length(&model, 2 + n);
        append(&model, "\x12", 1);
        append_length(&model, n);
        append(&model, "\4\0\0", n);
        assert_string_equal(problem_of(model.data, (size_t)model.length),
                            "damaged normalization rules");
        rd_text_free(&model);
    }
}

static void test_replacements_of_rules(void **state) {
    (void)state;
    char longest[1026];
    memset(longest, 'x', sizeof longest);
    longest[1024] = '\0';
    assert_true(accepted(&(rules){1024, 256, .replacements = longest, .n_replacements = 1025}));
    longest[1024] = 'x', longest[1025] = '\0';
    assert_false(accepted(&(rules){1024, 256, .replacements = longest, .n_replacements = 1026}));
    assert_false(accepted(&(rules){1024, 256, .replacements = "ab", .n_replacements = 2}));
    assert_false(accepted(&(rules){1024, 256, .replacements = "a\0b", .n_replacements = 3}));
}

/* Where a unit leads to, and its value. OFFSET of the bits 10 and above, times 256 with WIDE. */
static void test_units_of_rules(void **state) {
    (void)state;
    enum { LEAF = 1 << 8, WIDE = 1 << 9, OFFSET = 1 << 10 };
    const uint32_t value = 1U << 31;
    const struct {
        uint32_t n_units, set[4];
        bool accepted;
    } cases[] = {
        {256, {0, 255 * OFFSET}, true},
        {256, {0, 256 * OFFSET}, false},
        {512, {0, 256 * OFFSET}, true},
        {512, {0, 512 * OFFSET}, false},
        {512, {0, WIDE | 1 * OFFSET}, true},
        {512, {0, WIDE | 2 * OFFSET}, false},
        {512, {511, 511 * OFFSET}, true}, /* to unit 0 */
        {512, {511, 1024 * OFFSET}, false},
        {256, {0, value | 256 * OFFSET}, false},       /* the root is no value */
        {256, {1, value | 256 * OFFSET}, true},        /* others may be, and are not gone to */
        {256, {0, LEAF | OFFSET, 1, value | 1}, true}, /* "a" and its end: 2 bytes */
        {256, {0, LEAF | OFFSET, 1, value | 2}, false},
        {256, {0, LEAF | OFFSET, 1, value | 1U << 30}, false},
        {256, {0, OFFSET, 1, value | 2}, true}, /* not a leaf: no value */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        rules r = {4 * cases[i].n_units, cases[i].n_units, .n_set = 2, .replacements = "a",
                   .n_replacements = 2};
        memcpy(r.set, cases[i].set, sizeof r.set);
        if (r.set[2] == 0) r.n_set = 1;
        if (accepted(&r) != cases[i].accepted) fail_msg("case %zu", i);
    }
}

/* Many small parts, of any kind that the library makes an object of. */
static void test_memory_is_bounded_by_parts(void **state) {
    (void)state;
    static const struct {
        const char *bytes;
        size_t n;
        int inside; /* the field they are put into; 0: none */
    } parts[] = {{PIECE, sizeof PIECE - 1, 0}, {"\x0A", 2, 2}, {"\x0A", 2, 4}};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        rd_text all = {0}, model = {0};
        for (int k = 0; k < 1000000; k++)
            assert_int_equal(rd_text_append(&all, parts[i].bytes, parts[i].n), RD_OK);
        if (parts[i].inside) {
            size_t n = (size_t)all.length;
            char tag[] = {(char)(parts[i].inside << 3 | 2), (char)(n | 0x80), (char)(n >> 7 | 0x80),
                          (char)(n >> 14 | 0x80)};
            char last = (char)(n >> 21);
            assert_true(n >> 21 > 0 ? n >> 28 == 0 : n >> 14 > 0);
            assert_int_equal(rd_text_append(&model, tag, sizeof tag), RD_OK);
            assert_int_equal(rd_text_append(&model, &last, 1), RD_OK);
            if (n >> 21 == 0) model.data[3] &= 0x7F, model.length--;
        }
        assert_int_equal(rd_text_append(&model, all.data, (size_t)all.length), RD_OK);
        assert_string_equal(rd_spm_problem(model.data, (size_t)model.length),
                            "it would take too much memory for its size");
        rd_text_free(&all);
        rd_text_free(&model);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_sound_one),
        cmocka_unit_test(test_how_it_was_trained),
        cmocka_unit_test(test_numbers_have_one_form),
        cmocka_unit_test(test_parts_come_once_as_what_they_are),
        cmocka_unit_test(test_pieces),
        cmocka_unit_test(test_what_is_cut_short),
        cmocka_unit_test(test_sizes_of_rules),
        cmocka_unit_test(test_replacements_of_rules),
        cmocka_unit_test(test_units_of_rules),
        cmocka_unit_test(test_memory_is_bounded_by_parts),
    };
    return cmocka_run_group_tests_name("sentencepiece_check", tests, NULL, NULL);
}
