/* Words cut into pieces by the codes of subword-nmt (Sennrich et al. 2016): merges of its versions
 * 0.1 and 0.2, or of fastBPE, whose lines have a count too. */
#ifndef RD_DATA_SUBWORD_H
#define RD_DATA_SUBWORD_H

#include "base/rng.h"
#include "base/text.h"

#define RD_SUBWORD_JOINER "@@" /* ends each piece of a word except the last */

typedef struct rd_subword rd_subword;

rd_status rd_subword_open(rd_subword **subword, const char *path);
void rd_subword_close(rd_subword *subword); /* NULL is fine */

/* Appends text[0..n) with a blank between all pieces, as subword-nmt's segment() gives it: words
 * are separated by blanks. With `rng`, BPE-dropout (see data/bpe_merge.h). */
rd_status rd_subword_apply(const rd_subword *subword, const char *text, size_t n, float dropout,
                           rd_rng *rng, rd_text *out);

/* Joins the pieces of text[0..n), which has a NUL at its end, in place; returns the new length. */
size_t rd_subword_join(char *text, size_t n);

#endif
