/* The stack and the memory of Python's pickle machine, only for io/pickle.c. */
#ifndef RD_IO_PICKLE_MACHINE_H
#define RD_IO_PICKLE_MACHINE_H

#include "io/pickle.h"

enum { RD_PICKLE_DEPTH = 64 };

/* A stack of values, marks on it, and numbered values to come back to. */
typedef struct {
    rd_pickle *pickle;
    const char *at, *end;
    rd_pickle_value **stack, **memo; /* [n_stack], [n_memo], of the memo NULL: not set */
    int64_t n_stack, stack_capacity, n_memo, memo_capacity;
    int64_t marks[RD_PICKLE_DEPTH]; /* [n_marks] places in the stack */
    int n_marks;
    bool stopped;
} rd_machine;

/* RD_ERR_FORMAT, with why. */
rd_status rd_machine_malformed(const rd_machine *m, const char *why);

/* *room, a pointer: memory of the pickle's values. And room in an array of pointers, malloc'ed. */
rd_status rd_machine_allocate(rd_machine *m, size_t count, size_t size, void *room);
rd_status rd_machine_reserve(rd_machine *m, rd_pickle_value ***array, int64_t *capacity,
                             int64_t need);

/* The next n bytes; a number of `width` bytes, the lowest first; a copy with a NUL. */
rd_status rd_machine_take(rd_machine *m, uint64_t n, const char **bytes);
rd_status rd_machine_take_number(rd_machine *m, int width, uint64_t *value);
rd_status rd_machine_copy_text(rd_machine *m, const char *bytes, size_t n, char **copy);

rd_status rd_machine_push(rd_machine *m, rd_pickle_value *value);
rd_status rd_machine_push_new(rd_machine *m, rd_pickle_value value);
/* Never below the last mark, whose place is _bottom. */
int64_t rd_machine_bottom(const rd_machine *m);
rd_status rd_machine_pop(rd_machine *m, rd_pickle_value **value);
rd_status rd_machine_top(const rd_machine *m, rd_pickle_value **value);

/* Ends at the last mark: the values above it are stack[*first .. n_stack), for the caller to take
 * off. */
rd_status rd_machine_end_mark(rd_machine *m, int64_t *first);

/* The values from stack[first] on move into `value`; a new container of the last n takes their
 * place. */
rd_status rd_machine_fill(rd_machine *m, rd_pickle_value *value, int64_t first);
rd_status rd_machine_gather(rd_machine *m, rd_pickle_kind kind, int64_t n);

#endif
