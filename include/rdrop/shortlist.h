/* Lexical shortlists: the target pieces that a translation may need, judged by its source. With
 * one, a decoder scores a few hundred pieces at each step instead of the whole vocabulary. They are
 * made from the training data (rdrop-preprocess --shortlist). An open shortlist is never modified:
 * any number of threads may use it at once. */
#ifndef RDROP_SHORTLIST_H
#define RDROP_SHORTLIST_H

#include "rdrop/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct rd_shortlist rd_shortlist;

/* RD_ERR_FORMAT for a file that is not a shortlist or is damaged, RD_ERR_UNSUPPORTED for one of
 * another version. */
RD_API rd_status rd_shortlist_open(rd_shortlist **shortlist, const char *path);
RD_API void rd_shortlist_close(rd_shortlist *shortlist); /* NULL is fine */

#ifdef __cplusplus
}
#endif
#endif
