/* Numbers, ordinals, years and clock times in words, in both languages. */
#ifndef QUICKSTART_NUMBERS_H
#define QUICKSTART_NUMBERS_H

enum { QS_NUMBER_SIZE = 128 }; /* bytes that hold any of these */

/* 0 <= n <= 999999. Counting forms: "one", "eins". */
void qs_english_number(char out[QS_NUMBER_SIZE], int n); /* "three hundred and forty-two" */
void qs_german_number(char out[QS_NUMBER_SIZE], int n);  /* "dreihundertzweiundvierzig" */

/* 1 <= n <= 999. The German one is the stem that adjective endings are put on. */
void qs_english_ordinal(char out[QS_NUMBER_SIZE], int n); /* "twenty-first" */
void qs_german_ordinal(char out[QS_NUMBER_SIZE], int n);  /* "einundzwanzigst" */

/* 1100 <= year <= 2099, read as years are: "nineteen eighty-five". */
void qs_english_year(char out[QS_NUMBER_SIZE], int year);
void qs_german_year(char out[QS_NUMBER_SIZE], int year);

/* 1 <= hour <= 12, minute a multiple of 5: "half past three", "halb vier". */
void qs_english_clock(char out[QS_NUMBER_SIZE], int hour, int minute);
void qs_german_clock(char out[QS_NUMBER_SIZE], int hour, int minute);

#endif
