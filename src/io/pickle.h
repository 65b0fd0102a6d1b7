/* Reading pickles, Python's format of objects, as data. A pickle is a program: it names functions
 * and calls them. This reader calls nothing. A name is refused unless the caller knows it, and a
 * call becomes an object that remembers the function and its arguments. The code that uses an
 * object decides what it means; an unused one does no harm.
 *
 * Protocols 2 to 5. Memory, `most` at most, is counted before it is taken; time is linear in the
 * bytes; values may contain themselves, so nothing here walks deeper than it must. */
#ifndef RD_IO_PICKLE_H
#define RD_IO_PICKLE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/memory.h"

typedef enum {
    RD_PICKLE_NONE,
    RD_PICKLE_BOOL,
    RD_PICKLE_INT,
    RD_PICKLE_LONG, /* an integer of more than 64 bits */
    RD_PICKLE_FLOAT,
    RD_PICKLE_TEXT,
    RD_PICKLE_BYTES,
    RD_PICKLE_TUPLE,
    RD_PICKLE_LIST,
    RD_PICKLE_DICT,
    RD_PICKLE_SET,
    RD_PICKLE_NAME,      /* of a class or function, "module.name" */
    RD_PICKLE_OBJECT,    /* what a call or a class would have made */
    RD_PICKLE_PERSISTENT /* something outside the pickle; its one item says what */
} rd_pickle_kind;

typedef struct rd_pickle_value rd_pickle_value;

/* How an object was to be made. */
typedef struct {
    const char *name;                 /* the class or function */
    const rd_pickle_value *arguments; /* a tuple */
    const rd_pickle_value *state;     /* its attributes, often a dict; NULL: none */
    bool keyed;                       /* its items are keys and values, else a list's */
} rd_pickle_object;

struct rd_pickle_value {
    rd_pickle_kind kind;
    int64_t n, capacity; /* bytes of a text, items of the others; a dict's are keys and values in
                            turn */
    union {
        int64_t integer; /* also of BOOL */
        double number;
        const char *text; /* also of BYTES, LONG and NAME; a NUL follows */
        rd_pickle_value **items;
    };
    rd_pickle_object *object; /* of OBJECT, which has items too */
};

typedef struct {
    const char *path;                /* for messages */
    bool (*known)(const char *name); /* whether a name may be there */
    size_t most;                     /* bytes of memory; whoever takes some of it lowers this */
    rd_arena arena;
    /* All PERSISTENT ones so far, including those that become part of nothing. */
    rd_pickle_value **persistent;
    int64_t n_persistent, persistent_capacity;
} rd_pickle;

/* Reads the pickle that bytes[0..n) begin with; *used: its length. *root lives until _free. */
rd_status rd_pickle_read(rd_pickle *pickle, const char *bytes, size_t n, size_t *used,
                         const rd_pickle_value **root);
void rd_pickle_free(rd_pickle *pickle); /* {0} is fine */

/* RD_ERR_FORMAT unless there is memory for `bytes` more, which are then counted. */
rd_status rd_pickle_charge(rd_pickle *pickle, size_t bytes);

/* Whether the value is an object made by `name`. */
bool rd_pickle_is(const rd_pickle_value *value, const char *name);

/* The value whose items are the keys and values of a dict: a dict itself, an OrderedDict, the
 * attributes of a Namespace or another object, or the contents of an omegaconf object. NULL: it has
 * none. */
const rd_pickle_value *rd_pickle_dict(const rd_pickle_value *value);
/* dict[key]; NULL: `value` is no dict (see above) or lacks it. */
const rd_pickle_value *rd_pickle_get(const rd_pickle_value *value, const char *key);

/* The settings in a dict (see above): a JSON object of its plain numbers, texts, booleans and None
 * (null). Everything else is left out. *settings is released with json_decref. */
rd_status rd_pickle_settings(rd_pickle *pickle, const rd_pickle_value *value, json_t **settings);

#endif
