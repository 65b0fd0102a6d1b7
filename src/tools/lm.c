/* rdrop-lm: perplexity, scores and text of language models. */
#include "io/output.h"
#include "tools/common/start.h"
#include "tools/common/stop.h"
#include "tools/lm/lm.h"

static rd_status work(const arguments *a, const rd_lm *lm, rd_corpus *input) {
    rd_atomic_file file = {0};
    RD_TRY(rd_refuse_input(a->output, a->input));
    RD_TRY(rd_refuse_inputs_in(a->output, a->model));
    RD_TRY(rd_output_open(&file, a->output));
    lm_job job = {.arguments = a, .lm = lm, .input = input, .output = file.stream};
    return rd_atomic_close(&file, a->generate ? lm_write(&job) : lm_score(&job));
}

static rd_status run(const arguments *a, rd_lm *lm) {
    rd_corpus *input;
    RD_TRY(rd_lm_open(lm, a->model, a->precision));
    if (a->generate) RD_TRY(rd_lm_list_newlines(lm));
    RD_TRY(rd_corpus_open(&input, a->input, RD_UTF8_REPAIR));
    rd_corpus_stop_by(input, stop_fd());
    rd_status status = work(a, lm, input);
    char message[RD_CORPUS_MESSAGE];
    if (status == RD_OK && rd_corpus_was_repaired(input, message))
        options_warn(&lm_program, "%s", message);
    rd_corpus_close(input);
    return status;
}

int main(int argc, char **argv) {
    start_model_program();
    arguments a;
    rd_lm lm = {0};
    int code = arguments_parse(&a, argc, argv);
    if (code < 0) {
        start_work(a.threads);
        code = options_end(&lm_program, run(&a, &lm));
        rd_lm_close(&lm);
    }
    arguments_free(&a);
    return code;
}
