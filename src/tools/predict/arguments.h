/* The command line of rdrop-predict. */
#ifndef RD_TOOLS_PREDICT_ARGUMENTS_H
#define RD_TOOLS_PREDICT_ARGUMENTS_H

#include <stdint.h>

#include "rdrop/model.h"
#include "tools/common/options.h"

typedef enum { PREDICT_POOL_MODEL, PREDICT_POOL_FIRST, PREDICT_POOL_MEAN } predict_pooling;

typedef struct {
    options_given given;
    options_list settings; /* of tables: "key=value" */
    options_list pictures; /* of the command line */
    const char *model, *input, *output, *references;
    bool plain, probabilities, json, embed;
    predict_pooling pooling;
    rd_precision precision;
    int32_t threads, window;
    int64_t max_tokens;
} arguments;

extern const options_program predict_program;

/* Returns -1 to go on, else the status to exit with. arguments_free in any case. */
int arguments_parse(arguments *a, int argc, char **argv);
void arguments_free(arguments *a);

#endif
