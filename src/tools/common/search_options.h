/* Options of a search, which a model has values of its own for. */
#ifndef RD_TOOLS_COMMON_SEARCH_OPTIONS_H
#define RD_TOOLS_COMMON_SEARCH_OPTIONS_H

#include "search/options.h"
#include "tools/common/options.h"

/* *search: the model's settings, with what was given laid over them. RD_ERR_ARGUMENT where
 * something was given that means nothing under them. */
rd_status search_options_lay(const options_given *given, const rd_search_options *of_model,
                             rd_search_options *search);

/* The first one that was given; NULL: none. */
const char *search_options_given(const options_given *given);

#endif
