/* Scores of text by a language model against the blocks that fairseq's options describe, made here
 * by hand; and text that it writes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "golden.h"
#include "lm/generate.h"
#include "lm/lm.h"
#include "model/network.h"
#include "toy_directory.h"

enum { N_LINES = 6, MOST = 256, POSITIONS = 16 };
static const char *const lines[N_LINES] = {"a dog sees the old house",    "",  "two cats",
                                           "the man under the tree runs", "x", "a blue tree"};
static char directory[] = "/tmp/rdrop-lm-XXXXXX", model_path[64];
static rd_lm lm;

static int set_up(void **state) {
    (void)state;
    if (!mkdtemp(directory)) return 1;
    snprintf(model_path, sizeof model_path, "%s/model", directory);
    toy_directory_make(model_path,
                       "task: language_modeling\narch: transformer-lm\nencoder-embed-dim: 16\n"
                       "decoder-ffn-embed-dim: 24\ndecoder-layers: 2\ndecoder-attention-heads: 2\n"
                       "encoder-attention-heads: 2\nmax-target-positions: 16",
                       34, 0);
    must(rd_lm_open(&lm, model_path, RD_PRECISION_FP32));
    must(rd_lm_list_newlines(&lm));
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    char command[128];
    rd_lm_close(&lm);
    snprintf(command, sizeof command, "rm -r %s", directory);
    return system(command);
}

/* The text's tokens, and what is known of each. */
typedef struct {
    int64_t n;
    int32_t ids[MOST];
    int64_t line[MOST];
    double log_prob[MOST];
} scored;

static rd_status take(void *self, const rd_lm_token *token) {
    scored *s = self;
    assert_true(s->n < MOST);
    s->ids[s->n] = token->id;
    s->line[s->n] = token->line;
    s->log_prob[s->n++] = (double)token->log_prob;
    return RD_OK;
}

static scored score(int32_t longest, int32_t context, rd_break_mode mode, int64_t max_tokens) {
    scored s = {0};
    rd_lm_scorer *scorer;
    rd_lm_scorer_config config = {.lm = &lm,
                                  .tokens_per_sample = longest,
                                  .context_window = context,
                                  .mode = mode,
                                  .max_tokens = max_tokens,
                                  .take = take,
                                  .self = &s};
    must(rd_lm_scorer_open(&scorer, &config));
    for (int i = 0; i < N_LINES; i++)
        must(rd_lm_scorer_add(scorer, NULL, 0, lines[i], strlen(lines[i])));
    must(rd_lm_scorer_finish(scorer));
    rd_lm_scorer_close(scorer);
    return s;
}

/* Checks tokens first .. end - 1 as a block of `text` after up to `context` tokens that do not go
 * back before `least`. */
static void check_block(const scored *text, int64_t least, int64_t first, int64_t end,
                        int64_t context) {
    int64_t begin = first - context > least ? first - context : least;
    int32_t start = begin > least ? text->ids[begin - 1] : 2;
    float got[MOST];
    rd_batch batch = {0};
    rd_arena arena = {0};
    rd_step step = {.arena = &arena, .n_passes = 1};
    must(rd_reserve(&batch.starts.data, &batch.starts.capacity, 1, sizeof start));
    batch.starts.data[batch.starts.length++] = start;
    must(rd_batch_add(&batch, 0, NULL, 0, text->ids + begin, (int32_t)(end - begin)));
    must(rd_network_log_probs(lm.model, &step, &batch, got));
    for (int64_t i = first; i < end; i++)
        assert_near(text->log_prob[i], (double)got[i - begin], 1e-5, 1e-5, "token", i);
    rd_batch_free(&batch);
    rd_arena_free(&arena);
}

static void test_blocks(void **state) {
    (void)state;
    const int32_t sizes[][2] = {{16, 0}, {1, 0}, {8, 0}, {8, 5}, {16, 15}, {7, 3}};
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
        int64_t most = sizes[k][0] - sizes[k][1];
        scored s = score(sizes[k][0], sizes[k][1], RD_BREAK_NONE, k % 2 ? 20 : 4096);
        assert_true(s.n > POSITIONS);
        for (int64_t at = 0; at < s.n; at += most)
            check_block(&s, 0, at, at + most < s.n ? at + most : s.n, sizes[k][1]);
    }
}

/* Blocks of whole lines: as many as fit among the new tokens. */
static void test_complete(void **state) {
    (void)state;
    enum { LONGEST = 16, CONTEXT = 4 };
    scored s = score(LONGEST, CONTEXT, RD_BREAK_COMPLETE, 4096);
    int64_t first = 0, end_of_line = 0;
    for (int64_t i = 0; i < s.n; i++) {
        bool ends = i + 1 == s.n || s.line[i + 1] != s.line[i];
        if (i + 1 - first > LONGEST - CONTEXT && end_of_line > first) {
            check_block(&s, 0, first, end_of_line, CONTEXT);
            first = end_of_line;
        }
        if (ends) end_of_line = i + 1;
        if (i + 1 - first == LONGEST - CONTEXT + 1) fail_msg("a line of the test does not fit");
    }
    check_block(&s, 0, first, s.n, CONTEXT);
}

/* Without context they are read as in training: each after the start. */
static void test_complete_alone(void **state) {
    (void)state;
    enum { LONGEST = 12, OTHER = 5 };
    int32_t start = lm.start;
    scored s = score(LONGEST, 0, RD_BREAK_COMPLETE, 4096), other;
    lm.start = OTHER;
    other = score(LONGEST, 0, RD_BREAK_COMPLETE, 4096);
    lm.start = start;
    int64_t begun = 0;
    for (int64_t i = 0; i < s.n; i++) { /* a start tells in a block's first token at least */
        bool differs =
            s.log_prob[i] - other.log_prob[i] > 1e-4 || s.log_prob[i] - other.log_prob[i] < -1e-4;
        begun += differs && (i == 0 || s.line[i] != s.line[i - 1]);
        if (i == 0) assert_true(differs);
    }
    assert_true(begun > 2);
}

/* Each line by itself; those longer than the model reads, in windows. */
static void test_lines(void **state) {
    (void)state;
    enum { LONGEST = 8, CONTEXT = 5 };
    scored s = score(LONGEST, CONTEXT, RD_BREAK_EOS, 4096);
    for (int64_t first = 0, end; first < s.n; first = end) {
        for (end = first + 1; end < s.n && s.line[end] == s.line[first];) end++;
        int64_t at = first + LONGEST < end ? first + LONGEST : end;
        check_block(&s, first, first, at, 0);
        for (; at < end; at += LONGEST - CONTEXT)
            check_block(&s, first, at, at + LONGEST - CONTEXT < end ? at + LONGEST - CONTEXT : end,
                        CONTEXT);
    }
}

/* The second line's tokens, as they are scored after the first one's. */
static void test_conditional(void **state) {
    (void)state;
    scored whole = {0}, second = {0};
    rd_lm_scorer *scorer;
    rd_lm_scorer_config config = {
        .lm = &lm, .mode = RD_BREAK_NONE, .max_tokens = 4096, .take = take, .self = &whole};
    must(rd_lm_scorer_open(&scorer, &config));
    must(rd_lm_scorer_add(scorer, NULL, 0, "two cats", 8));
    must(rd_lm_scorer_add(scorer, NULL, 0, "a tree", 6));
    must(rd_lm_scorer_finish(scorer));
    rd_lm_scorer_close(scorer);
    config.mode = RD_BREAK_EOS;
    config.self = &second;
    must(rd_lm_scorer_open(&scorer, &config));
    must(rd_lm_scorer_add(scorer, "two cats", 8, "a tree", 6));
    must(rd_lm_scorer_finish(scorer));
    rd_lm_scorer_close(scorer);
    assert_true(whole.n <= POSITIONS && second.n > 1 && second.n < whole.n);
    for (int64_t i = 0; i < second.n; i++) {
        assert_int_equal(second.ids[i], whole.ids[whole.n - second.n + i]);
        assert_near(second.log_prob[i], whole.log_prob[whole.n - second.n + i], 1e-5, 1e-5,
                    "second", i);
    }
}

/* Of a first line that does not fit before the second, the end is read. */
static void test_conditional_cut(void **state) {
    (void)state;
    static const char given[] =
        "the man under the tree runs the man under the tree runs a blue tree";
    scored both = {0}, second = {0};
    rd_lm_scorer *scorer;
    rd_lm_scorer_config config = {
        .lm = &lm, .mode = RD_BREAK_EOS, .max_tokens = 4096, .take = take, .self = &second};
    must(rd_lm_scorer_open(&scorer, &config));
    must(rd_lm_scorer_add(scorer, given, strlen(given), "a tree", 6));
    must(rd_lm_scorer_finish(scorer));
    assert_int_equal(rd_lm_scorer_n_cut(scorer), 1);
    must(rd_lm_scorer_add(scorer, "x", 1, "x", 1));
    must(rd_lm_scorer_finish(scorer));
    assert_int_equal(rd_lm_scorer_n_cut(scorer), 1);
    rd_lm_scorer_close(scorer);
    config.mode = RD_BREAK_NONE; /* its tokens, for check_block */
    config.self = &both;
    must(rd_lm_scorer_open(&scorer, &config));
    must(rd_lm_scorer_add(scorer, NULL, 0, given, strlen(given)));
    must(rd_lm_scorer_add(scorer, NULL, 0, "a tree", 6));
    must(rd_lm_scorer_finish(scorer));
    rd_lm_scorer_close(scorer);
    int64_t n = 0;
    while (second.line[n] == 1 && n < second.n) n++;
    assert_true(both.n > POSITIONS && n < POSITIONS);
    for (int64_t i = 0; i < n; i++) both.log_prob[both.n - n + i] = second.log_prob[i];
    check_block(&both, 0, both.n - n, both.n, POSITIONS - n);
}

/* The context window is kept of it, even where the second line then takes more blocks. */
static void test_conditional_context(void **state) {
    (void)state;
    enum { CONTEXT = 12, MOST_NEW = POSITIONS - CONTEXT };
    static const char given[] = "the man under the tree runs the man under the tree runs the man "
                                "under the tree runs";
    static const char text[] = "the man under the tree";
    scored both = {0}, second = {0};
    rd_lm_scorer *scorer;
    rd_lm_scorer_config config = {.lm = &lm,
                                  .context_window = CONTEXT,
                                  .mode = RD_BREAK_EOS,
                                  .max_tokens = 4096,
                                  .take = take,
                                  .self = &second};
    must(rd_lm_scorer_open(&scorer, &config));
    must(rd_lm_scorer_add(scorer, given, strlen(given), text, strlen(text)));
    must(rd_lm_scorer_finish(scorer));
    rd_lm_scorer_close(scorer);
    config.mode = RD_BREAK_NONE; /* its tokens, for check_block */
    config.self = &both;
    must(rd_lm_scorer_open(&scorer, &config));
    must(rd_lm_scorer_add(scorer, NULL, 0, given, strlen(given)));
    must(rd_lm_scorer_add(scorer, NULL, 0, text, strlen(text)));
    must(rd_lm_scorer_finish(scorer));
    rd_lm_scorer_close(scorer);
    int64_t n = second.n, first = both.n - n;
    assert_true(n > MOST_NEW && n < POSITIONS && first > POSITIONS);
    for (int64_t i = 0; i < n; i++) both.log_prob[first + i] = second.log_prob[i];
    for (int64_t at = first; at < both.n; at += MOST_NEW)
        check_block(&both, 0, at, at + MOST_NEW < both.n ? at + MOST_NEW : both.n, CONTEXT);
}

static void test_refused(void **state) {
    (void)state;
    rd_lm_scorer *scorer;
    rd_lm_scorer_config config = {.lm = &lm, .tokens_per_sample = 17, .max_tokens = 1};
    assert_int_equal(rd_lm_scorer_open(&scorer, &config), RD_ERR_ARGUMENT);
    assert_non_null(strstr(rd_last_error(), "16 positions"));
    config = (rd_lm_scorer_config){.lm = &lm, .context_window = 16, .max_tokens = 1};
    assert_int_equal(rd_lm_scorer_open(&scorer, &config), RD_ERR_ARGUMENT);
    assert_non_null(strstr(rd_last_error(), "no new tokens"));
    rd_lm translator;
    char path[64];
    snprintf(path, sizeof path, "%s/translator", directory);
    toy_directory_make(path, "arch: transformer-tiny\nencoder-layers: 1\ndecoder-layers: 1", 34, 0);
    assert_int_equal(rd_lm_open(&translator, path, RD_PRECISION_FP32), RD_ERR_FORMAT);
    assert_non_null(strstr(rd_last_error(), "no language model"));
}

/* Greedy writing: each token is the likeliest after those before it, which scores tell. */
static void test_greedy(void **state) {
    (void)state;
    int64_t n;
    const char *const prompts[] = {"a dog", "", "the man under"};
    rd_lm_answers answers[3];
    rd_lm_generation g = {.lm = &lm, .search = lm.search};
    g.search.beam = g.search.n_best = 1;
    g.search.max_len_a = 0;
    g.search.max_len_b = 6;
    must(rd_lm_generate(&g, 0, 3, prompts, answers, &n));
    for (int i = 0; i < 3; i++) {
        assert_int_equal(answers[i].n, 1);
        assert_memory_equal(answers[i].items[0].text, prompts[i], strlen(prompts[i]));
        assert_true(answers[i].items[0].log_prob < 0);
    }
    rd_lm_answers alone;
    must(rd_lm_generate(&g, 0, 1, &prompts[2], &alone, &n)); /* others do not matter */
    assert_string_equal(alone.items[0].text, answers[2].items[0].text);
    rd_lm_answers_free(&alone);
    for (int i = 0; i < 3; i++) rd_lm_answers_free(&answers[i]);
    const char *const endless[] = {
        "a dog sees the old house a dog sees the old house a dog sees the old house"};
    assert_int_equal(rd_lm_generate(&g, 4, 1, endless, answers, &n), RD_ERR_FORMAT);
    assert_non_null(strstr(rd_last_error(), "line 5: a prompt of"));
    /* The text of a prompt stays what it was, and those before one too long are answered. */
    const char *const odd[] = {"a  dog \t x", endless[0], "a dog"};
    assert_int_equal(rd_lm_generate(&g, 0, 3, odd, answers, &n), RD_ERR_FORMAT);
    assert_int_equal(n, 1);
    assert_memory_equal(answers[0].items[0].text, odd[0], strlen(odd[0]));
    rd_lm_answers_free(&answers[0]);
}

/* Samples depend on the seed, the prompt's number and their own. */
static void test_samples(void **state) {
    (void)state;
    int64_t n;
    const char *const prompts[] = {"a dog", "a dog"};
    rd_lm_answers a[2], b[2];
    rd_lm_generation g = {.lm = &lm, .search = lm.search};
    g.search.sampling = true;
    g.search.beam = g.search.n_best = 3;
    g.search.max_len_a = 0;
    g.search.max_len_b = 8;
    must(rd_lm_generate(&g, 0, 2, prompts, a, &n));
    must(rd_lm_generate(&g, 1, 1, prompts, b, &n));
    assert_string_equal(a[1].items[2].text, b[0].items[2].text);
    assert_string_not_equal(a[0].items[0].text, a[1].items[0].text);
    for (int i = 0; i < 2; i++) rd_lm_answers_free(&a[i]);
    rd_lm_answers_free(&b[0]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_blocks),          cmocka_unit_test(test_complete),
        cmocka_unit_test(test_lines),           cmocka_unit_test(test_conditional),
        cmocka_unit_test(test_refused),         cmocka_unit_test(test_greedy),
        cmocka_unit_test(test_samples),         cmocka_unit_test(test_complete_alone),
        cmocka_unit_test(test_conditional_cut), cmocka_unit_test(test_conditional_context)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
