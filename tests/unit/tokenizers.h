/* Tokenizers of metrics, opened once each. */
#ifndef RD_TESTS_TOKENIZERS_H
#define RD_TESTS_TOKENIZERS_H

#include "rdrop/metrics.h"

/* NULL where this machine lacks what the tokenizer needs; else the test fails. */
const rd_metric_tokenizer *tokenizer_of(const char *name);
int close_tokenizers(void **state); /* a group's teardown */

#endif
