/* Settings in another program's file, which become keys of a recipe, whose table knows the possible
 * values. */
#ifndef RD_CONVERT_FOREIGN_H
#define RD_CONVERT_FOREIGN_H

#include <jansson.h>

#include "recipe/recipe.h"

typedef struct {
    const char *path, *file; /* for messages: PATH/FILE; or PATH, with file NULL */
    const json_t *values;
    rd_recipe *recipe;
} rd_foreign;

/* NULL where the key is missing or null. */
json_t *rd_foreign_value(const json_t *values, const char *key);

/* RD_ERR_UNSUPPORTED: "PATH/FILE: WHAT is not supported". */
rd_status rd_foreign_unsupported(const rd_foreign *f, const char *what);

/* Sets the recipe's key `ours`, whose value is of their key `theirs`: of a text, or of any value as
 * JSON has it. */
rd_status rd_foreign_set(const rd_foreign *f, const char *ours, const char *theirs,
                         const char *text);
rd_status rd_foreign_set_value(const rd_foreign *f, const char *ours, const char *theirs,
                               const json_t *value);

/* Keys of numbers. */
typedef struct {
    const char *theirs, *ours;
    const char *otherwise; /* where it is missing or null; NULL: RD_ERR_FORMAT */
} rd_foreign_key;

/* Sets those of a list, which a NULL name ends, from f->values. */
rd_status rd_foreign_set_numbers(const rd_foreign *f, const rd_foreign_key *keys);
/* The same, without those that are missing or null. */
rd_status rd_foreign_set_present(const rd_foreign *f, const rd_foreign_key *keys);

#endif
