/* Statements, questions, compound sentences, descriptions, requests and small talk. */
#include "quickstart/sentences.h"

#include <string.h>

#include "quickstart/clause.h"

static void finish(qs_pair *pair, const char *mark) {
    qs_finish(&pair->en, mark);
    qs_finish(&pair->de, mark);
}

static void add(qs_pair *pair, const char *en, const char *de) {
    qs_add(&pair->en, en);
    qs_add(&pair->de, de);
}

static void add_np(qs_pair *pair, const qs_np *np, bool object, qs_case kase) {
    qs_np_english(&pair->en, np, object);
    qs_np_german(&pair->de, np, kase);
}

static void add_clause(qs_pair *pair, const qs_clause *clause, qs_order order) {
    qs_clause_english(&pair->en, clause, order);
    qs_clause_german(&pair->de, clause, order);
}

qs_pair qs_statement_pair(rd_rng *rng) {
    qs_pair pair = {0};
    qs_clause clause = qs_random_clause(rng);
    add_clause(&pair, &clause, STATEMENT);
    finish(&pair, ".");
    return pair;
}

/* A question that leaves out what it asks for. */
static qs_pair wh_question(rd_rng *rng) {
    qs_pair pair = {0};
    qs_clause clause;
    do clause = qs_random_clause(rng);
    while (clause.negated);
    clause.time_first = false;
    bool motion = clause.verb->pattern == MOTION;
    bool thing = clause.verb->pattern == TRANSITIVE && !(clause.verb->objects & PERSON) &&
                 clause.verb->en_particle == NULL;
    switch (rd_rng_below(rng, 4)) {
    case 0:
        add(&pair, "why", "warum");
        break;
    case 1:
        clause.time = (qs_phrase){NULL, NULL};
        add(&pair, "when", "wann");
        break;
    case 2:
        /* English "where" is "wo" at a place and "wohin" towards one. */
        clause.place = (qs_phrase){NULL, NULL};
        if (clause.has_companion) clause.has_companion = false;
        add(&pair, "where", motion ? "wohin" : "wo");
        break;
    default:
        clause.has_object = clause.has_object && !thing;
        add(&pair, thing ? "what" : "why", thing ? "was" : "warum");
        break;
    }
    add_clause(&pair, &clause, AFTER_QUESTION_WORD);
    finish(&pair, "?");
    return pair;
}

qs_pair qs_question_pair(rd_rng *rng) {
    if (qs_chance(rng, 55)) return wh_question(rng);
    qs_pair pair = {0};
    qs_clause clause;
    do clause = qs_random_clause(rng);
    while (clause.negated);
    add_clause(&pair, &clause, QUESTION);
    finish(&pair, "?");
    return pair;
}

/* "my sister is tired": a subject, a form of "be" and an adjective. */
typedef struct {
    qs_np subject;
    const qs_adjective *adjective;
    bool negated;
} description;

static description draw_description(rd_rng *rng, bool person) {
    description d = {.subject = person ? qs_random_subject(rng)
                                       : qs_random_np(rng, ANYTHING & ~PERSON, ME),
                     .negated = qs_chance(rng, 20)};
    d.subject.adjective = NULL;
    if (d.subject.determiner == BARE) d.subject.determiner = THE;
    if (d.subject.determiner == A) d.subject.determiner = THIS;
    unsigned tags = d.subject.noun != NULL ? d.subject.noun->tags : PERSON;
    d.adjective = qs_draw_adjective(rng, tags, false);
    return d;
}

static void add_description(qs_pair *pair, const description *d, qs_order order) {
    qs_person person = qs_np_person(&d->subject);
    bool verb_first = order == QUESTION || order == AFTER_QUESTION_WORD;
    if (verb_first) qs_add(&pair->en, qs_english_be(person, false));
    qs_np_english(&pair->en, &d->subject, false);
    if (!verb_first) qs_add(&pair->en, qs_english_be(person, false));
    qs_add(&pair->en, d->negated ? "not" : NULL);
    qs_add(&pair->en, d->adjective->en);

    const char *ist = qs_german_be(person);
    if (order != STATEMENT && order != SUBORDINATE) qs_add(&pair->de, ist);
    qs_np_german(&pair->de, &d->subject, NOMINATIVE);
    if (order == STATEMENT) qs_add(&pair->de, ist);
    qs_add(&pair->de, d->negated ? "nicht" : NULL);
    qs_add(&pair->de, d->adjective->de);
    if (order == SUBORDINATE) qs_add(&pair->de, ist);
}

static void add_any_clause(rd_rng *rng, qs_pair *pair, qs_order order) {
    if (qs_chance(rng, 25)) {
        description d = draw_description(rng, qs_chance(rng, 70));
        add_description(pair, &d, order);
    } else {
        qs_clause clause = qs_random_clause(rng);
        /* Two long clauses make a long sentence; the corpus is of short ones. */
        clause.time = (qs_phrase){NULL, NULL};
        clause.time_first = false;
        add_clause(pair, &clause, order);
    }
}

qs_pair qs_subordinate_pair(rd_rng *rng) {
    static const qs_phrase reports[] = {
        {"I know that", "ich weiß, dass"},       {"I think that", "ich denke, dass"},
        {"we hope that", "wir hoffen, dass"},    {"she says that", "sie sagt, dass"},
        {"he believes that", "er glaubt, dass"}, {"do you know whether", "weißt du, ob"},
    };
    qs_pair pair = {0};
    switch (rd_rng_below(rng, 4)) {
    case 0: {
        uint64_t i = rd_rng_below(rng, sizeof reports / sizeof reports[0]);
        add(&pair, reports[i].en, reports[i].de);
        add_any_clause(rng, &pair, SUBORDINATE);
        finish(&pair, reports[i].en[0] == 'd' ? "?" : ".");
        return pair;
    }
    case 1: /* English has no comma here, German always has one */
        add_any_clause(rng, &pair, STATEMENT);
        add(&pair, "because", ", weil");
        add_any_clause(rng, &pair, SUBORDINATE);
        break;
    case 2:
        add(&pair, "if", "wenn");
        add_any_clause(rng, &pair, SUBORDINATE);
        add(&pair, ",", ",");
        add_any_clause(rng, &pair, AFTER_SUBORDINATE);
        break;
    default:
        add_any_clause(rng, &pair, STATEMENT);
        add(&pair, "if", ", wenn");
        add_any_clause(rng, &pair, SUBORDINATE);
        break;
    }
    finish(&pair, ".");
    return pair;
}

/* "the dog is bigger than my cat" */
static qs_pair comparison(rd_rng *rng) {
    qs_pair pair = {0};
    unsigned kinds[] = {PERSON, ANIMAL, VEHICLE, CLOTHES, THING, BUILDING};
    unsigned tags = kinds[rd_rng_below(rng, sizeof kinds / sizeof kinds[0])];
    const qs_adjective *adjective;
    do adjective = qs_draw_adjective(rng, tags, false);
    while (adjective->en_more == NULL);
    qs_np a, b;
    do {
        a = qs_random_np(rng, tags, ME);
        b = qs_random_np(rng, tags, YOU);
    } while (a.noun == b.noun || a.determiner == BARE || a.determiner == A ||
             b.determiner == BARE || b.determiner == A || a.determiner == NUMBER_OF ||
             b.determiner == NUMBER_OF);
    a.adjective = b.adjective = NULL;
    add_np(&pair, &a, false, NOMINATIVE);
    add(&pair, qs_english_be(qs_np_person(&a), false), qs_german_be(qs_np_person(&a)));
    add(&pair, adjective->en_more, adjective->de_more);
    add(&pair, "than", "als");
    add_np(&pair, &b, true, NOMINATIVE);
    finish(&pair, ".");
    return pair;
}

/* "the roof of the old house is red" */
static qs_pair genitive(rd_rng *rng) {
    qs_pair pair = {0};
    static const char *const qualities[2][3] = {{"old", "new", "black"},
                                                {"beautiful", "good", "new"}};
    bool roof = qs_chance(rng, 50);
    qs_np part = {.determiner = THE, .noun = qs_find_noun(roof ? "roof" : "colour")};
    qs_np whole;
    do whole = qs_random_np(rng, roof ? BUILDING : VEHICLE | CLOTHES | OPENABLE, ME);
    while (whole.plural || whole.determiner == BARE || whole.determiner == NUMBER_OF);
    const qs_adjective *quality = qs_find_adjective(qualities[!roof][rd_rng_below(rng, 3)]);
    add_np(&pair, &part, false, NOMINATIVE);
    qs_add(&pair.en, "of");
    add_np(&pair, &whole, true, GENITIVE);
    add(&pair, "is", "ist");
    if (qs_chance(rng, 20)) add(&pair, "not", "nicht");
    add(&pair, quality->en, quality->de);
    finish(&pair, ".");
    return pair;
}

/* "the car of my brother is fast", "this book belongs to my mother" */
static qs_pair ownership(rd_rng *rng) {
    qs_pair pair = {0};
    qs_np owner, thing;
    do owner = qs_random_np(rng, PERSON, ME);
    while (owner.determiner == BARE || owner.determiner == NUMBER_OF);
    do thing = qs_random_np(rng, PORTABLE | VEHICLE | DEVICE, ME);
    while (thing.determiner != THE && thing.determiner != THIS);
    bool plural = thing.plural;
    if (qs_chance(rng, 50)) {
        const qs_adjective *adjective = qs_draw_adjective(rng, thing.noun->tags, false);
        thing.determiner = THE;
        add_np(&pair, &thing, false, NOMINATIVE);
        qs_add(&pair.en, "of");
        add_np(&pair, &owner, true, GENITIVE);
        add(&pair, plural ? "are" : "is", plural ? "sind" : "ist");
        add(&pair, adjective->en, adjective->de);
    } else {
        add_np(&pair, &thing, false, NOMINATIVE);
        add(&pair, plural ? "belong to" : "belongs to", plural ? "gehören" : "gehört");
        add_np(&pair, &owner, true, DATIVE);
    }
    finish(&pair, ".");
    return pair;
}

qs_pair qs_quality_pair(rd_rng *rng) {
    uint64_t draw = rd_rng_below(rng, 100);
    if (draw < 25) return comparison(rng);
    if (draw < 40) return genitive(rng);
    if (draw < 60) return ownership(rng);
    qs_pair pair = {0};
    description d = draw_description(rng, qs_chance(rng, 50));
    bool question = !d.negated && qs_chance(rng, 25);
    add_description(&pair, &d, question ? QUESTION : STATEMENT);
    finish(&pair, question ? "?" : ".");
    return pair;
}

qs_pair qs_request_pair(rd_rng *rng) {
    qs_pair pair = {0};
    qs_clause clause = qs_random_request(rng);
    add(&pair, "please", "bitte");
    qs_imperative_english(&pair.en, &clause);
    qs_imperative_german(&pair.de, &clause);
    finish(&pair, ".");
    return pair;
}

qs_pair qs_purpose_pair(rd_rng *rng) {
    qs_pair pair = {0};
    const qs_place *place = qs_chance(rng, 30) ? &qs_towns[rd_rng_below(rng, qs_n_towns)]
                                               : &qs_places[rd_rng_below(rng, qs_n_places)];
    qs_clause going = {.subject = qs_random_subject(rng),
                       .verb = qs_find_verb(qs_chance(rng, 60) ? "go" : "come"),
                       .place = {place->en_to, place->de_to}};
    going.tense = (qs_tense[]){SIMPLE, PROGRESSIVE, PAST, FUTURE}[rd_rng_below(rng, 4)];
    qs_clause purpose = qs_random_purpose(rng, qs_np_owner(&going.subject));
    add_clause(&pair, &going, STATEMENT);
    qs_add(&pair.de, ",");
    qs_purpose_english(&pair.en, &purpose);
    qs_purpose_german(&pair.de, &purpose);
    finish(&pair, ".");
    return pair;
}

qs_pair qs_talk_pair(rd_rng *rng) {
    static const qs_phrase phrases[] = {
        {"good morning", "guten Morgen"},
        {"good evening", "guten Abend"},
        {"good night", "gute Nacht"},
        {"thank you very much", "vielen Dank"},
        {"see you tomorrow", "bis morgen"},
        {"see you later", "bis später"},
        {"happy birthday", "alles Gute zum Geburtstag"},
    };
    static const qs_phrase weather[] = {
        {"it is raining", "es regnet"},
        {"it is snowing", "es schneit"},
        {"the sun is shining", "die Sonne scheint"},
        {"it is very cold", "es ist sehr kalt"},
        {"it is very warm", "es ist sehr warm"},
    };
    qs_pair pair = {0};
    const char *name = qs_names[rd_rng_below(rng, qs_n_names)];
    switch (rd_rng_below(rng, 3)) {
    case 0: {
        const qs_phrase *phrase = &phrases[rd_rng_below(rng, sizeof phrases / sizeof phrases[0])];
        add(&pair, phrase->en, phrase->de);
        if (qs_chance(rng, 80)) add(&pair, ",", ","), add(&pair, name, name);
        finish(&pair, "!");
        return pair;
    }
    case 1: {
        const qs_phrase *now = &weather[rd_rng_below(rng, sizeof weather / sizeof weather[0])];
        const qs_place *place = &qs_towns[rd_rng_below(rng, qs_n_towns)];
        add(&pair, now->en, now->de);
        if (qs_chance(rng, 80)) add(&pair, place->en_at, place->de_at);
        break;
    }
    default: {
        qs_np who = {.determiner = POSSESSIVE,
                     .person = (qs_person)rd_rng_below(rng, N_PERSONS),
                     .noun = qs_draw_noun(rng, PERSON)};
        qs_add(&pair.en, "the name of"), qs_np_english(&pair.en, &who, true);
        qs_np_german(&pair.de, &who, NOMINATIVE);
        add(&pair, "is", "heißt");
        add(&pair, name, name);
    }
    }
    finish(&pair, ".");
    return pair;
}

qs_pair qs_random_pair(rd_rng *rng) {
    static const struct {
        unsigned share; /* of 100 */
        qs_pair (*make)(rd_rng *rng);
    } kinds[] = {
        {7, qs_number_pair},   {3, qs_age_pair},          {8, qs_date_pair},
        {8, qs_clock_pair},    {8, qs_price_pair},        {30, qs_statement_pair},
        {8, qs_question_pair}, {10, qs_subordinate_pair}, {11, qs_quality_pair},
        {3, qs_request_pair},  {3, qs_purpose_pair},      {1, qs_talk_pair},
    };
    uint64_t draw = rd_rng_below(rng, 100);
    for (int i = 0;; i++) {
        if (draw < kinds[i].share) return kinds[i].make(rng);
        draw -= kinds[i].share;
    }
}
