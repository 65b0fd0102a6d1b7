#include "quickstart/clause.h"

#include <string.h>

static qs_pattern draw_pattern(rd_rng *rng) {
    uint64_t draw = rd_rng_below(rng, 100);
    if (draw < 45) return TRANSITIVE;
    if (draw < 58) return DITRANSITIVE;
    if (draw < 66) return PREPOSITIONAL;
    if (draw < 72) return DATIVE_OBJECT;
    return draw < 87 ? MOTION : INTRANSITIVE;
}

static void draw_tense(rd_rng *rng, qs_clause *clause) {
    static const struct {
        uint64_t below;
        qs_tense tense;
    } shares[] = {{30, SIMPLE}, {47, PROGRESSIVE}, {70, PAST}, {82, FUTURE}, {100, MODAL}};
    uint64_t draw = rd_rng_below(rng, 100);
    int i = 0;
    while (draw >= shares[i].below) i++;
    clause->tense = shares[i].tense;
    /* "I read a book" could be either tense. */
    if (clause->tense == PAST && strcmp(clause->verb->en, clause->verb->en_past) == 0)
        clause->tense = PROGRESSIVE;
    if (clause->tense == PROGRESSIVE && clause->verb->stative) clause->tense = SIMPLE;
    if (clause->tense == MODAL && clause->verb->stative) clause->tense = SIMPLE; /* "must know" */
    if (clause->tense != MODAL) return;
    do clause->modal = &qs_modals[rd_rng_below(rng, qs_n_modals)];
    while (clause->negated && !clause->modal->negatable);
}

static qs_phrase draw_future_time(rd_rng *rng) {
    return qs_future_times[rd_rng_below(rng, qs_n_future_times)];
}

static void draw_time(rd_rng *rng, qs_clause *clause) {
    switch (clause->tense) {
    case SIMPLE: /* a state does not hold "every week" */
        clause->time = clause->verb->stative ? qs_now_times[1]
                                             : qs_habit_times[rd_rng_below(rng, qs_n_habit_times)];
        break;
    case PROGRESSIVE:
        clause->time = qs_chance(rng, 50) ? qs_now_times[rd_rng_below(rng, qs_n_now_times)]
                                          : draw_future_time(rng);
        break;
    case PAST:
        clause->time = qs_past_times[rd_rng_below(rng, qs_n_past_times)];
        break;
    case FUTURE:
    case MODAL:
        clause->time = draw_future_time(rng);
        break;
    }
    clause->time_first = qs_chance(rng, 35);
}

static qs_np draw_object(rd_rng *rng, const qs_clause *clause, qs_person subject,
                         qs_person likely_owner) {
    unsigned tags = clause->verb->objects;
    qs_np object = tags & PERSON && qs_chance(rng, 70)
                       ? qs_random_person(rng, subject, likely_owner)
                       : qs_random_np(rng, tags, likely_owner);
    /* "nicht ein" and "nicht" before a bare noun are "kein". */
    if (clause->negated && clause->verb->pattern != PREPOSITIONAL) {
        if (object.determiner == A || object.determiner == BARE) object.determiner = NO;
        if (object.determiner == NUMBER_OF) object.determiner = THE;
    }
    return object;
}

static void draw_objects(rd_rng *rng, qs_clause *clause, qs_person subject,
                         qs_person likely_owner) {
    qs_pattern pattern = clause->verb->pattern;
    if (pattern == MOTION || pattern == INTRANSITIVE) return;
    clause->has_object = true;
    clause->object = draw_object(rng, clause, subject, likely_owner);
    if (pattern == DITRANSITIVE) {
        clause->has_recipient = true;
        do clause->recipient = qs_random_person(rng, subject, likely_owner);
        while (clause->recipient.determiner == BARE || clause->recipient.determiner == NUMBER_OF);
    }
    if (strcmp(clause->verb->en, "buy") == 0 && !clause->negated && qs_chance(rng, 25)) {
        clause->has_beneficiary = true;
        clause->beneficiary = qs_random_person(rng, subject, likely_owner);
    }
}

static void draw_place(rd_rng *rng, qs_clause *clause) {
    bool motion = clause->verb->pattern == MOTION;
    bool far = strcmp(clause->verb->en, "travel") == 0;
    const qs_place *place = far || qs_chance(rng, 10) ? &qs_towns[rd_rng_below(rng, qs_n_towns)]
                                                      : &qs_places[rd_rng_below(rng, qs_n_places)];
    clause->place =
        motion ? (qs_phrase){place->en_to, place->de_to} : (qs_phrase){place->en_at, place->de_at};
}

qs_clause qs_random_clause(rd_rng *rng) {
    qs_clause clause = {.subject = qs_random_subject(rng),
                        .verb = qs_draw_verb(rng, draw_pattern(rng)),
                        .negated = qs_chance(rng, 18)};
    qs_person subject = qs_np_person(&clause.subject), owner = qs_np_owner(&clause.subject);
    qs_pattern pattern = clause.verb->pattern;
    draw_tense(rng, &clause);
    draw_objects(rng, &clause, subject, owner);
    bool going = pattern == MOTION || pattern == INTRANSITIVE;
    bool acting = pattern == TRANSITIVE && !clause.verb->stative && !clause.negated;
    if (going ? qs_chance(rng, 85) || pattern == MOTION : acting && qs_chance(rng, 20))
        draw_place(rng, &clause);
    if (going && qs_chance(rng, 20)) {
        clause.has_companion = true;
        clause.companion = qs_random_person(rng, subject, owner);
    }
    if (qs_chance(rng, 55)) draw_time(rng, &clause);
    return clause;
}

qs_clause qs_random_request(rd_rng *rng) {
    qs_clause clause = {0};
    do clause.verb = qs_draw_verb(rng, draw_pattern(rng));
    while (clause.verb->de_imperative == NULL);
    qs_pattern pattern = clause.verb->pattern;
    draw_objects(rng, &clause, YOU, YOU);
    if (pattern == MOTION || pattern == INTRANSITIVE) draw_place(rng, &clause);
    if (qs_chance(rng, 25)) clause.time = draw_future_time(rng);
    return clause;
}

qs_clause qs_random_purpose(rd_rng *rng, qs_person likely_owner) {
    qs_clause clause = {0};
    do clause.verb = qs_draw_verb(rng, draw_pattern(rng));
    while (clause.verb->pattern == MOTION || clause.verb->stative ||
           clause.verb->pattern == INTRANSITIVE);
    /* Only things and third parties: "to ask her" of whoever goes. */
    do draw_objects(rng, &clause, likely_owner, likely_owner);
    while (clause.object.determiner == PRONOUN ||
           (clause.has_recipient && clause.recipient.determiner == PRONOUN));
    return clause;
}
