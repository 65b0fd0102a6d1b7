#include "io/pickle_machine.h"

#include <string.h>

rd_status rd_pickle_charge(rd_pickle *pickle, size_t bytes) {
    if (bytes > pickle->most)
        return rd_error(RD_ERR_FORMAT, "%s: asks for more memory than such a file can need",
                        pickle->path);
    pickle->most -= bytes;
    return RD_OK;
}

rd_status rd_machine_malformed(const rd_machine *m, const char *why) {
    return rd_error(RD_ERR_FORMAT, "%s: a damaged pickle: %s", m->pickle->path, why);
}

rd_status rd_machine_allocate(rd_machine *m, size_t count, size_t size, void *room) {
    size_t before = m->pickle->arena.used;
    *(void **)room = NULL;
    if (count > m->pickle->most / size) return rd_pickle_charge(m->pickle, SIZE_MAX);
    RD_TRY(rd_pickle_charge(m->pickle, count * size + 64));
    *(void **)room = rd_arena_alloc(&m->pickle->arena, count, size);
    if (!*(void **)room) return RD_ERR_MEMORY;
    size_t rounded = m->pickle->arena.used - before - count * size;
    m->pickle->most += 64 - (rounded < 64 ? rounded : 64);
    return RD_OK;
}

/* rd_reserve at most doubles. */
rd_status rd_machine_reserve(rd_machine *m, rd_pickle_value ***array, int64_t *capacity,
                             int64_t need) {
    if (need <= *capacity) return RD_OK;
    int64_t most = 2 * need + 8, had = *capacity;
    RD_TRY(rd_pickle_charge(m->pickle, (size_t)most * sizeof **array));
    rd_status status = rd_reserve((void *)array, capacity, need, sizeof **array);
    m->pickle->most += (size_t)(most - *capacity + had) * sizeof **array;
    return status;
}

rd_status rd_machine_push(rd_machine *m, rd_pickle_value *value) {
    RD_TRY(rd_machine_reserve(m, &m->stack, &m->stack_capacity, m->n_stack + 1));
    m->stack[m->n_stack++] = value;
    return RD_OK;
}

rd_status rd_machine_push_new(rd_machine *m, rd_pickle_value value) {
    rd_pickle_value *room;
    RD_TRY(rd_machine_allocate(m, 1, sizeof *room, &room));
    *room = value;
    return rd_machine_push(m, room);
}

int64_t rd_machine_bottom(const rd_machine *m) {
    return m->n_marks ? m->marks[m->n_marks - 1] : 0;
}

rd_status rd_machine_pop(rd_machine *m, rd_pickle_value **value) {
    *value = NULL;
    if (m->n_stack == rd_machine_bottom(m)) return rd_machine_malformed(m, "a value is missing");
    *value = m->stack[--m->n_stack];
    return RD_OK;
}

rd_status rd_machine_top(const rd_machine *m, rd_pickle_value **value) {
    *value = NULL;
    if (m->n_stack == rd_machine_bottom(m)) return rd_machine_malformed(m, "a value is missing");
    *value = m->stack[m->n_stack - 1];
    return RD_OK;
}

rd_status rd_machine_end_mark(rd_machine *m, int64_t *first) {
    *first = m->n_stack;
    if (m->n_marks == 0) return rd_machine_malformed(m, "a mark is missing");
    *first = m->marks[--m->n_marks];
    return RD_OK;
}

rd_status rd_machine_take(rd_machine *m, uint64_t n, const char **bytes) {
    *bytes = m->at;
    if (n > (uint64_t)(m->end - m->at)) return rd_machine_malformed(m, "it ends early");
    m->at += n;
    return RD_OK;
}

rd_status rd_machine_take_number(rd_machine *m, int width, uint64_t *value) {
    const char *bytes;
    *value = 0;
    RD_TRY(rd_machine_take(m, (uint64_t)width, &bytes));
    for (int i = width - 1; i >= 0; i--) *value = *value << 8 | (unsigned char)bytes[i];
    return RD_OK;
}

rd_status rd_machine_copy_text(rd_machine *m, const char *bytes, size_t n, char **copy) {
    RD_TRY(rd_machine_allocate(m, n + 1, 1, copy));
    memcpy(*copy, bytes, n);
    (*copy)[n] = '\0';
    return RD_OK;
}

rd_status rd_machine_fill(rd_machine *m, rd_pickle_value *value, int64_t first) {
    int64_t n = m->n_stack - first, need = value->n + n;
    if (need > value->capacity) {
        int64_t capacity = need > 2 * value->capacity ? need : 2 * value->capacity;
        rd_pickle_value **items;
        RD_TRY(rd_machine_allocate(m, (size_t)capacity, sizeof *items, &items));
        if (value->n > 0) memcpy(items, value->items, (size_t)value->n * sizeof *items);
        value->items = items;
        value->capacity = capacity;
    }
    if (n > 0 && value->items)
        memcpy(value->items + value->n, m->stack + first, (size_t)n * sizeof *m->stack);
    value->n = need;
    m->n_stack = first;
    return RD_OK;
}

rd_status rd_machine_gather(rd_machine *m, rd_pickle_kind kind, int64_t n) {
    rd_pickle_value *value;
    if (m->n_stack - n < rd_machine_bottom(m)) return rd_machine_malformed(m, "a value is missing");
    if (kind == RD_PICKLE_DICT && n % 2) return rd_machine_malformed(m, "a key without a value");
    RD_TRY(rd_machine_allocate(m, 1, sizeof *value, &value));
    *value = (rd_pickle_value){.kind = kind};
    RD_TRY(rd_machine_fill(m, value, m->n_stack - n));
    return rd_machine_push(m, value);
}
