#include "quickstart/words.h"

#include <stdio.h>
#include <string.h>

#define COUNTED(array) sizeof array / sizeof array[0]
#define COLOURED       (CLOTHES | VEHICLE | OPENABLE | THING)

const qs_adjective qs_adjectives[] = {
    {"old", "alt", "alt", "older", "älter", ANYTHING & ~FOOD, false},
    {"young", "jung", "jung", "younger", "jünger", PERSON | ANIMAL, false},
    {"small", "klein", "klein", "smaller", "kleiner", ANYTHING, false},
    {"big", "groß", "groß", "bigger", "größer", ANYTHING, false},
    {"new", "neu", "neu", "newer", "neuer", INANIMATE & ~FOOD, false},
    {"red", "rot", "rot", NULL, NULL, COLOURED, false},
    {"blue", "blau", "blau", NULL, NULL, COLOURED, false},
    {"green", "grün", "grün", NULL, NULL, COLOURED, false},
    {"black", "schwarz", "schwarz", NULL, NULL, COLOURED | ANIMAL, false},
    {"white", "weiß", "weiß", NULL, NULL, COLOURED | ANIMAL, false},
    {"beautiful", "schön", "schön", "more beautiful", "schöner", CLOTHES | THING | BUILDING, false},
    {"expensive", "teuer", "teur", "more expensive", "teurer", GOODS | VEHICLE, false},
    {"cheap", "billig", "billig", "cheaper", "billiger", GOODS | VEHICLE, false},
    {"heavy", "schwer", "schwer", "heavier", "schwerer", THING | DEVICE, false},
    {"clean", "sauber", "sauber", "cleaner", "sauberer", CLOTHES | THING | OPENABLE, false},
    {"dirty", "schmutzig", "schmutzig", "dirtier", "schmutziger", CLOTHES | THING | OPENABLE,
     false},
    {"dark", "dunkel", "dunkl", "darker", "dunkler", BUILDING, false},
    {"fast", "schnell", "schnell", "faster", "schneller", VEHICLE | ANIMAL, false},
    {"slow", "langsam", "langsam", "slower", "langsamer", VEHICLE | ANIMAL, false},
    {"friendly", "freundlich", "freundlich", "friendlier", "freundlicher", PERSON, false},
    {"strong", "stark", "stark", "stronger", "stärker", PERSON | ANIMAL, false},
    {"rich", "reich", "reich", "richer", "reicher", PERSON, false},
    {"fresh", "frisch", "frisch", "fresher", "frischer", FOOD | MASS_FOOD, false},
    {"cold", "kalt", "kalt", "colder", "kälter", DRINK | MASS_FOOD, false},
    {"hot", "heiß", "heiß", "hotter", "heißer", DRINK, false},
    {"good", "gut", "gut", "better", "besser", DRINK | MASS_FOOD | READING, false},
    {"tired", "müde", "müd", NULL, NULL, PERSON | ANIMAL, false},
    {"hungry", "hungrig", "hungrig", NULL, NULL, PERSON | ANIMAL, false},
    {"ill", "krank", "krank", NULL, NULL, PERSON, true},
    {"broken", "kaputt", "kaputt", NULL, NULL, DEVICE | VEHICLE, true},
};
const size_t qs_n_adjectives = COUNTED(qs_adjectives);

const qs_place qs_places[] = {
    {"in the park", "im Park", "to the park", "in den Park"},
    {"in the kitchen", "in der Küche", "into the kitchen", "in die Küche"},
    {"at school", "in der Schule", "to school", "in die Schule"},
    {"at home", "zu Hause", "home", "nach Hause"},
    {"in the city", "in der Stadt", "to the city", "in die Stadt"},
    {"at the station", "am Bahnhof", "to the station", "zum Bahnhof"},
    {"in the garden", "im Garten", "into the garden", "in den Garten"},
    {"at the market", "auf dem Markt", "to the market", "auf den Markt"},
    {"in the office", "im Büro", "to the office", "ins Büro"},
    {"at the cinema", "im Kino", "to the cinema", "ins Kino"},
    {"in the restaurant", "im Restaurant", "to the restaurant", "ins Restaurant"},
    {"in the library", "in der Bibliothek", "to the library", "in die Bibliothek"},
    {"in the supermarket", "im Supermarkt", "to the supermarket", "in den Supermarkt"},
    {"at the lake", "am See", "to the lake", "zum See"},
    {"in the hospital", "im Krankenhaus", "to the hospital", "ins Krankenhaus"},
    {"in the forest", "im Wald", "into the forest", "in den Wald"},
    {"at the airport", "am Flughafen", "to the airport", "zum Flughafen"},
    {"at the museum", "im Museum", "to the museum", "ins Museum"},
    {"in the mountains", "in den Bergen", "to the mountains", "in die Berge"},
};
const size_t qs_n_places = COUNTED(qs_places);

const qs_place qs_towns[] = {
    {"in Berlin", "in Berlin", "to Berlin", "nach Berlin"},
    {"in Hamburg", "in Hamburg", "to Hamburg", "nach Hamburg"},
    {"in Munich", "in München", "to Munich", "nach München"},
    {"in Vienna", "in Wien", "to Vienna", "nach Wien"},
    {"in Cologne", "in Köln", "to Cologne", "nach Köln"},
    {"in London", "in London", "to London", "nach London"},
    {"in Rome", "in Rom", "to Rome", "nach Rom"},
    {"in Zurich", "in Zürich", "to Zurich", "nach Zürich"},
};
const size_t qs_n_towns = COUNTED(qs_towns);

const qs_modal qs_modals[] = {
    {"can", "can", "cannot", "cannot", "can", {"kann", "kannst", "kann", "können", "können"}, true},
    {"must", "must", NULL, NULL, "must", {"muss", "musst", "muss", "müssen", "müssen"}, false},
    {"should",
     "should",
     "should not",
     "should not",
     "should",
     {"soll", "sollst", "soll", "sollen", "sollen"},
     true},
    {"want to",
     "wants to",
     "do not want to",
     "does not want to",
     NULL,
     {"will", "willst", "will", "wollen", "wollen"},
     true},
    {"would like to",
     "would like to",
     "would not like to",
     "would not like to",
     NULL,
     {"möchte", "möchtest", "möchte", "möchten", "möchten"},
     true},
    {"may", "may", NULL, NULL, "may", {"darf", "darfst", "darf", "dürfen", "dürfen"}, false},
};
const size_t qs_n_modals = COUNTED(qs_modals);

/* Women at even indices, men at odd ones. */
const char *const qs_names[] = {"Anna", "Peter", "Maria", "Thomas", "Julia",
                                "Paul", "Lena",  "Max",   "Sophie", "Felix"};
const size_t qs_n_names = COUNTED(qs_names);

const qs_phrase qs_weekdays[7] = {
    {"Monday", "Montag"},       {"Tuesday", "Dienstag"}, {"Wednesday", "Mittwoch"},
    {"Thursday", "Donnerstag"}, {"Friday", "Freitag"},   {"Saturday", "Samstag"},
    {"Sunday", "Sonntag"},
};
const qs_phrase qs_months[12] = {
    {"January", "Januar"},  {"February", "Februar"},  {"March", "März"},
    {"April", "April"},     {"May", "Mai"},           {"June", "Juni"},
    {"July", "Juli"},       {"August", "August"},     {"September", "September"},
    {"October", "Oktober"}, {"November", "November"}, {"December", "Dezember"},
};

const qs_phrase qs_past_times[] = {
    {"yesterday", "gestern"},          {"yesterday evening", "gestern Abend"},
    {"last week", "letzte Woche"},     {"last year", "letztes Jahr"},
    {"last summer", "letzten Sommer"}, {"two days ago", "vor zwei Tagen"},
    {"a week ago", "vor einer Woche"}, {"this morning", "heute Morgen"},
};
const size_t qs_n_past_times = COUNTED(qs_past_times);

const qs_phrase qs_now_times[] = {
    {"now", "jetzt"},
    {"today", "heute"},
    {"at the moment", "im Moment"},
};
const size_t qs_n_now_times = COUNTED(qs_now_times);

const qs_phrase qs_habit_times[] = {
    {"every day", "jeden Tag"},       {"every morning", "jeden Morgen"},
    {"every evening", "jeden Abend"}, {"every week", "jede Woche"},
    {"every year", "jedes Jahr"},     {"in summer", "im Sommer"},
    {"in winter", "im Winter"},       {"at the weekend", "am Wochenende"},
};
const size_t qs_n_habit_times = COUNTED(qs_habit_times);

const qs_phrase qs_future_times[] = {
    {"tomorrow", "morgen"},
    {"tomorrow evening", "morgen Abend"},
    {"the day after tomorrow", "übermorgen"},
    {"next week", "nächste Woche"},
    {"next year", "nächstes Jahr"},
    {"next summer", "nächsten Sommer"},
    {"in three days", "in drei Tagen"},
    {"this evening", "heute Abend"},
};
const size_t qs_n_future_times = COUNTED(qs_future_times);

const qs_noun *qs_find_noun(const char *en) {
    for (size_t i = 0; i < qs_n_nouns; i++)
        if (strcmp(qs_nouns[i].en, en) == 0) return &qs_nouns[i];
    return NULL;
}

const qs_verb *qs_find_verb(const char *en) {
    for (size_t i = 0; i < qs_n_verbs; i++) {
        const qs_verb *verb = &qs_verbs[i];
        char name[64];
        snprintf(name, sizeof name, "%s%s%s", verb->en, verb->en_particle != NULL ? " " : "",
                 verb->en_particle != NULL ? verb->en_particle : "");
        if (strcmp(name, en) == 0) return verb;
    }
    return NULL;
}

const qs_adjective *qs_find_adjective(const char *en) {
    for (size_t i = 0; i < qs_n_adjectives; i++)
        if (strcmp(qs_adjectives[i].en, en) == 0) return &qs_adjectives[i];
    return NULL;
}

/* Draws until the item fits: the lists are short and every use has items that fit. */
const qs_noun *qs_draw_noun(rd_rng *rng, unsigned tags) {
    for (;;) {
        const qs_noun *noun = &qs_nouns[rd_rng_below(rng, qs_n_nouns)];
        if (noun->tags & tags) return noun;
    }
}

const qs_verb *qs_draw_verb(rd_rng *rng, qs_pattern pattern) {
    for (;;) {
        const qs_verb *verb = &qs_verbs[rd_rng_below(rng, qs_n_verbs)];
        if (verb->pattern == pattern) return verb;
    }
}

const qs_adjective *qs_draw_adjective(rd_rng *rng, unsigned tags, bool attributive) {
    const qs_adjective *fitting[COUNTED(qs_adjectives)];
    size_t n = 0;
    for (size_t i = 0; i < qs_n_adjectives; i++) {
        const qs_adjective *adjective = &qs_adjectives[i];
        if (adjective->tags & tags && !(attributive && adjective->predicate_only))
            fitting[n++] = adjective;
    }
    return n > 0 ? fitting[rd_rng_below(rng, n)] : NULL;
}
