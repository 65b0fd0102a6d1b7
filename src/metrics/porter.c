/* M. Porter, "An algorithm for suffix stripping", Program 14(3), 1980, with NLTK's extensions. Step
 * names are the paper's. */
#include "metrics/porter.h"

#include <stdbool.h>
#include <string.h>

static bool is_vowel_letter(char c) {
    return c == 'a' || c == 'e' || c == 'i' || c == 'o' || c == 'u';
}

/* y is a consonant at the beginning and after a vowel. */
static bool is_consonant(const char *word, size_t i) {
    bool flip = false;
    for (; i > 0 && word[i] == 'y'; i--) flip = !flip;
    return !is_vowel_letter(word[i]) != flip;
}

/* m of the paper: how many times a consonant follows a vowel in word[0..n). */
static int measure(const char *word, size_t n) {
    int m = 0;
    bool before = true;
    for (size_t i = 0; i < n; i++) {
        bool consonant = word[i] == 'y' ? i == 0 || !before : !is_vowel_letter(word[i]);
        if (consonant && !before) m++;
        before = consonant;
    }
    return m;
}

static bool contains_vowel(const char *word, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (!is_consonant(word, i)) return true;
    return false;
}

/* *o of the paper, and two-letter stems of a vowel and a consonant. */
static bool ends_cvc(const char *word, size_t n) {
    if (n >= 3 && is_consonant(word, n - 3) && !is_consonant(word, n - 2) &&
        is_consonant(word, n - 1) && word[n - 1] != 'w' && word[n - 1] != 'x' && word[n - 1] != 'y')
        return true;
    return n == 2 && !is_consonant(word, 0) && is_consonant(word, 1);
}

static bool ends_with(const char *word, size_t n, const char *suffix) {
    size_t length = strlen(suffix);
    return n >= length && memcmp(word + n - length, suffix, length) == 0;
}

static size_t append(char *word, size_t n, const char *suffix) {
    size_t length = strlen(suffix);
    memcpy(word + n, suffix, length);
    return n + length;
}

typedef struct {
    const char *suffix, *replacement;
} rule;

/* The first rule whose suffix fits is the only one tried: it applies when the measure of the part
 * before the suffix is above `above`. */
static size_t apply(const rule *rules, size_t n_rules, int above, char *word, size_t n) {
    for (size_t i = 0; i < n_rules; i++) {
        if (!ends_with(word, n, rules[i].suffix)) continue;
        size_t stem = n - strlen(rules[i].suffix);
        return measure(word, stem) > above ? append(word, stem, rules[i].replacement) : n;
    }
    return n;
}

static size_t step1a(char *word, size_t n) {
    if (ends_with(word, n, "ies")) return n == 4 ? n - 1 : n - 2;
    if (ends_with(word, n, "sses")) return n - 2;
    if (ends_with(word, n, "ss")) return n;
    return ends_with(word, n, "s") ? n - 1 : n;
}

static size_t step1b(char *word, size_t n) {
    if (ends_with(word, n, "ied")) return n == 4 ? n - 1 : n - 2;
    if (ends_with(word, n, "eed")) return measure(word, n - 3) > 0 ? n - 1 : n;
    size_t stem = 0;
    if (ends_with(word, n, "ed") && contains_vowel(word, n - 2))
        stem = n - 2;
    else if (ends_with(word, n, "ing") && contains_vowel(word, n - 3))
        stem = n - 3;
    if (stem == 0) return n;
    if (ends_with(word, stem, "at") || ends_with(word, stem, "bl") || ends_with(word, stem, "iz"))
        return append(word, stem, "e");
    char last = word[stem - 1];
    if (stem >= 2 && word[stem - 2] == last && is_consonant(word, stem - 1))
        return last == 'l' || last == 's' || last == 'z' ? stem : stem - 1;
    return measure(word, stem) == 1 && ends_cvc(word, stem) ? append(word, stem, "e") : stem;
}

static size_t step1c(char *word, size_t n) {
    if (ends_with(word, n, "y") && n > 2 && is_consonant(word, n - 2)) word[n - 1] = 'i';
    return n;
}

static size_t step2(char *word, size_t n) {
    static const rule rules[] = {{"ational", "ate"}, {"tional", "tion"}, {"enci", "ence"},
                                 {"anci", "ance"},   {"izer", "ize"},    {"bli", "ble"},
                                 {"alli", "al"},     {"entli", "ent"},   {"eli", "e"},
                                 {"ousli", "ous"},   {"ization", "ize"}, {"ation", "ate"},
                                 {"ator", "ate"},    {"alism", "al"},    {"iveness", "ive"},
                                 {"fulness", "ful"}, {"ousness", "ous"}, {"aliti", "al"},
                                 {"iviti", "ive"},   {"biliti", "ble"},  {"fulli", "ful"}};
    while (ends_with(word, n, "alli") && measure(word, n - 4) > 0) n -= 2;
    if (ends_with(word, n, "logi")) return measure(word, n - 3) > 0 ? n - 1 : n;
    return apply(rules, sizeof rules / sizeof *rules, 0, word, n);
}

static size_t step3(char *word, size_t n) {
    static const rule rules[] = {{"icate", "ic"}, {"ative", ""}, {"alize", "al"}, {"iciti", "ic"},
                                 {"ical", "ic"},  {"ful", ""},   {"ness", ""}};
    return apply(rules, sizeof rules / sizeof *rules, 0, word, n);
}

static size_t step4(char *word, size_t n) {
    static const rule rules[] = {
        {"al", ""},   {"ance", ""}, {"ence", ""},  {"er", ""},   {"ic", ""},  {"able", ""},
        {"ible", ""}, {"ant", ""},  {"ement", ""}, {"ment", ""}, {"ent", ""}, {"ou", ""},
        {"ism", ""},  {"ate", ""},  {"iti", ""},   {"ous", ""},  {"ive", ""}, {"ize", ""}};
    if (!ends_with(word, n, "ion")) return apply(rules, sizeof rules / sizeof *rules, 1, word, n);
    size_t stem = n - 3;
    bool removed = measure(word, stem) > 1 && (word[stem - 1] == 's' || word[stem - 1] == 't');
    return removed ? stem : n;
}

static size_t step5(char *word, size_t n) {
    if (ends_with(word, n, "e")) {
        int m = measure(word, n - 1);
        if (m > 1 || (m == 1 && !ends_cvc(word, n - 1))) n--;
    }
    return ends_with(word, n, "ll") && measure(word, n - 1) > 1 ? n - 1 : n;
}

/* Forms the rules get wrong, and their stems. */
static size_t irregular(char *word, size_t n) {
    static const rule forms[] = {
        {"sky", "sky"},        {"skies", "sky"},       {"dying", "die"},
        {"lying", "lie"},      {"tying", "tie"},       {"news", "news"},
        {"innings", "inning"}, {"inning", "inning"},   {"outings", "outing"},
        {"outing", "outing"},  {"canning", "canning"}, {"cannings", "canning"},
        {"howe", "howe"},      {"proceed", "proceed"}, {"exceed", "exceed"},
        {"succeed", "succeed"}};
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
        if (n == strlen(forms[i].suffix) && memcmp(word, forms[i].suffix, n) == 0)
            return append(word, 0, forms[i].replacement);
    return 0;
}

size_t rd_porter_stem_nltk(char *word, size_t n) {
    size_t known = irregular(word, n);
    if (known) return known;
    if (n <= 2) return n;
    n = step1c(word, step1b(word, step1a(word, n)));
    return step5(word, step4(word, step3(word, step2(word, n))));
}
