/* The strings of lines that their translations keep (rdrop/pattern.h). */
#ifndef RD_TRANSLATE_KEPT_H
#define RD_TRANSLATE_KEPT_H

#include <stddef.h>
#include <stdint.h>

#include "rdrop/pattern.h"

enum { RD_MOST_KEPT = 1000 }; /* in a line */

typedef struct rd_keeper rd_keeper;

/* A matcher for one thread. */
rd_status rd_keeper_open(rd_keeper **keeper, const rd_pattern *keep);
void rd_keeper_close(rd_keeper *keeper); /* NULL is fine */

/* Calls found() with each match in text[0..n), from the left, that is not empty: its bytes begin ..
 * end - 1, without white space around them, and ending before a NUL. Ends with the status of
 * found() if that is not RD_OK. RD_ERR_FORMAT if the expression takes too long, or finds more
 * than RD_MOST_KEPT. */
rd_status rd_keeper_find(rd_keeper *keeper, const char *text, size_t n,
                         rd_status (*found)(void *self, size_t begin, size_t end), void *self);

/* Puts into *text, malloc'ed, the matches of line[0..n) that it lacks, at its end before the marks
 * that end a sentence, or at its beginning where the line begins with it; *added says how many.
 * Each match has bytes of its own: one that is only within another is lacking.
 * Blanks between a match and its neighbour that the line does not have are removed. places:
 * [n_places] in the text, in bytes, move with the text there. */
rd_status rd_keeper_restore(rd_keeper *keeper, const char *line, size_t n, char **text,
                            int32_t *added, int64_t *places, int64_t n_places);

#endif
