/* The beginning and the end of every report, with its style. */
#ifndef RD_TRAIN_REPORT_PAGE_H
#define RD_TRAIN_REPORT_PAGE_H

#include "base/text.h"

/* Up to the heading, which is the title. refreshes: a page left open is read again. */
rd_status rd_page_begin(rd_text *out, const char *title, bool refreshes);
rd_status rd_page_end(rd_text *out);

/* Text, of which nothing is taken for HTML. */
rd_status rd_page_put(rd_text *out, const char *text);

#endif
