/* A clause with a verb, and its word order in both languages. */
#ifndef QUICKSTART_CLAUSE_H
#define QUICKSTART_CLAUSE_H

#include "quickstart/phrase.h"

typedef enum {
    SIMPLE,      /* buys: kauft */
    PROGRESSIVE, /* is buying: kauft */
    PAST,        /* bought: hat gekauft */
    FUTURE,      /* will buy: wird kaufen */
    MODAL        /* can buy: kann kaufen */
} qs_tense;

typedef struct {
    qs_np subject;
    const qs_verb *verb;
    qs_tense tense;
    const qs_modal *modal; /* MODAL */
    bool has_object;
    qs_np object; /* by the verb's pattern; NO only in negated clauses */
    bool has_recipient;
    qs_np recipient; /* DITRANSITIVE: a dative person */
    bool has_beneficiary;
    qs_np beneficiary; /* "for my brother" */
    bool has_companion;
    qs_np companion; /* "with my brother" */
    qs_phrase place; /* where or where to; {NULL, NULL}: none */
    qs_phrase time;  /* when */
    bool time_first; /* "Tomorrow we ...": German puts the verb before the subject */
    bool negated;
} qs_clause;

typedef enum {
    STATEMENT,           /* verb second */
    QUESTION,            /* verb first */
    AFTER_QUESTION_WORD, /* as QUESTION; the caller has added the question word */
    SUBORDINATE,         /* verb last */
    AFTER_SUBORDINATE    /* a main clause behind a subordinate one: verb first in German */
} qs_order;

void qs_clause_english(qs_line *line, const qs_clause *clause, qs_order order);
void qs_clause_german(qs_line *line, const qs_clause *clause, qs_order order);

/* "Please open the window.": to one friend. */
void qs_imperative_english(qs_line *line, const qs_clause *clause);
void qs_imperative_german(qs_line *line, const qs_clause *clause);

/* "to buy bread", "um Brot zu kaufen" (without the comma in front). */
void qs_purpose_english(qs_line *line, const qs_clause *clause);
void qs_purpose_german(qs_line *line, const qs_clause *clause);

const char *qs_english_be(qs_person person, bool past);
const char *qs_german_be(qs_person person);

/* A random clause that makes sense: the tense fits the time, the object the verb. */
qs_clause qs_random_clause(rd_rng *rng);
/* A request to a friend, and the purpose of going somewhere: a verb and its objects only. */
qs_clause qs_random_request(rd_rng *rng);
qs_clause qs_random_purpose(rd_rng *rng, qs_person likely_owner);

#endif
