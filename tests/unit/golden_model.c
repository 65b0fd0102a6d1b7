#include "golden_model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "model/network.h"

void golden_check_tokens(const rd_tokenizer *tokenizer, const json_t *sentence, bool bos) {
    const char *text = json_string_value(json_object_get(sentence, "text"));
    int64_t n;
    int32_t *wanted = golden_integers(sentence, "source", &n);
    rd_ids ids = {0};
    must(rd_tokenizer_encode(tokenizer, text, strlen(text), &ids));
    assert_int_equal(ids.length, n - 1 - bos);
    assert_memory_equal(ids.data, wanted + bos, sizeof(int32_t) * (size_t)ids.length);
    free(ids.data);
    free(wanted);
}

float *golden_logits(const rd_model *model, const json_t *sentence, const json_t *target_of,
                     int64_t *n_target, int32_t **target) {
    int64_t n_source;
    int32_t *source = golden_integers(sentence, "source", &n_source);
    *target = golden_integers(target_of, "target", n_target);
    rd_batch batch = {0};
    rd_arena arena = {0};
    must(rd_batch_add(&batch, 0, source, (int32_t)n_source, *target, (int32_t)*n_target));
    size_t n = (size_t)(*n_target * rd_model_get_config(model)->tgt_vocab);
    float *logits = malloc(sizeof *logits * n);
    assert_non_null(logits);
    must(rd_network_logits(model, &arena, &batch, logits));
    rd_arena_free(&arena);
    rd_batch_free(&batch);
    free(source);
    return logits;
}
