/* Numbers as C writes them, in a program that has chosen a locale with another decimal mark: the
 * library reads and writes files, and prints scores, that are the same everywhere. */
#ifndef RD_BASE_C_LOCALE_H
#define RD_BASE_C_LOCALE_H

#include <stdarg.h>
#include <stddef.h>

/* As the functions of <stdlib.h> and <stdio.h>. */
double rd_strtod(const char *text, char **end);
__attribute__((format(printf, 3, 0))) int rd_vsnprintf(char *to, size_t room, const char *format,
                                                       va_list args);
__attribute__((format(printf, 3, 4))) int rd_snprintf(char *to, size_t room, const char *format,
                                                      ...);

#endif
