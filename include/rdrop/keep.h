/* What translations copy from their lines unchanged: markup, placeholders, addresses. An open
 * pattern is never modified: any number of threads may use it at once. */
#ifndef RDROP_KEEP_H
#define RDROP_KEEP_H

#include "rdrop/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct rd_keep rd_keep;

/* A regular expression as ICU has them (Perl's, over Unicode). RD_ERR_ARGUMENT saying where it is
 * wrong. */
rd_status rd_keep_open(rd_keep **keep, const char *regex);
void rd_keep_close(rd_keep *keep); /* NULL is fine */

#ifdef __cplusplus
}
#endif
#endif
