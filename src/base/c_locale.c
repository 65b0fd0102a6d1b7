#include "base/c_locale.h"

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>

/* The calling thread's locale until now. The C library has the C locale always, without memory. */
static locale_t enter(void) {
    return uselocale(newlocale(LC_ALL_MASK, "C", (locale_t)0));
}

double rd_strtod(const char *text, char **end) {
    locale_t before = enter();
    double value = strtod(text, end);
    uselocale(before);
    return value;
}

int rd_vsnprintf(char *to, size_t room, const char *format, va_list args) {
    locale_t before = enter();
    int n = vsnprintf(to, room, format, args);
    uselocale(before);
    return n;
}

int rd_snprintf(char *to, size_t room, const char *format, ...) {
    va_list args;
    va_start(args, format);
    int n = rd_vsnprintf(to, room, format, args);
    va_end(args);
    return n;
}
