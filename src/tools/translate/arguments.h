/* The command line of rdrop-translate. */
#ifndef RD_TOOLS_TRANSLATE_ARGUMENTS_H
#define RD_TOOLS_TRANSLATE_ARGUMENTS_H

#include <stdbool.h>
#include <stdint.h>

#include "rdrop/translator.h"
#include "tools/common/options.h"

typedef struct {
    options_given given;
    options_list models;
    const char *input, *output, *score, *prefix, *constraints, *glossary, *keep, *shortlist;
    int32_t window;
    rd_precision precision;
    bool truncate_source, interactive, align;
    int64_t batch_tokens;
    rd_search_options search;     /* override the model's defaults: arguments_search */
    rd_translate_options options; /* what is not of the search */
} arguments;

extern const options_program translate_program;

/* As options_parse; arguments_free releases what it allocated. */
int arguments_parse(arguments *a, int argc, char **argv);
void arguments_free(arguments *a);

/* The search settings: the model's, overridden by the given options
 * (tools/common/search_options.h). */
rd_status arguments_search(const arguments *a, const rd_search_options *of_model,
                           rd_search_options *search);

#endif
