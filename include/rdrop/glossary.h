/* Terms and their translations. An open glossary is never modified: any number of threads may use
 * it at once. */
#ifndef RDROP_GLOSSARY_H
#define RDROP_GLOSSARY_H

#include "rdrop/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct rd_glossary rd_glossary;

/* Reads a file of UTF-8, gzipped or plain, with a line `source term TAB target term` for each term;
 * empty lines are skipped. RD_ERR_FORMAT, naming the line at fault, for a line without its tab,
 * with an empty term or one above 1,000 bytes, or that gives a source term another target than an
 * earlier line. */
RD_API rd_status rd_glossary_open(rd_glossary **glossary, const char *path);
RD_API void rd_glossary_close(rd_glossary *glossary); /* NULL is fine */

#ifdef __cplusplus
}
#endif
#endif
