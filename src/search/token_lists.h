/* Lists of token ids written as text, as search options have them. */
#ifndef RD_SEARCH_TOKEN_LISTS_H
#define RD_SEARCH_TOKEN_LISTS_H

#include <stdint.h>

#include "base/error.h"

typedef struct {
    int32_t *tokens; /* [n] */
    int64_t n;
} rd_token_list;

/* Sequences of one token or more, each with a number. */
typedef struct {
    int32_t *tokens; /* of all sequences, end to end */
    int64_t n_tokens;
    int64_t *ends; /* [n] where each ends among them */
    float *biases; /* [n] */
    int64_t n;
} rd_sequence_list;

/* "5 6 7", blanks or commas between; NULL and "": none. tokens is malloc'ed. RD_ERR_ARGUMENT names
 * the option. */
rd_status rd_token_list_parse(rd_token_list *list, const char *option, const char *text);

/* "5 6: -2.5, 7: -inf", of the option sequence-bias. */
rd_status rd_sequence_list_parse(rd_sequence_list *list, const char *text);
void rd_sequence_list_free(rd_sequence_list *list);

#endif
