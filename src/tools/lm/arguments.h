/* The command line of rdrop-lm. */
#ifndef RD_TOOLS_LM_ARGUMENTS_H
#define RD_TOOLS_LM_ARGUMENTS_H

#include <stdint.h>

#include "data/blocks.h"
#include "rdrop/model.h"
#include "rdrop/search.h"
#include "tools/common/options.h"

typedef enum { LM_BASE_2, LM_BASE_E } lm_base;

typedef struct {
    options_given given;
    const char *model, *input, *output;
    bool per_line, per_token, conditional, without_end, generate, many_lines, json;
    int32_t tokens_per_sample, context_window;
    rd_break_mode mode;
    lm_base base;
    rd_precision precision;
    int32_t threads, window;
    int64_t max_tokens;
    rd_search_options search; /* as given */
} arguments;

extern const options_program lm_program;

/* Returns -1 to go on, else the status to exit with. arguments_free in any case. */
int arguments_parse(arguments *a, int argc, char **argv);
void arguments_free(arguments *a);

#endif
