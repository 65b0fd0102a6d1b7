/* Options of a search, for which a model has its own values. */
#ifndef RD_TOOLS_COMMON_SEARCH_OPTIONS_H
#define RD_TOOLS_COMMON_SEARCH_OPTIONS_H

#include "search/options.h"
#include "tools/common/options.h"

/* *search: the model's settings, overridden by the given options. RD_ERR_ARGUMENT if a given option
 * has no meaning under them. */
rd_status search_options_lay(const options_given *given, const rd_search_options *of_model,
                             rd_search_options *search);

/* The first one that was given; NULL: none. */
const char *search_options_given(const options_given *given);

#endif
