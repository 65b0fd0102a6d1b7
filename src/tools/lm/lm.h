/* The tasks of rdrop-lm, one file each. */
#ifndef RD_TOOLS_LM_LM_H
#define RD_TOOLS_LM_LM_H

#include "data/corpus.h"
#include "lm/lm.h"
#include "tools/lm/arguments.h"

typedef struct {
    const arguments *arguments;
    const rd_lm *lm;
    rd_corpus *input;
    FILE *output;
} lm_job;

rd_status lm_score(const lm_job *job);
rd_status lm_write(const lm_job *job);

#endif
