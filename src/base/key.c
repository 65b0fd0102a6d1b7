/* Text to values of a key table, and back. */
#include "base/key.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"

static rd_status bad_value(const rd_key *key, const char *text, const char *expected) {
    return rd_error(RD_ERR_FORMAT, "%s is '%.60s'; expected %s", key->name, text, expected);
}

static rd_status out_of_range(const rd_key *key, const char *text) {
    return rd_error(RD_ERR_FORMAT, "%s is %.60s; expected %.9g to %.9g", key->name, text, key->low,
                    key->high);
}

static rd_status parse_integer(const rd_key *key, const char *text, int64_t *value) {
    char *end;
    errno = 0;
    long long parsed = strtoll(text, &end, 10);
    bool digits = isdigit((unsigned char)text[*text == '-' || *text == '+']);
    if (!digits || *end) return bad_value(key, text, "a whole number");
    if (errno == ERANGE || (double)parsed < key->low || (double)parsed > key->high)
        return out_of_range(key, text);
    *value = parsed;
    return RD_OK;
}

static rd_status parse_real(const rd_key *key, const char *text, double *value) {
    if (!rd_parse_number(text, value)) return bad_value(key, text, "a number");
    double low = key->low, high = key->high;
    if (key->type == RD_KEY_FLOAT) /* so that a bound survives being saved as a float */
        *value = (float)*value, low = (float)low, high = (float)high;
    return *value < low || *value > high ? out_of_range(key, text) : RD_OK;
}

static rd_status parse_unsigned(const rd_key *key, const char *text, uint64_t *value) {
    char *end;
    errno = 0;
    unsigned long long parsed = strtoull(text, &end, 10);
    if (!isdigit((unsigned char)*text) || *end || errno == ERANGE)
        return bad_value(key, text, "a whole number from 0 to 18446744073709551615");
    *value = parsed;
    return RD_OK;
}

static rd_status parse_bool(const rd_key *key, const char *text, bool *value) {
    if (strcmp(text, "true") == 0)
        *value = true;
    else if (strcmp(text, "false") == 0)
        *value = false;
    else
        return bad_value(key, text, "true or false");
    return RD_OK;
}

/* "[a, b]" or "(a, b)" */
static rd_status parse_pair(const rd_key *key, const char *text, double pair[2]) {
    char first[32], second[32], close = 0, beyond;
    double values[2];
    int n = sscanf(text, " %*1[[(] %31[0-9.eE+-] , %31[0-9.eE+-] %c %c", first, second, &close,
                   &beyond);
    if (n != 3 || (close != ']' && close != ')') || !rd_parse_number(first, &values[0]) ||
        !rd_parse_number(second, &values[1]))
        return bad_value(key, text, "two numbers, [a, b]");
    for (int i = 0; i < 2; i++)
        if (values[i] < key->low || values[i] > key->high) return out_of_range(key, text);
    memcpy(pair, values, sizeof values);
    return RD_OK;
}

/* "1,2,3", perhaps in brackets; "" for none. */
static rd_status parse_ints(const rd_key *key, const char *text, int32_t *field) {
    int32_t values[RD_MOST_INTS], n = 0;
    const char *at = text + strspn(text, " [(");
    while (*at && !strchr(")]", *at)) {
        char *end;
        errno = 0;
        long value = strtol(at, &end, 10);
        if (end == at || errno || n == RD_MOST_INTS || (n > 0 && value <= values[n - 1]))
            return bad_value(key, text, "up to 8 ascending whole numbers, with commas between");
        if ((double)value < key->low || (double)value > key->high) return out_of_range(key, text);
        values[n++] = (int32_t)value;
        at = end + strspn(end, " ,");
    }
    at += strspn(at, " ])");
    if (*at) return bad_value(key, text, "ascending whole numbers, with commas between");
    field[0] = n;
    if (n > 0) memcpy(field + 1, values, sizeof *values * (size_t)n);
    return RD_OK;
}

/* The index of `text` among the allowed names. */
static rd_status parse_choice(const rd_key *key, const char *text, int *index) {
    for (*index = 0; key->names[*index]; ++*index)
        if (strcmp(text, key->names[*index]) == 0) return RD_OK;
    char expected[256] = "one of";
    for (int i = 0; key->names[i]; i++) {
        size_t used = strlen(expected);
        snprintf(expected + used, sizeof expected - used, "%s %s", i ? "," : "", key->names[i]);
    }
    return bad_value(key, text, expected);
}

static rd_status set_string(const rd_key *key, const char *text, char **value) {
    int index;
    if (key->names) RD_TRY(parse_choice(key, text, &index));
    uint32_t c = 0;
    for (size_t at = 0, n = strlen(text), length; at < n; at += length) {
        length = rd_utf8_character(text + at, n - at, &c);
        if (length == 0 || rd_is_control(c))
            return bad_value(key, "...", "text in UTF-8 without control characters");
    }
    bool none = !*text && !key->default_value; /* as it is before it is set */
    char *copy = none ? NULL : rd_strdup(text);
    if (!copy && !none) return RD_ERR_MEMORY;
    free(*value);
    *value = copy;
    return RD_OK;
}

rd_status rd_key_set(void *object, const rd_key *key, const char *text) {
    void *field = (char *)object + key->offset;
    int64_t integer = 0;
    double real = 0;
    int index = 0;
    switch (key->type) {
    case RD_KEY_STRING:
        return set_string(key, text, field);
    case RD_KEY_WORD:
        if (key->names) RD_TRY(parse_choice(key, text, &index));
        *(const char **)field = text;
        return RD_OK;
    case RD_KEY_BOOL:
        return parse_bool(key, text, field);
    case RD_KEY_INT32:
        RD_TRY(parse_integer(key, text, &integer));
        *(int32_t *)field = (int32_t)integer;
        return RD_OK;
    case RD_KEY_INT64:
        return parse_integer(key, text, field);
    case RD_KEY_UINT64:
        return parse_unsigned(key, text, field);
    case RD_KEY_FLOAT:
        RD_TRY(parse_real(key, text, &real));
        *(float *)field = (float)real;
        return RD_OK;
    case RD_KEY_DOUBLE:
        return parse_real(key, text, field);
    case RD_KEY_ENUM:
        RD_TRY(parse_choice(key, text, &index));
        memcpy(field, &index, sizeof index); /* enums of a table are int-sized */
        return RD_OK;
    case RD_KEY_PAIR:
        return parse_pair(key, text, field);
    case RD_KEY_INTS:
        return parse_ints(key, text, field);
    case RD_KEY_LIST:
    case RD_KEY_WORDS:
    case RD_KEY_CONSTANT:
        break;
    }
    return rd_error(RD_ERR_ARGUMENT, "%s: not a key with one value", key->name);
}

rd_status rd_key_set_defaults(void *object, const rd_key *keys) {
    for (const rd_key *key = keys; key->name; key++)
        if (key->default_value) RD_TRY(rd_key_set(object, key, key->default_value));
    return RD_OK;
}

/* 0 passes, and NaN does not. */
static rd_status check_real(const rd_key *key, double value, double low, double high) {
    if (value == 0.0 || (value >= low && value <= high)) return RD_OK;
    return rd_error(RD_ERR_ARGUMENT, "%s is %g; expected %g to %g", key->name, value, key->low,
                    key->high);
}

rd_status rd_key_check(const void *object, const rd_key *key) {
    const void *field = (const char *)object + key->offset;
    if (key->type == RD_KEY_FLOAT) /* 0.99 as a float is above 0.99, 1e-6 below 1e-6 */
        return check_real(key, (double)*(const float *)field, (double)(float)key->low,
                          (double)(float)key->high);
    if (key->type == RD_KEY_PAIR) {
        RD_TRY(check_real(key, ((const double *)field)[0], key->low, key->high));
        return check_real(key, ((const double *)field)[1], key->low, key->high);
    }
    if (key->type == RD_KEY_INT32 || key->type == RD_KEY_INTS) {
        int32_t value;
        memcpy(&value, field, sizeof value);
        double low = key->type == RD_KEY_INTS ? 0 : key->low;
        double high = key->type == RD_KEY_INTS ? RD_MOST_INTS : key->high;
        if (value != 0 && (value < low || value > high))
            return rd_error(RD_ERR_ARGUMENT, "%s%s is %d; expected %g to %g", key->name,
                            key->type == RD_KEY_INTS ? "'s length" : "", (int)value, low, high);
    }
    if (key->type != RD_KEY_ENUM) return RD_OK;
    int index, n = 0;
    memcpy(&index, field, sizeof index);
    while (key->names[n]) n++;
    if (index >= 0 && index < n) return RD_OK;
    return rd_error(RD_ERR_ARGUMENT, "%s is %d; expected 0 (%s) to %d (%s)", key->name, index,
                    key->names[0], n - 1, key->names[n - 1]);
}

static rd_status append_pair(const double pair[2], rd_text *out) {
    char first[32], second[32];
    rd_shortest_double(pair[0], first);
    rd_shortest_double(pair[1], second);
    return rd_text_printf(out, "[%s, %s]", first, second);
}

static rd_status append_ints(const int32_t *field, rd_text *out) {
    RD_TRY(rd_text_put(out, ""));
    for (int32_t i = 0; i < field[0]; i++)
        RD_TRY(rd_text_printf(out, "%s%" PRId32, i ? "," : "", field[1 + i]));
    return RD_OK;
}

rd_status rd_key_value(const void *object, const rd_key *key, rd_text *out) {
    const void *field = (const char *)object + key->offset;
    const char *string;
    char number[32];
    int index;
    switch (key->type) {
    case RD_KEY_STRING:
    case RD_KEY_WORD:
        string = *(char *const *)field;
        return rd_text_put(out, string ? string : "");
    case RD_KEY_BOOL:
        return rd_text_put(out, *(const bool *)field ? "true" : "false");
    case RD_KEY_INT32:
        return rd_text_printf(out, "%" PRId32, *(const int32_t *)field);
    case RD_KEY_INT64:
        return rd_text_printf(out, "%" PRId64, *(const int64_t *)field);
    case RD_KEY_UINT64:
        return rd_text_printf(out, "%" PRIu64, *(const uint64_t *)field);
    case RD_KEY_FLOAT:
        rd_shortest_float(*(const float *)field, number);
        return rd_text_put(out, number);
    case RD_KEY_DOUBLE:
        rd_shortest_double(*(const double *)field, number);
        return rd_text_put(out, number);
    case RD_KEY_ENUM:
        memcpy(&index, field, sizeof index);
        return rd_text_put(out, key->names[index]);
    case RD_KEY_INTS:
        return append_ints(field, out);
    case RD_KEY_PAIR:
        return append_pair(field, out);
    case RD_KEY_LIST:
    case RD_KEY_WORDS:
    case RD_KEY_CONSTANT:
        break;
    }
    return rd_error(RD_ERR_ARGUMENT, "%s: not a key with one value", key->name);
}

/* A double-quoted YAML scalar: the only characters to escape are the quote and the backslash,
 * control characters being refused on the way in. */
static rd_status append_quoted(rd_text *out, const char *value) {
    RD_TRY(rd_text_append(out, "\"", 1));
    for (size_t n; *value; value += n) {
        n = strcspn(value, "\"\\");
        RD_TRY(rd_text_append(out, value, n));
        if (!value[n]) break;
        RD_TRY(rd_text_append(out, "\\", 1));
        RD_TRY(rd_text_append(out, value + n++, 1));
    }
    return rd_text_append(out, "\"", 1);
}

rd_status rd_key_format(const void *object, const rd_key *key, rd_text *out) {
    if (key->type != RD_KEY_STRING && key->type != RD_KEY_WORD && key->type != RD_KEY_INTS)
        return rd_key_value(object, key, out);
    rd_text value = {0};
    rd_status status = rd_key_value(object, key, &value);
    if (status == RD_OK) status = append_quoted(out, value.data);
    rd_text_free(&value);
    return status;
}

rd_status rd_key_copy(void *to, const void *from, const rd_key *key) {
    rd_text value = {0};
    rd_status status = rd_key_value(from, key, &value);
    if (status == RD_OK) status = rd_key_set(to, key, value.data);
    rd_text_free(&value);
    return status;
}

const char *rd_key_type_name(const rd_key *key) {
    static const char *const names[] = {
        [RD_KEY_STRING] = "text",   [RD_KEY_WORD] = "text",     [RD_KEY_BOOL] = "bool",
        [RD_KEY_INT32] = "integer", [RD_KEY_INT64] = "integer", [RD_KEY_UINT64] = "integer",
        [RD_KEY_FLOAT] = "number",  [RD_KEY_DOUBLE] = "number", [RD_KEY_ENUM] = "name",
        [RD_KEY_PAIR] = "pair",     [RD_KEY_INTS] = "integers", [RD_KEY_LIST] = "texts",
        [RD_KEY_WORDS] = "texts",   [RD_KEY_CONSTANT] = "flag"};
    return names[key->type];
}
