/* The command line of rdrop-translate. */
#ifndef RD_TOOLS_TRANSLATE_ARGUMENTS_H
#define RD_TOOLS_TRANSLATE_ARGUMENTS_H

#include <stdbool.h>
#include <stdint.h>

#include "rdrop/translator.h"

enum { ARGUMENTS_MAX_MODELS = 64 };

typedef struct {
    const char *models[ARGUMENTS_MAX_MODELS];
    int32_t n_models;
    const char *input, *output, *score, *prefix, *constraints, *glossary, *keep, *shortlist;
    int32_t window;
    rd_precision precision;
    bool truncate_source, interactive;
    rd_translate_options options; /* fields given on the command line, or defaults */
} arguments;

extern const char *const arguments_help[]; /* NULL ends it */

/* Reads the command line into `a`, whose option fields hold the defaults. It is read twice: before
 * the model is open, to find the model, and after, over the model's defaults. Prints and exits when
 * asked for help or given what makes no sense. */
void arguments_parse(arguments *a, int argc, char **argv);

#endif
