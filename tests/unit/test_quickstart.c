/* The quick-start grammar: German forms and word order checked by hand, and what holds of every
 * sentence. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/text.h"
#include "quickstart/clause.h"
#include "quickstart/numbers.h"
#include "quickstart/sentences.h"

static void numbers_in_words(void **state) {
    (void)state;
    static const struct {
        int n;
        const char *en, *de;
    } cases[] = {
        {0, "zero", "null"},
        {1, "one", "eins"},
        {7, "seven", "sieben"},
        {12, "twelve", "zwölf"},
        {16, "sixteen", "sechzehn"},
        {17, "seventeen", "siebzehn"},
        {21, "twenty-one", "einundzwanzig"},
        {30, "thirty", "dreißig"},
        {66, "sixty-six", "sechsundsechzig"},
        {77, "seventy-seven", "siebenundsiebzig"},
        {101, "one hundred and one", "einhunderteins"},
        {342, "three hundred and forty-two", "dreihundertzweiundvierzig"},
        {1000, "one thousand", "eintausend"},
        {1001, "one thousand and one", "eintausendeins"},
        {9999, "nine thousand nine hundred and ninety-nine",
         "neuntausendneunhundertneunundneunzig"},
        {21500, "twenty-one thousand five hundred", "einundzwanzigtausendfünfhundert"},
    };
    char text[QS_NUMBER_SIZE];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        qs_english_number(text, cases[i].n);
        assert_string_equal(text, cases[i].en);
        qs_german_number(text, cases[i].n);
        assert_string_equal(text, cases[i].de);
    }
}

static void ordinals_and_years(void **state) {
    (void)state;
    static const struct {
        int n;
        const char *en, *de;
    } cases[] = {
        {1, "first", "erst"},
        {3, "third", "dritt"},
        {7, "seventh", "siebt"},
        {8, "eighth", "acht"},
        {12, "twelfth", "zwölft"},
        {19, "nineteenth", "neunzehnt"},
        {20, "twentieth", "zwanzigst"},
        {21, "twenty-first", "einundzwanzigst"},
        {33, "thirty-third", "dreiunddreißigst"},
        {100, "one hundredth", "einhundertst"},
        {103, "one hundred and third", "einhundertdritt"},
    };
    char text[QS_NUMBER_SIZE];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        qs_english_ordinal(text, cases[i].n);
        assert_string_equal(text, cases[i].en);
        qs_german_ordinal(text, cases[i].n);
        assert_string_equal(text, cases[i].de);
    }
    qs_english_year(text, 1985), assert_string_equal(text, "nineteen eighty-five");
    qs_german_year(text, 1985), assert_string_equal(text, "neunzehnhundertfünfundachtzig");
    qs_english_year(text, 1905), assert_string_equal(text, "nineteen oh five");
    qs_german_year(text, 1905), assert_string_equal(text, "neunzehnhundertfünf");
    qs_english_year(text, 2005), assert_string_equal(text, "two thousand and five");
    qs_german_year(text, 2005), assert_string_equal(text, "zweitausendfünf");
    qs_english_year(text, 2012), assert_string_equal(text, "twenty twelve");
    qs_german_year(text, 2012), assert_string_equal(text, "zweitausendzwölf");
}

static void clock_times(void **state) {
    (void)state;
    static const struct {
        int hour, minute;
        const char *en, *de;
    } cases[] = {
        {1, 0, "one o'clock", "ein Uhr"},
        {3, 30, "half past three", "halb vier"},
        {12, 30, "half past twelve", "halb eins"},
        {12, 45, "quarter to one", "Viertel vor eins"},
        {1, 15, "quarter past one", "Viertel nach eins"},
        {4, 20, "twenty past four", "zwanzig nach vier"},
        {4, 25, "twenty-five past four", "fünf vor halb fünf"},
        {4, 35, "twenty-five to five", "fünf nach halb fünf"},
        {9, 55, "five to ten", "fünf vor zehn"},
    };
    char text[QS_NUMBER_SIZE];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        qs_english_clock(text, cases[i].hour, cases[i].minute);
        assert_string_equal(text, cases[i].en);
        qs_german_clock(text, cases[i].hour, cases[i].minute);
        assert_string_equal(text, cases[i].de);
    }
}

static void noun_phrases(void **state) {
    (void)state;
    static const struct {
        qs_determiner determiner;
        const char *adjective, *noun;
        bool plural;
        qs_case kase;
        const char *de;
    } cases[] = {
        {THE, "old", "man", false, NOMINATIVE, "der alte Mann"},
        {THE, "old", "man", false, ACCUSATIVE, "den alten Mann"},
        {THE, "old", "man", false, DATIVE, "dem alten Mann"},
        {THE, "old", "man", false, GENITIVE, "des alten Mannes"},
        {THE, "young", "woman", false, ACCUSATIVE, "die junge Frau"},
        {THE, "young", "woman", false, DATIVE, "der jungen Frau"},
        {THE, "small", "child", false, ACCUSATIVE, "das kleine Kind"},
        {THE, "small", "child", true, DATIVE, "den kleinen Kindern"},
        {A, "big", "dog", false, NOMINATIVE, "ein großer Hund"},
        {A, "big", "dog", false, ACCUSATIVE, "einen großen Hund"},
        {A, "expensive", "car", false, NOMINATIVE, "ein teures Auto"},
        {A, "dark", "house", false, DATIVE, "einem dunklen Haus"},
        {A, "tired", "girl", false, GENITIVE, "eines müden Mädchens"},
        {NO, "red", "apple", false, ACCUSATIVE, "keinen roten Apfel"},
        {NO, NULL, "flower", true, ACCUSATIVE, "keine Blumen"},
        {THIS, "white", "shirt", false, NOMINATIVE, "dieses weiße Hemd"},
        {THIS, NULL, "neighbour", false, DATIVE, "diesem Nachbarn"},
        {THE, NULL, "boy", false, ACCUSATIVE, "den Jungen"},
        {THE, NULL, "student", false, GENITIVE, "des Studenten"},
        {BARE, "cold", "milk", false, ACCUSATIVE, "kalte Milch"},
        {BARE, "hot", "coffee", false, NOMINATIVE, "heißer Kaffee"},
        {BARE, "fresh", "egg", true, ACCUSATIVE, "frische Eier"},
        {THE, NULL, "radio", true, DATIVE, "den Radios"},
        {POSSESSIVE, "new", "skirt", false, ACCUSATIVE, "unseren neuen Rock"},
        {POSSESSIVE, NULL, "daughter", true, DATIVE, "unseren Töchtern"},
        {NUMBER_OF, "green", "hat", true, NOMINATIVE, "drei grüne Hüte"},
        {NUMBER_OF, "old", "friend", true, DATIVE, "drei alten Freunden"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *adjective = cases[i].adjective;
        qs_np np = {.determiner = cases[i].determiner,
                    .person = US,
                    .noun = qs_find_noun(cases[i].noun),
                    .adjective = adjective != NULL ? qs_find_adjective(adjective) : NULL,
                    .plural = cases[i].plural,
                    .number = 3};
        qs_line line = {0};
        qs_np_german(&line, &np, cases[i].kase);
        assert_string_equal(line.text, cases[i].de);
    }
}

#define I_                                                                                         \
    { .determiner = PRONOUN, .person = ME }
#define YOU_                                                                                       \
    { .determiner = PRONOUN, .person = YOU }
#define HE_                                                                                        \
    { .determiner = PRONOUN, .person = HE }
#define WE_                                                                                        \
    { .determiner = PRONOUN, .person = US }

/* One clause of a verb with "her mother" or "no coffee" as object, in one order. */
static void check_clause(qs_clause clause, const char *verb, qs_order order, const char *en,
                         const char *de) {
    qs_line english = {0}, german = {0};
    clause.verb = qs_find_verb(verb);
    assert_non_null(clause.verb);
    qs_clause_english(&english, &clause, order);
    qs_clause_german(&german, &clause, order);
    assert_string_equal(english.text, en);
    assert_string_equal(german.text, de);
}

static void word_order(void **state) {
    (void)state;
    qs_np mother = {.determiner = POSSESSIVE, .person = SHE, .noun = qs_find_noun("mother")};
    qs_np coffee = {.determiner = NO, .noun = qs_find_noun("coffee")};
    qs_np lamp = {.determiner = THE, .noun = qs_find_noun("lamp")};
    qs_np them = {.determiner = PRONOUN, .person = THEM};
    qs_phrase tomorrow = {"tomorrow", "morgen"}, park = {"to the park", "in den Park"};
    const qs_modal *can = &qs_modals[0], *want = &qs_modals[3];

    check_clause((qs_clause){.subject = I_, .place = park, .time = tomorrow, .time_first = true},
                 "go", STATEMENT, "tomorrow, I go to the park", "morgen gehe ich in den Park");
    check_clause((qs_clause){.subject = HE_, .tense = PAST, .place = park}, "go", STATEMENT,
                 "he went to the park", "er ist in den Park gegangen");
    check_clause((qs_clause){.subject = HE_, .tense = PAST, .place = park}, "run", SUBORDINATE,
                 "he ran to the park", "er in den Park gelaufen ist");
    check_clause((qs_clause){.subject = HE_, .place = park, .negated = true}, "go", STATEMENT,
                 "he does not go to the park", "er geht nicht in den Park");
    check_clause((qs_clause){.subject = YOU_, .has_object = true, .object = lamp}, "switch on",
                 STATEMENT, "you switch on the lamp", "du schaltest die Lampe ein");
    check_clause((qs_clause){.subject = YOU_, .has_object = true, .object = lamp}, "switch off",
                 SUBORDINATE, "you switch off the lamp", "du die Lampe ausschaltest");
    check_clause((qs_clause){.subject = WE_, .tense = FUTURE, .has_object = true, .object = mother},
                 "invite", STATEMENT, "we will invite her mother",
                 "wir werden ihre Mutter einladen");
    check_clause((qs_clause){.subject = WE_, .has_object = true, .object = them}, "pick up",
                 STATEMENT, "we pick them up", "wir holen sie ab");
    check_clause((qs_clause){.subject = HE_, .has_object = true, .object = coffee, .negated = true},
                 "drink", STATEMENT, "he does not drink coffee", "er trinkt keinen Kaffee");
    check_clause((qs_clause){.subject = HE_, .has_object = true, .object = mother, .tense = PAST},
                 "help", QUESTION, "did he help her mother", "hat er ihrer Mutter geholfen");
    check_clause((qs_clause){.subject = HE_, .has_object = true, .object = mother}, "wait for",
                 STATEMENT, "he waits for her mother", "er wartet auf ihre Mutter");
    check_clause((qs_clause){.subject = HE_, .has_object = true, .object = mother}, "talk to",
                 STATEMENT, "he talks to her mother", "er spricht mit ihrer Mutter");
    check_clause((qs_clause){.subject = HE_,
                             .tense = MODAL,
                             .modal = can,
                             .negated = true,
                             .has_object = true,
                             .object = lamp},
                 "repair", STATEMENT, "he cannot repair the lamp",
                 "er kann die Lampe nicht reparieren");
    check_clause(
        (qs_clause){
            .subject = HE_, .tense = MODAL, .modal = want, .has_object = true, .object = mother},
        "call", SUBORDINATE, "he wants to call her mother", "er ihre Mutter anrufen will");
    check_clause((qs_clause){.subject = I_,
                             .has_object = true,
                             .object = lamp,
                             .has_recipient = true,
                             .recipient = them,
                             .time = tomorrow},
                 "show", STATEMENT, "I show them the lamp tomorrow",
                 "ich zeige ihnen morgen die Lampe");
    check_clause((qs_clause){.subject = I_,
                             .has_object = true,
                             .object = lamp,
                             .has_recipient = true,
                             .recipient = mother,
                             .tense = PAST},
                 "give", AFTER_SUBORDINATE, "I gave her mother the lamp",
                 "habe ich ihrer Mutter die Lampe gegeben");
}

static void every_sentence(void **state) {
    (void)state;
    rd_rng a = rd_rng_make(7, 0), b = rd_rng_make(7, 0);
    size_t words = 0;
    enum { PAIRS = 20000 };
    for (int i = 0; i < PAIRS; i++) {
        qs_pair pair = qs_random_pair(&a), again = qs_random_pair(&b);
        assert_string_equal(pair.en.text, again.en.text); /* the seed decides everything */
        assert_string_equal(pair.de.text, again.de.text);
        const qs_line *lines[2] = {&pair.en, &pair.de};
        for (int side = 0; side < 2; side++) {
            assert_true(lines[side]->length > 0);
            assert_int_equal(rd_utf8_invalid_at(lines[side]->text, lines[side]->length), -1);
            assert_null(strstr(lines[side]->text, "  "));
            assert_null(strstr(lines[side]->text, " ,"));
        }
        /* Both sides end with the same mark, or neither has one. */
        char en = pair.en.text[pair.en.length - 1], de = pair.de.text[pair.de.length - 1];
        bool marked = strchr(".?!", en) != NULL;
        assert_int_equal(marked ? en : 0, strchr(".?!", de) != NULL ? de : 0);
        words++;
        for (const char *c = pair.en.text; *c != '\0'; c++) words += *c == ' ';
    }
    assert_in_range(words / PAIRS, 6, 10); /* short sentences, on the average */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_in_words), cmocka_unit_test(ordinals_and_years),
        cmocka_unit_test(clock_times),      cmocka_unit_test(noun_phrases),
        cmocka_unit_test(word_order),       cmocka_unit_test(every_sentence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
