/* The keys of a recipe that its task does not read. */
#ifndef RD_TASK_KEYS_H
#define RD_TASK_KEYS_H

#include "task/task.h"

/* RD_ERR_ARGUMENT, naming the key, if the recipe writes one down that its task does not read, with
 * another value than the default. Keys of recipes that the one with the task extends may be another
 * task's. */
rd_status rd_task_refuse_ignored(const rd_task *task, const rd_recipe *recipe);

/* Adds a line that names those. */
rd_status rd_task_warn_of_ignored(const rd_task *task, const rd_recipe *recipe, rd_text *warnings);

#endif
