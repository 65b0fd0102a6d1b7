/* The quick-start corpus: words of both languages and their German forms. Word lists and grammar
 * were written for this project. */
#ifndef QUICKSTART_WORDS_H
#define QUICKSTART_WORDS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/rng.h"

typedef enum { MASCULINE, FEMININE, NEUTER, PLURAL } qs_gender; /* PLURAL: a column, no gender */
typedef enum { NOMINATIVE, ACCUSATIVE, DATIVE, GENITIVE } qs_case;
typedef enum { ME, YOU, HE, SHE, US, THEM, N_PERSONS } qs_person; /* "you" is always "du" */

/* Kinds of things that nouns name; verbs and adjectives say which of these they go with. */
enum {
    PERSON = 1 << 0,
    KIN = 1 << 1, /* in addition to PERSON: mostly seen as "my ..." */
    ANIMAL = 1 << 2,
    READING = 1 << 3,
    FOOD = 1 << 4,
    MASS_FOOD = 1 << 5,
    DRINK = 1 << 6,
    CLOTHES = 1 << 7,
    DEVICE = 1 << 8,
    VEHICLE = 1 << 9,
    OPENABLE = 1 << 10,
    THING = 1 << 11,
    BUILDING = 1 << 12,
    PART = 1 << 13, /* what a building or a vehicle has: "the roof of the house" */
    MASS = MASS_FOOD | DRINK,
    PORTABLE = READING | FOOD | CLOTHES | THING,
    GOODS = PORTABLE | DEVICE,
    INANIMATE = GOODS | VEHICLE | OPENABLE | BUILDING,
    ANYTHING = INANIMATE | PERSON | ANIMAL
};

typedef struct {
    const char *en, *en_plural; /* en_plural NULL: a mass noun */
    const char *de, *de_genitive, *de_plural;
    const char *de_oblique; /* accusative and dative singular of the n-declension; NULL: as de */
    qs_gender gender;
    unsigned tags;
} qs_noun;

typedef struct {
    const char *en, *de; /* "expensive", "teuer" */
    const char *de_stem; /* what endings are put on: "teur" */
    const char *en_more; /* "more expensive"; NULL: not compared here */
    const char *de_more; /* "teurer" */
    unsigned tags;       /* nouns it describes */
    bool predicate_only; /* never in front of a noun */
} qs_adjective;

typedef enum {
    INTRANSITIVE,
    MOTION,     /* with a direction: "goes to the park" */
    TRANSITIVE, /* accusative object */
    DATIVE_OBJECT,
    DITRANSITIVE, /* dative person, accusative thing */
    PREPOSITIONAL /* "waits for ..." */
} qs_pattern;

typedef struct {
    qs_pattern pattern;
    const char *en, *en_third, *en_past, *en_participle, *en_ing;
    const char *en_particle; /* "switch ON the lamp", or the preposition of PREPOSITIONAL */
    const char *de;          /* infinitive, without a separable prefix */
    const char *de_du, *de_er;
    const char *de_prefix;      /* separable prefix or NULL */
    const char *de_participle;  /* with the prefix */
    const char *de_imperative;  /* to "du", without the prefix; NULL: not commanded here */
    const char *de_preposition; /* of PREPOSITIONAL */
    qs_case object_case;        /* of PREPOSITIONAL */
    unsigned objects;           /* nouns it takes */
    bool with_sein;             /* perfect with "sein" */
    bool stative;               /* no "-ing" */
} qs_verb;

typedef struct {
    const char *en, *de;
} qs_phrase;

typedef struct {
    const char *en_at, *de_at, *en_to, *de_to; /* "at school", "to school" */
} qs_place;

typedef struct {
    const char *en, *en_third, *en_not, *en_third_not; /* third person forms; "can", "can" */
    const char *en_question;                           /* fronted auxiliary; NULL: do-support */
    const char *de[5];                                 /* ich, du, er, wir, sie */
    bool negatable;                                    /* "must not" does not mean "muss nicht" */
} qs_modal;

extern const qs_noun qs_nouns[];
extern const size_t qs_n_nouns;
extern const qs_adjective qs_adjectives[];
extern const size_t qs_n_adjectives;
extern const qs_verb qs_verbs[];
extern const size_t qs_n_verbs;
extern const qs_place qs_places[];
extern const size_t qs_n_places;
extern const qs_place qs_towns[];
extern const size_t qs_n_towns;
extern const qs_modal qs_modals[];
extern const size_t qs_n_modals;
extern const char *const qs_names[];
extern const size_t qs_n_names;
extern const qs_phrase qs_weekdays[7], qs_months[12];
/* Adverbials of time, by what tense they go with. */
extern const qs_phrase qs_past_times[], qs_now_times[], qs_habit_times[], qs_future_times[];
extern const size_t qs_n_past_times, qs_n_now_times, qs_n_habit_times, qs_n_future_times;

const qs_noun *qs_find_noun(const char *en);
const qs_verb *qs_find_verb(const char *en); /* with its particle: "switch on" */
const qs_adjective *qs_find_adjective(const char *en);

const qs_noun *qs_draw_noun(rd_rng *rng, unsigned tags);
const qs_verb *qs_draw_verb(rd_rng *rng, qs_pattern pattern);
/* NULL when no adjective goes with this noun. */
const qs_adjective *qs_draw_adjective(rd_rng *rng, unsigned tags, bool attributive);

#endif
