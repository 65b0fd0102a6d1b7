#include "quickstart/phrase.h"

#include <stdlib.h>
#include <string.h>

#include "quickstart/numbers.h"

bool qs_chance(rd_rng *rng, unsigned percent) {
    return rd_rng_below(rng, 100) < percent;
}

void qs_add(qs_line *line, const char *words) {
    if (words == NULL || *words == '\0') return;
    size_t n = strlen(words);
    bool glued = line->length == 0 || strchr(",.?!", words[0]) != NULL;
    if (line->length + n + 2 > sizeof line->text) abort();
    if (!glued) line->text[line->length++] = ' ';
    memcpy(line->text + line->length, words, n + 1);
    line->length += n;
}

void qs_finish(qs_line *line, const char *mark) {
    unsigned char *first = (unsigned char *)line->text;
    if (*first >= 'a' && *first <= 'z')
        *first = (unsigned char)(*first - 'a' + 'A');
    else if (first[0] == 0xC3 && first[1] >= 0xA0) /* ä, ö, ü as UTF-8 */
        first[1] = (unsigned char)(first[1] - 0x20);
    qs_add(line, mark);
}

/* Endings of der-words and of "ein" by [case][gender or plural]. */
static const char *const der_words[4][4] = {
    {"der", "die", "das", "die"},
    {"den", "die", "das", "die"},
    {"dem", "der", "dem", "den"},
    {"des", "der", "des", "der"},
};
static const char *const dieser_words[4][4] = {
    {"dieser", "diese", "dieses", "diese"},
    {"diesen", "diese", "dieses", "diese"},
    {"diesem", "dieser", "diesem", "diesen"},
    {"dieses", "dieser", "dieses", "dieser"},
};
static const char *const ein_endings[4][4] = {
    {"", "e", "", "e"},
    {"en", "e", "", "e"},
    {"em", "er", "em", "en"},
    {"es", "er", "es", "er"},
};
/* Adjectives: after a der-word, after an ein-word, after nothing (or a numeral). */
static const char *const weak_endings[4][4] = {
    {"e", "e", "e", "en"},
    {"en", "e", "e", "en"},
    {"en", "en", "en", "en"},
    {"en", "en", "en", "en"},
};
static const char *const mixed_endings[4][4] = {
    {"er", "e", "es", "en"},
    {"en", "e", "es", "en"},
    {"en", "en", "en", "en"},
    {"en", "en", "en", "en"},
};
static const char *const strong_endings[4][4] = {
    {"er", "e", "es", "e"},
    {"en", "e", "es", "e"},
    {"em", "er", "em", "en"},
    {"en", "er", "en", "er"},
};

static const char *const possessive_stems[N_PERSONS] = {"mein", "dein",  "sein",
                                                        "ihr",  "unser", "ihr"};
static const char *const german_pronouns[4][N_PERSONS] = {
    {"ich", "du", "er", "sie", "wir", "sie"},
    {"mich", "dich", "ihn", "sie", "uns", "sie"},
    {"mir", "dir", "ihm", "ihr", "uns", "ihnen"},
    {NULL, NULL, NULL, NULL, NULL, NULL}, /* no genitive pronouns here */
};

qs_person qs_np_person(const qs_np *np) {
    if (np->determiner == PRONOUN) return np->person;
    if (np->determiner == NAME) return HE;
    return np->plural ? THEM : HE;
}

qs_person qs_np_owner(const qs_np *np) {
    if (np->determiner == NAME)
        for (size_t i = 0; i < qs_n_names; i++)
            if (strcmp(qs_names[i], np->name) == 0) return i % 2 == 0 ? SHE : HE;
    if (np->noun == NULL || np->plural) return qs_np_person(np);
    return np->noun->gender == FEMININE || strcmp(np->noun->en, "girl") == 0 ? SHE : HE;
}

const char *qs_english_possessive(qs_person owner) {
    static const char *const words[N_PERSONS] = {"my", "your", "his", "her", "our", "their"};
    return words[owner];
}

static const char *english_determiner(const qs_np *np, const char *next) {
    bool counted = np->noun->en_plural != NULL && !np->plural;
    switch (np->determiner) {
    case THE:
        return "the";
    case THIS:
        return np->plural ? "these" : "this";
    case POSSESSIVE:
        return qs_english_possessive(np->person);
    case NO:
    case A:
        if (!counted) return "";
        return strchr("aeiou", next[0]) != NULL ? "an" : "a";
    case NUMBER_OF:
    case PRONOUN:
    case NAME:
    case BARE:
        return "";
    }
    return "";
}

void qs_np_english(qs_line *line, const qs_np *np, bool object) {
    static const char *const pronouns[2][N_PERSONS] = {{"I", "you", "he", "she", "we", "they"},
                                                       {"me", "you", "him", "her", "us", "them"}};
    if (np->determiner == PRONOUN) {
        qs_add(line, pronouns[object][np->person]);
    } else if (np->determiner == NAME) {
        qs_add(line, np->name);
    } else {
        const char *noun = np->plural ? np->noun->en_plural : np->noun->en;
        const char *adjective = np->adjective != NULL ? np->adjective->en : NULL;
        qs_add(line, english_determiner(np, adjective != NULL ? adjective : noun));
        if (np->determiner == NUMBER_OF) {
            char number[QS_NUMBER_SIZE];
            qs_english_number(number, np->number);
            qs_add(line, number);
        }
        qs_add(line, adjective);
        qs_add(line, noun);
    }
}

static void add_joined(qs_line *line, const char *stem, const char *ending) {
    char word[64];
    if (strlen(stem) + strlen(ending) >= sizeof word) abort();
    strcpy(word, stem);
    strcat(word, ending);
    qs_add(line, word);
}

/* Adds the determiner; returns the endings that an adjective after it takes. */
static const char *const (*german_determiner(qs_line *line, const qs_np *np, qs_case kase,
                                             int column))[4] {
    char number[QS_NUMBER_SIZE];
    switch (np->determiner) {
    case THE:
        qs_add(line, der_words[kase][column]);
        return weak_endings;
    case THIS:
        qs_add(line, dieser_words[kase][column]);
        return weak_endings;
    case A:
        add_joined(line, "ein", ein_endings[kase][column]);
        return mixed_endings;
    case NO:
        add_joined(line, "kein", ein_endings[kase][column]);
        return mixed_endings;
    case POSSESSIVE:
        add_joined(line, possessive_stems[np->person], ein_endings[kase][column]);
        return mixed_endings;
    case NUMBER_OF:
        qs_german_number(number, np->number);
        qs_add(line, number);
        return strong_endings;
    case PRONOUN:
    case NAME:
    case BARE:
        return strong_endings;
    }
    return strong_endings;
}

static void german_noun(qs_line *line, const qs_noun *noun, bool plural, qs_case kase) {
    if (plural) {
        size_t n = strlen(noun->de_plural);
        char last = noun->de_plural[n - 1];
        add_joined(line, noun->de_plural, kase == DATIVE && last != 'n' && last != 's' ? "n" : "");
    } else if (kase == GENITIVE) {
        qs_add(line, noun->de_genitive);
    } else {
        qs_add(line, kase != NOMINATIVE && noun->de_oblique != NULL ? noun->de_oblique : noun->de);
    }
}

void qs_np_german(qs_line *line, const qs_np *np, qs_case kase) {
    if (np->determiner == PRONOUN) {
        qs_add(line, german_pronouns[kase][np->person]);
    } else if (np->determiner == NAME) {
        qs_add(line, np->name);
    } else {
        int column = np->plural ? PLURAL : (int)np->noun->gender;
        const char *const(*endings)[4] = german_determiner(line, np, kase, column);
        if (np->adjective != NULL) add_joined(line, np->adjective->de_stem, endings[kase][column]);
        german_noun(line, np->noun, np->plural, kase);
    }
}

qs_np qs_random_np(rd_rng *rng, unsigned tags, qs_person likely_owner) {
    qs_np np = {.noun = qs_draw_noun(rng, tags)};
    bool mass = np.noun->en_plural == NULL;
    np.plural = !mass && qs_chance(rng, 25);
    uint64_t draw = rd_rng_below(rng, 100);
    if (np.noun->tags & KIN)
        np.determiner = draw < 85 ? POSSESSIVE : THE;
    else if (mass)
        np.determiner = draw < 60 ? BARE : draw < 85 ? THE : draw < 93 ? POSSESSIVE : THIS;
    else if (draw < 35)
        np.determiner = THE;
    else if (draw < 60)
        np.determiner = np.plural ? BARE : A;
    else if (draw < 80)
        np.determiner = POSSESSIVE;
    else if (draw < 90)
        np.determiner = THIS;
    else
        np.determiner = NUMBER_OF;
    if (np.determiner == POSSESSIVE)
        np.person = qs_chance(rng, 60) ? likely_owner : (qs_person)rd_rng_below(rng, N_PERSONS);
    if (np.determiner == NUMBER_OF) {
        np.plural = true;
        np.number = 2 + (int)rd_rng_below(rng, qs_chance(rng, 70) ? 11 : 98);
    }
    if (qs_chance(rng, 35)) np.adjective = qs_draw_adjective(rng, np.noun->tags, true);
    return np;
}

qs_np qs_random_subject(rd_rng *rng) {
    uint64_t draw = rd_rng_below(rng, 100);
    if (draw < 55)
        return (qs_np){.determiner = PRONOUN, .person = (qs_person)rd_rng_below(rng, N_PERSONS)};
    if (draw < 70)
        return (qs_np){.determiner = NAME, .name = qs_names[rd_rng_below(rng, qs_n_names)]};
    qs_np np;
    do np = qs_random_np(rng, PERSON, ME);
    while (np.determiner == BARE || np.determiner == NUMBER_OF);
    return np;
}

/* A person as an object: "I see me" would need a reflexive, so `not_this` is kept out. */
qs_np qs_random_person(rd_rng *rng, qs_person not_this, qs_person likely_owner) {
    if (qs_chance(rng, 35)) {
        qs_person person;
        do person = (qs_person)rd_rng_below(rng, N_PERSONS);
        while (person == not_this || (person == US && not_this == ME) ||
               (person == ME && not_this == US));
        return (qs_np){.determiner = PRONOUN, .person = person};
    }
    if (qs_chance(rng, 20))
        return (qs_np){.determiner = NAME, .name = qs_names[rd_rng_below(rng, qs_n_names)]};
    return qs_random_np(rng, PERSON, likely_owner);
}
