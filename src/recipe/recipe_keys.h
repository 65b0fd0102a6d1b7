/* The table of recipe keys: the one place where a key's name, type, place, range, default and
 * meaning are written down. Parsing, saving, --set and --help-recipe all walk it. */
#ifndef RD_RECIPE_RECIPE_KEYS_H
#define RD_RECIPE_RECIPE_KEYS_H

#include <stddef.h>

#include "recipe/recipe.h"

typedef enum {
    RD_KEY_STRING, /* char *, malloc'ed */
    RD_KEY_BOOL,
    RD_KEY_INT32,
    RD_KEY_INT64,
    RD_KEY_UINT64,
    RD_KEY_FLOAT,
    RD_KEY_DOUBLE,
    RD_KEY_ENUM, /* an int-sized enum; `names` lists its names in order */
    RD_KEY_PAIR  /* two adjacent doubles, written [a, b] or "(a, b)" as fairseq's adam-betas */
} rd_key_type;

typedef struct {
    const char *name;
    rd_key_type type;
    size_t offset;            /* in rd_recipe */
    double low, high;         /* allowed range of numbers, both ends included */
    const char *fallback;     /* default, in the notation of the recipe file */
    const char *const *names; /* enum names or a string's allowed values, NULL-terminated */
    const char *help;
} rd_key;

extern const rd_key rd_recipe_keys[];
extern const int rd_recipe_n_keys;

/* Other names that set existing keys ("batch-size" for "max-sentences"); a NULL name ends it. */
typedef struct {
    const char *name, *key;
} rd_key_alias;
extern const rd_key_alias rd_recipe_aliases[];

/* What an `arch` sets for the keys a recipe leaves out. A NULL key ends the list. */
typedef struct {
    const char *key, *value;
} rd_arch_value;
typedef struct {
    const char *name;
    const rd_arch_value *values;
} rd_arch;
extern const rd_arch rd_recipe_archs[];
extern const int rd_recipe_n_archs;

/* The key called `name`, aliases included; NULL if there is none. */
const rd_key *rd_recipe_find_key(const char *name);

/* The known name nearest to `name` in edit distance, NULL if none is near. */
const char *rd_recipe_nearest_key(const char *name);

/* Sets one key of the recipe from text. The message does not name the file: callers add it. */
rd_status rd_recipe_set_key(rd_recipe *recipe, const rd_key *key, const char *text);

/* The value as text that rd_recipe_set_key reads back to the same bits. */
rd_status rd_recipe_format_key(const rd_recipe *recipe, const rd_key *key, char *text, size_t room);

/* One "key: value" as found, before it is known what it means. */
typedef struct {
    char *key, *value;
    char *file; /* NULL: from --set */
    int line;
} rd_assignment;

typedef struct {
    rd_assignment *items;
    int64_t count, capacity;
} rd_assignments;

/* Appends the assignments of a recipe file, those of the recipes it extends first. Their keys are
 * not looked up here. */
rd_status rd_recipe_read_file(rd_assignments *assignments, const char *path);
rd_status rd_assignments_add(rd_assignments *assignments, const char *key, const char *value,
                             const char *file, int line);
void rd_assignments_free(rd_assignments *assignments);

/* Whether the weights depend on the key's value: the shape of the model, its ids and positions. */
bool rd_recipe_is_of_shape(const rd_key *key);

/* Contradictions between keys, one clear message; and what training cannot do without. */
rd_status rd_recipe_check(const rd_recipe *recipe);
rd_status rd_recipe_check_training(const rd_recipe *recipe);

#endif
