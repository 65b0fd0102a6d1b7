/* Lines of text, and noun phrases inflected in both languages. */
#ifndef QUICKSTART_PHRASE_H
#define QUICKSTART_PHRASE_H

#include "quickstart/words.h"

/* One sentence in the making. Far larger than anything the grammar makes; more is a bug in the
 * grammar and aborts the generator. */
typedef struct {
    char text[512];
    size_t length;
} qs_line;

/* Appends a word or phrase after a space; ",", ".", "?" and "!" are put on without one. Empty and
 * NULL add nothing. */
void qs_add(qs_line *line, const char *words);
/* Capitalises the first letter and ends with `mark`, unless the line has it already. */
void qs_finish(qs_line *line, const char *mark);

typedef enum {
    PRONOUN,
    NAME,
    BARE,       /* "coffee", "red apples" */
    THE,        /* der */
    A,          /* ein; in the plural, and before mass nouns, nothing: use BARE */
    THIS,       /* dieser */
    POSSESSIVE, /* mein, dein, ... by owner */
    NO,         /* kein; English puts "not" on the verb and "a" or nothing here */
    NUMBER_OF   /* "three red apples" */
} qs_determiner;

typedef struct {
    qs_determiner determiner;
    qs_person person; /* PRONOUN: which; POSSESSIVE: whose */
    const char *name; /* NAME */
    const qs_noun *noun;
    const qs_adjective *adjective; /* or NULL */
    bool plural;
    int number; /* NUMBER_OF: at least 2 */
} qs_np;

/* Person that the verb agrees with. */
qs_person qs_np_person(const qs_np *np);
/* Whose things it would naturally be seen with: "Anna" with "her", "the men" with "their". */
qs_person qs_np_owner(const qs_np *np);
/* English; `object`: "me" rather than "I". */
void qs_np_english(qs_line *line, const qs_np *np, bool object);
void qs_np_german(qs_line *line, const qs_np *np, qs_case kase);

const char *qs_english_possessive(qs_person owner); /* "my" */

/* Random phrases over nouns with one of `tags`. `rng` decides article, number and adjective. */
qs_np qs_random_np(rd_rng *rng, unsigned tags, qs_person likely_owner);
qs_np qs_random_subject(rd_rng *rng); /* a pronoun, a name or a person */
qs_np qs_random_person(rd_rng *rng, qs_person not_this, qs_person likely_owner);

bool qs_chance(rd_rng *rng, unsigned percent);

#endif
