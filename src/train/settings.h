/* The settings that a training was started with: one "key: value" a line, as its checkpoints keep
 * them. A training continues only its own model; other changes are reported key by key. */
#ifndef RD_TRAIN_SETTINGS_H
#define RD_TRAIN_SETTINGS_H

#include "train/run.h"

/* Lines that no key of the recipe gives: of the number of threads, and of the type of products. */
extern const char rd_setting_threads[], rd_setting_products[];

/* A line of settings; neither text ends with NUL. */
typedef struct {
    const char *key, *value;
    int n_key, n_value;
} rd_setting;
/* Moves *at past the next line; false, and an empty setting, at the end. */
bool rd_setting_next(const char **at, rd_setting *setting);

/* The run's settings, to be released with rd_text_free. */
rd_status rd_settings_write(const rd_run *run, rd_text *settings);

/* The settings `before`, but with the run's validation data. */
rd_status rd_settings_keep(const rd_run *run, const char *before, rd_text *settings);

/* Compares the settings of the checkpoint at `path` with the run's. RD_ERR_ARGUMENT with both
 * values if the model would be another: shape, vocabulary, languages, the weights it started from.
 * Other differences are added to run->changes, a line each: "dropout 0.1 -> 0.3". With
 * run->other_training those that change updates are refused as well. */
rd_status rd_settings_compare(rd_run *run, const char *path, const char *settings);

/* The value of a key, malloc'ed; *value NULL when there is none. */
rd_status rd_settings_get(const char *settings, const char *key, char **value);

#endif
