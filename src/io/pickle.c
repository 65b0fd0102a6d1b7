#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "io/pickle_machine.h"

enum { NEWEST_PROTOCOL = 5 };

void rd_pickle_free(rd_pickle *pickle) {
    rd_arena_free(&pickle->arena);
    free(pickle->persistent);
}

/* The operations, each with an argument that its row of the table says. */

static rd_status push_none(rd_machine *m, int argument) {
    (void)argument;
    return rd_machine_push_new(m, (rd_pickle_value){.kind = RD_PICKLE_NONE});
}

static rd_status push_bool(rd_machine *m, int value) {
    return rd_machine_push_new(m, (rd_pickle_value){.kind = RD_PICKLE_BOOL, .integer = value});
}

/* One of 4 bytes has a sign. */
static rd_status push_int(rd_machine *m, int width) {
    uint64_t value;
    RD_TRY(rd_machine_take_number(m, width, &value));
    int64_t integer = width == 4 ? (int32_t)(uint32_t)value : (int64_t)value;
    return rd_machine_push_new(m, (rd_pickle_value){.kind = RD_PICKLE_INT, .integer = integer});
}

/* Two's complement, after the number of its bytes. */
static rd_status push_long(rd_machine *m, int width) {
    uint64_t n, value = 0;
    const char *bytes;
    char *copy;
    RD_TRY(rd_machine_take_number(m, width, &n));
    RD_TRY(rd_machine_take(m, n, &bytes));
    if (n <= 8) {
        if (n > 0 && bytes[n - 1] & 0x80) value = UINT64_MAX;
        for (uint64_t i = n; i-- > 0;) value = value << 8 | (unsigned char)bytes[i];
        return rd_machine_push_new(
            m, (rd_pickle_value){.kind = RD_PICKLE_INT, .integer = (int64_t)value});
    }
    RD_TRY(rd_machine_copy_text(m, bytes, (size_t)n, &copy));
    return rd_machine_push_new(
        m, (rd_pickle_value){.kind = RD_PICKLE_LONG, .n = (int64_t)n, .text = copy});
}

/* The highest byte first. */
static rd_status push_float(rd_machine *m, int argument) {
    const char *bytes;
    uint64_t bits = 0;
    double number;
    (void)argument;
    RD_TRY(rd_machine_take(m, 8, &bytes));
    for (int i = 0; i < 8; i++) bits = bits << 8 | (unsigned char)bytes[i];
    memcpy(&number, &bits, sizeof number);
    return rd_machine_push_new(m, (rd_pickle_value){.kind = RD_PICKLE_FLOAT, .number = number});
}

static rd_status push_string(rd_machine *m, rd_pickle_kind kind, int width) {
    uint64_t n;
    const char *bytes;
    char *copy;
    RD_TRY(rd_machine_take_number(m, width, &n));
    RD_TRY(rd_machine_take(m, n, &bytes));
    RD_TRY(rd_machine_copy_text(m, bytes, (size_t)n, &copy));
    return rd_machine_push_new(m, (rd_pickle_value){.kind = kind, .n = (int64_t)n, .text = copy});
}

static rd_status push_text(rd_machine *m, int width) {
    return push_string(m, RD_PICKLE_TEXT, width);
}

static rd_status push_bytes(rd_machine *m, int width) {
    return push_string(m, RD_PICKLE_BYTES, width);
}

static rd_status push_empty(rd_machine *m, int kind) {
    return rd_machine_push_new(m, (rd_pickle_value){.kind = (rd_pickle_kind)kind});
}

static rd_status push_mark(rd_machine *m, int argument) {
    (void)argument;
    if (m->n_marks == RD_PICKLE_DEPTH)
        return rd_error(RD_ERR_FORMAT, "%s: values more than %d deep", m->pickle->path,
                        RD_PICKLE_DEPTH);
    m->marks[m->n_marks++] = m->n_stack;
    return RD_OK;
}

static rd_status gather_tuple(rd_machine *m, int n) {
    return rd_machine_gather(m, RD_PICKLE_TUPLE, n);
}

static rd_status gather_marked(rd_machine *m, int kind) {
    int64_t first;
    RD_TRY(rd_machine_end_mark(m, &first));
    return rd_machine_gather(m, (rd_pickle_kind)kind, m->n_stack - first);
}

/* The values from stack[first] on go into the one below them. */
static rd_status add_items(rd_machine *m, int64_t first, bool keyed) {
    if (first <= rd_machine_bottom(m) || first > m->n_stack)
        return rd_machine_malformed(m, "a container is missing");
    rd_pickle_value *to = m->stack[first - 1];
    bool object = to->kind == RD_PICKLE_OBJECT && (to->n == 0 || to->object->keyed == keyed);
    if (!object && (keyed ? to->kind != RD_PICKLE_DICT
                          : to->kind != RD_PICKLE_LIST && to->kind != RD_PICKLE_SET))
        return rd_machine_malformed(m, "items of something that has none");
    if (keyed && (m->n_stack - first) % 2) return rd_machine_malformed(m, "a key without a value");
    if (object) to->object->keyed = keyed;
    return rd_machine_fill(m, to, first);
}

static rd_status append(rd_machine *m, int argument) {
    (void)argument;
    return add_items(m, m->n_stack - 1, false);
}

static rd_status set_item(rd_machine *m, int argument) {
    (void)argument;
    return add_items(m, m->n_stack - 2, true);
}

static rd_status add_marked(rd_machine *m, int keyed) {
    int64_t first;
    RD_TRY(rd_machine_end_mark(m, &first));
    return add_items(m, first, keyed != 0);
}

static rd_status drop(rd_machine *m, int argument) {
    rd_pickle_value *value;
    (void)argument;
    return rd_machine_pop(m, &value);
}

static rd_status drop_marked(rd_machine *m, int argument) {
    (void)argument;
    return rd_machine_end_mark(m, &m->n_stack);
}

static rd_status duplicate(rd_machine *m, int argument) {
    rd_pickle_value *value;
    (void)argument;
    RD_TRY(rd_machine_top(m, &value));
    return rd_machine_push(m, value);
}

static rd_status remember_as(rd_machine *m, uint64_t id) {
    rd_pickle_value *value;
    RD_TRY(rd_machine_top(m, &value));
    if (id >= INT32_MAX) return rd_machine_malformed(m, "an impossible number of a value");
    if ((int64_t)id >= m->n_memo) {
        int64_t n = (int64_t)id + 1;
        RD_TRY(rd_machine_reserve(m, &m->memo, &m->memo_capacity, n));
        memset(m->memo + m->n_memo, 0, (size_t)(n - m->n_memo) * sizeof *m->memo);
        m->n_memo = n;
    }
    m->memo[id] = value;
    return RD_OK;
}

static rd_status put(rd_machine *m, int width) {
    uint64_t id;
    RD_TRY(rd_machine_take_number(m, width, &id));
    return remember_as(m, id);
}

static rd_status memoize(rd_machine *m, int argument) {
    (void)argument;
    return remember_as(m, (uint64_t)m->n_memo);
}

static rd_status get(rd_machine *m, int width) {
    uint64_t id;
    RD_TRY(rd_machine_take_number(m, width, &id));
    if (id >= (uint64_t)m->n_memo || !m->memo[id])
        return rd_machine_malformed(m, "a value not yet there");
    return rd_machine_push(m, m->memo[id]);
}

static rd_status push_name(rd_machine *m, const char *module, size_t n_module, const char *name,
                           size_t n_name) {
    char *text;
    if (memchr(module, '\0', n_module) || memchr(name, '\0', n_name))
        return rd_machine_malformed(m, "a name with a NUL in it");
    RD_TRY(rd_machine_allocate(m, n_module + n_name + 2, 1, &text));
    memcpy(text, module, n_module);
    text[n_module] = '.';
    memcpy(text + n_module + 1, name, n_name);
    text[n_module + 1 + n_name] = '\0';
    if (!m->pickle->known(text)) {
        char shown[128];
        rd_escape(shown, sizeof shown, text);
        return rd_error(RD_ERR_UNSUPPORTED,
                        "%s: names %s, which is neither a tensor nor a setting; a file with such "
                        "objects is not read",
                        m->pickle->path, shown);
    }
    return rd_machine_push_new(m, (rd_pickle_value){.kind = RD_PICKLE_NAME, .text = text});
}

/* Two lines. */
static rd_status name_lines(rd_machine *m, int argument) {
    const char *parts[2];
    size_t sizes[2];
    (void)argument;
    for (int i = 0; i < 2; i++) {
        const char *end = memchr(m->at, '\n', (size_t)(m->end - m->at));
        if (!end) return rd_machine_malformed(m, "a name does not end");
        parts[i] = m->at;
        sizes[i] = (size_t)(end - m->at);
        m->at = end + 1;
    }
    return push_name(m, parts[0], sizes[0], parts[1], sizes[1]);
}

static rd_status name_texts(rd_machine *m, int argument) {
    rd_pickle_value *name, *module;
    (void)argument;
    RD_TRY(rd_machine_pop(m, &name));
    RD_TRY(rd_machine_pop(m, &module));
    if (name->kind != RD_PICKLE_TEXT || module->kind != RD_PICKLE_TEXT)
        return rd_machine_malformed(m, "a name that is no text");
    return push_name(m, module->text, (size_t)module->n, name->text, (size_t)name->n);
}

/* A call that is not made: an object instead. */
static rd_status call(rd_machine *m, int argument) {
    rd_pickle_value *arguments, *function;
    rd_pickle_object *object;
    (void)argument;
    RD_TRY(rd_machine_pop(m, &arguments));
    RD_TRY(rd_machine_pop(m, &function));
    if (function->kind != RD_PICKLE_NAME || arguments->kind != RD_PICKLE_TUPLE)
        return rd_machine_malformed(m, "a call of what is no function");
    RD_TRY(rd_machine_allocate(m, 1, sizeof *object, &object));
    *object = (rd_pickle_object){.name = function->text, .arguments = arguments};
    return rd_machine_push_new(m, (rd_pickle_value){.kind = RD_PICKLE_OBJECT, .object = object});
}

/* Attributes; those of a plain dict and the like are of no use to anyone. */
static rd_status build(rd_machine *m, int argument) {
    rd_pickle_value *state, *value;
    (void)argument;
    RD_TRY(rd_machine_pop(m, &state));
    RD_TRY(rd_machine_top(m, &value));
    if (value->kind == RD_PICKLE_OBJECT) value->object->state = state;
    return RD_OK;
}

static rd_status persistent(rd_machine *m, int argument) {
    rd_pickle *p = m->pickle;
    (void)argument;
    RD_TRY(rd_machine_gather(m, RD_PICKLE_PERSISTENT, 1));
    RD_TRY(rd_machine_reserve(m, &p->persistent, &p->persistent_capacity, p->n_persistent + 1));
    return rd_machine_top(m, &p->persistent[p->n_persistent++]);
}

static rd_status protocol(rd_machine *m, int argument) {
    uint64_t version;
    (void)argument;
    RD_TRY(rd_machine_take_number(m, 1, &version));
    if (version >= 2 && version <= NEWEST_PROTOCOL) return RD_OK;
    return rd_error(RD_ERR_UNSUPPORTED, "%s: a pickle of protocol %d, expected 2 to %d",
                    m->pickle->path, (int)version, NEWEST_PROTOCOL);
}

static rd_status frame(rd_machine *m, int width) {
    uint64_t size;
    return rd_machine_take_number(m, width, &size);
}

static rd_status stop(rd_machine *m, int argument) {
    (void)argument;
    m->stopped = true;
    return RD_OK;
}

static const struct {
    rd_status (*run)(rd_machine *m, int argument);
    int argument;
} operations[256] = {
    [0x80] = {protocol, 0},
    [0x95] = {frame, 8},
    ['.'] = {stop, 0},
    ['('] = {push_mark, 0},
    ['0'] = {drop, 0},
    ['1'] = {drop_marked, 0},
    ['2'] = {duplicate, 0},
    ['N'] = {push_none, 0},
    [0x88] = {push_bool, 1},
    [0x89] = {push_bool, 0},
    ['J'] = {push_int, 4},
    ['K'] = {push_int, 1},
    ['M'] = {push_int, 2},
    [0x8a] = {push_long, 1},
    [0x8b] = {push_long, 4},
    ['G'] = {push_float, 0},
    ['X'] = {push_text, 4},
    [0x8c] = {push_text, 1},
    [0x8d] = {push_text, 8},
    ['T'] = {push_text, 4}, /* Python 2's str, text and bytes at once */
    ['U'] = {push_text, 1},
    ['B'] = {push_bytes, 4},
    ['C'] = {push_bytes, 1},
    [0x8e] = {push_bytes, 8},
    [0x96] = {push_bytes, 8},
    [')'] = {push_empty, RD_PICKLE_TUPLE},
    [']'] = {push_empty, RD_PICKLE_LIST},
    ['}'] = {push_empty, RD_PICKLE_DICT},
    [0x8f] = {push_empty, RD_PICKLE_SET},
    [0x85] = {gather_tuple, 1},
    [0x86] = {gather_tuple, 2},
    [0x87] = {gather_tuple, 3},
    ['t'] = {gather_marked, RD_PICKLE_TUPLE},
    ['l'] = {gather_marked, RD_PICKLE_LIST},
    ['d'] = {gather_marked, RD_PICKLE_DICT},
    [0x91] = {gather_marked, RD_PICKLE_SET},
    ['a'] = {append, 0},
    ['e'] = {add_marked, 0},
    [0x90] = {add_marked, 0},
    ['s'] = {set_item, 0},
    ['u'] = {add_marked, 1},
    ['q'] = {put, 1},
    ['r'] = {put, 4},
    [0x94] = {memoize, 0},
    ['h'] = {get, 1},
    ['j'] = {get, 4},
    ['c'] = {name_lines, 0},
    [0x93] = {name_texts, 0},
    ['R'] = {call, 0},
    [0x81] = {call, 0}, /* of the way in which a class makes an object */
    ['b'] = {build, 0},
    ['Q'] = {persistent, 0},
};

static rd_status run(rd_machine *m, const rd_pickle_value **root) {
    rd_pickle_value *value;
    while (!m->stopped) {
        const char *op;
        RD_TRY(rd_machine_take(m, 1, &op));
        unsigned char code = (unsigned char)*op;
        if (!operations[code].run)
            return rd_error(RD_ERR_FORMAT,
                            "%s: not a pickle of protocols 2 to %d, or damaged (operation 0x%02x)",
                            m->pickle->path, NEWEST_PROTOCOL, code);
        RD_TRY(operations[code].run(m, operations[code].argument));
    }
    RD_TRY(rd_machine_pop(m, &value));
    *root = value;
    return RD_OK;
}

rd_status rd_pickle_read(rd_pickle *pickle, const char *bytes, size_t n, size_t *used,
                         const rd_pickle_value **root) {
    rd_machine m = {.pickle = pickle, .at = bytes, .end = bytes + n};
    rd_status status = run(&m, root);
    pickle->most += (size_t)(m.stack_capacity + m.memo_capacity) * sizeof *m.stack;
    free(m.stack);
    free(m.memo);
    *used = (size_t)(m.at - bytes);
    return status;
}
