/* The settings of a search. */
#ifndef RD_SEARCH_OPTIONS_H
#define RD_SEARCH_OPTIONS_H

#include "base/error.h"
#include "base/key.h"
#include "rdrop/search.h"

enum { RD_MAX_BEAM = 1024, RD_MAX_TOP_K = 1024 };

/* Of a rd_search_options: a recipe's keys and rdrop-translate's options. A new one is a row here.
 */
extern const rd_key rd_search_keys[];

/* The keys' defaults. */
rd_search_options rd_search_defaults(void);

/* RD_ERR_ARGUMENT naming the first setting that is out of range. */
rd_status rd_search_check(const rd_search_options *config);

/* Whether the scorer must have its attention. */
bool rd_search_needs_attention(const rd_search_options *config);

#endif
