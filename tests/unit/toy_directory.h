/* Model directories made for a test: random weights, and vocabularies trained on generated text. */
#ifndef RD_TESTS_TOY_DIRECTORY_H
#define RD_TESTS_TOY_DIRECTORY_H

#include <stdint.h>

#include "data/vocab.h"

enum { TOY_LINES = 5 };
extern const char *const toy_sources[TOY_LINES];
extern const char *const toy_targets[TOY_LINES];

/* A model of the recipe `yaml` with `src` and `tgt` pieces; tgt 0: one vocabulary for both.
 * Whatever fails ends the program with its message. */
void toy_directory_make(const char *path, const char *yaml, int32_t src, int32_t tgt);

/* Trains another vocabulary for a model that has one for both sides, of as many pieces. */
void toy_directory_replace_vocabulary(const char *path, const rd_vocab_config *vocab,
                                      const char *corpus);

#endif
