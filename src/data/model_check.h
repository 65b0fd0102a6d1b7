/* Whether a SentencePiece model file is whole and safe to hand to the library, which trusts it: it
 * takes a file cut between two fields for a smaller model, and follows the automaton of its
 * normalization rules wherever damaged bytes lead. */
#ifndef RD_DATA_MODEL_CHECK_H
#define RD_DATA_MODEL_CHECK_H

#include <stddef.h>

/* NULL, or what is wrong with the file: a string constant. */
const char *rd_spm_problem(const char *bytes, size_t n);

#endif
