/* Settings that people write down. A table of keys says everything about the fields of one struct:
 * recipes, command lines, --help and man pages are made from it. A key without a name ends it. */
#ifndef RD_BASE_KEY_H
#define RD_BASE_KEY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/text.h"

typedef enum {
    RD_KEY_STRING, /* char *, malloc'ed; without a default, NULL is "" */
    RD_KEY_WORD,   /* const char *, borrowed from whoever sets it */
    RD_KEY_BOOL,
    RD_KEY_INT32,
    RD_KEY_INT64,
    RD_KEY_UINT64,
    RD_KEY_FLOAT,
    RD_KEY_DOUBLE,
    RD_KEY_ENUM, /* an int-sized enum; `names` lists its names in order */
    RD_KEY_PAIR, /* two adjacent doubles, written [a, b] or "(a, b)" as fairseq's adam-betas */
    RD_KEY_INTS, /* an int32_t count and after it RD_MOST_INTS int32_t, ascending; written "1,2" as
                  * fairseq's cutoffs */
    /* Only on command lines; rd_key_set does not take them. */
    RD_KEY_LIST,    /* options_list: an option that may be repeated, a value each time */
    RD_KEY_WORDS,   /* options_list: it also takes several values, as in -m bleu chrf */
    RD_KEY_CONSTANT /* an option without a value: stores (int)low in an int-sized field */
} rd_key_type;

/* What another value means to a training that goes on from its checkpoint. */
typedef enum {
    RD_EFFECT_OF_TABLE, /* what it means of most keys of the table */
    RD_EFFECT_MODEL,    /* another model */
    RD_EFFECT_UPDATES,  /* the same one, but other updates from there on */
    RD_EFFECT_COURSE,   /* the same updates: how long it goes on, how it is watched, what is kept */
    RD_EFFECT_NONE      /* nothing, or what is seen in files or in other keys */
} rd_key_effect;

typedef struct {
    const char *name;
    rd_key_type type;
    size_t offset;             /* of the field */
    double low, high;          /* range of numbers, both ends included */
    const char *default_value; /* as text; NULL: what the field holds already */
    const char *const *names;  /* of an enum, or all that a string may be; NULL ends them */
    const char *help;
    const char *value;     /* --help's name for the value, as FILE; NULL: named by the type */
    const char *aliases;   /* other spellings that are taken, with blanks between; NULL: none */
    const char *separator; /* of a string that is a list of texts, "," or " "; NULL: it is one */
    rd_key_effect effect;
} rd_key;

enum { RD_MOST_INTS = 8 };

/* Whether `name` is the key's name or one of its aliases. */
bool rd_key_is(const rd_key *key, const char *name);

/* The key that has this name, else the one that has this alias, else NULL. */
const rd_key *rd_key_find(const rd_key *keys, const char *name);

/* Sets the key's field of `object` from text. RD_ERR_FORMAT names the key, not the file: callers
 * add it. */
rd_status rd_key_set(void *object, const rd_key *key, const char *text);
rd_status rd_key_set_defaults(void *object, const rd_key *keys);

/* RD_ERR_ARGUMENT, naming the key, if a field that was not set from text holds a number out of its
 * range, more integers than there is room for, or no value of its enum. 0 stands for unset. */
rd_status rd_key_check(const void *object, const rd_key *key);

/* Appends the value as text that rd_key_set reads back to the same bits; and as YAML reads it,
 * where texts and lists are in quotes. */
rd_status rd_key_value(const void *object, const rd_key *key, rd_text *out);
rd_status rd_key_format(const void *object, const rd_key *key, rd_text *out);

/* Gives the key of `to` the value that it has in `from`. */
rd_status rd_key_copy(void *to, const void *from, const rd_key *key);

/* "text", "number", ...: for lists of keys. */
const char *rd_key_type_name(const rd_key *key);

/* Looks for the name nearest to a mistyped one, in edit distance. */
typedef struct {
    const char *typed;
    const char *name; /* the nearest so far; NULL: none is near enough to be meant */
    int distance;
} rd_nearest_name;
rd_nearest_name rd_nearest_start(const char *typed);
void rd_nearest_try(rd_nearest_name *nearest, const char *name);
void rd_nearest_try_keys(rd_nearest_name *nearest, const rd_key *keys);

#endif
