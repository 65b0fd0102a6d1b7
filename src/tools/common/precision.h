/* The names of rd_precision on command lines. */
#ifndef RD_TOOLS_COMMON_PRECISION_H
#define RD_TOOLS_COMMON_PRECISION_H

extern const char *const precision_names[]; /* NULL ends them */

#endif
