#include "quickstart/clause.h"

#include <stdlib.h>
#include <string.h>

/* Columns of German verb forms: ich, du, er/sie, wir, sie (plural). */
static int german_column(qs_person person) {
    static const int columns[N_PERSONS] = {0, 1, 2, 2, 3, 4};
    return columns[person];
}

static const char *german_haben(qs_person person) {
    static const char *const forms[5] = {"habe", "hast", "hat", "haben", "haben"};
    return forms[german_column(person)];
}

static const char *german_werden(qs_person person) {
    static const char *const forms[5] = {"werde", "wirst", "wird", "werden", "werden"};
    return forms[german_column(person)];
}

const char *qs_german_be(qs_person person) {
    static const char *const forms[5] = {"bin", "bist", "ist", "sind", "sind"};
    return forms[german_column(person)];
}

const char *qs_english_be(qs_person person, bool past) {
    static const char *const present[N_PERSONS] = {"am", "are", "is", "is", "are", "are"};
    static const char *const was[N_PERSONS] = {"was", "were", "was", "was", "were", "were"};
    return past ? was[person] : present[person];
}

static bool third_singular(qs_person person) {
    return person == HE || person == SHE;
}

/* ---- English ---- */

/* The auxiliary of a clause, and in *main the form of the verb that follows it. "" when the verb
 * is finite itself; `need_auxiliary` (question or negation) then brings in "do". */
static const char *english_auxiliary(const qs_clause *clause, qs_person person, bool need_auxiliary,
                                     const char **main) {
    const qs_verb *verb = clause->verb;
    *main = verb->en;
    switch (clause->tense) {
    case SIMPLE:
        if (need_auxiliary) return third_singular(person) ? "does" : "do";
        if (third_singular(person)) *main = verb->en_third;
        return "";
    case PROGRESSIVE:
        *main = verb->en_ing;
        return qs_english_be(person, false);
    case PAST:
        if (need_auxiliary) return "did";
        *main = verb->en_past;
        return "";
    case FUTURE:
        return "will";
    case MODAL:
        return third_singular(person) ? clause->modal->en_third : clause->modal->en;
    }
    return "";
}

static void english_modal_question(qs_line *line, const qs_clause *clause, qs_person person) {
    const qs_modal *modal = clause->modal;
    if (modal->en_question != NULL) {
        qs_add(line, modal->en_question);
        qs_np_english(line, &clause->subject, false);
    } else if (strncmp(modal->en, "would", 5) == 0) {
        qs_add(line, "would");
        qs_np_english(line, &clause->subject, false);
        qs_add(line, "like to");
    } else {
        qs_add(line, third_singular(person) ? "does" : "do");
        qs_np_english(line, &clause->subject, false);
        qs_add(line, modal->en);
    }
}

/* Subject, auxiliary, "not" and verb. */
static void english_verb(qs_line *line, const qs_clause *clause, bool question) {
    qs_person person = qs_np_person(&clause->subject);
    const char *main;
    const char *auxiliary = english_auxiliary(clause, person, question || clause->negated, &main);
    if (question && clause->tense == MODAL) {
        english_modal_question(line, clause, person);
    } else if (question) {
        qs_add(line, auxiliary);
        qs_np_english(line, &clause->subject, false);
        if (clause->negated) qs_add(line, "not");
    } else {
        qs_np_english(line, &clause->subject, false);
        if (clause->tense == MODAL && clause->negated) {
            qs_add(line,
                   third_singular(person) ? clause->modal->en_third_not : clause->modal->en_not);
        } else {
            qs_add(line, auxiliary);
            if (clause->negated) qs_add(line, "not");
        }
    }
    qs_add(line, main);
}

/* Everything behind the verb. */
static void english_rest(qs_line *line, const qs_clause *clause) {
    const char *particle = clause->verb->en_particle;
    bool preposition = clause->verb->pattern == PREPOSITIONAL ||
                       (particle != NULL && strcmp(particle, "for") == 0);
    bool particle_last = particle != NULL && !preposition && clause->has_object &&
                         clause->object.determiner == PRONOUN; /* "picks him up" */
    if (clause->has_recipient) qs_np_english(line, &clause->recipient, true);
    if (!particle_last) qs_add(line, particle);
    if (clause->has_object) qs_np_english(line, &clause->object, true);
    if (particle_last) qs_add(line, particle);
    if (clause->has_beneficiary) {
        qs_add(line, "for");
        qs_np_english(line, &clause->beneficiary, true);
    }
    qs_add(line, clause->place.en);
    if (clause->has_companion) {
        qs_add(line, "with");
        qs_np_english(line, &clause->companion, true);
    }
}

void qs_clause_english(qs_line *line, const qs_clause *clause, qs_order order) {
    bool question = order == QUESTION || order == AFTER_QUESTION_WORD;
    bool time_first = clause->time_first && order == STATEMENT;
    if (time_first) {
        qs_add(line, clause->time.en);
        qs_add(line, ",");
    }
    english_verb(line, clause, question);
    english_rest(line, clause);
    if (!time_first) qs_add(line, clause->time.en);
}

void qs_imperative_english(qs_line *line, const qs_clause *clause) {
    qs_add(line, clause->verb->en);
    english_rest(line, clause);
    qs_add(line, clause->time.en);
}

void qs_purpose_english(qs_line *line, const qs_clause *clause) {
    qs_add(line, "to");
    qs_add(line, clause->verb->en);
    english_rest(line, clause);
}

/* ---- German ---- */

/* Present tense of the verb without its prefix. */
static void german_present(qs_line *line, const qs_verb *verb, qs_person person) {
    char form[32];
    size_t n = strlen(verb->de);
    switch (german_column(person)) {
    case 0: /* infinitive less its -n: kaufen, kaufe */
        if (n >= sizeof form) abort();
        memcpy(form, verb->de, n - 1);
        form[n - 1] = '\0';
        qs_add(line, form);
        break;
    case 1:
        qs_add(line, verb->de_du);
        break;
    case 2:
        qs_add(line, verb->de_er);
        break;
    default:
        qs_add(line, verb->de);
        break;
    }
}

/* prefix + middle + word, written together: an|zu|rufen. */
static void add_compound(qs_line *line, const char *prefix, const char *middle, const char *word) {
    char joined[64];
    size_t a = prefix != NULL ? strlen(prefix) : 0, b = strlen(middle), c = strlen(word);
    if (a + b + c >= sizeof joined) abort();
    if (a > 0) memcpy(joined, prefix, a);
    memcpy(joined + a, middle, b);
    memcpy(joined + a + b, word, c + 1);
    qs_add(line, joined);
}

/* The finite verb of a main clause, or its whole verb group at the end of a subordinate one. */
static void german_finite(qs_line *line, const qs_clause *clause, qs_person person) {
    switch (clause->tense) {
    case SIMPLE:
    case PROGRESSIVE:
        german_present(line, clause->verb, person);
        break;
    case PAST:
        qs_add(line, clause->verb->with_sein ? qs_german_be(person) : german_haben(person));
        break;
    case FUTURE:
        qs_add(line, german_werden(person));
        break;
    case MODAL:
        qs_add(line, clause->modal->de[german_column(person)]);
        break;
    }
}

/* The end of a main clause: prefix, participle or infinitive. */
static void german_verb_end(qs_line *line, const qs_clause *clause) {
    const qs_verb *verb = clause->verb;
    switch (clause->tense) {
    case SIMPLE:
    case PROGRESSIVE:
        qs_add(line, verb->de_prefix);
        break;
    case PAST:
        qs_add(line, verb->de_participle);
        break;
    case FUTURE:
    case MODAL:
        add_compound(line, verb->de_prefix, "", verb->de);
        break;
    }
}

static void german_object(qs_line *line, const qs_clause *clause) {
    const qs_verb *verb = clause->verb;
    qs_case kase = verb->pattern == DATIVE_OBJECT   ? DATIVE
                   : verb->pattern == PREPOSITIONAL ? verb->object_case
                                                    : ACCUSATIVE;
    qs_np_german(line, &clause->object, kase);
}

/* Between the finite verb and the end: pronouns, time, dative, accusative, "für", "nicht",
 * company, place. A negated object with "kein" needs no "nicht". */
static void german_middle(qs_line *line, const qs_clause *clause, bool with_time) {
    bool prepositional = clause->verb->pattern == PREPOSITIONAL;
    bool object_first =
        clause->has_object && !prepositional && clause->object.determiner == PRONOUN;
    bool recipient_first = clause->has_recipient && clause->recipient.determiner == PRONOUN;
    if (object_first) german_object(line, clause);
    if (recipient_first) qs_np_german(line, &clause->recipient, DATIVE);
    if (with_time) qs_add(line, clause->time.de);
    if (clause->has_recipient && !recipient_first) qs_np_german(line, &clause->recipient, DATIVE);
    if (clause->has_object && !object_first && !prepositional) german_object(line, clause);
    if (clause->has_beneficiary) {
        qs_add(line, "für");
        qs_np_german(line, &clause->beneficiary, ACCUSATIVE);
    }
    bool kein = clause->has_object && clause->object.determiner == NO;
    if (clause->negated && !kein) qs_add(line, "nicht");
    if (clause->has_object && prepositional) {
        qs_add(line, clause->verb->de_preposition);
        german_object(line, clause);
    }
    if (clause->has_companion) {
        qs_add(line, "mit");
        qs_np_german(line, &clause->companion, DATIVE);
    }
    qs_add(line, clause->place.de);
}

static void german_subordinate(qs_line *line, const qs_clause *clause, qs_person person) {
    qs_np_german(line, &clause->subject, NOMINATIVE);
    german_middle(line, clause, true);
    if (clause->tense == SIMPLE || clause->tense == PROGRESSIVE) {
        qs_line form = {.length = 0};
        german_present(&form, clause->verb, person);
        add_compound(line, clause->verb->de_prefix, "", form.text);
    } else {
        german_verb_end(line, clause);
        german_finite(line, clause, person);
    }
}

void qs_clause_german(qs_line *line, const qs_clause *clause, qs_order order) {
    qs_person person = qs_np_person(&clause->subject);
    if (order == SUBORDINATE) {
        german_subordinate(line, clause, person);
        return;
    }
    bool time_first = clause->time_first && order == STATEMENT;
    if (time_first) qs_add(line, clause->time.de);
    if (order == STATEMENT && !time_first) qs_np_german(line, &clause->subject, NOMINATIVE);
    german_finite(line, clause, person);
    if (order != STATEMENT || time_first) qs_np_german(line, &clause->subject, NOMINATIVE);
    german_middle(line, clause, !time_first);
    german_verb_end(line, clause);
}

void qs_imperative_german(qs_line *line, const qs_clause *clause) {
    qs_add(line, clause->verb->de_imperative);
    german_middle(line, clause, true);
    qs_add(line, clause->verb->de_prefix);
}

void qs_purpose_german(qs_line *line, const qs_clause *clause) {
    qs_add(line, "um");
    german_middle(line, clause, false);
    if (clause->verb->de_prefix != NULL) {
        add_compound(line, clause->verb->de_prefix, "zu", clause->verb->de);
    } else {
        qs_add(line, "zu");
        qs_add(line, clause->verb->de);
    }
}
