/* Text after prompts. */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "io/json.h"
#include "io/output.h"
#include "lm/generate.h"
#include "tools/common/search_options.h"
#include "tools/common/stop.h"
#include "tools/lm/lm.h"

/* The next prompts, at most `most`; also those before an unreadable line. */
static rd_status read_prompts(rd_corpus *input, int64_t most, char **prompts, int64_t *n) {
    const char *line;
    size_t length;
    *n = 0;
    while (*n < most) {
        RD_TRY(rd_corpus_next(input, &line, &length));
        if (!line) return RD_OK;
        if (memchr(line, '\0', length))
            return rd_error(RD_ERR_FORMAT, "%s:%lld: a NUL in a prompt", rd_corpus_path(input),
                            (long long)rd_corpus_line_number(input));
        prompts[*n] = rd_strdup(line);
        if (!prompts[(*n)++]) return RD_ERR_MEMORY;
        if (!rd_corpus_has_line(input)) return RD_OK; /* nothing to wait for */
    }
    return RD_OK;
}

/* Pieces may spell part of a character, JSON has whole ones. */
static rd_status print_object(FILE *output, int64_t number, const rd_lm_answer *answer) {
    rd_text clean = {0};
    RD_TRY(rd_text_append_clean(&clean, answer->text, strlen(answer->text), true));
    json_t *object = json_pack("{s:I, s:s, s:f, s:f}", "line", (json_int_t)number + 1, "text",
                               clean.data ? clean.data : "", "score", (double)answer->score,
                               "log_prob", (double)answer->log_prob);
    rd_text_free(&clean);
    return rd_json_write_line(output, object);
}

static rd_status print(const lm_job *job, int32_t n_best, int64_t number, const rd_lm_answers *a) {
    bool list = n_best > 1 || options_has(&job->arguments->given, "nbest");
    for (int32_t i = 0; i < a->n; i++) {
        if (job->arguments->json)
            RD_TRY(print_object(job->output, number, &a->items[i]));
        else if (list)
            fprintf(job->output, "%lld ||| %s ||| %.4f\n", (long long)number, a->items[i].text,
                    (double)a->items[i].score);
        else
            fprintf(job->output, "%s\n", a->items[i].text);
    }
    return RD_OK;
}

static rd_status answer(const lm_job *job, const rd_lm_generation *g, int64_t first, int64_t n,
                        char **prompts, rd_lm_answers *answers) {
    int64_t n_answered;
    rd_status status =
        rd_lm_generate(g, first, n, (const char *const *)prompts, answers, &n_answered);
    for (int64_t i = 0; i < n_answered; i++) {
        rd_status printed = print(job, g->search.n_best, first + i, &answers[i]);
        if (status == RD_OK) status = printed;
        rd_lm_answers_free(&answers[i]);
    }
    rd_status flushed = rd_output_flush(job->output);
    return flushed == RD_OK ? status : flushed;
}

static rd_status answer_all(const lm_job *job, const rd_lm_generation *g, char **prompts,
                            rd_lm_answers *answers) {
    int64_t n, first = 0;
    do {
        rd_status status = RD_OK;
        rd_status read = read_prompts(job->input, job->arguments->window, prompts, &n);
        if (read != RD_ERR_MEMORY && n > 0) status = answer(job, g, first, n, prompts, answers);
        if (status == RD_ERR_FORMAT) rd_error_prefix(status, "%s", rd_corpus_path(job->input));
        for (int64_t i = 0; i < n; i++) free(prompts[i]);
        RD_TRY(status);
        RD_TRY(read);
        first += n;
    } while (n > 0);
    return RD_OK;
}

rd_status lm_write(const lm_job *job) {
    const arguments *a = job->arguments;
    size_t window = (size_t)a->window;
    rd_lm_generation g = {.lm = job->lm, .many_lines = a->many_lines};
    rd_search_options of_model = job->lm->search;
    of_model.n_best = 1;
    RD_TRY(search_options_lay(&a->given, &of_model, &g.search));
    g.search.stop = stop_requested();
    if (a->many_lines && job->lm->end != RD_LINE_END_NEWLINE)
        return rd_error(RD_ERR_ARGUMENT, "--many-lines: the model's lines end with end of "
                                         "sentence, where it stops");
    char **prompts = rd_calloc(window, sizeof *prompts);
    rd_lm_answers *answers = rd_calloc(window, sizeof *answers);
    rd_status status = prompts && answers ? answer_all(job, &g, prompts, answers) : RD_ERR_MEMORY;
    free(prompts);
    free(answers);
    return status;
}
