/* Patterns of text that translations copy unchanged: markup, placeholders, addresses. An open
 * pattern is never modified: any number of threads may use it at once. */
#ifndef RDROP_PATTERN_H
#define RDROP_PATTERN_H

#include "rdrop/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct rd_pattern rd_pattern;

/* Opens a regular expression in ICU's syntax (Perl's, over Unicode). RD_ERR_ARGUMENT says where it
 * is wrong. */
RD_API rd_status rd_pattern_open(rd_pattern **pattern, const char *regex);
RD_API void rd_pattern_close(rd_pattern *pattern); /* NULL is fine */

#ifdef __cplusplus
}
#endif
#endif
