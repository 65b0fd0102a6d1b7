/* Code that all kinds of data share. */
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "tools/common/stop.h"
#include "tools/preprocess/preprocess.h"

rd_status need_keys(const preprocess_job *job, const needed_key *keys, const char *expected) {
    for (const needed_key *key = keys; key->name; key++)
        if (!key->text || !*key->text)
            return rd_error(RD_ERR_FORMAT, "%s: %s is not set; %s", job->recipe_path, key->name,
                            expected);
    return RD_OK;
}

void check_vocab_size(const preprocess_job *job, const rd_tokenizer *source,
                      const rd_tokenizer *target) {
    char message[256];
    if (rd_recipe_vocab_size_differs(job->recipe, rd_tokenizer_size(source),
                                     rd_tokenizer_size(target), message, sizeof message))
        options_warn(job->program, "%s", message);
}

static void show_progress(void *progress, int64_t n) {
    rd_progress_update(progress, n, NULL);
}

/* No bar where mpirun shows several ranks together. */
rd_watch start_progress(const preprocess_job *job, rd_progress *progress, const char *name,
                        const char *unit) {
    bool terminal = job->comm->size == 1 && rd_progress_is_terminal(stderr);
    rd_progress_start(
        progress,
        &(rd_progress_config){.out = stderr, .label = name, .unit = unit, .terminal = terminal});
    return (rd_watch){show_progress, progress, stop_requested(), stop_fd()};
}

static rd_status refuse_path(const preprocess_job *job, const char *path,
                             rd_status (*refuse)(void *file, const char *prefix)) {
    const rd_data_config *d = &job->recipe->data;
    const char *const lists[] = {d->trainpref, d->validpref, d->testpref};
    written_file file = {job, path};
    RD_TRY(rd_recipe_refuse_output(job->recipe_path, path));
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        if (lists[i]) RD_TRY(each_prefix(lists[i], refuse, &file));
    return RD_OK;
}

rd_status refuse_inputs(const preprocess_job *job, const char *name,
                        rd_status (*refuse)(void *file, const char *prefix)) {
    char *path = rd_path_join(job->dest, name);
    rd_status status = path ? refuse_path(job, path, refuse) : RD_ERR_MEMORY;
    free(path);
    return status;
}
