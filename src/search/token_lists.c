#include "search/token_lists.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/c_locale.h"
#include "base/memory.h"

static const char BLANKS[] = " \t";

static rd_status refuse(const char *option, const char *at, const char *expected) {
    return rd_error(RD_ERR_ARGUMENT, "%s: '%.40s' is not %s", option, at, expected);
}

/* The id at *at, which moves on after it. */
static rd_status read_id(const char *option, const char **at, int32_t *id) {
    char *end;
    errno = 0;
    long value = strtol(*at, &end, 10);
    if (end == *at || errno || value < 0 || value > INT32_MAX || (*end && !strchr(" \t,:", *end)))
        return refuse(option, *at, "a token's id");
    *id = (int32_t)value;
    *at = end;
    return RD_OK;
}

rd_status rd_token_list_parse(rd_token_list *list, const char *option, const char *text) {
    int64_t capacity = 0;
    *list = (rd_token_list){0};
    rd_status status = RD_OK;
    for (const char *at = text ? text + strspn(text, " \t,") : ""; status == RD_OK && *at;
         at += strspn(at, " \t,")) {
        status = rd_reserve(&list->tokens, &capacity, list->n + 1, sizeof *list->tokens);
        if (status == RD_OK) status = read_id(option, &at, &list->tokens[list->n]);
        list->n++;
    }
    if (status == RD_OK) return RD_OK;
    free(list->tokens);
    *list = (rd_token_list){0};
    return status;
}

void rd_sequence_list_free(rd_sequence_list *list) {
    free(list->tokens);
    free(list->ends);
    free(list->biases);
    *list = (rd_sequence_list){0};
}

typedef struct {
    int64_t tokens, ends, biases;
} capacities;

/* One sequence with its number, and the comma after it. */
static rd_status read_sequence(rd_sequence_list *list, capacities *room, const char **at) {
    static const char option[] = "sequence-bias";
    int64_t first = list->n_tokens;
    for (; **at && **at != ':'; *at += strspn(*at, BLANKS)) {
        RD_TRY(rd_reserve(&list->tokens, &room->tokens, list->n_tokens + 1, sizeof *list->tokens));
        RD_TRY(read_id(option, at, &list->tokens[list->n_tokens++]));
    }
    if (**at != ':' || list->n_tokens == first) return refuse(option, *at, "IDS: NUMBER");
    char *end;
    float bias = (float)rd_strtod(*at + 1, &end);
    if (end == *at + 1 || isnan(bias) || bias == INFINITY) return refuse(option, *at, "': NUMBER'");
    end += strspn(end, BLANKS);
    if (*end && *end != ',') return refuse(option, end, "a comma");
    *at = end + (*end == ',');
    *at += strspn(*at, BLANKS);
    RD_TRY(rd_reserve(&list->ends, &room->ends, list->n + 1, sizeof *list->ends));
    RD_TRY(rd_reserve(&list->biases, &room->biases, list->n + 1, sizeof *list->biases));
    list->ends[list->n] = list->n_tokens;
    list->biases[list->n++] = bias;
    return RD_OK;
}

rd_status rd_sequence_list_parse(rd_sequence_list *list, const char *text) {
    capacities room = {0};
    *list = (rd_sequence_list){0};
    rd_status status = RD_OK;
    for (const char *at = text ? text + strspn(text, BLANKS) : ""; status == RD_OK && *at;)
        status = read_sequence(list, &room, &at);
    if (status != RD_OK) rd_sequence_list_free(list);
    return status;
}
