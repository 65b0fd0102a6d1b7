#include "data/sentences.h"

#include <stdlib.h>

void rd_sentence_scratch_free(rd_sentence_scratch *s) {
    free(s->sentences[0].data);
    free(s->sentences[1].data);
    free(s->all.data);
    *s = (rd_sentence_scratch){0};
}

rd_status rd_sentences_read(const rd_sentence_reader *reader, const rd_field *first,
                            const rd_field *second, rd_sentence_scratch *s,
                            rd_sentence_tokens *tokens) {
    const rd_field *fields[] = {first, second};
    int32_t unk = rd_tokenizer_unk(reader->tokenizer);
    int64_t whole = rd_pair_special(&reader->form, second != NULL);
    for (int i = 0; i < 2 && fields[i]; i++) {
        s->sentences[i].length = 0;
        RD_TRY(rd_tokenizer_encode(reader->tokenizer, fields[i]->text, fields[i]->length,
                                   &s->sentences[i]));
        whole += s->sentences[i].length;
    }
    s->all.length = 0;
    *tokens = (rd_sentence_tokens){0};
    RD_TRY(rd_pair_append(&reader->form, &s->sentences[0], second ? &s->sentences[1] : NULL,
                          reader->longest, &s->all, &tokens->first));
    tokens->ids = s->all.data;
    tokens->n = s->all.length;
    tokens->cut = tokens->n < whole;
    for (int64_t i = 0; i < tokens->n; i++) tokens->unknown += tokens->ids[i] == unk;
    return RD_OK;
}
