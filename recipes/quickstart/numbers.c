#include "quickstart/numbers.h"

#include <stdio.h>
#include <string.h>

static const char *const english_small[20] = {
    "zero",     "one",     "two",     "three",     "four",     "five",    "six",
    "seven",    "eight",   "nine",    "ten",       "eleven",   "twelve",  "thirteen",
    "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"};
static const char *const english_tens[10] = {"",      "",      "twenty",  "thirty", "forty",
                                             "fifty", "sixty", "seventy", "eighty", "ninety"};
static const char *const german_small[20] = {
    "null",     "eins",     "zwei",     "drei",     "vier",     "fünf",    "sechs",
    "sieben",   "acht",     "neun",     "zehn",     "elf",      "zwölf",   "dreizehn",
    "vierzehn", "fünfzehn", "sechzehn", "siebzehn", "achtzehn", "neunzehn"};
static const char *const german_tens[10] = {"",        "",        "zwanzig", "dreißig", "vierzig",
                                            "fünfzig", "sechzig", "siebzig", "achtzig", "neunzig"};

static void append(char out[QS_NUMBER_SIZE], const char *text) {
    size_t used = strlen(out);
    snprintf(out + used, QS_NUMBER_SIZE - used, "%s", text);
}

/* Both languages build a number from its thousands, hundreds and the rest below 100. */
static void english_append(char out[QS_NUMBER_SIZE], int n) {
    if (n >= 1000) {
        english_append(out, n / 1000);
        append(out, " thousand");
        n %= 1000;
        if (n == 0) return;
        append(out, n < 100 ? " and " : " ");
    }
    if (n >= 100) {
        append(out, english_small[n / 100]);
        append(out, " hundred");
        n %= 100;
        if (n == 0) return;
        append(out, " and ");
    }
    if (n < 20) {
        append(out, english_small[n]);
    } else {
        append(out, english_tens[n / 10]);
        if (n % 10 != 0) append(out, "-"), append(out, english_small[n % 10]);
    }
}

/* `last`: nothing follows, so a one is "eins" and not "ein". */
static void german_append(char out[QS_NUMBER_SIZE], int n, int last) {
    if (n >= 1000) {
        german_append(out, n / 1000, 0);
        append(out, "tausend");
        n %= 1000;
        if (n == 0) return;
    }
    if (n >= 100) {
        german_append(out, n / 100, 0);
        append(out, "hundert");
        n %= 100;
        if (n == 0) return;
    }
    if (n < 20) {
        append(out, n == 1 && !last ? "ein" : german_small[n]);
    } else {
        if (n % 10 != 0) {
            append(out, n % 10 == 1 ? "ein" : german_small[n % 10]);
            append(out, "und");
        }
        append(out, german_tens[n / 10]);
    }
}

void qs_english_number(char out[QS_NUMBER_SIZE], int n) {
    out[0] = '\0';
    english_append(out, n);
}

void qs_german_number(char out[QS_NUMBER_SIZE], int n) {
    out[0] = '\0';
    german_append(out, n, 1);
}

void qs_english_ordinal(char out[QS_NUMBER_SIZE], int n) {
    /* The last word changes: most take "th", these are irregular. */
    static const char *const irregular[][2] = {
        {"one", "first"},    {"two", "second"}, {"three", "third"},   {"five", "fifth"},
        {"eight", "eighth"}, {"nine", "ninth"}, {"twelve", "twelfth"}};
    qs_english_number(out, n);
    char *word = out;
    for (char *c = out; *c != '\0'; c++)
        if (*c == ' ' || *c == '-') word = c + 1;
    for (size_t i = 0; i < sizeof irregular / sizeof irregular[0]; i++) {
        if (strcmp(word, irregular[i][0]) != 0) continue;
        *word = '\0';
        append(out, irregular[i][1]);
        return;
    }
    size_t length = strlen(out);
    if (out[length - 1] == 'y') {
        out[length - 1] = '\0';
        append(out, "ie");
    }
    append(out, "th");
}

void qs_german_ordinal(char out[QS_NUMBER_SIZE], int n) {
    int rest = n % 100;
    out[0] = '\0';
    if (rest == 1 || rest == 3 || rest == 7 || rest == 8) { /* irregular stems */
        if (n > rest) german_append(out, n - rest, 0);
        append(out, rest == 1 ? "erst" : rest == 3 ? "dritt" : rest == 7 ? "siebt" : "acht");
    } else {
        german_append(out, n, 1);
        append(out, rest >= 1 && rest < 20 ? "t" : "st");
    }
}

void qs_english_year(char out[QS_NUMBER_SIZE], int year) {
    if (year >= 2000 && year < 2010) {
        qs_english_number(out, year);
        return;
    }
    out[0] = '\0';
    english_append(out, year / 100);
    if (year % 100 == 0) {
        append(out, " hundred");
    } else {
        append(out, year % 100 < 10 ? " oh " : " ");
        english_append(out, year % 100);
    }
}

void qs_german_year(char out[QS_NUMBER_SIZE], int year) {
    out[0] = '\0';
    if (year >= 2000) {
        german_append(out, year, 1);
        return;
    }
    german_append(out, year / 100, 0);
    append(out, "hundert");
    if (year % 100 != 0) german_append(out, year % 100, 1);
}

void qs_english_clock(char out[QS_NUMBER_SIZE], int hour, int minute) {
    int next = hour % 12 + 1;
    out[0] = '\0';
    if (minute == 0) {
        append(out, english_small[hour]);
        append(out, " o'clock");
        return;
    }
    int distance = minute <= 30 ? minute : 60 - minute;
    if (distance == 15)
        append(out, "quarter");
    else if (distance == 30)
        append(out, "half");
    else
        english_append(out, distance);
    append(out, minute <= 30 ? " past " : " to ");
    append(out, english_small[minute <= 30 ? hour : next]);
}

void qs_german_clock(char out[QS_NUMBER_SIZE], int hour, int minute) {
    int next = hour % 12 + 1;
    out[0] = '\0';
    if (minute == 0) {
        append(out, hour == 1 ? "ein" : german_small[hour]);
        append(out, " Uhr");
        return;
    }
    /* From twenty-five past, German counts to and from the half hour before the next hour. */
    static const char *const parts[12] = {"",
                                          "fünf nach ",
                                          "zehn nach ",
                                          "Viertel nach ",
                                          "zwanzig nach ",
                                          "fünf vor halb ",
                                          "halb ",
                                          "fünf nach halb ",
                                          "zwanzig vor ",
                                          "Viertel vor ",
                                          "zehn vor ",
                                          "fünf vor "};
    append(out, parts[minute / 5]);
    append(out, german_small[minute < 25 ? hour : next]);
}
