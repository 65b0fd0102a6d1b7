/* Sentences about numbers, ages, dates, clock times and prices. */
#include "quickstart/sentences.h"

#include <stdio.h>

#include "quickstart/clause.h"
#include "quickstart/numbers.h"

/* Bounded so that no format needs a second thought: phrases are short, see QS_NUMBER_SIZE. */
#define FORMAT(out, ...) snprintf(out, sizeof out, __VA_ARGS__)

static void add_english_number(qs_line *line, int n) {
    char text[QS_NUMBER_SIZE];
    qs_english_number(text, n);
    qs_add(line, text);
}

static void add_german_number(qs_line *line, int n) {
    char text[QS_NUMBER_SIZE];
    qs_german_number(text, n);
    qs_add(line, text);
}

/* Small numbers often, large ones too: the number of digits is uniform. */
static int draw_number(rd_rng *rng) {
    static const int limits[4] = {20, 100, 1000, 10000};
    return (int)rd_rng_below(rng, (uint64_t)limits[rd_rng_below(rng, 4)]);
}

qs_pair qs_number_pair(rd_rng *rng) {
    qs_pair pair = {0};
    if (qs_chance(rng, 40)) { /* a bare number */
        int n = draw_number(rng);
        add_english_number(&pair.en, n);
        add_german_number(&pair.de, n);
        return pair;
    }
    if (qs_chance(rng, 50)) {
        int n = draw_number(rng);
        qs_add(&pair.en, "the number is");
        add_english_number(&pair.en, n);
        qs_add(&pair.de, "die Zahl ist");
        add_german_number(&pair.de, n);
    } else {
        const qs_place *place = &qs_towns[rd_rng_below(rng, qs_n_towns)];
        qs_np things = {.determiner = NUMBER_OF,
                        .noun = qs_draw_noun(rng, BUILDING | VEHICLE),
                        .plural = true,
                        .number = 2 + draw_number(rng)};
        qs_add(&pair.en, "there are");
        qs_np_english(&pair.en, &things, true);
        qs_add(&pair.en, place->en_at);
        qs_add(&pair.de, place->de_at);
        qs_add(&pair.de, "gibt es");
        qs_np_german(&pair.de, &things, ACCUSATIVE);
    }
    qs_finish(&pair.en, "."), qs_finish(&pair.de, ".");
    return pair;
}

qs_pair qs_age_pair(rd_rng *rng) {
    qs_pair pair = {0};
    qs_np who = qs_random_subject(rng);
    qs_person person = qs_np_person(&who);
    int age = 2 + (int)rd_rng_below(rng, 97);
    if (who.adjective != NULL) who.adjective = NULL; /* "my old uncle is ten years old" */
    qs_np_english(&pair.en, &who, false);
    qs_add(&pair.en, qs_english_be(person, false));
    add_english_number(&pair.en, age);
    qs_add(&pair.en, "years old");
    qs_np_german(&pair.de, &who, NOMINATIVE);
    qs_add(&pair.de, qs_german_be(person));
    add_german_number(&pair.de, age);
    qs_add(&pair.de, "Jahre alt");
    qs_finish(&pair.en, "."), qs_finish(&pair.de, ".");
    return pair;
}

/* "on the third of May", "am dritten Mai"; or in digits, "on 3 May 1985", "am 3. Mai 1985". */
static void add_date(rd_rng *rng, qs_pair *pair, bool digits, int year) {
    const qs_phrase *month = &qs_months[rd_rng_below(rng, 12)];
    int day = 1 + (int)rd_rng_below(rng, 28);
    char ordinal[QS_NUMBER_SIZE], text[2 * QS_NUMBER_SIZE];
    if (digits) {
        FORMAT(text, "on %d %s %d", day, month->en, year);
        qs_add(&pair->en, text);
        FORMAT(text, "am %d. %s %d", day, month->de, year);
        qs_add(&pair->de, text);
    } else {
        qs_english_ordinal(ordinal, day);
        FORMAT(text, "on the %s of %s", ordinal, month->en);
        qs_add(&pair->en, text);
        qs_german_ordinal(ordinal, day);
        FORMAT(text, "am %sen %s", ordinal, month->de);
        qs_add(&pair->de, text);
    }
}

static qs_pair today_pair(rd_rng *rng) {
    qs_pair pair = {0};
    const qs_phrase *month = &qs_months[rd_rng_below(rng, 12)];
    const qs_phrase *weekday = &qs_weekdays[rd_rng_below(rng, 7)];
    char ordinal[QS_NUMBER_SIZE], text[2 * QS_NUMBER_SIZE];
    int day = 1 + (int)rd_rng_below(rng, 31);
    qs_english_ordinal(ordinal, day);
    FORMAT(text, "today is %s, the %s of %s.", weekday->en, ordinal, month->en);
    qs_add(&pair.en, text);
    qs_german_ordinal(ordinal, day);
    FORMAT(text, "heute ist %s, der %se %s.", weekday->de, ordinal, month->de);
    qs_add(&pair.de, text);
    qs_finish(&pair.en, NULL), qs_finish(&pair.de, NULL);
    return pair;
}

static qs_pair birth_pair(rd_rng *rng) {
    static const char *const wurde[N_PERSONS] = {"wurde", "wurdest", "wurde",
                                                 "wurde", "wurden",  "wurden"};
    qs_pair pair = {0};
    qs_np who = qs_random_subject(rng);
    qs_person person = qs_np_person(&who);
    int year = 1900 + (int)rd_rng_below(rng, 126);
    char text[QS_NUMBER_SIZE];
    qs_np_english(&pair.en, &who, false);
    qs_add(&pair.en, qs_english_be(person, true));
    qs_add(&pair.en, "born");
    qs_np_german(&pair.de, &who, NOMINATIVE);
    qs_add(&pair.de, wurde[person]);
    if (qs_chance(rng, 40)) {
        qs_english_year(text, year);
        qs_add(&pair.en, "in"), qs_add(&pair.en, text);
        qs_german_year(text, year);
        qs_add(&pair.de, text);
    } else {
        add_date(rng, &pair, qs_chance(rng, 50), year);
    }
    qs_add(&pair.de, "geboren");
    qs_finish(&pair.en, "."), qs_finish(&pair.de, ".");
    return pair;
}

static qs_pair ordinal_pair(rd_rng *rng) {
    qs_pair pair = {0};
    char en[QS_NUMBER_SIZE], stem[QS_NUMBER_SIZE];
    int n = 1 + (int)rd_rng_below(rng, qs_chance(rng, 50) ? 12 : 99);
    qs_english_ordinal(en, n);
    qs_german_ordinal(stem, n);
    qs_adjective ordinal = {.en = en, .de = stem, .de_stem = stem};
    qs_np np = {
        .determiner = THE, .noun = qs_draw_noun(rng, BUILDING | READING), .adjective = &ordinal};
    if (qs_chance(rng, 50)) {
        qs_add(&pair.en, "this is");
        qs_np_english(&pair.en, &np, false);
        qs_add(&pair.de, "das ist");
        qs_np_german(&pair.de, &np, NOMINATIVE);
    } else {
        qs_clause clause = {.subject = qs_random_subject(rng),
                            .verb = qs_find_verb("see"),
                            .tense = SIMPLE,
                            .has_object = true,
                            .object = np};
        qs_clause_english(&pair.en, &clause, STATEMENT);
        qs_clause_german(&pair.de, &clause, STATEMENT);
    }
    qs_finish(&pair.en, "."), qs_finish(&pair.de, ".");
    return pair;
}

static qs_pair appointment_pair(rd_rng *rng) {
    qs_pair pair = {0};
    qs_np who = qs_random_subject(rng);
    qs_clause clause = {.subject = who, .verb = qs_draw_verb(rng, MOTION)};
    clause.tense = qs_chance(rng, 50) ? FUTURE : PROGRESSIVE;
    const qs_place *town = &qs_towns[rd_rng_below(rng, qs_n_towns)];
    clause.place = (qs_phrase){town->en_to, town->de_to};
    qs_pair date = {0};
    add_date(rng, &date, false, 0);
    clause.time = (qs_phrase){date.en.text, date.de.text};
    clause.time_first = qs_chance(rng, 40);
    qs_clause_english(&pair.en, &clause, STATEMENT);
    qs_clause_german(&pair.de, &clause, STATEMENT);
    qs_finish(&pair.en, "."), qs_finish(&pair.de, ".");
    return pair;
}

qs_pair qs_date_pair(rd_rng *rng) {
    switch (rd_rng_below(rng, 4)) {
    case 0:
        return today_pair(rng);
    case 1:
        return birth_pair(rng);
    case 2:
        return ordinal_pair(rng);
    default:
        return appointment_pair(rng);
    }
}

/* "half past three", "halb vier"; or "14:35" and "14:35 Uhr". */
static void draw_clock(rd_rng *rng, qs_pair *clock) {
    char text[QS_NUMBER_SIZE];
    if (qs_chance(rng, 60)) {
        int hour = 1 + (int)rd_rng_below(rng, 12), minute = 5 * (int)rd_rng_below(rng, 12);
        qs_english_clock(text, hour, minute);
        qs_add(&clock->en, text);
        qs_german_clock(text, hour, minute);
        qs_add(&clock->de, text);
    } else {
        int hour = (int)rd_rng_below(rng, 24), minute = (int)rd_rng_below(rng, 60);
        FORMAT(text, "%d:%02d", hour, minute);
        qs_add(&clock->en, text), qs_add(&clock->de, text);
        qs_add(&clock->de, "Uhr");
    }
}

qs_pair qs_clock_pair(rd_rng *rng) {
    static const struct {
        const char *en, *de, *de_end;
    } frames[] = {
        {"it is", "es ist", NULL},
        {"the train leaves at", "der Zug fährt um", "ab"},
        {"the bus leaves at", "der Bus fährt um", "ab"},
        {"the bus arrives at", "der Bus kommt um", "an"},
        {"the film begins at", "der Film beginnt um", NULL},
        {"the school begins at", "die Schule beginnt um", NULL},
        {"the library opens at", "die Bibliothek öffnet um", NULL},
        {"we get up at", "wir stehen um", "auf"},
        {"I get up at", "ich stehe um", "auf"},
        {"the children go to bed at", "die Kinder gehen um", "ins Bett"},
    };
    qs_pair pair = {0}, clock = {0};
    draw_clock(rng, &clock);
    if (qs_chance(rng, 70)) {
        uint64_t i = rd_rng_below(rng, sizeof frames / sizeof frames[0]);
        qs_add(&pair.en, frames[i].en), qs_add(&pair.en, clock.en.text);
        qs_add(&pair.de, frames[i].de), qs_add(&pair.de, clock.de.text);
        qs_add(&pair.de, frames[i].de_end);
    } else {
        char en[sizeof clock.en.text + 8], de[sizeof clock.de.text + 8];
        FORMAT(en, "at %s", clock.en.text);
        FORMAT(de, "um %s", clock.de.text);
        const qs_place *place = &qs_places[rd_rng_below(rng, qs_n_places)];
        qs_clause clause = {.subject = qs_random_subject(rng),
                            .verb = qs_find_verb(qs_chance(rng, 50) ? "come" : "go"),
                            .tense = qs_chance(rng, 50) ? FUTURE : PAST,
                            .place = {place->en_to, place->de_to},
                            .time = {en, de},
                            .time_first = qs_chance(rng, 40)};
        qs_clause_english(&pair.en, &clause, STATEMENT);
        qs_clause_german(&pair.de, &clause, STATEMENT);
    }
    qs_finish(&pair.en, "."), qs_finish(&pair.de, ".");
    return pair;
}

/* "twelve euros and fifty cents", "zwölf Euro und fünfzig Cent", or "4.50 euros", "4,50 Euro". */
static void add_price(rd_rng *rng, qs_pair *pair) {
    char text[QS_NUMBER_SIZE];
    int euros = 2 + (int)rd_rng_below(rng, qs_chance(rng, 70) ? 98 : 998);
    if (qs_chance(rng, 45)) {
        int cents = (int)rd_rng_below(rng, 100);
        FORMAT(text, "%d.%02d euros", euros, cents);
        qs_add(&pair->en, text);
        FORMAT(text, "%d,%02d Euro", euros, cents);
        qs_add(&pair->de, text);
        return;
    }
    if (qs_chance(rng, 8)) {
        qs_add(&pair->en, "one euro"), qs_add(&pair->de, "einen Euro");
    } else {
        add_english_number(&pair->en, euros), qs_add(&pair->en, "euros");
        add_german_number(&pair->de, euros), qs_add(&pair->de, "Euro");
    }
    if (qs_chance(rng, 35)) {
        int cents = 5 + (int)rd_rng_below(rng, 95);
        qs_add(&pair->en, "and"), add_english_number(&pair->en, cents), qs_add(&pair->en, "cents");
        qs_add(&pair->de, "und"), add_german_number(&pair->de, cents), qs_add(&pair->de, "Cent");
    }
}

qs_pair qs_price_pair(rd_rng *rng) {
    qs_pair pair = {0};
    qs_np what;
    do what = qs_random_np(rng, GOODS | VEHICLE, ME);
    while (what.determiner == BARE || (what.determiner == NUMBER_OF && what.number > 20));
    bool plural = what.plural;
    if (qs_chance(rng, 20)) { /* the question */
        qs_add(&pair.en, plural ? "how much do" : "how much does");
        qs_np_english(&pair.en, &what, false);
        qs_add(&pair.en, "cost");
        qs_add(&pair.de, plural ? "wie viel kosten" : "wie viel kostet");
        qs_np_german(&pair.de, &what, NOMINATIVE);
        qs_finish(&pair.en, "?"), qs_finish(&pair.de, "?");
        return pair;
    }
    qs_np_english(&pair.en, &what, false);
    qs_add(&pair.en, plural ? "cost" : "costs");
    qs_np_german(&pair.de, &what, NOMINATIVE);
    qs_add(&pair.de, plural ? "kosten" : "kostet");
    add_price(rng, &pair);
    qs_finish(&pair.en, "."), qs_finish(&pair.de, ".");
    return pair;
}
