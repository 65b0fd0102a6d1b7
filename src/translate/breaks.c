#include "translate/breaks.h"

#include <stdlib.h>
#include <unicode/ubrk.h>
#include <unicode/utext.h>

#include "base/memory.h"

struct rd_breaker {
    UBreakIterator *iterator;
};

static rd_status icu_error(UErrorCode code) {
    if (code == U_MEMORY_ALLOCATION_ERROR) return rd_error(RD_ERR_MEMORY, "out of memory in ICU");
    return rd_error(RD_ERR_FORMAT, "ICU cannot find where words end: %s", u_errorName(code));
}

rd_status rd_offsets_add(rd_offsets *offsets, int64_t offset) {
    RD_TRY(
        rd_reserve(&offsets->data, &offsets->capacity, offsets->length + 1, sizeof *offsets->data));
    offsets->data[offsets->length++] = offset;
    return RD_OK;
}

rd_status rd_breaker_open(rd_breaker **breaker, rd_break_kind kind) {
    (void)kind;
    UErrorCode code = U_ZERO_ERROR;
    rd_breaker *b = *breaker = rd_calloc(1, sizeof *b);
    if (!b) return RD_ERR_MEMORY;
    b->iterator = ubrk_open(UBRK_WORD, "", NULL, 0, &code);
    if (U_SUCCESS(code)) return RD_OK;
    rd_breaker_close(b);
    *breaker = NULL;
    return icu_error(code);
}

void rd_breaker_close(rd_breaker *breaker) {
    if (!breaker) return;
    if (breaker->iterator) ubrk_close(breaker->iterator);
    free(breaker);
}

rd_status rd_breaker_find(rd_breaker *breaker, const char *text, size_t n, rd_offsets *places) {
    UErrorCode code = U_ZERO_ERROR;
    UText source = UTEXT_INITIALIZER;
    utext_openUTF8(&source, text, (int64_t)n, &code);
    ubrk_setUText(breaker->iterator, &source, &code);
    places->length = 0;
    rd_status status = rd_offsets_add(places, 0);
    while (status == RD_OK && U_SUCCESS(code)) {
        int32_t next = ubrk_next(breaker->iterator);
        if (next == UBRK_DONE) break;
        status = rd_offsets_add(places, next);
    }
    utext_close(&source);
    return U_FAILURE(code) ? icu_error(code) : status;
}
