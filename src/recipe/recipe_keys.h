/* The keys of recipes: the tables of all modules, put together. Reading, saving, --set, --get,
 * --group and --help-recipe all walk them. */
#ifndef RD_RECIPE_RECIPE_KEYS_H
#define RD_RECIPE_RECIPE_KEYS_H

#include "base/key.h"
#include "base/text.h"
#include "data/labels.h"
#include "recipe/recipe.h"

extern const rd_key rd_task_keys[];  /* of a rd_recipe */
extern const rd_key rd_data_keys[];  /* of a rd_data_config */
extern const rd_key rd_table_keys[]; /* of a rd_table_settings */
extern const rd_key rd_train_keys[]; /* of a rd_train_config */
extern const rd_key rd_score_keys[]; /* of a rd_recipe */

/* Keys of a file that stand for others, and do not outlast loading: extends, arch, vocab-size. */
extern const rd_key rd_directive_keys[];

/* A table, its part of a recipe, and the stages to which its keys matter. */
typedef struct {
    const char *name;    /* data | model | train | search | score; NULL: after the last */
    const char *heading; /* of these keys alone, in the man page */
    const rd_key *keys;
    size_t offset;        /* in rd_recipe: of the struct that has the keys' fields */
    rd_key_effect effect; /* of keys that name none */
} rd_recipe_group;
extern const rd_recipe_group rd_recipe_groups[];

/* All keys in order, from 0; NULL after the last. */
const rd_key *rd_recipe_key(int index);
int rd_recipe_key_count(void);
int rd_recipe_key_index(const rd_key *key); /* of a recipe's key */
const rd_recipe_group *rd_recipe_group_of(const rd_key *key);

/* An `arch`'s values of the keys that a recipe leaves out. A NULL key ends the list. */
typedef struct {
    const char *key, *value;
} rd_arch_value;
typedef struct {
    const char *name;
    const rd_arch_value *values;
} rd_arch;
extern const rd_arch rd_recipe_archs[];
extern const int rd_recipe_n_archs;

/* Their names with commas between. */
enum { RD_ARCH_NAMES_ROOM = 1024 };
void rd_recipe_list_archs(char names[static RD_ARCH_NAMES_ROOM]);

/* The key called `name`, aliases included; NULL if there is none. */
const rd_key *rd_recipe_find_key(const char *name);

/* The known name nearest to `name` in edit distance, NULL if none is near. */
const char *rd_recipe_nearest_key(const char *name);

/* Sets one key of the recipe from text. The message does not name the file: callers add it. */
rd_status rd_recipe_set_key(rd_recipe *recipe, const rd_key *key, const char *text);

/* Appends the value as text that rd_recipe_set_key reads back to the same bits; and as a recipe has
 * it, where texts and lists are in quotes. */
rd_status rd_recipe_value(const rd_recipe *recipe, const rd_key *key, rd_text *out);
rd_status rd_recipe_format_key(const rd_recipe *recipe, const rd_key *key, rd_text *out);

/* Whether the key has this value, as rd_recipe_value gives it; the same one in both. */
bool rd_recipe_has_value(const rd_recipe *recipe, const rd_key *key, const char *value);
bool rd_recipe_same_value(const rd_recipe *recipe, const rd_recipe *other, const rd_key *key);

/* Appends the wanted keys of a group (NULL: of all) as lines of a recipe. */
rd_status rd_recipe_write_keys(const rd_recipe *recipe, const char *group,
                               bool (*wanted)(const rd_recipe *, const rd_key *), rd_text *out);

/* Gives a key the value that it has in the other recipe. */
rd_status rd_recipe_copy_key(rd_recipe *to, const rd_recipe *from, const rd_key *key);

/* The value of a string, as it is. */
const char *rd_recipe_string(const rd_recipe *recipe, const rd_key *key);

/* One "key: value" as found, not yet interpreted. */
typedef struct {
    char *key, *value; /* value NULL: not set, whatever an extended recipe says */
    char *file;        /* NULL: from --set */
    int line;
} rd_assignment;

typedef struct {
    rd_assignment *items;
    int64_t count, capacity;
} rd_assignments;

/* Appends the assignments of a recipe file, those of the recipes it extends first. Their keys are
 * not looked up here. */
rd_status rd_recipe_read_file(rd_assignments *assignments, const char *path);
/* `name` relative to the folder of the file `path`, malloc'ed; NULL without memory. */
char *rd_recipe_beside(const char *path, const char *name);
/* Appends the assignment of a setting on the command line: a list may be written as in YAML, "[a,
 * b]". */
rd_status rd_recipe_setting_text(const char *name, const char *value, rd_text *text);
/* A NULL value takes the key back. */
rd_status rd_assignments_add(rd_assignments *assignments, const char *key, const char *value,
                             const char *file, int line);
void rd_assignments_free(rd_assignments *assignments);

rd_key_effect rd_recipe_effect_of(const rd_key *key);
/* Whether the weights depend on the key's value: the shape of the model, its ids and positions. */
bool rd_recipe_is_of_shape(const rd_key *key);

/* Refuses contradictions between keys, with one clear message, and, for training, missing keys. */
rd_status rd_recipe_check(const rd_recipe *recipe);
rd_status rd_recipe_check_training(const rd_recipe *recipe);

/* Refuses score-metrics that do not fit the task or its classes, before a training that would end
 * in vain. labels: NULL as long as only the recipe may name them. */
rd_status rd_recipe_check_score(const rd_recipe *recipe, const rd_labels *labels);
/* Gives them a default that fits, unless they are written down. */
rd_status rd_recipe_choose_score(rd_recipe *recipe);

#endif
