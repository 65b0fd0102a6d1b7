/* chrF, TER and ROUGE: the cases published with sacreBLEU and rouge-score, the stemmer, resampling.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <math.h>

#include "base/parallel.h"
#include "base/rng.h"
#include "metrics/metric.h"
#include "metrics/porter.h"
#include "metrics/significance.h"
#include "rdrop/metrics.h"
#include "tokenizers.h"

static void assert_near(double found, double expected, double tolerance) {
    if (!(fabs(found - expected) <= tolerance)) fail_msg("%.10g, expected %.10g", found, expected);
}

static rd_line line_of(const char *text) {
    return (rd_line){text, strlen(text)};
}

typedef struct {
    const char *hyps[5], *refs[5]; /* up to the first NULL */
    double score;
} metric_case;

static double score_case(const rd_metric_config *config, const metric_case *one, int which) {
    double sums[RD_METRIC_MAX_STATS] = {0}, stats[RD_METRIC_MAX_STATS];
    rd_metric_scratch *scratch = rd_metric_scratch_new();
    assert_non_null(scratch);
    for (int i = 0; i < 5 && one->hyps[i]; i++) {
        rd_line ref = line_of(one->refs[i]);
        assert_int_equal(rd_metric_line(config, scratch, line_of(one->hyps[i]), 1, &ref, stats),
                         RD_OK);
        for (int k = 0; k < rd_metric_n_stats(config); k++) sums[k] += stats[k];
    }
    rd_metric_scratch_free(scratch);
    return rd_metric_score(config, which, sums);
}

#define COUNT(array) (sizeof(array) / sizeof *(array))

static void test_chrf(void **state) {
    (void)state;
    static const char risk[] = "risk assessment must be made of those who are qualified and "
                               "expertise in the sector - these are the scientists .",
                      risk_ref[] =
                          "risk assessment has to be undertaken by those who are qualified and "
                          "expert in that area - that is the scientists .",
                      obama_ref[] = "Das Verhältnis zwischen Obama und Netanyahu ist nicht gerade "
                                    "freundschaftlich.";
    const metric_case smoothed[] = {
        {{"abcdefg"}, {"hijklmnop"}, 0},
        {{"a"}, {"b"}, 0},
        {{""}, {"b"}, 0},
        {{""}, {"reference"}, 0},
        {{"aa"}, {"ab"}, 8.3333},
        {{"a", "b"}, {"a", "c"}, 8.3333},
        {{"a"}, {"a"}, 16.6667},
        {{"a b c"}, {"a b c"}, 50},
        {{"a b c"}, {"abc"}, 50},
        {{risk}, {risk_ref}, 63.361730},
        {{" Die    Beziehung zwischen  Obama und Netanjahu ist nicht gerade  freundlich. "},
         {obama_ref},
         64.1302698},
        {{"Niemand hat die Absicht, eine Mauer zu errichten"},
         {"Niemand hat die Absicht, eine Mauer zu errichten"},
         100}};
    const metric_case effective[] = {{{"a"}, {"a"}, 100},          {{""}, {"reference"}, 0},
                                     {{"a b c"}, {"abc"}, 100},    {{""}, {"c"}, 0},
                                     {{"a", "b"}, {"a", "c"}, 50}, {{"aa"}, {"ab"}, 25}};
    const metric_case whitespace[] = {
        {{"Die Beziehung zwischen Obama und Netanjahu ist nicht gerade freundlich."},
         {obama_ref},
         67.3481606},
        {{risk}, {risk_ref}, 65.2414427}};
    rd_metric_config config = rd_metric_defaults("chrf");
    config.beta = 3;
    for (size_t i = 0; i < COUNT(effective); i++)
        assert_near(score_case(&config, &effective[i], 0), effective[i].score, 1e-4);
    config.eps_smoothing = true;
    for (size_t i = 0; i < COUNT(smoothed); i++)
        assert_near(score_case(&config, &smoothed[i], 0), smoothed[i].score, 1e-4);
    config.eps_smoothing = false;
    config.whitespace = true;
    for (size_t i = 0; i < COUNT(whitespace); i++)
        assert_near(score_case(&config, &whitespace[i], 0), whitespace[i].score, 1e-4);
}

static void test_chrf_sentences(void **state) {
    (void)state;
    const metric_case cases[] = {
        {{"Co nás nejvíc trápí, protože lékaři si vybírají, kdo bude žít a kdo zemře."},
         {"Nejvíce smutní jsme z toho, že musíme rozhodovat o tom, kdo bude žít a kdo zemře."},
         39.14078509},
        {{"Nebo prostě nemají vybavení, které by jim pomohlo, uvedli lékaři."},
         {"A někdy nemáme ani potřebný materiál, abychom jim pomohli, popsali lékaři."},
         31.22557079},
        {{"Lapali po dechu, jejich životy skončily dřív, než skutečně začaly."},
         {"Lapali po dechu a pak jejich život skončil - dřív, než skutečně mohl začít, "
          "připomněli."},
         57.15704367}};
    rd_metric_config config = rd_metric_defaults("chrf");
    config.eps_smoothing = true;
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_near(score_case(&config, &cases[i], 0), cases[i].score, 1e-4);
}

/* A line after Tercom's normalisation, its words joined by blanks. */
static void assert_tokenized(const rd_metric_config *config, const char *text, const char *words) {
    rd_metric_scratch *scratch = rd_metric_scratch_new();
    assert_non_null(scratch);
    rd_line line;
    assert_int_equal(config->metric->prepare(config, scratch, line_of(text), false, &line), RD_OK);
    char joined[256] = "";
    const char *cursor = line.data, *end = line.data + line.length;
    for (rd_line word; rd_next_word(&cursor, end, &word);)
        sprintf(joined + strlen(joined), "%s%.*s", joined[0] ? " " : "", (int)word.length,
                word.data);
    assert_string_equal(joined, words);
    rd_metric_scratch_free(scratch);
}

static void test_ter_words(void **state) {
    (void)state;
    rd_metric_config config = rd_metric_defaults("ter");
    assert_tokenized(&config, "a b c d", "a b c d");
    assert_tokenized(&config, "", "");
    assert_tokenized(&config, "a b c d.", "a b c d.");
    assert_tokenized(&config, "A B C D.", "a b c d.");
    config.no_punct = true;
    assert_tokenized(&config, "a b c d.", "a b c d");
    assert_tokenized(&config, "A ; B ) C : D.", "a b c d");
    config.no_punct = false;
    config.normalized = true;
    assert_tokenized(&config, "a b (c) d.", "a b ( c ) d .");
    assert_tokenized(&config, "Jim's car.", "jim 's car .");
    assert_tokenized(&config, "4.2", "4.2");
    config.asian_support = true;
    assert_tokenized(&config, "美众院公布对特", "美 众 院 公 布 对 特");
    assert_tokenized(&config, "りの拳銃を持", "りの 拳 銃 を 持");
}

static void test_ter(void **state) {
    (void)state;
    const metric_case cases[] = {
        {{"aaaa bbbb cccc dddd"}, {"aaaa bbbb cccc dddd"}, 0},
        {{"dddd eeee ffff"}, {"aaaa bbbb cccc"}, 100},
        {{""}, {"a"}, 100},
        {{"a"}, {""}, 100},
        {{""}, {""}, 0},
        {{"d e f g h a b c"}, {"a b c d e f g h"}, 12.5},
        {{"klicken Sie auf der Registerkarte \" Optionen \" auf die Schaltfläche \" "
          "Benutzerdefiniert \" und geben Sie Werte für \" Fehlerkorrektur-Level \" und \" Y / "
          "X-Verhältnis \" ein ."},
         {"klicken Sie auf der Registerkarte \" Optionen \" auf die Schaltfläche \" "
          "Benutzerdefiniert \" und geben Sie für \" Fehlerkorrektur-Level \" und \" Y / "
          "X-Verhältnis \" niedrigere Werte ein ."},
         6.4516129},
        {{"wählen Sie \" Bild neu berechnen , \" um beim Ändern der Bildgröße Pixel "
          "hinzuzufügen oder zu entfernen , damit das Bild ungefähr dieselbe Größe aufweist wie "
          "die andere Größe .",
          "wenn Sie alle Aufgaben im aktuellen Dokument aktualisieren möchten , wählen Sie im "
          "Menü des Aufgabenbedienfelds die Option \" Alle Aufgaben aktualisieren . \"",
          "klicken Sie auf der Registerkarte \" Optionen \" auf die Schaltfläche \" "
          "Benutzerdefiniert \" und geben Sie Werte für \" Fehlerkorrektur-Level \" und \" Y / "
          "X-Verhältnis \" ein .",
          "Sie können beispielsweise ein Dokument erstellen , das ein Auto über die Bühne enthält "
          ".",
          "wählen Sie im Dialogfeld \" Neu aus Vorlage \" eine Vorlage aus und klicken Sie auf "
          "\" Neu . \""},
         {"wählen Sie \" Bild neu berechnen , \" um beim Ändern der Bildgröße Pixel "
          "hinzuzufügen oder zu entfernen , damit die Darstellung des Bildes in einer anderen "
          "Größe beibehalten wird .",
          "wenn Sie alle Aufgaben im aktuellen Dokument aktualisieren möchten , wählen Sie im "
          "Menü des Aufgabenbedienfelds die Option \" Alle Aufgaben aktualisieren . \"",
          "klicken Sie auf der Registerkarte \" Optionen \" auf die Schaltfläche \" "
          "Benutzerdefiniert \" und geben Sie für \" Fehlerkorrektur-Level \" und \" Y / "
          "X-Verhältnis \" niedrigere Werte ein .",
          "Sie können beispielsweise ein Dokument erstellen , das ein Auto enthalt , das sich "
          "über die Bühne bewegt .",
          "wählen Sie im Dialogfeld \" Neu aus Vorlage \" eine Vorlage aus und klicken Sie auf "
          "\" Neu . \""},
         13.6}};
    rd_metric_config config = rd_metric_defaults("ter");
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_near(score_case(&config, &cases[i], 0), cases[i].score, 1e-3);
}

/* The words "x0 x1 ..." and "y0 y1 ..." into text, after what is there. */
static void append_words(char *text, char kind, int n) {
    for (int i = 0; i < n; i++) sprintf(text + strlen(text), "%s%c%d", *text ? " " : "", kind, i);
}

/* One shift moves up to 10 words, by up to 50; more takes two edits. The values are sacreBLEU's. */
static void test_ter_bounds(void **state) {
    (void)state;
    static const struct {
        int block, distance;
        double edits;
    } cases[] = {{9, 20, 1}, {10, 20, 1}, {11, 20, 2}, {1, 49, 1}, {1, 50, 1}, {1, 51, 2}};
    rd_metric_config config = rd_metric_defaults("ter");
    for (size_t i = 0; i < COUNT(cases); i++) {
        char before[400] = "p",
             after[400] = "p"; /* a word that stays, so that none is too far left */
        append_words(before, 'x', cases[i].block);
        append_words(before, 'y', cases[i].distance);
        append_words(after, 'y', cases[i].distance);
        append_words(after, 'x', cases[i].block);
        double expected = 100 * cases[i].edits / (1 + cases[i].block + cases[i].distance);
        assert_near(score_case(&config, &(metric_case){{before}, {after}, 0}, 0), expected, 1e-9);
        assert_near(score_case(&config, &(metric_case){{after}, {before}, 0}, 0), expected, 1e-9);
    }
}

/* How far the search goes from the diagonal, and after how many shifts it gives up. The values are
 * sacreBLEU's: edits, of words 0, 1 ... in a row with others between, and of words of two letters.
 */
static void test_ter_limits(void **state) {
    (void)state;
    static const struct {
        int first, others;
        bool longer; /* the hypothesis has them, not the reference */
        double edits;
    } bands[] = {{40, 56, true, 56},
                 {40, 57, true, 57},
                 {5, 30, false, 30},
                 {5, 31, false, 31},
                 {5, 32, false, 33}};
    static const struct {
        const char *hyp, *ref;
        double edits;
    } many[] = {{"1 0 0 1 0 1 1 0 1 0 0 1 0 0 1 0 0 0 0 1 0 0 1 0 0 1 0 1 0 1 1 1 0 0 1",
                 "1 0 0 1 0 1 0 0 1 0 0 1 0 1 1 0 0 0 0 1 1 0 1 0 0 1 1 0 0 0 1 1 0 0 1", 3},
                {"0 0 1 1 1 0 1 1 0 1 0 0 0 0 0 0 1 0 0 1 1 1 1 1 1 0 0 1 1 1 1 1 1 0 1 0",
                 "0 0 1 1 0 0 1 1 1 1 0 1 1 0 0 0 1 0 0 1 1 0 0 1 1 0 0 1 1 0 1 1 1 1 1 0", 7}};
    rd_metric_config config = rd_metric_defaults("ter");
    for (size_t i = 0; i < COUNT(bands); i++) {
        char all[700] = "", some[400] = "";
        append_words(all, 'x', bands[i].first);
        append_words(all, 'y', bands[i].others);
        append_words(all, 'z', 1);
        append_words(some, 'x', bands[i].first);
        append_words(some, 'z', 1);
        metric_case one = {{bands[i].longer ? all : some}, {bands[i].longer ? some : all}, 0};
        int n = bands[i].first + 1 + (bands[i].longer ? 0 : bands[i].others);
        assert_near(score_case(&config, &one, 0), 100 * bands[i].edits / n, 1e-9);
    }
    for (size_t i = 0; i < COUNT(many); i++) {
        metric_case one = {{many[i].hyp}, {many[i].ref}, 0};
        double n = (double)(strlen(many[i].ref) + 1) / 2;
        assert_near(score_case(&config, &one, 0), 100 * many[i].edits / n, 1e-9);
    }
}

static double edits_of(const rd_metric_config *config, const char *hyp, int n, const char *a,
                       const char *b) {
    rd_metric_scratch *scratch = rd_metric_scratch_new();
    double stats[RD_METRIC_MAX_STATS];
    rd_line refs[] = {line_of(a), line_of(b)};
    assert_non_null(scratch);
    assert_int_equal(rd_metric_line(config, scratch, line_of(hyp), n, refs, stats), RD_OK);
    rd_metric_scratch_free(scratch);
    return stats[0];
}

/* Of several references the nearest one counts, as if it were alone. */
static void test_ter_references_are_apart(void **state) {
    (void)state;
    rd_metric_config config = rd_metric_defaults("ter");
    rd_rng rng = rd_rng_make(5, 1);
    for (int i = 0; i < 500; i++) {
        char texts[3][32];
        for (int t = 0; t < 3; t++) {
            int n = 1 + (int)rd_rng_below(&rng, 7);
            for (int k = 0; k < n; k++)
                sprintf(texts[t] + 2 * k, "%c ", (char)('a' + rd_rng_below(&rng, 4)));
        }
        double a = edits_of(&config, texts[0], 1, texts[1], texts[2]);
        double b = edits_of(&config, texts[0], 1, texts[2], texts[1]);
        assert_true(edits_of(&config, texts[0], 2, texts[1], texts[2]) == (a < b ? a : b));
    }
}

static void test_rouge(void **state) {
    (void)state;
    const metric_case unigrams = {{"testing two"}, {"testing one two"}, 80};
    const metric_case bigrams = {{"testing one two"}, {"testing one two three"}, 80};
    const metric_case sentences = {{"w1 w2 w6 w7 w8\nw1 w3 w8 w9 w5"}, {"w1 w2 w3 w4 w5"}, 0};
    const metric_case empty = {{""}, {"testing one two"}, 0};
    rd_metric_config config = rd_metric_defaults("rouge");
    assert_near(score_case(&config, &unigrams, 0), 80, 1e-9);
    assert_near(score_case(&config, &bigrams, 1), 80, 1e-9);
    assert_near(score_case(&config, &unigrams, 2), 80, 1e-9);
    /* Lin 2004, section 3.2: the union of both sentences' subsequences is w1 w2 w3 w5, so P = 4/10
     * and R = 4/5. */
    assert_near(score_case(&config, &sentences, 3), 100 * 2 * 0.4 * 0.8 / 1.2, 1e-9);
    for (int which = 0; which < 4; which++) assert_near(score_case(&config, &empty, which), 0, 0);
    const metric_case letters = {{"\xE2\x84\xAA\xC4\xB0 x"}, {"ki x"}, 100}; /* Kelvin, dotted I */
    assert_near(score_case(&config, &letters, 0), 100, 1e-9);
    const char *const hyps[] = {"the cats sat"}, *const refs[] = {"the cat sat"};
    rd_rouge_scores plain, stemmed;
    assert_int_equal(rd_rouge_corpus(1, hyps, refs, NULL, false, &plain), RD_OK);
    assert_int_equal(rd_rouge_corpus(1, hyps, refs, NULL, true, &stemmed), RD_OK);
    assert_near(plain.rougeL, 200 / 3.0, 1e-9);
    assert_near(stemmed.rougeL, 100, 1e-9);
    assert_near(stemmed.rougeLsum, 100, 1e-9);
    const char *const turned[] = {"b c\na"}, *const straight[] = {"a\nb c"};
    assert_int_equal(rd_rouge_corpus(1, turned, straight, NULL, false, &plain), RD_OK);
    assert_near(plain.rouge1, 100, 1e-9);
    assert_near(plain.rouge2, 50, 1e-9);
    assert_near(plain.rougeL, 200 / 3.0, 1e-9);
    assert_near(plain.rougeLsum, 100, 1e-9);
    const metric_case one = {{"testing"}, {"testing one two"}, 50},
                      two = {{"testing one"}, {"testing one two"}, 200 / 3.0},
                      lines = {{"Second sentence.\nFirst Sentence."},
                               {"First sentence.\nSecond Sentence."},
                               100},
                      joined = {{"Second sentence. First Sentence."},
                                {"First sentence. Second Sentence."},
                                50};
    assert_near(score_case(&config, &one, 0), one.score, 1e-9);
    assert_near(score_case(&config, &two, 1), two.score, 1e-9);
    assert_near(score_case(&config, &two, 0), 80, 1e-9);
    assert_near(score_case(&config, &lines, 3), lines.score, 1e-9);
    assert_near(score_case(&config, &joined, 3), joined.score, 1e-9);
    const metric_case without[] = {{{""}, {"w1 w2 w3"}, 0}, {{"w1"}, {""}, 0}, {{"/"}, {"w1"}, 0}};
    for (size_t i = 0; i < COUNT(without); i++)
        assert_near(score_case(&config, &without[i], 3), 0, 0);
}

/* Of several references, each score's best. */
static void test_rouge_references(void **state) {
    (void)state;
    rd_metric_config config = rd_metric_defaults("rouge");
    rd_metric_scratch *scratch = rd_metric_scratch_new();
    rd_line refs[] = {line_of("first text"), line_of("first something")};
    double stats[RD_METRIC_MAX_STATS];
    assert_int_equal(rd_metric_line(&config, scratch, line_of("text first"), 2, refs, stats),
                     RD_OK);
    assert_near(rd_metric_score(&config, 0, stats), 100, 1e-9);
    assert_near(rd_metric_score(&config, 1, stats), 0, 0);
    assert_near(rd_metric_score(&config, 2, stats), 50, 1e-9);
    rd_metric_scratch_free(scratch);
}

/* rouge-score's words are of a-z and 0-9: of other scripts nothing is left, which is said. */
static void test_rouge_scripts(void **state) {
    (void)state;
    const char *const hyps[] = {"他在北京。", "a b"}, *const refs[] = {"他在上海。", "a b"};
    char warning[256];
    rd_rouge_scores scores;
    rd_metric_config config = rd_metric_defaults("rouge");
    assert_int_equal(rd_rouge_corpus(2, hyps, refs, NULL, false, &scores), RD_OK);
    assert_near(scores.rouge1, 50, 1e-9);
    const rd_metric_tokenizer *zh = tokenizer_of("zh");
    assert_int_equal(rd_rouge_corpus(2, hyps, refs, zh, false, &scores), RD_OK);
    assert_near(scores.rouge1, (60 + 100) / 2.0, 1e-9);
    double stats[RD_METRIC_MAX_STATS];
    rd_metric_scratch *scratch = rd_metric_scratch_new();
    rd_line hyp = line_of(hyps[0]), ref = line_of(refs[0]);
    for (int own = 0; own < 2; own++) {
        config.tokenizer = own ? zh : NULL;
        assert_int_equal(rd_metric_line(&config, scratch, hyp, 1, &ref, stats), RD_OK);
        rd_metric_warning(&config, stats, warning);
        assert_int_equal(strstr(warning, "references of 1 of 1 lines") != NULL, !own);
        assert_int_equal(*warning == '\0', own);
    }
    config.tokenizer = NULL;
    hyp = ref = line_of("a b");
    assert_int_equal(rd_metric_line(&config, scratch, hyp, 1, &ref, stats), RD_OK);
    rd_metric_warning(&config, stats, warning);
    assert_string_equal(warning, "");
    rd_metric_scratch_free(scratch);
}

/* Where NLTK's stemmer and Porter's part ways, and the paper's own examples. */
static void test_stemmer(void **state) {
    (void)state;
    const char *const words[][2] = {{"skies", "sky"},
                                    {"dying", "die"},
                                    {"cries", "cri"},
                                    {"dies", "die"},
                                    {"tied", "tie"},
                                    {"cried", "cri"},
                                    {"enjoy", "enjoy"},
                                    {"happy", "happi"},
                                    {"spy", "spi"},
                                    {"caresses", "caress"},
                                    {"feed", "feed"},
                                    {"agreed", "agre"},
                                    {"hopping", "hop"},
                                    {"falling", "fall"},
                                    {"filing", "file"},
                                    {"sized", "size"},
                                    {"relational", "relat"},
                                    {"conditional", "condit"},
                                    {"digitizer", "digit"},
                                    {"radically", "radic"},
                                    {"formalize", "formal"},
                                    {"hopefully", "hope"},
                                    {"theology", "theolog"},
                                    {"adoption", "adopt"},
                                    {"adjustment", "adjust"},
                                    {"rate", "rate"},
                                    {"controlling", "control"},
                                    {"generalizations", "gener"},
                                    {"1990s", "1990"},
                                    {"proceed", "proceed"}};
    for (size_t i = 0; i < COUNT(words); i++) {
        char word[32];
        strcpy(word, words[i][0]);
        size_t n = rd_porter_stem_nltk(word, strlen(word));
        word[n] = '\0';
        assert_string_equal(word, words[i][1]);
    }
}

static void test_resampling(void **state) {
    (void)state;
    enum { LINES = 200, TRIALS = 500, WIDTH = 4 };
    static double lines[LINES][WIDTH], once[TRIALS][WIDTH], again[TRIALS][WIDTH],
        shuffled[TRIALS][2][2][2];
    for (int i = 0; i < LINES; i++) /* two systems of two statistics: a count, and a number */
        for (int k = 0; k < WIDTH; k++) lines[i][k] = k % 2 ? i * (k + 1) : 1;
    int threads = rd_get_threads();
    rd_set_threads(1);
    assert_int_equal(rd_bootstrap_sums(lines[0], LINES, WIDTH, TRIALS, 7, once[0]), RD_OK);
    rd_set_threads(3);
    assert_int_equal(rd_bootstrap_sums(lines[0], LINES, WIDTH, TRIALS, 7, again[0]), RD_OK);
    rd_set_threads(threads);
    assert_memory_equal(once, again, sizeof once);
    double mean = 0;
    for (int t = 0; t < TRIALS; t++) {
        assert_near(once[t][0], LINES, 0);             /* as many lines as there are */
        assert_near(once[t][3], 2 * once[t][1], 1e-6); /* the same lines for both systems */
        mean += once[t][1] / TRIALS;
    }
    /* The sum of 200 draws from {0, 2, ..., 398}: mean 39800, deviation 1633 over one trial. */
    assert_near(mean, 39800, 5 * 1633 / sqrt(TRIALS));
    assert_int_equal(rd_bootstrap_sums(lines[0], LINES, WIDTH, TRIALS, 8, again[0]), RD_OK);
    assert_memory_not_equal(once, again, sizeof once);

    assert_int_equal(rd_randomization_sums(lines[0], LINES, 2, 2, TRIALS, 7, shuffled[0][0][0]),
                     RD_OK);
    double total = 0, moved = 0;
    for (int i = 0; i < LINES; i++) total += lines[i][1] + lines[i][3];
    for (int t = 0; t < TRIALS; t++) {
        assert_near(shuffled[t][1][0][1] + shuffled[t][1][1][1], total, 1e-6);
        moved += shuffled[t][1][0][1] / total / TRIALS;
    }
    assert_near(moved, 0.5, 0.01);
}

static void test_confidence(void **state) {
    (void)state;
    double scores[80], mean, interval;
    for (int i = 0; i < 80; i++) scores[i] = 80 - i;
    rd_confidence(scores, 80, &mean, &interval);
    assert_near(mean, 40.5, 1e-9);
    assert_near(interval, (78 - 3) / 2.0, 1e-9); /* two of 80 cut off at either end */
    assert_near(rd_p_value(scores, 80, 76.5), 5 / 81.0, 1e-12);
    assert_near(rd_p_value(scores, 80, 1000), 1 / 81.0, 1e-12);
}

static void test_signatures(void **state) {
    (void)state;
    char signature[256], name[32];
    rd_metric_config config = rd_metric_defaults("chrf");
    config.word_order = 2;
    rd_signature_info info = {.n_refs = -1, .test = "bs", .trials = 1000, .seed = 12345};
    rd_metric_signature(&config, &info, signature);
    assert_string_equal(signature, "nrefs:var|bs:1000|seed:12345|case:mixed|eff:yes|nc:6|nw:2|"
                                   "space:no|version:rdrop-score-" RD_VERSION);
    rd_metric_name(&config, 0, name);
    assert_string_equal(name, "chrF2++");
    config = rd_metric_defaults("ter");
    info = (rd_signature_info){.n_refs = 1, .brief = true};
    rd_metric_signature(&config, &info, signature);
    assert_string_equal(signature,
                        "#:1|c:lc|t:tercom|nr:no|pn:yes|as:no|v:rdrop-score-" RD_VERSION);
}

/* Numbers that are no choice, and counts that are none. */
static void test_wrong_settings(void **state) {
    (void)state;
    double score;
    rd_metric_tokenizer *tokenizer;
    rd_metric_config config = rd_metric_defaults("bleu");
    config.smooth_method = (rd_bleu_smooth)9;
    assert_int_equal(rd_metric_check(&config), RD_ERR_ARGUMENT);
    config = rd_metric_defaults("rouge");
    config.stem = (rd_rouge_stem)7;
    assert_int_equal(rd_metric_check(&config), RD_ERR_ARGUMENT);
    assert_int_equal(rd_bleu_corpus(-1, NULL, NULL, NULL, false, &score), RD_ERR_ARGUMENT);
    assert_int_equal(rd_metric_tokenizer_open("13a:file", &tokenizer), RD_ERR_ARGUMENT);
    assert_string_equal(rd_last_error(), "tokenizer 13a takes no file");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wrong_settings),
        cmocka_unit_test(test_chrf),
        cmocka_unit_test(test_ter),
        cmocka_unit_test(test_ter_bounds),
        cmocka_unit_test(test_ter_limits),
        cmocka_unit_test(test_ter_references_are_apart),
        cmocka_unit_test(test_chrf_sentences),
        cmocka_unit_test(test_ter_words),
        cmocka_unit_test(test_rouge_references),
        cmocka_unit_test(test_rouge),
        cmocka_unit_test(test_rouge_scripts),
        cmocka_unit_test(test_stemmer),
        cmocka_unit_test(test_resampling),
        cmocka_unit_test(test_confidence),
        cmocka_unit_test(test_signatures),
    };
    return cmocka_run_group_tests(tests, NULL, close_tokenizers);
}
